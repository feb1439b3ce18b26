#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/testing/properties.hpp>

#include "support.hpp"

using namespace stemfuse;

static_assert(warm_prior<total_variation, float> && warm_prior<total_variation, double>);

namespace {

const std::vector<stack_shape> shapes{{1, 1, 1}, {2, 1, 23}, {2, 19, 1}, {1, 2, 2}, {3, 12, 15}};

// An independent solver in double: Chambolle-Pock's primal-dual iteration on the stacked differences, accelerated for
// the strongly convex data term (J. Math. Imaging Vis. 40, 120 (2011), algorithm 2).
xt::xtensor<double, 3> primal_dual(const xt::xtensor<double, 3>& v, double t, tv_norm norm, bool non_negative) {
    const stack_shape shape{v.shape(0), v.shape(1), v.shape(2)};
    const finite_differences k(shape);
    xt::xtensor<double, 3> u = v, bar = v, step(shape), p = xt::zeros<double>(k.range_shape()), d(k.range_shape());
    const std::size_t half = v.size();
    const double tau = 0.3, sigma = 1 / (8 * tau);
    for (int iteration = 0; iteration < 4000; ++iteration) {
        k.apply(as_view(std::as_const(bar)), as_view(d));
        for (std::size_t i = 0; i < half; ++i) {
            double& py = p.data()[i];
            double& px = p.data()[half + i];
            py += sigma * d.data()[i];
            px += sigma * d.data()[half + i];
            const double length = norm == tv_norm::isotropic ? std::hypot(py, px) / t : 1;
            py /= norm == tv_norm::isotropic ? std::max(1.0, length) : std::max(1.0, std::abs(py) / t);
            px /= norm == tv_norm::isotropic ? std::max(1.0, length) : std::max(1.0, std::abs(px) / t);
        }
        k.adjoint(as_view(std::as_const(p)), as_view(step));
        for (std::size_t i = 0; i < half; ++i) {
            double next = (u.data()[i] + tau * (v.data()[i] - step.data()[i])) / (1 + tau);
            if (non_negative) next = std::max(next, 0.0);
            bar.data()[i] = 2 * next - u.data()[i];
            u.data()[i] = next;
        }
    }
    return u;
}

// FGP as Beck & Teboulle write it, by whole-array operators: every iteration must be theirs, not only the limit.
xt::xtensor<double, 3> plain_fgp(const xt::xtensor<double, 3>& v, double t, std::size_t iterations, tv_norm norm) {
    const stack_shape shape{v.shape(0), v.shape(1), v.shape(2)};
    const finite_differences k(shape);
    xt::xtensor<double, 3> u(shape), p = xt::zeros<double>(k.range_shape()), r = p, d(k.range_shape());
    const auto primal = [&](const xt::xtensor<double, 3>& dual) {
        k.adjoint(dual, u);
        u = xt::maximum(v - t * u, 0.0);
    };
    double momentum = 1;
    for (std::size_t iteration = 0; iteration < iterations; ++iteration) {
        primal(r);
        k.apply(u, d);
        const double next = (1 + std::sqrt(1 + 4 * momentum * momentum)) / 2;
        for (std::size_t i = 0; i < v.size(); ++i) {
            double y = r.data()[i] + d.data()[i] / (8 * t),
                   x = r.data()[v.size() + i] + d.data()[v.size() + i] / (8 * t);
            const double length = std::max(1.0, std::hypot(y, x));
            y = norm == tv_norm::isotropic ? y / length : std::clamp(y, -1.0, 1.0);
            x = norm == tv_norm::isotropic ? x / length : std::clamp(x, -1.0, 1.0);
            r.data()[i] = y + (momentum - 1) / next * (y - p.data()[i]);
            r.data()[v.size() + i] = x + (momentum - 1) / next * (x - p.data()[v.size() + i]);
            p.data()[i] = y;
            p.data()[v.size() + i] = x;
        }
        momentum = next;
    }
    primal(p);
    return u;
}

}  // namespace

