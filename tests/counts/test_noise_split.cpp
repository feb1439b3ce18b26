#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/counts/noise_split.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("the parts of normal maps have the moments of thinned counts, and are independent") {
    const double mean = 40, p = 0.8;
    xt::xtensor<double, 3> maps({2, 150, 160});
    for (std::size_t k = 0; k < maps.size(); ++k)
        maps.data()[k] = std::max(0.0, mean + std::sqrt(mean) * random_stream(3, 7, 0, k).normal());
    const auto parts = split_scaled_counts(as_view(std::as_const(maps)), p, 5);
    const double n = static_cast<double>(maps.size());
    const double kept = xt::mean(parts.kept)(), rest = xt::mean(parts.rest)();
    const double kept_variance = xt::mean(xt::square(parts.kept - kept))();
    const double rest_variance = xt::mean(xt::square(parts.rest - rest))();
    const double covariance = xt::mean((parts.kept - kept) * (parts.rest - rest))();
    // Five standard errors each; the local mean stands for the variance to about a hundredth.
    CHECK(std::abs(kept - p * mean) <= 5 * std::sqrt(p * mean / n));
    CHECK(std::abs(rest - (1 - p) * mean) <= 5 * std::sqrt((1 - p) * mean / n));
    CHECK(std::abs(kept_variance / (p * mean) - 1) <= 5 * std::sqrt(2 / n) + 0.01);
    CHECK(std::abs(rest_variance / ((1 - p) * mean) - 1) <= 5 * std::sqrt(2 / n) + 0.01);
    CHECK(std::abs(covariance) / (mean * std::sqrt(p * (1 - p))) <= 5 / std::sqrt(n) + 0.01);
}

TEST_CASE_TEMPLATE("nothing is lost, and the seed decides", T, float, double) {
    const auto maps = support::random_array<T, 3>({2, 20, 31}, 20, 60, 1);
    const auto view = as_view(maps);
    thread_pool pool(3);
    const auto parts = split_scaled_counts(view, 0.8, 5), again = split_scaled_counts(view, 0.8, 5, pool),
               other = split_scaled_counts(view, 0.8, 6);
    CHECK(parts.kept == again.kept);
    CHECK(parts.rest == again.rest);
    CHECK(parts.kept != other.kept);
    for (std::size_t k = 0; k < maps.size(); ++k)
        CHECK(std::abs(parts.kept.data()[k] + parts.rest.data()[k] - maps.data()[k]) <= 1e-5 * 60);
    CHECK(split_scaled_counts(view, 1, 5).kept == maps);
    xt::xtensor<T, 3> bad = maps;
    bad(1, 2, 3) = -1;
    CHECK_THROWS_WITH_AS(split_scaled_counts(as_view(std::as_const(bad)), 0.8, 5),
                         doctest::Contains("element 1, row 2, column 3"), value_error);
    CHECK_THROWS_WITH_AS(split_scaled_counts(view, 1.5, 5), doctest::Contains("fraction"), value_error);
}
