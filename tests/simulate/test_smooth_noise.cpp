#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <stemfuse/simulate/smooth_noise.hpp>

using namespace stemfuse;

TEST_CASE("smooth profiles have variance 1 and the correlation of their length") {
    constexpr double length = 3;
    const std::size_t n = 40000, lags[] = {0, 2, 5, 30};
    const auto profile = detail::smooth_profile(n, length, 7, 1, 0);
    for (const std::size_t lag : lags) {
        CAPTURE(lag);
        double sum = 0;
        for (std::size_t x = lag; x < n; ++x) sum += profile[x] * profile[x - lag];
        const double expected = std::exp(-static_cast<double>(lag * lag) / (4 * length * length));
        // About n / (2 sqrt(pi) length) independent pixels.
        CHECK(std::abs(sum / static_cast<double>(n) - expected) < 4.5 * std::sqrt(2 * 3.5449 * length / n));
    }
    CHECK(detail::smooth_profile(n, length, 7, 1, 1) != profile);
    CHECK(detail::smooth_profile(n, length, 8, 1, 0) != profile);
    const auto start = detail::smooth_profile(100, length, 7, 1, 0);
    CHECK(std::equal(start.begin(), start.end(), profile.begin()));
}

TEST_CASE("smooth fields have variance 1 and the same correlation along both axes") {
    constexpr double length = 2;
    const std::size_t n = 240;
    const auto field = detail::smooth_field(n, n, length, 3, 2);
    double square = 0, down = 0, right = 0;
    for (std::size_t y = 0; y + 2 < n; ++y) {
        for (std::size_t x = 0; x + 2 < n; ++x) {
            square += field(y, x) * field(y, x);
            down += field(y, x) * field(y + 2, x);
            right += field(y, x) * field(y, x + 2);
        }
    }
    const double pixels = static_cast<double>((n - 2) * (n - 2));
    const double tolerance = 4.5 * std::sqrt(2 * std::pow(3.5449 * length, 2) / pixels);
    CHECK(std::abs(square / pixels - 1) < tolerance);
    CHECK(std::abs(down / pixels - std::exp(-0.25)) < tolerance);
    CHECK(std::abs(right / pixels - std::exp(-0.25)) < tolerance);
}
