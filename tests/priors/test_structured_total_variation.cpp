#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/analysis/properties.hpp>
#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/published_scheme.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

template <class T>
using joint_tv = structured_total_variation<coupling::joint, T>;
static_assert(warm_prior<joint_tv<float>, float> && warm_prior<joint_tv<double>, double>);
static_assert(dual_prior<joint_tv<float>, float> && dual_prior<joint_tv<double>, double>);
static_assert(!prior<joint_tv<float>, double> && !prior<joint_tv<double>, float>);

using array = xt::xtensor<double, 3>;
const std::vector<stack_shape> shapes{{1, 1, 1}, {2, 1, 23}, {2, 19, 1}, {1, 2, 2}, {3, 12, 15}, {2, 5, 300}};

template <class T, coupling Coupling>
struct with {
    using scalar = T;
    static constexpr coupling kind = Coupling;
    using prior = structured_total_variation<Coupling, T>;
};
#define EVERY_COUPLING                                                                       \
    with<float, coupling::none>, with<double, coupling::none>, with<float, coupling::joint>, \
        with<double, coupling::joint>

array field(const stack_shape& shape) {
    return support::random_array<double, 3>({2, shape[1], shape[2]}, -0.7, 0.7, 99);
}

template <class T>
directional_field<T> direction(const stack_shape& shape) {
    return directional_field<T>(field(shape));
}

// The prior by whole arrays in double: K = A grad pixel by pixel, the norm, and the projection on its dual's ball, by
// the singular value decomposition of every pixel's matrix.
struct reference {
    stack_shape shape;
    coupling kind;
    array q;

    reference(const stack_shape& of, coupling couples, bool directed)
        : shape(of), kind(couples), q(directed ? field(of) : array(xt::zeros<double>({std::size_t{2}, of[1], of[2]}))) {
        for (std::size_t x = 0; x < of[2]; ++x) q(0, of[1] - 1, x) = 0;
        for (std::size_t y = 0; y < of[1]; ++y) q(1, y, of[2] - 1) = 0;
    }

    stack_shape domain_shape() const { return shape; }
    stack_shape range_shape() const { return {2 * shape[0], shape[1], shape[2]}; }

    void bend(array& d) const {
        for_each_pixel([&](std::size_t r, std::size_t c) {
            for (std::size_t i = 0; i < shape[0]; ++i) {
                double &y = d(i, r, c), &x = d(shape[0] + i, r, c);
                const double along = q(0, r, c) * y + q(1, r, c) * x;
                y -= along * q(0, r, c);
                x -= along * q(1, r, c);
            }
        });
    }
    array forward(const array& x) const {
        array d(range_shape());
        finite_differences(shape).apply(x, d);
        bend(d);
        return d;
    }
    array backward(array p) const {
        array x(shape);
        bend(p);
        finite_differences(shape).adjoint(p, x);
        return x;
    }

    // Calls f(first map, one past the last) for the maps of one norm.
    template <class F>
    void for_each_group(F&& f) const {
        if (kind != coupling::none) return f(0, shape[0]);
        for (std::size_t i = 0; i < shape[0]; ++i) f(i, i + 1);
    }
    template <class F>
    void for_each_pixel(F&& f) const {
        for (std::size_t r = 0; r < shape[1]; ++r)
            for (std::size_t c = 0; c < shape[2]; ++c) f(r, c);
    }

    double norm(const array& d) const {
        double sum = 0;
        for_each_pixel([&](std::size_t r, std::size_t c) {
            for_each_group([&](std::size_t first, std::size_t last) {
                double squares = 0;
                for (std::size_t i = first; i < last; ++i) {
                    squares += std::pow(d(i, r, c), 2) + std::pow(d(shape[0] + i, r, c), 2);
                }
                sum += std::sqrt(squares);
            });
        });
        return sum;
    }
    void project(array& p) const {
        for_each_pixel([&](std::size_t r, std::size_t c) {
            for_each_group([&](std::size_t first, std::size_t last) {
                double squares = 0;
                for (std::size_t i = first; i < last; ++i) {
                    squares += std::pow(p(i, r, c), 2) + std::pow(p(shape[0] + i, r, c), 2);
                }
                for (std::size_t i = first; i < last; ++i) {
                    p(i, r, c) /= std::max(1.0, std::sqrt(squares));
                    p(shape[0] + i, r, c) /= std::max(1.0, std::sqrt(squares));
                }
            });
        });
    }

    // prox(v, t) by Chambolle & Pock's primal-dual iteration with constant steps.
    array prox(const array& v, double t, bool non_negative) const {
        array u = v, bar = v, p = xt::zeros<double>(range_shape());
        const double tau = 0.3, sigma = 1 / (8 * tau);
        for (int k = 0; k < 6000; ++k) {
            p = p + sigma / t * forward(bar);
            project(p);
            const array pull = backward(p);
            for (std::size_t i = 0; i < u.size(); ++i) {
                double next = (u.data()[i] + tau * (v.data()[i] - t * pull.data()[i])) / (1 + tau);
                if (non_negative) next = std::max(next, 0.0);
                bar.data()[i] = 2 * next - u.data()[i];
                u.data()[i] = next;
            }
        }
        return u;
    }
};