TEST_CASE_TEMPLATE("every iteration is the algorithm's, for all cuts into tiles, rows and remainders", T, float,
                   double) {
    std::mt19937 engine(support::seed());
    std::vector<stack_shape> cases{{1, 300, 700}, {2, 5, 1030}, {1, 1100, 3}};
    for (int i = 0; i < 60; ++i) cases.push_back({1 + engine() % 2, 1 + engine() % 70, 1 + engine() % 70});
    thread_pool pool(7);
    for (const auto& shape : cases) {
        const std::size_t iterations = 1 + engine() % 40;
        const tv_norm norm = engine() % 2 == 0 ? tv_norm::isotropic : tv_norm::anisotropic;
        CAPTURE(to_string(shape));
        CAPTURE(iterations);
        CAPTURE(static_cast<int>(norm));
        const auto v = support::random_array<T, 3>(shape, -0.3, 1, 4);
        xt::xtensor<T, 3> u(shape), threaded(shape);
        const total_variation tv{.norm = norm, .iterations = iterations};
        tv.prox(v, 0.2, u);
        CHECK(support::relative_difference(u, plain_fgp(xt::cast<double>(v), 0.2, iterations, norm)) <=
              10 * support::tolerance<T>::rounding);
        tv.prox(v, 0.2, threaded, pool);
        CHECK(u == threaded);
    }
}

TEST_CASE_TEMPLATE("sweeps follow one another without a seam", T, float, double) {
    // Without momentum the duals are the whole state: 40 steps in two sweeps, or 20 and 20 with the duals in between.
    const auto v = support::random_array<T, 3>({2, 90, 520}, -0.3, 1);
    for (const auto algorithm : {tv_algorithm::gp, tv_algorithm::chambolle}) {
        xt::xtensor<T, 3> all(v.shape()), part(v.shape()), duals;
        total_variation{.algorithm = algorithm, .iterations = 40}.prox(v, 0.1, all);
        total_variation{.algorithm = algorithm, .iterations = 20}.prox(v, 0.1, part, duals);
        total_variation{.algorithm = algorithm, .iterations = 20}.prox(v, 0.1, part, duals);
        CHECK(part == all);
    }
}

TEST_CASE_TEMPLATE("tiny and huge t, and large values, stay finite", T, float, double) {
    for (const double scale : {1e-6, 1.0, 1e6}) {
        const auto v = support::random_array<T, 3>({1, 20, 30}, -0.3 * scale, scale);
        for (const double t : {1e-30, 1e-10, 1e10, 1e30}) {
            xt::xtensor<T, 3> u(v.shape());
            total_variation{.iterations = 50}.prox(v, t, u);
            CAPTURE(scale);
            CAPTURE(t);
            for (const T x : u) REQUIRE(std::isfinite(x));
            if (t < 1e-9 * scale) CHECK(support::relative_difference(u, xt::eval(xt::maximum(v, T(0)))) <= 1e-6);
        }
    }
}

TEST_CASE_TEMPLATE("the value against the norm of the differences", T, float, double) {
    for (const auto& shape : shapes) {
        const auto x = support::random_array<T, 3>(shape, -1, 1);
        xt::xtensor<T, 3> d({2 * shape[0], shape[1], shape[2]});
        finite_differences(shape).apply(as_view(x), as_view(d));
        double isotropic = 0, anisotropic = 0;
        for (std::size_t k = 0; k < x.size(); ++k) {
            const double dy = d.data()[k], dx = d.data()[x.size() + k];
            isotropic += std::hypot(dy, dx);
            anisotropic += std::abs(dy) + std::abs(dx);
        }
        CHECK(std::abs(total_variation{}.value(x) - isotropic) <= support::tolerance<T>::rounding * (1 + isotropic));
        CHECK(std::abs(total_variation{.norm = tv_norm::anisotropic}.value(x) - anisotropic) <=
              support::tolerance<T>::rounding * (1 + anisotropic));
    }
}

