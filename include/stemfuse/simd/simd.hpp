// Packs: as many numbers as one vector register holds, by the vector extensions of g++ and clang++. With
// STEMFUSE_PORTABLE defined, or another compiler, a pack is one number, and no extension of the language is used.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <stemfuse/core/abi.hpp>

#if defined(STEMFUSE_HAS_AVX512) || defined(STEMFUSE_HAS_AVX)
#include <immintrin.h>
#elif defined(STEMFUSE_HAS_SSE2)
#include <emmintrin.h>
#endif

namespace stemfuse::inline STEMFUSE_ABI {

/// Bytes of a pack: those of the widest register of the compiler's target, 16 on every x86-64 and on 64-bit ARM, 32
/// with AVX, 64 with AVX-512. In portable code, where a pack is one number, those of the largest.
#if defined(STEMFUSE_PORTABLE)
inline constexpr std::size_t simd_bytes = 8;
#elif defined(STEMFUSE_HAS_AVX512)
inline constexpr std::size_t simd_bytes = 64;
#elif defined(STEMFUSE_HAS_AVX)
inline constexpr std::size_t simd_bytes = 32;
#else
inline constexpr std::size_t simd_bytes = 16;
#endif

namespace detail {

template <class T>
struct simd {
    using bits_type = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
#if defined(STEMFUSE_PORTABLE)
    using pack = T;
    using bits = bits_type;
#else
    typedef T pack __attribute__((vector_size(simd_bytes)));
    typedef bits_type bits __attribute__((vector_size(simd_bytes)));
#endif
};

template <class Pack>
struct lane_of {
    using type = std::remove_cvref_t<decltype(std::declval<Pack&>()[0])>;
};
template <class Number>
    requires std::is_arithmetic_v<Number>
struct lane_of<Number> {
    using type = Number;
};

}  // namespace detail

/// A pack has the operators of T, lane by lane. Comparisons give a bits_pack, -1 in the lanes where they hold (true in
/// portable code), which chooses in `mask ? a : b`.
template <class T>
using pack = typename detail::simd<T>::pack;
/// What a comparison of two packs gives: signed integers as wide as T.
template <class T>
using bits_pack = typename detail::simd<T>::bits;

/// The number of lanes of a pack.
#if defined(STEMFUSE_PORTABLE)
template <class T>
inline constexpr std::size_t lanes = 1;
#else
template <class T>
inline constexpr std::size_t lanes = simd_bytes / sizeof(T);
#endif

/// The scalar of a pack.
template <class Pack>
using lane_t = typename detail::lane_of<std::remove_cvref_t<Pack>>::type;

/// The number in lane i of a pack.
template <class Pack>
auto get_lane(const Pack& x, [[maybe_unused]] std::size_t i) {
    if constexpr (std::is_arithmetic_v<Pack>) {
        return x;
    } else {
        return x[i];
    }
}

/// Puts a number into lane i of a pack.
template <class Pack>
void set_lane(Pack& x, [[maybe_unused]] std::size_t i, lane_t<Pack> value) {
    if constexpr (std::is_arithmetic_v<Pack>) {
        x = value;
    } else {
        x[i] = value;
    }
}

/// Every lane the same number.
template <class T>
pack<T> broadcast(T x) {
    return pack<T>{} + x;
}

/// The pack of the numbers from `from` on, of any alignment.
template <class T>
pack<T> load(const T* from) {
    pack<T> x;
    std::memcpy(&x, from, sizeof(x));
    return x;
}

/// Writes a pack to `to`, of any alignment.
template <class T>
void store(T* to, std::type_identity_t<pack<T>> x) {
    std::memcpy(to, &x, sizeof(x));
}

/// The larger of the two, lane by lane; b where one is NaN. One instruction on x86, which compilers do not find.
template <class Pack>
Pack pack_max(Pack a, Pack b) {
#if defined(STEMFUSE_HAS_AVX512)
    if constexpr (sizeof(lane_t<Pack>) == 4) return (Pack)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
    if constexpr (sizeof(lane_t<Pack>) == 8) return (Pack)_mm512_maskz_max_pd(0xff, (__m512d)a, (__m512d)b);
#elif defined(STEMFUSE_HAS_AVX)
    if constexpr (sizeof(lane_t<Pack>) == 4) return (Pack)_mm256_max_ps((__m256)a, (__m256)b);
    if constexpr (sizeof(lane_t<Pack>) == 8) return (Pack)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(STEMFUSE_HAS_SSE2)
    if constexpr (sizeof(lane_t<Pack>) == 4) return (Pack)_mm_max_ps((__m128)a, (__m128)b);
    if constexpr (sizeof(lane_t<Pack>) == 8) return (Pack)_mm_max_pd((__m128d)a, (__m128d)b);
#else
    return a > b ? a : b;
#endif
}
/// The smaller of the two, lane by lane; b where one is NaN.
template <class Pack>
Pack pack_min(Pack a, Pack b) {
    return -pack_max(-a, -b);
}

/// The absolute value, lane by lane.
template <class Pack>
Pack magnitude(Pack x) {
    return pack_max(x, -x);
}

#if defined(STEMFUSE_PORTABLE)

/// The pack that begins one lane before b, in a row where a comes just before b: the last lane of a, then b.
template <class Pack>
Pack shift_in(Pack a, Pack) {
    return a;
}
/// The pack that begins one lane after a, in a row where b comes just after a: a without its first lane, then the first
/// of b.
template <class Pack>
Pack shift_out(Pack, Pack b) {
    return b;
}

#else

namespace detail {

template <int... Lane, class Pack>
Pack select_lanes(Pack a, Pack b) {
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, b, Lane...);
#else
    return __builtin_shuffle(a, b, bits_pack<lane_t<Pack>>{Lane...});
#endif
}

}  // namespace detail

