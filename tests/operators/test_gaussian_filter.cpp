#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/operators/gaussian_filter.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("the mirror repeats the border pixels") {
    const std::vector<std::size_t> expected{1, 0, 0, 1, 2, 2, 1, 0, 0, 1};
    for (std::ptrdiff_t k = -2; k < 8; ++k) CHECK(mirrored(k, 3) == expected[static_cast<std::size_t>(k + 2)]);
    CHECK(mirrored(-7, 1) == 0);
}

TEST_CASE_TEMPLATE("smoothing keeps constants and sums, and is symmetric", T, float, double) {
    const double tolerance = 100 * support::tolerance<T>::rounding;
    for (const stack_shape shape :
         {stack_shape{2, 17, 40}, stack_shape{1, 1, 5}, stack_shape{1, 6, 1}, stack_shape{2, 3, 2}}) {
        for (const double sigma : {0.0, 0.7, 3.0}) {
            const auto a = support::random_array<T, 3>(shape, 0, 1, 1), b = support::random_array<T, 3>(shape, 0, 1, 2);
            const xt::xtensor<T, 3> one = xt::ones<T>(shape);
            const auto sa = gaussian_filter(as_view(a), sigma), sb = gaussian_filter(as_view(b), sigma);
            for (const T v : gaussian_filter(as_view(one), sigma)) CHECK(std::abs(v - 1) <= tolerance);
            CHECK(std::abs(xt::sum<double>(sa)() - xt::sum<double>(a)()) <= tolerance * static_cast<double>(a.size()));
            CHECK(std::abs(xt::sum<double>(sa * b)() - xt::sum<double>(a * sb)()) <=
                  tolerance * static_cast<double>(a.size()));
            thread_pool pool(3);
            CHECK(gaussian_filter(as_view(a), sigma, pool) == sa);
        }
    }
}

TEST_CASE("a point becomes the Gaussian") {
    xt::xtensor<double, 2> point = xt::zeros<double>({41, 43});
    point(20, 21) = 1;
    const auto blurred = gaussian_filter(as_view(std::as_const(point)), 2.5);
    for (std::size_t y = 12; y < 29; ++y) {
        for (std::size_t x = 13; x < 30; ++x) {
            const double r2 = std::pow(static_cast<double>(y) - 20, 2) + std::pow(static_cast<double>(x) - 21, 2);
            CHECK(std::abs(blurred(y, x) / blurred(20, 21) - std::exp(-r2 / 12.5)) <= 1e-12);
        }
    }
    CHECK_THROWS_WITH_AS(gaussian_filter(as_view(std::as_const(point)), -1), doctest::Contains("sigma"), value_error);
}
