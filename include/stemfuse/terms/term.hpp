// What a smooth term of the objective is: whole-array calls that every term has, and row kernels that make it fusable.
#pragma once

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A smooth term f of the element maps x, a stack of its shape(): value(x) returns f(x); value_and_gradient(x, g)
/// returns f(x) and writes grad f(x) to g. This is all that a solver needs of a term.
template <class Term, class T>
concept smooth_term = requires(const Term& term, stack_view<const T> x, stack_view<T> g, execution exec) {
    requires std::same_as<typename Term::value_type, T>;
    { term.shape() } -> std::convertible_to<stack_shape>;
    { term.value(x, exec) } -> std::convertible_to<double>;
    { term.value_and_gradient(x, g, exec) } -> std::convertible_to<double>;
};

namespace detail {

// Fails to compile with the name of the first member of smooth_term<Term, T> that is missing.
template <class Term, class T>
constexpr bool require_smooth_term() {
    static_assert(
        requires(const Term& f) {
            { f.shape() } -> std::convertible_to<stack_shape>;
        }, "stemfuse: a term needs shape(), the shape (n_elements, n_y, n_x) of the maps that it takes");
    static_assert(
        requires(const Term& f, stack_view<const T> x, execution exec) {
            { f.value(x, exec) } -> std::convertible_to<double>;
        }, "stemfuse: a term needs value(x, execution), which returns f(x) as a double");
    static_assert(
        requires(const Term& f, stack_view<const T> x, stack_view<T> g, execution exec) {
            { f.value_and_gradient(x, g, exec) } -> std::convertible_to<double>;
        },
        "stemfuse: a term needs value_and_gradient(x, g, execution), which returns f(x) and writes its gradient to g");
    return smooth_term<Term, T>;
}

}  // namespace detail

/// A term that couples no pixels: f is the sum over pixels of a function of that pixel's elements. It offers two row
/// kernels, and solvers then evaluate all terms in one sweep over memory. x[i] and g[i] point to the segment's first
/// pixel of element i:
///     row_value(segment, x)                        returns the segment's part of f
///     row_value_and_gradient(segment, x, g, scale) returns the same and adds scale * gradient to g
/// Kernels are called from several threads at once. A term without them still works, by whole-array calls.
template <class Term, class T>
concept pixel_local_term = requires(const Term& term, row_segment segment, const T* const* x, T* const* g, T scale) {
    { term.shape() } -> std::convertible_to<stack_shape>;
    { term.row_value(segment, x) } -> std::convertible_to<double>;
    { term.row_value_and_gradient(segment, x, g, scale) } -> std::convertible_to<double>;
};

/// A pixel-local term that is convex and couples no elements. It offers what a Newton step takes:
///     row_newton(segment, x, g, d, lowest, scale)
///         adds scale * gradient to g and scale * second derivatives, >= 0, to d; raises `lowest` to the least value
///         that a step from x may go to, where the second derivatives change too fast for a longer one
template <class Term, class T>
concept separable_convex_term =
    pixel_local_term<Term, T> && requires(const Term& term, row_segment segment, const T* const* x, T* const* out,
                                          T scale) { term.row_newton(segment, x, out, out, out, scale); };

/// A pixel-local term with a convex majoriser M(x | a): M >= f for every x >= 0, equal to f and of the same gradient at
/// the anchor a. The term says how it stores what M needs of a, in tangent_images() images of a stack:
///     row_tangent(segment, a, tangent)              writes it
///     row_majoriser(segment, tangent, x, g, d, u, scale)
///         adds scale * gradient of M to g and writes u; adds to d, so that diag(d) + u u^T, u and d over the elements
///         of a pixel, is scale * a positive semi-definite approximation of the Hessian of M
template <class Term, class T>
concept majorised_term = pixel_local_term<Term, T> &&
                         requires(const Term& term, row_segment segment, const T* const* in, T* const* out, T scale) {
                             { term.tangent_images() } -> std::convertible_to<std::size_t>;
                             term.row_tangent(segment, in, out);
                             term.row_majoriser(segment, in, in, out, out, out, scale);
                         };

