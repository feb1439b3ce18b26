// Checks that a downstream author runs on operators, terms and priors of their own. They measure; the caller judges.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <stemfuse/operators/linear_operator.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// Reproducible numbers in [lowest, highest), multiples of 1/256 so that sums with small dyadic steps are exact in float
// too.
template <scalar T>
xt::xtensor<T, 3> dyadic_stack(const stack_shape& shape, double lowest, double highest, std::uint32_t seed) {
    xt::xtensor<T, 3> a(shape);
    std::uint64_t state = seed + 1;
    for (auto& v : a) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double u = static_cast<double>(state >> 40) / 16777216.0;
        v = static_cast<T>(std::floor((lowest + u * (highest - lowest)) * 256) / 256);
    }
    return a;
}

}  // namespace detail

/// | <K x, y> - <x, K^T y> | / ( ||K x|| ||y|| + ||x|| ||K^T y|| ) for pseudo-random x and y: rounding for a true
/// adjoint.
template <scalar T, linear_operator<T> Op>
double adjoint_mismatch(const Op& op, std::uint32_t seed = 1) {
    const auto x = detail::dyadic_stack<T>(op.domain_shape(), -1, 1, seed);
    const auto y = detail::dyadic_stack<T>(op.range_shape(), -1, 1, seed + 7919);
    xt::xtensor<T, 3> kx(op.range_shape()), kty(op.domain_shape());
    op.apply(as_view(x), as_view(kx), execution{});
    op.adjoint(as_view(y), as_view(kty), execution{});
    const auto inner = [](const xt::xtensor<T, 3>& a, const xt::xtensor<T, 3>& b) {
        return dot<T>(as_view(a), as_view(b));
    };
    const double scale = std::sqrt(inner(kx, kx) * inner(y, y)) + std::sqrt(inner(x, x) * inner(kty, kty));
    return scale == 0 ? 0 : std::abs(inner(kx, y) - inner(x, kty)) / scale;
}

/// How well a gradient fits its term at x along d.
struct gradient_report {
    /// The order at which | f(x + h d) - f(x) - h <grad, d> | vanishes with h: 2 for a right gradient and 1 for a wrong
    /// one (no number where the term is linear along d).
    double slope;
    /// | (f(x + h d) - f(x - h d)) / 2h - <grad, d> | at the smallest h, relative to the sum of |grad_k d_k|.
    double difference;
};

/// Checks a term at pseudo-random maps in [0.25, 1.25) along a direction in [0.25, 0.75), with four halvings of h from
/// 2^-4 in float, 2^-9 in double: small enough for the cubic remainder, large enough for the rounding of f.
template <scalar T, smooth_term<T> Term>
gradient_report check_gradient(const Term& term, std::uint32_t seed = 1) {
    const auto x = detail::dyadic_stack<T>(term.shape(), 0.25, 1.25, seed);
    const auto d = detail::dyadic_stack<T>(term.shape(), 0.25, 0.75, seed + 7919);
    xt::xtensor<T, 3> g(term.shape()), moved(term.shape());
    const double f0 = term.value_and_gradient(as_view(x), as_view(g), execution{});
    const double along = dot<T>(as_view(std::as_const(g)), as_view(d));
    const auto f_at = [&](double h) {
        for (std::size_t k = 0; k < x.size(); ++k) moved.data()[k] = x.data()[k] + static_cast<T>(h) * d.data()[k];
        return static_cast<double>(term.value(as_view(std::as_const(moved)), execution{}));
    };
    // The least-squares slope of log2 |remainder| against log2 h.
    double h = std::ldexp(1.0, sizeof(T) == 4 ? -4 : -9), slope = 0;
    for (const double weight : {0.3, 0.1, -0.1, -0.3}) {
        slope += weight * std::log2(std::abs(f_at(h) - f0 - h * along));
        if (weight > -0.3) h /= 2;
    }
    double scale = 0;
    for (std::size_t k = 0; k < g.size(); ++k)
        scale += std::abs(static_cast<double>(g.data()[k]) * static_cast<double>(d.data()[k]));
    return {slope, std::abs((f_at(h) - f_at(-h)) / (2 * h) - along) / scale};
}

