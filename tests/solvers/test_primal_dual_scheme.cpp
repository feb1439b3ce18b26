// The primal-dual scheme: against the convergent scheme, against proximal gradients on composed problems, and its bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <stemfuse/operators/binning.hpp>
#include <stemfuse/operators/diagonal_bounds.hpp>
#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/operators/mixing.hpp>
#include <stemfuse/operators/operator_algebra.hpp>
#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/primal_dual_scheme.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/multi_detector_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>
#include <stemfuse/terms/sum_of_terms.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

using stack3 = xt::xtensor<double, 3>;
using support::random_array;

const stack_shape shape{2, 12, 14};
const cost_weights weights{.lambda_haadf = 0.5, .lambda_chemical = 0.3, .lambda_tv = 0.06};

auto elastic(const stack_shape& maps = shape, double gamma = 1) {
    return haadf_model(random_array<double, 2>({maps[1], maps[2]}, 0, 1.5, 1),
                       haadf_response::from_weights(std::vector<double>(maps[0], 0.8), gamma));
}

// What the operator makes of maps, with noise.
template <class Op>
stack3 measured(const Op& op, std::uint32_t stream) {
    const stack3 x = random_array<double, 3>(op.domain_shape(), 0, 1.5, stream);
    stack3 y(op.range_shape());
    op.apply(as_view(x), as_view(y));
    const auto noise = random_array<double, 3>(op.range_shape(), 0.5, 1.5, stream + 100);
    return y * noise;
}

// An operator of which nothing but K and K^T is known: every map minus a part of its right neighbour.
struct neighbour_difference {
    stack_shape domain_shape() const { return shape; }
    stack_shape range_shape() const { return shape; }
    void apply(const stack_view<const double>& x, const stack_view<double>& y, const execution& = {}) const {
        for (std::size_t r = 0; r < shape[0] * shape[1]; ++r) {
            const double* const from = x.row(r / shape[1], r % shape[1]);
            double* const to = y.row(r / shape[1], r % shape[1]);
            for (std::size_t c = 0; c < shape[2]; ++c) to[c] = from[c] - 0.4 * from[(c + 1) % shape[2]];
        }
    }
    void adjoint(const stack_view<const double>& y, const stack_view<double>& x, const execution& = {}) const {
        for (std::size_t r = 0; r < shape[0] * shape[1]; ++r) {
            const double* const from = y.row(r / shape[1], r % shape[1]);
            double* const to = x.row(r / shape[1], r % shape[1]);
            for (std::size_t c = 0; c < shape[2]; ++c) to[c] = from[c] - 0.4 * from[(c + shape[2] - 1) % shape[2]];
        }
    }
};

// The objective where plain proximal gradients with an accurate prox end.
template <class Objective>
double by_proximal_gradients(const Objective& f, stack3 x, double step) {
    auto prior = f.prior_term();
    prior.iterations = 40;
    stack3 g(x.shape()), v(x.shape()), duals;
    double at = std::numeric_limits<double>::infinity();
    for (int k = 0; k < 40; ++k) {
        for (int inner = 0; inner < 250; ++inner) {
            f.value_and_gradient(x, g);
            v = x - step * g;
            prior.prox(v, step * f.lambda_tv(), x, duals);
        }
        const double now = f.value(x).total;
        if (std::abs(at - now) <= 1e-11 * std::abs(now)) break;
        at = now;
    }
    return at;
}

template <class Report>
bool never_rises(const Report& report) {
    const auto rises = [](const costs& a, const costs& b) { return !(b.total <= a.total); };
    return std::adjacent_find(report.history.begin(), report.history.end(), rises) == report.history.end();
}

