#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <stemfuse/simulate/multilayer.hpp>

#include "checksum.hpp"
#include "map_statistics.hpp"
#include "support.hpp"

using namespace stemfuse;

TEST_CASE("the multilayer has the means and correlations of the study's") {
    // Of its generator at 128 x 128: mean and standard deviation over eight of its seeds.
    constexpr double means[][2] = {{0.3895, 0.0043}, {0.3233, 0.0032}, {0.1905, 0.0042}};
    constexpr double correlations[][2] = {{0.9636, 0.0005}, {-0.4657, 0.0042}, {-0.4230, 0.0036}};
    for (const std::uint64_t seed : {1u, 2u}) {
        CAPTURE(seed);
        const auto s = multilayer({.ny = 128, .nx = 128, .seed = seed});
        CHECK(s.elements == std::vector<std::string>{"Sr", "Ti", "La"});
        for (std::size_t i = 0; i < 3; ++i) {
            CAPTURE(i);
            CHECK(std::abs(map_statistics::mean(s.truth, i) - means[i][0]) < 4 * means[i][1]);
        }
        CHECK(std::abs(map_statistics::correlation(s.truth, 0, 1) - correlations[0][0]) < 4 * correlations[0][1]);
        CHECK(std::abs(map_statistics::correlation(s.truth, 0, 2) - correlations[1][0]) < 4 * correlations[1][1]);
        CHECK(std::abs(map_statistics::correlation(s.truth, 1, 2) - correlations[2][0]) < 4 * correlations[2][1]);
    }
}

TEST_CASE("flat interfaces lie where they should, and the wedge rises to the right") {
    const auto s = multilayer({.ny = 200, .nx = 300, .roughness = 0});
    const auto at = [&](std::size_t y, std::size_t x) {
        return std::vector<double>{s.truth(0, y, x), s.truth(1, y, x), s.truth(2, y, x)};
    };
    const double thickness = to_16_bits(0.55 + 0.45 * 0.5);
    CHECK(at(27, 150) == std::vector<double>{0, 0, 0});
    CHECK(at(29, 150) == std::vector<double>{thickness, to_16_bits(0.9 * 0.775), 0});
    CHECK(at(61, 150) == std::vector<double>{0, to_16_bits(0.1 * 0.775), thickness});
    CHECK(at(177, 150) == std::vector<double>{0, 0, 0});
    for (std::size_t x = 1; x < 300; ++x) REQUIRE(s.truth(0, 40, x) > s.truth(0, 40, x - 1));
    // Interfaces spread by their roughness.
    const auto rough = multilayer({.ny = 200, .nx = 3000, .roughness = 2});
    double sum = 0, squares = 0;
    for (std::size_t x = 0; x < 3000; ++x) {
        double height = 0;
        while (rough.truth(0, static_cast<std::size_t>(height), x) == 0) ++height;
        sum += height - 28;
        squares += (height - 28) * (height - 28);
    }
    CHECK(std::abs(sum / 3000 - 0.5) < 0.5);
    CHECK(std::abs(std::sqrt(squares / 3000) - 2) < 0.4);
}

TEST_CASE("the multilayer's HAADF image is linear, the same in float, and with every compiler") {
    const auto s = multilayer({.ny = 96, .nx = 80});
    const double z[] = {std::pow(38, 1.7), std::pow(22, 1.7), std::pow(57, 1.7)};
    double highest = 0;
    const auto response = [&](std::size_t p) {
        return z[0] * s.truth.data()[p] + z[1] * s.truth.data()[7680 + p] + z[2] * s.truth.data()[15360 + p];
    };
    for (std::size_t p = 0; p < 7680; ++p) highest = std::max(highest, response(p));
    for (std::size_t p = 0; p < 7680; ++p) REQUIRE(std::abs(s.haadf.data()[p] - response(p) / highest) <= 0x1.01p-17);
    const auto single = multilayer<float>({.ny = 96, .nx = 80});
    CHECK(single.truth == s.truth);
    CHECK(single.haadf == s.haadf);
    CHECK(checksum(s.truth) == 0x0d5f7e8ebffe307f);
    CHECK(multilayer({.ny = 1, .nx = 1}).truth.size() == 3);
}

TEST_CASE("options of the multilayer out of range are refused by name") {
    support::check_throws<value_error>([] { multilayer({.ny = 0}); }, "ny: is 0", "[1, 65536]");
    support::check_throws<value_error>([] { multilayer({.roughness = -1}); }, "roughness: is -1", "[0, 1000]");
    support::check_throws<value_error>([] { multilayer({.correlation = 0}); }, "correlation: is 0", "[0.1, 1000]");
    support::check_throws<value_error>([] { multilayer({.roughness = std::numeric_limits<double>::quiet_NaN()}); },
                                       "roughness: is ", "nan");
}
