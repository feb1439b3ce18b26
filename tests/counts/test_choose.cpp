#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <stemfuse/counts/choose.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

void check_near(double got, double expected, double tolerance = 1e-12) {
    CAPTURE(got);
    CAPTURE(expected);
    CHECK(std::abs(got - expected) <= tolerance);
}

template <class Error, class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.what();
    }
    return "nothing of that kind was thrown";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a score adds up its rows and gives those of one element") {
    const prediction_score score{2, {1, 2, 4, 8, 16, 32}};
    CHECK(score.total() == 63);
    CHECK(score.element(0).rows == std::vector<double>{1, 2, 4});
    CHECK(score.element(1).total() == 56);
    CHECK(score.element(1).n_elements == 1);
}

TEST_CASE("the largest total is chosen, with deficits and standard errors") {
    // Differences of the second to the first: 1, -1, 2, 2, of sum 4, of squared distance 10 - 16 / 4 = 6 to their mean.
    const std::vector<prediction_score> scores{{1, {5, 5, 5, 5}}, {1, {4, 6, 3, 3}}, {1, {4, 4, 4, 4}}};
    const choice found = choose(scores);
    CHECK(found.best == 0);
    REQUIRE(found.deficits.size() == 3);
    CHECK(found.deficits[0].value == 0);
    CHECK(found.deficits[0].standard_error == 0);
    check_near(found.deficits[1].value, 4);
    check_near(found.deficits[1].standard_error, std::sqrt(6.0));
    check_near(found.deficits[2].value, 4);
    check_near(found.deficits[2].standard_error, 0);
}

TEST_CASE("of equal totals the first is chosen, and one candidate is enough") {
    CHECK(choose(std::vector<prediction_score>{{1, {0, 0}}, {1, {3, 1}}, {1, {2, 2}}}).best == 1);
    CHECK(choose(std::vector<prediction_score>{{1, {-7, -8}}}).best == 0);
}

TEST_CASE("a candidate without a finite score is never chosen") {
    const std::vector<prediction_score> scores{{1, {not_a_number, 9}}, {1, {-infinity, 9}}, {1, {-3, -4}}};
    const choice found = choose(scores);
    CHECK(found.best == 2);
    CHECK_FALSE(found.deficits[0].value <= 0);
    CHECK(found.deficits[1].value == infinity);
}

TEST_CASE("scores that cannot be compared are refused") {
    const auto none = message_of<value_error>([] { choose(std::vector<prediction_score>{}); });
    CHECK(has(none, "scores"));
    CHECK(has(none, "must have one entry or more"));
    const auto not_finite =
        message_of<value_error>([] { choose(std::vector<prediction_score>{{1, {not_a_number}}, {1, {-infinity}}}); });
    CHECK(has(not_finite, "scores"));
    CHECK(has(not_finite, "finite"));
    const auto endless = message_of<value_error>([] { choose(std::vector<prediction_score>{{1, {infinity}}}); });
    CHECK(has(endless, "finite"));
    const auto other = message_of<shape_error>([] { choose(std::vector<prediction_score>{{1, {1, 2}}, {1, {1}}}); });
    CHECK(has(other, "2 and 1 parts"));
}

TEST_CASE_TEMPLATE("a holdout splits the counts, the same way for the same seed", T, float, double) {
    xt::xtensor<T, 3> counts({2, 9, 7});
    for (std::size_t k = 0; k < counts.size(); ++k) counts.data()[k] = static_cast<T>(k % 40);
    const xt::xtensor<T, 3> background = xt::zeros<T>({2, 9, 7});
    const auto split = [&](std::uint64_t seed) {
        return count_holdout<T>(as_view(counts), as_view(background), {.fraction = 0.7, .seed = seed});
    };
    const auto first = split(3), again = split(3), other = split(4);
    CHECK(first.fraction() == 0.7);
    CHECK(first.fit_counts() == again.fit_counts());
    CHECK(first.fit_counts() != other.fit_counts());
    T lowest = 0;
    bool whole = true;
    for (std::size_t k = 0; k < counts.size(); ++k) {
        const T fit = first.fit_counts().data()[k], rest = first.held_out().data()[k];
        whole = whole && fit + rest == counts.data()[k] && fit == std::floor(fit);
        lowest = std::min({lowest, fit, rest});
    }
    CHECK(whole);
    CHECK(lowest == 0);
    // Binomial: the share kept of N counts within 5 standard deviations of 0.7.
    const double all = static_cast<double>(xt::sum(counts)());
    check_near(static_cast<double>(xt::sum(first.fit_counts())()) / all, 0.7, 5 * std::sqrt(0.7 * 0.3 / all));
}

