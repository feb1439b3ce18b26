#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include <stemfuse/core/random.hpp>
#include <stemfuse/quantify/quantification.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

void check_near(const std::vector<double>& got, const std::vector<double>& expected, double tolerance) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(i);
        CHECK(std::abs(got[i] - expected[i]) <= tolerance);
    }
}

// Counts of two elements in 1 x 2 pixels.
xt::xtensor<double, 3> two_maps() { return {{{30.0, 70.0}}, {{20.0, 40.0}}}; }

}  // namespace

TEST_CASE("a composition by hand: rutile, from k-factors and counts") {
    // TiO2 is 59.93 weight percent Ti. With k_Ti = 1.2 and k_O = 3.0, its counts are as 0.5993 / 1.2 to 0.4007 / 3.
    const double ti = 47.867, o = 15.999, weight_ti = ti / (ti + 2 * o);
    const k_factors factors({"O", "Ti"}, {{"Ti", 1.2}, {"O", 3.0}});
    const count_totals totals{{1e6 * (1 - weight_ti) / 3.0 + 500, 1e6 * weight_ti / 1.2 + 700}, {500, 700}};
    check_near(global_composition(factors, totals, fraction_kind::weight).fractions, {1 - weight_ti, weight_ti}, 1e-12);
    check_near(global_composition(factors, totals).fractions, {2.0 / 3, 1.0 / 3}, 1e-12);
    CHECK(std::abs(weight_ti - 0.5993) < 1e-4);
    // A common factor of all k drops out.
    const k_factors scaled({"O", "Ti"}, {{"O", 30.0}, {"Ti", 12.0}});
    const auto a = global_composition(factors, totals), b = global_composition(scaled, totals);
    check_near(a.fractions, b.fractions, 1e-14);
    check_near(a.standard_errors, b.standard_errors, 1e-14);
}

TEST_CASE("standard errors by hand") {
    // Equal k, 300 and 100 net counts on backgrounds of 60 and 20: f = 3/4; var f = (f2^2 v1 + f1^2 v2) / 400^2 with
    // v = (360 + 60, 120 + 20).
    const k_factors factors({"Mn", "Co"}, {{"Mn", 1.0}, {"Co", 1.0}});
    const count_totals totals{{360, 120}, {60, 20}};
    const auto found = global_composition(factors, totals, fraction_kind::weight);
    check_near(found.fractions, {0.75, 0.25}, 1e-15);
    const double error = std::sqrt(0.0625 * 420 + 0.5625 * 140) / 400;
    check_near(found.standard_errors, {error, error}, 1e-15);
    const double known = std::sqrt(0.0625 * 360 + 0.5625 * 120) / 400;
    check_near(global_composition(factors, totals, fraction_kind::weight, 0).standard_errors, {known, known}, 1e-15);
}

TEST_CASE("standard errors are the spread of repeated measurements") {
    const k_factors factors({"Sr", "Ti", "O"}, {{"Sr", 1.6}, {"Ti", 1.1}, {"O", 2.4}});
    const std::vector<double> rates{400, 900, 250}, background{100, 50, 80};
    constexpr std::size_t runs = 20000;
    std::vector<double> sum(3), squares(3), predicted(3);
    for (std::size_t r = 0; r < runs; ++r) {
        count_totals totals{{}, {}};
        for (std::uint32_t i = 0; i < 3; ++i) {
            random_stream random(5, i, r);
            totals.counts.push_back(random.poisson(rates[i] + background[i]));
            totals.background.push_back(random.poisson(background[i]));
        }
        const auto found = global_composition(factors, totals);
        for (std::size_t i = 0; i < 3; ++i) {
            sum[i] += found.fractions[i] / runs;
            squares[i] += found.fractions[i] * found.fractions[i] / runs;
            predicted[i] += found.standard_errors[i] / runs;
        }
    }
    const double whole = 1.6 / 87.62 * 400 + 1.1 / 47.867 * 900 + 2.4 / 15.999 * 250;
    const std::vector<double> truth{1.6 / 87.62 * 400 / whole, 1.1 / 47.867 * 900 / whole, 2.4 / 15.999 * 250 / whole};
    for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(i);
        const double spread = std::sqrt(squares[i] - sum[i] * sum[i]);
        // A spread over n runs has the relative error 1 / sqrt(2 n) = 0.5%; first order is good to about 1% here, and
        // the mean is off by second order, about the variance.
        CHECK(std::abs(predicted[i] / spread - 1) < 4.5 * 0.005 + 0.01);
        CHECK(std::abs(sum[i] - truth[i]) < 4.5 * spread / std::sqrt(runs) + 2 * spread * spread);
    }
}

