// What a prior is: a value, and a proximal operator.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse {

// A prior R on stacks of T: value(x) returns R(x), prox(v, t, out) writes argmin_{u >= 0} 1/2 ||u - v||^2 + t R(u) to
// out, for t >= 0. v and out do not overlap. Solvers start from maps >= 0 and rely on the prox to keep them so.
template <class Prior, class T>
concept prior = requires(const Prior& p, stack_view<const T> v, double t, stack_view<T> out, execution exec) {
    { p.value(v, exec) } -> std::convertible_to<double>;
    p.prox(v, t, out, exec);
};

// A prior whose prox is iterative and can start from where an earlier call ended: prox(v, t, out, duals) begins with
// `duals` (from zero where they are default-constructed) and leaves the last ones there.
template <class Prior, class T>
concept warm_prior = prior<Prior, T> && requires(const Prior& p, stack_view<const T> v, double t, stack_view<T> out,
                                                 typename Prior::template duals<T> state, execution exec) {
    p.prox(v, t, out, state, exec);
};

// What an iterative prox did. The gap, where it was asked for, bounds the error: 1/2 ||out - exact||^2 <= gap.
struct prox_report {
    std::size_t iterations = 0;  // of the image that took most
    std::optional<double> gap;   // primal value - dual value, summed over the images
};

}  // namespace stemfuse
