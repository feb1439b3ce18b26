#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include <stemfuse/simulate/catalogue.hpp>

#include "map_statistics.hpp"
#include "specimen_checks.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

double correlation_of(const xt::xtensor<double, 2>& a, const xt::xtensor<double, 2>& b) {
    const double ma = xt::mean(a)(), mb = xt::mean(b)();
    return xt::mean((a - ma) * (b - mb))() / std::sqrt(xt::mean(xt::square(a - ma))() * xt::mean(xt::square(b - mb))());
}

}  // namespace

TEST_CASE("hard specimens are of any size, the same twice, and alike in float and double") {
    for (const char* name :
         {"graded-interface", "segregated-boundaries", "spinodal-alloy", "empty-columns", "amorphous-wedge",
          "hidden-clusters", "diffracting-grains", "stacking-fault", "exchanged-discs", "exchanged-columns"}) {
        CAPTURE(std::string(name));
        specimen_checks::any_size(
            [&]<class T>(T, std::size_t ny, std::size_t nx) { return specimen_by_name<T>(name).make(ny, nx); });
    }
}

TEST_CASE("features lie inside, say what the truth holds there, and what it would hold without them") {
    for (const char* name : {"segregated-boundaries", "empty-columns", "hidden-clusters", "exchanged-discs"}) {
        CAPTURE(std::string(name));
        const auto s = specimen_by_name(name).make(96, 80);
        REQUIRE(s.features.size() >= 2);
        for (const auto& f : s.features) {
            CHECK((f.y >= f.radius && f.y <= 96 - f.radius && f.x >= f.radius && f.x <= 80 - f.radius));
            CHECK(std::abs(mean_in(xt::xtensor<double, 2>(xt::view(s.truth, f.element)), f) - f.amount) <= 1e-12);
            CHECK(std::abs(f.usual - f.amount) > 0.05);
        }
    }
    for (const auto& f : specimen_by_name("empty-columns").make(128, 128).features) CHECK(f.amount < 0.2 * f.usual);
    for (const auto& f : specimen_by_name("exchanged-discs").make(128, 128).features) CHECK(f.amount < 1e-4);
}

TEST_CASE("the image does not see spinodal order, and sees the graded interface") {
    const auto hidden = specimen_by_name("spinodal-alloy").make(96, 96);
    const xt::xtensor<double, 2> share =
        xt::view(hidden.truth, 0) / (xt::view(hidden.truth, 0) + xt::view(hidden.truth, 1));
    CHECK(std::abs(correlation_of(share, hidden.haadf)) < 0.2);
    CHECK(xt::amax(share)() - xt::amin(share)() > 0.6);
    const auto seen = specimen_by_name("graded-interface").make(96, 96);
    CHECK(correlation_of(xt::view(seen.truth, 0), seen.haadf) > 0.9);
}

TEST_CASE("a delocalised map is the truth under a Gaussian; hot pixels and dead rows are as many as asked for") {
    const auto s = specimen_by_name("graded-interface").make(64, 64);
    acquisition_options soft{.dose = 1e5, .background = 0, .delocalisation = 2};
    const auto a = acquire(s, soft);
    const auto expected = gaussian_filter(as_view(s.truth), 2);
    for (std::size_t k = 0; k < expected.size(); ++k) {
        const double mean = 1e5 * expected.data()[k];
        REQUIRE(std::abs(a.maps.data()[k] - mean) <= 7 * std::sqrt(mean) + 7);
    }
    const acquisition_options usual{.dose = 5},
        faulty{.dose = 5, .hot_pixels = 0.01, .hot_counts = 90, .dead_rows = 0.1};
    const auto good = acquire(s, usual), bad = acquire(s, faulty);
    std::size_t hot = 0, dead = 0;
    for (std::size_t y = 0; y < 64; ++y) {
        bool empty = true;
        for (std::size_t x = 0; x < 64; ++x) {
            for (std::size_t i = 0; i < 3; ++i) {
                if (bad.maps(i, y, x) > 0) empty = false;
                if (bad.maps(i, y, x) == good.maps(i, y, x) + 90) ++hot;
            }
        }
        if (empty) ++dead;
    }
    CHECK((hot > 60 && hot < 180));  // 3 x 64 x 64 x 0.01 = 123
    CHECK((dead >= 1 && dead <= 14));
}