TEST_CASE_TEMPLATE("prox: optimal under perturbation, within the gap, equal to an independent solver", T, float,
                   double) {
    for (const auto& shape : shapes) {
        for (const auto norm : {tv_norm::isotropic, tv_norm::anisotropic}) {
            for (const bool non_negative : {true, false}) {
                const auto v = support::random_array<T, 3>(shape, -0.6, 1.4, 2);
                const xt::xtensor<double, 3> exact = primal_dual(xt::cast<double>(v), 0.3, norm, non_negative);
                for (const auto algorithm : {tv_algorithm::fgp, tv_algorithm::gp, tv_algorithm::chambolle}) {
                    CAPTURE(to_string(shape));
                    CAPTURE(static_cast<int>(norm));
                    CAPTURE(non_negative);
                    CAPTURE(static_cast<int>(algorithm));
                    const total_variation tv{.norm = norm,
                                             .algorithm = algorithm,
                                             .iterations = 3000,
                                             .report_gap = true,
                                             .non_negative = non_negative};
                    xt::xtensor<T, 3> u(shape);
                    const auto report = tv.prox(v, 0.3, u);
                    CHECK(report.iterations == 3000);
                    REQUIRE(report.gap.has_value());
                    CHECK(*report.gap >= -support::tolerance<T>::rounding);
                    // 1/2 ||u - exact||^2 <= gap, up to rounding and the independent solver's own error.
                    double distance = 0;
                    for (std::size_t k = 0; k < u.size(); ++k) distance += std::pow(u.data()[k] - exact.data()[k], 2);
                    CHECK(distance / 2 <= *report.gap + support::tolerance<T>::prox);
                    CHECK(support::relative_difference(u, exact) <= 5e-3);
                    if (algorithm == tv_algorithm::fgp && non_negative) {
                        const auto found = check_prox<T>(tv, shape, 0.3);
                        CHECK(found.descent <= support::tolerance<T>::prox);
                        CHECK(found.expansion <= support::tolerance<T>::prox);
                    }
                }
            }
        }
    }
}

TEST_CASE("FGP converges as its theory says, and faster than GP") {
    const auto v = support::random_array<double, 3>({1, 40, 50}, -0.5, 1.5);
    xt::xtensor<double, 3> u(v.shape());
    const auto gap_after = [&](tv_algorithm algorithm, std::size_t iterations) {
        return *total_variation{.algorithm = algorithm, .iterations = iterations, .report_gap = true}
                    .prox(v, 0.3, u)
                    .gap;
    };
    CHECK(gap_after(tv_algorithm::fgp, 50) < gap_after(tv_algorithm::gp, 50));
    CHECK(gap_after(tv_algorithm::fgp, 400) < gap_after(tv_algorithm::fgp, 50) / 10);
    CHECK(gap_after(tv_algorithm::chambolle, 400) < gap_after(tv_algorithm::chambolle, 50) / 2);
}

TEST_CASE("a step between two plateaus, solved by hand") {
    // 1D, five pixels at 0 and three at 1: the prox moves each plateau by t / length towards the other.
    const xt::xtensor<double, 3> v{{{0, 0, 0, 0, 0, 1, 1, 1}}};
    xt::xtensor<double, 3> u(v.shape());
    total_variation{.iterations = 20000}.prox(v, 0.15, u);
    CHECK(std::abs(u(0, 0, 2) - 0.03) <= 1e-6);
    CHECK(std::abs(u(0, 0, 6) - 0.95) <= 1e-6);
    // Too large a t: the mean. With a negative mean: zero.
    total_variation{.iterations = 20000}.prox(v, 10.0, u);
    CHECK(std::abs(u(0, 0, 0) - 0.375) <= 1e-4);
    const xt::xtensor<double, 3> negative = v - 1.0;
    total_variation{.iterations = 200}.prox(negative, 10.0, u);
    CHECK(u(0, 0, 0) == 0);
    total_variation{.iterations = 20000, .non_negative = false}.prox(negative, 10.0, u);
    CHECK(std::abs(u(0, 0, 0) + 0.625) <= 1e-4);
}

TEST_CASE_TEMPLATE("t = 0 is the projection", T, float, double) {
    const auto v = support::random_array<T, 3>({2, 5, 6}, -1, 1);
    xt::xtensor<T, 3> u(v.shape());
    total_variation{}.prox(v, 0, u);
    CHECK(u == xt::maximum(v, T(0)));
}

