// Polynomials of packs, for the elementary functions.
#pragma once

#include <array>
#include <cstddef>

#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// A pack of unsigned integers.
template <class Word>
struct unsigned_simd {
#if defined(STEMFUSE_PORTABLE)
    using type = Word;
#else
    typedef Word type __attribute__((vector_size(simd_bytes)));
#endif
};

// c[First] + c[First + Step] x + c[First + 2 Step] x^2 + ...
template <const auto& c, std::size_t First = 0, std::size_t Step = 1, class Pack>
[[gnu::always_inline]] inline Pack polynomial(Pack x) {
    constexpr auto lowest = c[First];
    if constexpr (First + Step < c.size()) {
        return polynomial<c, First + Step, Step>(x) * x + lowest;
    } else {
        return broadcast(lowest);
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