/// The pack that begins one lane before b, in a row where a comes just before b: the last lane of a, then b.
template <class Pack>
Pack shift_in(Pack a, Pack b) {
    constexpr int n = lanes<lane_t<Pack>>;
    // In small steps, because g++ would go through memory otherwise.
    if constexpr (n == 4) {
        const Pack turned_a = detail::select_lanes<3, 0, 1, 2>(a, a), turned_b = detail::select_lanes<3, 0, 1, 2>(b, b);
        return detail::select_lanes<4, 1, 2, 3>(turned_b, turned_a);
    } else {
        return [&]<int... I>(std::integer_sequence<int, I...>) {
            return detail::select_lanes<(n - 1 + I)...>(a, b);
        }(std::make_integer_sequence<int, n>{});
    }
}
/// The pack that begins one lane after a, in a row where b comes just after a: a without its first lane, then the first
/// of b.
template <class Pack>
Pack shift_out(Pack a, Pack b) {
    constexpr int n = lanes<lane_t<Pack>>;
    if constexpr (n == 4) {
        const Pack both = detail::select_lanes<4, 1, 2, 3>(a, b);
        return detail::select_lanes<1, 2, 3, 0>(both, both);
    } else {
        return [&]<int... I>(std::integer_sequence<int, I...>) {
            return detail::select_lanes<(1 + I)...>(a, b);
        }(std::make_integer_sequence<int, n>{});
    }
}

#endif

/// One pack of a row, from column c on, all of whose lanes lie in the row.
template <class T>
struct whole_pack {
    std::size_t c;  ///< column of the first lane
    /// The numbers of a row in the columns of this pack.
    pack<T> load(const T* row) const { return stemfuse::load(row + c); }
    /// Writes x to the columns of this pack.
    void store(T* row, pack<T> x) const { stemfuse::store(row + c, x); }
    /// x: all lanes count.
    pack<T> keep(pack<T> x) const { return x; }
};
/// The last pack of a row, of which only the first n lanes lie in the row. It touches no memory past the row's end.
template <class T>
struct part_pack {
    std::size_t c,  ///< column of the first lane
        n;          ///< lanes that lie in the row, fewer than a pack has
    /// The numbers of a row in the columns of this pack; 0 in the lanes past the row's end.
    pack<T> load(const T* row) const {
        pack<T> x{};
        std::memcpy(&x, row + c, n * sizeof(T));
        return x;
    }
    /// Writes the first n lanes of x to the columns of this pack.
    void store(T* row, pack<T> x) const { std::memcpy(row + c, &x, n * sizeof(T)); }
    /// x with 0 in the lanes past the row's end.
    pack<T> keep(pack<T> x) const {
        pack<T> kept{};
        std::memcpy(&kept, &x, n * sizeof(T));
        return kept;
    }
};

/// Calls f(at) for the packs of a row of n numbers, `at` a whole_pack or, for the last, a part_pack. Every number takes
/// the same instructions wherever it lies in its row.
template <class T, class F>
void for_each_pack(std::size_t n, F&& f) {
    std::size_t c = 0;
    for (; c + lanes<T> <= n; c += lanes<T>) f(whole_pack<T>{c});
    if (c < n) f(part_pack<T>{c, n - c});
}

/// A sum over packs in T that moves to double after every 8 packs. In float it differs from a sum in double by about
/// 1e-7 of the sum of magnitudes, for a third of the instructions.
template <class T>
class pack_sum {
public:
    /// Adds every lane of x.
    void add(pack<T> x) {
        part_ += x;
        if (++count_ == 8) flush();
    }
    /// The sum of all that was added.
    double total() {
        flush();
        return total_;
    }

private:
    void flush() {
        double sum = 0;
        for (std::size_t i = 0; i < lanes<T>; ++i) sum += static_cast<double>(get_lane(part_, i));
        total_ += sum;
        part_ = pack<T>{};
        count_ = 0;
    }
    pack<T> part_{};
    std::size_t count_ = 0;
    double total_ = 0;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