// The same minimum as proximal gradients, by a step of 1 / lipschitz, and a measure that bounds the distance to it.
template <class Elastic, class Chemical>
void check_against_gradients(const Elastic& e, const Chemical& c, double lipschitz) {
    const fusion_solver solver(e, c, total_variation{}, primal_dual_scheme{}, weights);
    const stack3 start = xt::ones<double>(c.shape());
    const double expected = by_proximal_gradients(solver.terms(), start, 1 / lipschitz);
    const auto result = solver.solve_from(start, {.iterations = 1000, .stationarity = 1e-6});
    const double above = (result.history.back().total - expected) / std::abs(expected);
    CAPTURE(result.iterations);
    CAPTURE(above);
    CHECK(result.reason == stop_reason::stationarity);
    CHECK(above <= 2e-6);
    CHECK(above >= -1e-8);
    CHECK(never_rises(result));
    CHECK(std::all_of(result.maps.begin(), result.maps.end(), [](double v) { return v >= 0; }));
}

double curvature(double counts, double background) {
    return weights.lambda_chemical * counts / background / background;
}

}  // namespace

TEST_CASE("the bounds of an operator keep diagonal steps within 1") {
    const auto check = [](const auto& op, const std::vector<double>& l, const std::vector<double>& s) {
        const diagonal_bounds bounds = diagonal_bounds_of<double>(op, l, s);
        REQUIRE(bounds.rows.size() == s.size());
        REQUIRE(bounds.columns.size() == l.size());
        // || diag(s / rows)^(1/2) K diag(l / columns)^(1/2) || by power iteration, from more than one start.
        const auto scale = [](stack3& a, const std::vector<double>& by, const std::vector<double>& over) {
            const std::size_t per = a.shape(1) * a.shape(2);
            for (std::size_t k = 0; k < a.size(); ++k) a.data()[k] *= std::sqrt(by[k / per] / over[k / per]);
        };
        for (std::uint32_t stream = 0; stream < 3; ++stream) {
            stack3 x = random_array<double, 3>(op.domain_shape(), -0.5, 1, stream), y(op.range_shape());
            double norm = 0;
            for (int k = 0; k < 300; ++k) {
                x /= std::sqrt(dot(stack_view<const double>(as_view(x)), stack_view<const double>(as_view(x))));
                scale(x, l, bounds.columns);
                op.apply(as_view(std::as_const(x)), as_view(y));
                scale(y, s, bounds.rows);
                norm = std::sqrt(dot(stack_view<const double>(as_view(y)), stack_view<const double>(as_view(y))));
                scale(y, s, bounds.rows);
                op.adjoint(as_view(std::as_const(y)), as_view(x));
                scale(x, l, bounds.columns);
            }
            CHECK(norm <= 1 + 1e-9);
            CHECK(norm >= 0.3);
        }
    };
    check(gaussian_blur(shape, {0.8, 1.7}), {0.1, 7}, {1, 0.2});
    check(binning(shape, {2, 2}), {0.1, 7}, {1, 0.2});
    const xt::xtensor<double, 2> mixed{{1, 0.2}, {0.1, 3}, {2, 2}}, with_signs{{1, -0.2}, {0.1, 3}, {-2, 2}};
    check(mixing_operator<double>(mixed, {12, 14}), {0.1, 7}, {1, 0.2, 30});
    check(mixing_operator<double>(with_signs, {12, 14}), {1, 2}, {1, 2, 1});
    check(neighbour_difference{}, {0.5, 1}, {2, 2});
}

TEST_CASE("where no term couples pixels it ends where the convergent scheme ends") {
    const auto check = [](const auto& chemical, const auto& prior, const cost_weights& w) {
        const fusion_solver ours(elastic(), chemical, prior, primal_dual_scheme{}, w);
        const fusion_solver theirs(elastic(), chemical, prior, convergent_scheme{}, w);
        const auto a = ours.solve({.iterations = 300, .stationarity = 1e-7});
        const auto b = theirs.solve({.iterations = 1000, .stationarity = 1e-7});
        const double end = b.history.back().total;
        CHECK(std::abs(a.history.back().total - end) <= 1e-6 * std::abs(end));
        CHECK(support::relative_difference(a.maps, b.maps) <= 1e-3);
        CHECK(never_rises(a));
    };
    const auto maps = random_array<double, 3>(shape, 0, 1, 2);
    check(poisson_likelihood(maps, 0.24), total_variation{}, weights);
    check(poisson_likelihood(maps, 0.24), total_variation{}, {.lambda_chemical = 0.08, .lambda_tv = 0.15});
    check(count_likelihood(stack3(xt::round(20 * maps)), {20.0, 30.0}, 0.3),
          structured_total_variation<coupling::joint, double>{},
          {.lambda_haadf = 50, .lambda_chemical = 1, .lambda_tv = 2});
}

