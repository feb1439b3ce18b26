// Square root and reciprocal square root of packs.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include <stemfuse/simd/polynomial.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

template <class T>
struct rsqrt_constants;

template <>
struct rsqrt_constants<float> {
    using word = std::uint32_t;
    static constexpr word magic = 0x5f374600;
    // (1 / sqrt(1 - d) - 1) / d for |d| <= 0.0682, a minimax fit; 1 / sqrt(1 - d) to 2.3e-8.
    static constexpr std::array tail{0.499998345F, 0.374997716F, 0.3139319F, 0.274945324F};
    static constexpr std::array newton{0.5F};
};

template <>
struct rsqrt_constants<double> {
    using word = std::uint64_t;
    static constexpr word magic = 0x5fe6e8c000000000;
    // As above: to 8.8e-10.
    static constexpr std::array tail{0.50000000142517831, 0.37499788833225511, 0.31249668039278705, 0.2749040106905663,
                                     0.24769932124767027};
    static constexpr std::array newton{0.5};
    static constexpr std::array taylor{0.5, 0.375, 0.3125};
};

// y, near 1 / sqrt(x), times 1 / sqrt(1 - d) = 1 + d (tail[0] + tail[1] d + ...) with d = one - x y^2.
template <const auto& tail, class Pack>
[[gnu::always_inline]] inline Pack refined_reciprocal_sqrt(Pack x, Pack y, lane_t<Pack> one = 1) {
    const Pack d = one - x * y * y;
    return y * d * polynomial<tail>(d) + y;
}

// One Newton step from an estimate that is up to 1.5 2^-12 off would end up to 2e-7 too low: so much is halved by the
// last digit more in 1.
[[gnu::always_inline]] inline pack<float> newton_from_12_bits(pack<float> x, pack<float> y) {
    return refined_reciprocal_sqrt<rsqrt_constants<float>::newton>(x, y, 1 + std::numeric_limits<float>::epsilon());
}

}  // namespace detail

/// 1 / sqrt(x), lane by lane, for normal x > 0. Relative error: at most 3e-7 in float, 1e-15 in double; from the
/// processor's estimate where x86 has one, else from the exponent's bits.
template <class Pack>
[[gnu::always_inline]] inline Pack reciprocal_sqrt(Pack x) {
    using T = lane_t<Pack>;
    using constants = detail::rsqrt_constants<T>;
    using words = typename detail::unsigned_simd<typename constants::word>::type;
    using detail::refined_reciprocal_sqrt;
#if defined(STEMFUSE_HAS_AVX512)
    if constexpr (sizeof(T) == 4) {
        return refined_reciprocal_sqrt<constants::newton>(x, Pack(_mm512_maskz_rsqrt14_ps(0xffff, x)));
    } else {
        return refined_reciprocal_sqrt<constants::taylor>(x, Pack(_mm512_maskz_rsqrt14_pd(0xff, x)));
    }
#elif defined(STEMFUSE_HAS_AVX)
    if constexpr (sizeof(T) == 4) return detail::newton_from_12_bits(x, _mm256_rsqrt_ps(x));
#elif defined(STEMFUSE_HAS_SSE2)
    if constexpr (sizeof(T) == 4) return detail::newton_from_12_bits(x, _mm_rsqrt_ps(x));
#endif
    const auto guess = std::bit_cast<Pack>(constants::magic - (std::bit_cast<words>(x) >> 1));
    const Pack y = refined_reciprocal_sqrt<constants::tail>(x, guess);
    if constexpr (sizeof(T) == 4) {
        return y;
    } else {
        return refined_reciprocal_sqrt<constants::newton>(x, y);
    }
}

/// sqrt(x) for x >= 0 to the same error, 0 below the smallest normal number.
template <class Pack>
Pack square_root(Pack x) {
    return x * reciprocal_sqrt(pack_max(x, Pack{} + std::numeric_limits<lane_t<Pack>>::min()));
}

}  // namespace stemfuse::inline STEMFUSE_ABI