// Forward by whole arrays, adjoint by the prior's rows, cut into segments of `cut` pixels, after rest(): K^T takes
// duals whose parts that K never moves are 0.
template <class Prior, class T>
struct by_rows : reference {
    const Prior& prior;
    std::size_t cut = 1000;

    void adjoint(const stack_view<const T>& p, const stack_view<T>& out, const execution&) const {
        const xt::xtensor<T, 3> zero = xt::zeros<T>({p.shape[0], std::size_t{1}, p.shape[2]});
        xt::xtensor<T, 3> rested = detail::packed_copy<T, 3>(p, "p");
        dual_kernels<Prior>{prior}.rest(as_view(rested));
        row_pointers<const T> rows(as_view(std::as_const(rested))), above(as_view(std::as_const(rested))),
            zeros(as_view(zero));
        row_pointers<T> to(out);
        for (std::size_t y = 0; y < shape[1]; ++y) {
            for (std::size_t x = 0; x < shape[2]; x += cut) {
                dual_kernels<Prior>{prior}.adjoint({y, x, std::min(cut, shape[2] - x)}, shape[0], rows.at(y),
                                                   y > 0 ? above.at(y - 1) : zeros.at(0), to.at(y, x));
            }
        }
    }
    void apply(const stack_view<const T>& x, const stack_view<T>& out, const execution&) const {
        const array wide = detail::packed_copy<double, 3>(x, "x");
        const array d = forward(wide);
        std::transform(d.begin(), d.end(), out.data, [](double v) { return static_cast<T>(v); });
    }
};

// The duals after one ascent from p in all rows.
template <class Prior, class T>
xt::xtensor<T, 3> ascended(const Prior& prior, const xt::xtensor<T, 3>& x, xt::xtensor<T, 3> p, T step) {
    const std::size_t n = x.shape(0), ny = x.shape(1), nx = x.shape(2);
    xt::xtensor<T, 3> room({n, ny, nx + lanes<T>});
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t y = 0; y < ny; ++y)
            for (std::size_t c = 0; c < nx + lanes<T>; ++c) room(i, y, c) = x(i, y, std::min(c, nx - 1));
    const std::vector<T> steps(n, step);
    row_pointers<const T> rows(as_view(std::as_const(room))), below(as_view(std::as_const(room)));
    row_pointers<T> duals(as_view(p));
    for (std::size_t y = 0; y < ny; ++y) {
        dual_kernels<Prior>{prior}.ascend({y, 0, nx}, n, rows.at(y), below.at(std::min(y + 1, ny - 1)), duals.at(y),
                                          steps.data());
    }
    return p;
}

template <class T>
xt::xtensor<T, 3> transposed(const xt::xtensor<T, 3>& x) {
    xt::xtensor<T, 3> to({x.shape(0), x.shape(2), x.shape(1)});
    for (std::size_t i = 0; i < x.shape(0); ++i)
        for (std::size_t y = 0; y < x.shape(1); ++y)
            for (std::size_t c = 0; c < x.shape(2); ++c) to(i, c, y) = x(i, y, c);
    return to;
}

// The images of a stack in the opposite order.
template <class T>
xt::xtensor<T, 3> reversed(const xt::xtensor<T, 3>& x) {
    xt::xtensor<T, 3> to(x.shape());
    for (std::size_t i = 0; i < x.shape(0); ++i) xt::view(to, i) = xt::view(x, x.shape(0) - 1 - i);
    return to;
}

}  // namespace

TEST_CASE_TEMPLATE("the rows of K^T are the adjoint of A grad at all borders", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const auto& shape : shapes) {
        CAPTURE(to_string(shape));
        for (const bool directed : {false, true}) {
            typename C::prior prior;
            if (directed) prior.direction = direction<T>(shape);
            by_rows<typename C::prior, T> op{{shape, C::kind, directed}, prior};
            CHECK(adjoint_mismatch<T>(op) <= support::tolerance<T>::adjoint);
            op.cut = 128;
            CHECK(adjoint_mismatch<T>(op) <= support::tolerance<T>::adjoint);
        }
    }
}

TEST_CASE_TEMPLATE("the value and the ascent against whole arrays", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const auto& shape : shapes) {
        CAPTURE(to_string(shape));
        for (const bool directed : {false, true}) {
            const reference whole(shape, C::kind, directed);
            typename C::prior prior;
            if (directed) prior.direction = direction<T>(shape);
            const auto x = support::random_array<T, 3>(shape, -1, 1, 3);
            const double expected = whole.norm(whole.forward(x));
            CHECK(std::abs(prior.value(x) - expected) <= support::tolerance<T>::rounding * (1 + expected));
            array p = support::random_array<double, 3>(whole.range_shape(), -1, 1, 4);
            dual_kernels<total_variation>{total_variation{}}.rest(as_view(p));
            const auto moved = ascended<typename C::prior, T>(prior, x, p, T(0.7));
            p = p + 0.7 * whole.forward(x);
            whole.project(p);
            CHECK(support::relative_difference(moved, p) <= support::tolerance<T>::rounding);
        }
    }
}

