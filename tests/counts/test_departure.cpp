#include <doctest/doctest.h>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/departure.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

xt::xtensor<double, 3> truth() {
    xt::xtensor<double, 3> map({1, 72, 80});
    for (std::size_t y = 0; y < 72; ++y) {
        for (std::size_t x = 0; x < 80; ++x)
            map(0, y, x) = 5 + 4 * std::sin(0.1 * double(y)) * std::cos(0.08 * double(x));
    }
    return map;
}

xt::xtensor<double, 3> measured(std::uint64_t seed) {
    xt::xtensor<double, 3> map = truth();
    for (std::size_t k = 0; k < map.size(); ++k)
        map.data()[k] = random_stream(seed, stream_of("departure"), 0, k).poisson(map.data()[k]);
    return map;
}

map_departure departure_of(const xt::xtensor<double, 3>& fused, const xt::xtensor<double, 3>& raw) {
    return find_departures<double>(as_view(fused), as_view(raw)).front();
}

}  // namespace

TEST_CASE("the truth does not depart from what is measured of it") {
    for (std::uint64_t seed = 1; seed < 9; ++seed) {
        const auto found = departure_of(truth(), measured(seed));
        CHECK_FALSE(found.departs());
        CHECK(describe(found, "Zn").empty());
        CHECK(std::abs(found.fused_mean - found.raw_mean) < 5 * found.standard_error);
    }
}

TEST_CASE("a mean that has risen, and an element that was invented, are said with place and numbers") {
    const auto raw = measured(3);
    const auto risen = departure_of(1.87 * truth(), raw);
    CHECK(risen.departs());
    CHECK(describe(risen, "Zn")
              .find("Zn: the fused map departs from the raw one by more than noise allows: its mean is 18") == 0);
    auto invented = truth();
    for (std::size_t y = 40; y < 60; ++y) {
        for (std::size_t x = 10; x < 30; ++x) invented(0, y, x) += 6;
    }
    const auto found = departure_of(invented, raw);
    CHECK(found.departs());
    CHECK((found.y > 42 && found.y < 58 && found.x > 12 && found.x < 28));
    CHECK(found.fused > found.raw + 3);
    CHECK((found.area > 0.04 && found.area < 0.2));
}