TEST_CASE("composed problems: the same minimum as proximal gradients") {
    SUBCASE("blur") {
        const gaussian_blur blur(shape, {1.3, 0.7});
        check_against_gradients(elastic(), composed_term(poisson_likelihood(measured(blur, 3), 0.5), blur),
                                0.64 + curvature(2.3, 0.5));
    }
    SUBCASE("mixing, of three channels") {
        const mixing_operator<double> mixing({{1, 0.1}, {0.4, 0.5}, {0.05, 1.2}}, {12, 14});
        check_against_gradients(
            elastic(), composed_term(count_likelihood(measured(mixing, 4), std::vector<double>(3, 1), 0.6), mixing),
            0.64 + 3 * curvature(3, 0.6));
    }
    SUBCASE("a sum of binned counts, a pixel-local term, and an operator of which nothing is known") {
        const binning bins(shape, {2, 2}, binned::mean);
        const neighbour_difference difference;
        const sum_of_terms sum(std::array<double, 3>{1, 0.5, 2},
                               composed_term(poisson_likelihood(measured(bins, 5), 0.4), bins),
                               poisson_likelihood(random_array<double, 3>(shape, 0, 1, 6), 0.5),
                               composed_term(gaussian_likelihood(measured(difference, 7), 0.9), difference));
        check_against_gradients(elastic(), sum,
                                0.64 + curvature(2.3, 0.4) + 0.5 * curvature(1, 0.5) + 2 * 0.3 * 2 / 0.81);
    }
    SUBCASE("an elastic term after operators, too") {
        const auto image = product(gaussian_blur({1, 12, 14}, 1.0), mixing_operator<double>({{0.9, 0.6}}, {12, 14}));
        check_against_gradients(composed_term(gaussian_likelihood(measured(image, 8), 1.0), image),
                                poisson_likelihood(random_array<double, 3>(shape, 0, 1, 9), 0.5),
                                0.6 + curvature(1, 0.5));
    }
}

TEST_CASE("a HAADF exponent of 1.6: the objective never rises, down to a stationary point") {
    const gaussian_blur blur(shape, 1.0);
    const fusion_solver solver(elastic(shape, 1.6), composed_term(poisson_likelihood(measured(blur, 10), 0.2), blur),
                               total_variation{}, primal_dual_scheme{}, weights);
    const auto result = solver.solve_from(xt::ones<double>(shape), {.iterations = 400});
    CHECK(never_rises(result));
    CHECK(*result.stationarity <= 1e-4);
    CHECK(*result.sweeps == 4000);
    // The measure by whole arrays.
    const finite_differences differences(shape);
    stack3 g(shape), pull(shape), kx({4, 12, 14});
    const costs at = solver.terms().value_and_gradient(result.maps, g);
    differences.apply(result.maps, kx);
    differences.adjoint(result.duals.p, pull);
    double sum = at.tv - std::inner_product(kx.begin(), kx.end(), result.duals.p.begin(), 0.0);
    sum *= weights.lambda_tv;
    for (std::size_t k = 0; k < g.size(); ++k) {
        const double r = g.data()[k] + weights.lambda_tv * pull.data()[k], x = result.maps.data()[k];
        sum += r > 0 ? r * x : -r * std::max(x, result.duals.scales[k / (12 * 14)]);
    }
    CHECK(std::abs(sum / std::abs(at.total) - *result.stationarity) <= 1e-10);
}

