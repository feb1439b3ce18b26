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

map_departure departure_of(const xt::xtensor<double, 3>& fused, const xt::xtensor<double, 3>& raw,
                           const departure_options& options = {}) {
    return find_departures<double>(as_view(fused), as_view(raw), options).front();
}

// The truth with matter on 20 x 20 pixels that nothing measured.
xt::xtensor<double, 3> invented() {
    auto map = truth();
    for (std::size_t y = 40; y < 60; ++y) {
        for (std::size_t x = 10; x < 30; ++x) map(0, y, x) += 6;
    }
    return map;
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
    const auto found = departure_of(invented(), raw);
    CHECK(found.departs());
    CHECK((found.y > 42 && found.y < 58 && found.x > 12 && found.x < 28));
    CHECK(found.fused > found.raw + 3);
    CHECK((found.area > 0.02 && found.area < 0.2 && found.area_above == found.area));
}

TEST_CASE("of a recipe that keeps no scale the shape alone is judged, after the best factor and offset") {
    const departure_options rescaled{.rescaled = true, .max_offset = 1.5};
    const auto raw = measured(3);
    const xt::xtensor<double, 3> scaled = 0.4 * (truth() - 1.0);
    CHECK(departure_of(scaled, raw).departs());
    const auto found = departure_of(scaled, raw, rescaled);
    CHECK_FALSE(found.departs());
    CHECK(found.factor == doctest::Approx(2.5).epsilon(0.03));
    CHECK(found.offset == doctest::Approx(1).epsilon(0.1));
    CHECK(found.fused_mean / found.raw_mean == doctest::Approx(0.32).epsilon(0.03));
    const auto also = departure_of(0.4 * invented(), raw, rescaled);
    CHECK(also.departs());
    CHECK((also.y > 42 && also.y < 58 && also.x > 12 && also.x < 28));
    CHECK(describe(also, "Cu").find("whatever its scale: its mean is 4") != std::string::npos);
    // A map of nothing has no factor that helps; without an offset there is nothing to compare with.
    const auto nothing = departure_of(0.0 * truth(), raw, rescaled);
    CHECK((nothing.departs() && nothing.factor == 0 && nothing.offset == 1.5));
}

TEST_CASE("noise alone exceeds the threshold as often as stated, where nothing is tolerated") {
    const departure_options strict{.window = 3, .tolerance = 1e-9, .false_alarms = 0.1};
    int alarms = 0;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) alarms += departure_of(truth(), measured(seed), strict).area > 0;
    CAPTURE(alarms);
    // 20 expected, 4.2 their standard deviation.
    CHECK((alarms >= 8 && alarms <= 33));
}