namespace detail {

// Fails to compile with the name of the first member that the convergent scheme misses in an elastic term.
template <class Term, class T>
constexpr bool require_majorised_term() {
    static_assert(pixel_local_term<Term, T>,
                  "stemfuse: the convergent scheme needs row kernels of both terms: row_value(segment, x) and "
                  "row_value_and_gradient(segment, x, g, scale), see pixel_local_term");
    static_assert(
        requires(const Term& f) { f.tangent_images(); },
        "stemfuse: the convergent scheme needs tangent_images() of the elastic term, see majorised_term");
    static_assert(
        requires(const Term& f, row_segment s, const T* const* in, T* const* out) { f.row_tangent(s, in, out); },
        "stemfuse: the convergent scheme needs row_tangent(segment, a, tangent) of the elastic term, see "
        "majorised_term");
    static_assert(
        requires(const Term& f, row_segment s, const T* const* in, T* const* out, T scale) {
            f.row_majoriser(s, in, in, out, out, out, scale);
        },
        "stemfuse: the convergent scheme needs row_majoriser(segment, tangent, x, g, d, u, scale) of the elastic term, "
        "see majorised_term");
    return majorised_term<Term, T>;
}

// The same of a chemical term.
template <class Term, class T>
constexpr bool require_separable_convex_term() {
    static_assert(pixel_local_term<Term, T>,
                  "stemfuse: the convergent scheme needs row kernels of both terms: row_value(segment, x) and "
                  "row_value_and_gradient(segment, x, g, scale), see pixel_local_term");
    static_assert(separable_convex_term<Term, T>,
                  "stemfuse: the convergent scheme needs row_newton(segment, x, g, d, lowest, scale) of the chemical "
                  "term, see separable_convex_term");
    return separable_convex_term<Term, T>;
}

}  // namespace detail

/// A term that bounds how fast its gradient changes: || grad f(x) - grad f(y) || <= curvature_bound(execution)
/// || x - y || for all x, y >= 0. Infinity where its parameters leave it without a bound.
template <class Term>
concept bounded_curvature = requires(const Term& term, execution exec) {
    { term.curvature_bound(exec) } -> std::convertible_to<double>;
};

/// A term that can be had at half the resolution, see block_means: coarser() returns a term on blocks of 2 x 2 pixels
/// whose value is about a quarter of its own. A term without it is fused on its own resolution alone.
template <class Term>
concept has_coarser = requires(const Term& term) {
    { term.coarser().shape() } -> std::convertible_to<stack_shape>;
};

namespace detail {

// The largest f(row) >= 0 of rows 0 .. n_rows - 1 of nx pixels.
template <class F>
double max_over_rows(std::size_t n_rows, std::size_t nx, const execution& exec, F&& f) {
    std::vector<double> largest(n_rows);
    for_each_row(n_rows, nx, exec, [&](std::size_t r) { largest[r] = f(r); });
    return std::accumulate(largest.begin(), largest.end(), 0.0, [](double a, double b) { return std::max(a, b); });
}

}  // namespace detail

/// Gives a pixel-local term its whole-array calls. Derived supplies shape() and the two row kernels; for curvature()
/// also row_curvature(segment, x, c), which writes the diagonal of the Hessian to c. The calls throw shape_error unless
/// x, and the output, have the term's shape.
template <class Derived, scalar T>
class pixel_local {
public:
    /// Scalar that the term is computed in: float or double.
    using value_type = T;

    /// f(x), the same bits for any number of threads.
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        const readable<T, 3> in(x, "maps");
        require_shape(in.view().shape, self().shape(), "maps", "the term's");
        const std::size_t ny = in.view().shape[1], nx = in.view().shape[2];
        std::vector<double> sums(ny);
        for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const T> rows(in.view());
            for (std::size_t y = first; y < last; ++y) sums[y] = self().row_value({y, 0, nx}, rows.at(y));
        });
        return std::accumulate(sums.begin(), sums.end(), 0.0);
    }

    /// Writes grad f(x) to `gradient` and returns f(x).
    template <stack X, stack G>
    double value_and_gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        return map_rows(x, gradient, "gradient", exec, [this](row_segment segment, const T* const* in, T* const* out) {
            for (std::size_t i = 0; i < self().shape()[0]; ++i) std::fill_n(out[i], segment.n, T(0));
            return static_cast<double>(self().row_value_and_gradient(segment, in, out, T(1)));
        });
    }

    /// Writes grad f(x) to `gradient`.
    template <stack X, stack G>
    void gradient(const X& x, G&& gradient, const execution& exec = {}) const {
        value_and_gradient(x, gradient, exec);
    }

    /// Writes the diagonal of the Hessian at x.
    template <stack X, stack C>
    void curvature(const X& x, C&& curvature, const execution& exec = {}) const {
        map_rows(x, curvature, "curvature", exec, [this](row_segment segment, const T* const* in, T* const* out) {
            self().row_curvature(segment, in, out);
            return 0.0;
        });
    }

private:
    const Derived& self() const { return static_cast<const Derived&>(*this); }

    template <class X, class Out, class F>
    double map_rows(const X& x, Out& out, std::string_view name, const execution& exec, F&& f) const {
        const readable<T, 3> in(x, "maps");
        writable<T, 3, Out> result(out, name);
        require_shape(in.view().shape, self().shape(), "maps", "the term's");
        require_shape(result.view().shape, self().shape(), name, "the term's");
        const std::size_t ny = in.view().shape[1], nx = in.view().shape[2];
        std::vector<double> sums(ny);
        for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const T> rows(in.view());
            row_pointers<T> out_rows(result.view());
            for (std::size_t y = first; y < last; ++y) sums[y] = f(row_segment{y, 0, nx}, rows.at(y), out_rows.at(y));
        });
        result.commit();
        return std::accumulate(sums.begin(), sums.end(), 0.0);
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
