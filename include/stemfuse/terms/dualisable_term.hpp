// What a primal-dual scheme takes of a likelihood that stands after an operator: the proximal operator of its
// conjugate.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>

#include <stemfuse/core/rows.hpp>
#include <stemfuse/simd/simd.hpp>
#include <stemfuse/simd/square_root.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A convex pixel-local term f that couples no elements and offers, in closed form,
///     row_dual_prox(segment, z, y, steps, scale)
///         y[i] <- prox of steps[i] (scale f)^* at y[i] + steps[i] z[i], pointers to the segment's first pixel of
///         image i, steps and scale > 0. By Moreau's identity prox of s g^* at u is u - s prox of g / s at u / s.
///     dual_scale(i)
///         the size that f's derivatives in image i typically have, > 0: 1 for a count that is no longer expected.
///         Schemes choose their steps by it; it changes how fast they converge, not where.
template <class Term, class T>
concept dualisable_term =
    pixel_local_term<Term, T> && requires(const Term& term, row_segment segment, const T* const* z, T* const* y,
                                          const T* steps, T scale, std::size_t i) {
        term.row_dual_prox(segment, z, y, steps, scale);
        { term.dual_scale(i) } -> std::convertible_to<double>;
    };

namespace detail {

// The proximal point of s (c (r - m log r))^*, r = z + b, at u: with a = u + s b - c it is c - ( sqrt(a^2 + 4 c s m) -
// a ) / 2, written without cancellation. `counts` is c s m >= 0; where it is 0, the term is linear and the point is c.
template <class Pack>
Pack poisson_dual_prox(Pack a, Pack counts, Pack c) {
    using T = lane_t<Pack>;
    const Pack zero{}, sum = square_root(a * a + 4 * counts) + magnitude(a);
    const Pack above = (counts + counts) / pack_max(sum, broadcast(std::numeric_limits<T>::min()));
    const Pack pull = a > zero ? above : sum / 2;
    return c - (counts > zero ? pull : zero);
}

}  // namespace detail
}  // namespace stemfuse::inline STEMFUSE_ABI
