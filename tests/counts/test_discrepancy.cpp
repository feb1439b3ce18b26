#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/discrepancy.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("the deviance of a count") {
    CHECK(std::abs(poisson_deviance(3, 3)) <= 1e-15);
    CHECK(std::abs(poisson_deviance(0, 2.5) - 5) <= 1e-15);
    CHECK(std::abs(poisson_deviance(4, 1) - 2 * (1 - 4 + 4 * std::log(4.0))) <= 1e-14);
}

TEST_CASE("its mean: limits, the series where it takes over, and drawn counts") {
    // Few counts: 0, 1 and 2 of them, with the probabilities of a Poisson variable.
    const double few = 1e-4, leading = std::exp(-few) * (poisson_deviance(0, few) + few * poisson_deviance(1, few) +
                                                         few * few / 2 * poisson_deviance(2, few));
    CHECK(std::abs(expected_deviance(few) - leading) <= 1e-6 * leading);
    CHECK(std::abs(expected_deviance(100) - expected_deviance(100 + 1e-9)) <= 2e-6);
    const detail::deviance_table table;
    for (const double rate : {1e-7, 1e-3, 0.3, 1.7, 20.0, 99.0, 5000.0})
        CHECK(std::abs(table(rate) / expected_deviance(rate) - 1) <= 1e-4);
    for (const double rate : {0.3, 2.0, 30.0}) {
        double sum = 0;
        for (std::size_t k = 0; k < 40000; ++k) sum += poisson_deviance(random_stream(7, 1, 0, k).poisson(rate), rate);
        CHECK(std::abs(sum / 40000 - expected_deviance(rate)) <= 5 * 1.6 / 200);
    }
}

TEST_CASE("true rates are as far from their counts as expected, flat ones further, the counts themselves nearer") {
    xt::xtensor<double, 3> rates({2, 60, 60}), counts(rates.shape()), own(rates.shape());
    for (std::size_t k = 0; k < rates.size(); ++k) {
        rates.data()[k] = 0.3 + 4 * std::pow(std::sin(0.01 * static_cast<double>(k)), 2);
        counts.data()[k] = random_stream(8, 1, 0, k).poisson(rates.data()[k]);
        own.data()[k] = std::max(counts.data()[k], 0.1);
    }
    thread_pool pool(3);
    const double found = discrepancy(counts, rates);
    CHECK(discrepancy(counts, rates, pool) == found);
    CHECK(std::abs(found) <= 0.06);
    CHECK(discrepancy(counts, xt::xtensor<double, 3>(xt::ones<double>(rates.shape()) * xt::mean(rates)())) >= 0.3);
    CHECK(discrepancy(counts, own) <= -0.5);
}

TEST_CASE("what a discrepancy does not take") {
    const xt::xtensor<double, 3> counts = xt::ones<double>({1, 2, 3}), dark = xt::zeros<double>({1, 2, 3});
    CHECK_THROWS_WITH_AS(discrepancy(counts, dark), doctest::Contains("rates: are 0"), value_error);
    CHECK_THROWS_WITH_AS(discrepancy(counts, xt::xtensor<double, 3>(-counts)), doctest::Contains("rates"), value_error);
    CHECK_THROWS_WITH_AS(discrepancy(counts, xt::xtensor<double, 3>(xt::ones<double>({1, 3, 2}))),
                         doctest::Contains("rates"), shape_error);
    CHECK(discrepancy(dark, dark) == 0);
}
