#include <stemfuse/terms/count_likelihood.hpp>

#include "terms/check_term.hpp"

using namespace stemfuse;
using namespace terms;

TEST_CASE_TEMPLATE("gradients of the count likelihood", T, float, double) {
    for (const auto& s : image_shapes) {
        CAPTURE(to_string(s));
        const auto counts = support::random_array<T, 3>({3, s[0], s[1]}, 0, 4, 8);
        const auto background = support::random_array<T, 3>({3, s[0], s[1]}, 0.1, 0.5, 9);
        check_term<T>(count_likelihood(counts, {2, 5, 0.5}, 0.3));
        check_term<T>(count_likelihood(counts, {2, 5, 0.5}, background));
    }
}

TEST_CASE("curvature and Newton's ingredients of the count likelihood") {
    const auto counts = support::random_array<double, 3>({3, 9, 11}, 0, 4, 8);
    const auto background = support::random_array<double, 3>({3, 9, 11}, 0.1, 0.5, 9);
    const count_likelihood term(counts, {2, 5, 0.5}, background);
    check_curvature(term);
    const auto x = random_maps<double>(3, {9, 11}, 6);
    xt::xtensor<double, 3> g(x.shape()), d = xt::zeros<double>(x.shape()), added = d, least = d, c = d;
    term.gradient(x, g);
    term.curvature(x, c);
    row_pointers<const double> in(as_view(x));
    row_pointers<double> out_g(as_view(added)), out_d(as_view(d)), out_least(as_view(least));
    for (std::size_t y = 0; y < 9; ++y)
        term.row_newton({y, 0, 11}, in.at(y), out_g.at(y), out_d.at(y), out_least.at(y), 3.0);
    for (std::size_t k = 0; k < x.size(); ++k) {
        CHECK(std::abs(added.data()[k] - 3 * g.data()[k]) <= 1e-12 * (1 + std::abs(g.data()[k])));
        CHECK(std::abs(d.data()[k] - 3 * c.data()[k]) <= 1e-12 * (1 + std::abs(c.data()[k])));
        const double scale = term.scales()[k / 99], rate = scale * x.data()[k] + background.data()[k];
        const double expected = counts.data()[k] > 0 ? std::max(0.0, (0.1 * rate - background.data()[k]) / scale) : 0;
        CHECK(std::abs(least.data()[k] - expected) <= 1e-12);
    }
}

TEST_CASE("the value is the negative log-probability of the counts but for log m!") {
    const xt::xtensor<double, 3> counts{{{0.0, 1.0, 7.0}}}, x{{{0.5, 0.0, 2.0}}};
    const count_likelihood term(counts, {3}, 0.25);
    double expected = 0;
    for (std::size_t k = 0; k < 3; ++k) {
        const double rate = 3 * x(0, 0, k) + 0.25;
        expected -= counts(0, 0, k) * std::log(rate) - rate - std::lgamma(counts(0, 0, k) + 1);
    }
    CHECK(std::abs(term.value(x) + std::lgamma(8.0) - expected) <= 1e-12);
}

TEST_CASE("one background, one for each element, and a stack of them are the same term; its coarser one") {
    const auto counts = support::random_array<double, 3>({2, 8, 6}, 0, 4, 8);
    const xt::xtensor<double, 3> stack = xt::ones<double>({2, 8, 6}) * 0.5;
    const count_likelihood one(counts, {2, 3}, 0.5), each(counts, {2, 3}, std::vector<double>{0.5, 0.5}),
        all(counts, {2, 3}, stack);
    const auto x = random_maps<double>(2, {8, 6});
    CHECK(one.value(x) == each.value(x));
    CHECK(one.value(x) == all.value(x));
    // Where counts and maps are the same in blocks of 2 x 2 pixels the coarser term is a quarter.
    xt::xtensor<double, 3> coarse = random_maps<double>(2, {4, 3}, 3), fine(x.shape()), fine_counts(x.shape());
    spread_blocks(as_view(std::as_const(coarse)), as_view(fine));
    spread_blocks(as_view(std::as_const(coarse)), as_view(fine_counts));
    const count_likelihood constant(fine_counts, {2, 3}, 0.5), varying(fine_counts, {2, 3}, stack);
    CHECK(std::abs(constant.coarser().value(coarse) - constant.value(fine) / 4) <= 1e-10);
    CHECK(std::abs(varying.coarser().value(coarse) - varying.value(fine) / 4) <= 1e-10);
}

TEST_CASE("what the count likelihood does not take") {
    const xt::xtensor<double, 3> counts = xt::ones<double>({2, 3, 4});
    xt::xtensor<double, 3> negative = counts;
    negative(1, 2, 3) = -1;
    using term = count_likelihood<xt::xtensor<double, 3>>;
    const std::vector<double> scales{1, 2};
    CHECK_THROWS_WITH_AS(term(negative, scales, 0.1), doctest::Contains("element 1, row 2, column 3"), value_error);
    CHECK_THROWS_WITH_AS(term(counts, std::vector<double>{1}, 0.1), doctest::Contains("scales"), shape_error);
    CHECK_THROWS_WITH_AS(term(counts, std::vector<double>{1, 0}, 0.1), doctest::Contains("scales: is 0"), value_error);
    CHECK_THROWS_WITH_AS(term(counts, scales, 0.0), doctest::Contains("background: is 0"), value_error);
    CHECK_THROWS_WITH_AS(term(counts, scales, std::vector<double>{1}), doctest::Contains("background"), shape_error);
    CHECK_THROWS_WITH_AS(term(counts, scales, xt::xtensor<double, 3>(xt::ones<double>({2, 4, 3}))),
                         doctest::Contains("background"), shape_error);
    CHECK_THROWS_WITH_AS(term(counts, scales, xt::xtensor<double, 3>(negative)), doctest::Contains("background"),
                         value_error);
    CHECK_THROWS_AS(term(xt::xtensor<double, 3>({0, 3, 4}), std::vector<double>{}, 0.1), shape_error);
}