TEST_CASE_TEMPLATE("one map without a direction is total variation", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    const auto v = support::random_array<T, 3>({1, 30, 41}, -0.3, 1, 5);
    const total_variation tv{.iterations = 20};
    const typename C::prior prior{.iterations = 20};
    CHECK(std::abs(prior.value(v) - tv.value(v)) <= support::tolerance<T>::rounding * tv.value(v));
    xt::xtensor<T, 3> u(v.shape()), expected(v.shape());
    prior.prox(v, 0.2, u);
    tv.prox(v, 0.2, expected);
    CHECK(support::relative_difference(u, expected) <= 10 * support::tolerance<T>::rounding);
}

TEST_CASE_TEMPLATE("the prox against an independent solution, within its gap", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const stack_shape& shape : {stack_shape{3, 12, 15}, stack_shape{2, 1, 23}, stack_shape{2, 9, 1}}) {
        CAPTURE(to_string(shape));
        const auto v = support::random_array<T, 3>(shape, -0.3, 1, 6);
        for (const bool directed : {false, true}) {
            for (const bool non_negative : {true, false}) {
                const array expected = reference(shape, C::kind, directed).prox(v, 0.15, non_negative);
                typename C::prior prior{.report_gap = true, .non_negative = non_negative};
                if (directed) prior.direction = direction<T>(shape);
                double last = 1e300;
                for (const std::size_t iterations : {3u, 10u, 100u, 1000u}) {
                    prior.iterations = iterations;
                    xt::xtensor<T, 3> u(shape);
                    const prox_report report = prior.prox(v, 0.15, u);
                    CHECK(report.iterations == iterations);
                    double error = 0;
                    for (std::size_t k = 0; k < u.size(); ++k) error += std::pow(u.data()[k] - expected.data()[k], 2);
                    const double rounding = 10 * support::tolerance<T>::rounding;
                    CHECK(error / 2 <= *report.gap + rounding);
                    CHECK(*report.gap >= -rounding);
                    CHECK(*report.gap < last);
                    last = std::max(*report.gap, rounding);
                    if (iterations == 1000) CHECK(std::sqrt(error) <= (sizeof(T) == 4 ? 1e-4 : 1e-6));
                }
            }
        }
    }
}

namespace {

// A convex fusion: HAADF exponent 1.
template <class Prior, class Scheme>
auto solver_of(const stack_shape& shape, Prior prior, Scheme scheme) {
    using T = typename decltype(prior.direction)::value_type;
    return fusion_solver(haadf_model(support::random_array<T, 2>({shape[1], shape[2]}, 0, 1, 1),
                                     haadf_response::from_weights(std::vector<double>(shape[0], 2.0 / 3), 1)),
                         poisson_likelihood(support::random_array<T, 3>(shape, 0, 1, 2), 0.24), std::move(prior),
                         scheme, cost_weights{});
}

}  // namespace

TEST_CASE_TEMPLATE("the convergent scheme ends where proximal gradients do, and never rises", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    const stack_shape shape{3, 20, 18};
    for (const bool directed : {false, true}) {
        typename C::prior prior;
        if (directed) prior.direction = direction<T>(shape);
        const auto solver = solver_of(shape, prior, convergent_scheme{});
        const auto result = solver.solve({.iterations = 3000, .stationarity = 1e-4});
        CHECK(result.reason == stop_reason::stationarity);
        for (std::size_t k = 1; k < result.history.size(); ++k) {
            CHECK(result.history[k].total <= result.history[k - 1].total);
        }

        const auto& f = solver.terms();
        const reference whole(shape, C::kind, directed);
        xt::xtensor<T, 3> x = support::random_array<T, 3>(shape, 0, 1, 2), g(shape), v(shape);
        prior.iterations = 30;
        typename C::prior::template duals<T> duals;
        const T step = T(0.2);
        for (int k = 0; k < 1000; ++k) {
            f.value_and_gradient(x, g);
            v = x - step * g;
            prior.prox(v, static_cast<double>(step) * f.lambda_tv(), x, duals);
        }
        const double lowest = f.value(x).total, reached = result.history.back().total;
        CHECK(reached <= lowest + 1e-4 * lowest);
        CHECK(reached >= lowest - 1e-5 * lowest);
    }
}

TEST_CASE("a direction of another shape is refused before a solve and by every call") {
    joint_tv<double> prior{.direction = direction<double>({1, 20, 17})};
    const auto says = [](auto&& call) {
        support::check_throws<shape_error>(call, "direction", "(2, 20, 17)", "(2, 20, 18)");
    };
    array x = xt::zeros<double>({3, 20, 18}), u = x;
    says([&] { prior.value(x); });
    says([&] { prior.prox(x, 0.1, u); });
    says([&] { solver_of({3, 20, 18}, prior, convergent_scheme{}).solve({.iterations = 1}); });
}
