#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/simulate/segregated_alloy.hpp>

#include "checksum.hpp"
#include "map_statistics.hpp"
#include "support.hpp"

using namespace stemfuse;

TEST_CASE("the alloy's elements share out its thickness, Hf as a trace") {
    const auto s = segregated_alloy({.ny = 120, .nx = 140});
    CHECK(s.elements == std::vector<std::string>{"Ni", "Cr", "Co", "Al", "Hf"});
    for (std::size_t y = 0; y < 120; ++y) {
        for (std::size_t x = 0; x < 140; ++x) {
            double sum = 0;
            for (std::size_t i = 0; i < 5; ++i) sum += s.truth(i, y, x);
            const double row = static_cast<double>(y) / 120, column = static_cast<double>(x) / 140;
            REQUIRE(std::abs(sum - (0.45 + 0.55 * (row + column) / 2)) <= 5 * 0x1p-17);
        }
    }
    const double trace = map_statistics::mean(s.truth, 4) / 0.725;
    CHECK((trace > 0.005 && trace < 0.015));
    CHECK(map_statistics::correlation(s.truth, 1, 2) > 0.6);   // both in the matrix
    CHECK(map_statistics::correlation(s.truth, 1, 3) < -0.6);  // Al in the cuboids
}

TEST_CASE("Hf lies in one line of the boundary's width, in excess of a tenth of the atoms") {
    constexpr double width = 4;
    const auto s = segregated_alloy({.ny = 90, .nx = 100, .boundary_width = width});
    double middle = 0;
    for (std::size_t y = 0; y < 90; ++y) {
        std::size_t peak = 0;
        for (std::size_t x = 0; x < 100; ++x) peak = s.truth(4, y, x) > s.truth(4, y, peak) ? x : peak;
        middle += static_cast<double>(peak) / 90;
        // Its integral over the line is 0.1 of the thickness times 1.0645 of the full width at half maximum.
        double sum = 0;
        for (std::size_t x = peak - 8; x <= peak + 8; ++x) {
            const double row = static_cast<double>(y) / 90, column = static_cast<double>(x) / 100;
            sum += s.truth(4, y, x) / (0.45 + 0.55 * (row + column) / 2);
        }
        REQUIRE((sum > 0.1 * 1.0645 * width && sum < 0.1 * 1.0645 * width + 17 * 0.0101));
    }
    CHECK(std::abs(middle - 50) < 9);
}

TEST_CASE("one grain is brighter at equal composition") {
    const segregated_alloy_options plain{.ny = 60, .nx = 90, .channelling = 0};
    auto bright = plain;
    bright.channelling = 0.25;
    const auto s = segregated_alloy(plain), t = segregated_alloy(bright);
    CHECK(s.truth == t.truth);
    for (std::size_t y = 0; y < 60; ++y) {
        const double left = s.haadf(y, 5) / t.haadf(y, 5), right = s.haadf(y, 85) / t.haadf(y, 85);
        REQUIRE(std::abs(left / right - 1.25) < 1e-3);
    }
}

TEST_CASE("the alloy is the same in float and with every compiler") {
    const auto s = segregated_alloy({.ny = 96, .nx = 80});
    const auto single = segregated_alloy<float>({.ny = 96, .nx = 80});
    CHECK(single.truth == s.truth);
    CHECK(single.haadf == s.haadf);
    CHECK(checksum(s.truth) == 0x26da607917641804);
    CHECK(checksum(s.haadf) == 0x0f72df91d9a4ae56);
    for (const double v : s.truth) REQUIRE((v >= 0 && v <= 1));
    CHECK(segregated_alloy({.ny = 96, .nx = 80, .seed = 2}).truth != s.truth);
    CHECK(segregated_alloy({.ny = 1, .nx = 1}).truth.size() == 5);
}

TEST_CASE("options of the alloy out of range are refused by name") {
    support::check_throws<value_error>([] { segregated_alloy({.ny = 70000}); }, "ny: is 70000", "[1, 65536]");
    support::check_throws<value_error>([] { segregated_alloy({.boundary_width = 0}); }, "boundary_width: is 0",
                                       "[0.5, 100]");
    support::check_throws<value_error>([] { segregated_alloy({.precipitate_pitch = 1}); }, "precipitate_pitch: is 1",
                                       "[8, 1000]");
    support::check_throws<value_error>([] { segregated_alloy({.channelling = 1}); }, "channelling: is 1",
                                       "[-0.5, 0.5]");
}