TEST_CASE("the same bits for 1 to 16 threads; thin images; warm starts") {
    for (const stack_shape& s : {stack_shape{3, 40, 70}, stack_shape{2, 1, 90}, stack_shape{2, 90, 1}}) {
        const gaussian_blur blur(s, 1.1);
        const auto maps = random_array<double, 3>(s, 0, 1, 11);
        const fusion_solver solver(
            elastic(s, 1.6),
            sum_of_terms(composed_term(poisson_likelihood(maps, 0.2), blur), poisson_likelihood(maps, 0.3)),
            total_variation{}, primal_dual_scheme{.sweeps = 4}, weights);
        const auto serial = solver.solve_from(maps, {.iterations = 6});
        CHECK(serial.history.back().total < serial.history.front().total);
        for (const std::size_t threads : {2u, 3u, 16u}) {
            thread_pool pool(threads);
            const auto result = solver.solve_from(maps, {.iterations = 6}, pool);
            CHECK(result.maps == serial.maps);
            CHECK(result.duals.p == serial.duals.p);
            CHECK(result.duals.terms == serial.duals.terms);
            CHECK(result.history.back().total == serial.history.back().total);
        }
        const auto more = solver.solve_from(serial, {.iterations = 6});
        CHECK(more.history.front().total == doctest::Approx(serial.history.back().total).epsilon(1e-12));
        CHECK(more.history.back().total < serial.history.back().total);
        auto wrong = serial;
        wrong.duals.terms.push_back(wrong.duals.terms[0]);
        support::check_throws<shape_error>([&] { solver.solve_from(wrong); }, "duals", "2 terms", "must be for 1");
        wrong = serial;
        wrong.duals.terms[0].resize({1, 1, 1});
        support::check_throws<shape_error>([&] { solver.solve_from(wrong); }, "duals");
    }
}

TEST_CASE("weights of 0, in float") {
    const auto maps = random_array<float, 3>(shape, 0, 1, 12);
    const gaussian_blur blur(shape, 1.1);
    const auto haadf = random_array<float, 2>({12, 14}, 0, 1.5, 1);
    for (const cost_weights& w : {cost_weights{.lambda_haadf = 0}, cost_weights{.lambda_chemical = 0},
                                  cost_weights{.lambda_tv = 0}, cost_weights{0, 0, 0}, cost_weights{0, 0, 1}}) {
        const fusion_solver solver(haadf_model(haadf, haadf_response::from_weights({1, 1}, 1.3)),
                                   composed_term(poisson_likelihood(maps, 0.2), blur), total_variation{},
                                   primal_dual_scheme{}, w);
        const auto result = solver.solve_from(maps, {.iterations = 30});
        CHECK(never_rises(result));
        CHECK(std::isfinite(*result.stationarity));
        CHECK(result.duals.terms.size() == (w.lambda_chemical > 0 ? 1u : 0u));
        for (const float v : result.maps) CHECK((v >= 0 && std::isfinite(v)));
    }
}

TEST_CASE("options out of range, before any work") {
    const auto maps = random_array<double, 3>(shape, 0, 1, 12);
    const auto with = [&](const primal_dual_scheme& scheme) {
        return fusion_solver(elastic(), poisson_likelihood(maps, 0.2), total_variation{}, scheme)
            .solve({.iterations = 1});
    };
    support::check_throws<value_error>([&] { with({.sweeps = 0}); }, "sweeps: is 0");
    support::check_throws<value_error>([&] { with({.relaxation = 2}); }, "relaxation", "2");
    support::check_throws<value_error>([&] { with({.balance = 0}); }, "balance", "0");
    support::check_throws<value_error>([&] { with({.newton_steps = 0}); }, "newton_steps: is 0");
    static_assert(!detail::leaves_of<multi_detector_model<stack3>>::known);
}
