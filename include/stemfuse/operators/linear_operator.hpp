// Linear operators between stacks, each with its adjoint, and their norms.
#pragma once

#include <cmath>
#include <cstdint>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse {

/// A linear operator K on stacks of T: apply(x, out) writes out = K x, adjoint(y, out) writes out = K^T y.
template <class Op, class T>
concept linear_operator = requires(const Op& op, stack_view<const T> in, stack_view<T> out, execution exec) {
    { op.domain_shape() } -> std::convertible_to<stack_shape>;
    { op.range_shape() } -> std::convertible_to<stack_shape>;
    op.apply(in, out, exec);
    op.adjoint(in, out, exec);
};

/// The sum of the products of two stacks of one shape, added in double precision and in row order.
template <class T>
double dot(const stack_view<const T>& a, const stack_view<const T>& b, const execution& exec = {}) {
    const std::size_t n = a.shape[0], ny = a.shape[1], nx = a.shape[2];
    return sum_over_rows(n * ny, nx, exec, [&](std::size_t r) {
        const T* const p = a.row(r / ny, r % ny);
        const T* const q = b.row(r / ny, r % ny);
        double sum = 0;
        for (std::size_t x = 0; x < nx; ++x) sum += static_cast<double>(p[x]) * static_cast<double>(q[x]);
        return sum;
    });
}

/// The operator norm ||K||_2 by power iteration on K^T K from a fixed pseudo-random start, relative change below
/// `tolerance`. A lower bound that converges to the norm. Throws shape_error for an empty domain.
template <scalar T, linear_operator<T> Op>
double operator_norm(const Op& op, std::size_t max_iterations = 1000, double tolerance = 1e-6,
                     const execution& exec = {}) {
    xt::xtensor<T, 3> x(op.domain_shape()), y(op.range_shape());
    const auto xv = as_view(x);
    const auto yv = as_view(y);
    require_not_empty(xv, "operator domain");
    std::uint32_t state = 1;
    for (auto& v : x) {
        state = state * 1664525u + 1013904223u;
        v = static_cast<T>(state >> 8) / T(1 << 24) - T(0.5);
    }
    double norm = 0;
    for (std::size_t k = 0; k < max_iterations; ++k) {
        const double length = std::sqrt(dot<T>(xv, xv, exec));
        if (length == 0) return 0;
        for (auto& v : x) v = static_cast<T>(static_cast<double>(v) / length);
        op.apply(xv, yv, exec);
        const double previous = std::exchange(norm, std::sqrt(dot<T>(yv, yv, exec)));
        if (std::abs(norm - previous) <= tolerance * norm) break;
        op.adjoint(yv, xv, exec);
    }
    return norm;
}

}  // namespace stemfuse
