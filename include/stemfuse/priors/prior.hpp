// What a prior is: a value, and a proximal operator.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A prior R on stacks of T: value(x) returns R(x), prox(v, t, out) writes argmin_{u >= 0} 1/2 ||u - v||^2 + t R(u) to
/// out, for t >= 0. v and out do not overlap. Solvers start from maps >= 0 and rely on the prox to keep them so.
template <class Prior, class T>
concept prior = requires(const Prior& p, stack_view<const T> v, double t, stack_view<T> out, execution exec) {
    { p.value(v, exec) } -> std::convertible_to<double>;
    p.prox(v, t, out, exec);
};

namespace detail {

// Fails to compile with the name of the first member of prior<Prior, T> that is missing.
template <class Prior, class T>
constexpr bool require_prior() {
    static_assert(
        requires(const Prior& p, stack_view<const T> x, execution exec) {
            { p.value(x, exec) } -> std::convertible_to<double>;
        }, "stemfuse: a prior needs value(x, execution), which returns R(x) as a double");
    static_assert(
        requires(const Prior& p, stack_view<const T> v, double t, stack_view<T> out, execution exec) {
            p.prox(v, t, out, exec);
        },
        "stemfuse: a prior needs prox(v, t, out, execution), which writes argmin 1/2 ||u - v||^2 + t R(u) over u >= 0 "
        "to "
        "out");
    return prior<Prior, T>;
}

}  // namespace detail

/// A prior whose prox is iterative and can start from where an earlier call ended: prox(v, t, out, duals) begins with
/// `duals` (from zero where they are default-constructed) and leaves the last ones there.
template <class Prior, class T>
concept warm_prior = prior<Prior, T> && requires(const Prior& p, stack_view<const T> v, double t, stack_view<T> out,
                                                 typename Prior::template duals<T> state,
                                                 execution exec) { p.prox(v, t, out, state, exec); };

/// What prox_rows returns: R(u), and the sum of what the sink returned, added in an order that does not depend on the
/// number of threads.
template <class Sum>
struct prox_rows_result {
    double value;  ///< R of the prox's result
    Sum sum;       ///< of what the sink returned
};

/// A prior that hands out the result u of its prox row by row while it is in cache: prox_rows(v, t, sink) calls
/// sink(segment, u), u[i] pointing to the segment's first pixel of image i, once for every pixel, from several threads.
/// What the sink returns is added up by +=. A scheme then needs no pass of its own over the maps; with a prior that has
/// no prox_rows it makes its passes after prox and value.
template <class Prior, class T>
concept row_prior = prior<Prior, T> && requires(const Prior& p, stack_view<const T> v, double t,
                                                double (*sink)(row_segment, const T* const*), execution exec) {
    { p.prox_rows(v, t, sink, exec) } -> std::same_as<prox_rows_result<double>>;
};

/// The same with duals: prox_rows(v, t, before, after, sink) begins with `before` and leaves the last ones in `after`,
/// another object.
template <class Prior, class T>
concept warm_row_prior =
    row_prior<Prior, T> && warm_prior<Prior, T> &&
    requires(const Prior& p, stack_view<const T> v, double t, typename Prior::template duals<T> state,
             double (*sink)(row_segment, const T* const*), execution exec) {
        { p.prox_rows(v, t, std::as_const(state), state, sink, exec) } -> std::same_as<prox_rows_result<double>>;
    };

/// What an iterative prox did. The gap, where it was asked for, bounds the error: 1/2 ||out - exact||^2 <= gap.
struct prox_report {
    std::size_t iterations = 0;  ///< of the image that took most
    std::optional<double> gap;   ///< primal value - dual value, summed over the images
};

}  // namespace stemfuse::inline STEMFUSE_ABI