/// The largest || grad f(x) - grad f(y) || / (L || x - y ||) found, with L the term's curvature_bound: above 1 it is no
/// bound. From pseudo-random x in [0, 1) and from 0, where likelihoods of counts bend most, by short steps.
template <scalar T, smooth_term<T> Term>
    requires bounded_curvature<Term>
double curvature_ratio(const Term& term, std::uint32_t seed = 1) {
    const stack_shape shape = term.shape();
    const double bound = term.curvature_bound(execution{});
    double largest = 0;
    xt::xtensor<T, 3> at_x(shape), at_y(shape);
    for (std::uint32_t k = 0; k < 8; ++k) {
        auto x = detail::dyadic_stack<T>(shape, 0, 1, seed + k);
        if (k < 4) x.fill(T(0));
        xt::xtensor<T, 3> step = detail::dyadic_stack<T>(shape, 0, 1, seed + 7919 + k) / T(64);
        const xt::xtensor<T, 3> y = x + step;
        term.value_and_gradient(as_view(std::as_const(x)), as_view(at_x), execution{});
        term.value_and_gradient(as_view(y), as_view(at_y), execution{});
        at_y -= at_x;
        const auto length = [](const xt::xtensor<T, 3>& a) { return std::sqrt(dot<T>(as_view(a), as_view(a))); };
        largest = std::max(largest, length(at_y) / (bound * length(step)));
    }
    return largest;
}

/// How far prox_{t R} is from a proximal operator. Both figures are about 0 (rounding, and the prox's own accuracy) for
/// a true one.
struct prox_check {
    /// The largest relative decrease of 1/2 ||u - v||^2 + t R(u) found by moving the output u to other points u >= 0.
    double descent;
    /// The excess of ||prox a - prox b||^2 over <prox a - prox b, a - b>, relative to ||a - b||^2; 0 for none.
    double expansion;
};

/// Checks the prox of R at t on maps of this shape, pseudo-random in [-0.5, 1.5): from its output into eight random
/// directions by 2^-1 to 2^-12, and in single pixels. Throws what the prior throws.
template <scalar T, prior<T> Prior>
prox_check check_prox(const Prior& r, const stack_shape& shape, double t, std::uint32_t seed = 1) {
    const auto prox = [&](const xt::xtensor<T, 3>& v) {
        xt::xtensor<T, 3> u(shape);
        r.prox(as_view(v), t, as_view(u), execution{});
        return u;
    };
    const auto difference = [](const xt::xtensor<T, 3>& a, const xt::xtensor<T, 3>& b) {
        xt::xtensor<T, 3> c = a - b;
        return c;
    };
    const auto inner = [](const xt::xtensor<T, 3>& a, const xt::xtensor<T, 3>& b) {
        return dot<T>(as_view(a), as_view(b));
    };
    const auto a = detail::dyadic_stack<T>(shape, -0.5, 1.5, seed);
    const auto b = detail::dyadic_stack<T>(shape, -0.5, 1.5, seed + 1);
    const auto pa = prox(a), pb = prox(b);
    const auto cost = [&](const xt::xtensor<T, 3>& u) {
        const auto e = difference(u, a);
        return inner(e, e) / 2 + t * r.value(as_view(u), execution{});
    };
    const double reached = cost(pa);
    prox_check report{0, 0};
    xt::xtensor<T, 3> u(shape);
    const auto try_point = [&] { report.descent = std::max(report.descent, (reached - cost(u)) / reached); };
    for (std::uint32_t trial = 0; trial < 8; ++trial) {
        const auto direction = detail::dyadic_stack<T>(shape, -1, 1, seed + 100 + trial);
        for (int e = -1; e >= -12; --e) {
            for (std::size_t k = 0; k < u.size(); ++k) {
                u.data()[k] = std::max(T(0), pa.data()[k] + static_cast<T>(std::ldexp(1.0, e)) * direction.data()[k]);
            }
            try_point();
        }
    }
    for (std::size_t k = 0; k < u.size(); k += std::max<std::size_t>(1, u.size() / 64)) {
        for (const double h : {-0.1, -0.001, 0.001, 0.1}) {
            u = pa;
            u.data()[k] = std::max(T(0), u.data()[k] + static_cast<T>(h));
            try_point();
        }
    }
    const auto moved = difference(pa, pb), given = difference(a, b);
    report.expansion = std::max(0.0, (inner(moved, moved) - inner(moved, given)) / inner(given, given));
    return report;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