TEST_CASE("stopping on the gap, and warm duals") {
    const auto v = support::random_array<double, 3>({2, 30, 40}, 0, 1);
    xt::xtensor<double, 3> u(v.shape()), again(v.shape()), duals;
    const total_variation tv{.iterations = 5000, .gap_tolerance = 1e-5};
    const auto cold = tv.prox(v, 0.2, u, duals);
    CHECK(cold.iterations < 5000);
    CHECK(cold.iterations % 5 == 0);
    double norm2 = 0;
    for (const double x : v) norm2 += x * x;
    CHECK(*cold.gap <= 1e-5 * norm2 / 2);
    // Started from where it ended, it is done at the first look, and stays there.
    const auto warm = tv.prox(v, 0.2, again, duals);
    CHECK(warm.iterations == 5);
    CHECK(*warm.gap <= *cold.gap * 1.5);
    CHECK(support::relative_difference(again, u) <= 1e-2);
    // Cold calls remember nothing.
    xt::xtensor<double, 3> first(v.shape()), second(v.shape());
    total_variation{.iterations = 3}.prox(v, 0.2, first);
    total_variation{.iterations = 3}.prox(v, 0.2, second);
    CHECK(first == second);
    // Zero duals given by hand are a cold start.
    xt::xtensor<double, 3> zero = xt::zeros<double>({4, 30, 40});
    total_variation{.iterations = 3}.prox(v, 0.2, second, zero);
    CHECK(first == second);
}

TEST_CASE_TEMPLATE("the same bits for every number of threads; input untouched; any memory", T, float, double) {
    const auto v = support::random_array<T, 3>({2, 150, 230}, -0.2, 1);
    const auto copy = v;
    xt::xtensor<T, 3> serial(v.shape()), threaded(v.shape());
    const total_variation tv{.iterations = 12, .report_gap = true};
    const auto gap = tv.prox(v, 0.1, serial).gap;
    for (const std::size_t threads : {2u, 3u, 8u}) {
        thread_pool pool(threads);
        CHECK(tv.prox(v, 0.1, threaded, pool).gap == gap);
        CHECK(threaded == serial);
    }
    CHECK(v == copy);
    xt::xtensor<T, 3, xt::layout_type::column_major> columns(v.shape());
    tv.prox(xt::view(v, xt::all(), xt::all(), xt::all()), 0.1, columns);
    CHECK(columns == serial);
    // Elements do not see one another.
    const xt::xtensor<T, 3> second = xt::view(v, xt::range(1, 2), xt::all(), xt::all());
    xt::xtensor<T, 3> alone(second.shape());
    tv.prox(second, 0.1, alone);
    CHECK(alone == xt::view(serial, xt::range(1, 2), xt::all(), xt::all()));
}

TEST_CASE("bad arguments") {
    using support::check_throws;
    xt::xtensor<float, 3> v = xt::ones<float>({2, 3, 4}), u({2, 3, 4}), other({2, 3, 5}),
                          duals = xt::zeros<float>({2, 3, 4});
    check_throws<shape_error>([&] { total_variation{}.prox(v, 0.1, other); }, "out", "(2, 3, 5)", "(2, 3, 4)");
    check_throws<value_error>([&] { total_variation{}.prox(v, -0.1, u); }, "t: ", "-0.1");
    check_throws<value_error>([&] { total_variation{.iterations = 0}.prox(v, 0.1, u); },
                              "iterations: is 0, must be in [1, 10000000]");
    check_throws<value_error>([&] { total_variation{}.prox(v, 0.1, v); }, "out", "shares memory with v");
    check_throws<shape_error>([&] { total_variation{}.prox(v, 0.1, u, duals); }, "duals", "(2, 3, 4)", "(4, 3, 4)");
    check_throws<value_error>([&] { total_variation{.gap_tolerance = -1}.prox(v, 0.1, u); }, "gap_tolerance", "-1");
    const xt::xtensor<float, 3> none({2, 0, 4});
    check_throws<shape_error>([&] { total_variation{}.prox(none, 0.1, other); }, "v", "empty");
}
