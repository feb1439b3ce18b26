#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/terms/count_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("a pixel of exposure 0 takes no part in the likelihood of counts, one of exposure w counts w times as long") {
    constexpr std::size_t ny = 5, nx = 19;
    xt::xtensor<double, 3> counts({2, ny, nx}), background(counts.shape()), exposure(counts.shape()), x(counts.shape());
    double expected = 0;
    const std::vector<double> scales{3, 0.5};
    xt::xtensor<double, 3> slope(counts.shape());
    for (std::size_t k = 0; k < counts.size(); ++k) {
        random_stream random(support::seed(), 7, 0, k);
        const double s = scales[k / (ny * nx)];
        x.data()[k] = random.uniform(0, 2);
        background.data()[k] = random.uniform(0.1, 1);
        const double w = exposure.data()[k] = k % 4 == 0 ? 0 : k % 4 == 1 ? 0.5 : 1;
        const double m = counts.data()[k] = w > 0 ? random.poisson(4) : 0,
                     rate = s * x.data()[k] + background.data()[k];
        if (w > 0) expected += w * rate - m * std::log(rate);
        slope.data()[k] = w > 0 ? s * (w - m / rate) : 0;
    }
    const count_likelihood term(counts, scales, background, exposure);
    CHECK(std::abs(term.value(x) - expected) <= 1e-10 * std::abs(expected));
    xt::xtensor<double, 3> gradient = xt::zeros<double>(counts.shape());
    term.value_and_gradient(x, gradient);
    for (std::size_t k = 0; k < counts.size(); ++k) REQUIRE(std::abs(gradient.data()[k] - slope.data()[k]) <= 1e-12);
    counts(0, 0, 0) = 1;
    support::check_throws<value_error>([&] { count_likelihood(counts, scales, background, exposure); }, "exposure",
                                       "element 0, row 0, column 0");
    counts(0, 0, 0) = 0;
    exposure(0, 0, 1) = 1.5;
    support::check_throws<value_error>([&] { count_likelihood(counts, scales, background, exposure); }, "exposure");
}
