#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include <stemfuse/spectra/side_background.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("the squares of a background map hold 100 counts") {
    CHECK(background_radius(100, 64) == 0);
    CHECK(background_radius(99, 64) == 1);    // 9 pixels
    CHECK(background_radius(11.2, 64) == 1);  // 100.8 in 9
    CHECK(background_radius(11, 64) == 2);
    CHECK(background_radius(0.2, 64) == 11);  // 105.8 in 23 x 23
    CHECK(background_radius(0.11, 64) == 15);
    CHECK(background_radius(0.1, 64) == 64);  // 33 x 33 would be needed
    CHECK(background_radius(0, 64) == 64);
}

TEST_CASE_TEMPLATE("a constant background is the weighted mean", T, float, double) {
    const xt::xtensor<T, 3> sides{{{1, 2, 0}, {0, 1, 2}}, {{4, 0, 0}, {0, 0, 2}}};
    const auto background = side_background<T>(sides, {0.5, 2}, background_kind::constant);
    CHECK(background.shape() == image_shape{2, 3});
    for (const T v : background) CHECK(std::abs(v - T(2.5)) <= T(1e-6));  // (6 * 0.5 + 6 * 2) / 6
    // A map of so few counts is the same.
    CHECK(side_background<T>(sides, {0.5, 2}) == background);
}

TEST_CASE_TEMPLATE("a background map follows its counts and keeps their sum", T, float, double) {
    const std::size_t n = 96;
    std::mt19937_64 engine(support::seed());
    xt::xtensor<T, 3> sides({2, n, n});
    const auto mean = [&](std::size_t x) { return 0.5 + 3 * static_cast<double>(x) / static_cast<double>(n); };
    double weighted = 0;
    for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t y = 0; y < n; ++y) {
            for (std::size_t x = 0; x < n; ++x) {
                sides(k, y, x) = static_cast<T>(std::poisson_distribution<int>(mean(x))(engine));
                weighted += (k == 0 ? 0.75 : 0.25) * static_cast<double>(sides(k, y, x));
            }
        }
    }
    const auto map = side_background<T>(sides, {0.75, 0.25});
    double sum = 0;
    for (const T v : map) sum += static_cast<double>(v);
    CHECK(std::abs(sum / weighted - 1) <= 1e-5);
    // 4 counts a pixel in both windows: squares of 5 x 5 pixels with 100 counts. Away from the sides of the image the
    // mean of a slope is its middle; five standard deviations of the weighted counts.
    for (std::size_t y = 2; y + 2 < n; ++y) {
        for (std::size_t x = 2; x + 2 < n; ++x) {
            const double sigma = std::sqrt((0.75 * 0.75 + 0.25 * 0.25) * mean(x) / 25);
            REQUIRE(std::abs(static_cast<double>(map(y, x)) - mean(x)) <= 5.5 * sigma);
        }
    }
    const auto counts = xt::xtensor<int, 3>({1, 4, 4}, 500);
    for (const double v : side_background(counts, {0.1})) CHECK(std::abs(v - 50) <= 1e-12);
}

TEST_CASE("side counts that are none") {
    const xt::xtensor<double, 3> sides({2, 3, 4}, 1.0);
    support::check_throws<shape_error>([&] { side_background(sides, {1}); }, "weights: has 1 numbers, must have 2");
    support::check_throws<value_error>([&] { side_background(sides, {1, -1}); }, "weights: is -1");
    auto bad = sides;
    bad(1, 2, 3) = -2;
    support::check_throws<value_error>([&] { side_background(bad, {1, 1}); },
                                       "sides: has -2 at element 1, row 2, column 3");
    support::check_throws<shape_error>([&] { side_background(xt::xtensor<double, 3>({0, 3, 4}), {}); },
                                       "sides: is empty");
}