TEST_CASE("an element without signal counts as nothing, with its error") {
    const k_factors factors({"Pd", "O"}, {{"Pd", 1.0}, {"O", 1.0}});
    const auto found = global_composition(factors, {{90, 400}, {100, 100}}, fraction_kind::weight);
    check_near(found.fractions, {0, 1}, 0);
    const double error = std::sqrt(190.0) / 300;
    check_near(found.standard_errors, {error, error}, 1e-15);
    support::check_throws<value_error>([&] { global_composition(factors, {{5, 10}, {5, 11}}); },
                                       "totals: has no element with more counts than background");
}

TEST_CASE("totals") {
    const auto counts = two_maps();
    xt::xtensor<float, 3> background({2, 1, 2});
    xt::view(background, 0) = 3;
    xt::view(background, 1) = 0.5;
    const auto from_map = total_counts(counts, background), from_rates = total_counts(counts, {3, 0.5});
    for (const auto& totals : {from_map, from_rates}) {
        check_near(totals.counts, {100, 60}, 0);
        check_near(totals.background, {6, 1}, 0);
        CHECK(totals.net(0) == 94);
    }
    check_near(total_counts(xt::xtensor<int, 3>(xt::cast<int>(counts)), {2}).background, {4, 4}, 0);
    support::check_throws<shape_error>([&] { total_counts(counts, {1, 2, 3}); }, "background: has 3 numbers", "1 or 2");
    support::check_throws<value_error>([&] { total_counts(counts, {-1}); }, "background: is -1");
    support::check_throws<shape_error>([&] { total_counts(counts, xt::xtensor<double, 3>({1, 1, 2})); },
                                       "background: has shape (1, 1, 2), must have shape (2, 1, 2)");
    support::check_throws<value_error>([&] { total_counts(xt::xtensor<double, 3>(-counts), {1}); },
                                       "counts: has -30 at element 0");
}

TEST_CASE_TEMPLATE("mass balance restores the sums, and says where it cannot", T, float, double) {
    xt::xtensor<T, 3> fused({4, 3, 5});
    for (std::size_t k = 0; k < fused.size(); ++k) fused.data()[k] = static_cast<T>(k % 7);
    xt::view(fused, 2) = T(0);
    const count_totals totals{{500, 80, 70, 40}, {20, 90, 10, 40}};
    const auto balanced = mass_balance(fused, totals);
    static_assert(std::is_same_v<decltype(balanced), const balanced_maps<T>>);
    CHECK(balanced.outcome ==
          std::vector<balance>{balance::balanced, balance::no_signal, balance::empty_map, balance::no_signal});
    CHECK(std::abs(xt::sum<double>(xt::view(balanced.maps, 0))() - 480) < 1e-3);
    for (const std::size_t i : {1u, 2u, 3u}) CHECK(xt::sum(xt::view(balanced.maps, i))() == 0);
    check_near(balanced.factors, {480 / xt::sum<double>(xt::view(fused, 0))(), 0, 1, 0}, 1e-12);
    CHECK(support::relative_difference(xt::xtensor<T, 2>(xt::view(balanced.maps, 0)),
                                       xt::xtensor<double, 2>(xt::view(fused, 0) * balanced.factors[0])) < 1e-6);

    support::check_throws<shape_error>([&] { mass_balance(fused, {{1, 2}, {0, 0}}); }, "totals: has 2 counts",
                                       "must have 4");
    support::check_throws<value_error>([&] { mass_balance(fused, {{1, 2, 3, -4}, {0, 0, 0, 0}}); }, "totals: is -4");
    fused(1, 2, 3) = std::numeric_limits<T>::quiet_NaN();
    support::check_throws<value_error>([&] { mass_balance(fused, totals); }, "fused: has nan at element 1, row 2");
}

TEST_CASE("k-factors are refused by the name of the element") {
    const auto make = [](std::vector<std::string> elements, std::vector<std::pair<std::string, double>> factors) {
        return [=] { k_factors(elements, factors); };
    };
    support::check_throws<value_error>(make({"Co", "Mn"}, {{"Co", 1.0}}), "k_factors: has none for Mn");
    support::check_throws<value_error>(make({"Co", "Mn"}, {{"Co", 1.0}, {"Mn", 1.0}, {"O", 2.0}}),
                                       "k_factors: has one for O, must be those of Co, Mn");
    support::check_throws<value_error>(make({"Co"}, {{"Co", 1.0}, {"Co", 2.0}}), "k_factors: has two for Co");
    for (const double bad : {0.0, -1.0, double(INFINITY), std::numeric_limits<double>::quiet_NaN()}) {
        support::check_throws<value_error>(make({"Co"}, {{"Co", bad}}), "k_factors: is ", "Co", "above 0");
    }
    support::check_throws<value_error>(make({"Co", "Co"}, {{"Co", 1.0}}), "elements: has \"Co\" twice");
    support::check_throws<value_error>(make({"Cobalt"}, {{"Cobalt", 1.0}}), "elements: is \"Cobalt\"");
    support::check_throws<shape_error>(make({}, {}), "elements: is empty");
}