TEST_CASE("a holdout leaves counts to both parts") {
    const xt::xtensor<double, 3> counts = xt::ones<double>({1, 3, 3});
    for (const double fraction : {0.0, 0.04, 0.96, 1.0, not_a_number}) {
        support::check_throws<value_error>(
            [&] { count_holdout<double>(as_view(counts), as_view(counts), {.fraction = fraction}); }, "fraction",
            "[0.05, 0.95]");
    }
}

TEST_CASE_TEMPLATE("a holdout scores by the likelihood of what it held out", T, float, double) {
    const xt::xtensor<T, 3> counts{{{3, 0}, {1, 20}}, {{7, 2}, {0, 0}}};
    const xt::xtensor<T, 3> background{{{T(0.5), 1}, {0, 2}}, {{1, 1}, {T(0.25), 0}}};
    const xt::xtensor<T, 3> x{{{2, T(0.5)}, {1, 17}}, {{4, 1}, {T(0.5), 3}}};
    const count_holdout<T> holdout(as_view(counts), as_view(background), {.fraction = 0.75});
    const prediction_score got = holdout.score(as_view(x));
    CHECK(got.n_elements == 2);
    REQUIRE(got.rows.size() == 4);
    for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t y = 0; y < 2; ++y) {
            double expected = 0;
            for (std::size_t c = 0; c < 2; ++c) {
                // A third of what the fit expects with its background: 1/4 of the counts beside 3/4.
                const double rate =
                    (static_cast<double>(x(i, y, c)) + 0.75 * static_cast<double>(background(i, y, c))) / 3;
                expected += static_cast<double>(holdout.held_out()(i, y, c)) * std::log(rate) - rate;
            }
            check_near(got.rows[2 * i + y], expected, 100 * static_cast<double>(std::numeric_limits<T>::epsilon()));
        }
    }
}

TEST_CASE("a count where nothing is expected scores a finite number") {
    const xt::xtensor<double, 3> counts{{{1000}}}, nothing{{{0}}};
    const count_holdout<double> holdout(as_view(counts), as_view(nothing), {.fraction = 0.5});
    const double m = holdout.held_out()(0, 0, 0);
    check_near(holdout.score(as_view(nothing)).total(), m * std::log(1e-9) - 1e-9, 1e-9);
}

TEST_CASE("the truth predicts the counts held out better than too much or too little") {
    xt::xtensor<double, 3> counts({1, 40, 40});
    for (std::size_t k = 0; k < counts.size(); ++k) counts.data()[k] = static_cast<double>(k % 9);  // mean 4
    const xt::xtensor<double, 3> background = xt::ones<double>({1, 40, 40});
    const count_holdout<double> holdout(as_view(counts), as_view(background));
    const auto score = [&](double rate) {
        const xt::xtensor<double, 3> x = 0.8 * (rate - 1) * xt::ones<double>({1, 40, 40});
        return holdout.score(as_view(x)).total();
    };
    CHECK(score(4) > score(3.2));
    CHECK(score(4) > score(5));
}

TEST_CASE("a holdout refuses what does not fit") {
    const xt::xtensor<double, 3> counts = xt::ones<double>({1, 2, 3}), other = xt::ones<double>({1, 3, 2});
    const auto shapes = message_of<shape_error>([&] { count_holdout<double>(as_view(counts), as_view(other)); });
    CHECK(has(shapes, "background"));
    CHECK(has(shapes, "(1, 3, 2)"));
    const count_holdout<double> holdout(as_view(counts), as_view(counts));
    const auto map = message_of<shape_error>([&] { holdout.score(as_view(other)); });
    CHECK(has(map, "x"));
    CHECK(has(map, "(1, 3, 2)"));
}
