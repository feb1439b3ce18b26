// Packs: as many numbers as one vector register holds, by the vector extensions that g++ and clang++ share.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace stemfuse {

// Bytes of the widest register that the compiler's target has: 16 on every x86-64 and on 64-bit ARM, 32 with AVX, 64
// with AVX-512.
#if defined(__AVX512F__) && defined(__AVX512DQ__)
inline constexpr std::size_t simd_bytes = 64;
#elif defined(__AVX__)
inline constexpr std::size_t simd_bytes = 32;
#else
inline constexpr std::size_t simd_bytes = 16;
#endif

namespace detail {

template <class T>
struct simd {
    using bits_type = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
    typedef T pack __attribute__((vector_size(simd_bytes)));
    typedef bits_type bits __attribute__((vector_size(simd_bytes)));
};

}  // namespace detail

// A pack has the operators of T, lane by lane. Comparisons give a bits_pack, -1 in the lanes where they hold, which
// chooses in `mask ? a : b`.
template <class T>
using pack = typename detail::simd<T>::pack;
template <class T>
using bits_pack = typename detail::simd<T>::bits;

template <class T>
inline constexpr std::size_t lanes = simd_bytes / sizeof(T);

// The scalar of a pack.
template <class Pack>
using lane_t = std::remove_cvref_t<decltype(std::declval<Pack&>()[0])>;

// Every lane the same number.
template <class T>
pack<T> broadcast(T x) {
    return pack<T>{} + x;
}

template <class T>
pack<T> load(const T* from) {
    pack<T> x;
    std::memcpy(&x, from, sizeof(x));
    return x;
}

template <class T>
void store(T* to, std::type_identity_t<pack<T>> x) {
    std::memcpy(to, &x, sizeof(x));
}

// The larger of the two; b where a is NaN.
template <class Pack>
Pack larger(Pack a, Pack b) {
    return a > b ? a : b;
}

// One pack of a row, from column c on: the whole of it, or its first n lanes. Lanes past the row's end read 0.
template <class T>
struct whole_pack {
    std::size_t c;
    pack<T> load(const T* row) const { return stemfuse::load(row + c); }
    void store(T* row, pack<T> x) const { stemfuse::store(row + c, x); }
    pack<T> keep(pack<T> x) const { return x; }
};
template <class T>
struct part_pack {
    std::size_t c, n;
    pack<T> load(const T* row) const {
        pack<T> x{};
        std::memcpy(&x, row + c, n * sizeof(T));
        return x;
    }
    void store(T* row, pack<T> x) const { std::memcpy(row + c, &x, n * sizeof(T)); }
    // x with 0 in the lanes past the row's end.
    pack<T> keep(pack<T> x) const {
        pack<T> kept{};
        std::memcpy(&kept, &x, n * sizeof(T));
        return kept;
    }
};

// Calls f(at) for the packs of a row of n numbers, `at` a whole_pack or, for the last, a part_pack. Every number takes
// the same instructions wherever it lies in its row.
template <class T, class F>
void for_each_pack(std::size_t n, F&& f) {
    std::size_t c = 0;
    for (; c + lanes<T> <= n; c += lanes<T>) f(whole_pack<T>{c});
    if (c < n) f(part_pack<T>{c, n - c});
}

// A sum over packs in T, carried on in double every few packs: as exact as a sum in double to about 1e-7 of the sum of
// magnitudes in float, for a third of the instructions.
template <class T>
class pack_sum {
public:
    void add(pack<T> x) {
        part_ += x;
        if (++count_ == 8) flush();
    }
    double total() {
        flush();
        return total_;
    }

private:
    void flush() {
        double sum = 0;
        for (std::size_t i = 0; i < lanes<T>; ++i) sum += static_cast<double>(part_[i]);
        total_ += sum;
        part_ = pack<T>{};
        count_ = 0;
    }
    pack<T> part_{};
    std::size_t count_ = 0;
    double total_ = 0;
};

}  // namespace stemfuse
