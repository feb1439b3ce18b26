// Linear operators between stacks, each with its adjoint, and their norms.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A linear operator K on stacks of T: apply(x, out) writes out = K x, adjoint(y, out) writes out = K^T y. x has the
/// shape domain_shape(), K x and y have the shape range_shape(). The operators of the library throw shape_error for
/// other shapes and value_error where input and output share memory.
template <class Op, class T>
concept linear_operator = requires(const Op& op, stack_view<const T> in, stack_view<T> out, execution exec) {
    { op.domain_shape() } -> std::convertible_to<stack_shape>;
    { op.range_shape() } -> std::convertible_to<stack_shape>;
    op.apply(in, out, exec);
    op.adjoint(in, out, exec);
};

/// An operator that knows its norm ||K||_2, or a bound that is no smaller.
template <class Op>
concept has_norm_bound = requires(const Op& op) {
    { op.norm_bound() } -> std::convertible_to<double>;
};

/// An operator that says whether all entries of its matrix are 0 or more: then what it makes of constant maps are its
/// row sums, which primal-dual schemes take for their steps, see diagonal_bounds_of.
template <class Op>
concept knows_its_signs = requires(const Op& op) {
    { op.non_negative() } -> std::convertible_to<bool>;
};

namespace detail {

// Fails to compile with the name of the first member of linear_operator<Op, T> that is missing.
template <class Op, class T>
constexpr bool require_linear_operator() {
    constexpr bool has_domain = requires(const Op& op) {
        { op.domain_shape() } -> std::convertible_to<stack_shape>;
    };
    constexpr bool has_range = requires(const Op& op) {
        { op.range_shape() } -> std::convertible_to<stack_shape>;
    };
    constexpr bool has_apply =
        requires(const Op& op, stack_view<const T> in, stack_view<T> out, execution exec) { op.apply(in, out, exec); };
    constexpr bool has_adjoint = requires(const Op& op, stack_view<const T> in, stack_view<T> out, execution exec) {
        op.adjoint(in, out, exec);
    };
    static_assert(has_domain, "stemfuse: the operator needs domain_shape(), the shape of the maps x that it takes");
    static_assert(has_range, "stemfuse: the operator needs range_shape(), the shape of its result K x");
    static_assert(has_apply,
                  "stemfuse: the operator needs apply(x, out, execution), which writes K x to out, for stacks of the "
                  "term's scalar type (float or double)");
    static_assert(has_adjoint,
                  "stemfuse: the operator needs adjoint(y, out, execution), which writes K^T y to out, for stacks of "
                  "the term's scalar type (float or double)");
    return has_domain && has_range && has_apply && has_adjoint;
}

// Throws shape_error where an extent is 0.
inline void require_extents(const stack_shape& shape, std::string_view argument) {
    if (shape[0] * shape[1] * shape[2] == 0) {
        throw shape_error(argument, "have shape " + to_string(shape) + ", must have no extent of 0");
    }
}

// Calls f(in, out) with views of the stacks x, of shape `from`, and `output`, of shape `to`. Throws shape_error for
// other shapes, and value_error where the two share memory.
template <stack X, stack Out, class F>
void map_stack(const X& x, const stack_shape& from, Out& output, const stack_shape& to, F&& f) {
    using T = value_type_t<Out>;
    const readable<T, 3> in(x, "input");
    writable<T, 3, Out> out(output, "output");
    require_shape(in.view().shape, from, "input", "the operator's");
    require_shape(out.view().shape, to, "output", "the operator's");
    require_apart(out.view(), in.view(), "output", "the input");
    f(in.view(), out.view());
    out.commit();
}

}  // namespace detail

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
    std::uint32_t state = 1;  // linear congruential generator of Numerical Recipes
    for (auto& v : x) {
        state = state * 1664525u + 1013904223u;
        v = static_cast<T>(state >> 8) / T(1 << 24) - T(0.5);
    }
    double norm = 0;
    for (std::size_t k = 0; k < max_iterations; ++k) {
        exec.throw_if_stopped();
        const double length = std::sqrt(dot<T>(xv, xv, exec));
        if (length == 0) return 0;
        for (auto& v : x) v = static_cast<T>(static_cast<double>(v) / length);
        op.apply(stack_view<const T>(xv), yv, exec);
        const double previous = std::exchange(norm, std::sqrt(dot<T>(yv, yv, exec)));
        if (std::abs(norm - previous) <= tolerance * norm) break;
        op.adjoint(stack_view<const T>(yv), xv, exec);
    }
    return norm;
}

/// A bound of ||K||_2: the operator's own norm_bound(), or where it has none operator_norm to 1e-6 and one percent
/// more, since that is approached from below.
template <scalar T, linear_operator<T> Op>
double norm_bound_of(const Op& op, const execution& exec = {}) {
    if constexpr (has_norm_bound<Op>) {
        return op.norm_bound();
    } else {
        return 1.01 * operator_norm<T>(op, 1000, 1e-6, exec);
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI
