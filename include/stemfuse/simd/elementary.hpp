// Logarithm and powers of packs, in the precision of their lanes: no branch, no table, no libm.
//
// A number is 2^e (1 + t) with 1 + t in [0.75, 1.5), so that numbers near 1 have e = 0 and lose nothing:
//     log x = e log 2 + log(1 + t),    x^a = 2^n 2^f,  n the integer next to a log2 x,  f what is left of it.
// Subnormal arguments and results are exact to the same bounds, unless the processor was told to flush them to zero.
// With -ffast-math the bounds hold for ordinary numbers, and infinities and NaN are no longer told apart.
//
// The polynomials are minimax fits by the Remez algorithm in 60 decimals, relative to the function, and then rounded;
// each says its largest relative error with the rounded coefficients.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <stemfuse/core/error.hpp>
#include <stemfuse/simd/polynomial.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

inline constexpr double log_2 = 0x1.62e42fefa39efp-1;

template <class T>
struct elementary;

template <>
struct elementary<float> {
    using word = std::uint32_t;
    static constexpr word exponent_mask = 0xff800000, three_quarters = 0x3f400000;
    // A number whose last digit stands for 1: adding it rounds n to an integer, and the last bits of n + rounder are n
    // + lift.
    static constexpr int lift = 26;
    static constexpr float rounder = 0x1.8p23F + lift;
    // The last digit of the part of a that is multiplied by e without rounding.
    static constexpr double high_step = 0x1p-15;
    // Number of independent Horner chains in a polynomial, to hide the latency of fused multiply-add.
    static constexpr int chains = 1;
    // (log(1 + t) / s - 2) / s^2 in powers of s^2, s = t / (2 + t), for t in [-0.25, 0.5]; log(1 + t) to 3.1e-9.
    static constexpr std::array log_tail{0.666669488F, 0.399578243F, 0.303606063F};
    // (2^f - 1) / f for f in [-0.69, 0.53]; 2^f to 2.5e-8.
    static constexpr std::array exp2_tail{0.693147182F,   0.240226164F,   0.0555033274F,
                                          0.00962187909F, 0.00133999344F, 0.000145139245F};
};

template <>
struct elementary<double> {
    using word = std::uint64_t;
    static constexpr word exponent_mask = 0xfff0000000000000, three_quarters = 0x3fe8000000000000;
    static constexpr int lift = 56;
    static constexpr double rounder = 0x1.8p52 + lift;
    static constexpr double high_step = 0x1p-41;
    static constexpr int chains = 2;
    // As above: to 1.6e-17 and 4.7e-17.
    static constexpr std::array log_tail{0.66666666666672714, 0.3999999999616165,  0.28571429395294395,
                                         0.22222138501247565, 0.18186356080149521, 0.1525018839127647,
                                         0.15368192340998277};
    static constexpr std::array exp2_tail{0.69314718055994584,    0.24022650695909925,    0.055504108664783815,
                                          0.0096181291076630499,  0.0013333558153833453,  0.00015403530386937341,
                                          1.5252727926655775e-05, 1.3215462877943651e-06, 1.018012185970283e-07,
                                          7.0701282036175273e-09, 4.1927255680239362e-10};
};

template <class T>
using word_pack = typename unsigned_simd<typename elementary<T>::word>::type;

// c[0] + c[1] x + c[2] x^2 + ..., in elementary::chains independent chains of Horner
template <const auto& c, class Pack>
[[gnu::always_inline]] inline Pack polynomial_in_chains(Pack x) {
    if constexpr (elementary<lane_t<Pack>>::chains == 1) {
        return polynomial<c>(x);
    } else {
        return polynomial<c, 1, 2>(x * x) * x + polynomial<c, 0, 2>(x * x);
    }
}

// log(1 + t) = 2 atanh(s), t in [-0.25, 0.5], summed so that the rounding of s weighs little
template <class Pack>
[[gnu::always_inline]] inline Pack log_one_plus(Pack t) {
    using T = lane_t<Pack>;
    const Pack s = t / (t + T(2)), s2 = s * s;
    return t - s * (t - s2 * polynomial_in_chains<elementary<T>::log_tail>(s2));
}

// 2^f, f in [-0.69, 0.53]; 1 for 0
template <class Pack>
[[gnu::always_inline]] inline Pack exp2_fraction(Pack f) {
    using T = lane_t<Pack>;
    return polynomial_in_chains<elementary<T>::exp2_tail>(f) * f + T(1);
}

// Keeps -ffast-math from cancelling (y + c) - c.
template <class Pack>
[[gnu::always_inline]] inline Pack as_written(Pack y) {
#if defined(STEMFUSE_PORTABLE)
    // Nothing can be done without an extension: no -ffast-math there.
#elif defined(__FAST_MATH__) && defined(__SSE2__)
    asm("" : "+v"(y));
#elif defined(__FAST_MATH__) && defined(__aarch64__)
    asm("" : "+w"(y));
#endif
    return y;
}

// A number's e and t, e in units of exponent_unit.
template <class Pack>
struct number_parts {
    Pack e, t;
};

#if defined(STEMFUSE_HAS_AVX512)

template <class T>
inline constexpr double exponent_unit = 1;

// e is -infinity for 0 and +infinity for infinity; t is NaN for NaN and below 0.
template <class Pack>
[[gnu::always_inline]] inline number_parts<Pack> parts_of(Pack x) {
    if constexpr (sizeof(lane_t<Pack>) == 4) {
        const Pack m = _mm512_maskz_getmant_ps(0xffff, x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
        return {Pack(_mm512_maskz_getexp_ps(0xffff, x)) - Pack(_mm512_maskz_getexp_ps(0xffff, m)), m - 1.0F};
    } else {
        const Pack m = _mm512_maskz_getmant_pd(0xff, x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
        return {Pack(_mm512_maskz_getexp_pd(0xff, x)) - Pack(_mm512_maskz_getexp_pd(0xff, m)), m - 1.0};
    }
}

// p 2^n, from n + elementary::rounder
template <class Pack>
[[gnu::always_inline]] inline Pack times_power_of_two(Pack p, Pack shifted_n) {
    using T = lane_t<Pack>;
    const Pack n = shifted_n - elementary<T>::rounder;
    if constexpr (sizeof(T) == 4) {
        return _mm512_maskz_scalef_ps(0xffff, p, n);
    } else {
        return _mm512_maskz_scalef_pd(0xff, p, n);
    }
}

template <class Pack>
[[gnu::always_inline]] inline Pack log_of(Pack x) {
    using T = lane_t<Pack>;
    const auto [e, t] = parts_of(x);
    return e * static_cast<T>(log_2) + log_one_plus(t);
}

#else

template <class T>
inline constexpr double exponent_unit = sizeof(T) == 4 ? 0x1p23 : 1;

// Subnormal numbers are raised by this power of two to normal ones.
template <class T>
inline constexpr int raise = std::numeric_limits<T>::digits + 1;
template <class T>
inline constexpr T two_to_raise = static_cast<T>(std::uint64_t{1} << raise<T>);

// The parts of the number whose bits these are, after it was raised by 2^Raised. Bits below 0 continue the normal
// numbers.
template <class T, int Raised>
[[gnu::always_inline]] inline number_parts<pack<T>> parts_of_bits(word_pack<T> bits) {
    using constants = elementary<T>;
    constexpr auto one_exponent = std::uint64_t{1} << (std::numeric_limits<T>::digits - 1);
    constexpr T scale = Raised == 0 ? T(1) : 1 / two_to_raise<T>;
    const auto k = bits - static_cast<typename constants::word>(constants::three_quarters + Raised * one_exponent);
    const auto exponent = k & constants::exponent_mask;
    const auto t = std::bit_cast<pack<T>>(bits - exponent) * scale - T(1);
    if constexpr (sizeof(T) == 4) {
#if defined(STEMFUSE_PORTABLE)
        return {static_cast<T>(std::bit_cast<bits_pack<T>>(exponent)), t};
#else
        return {__builtin_convertvector(std::bit_cast<bits_pack<T>>(exponent), pack<T>), t};
#endif
    } else {
        // e + 2^11 in the last digits of a number from 2^52 on: no instruction converts 64-bit integers.
        return {std::bit_cast<pack<T>>((k >> 52) ^ 0x4330000000000800) - 0x1.00000000008p52, t};
    }
}

// For x of at least 0 and less than 2^100 in float, 2^966 in double.
template <class Pack>
[[gnu::always_inline]] inline number_parts<Pack> parts_of(Pack x) {
    using T = lane_t<Pack>;
    return parts_of_bits<T, raise<T>>(std::bit_cast<word_pack<T>>(x * two_to_raise<T>));
}

// p 2^n, from n + elementary::rounder whose last digits hold n + elementary::lift
template <class Pack>
[[gnu::always_inline]] inline Pack times_power_of_two(Pack p, Pack shifted_n) {
    using T = lane_t<Pack>;
    constexpr T fall = 1 / static_cast<T>(std::uint64_t{1} << elementary<T>::lift);
    const auto n_and_lift = std::bit_cast<word_pack<T>>(shifted_n) << (std::numeric_limits<T>::digits - 1);
    return std::bit_cast<Pack>(std::bit_cast<word_pack<T>>(p) + n_and_lift) * fall;
}

template <class Pack>
[[gnu::always_inline]] inline Pack log_of(Pack x) {
    using T = lane_t<Pack>;
    using words = word_pack<T>;
    constexpr T infinity = std::numeric_limits<T>::infinity();
    constexpr auto raised_exponent = std::uint64_t{raise<T>} << (std::numeric_limits<T>::digits - 1);
    const Pack raised = x * two_to_raise<T> + T(0);  // +0 also for -0
    const words bits = x < std::numeric_limits<T>::min()
                           ? std::bit_cast<words>(raised) - static_cast<typename elementary<T>::word>(raised_exponent)
                           : std::bit_cast<words>(x);
    const auto [e, t] = parts_of_bits<T, 0>(bits);
    // Only 0 and infinity equal their multiple: e, -127 or 128 in float, makes the infinity of the right sign.
    const Pack factor = raised == x ? broadcast(infinity) : broadcast(static_cast<T>(log_2 / exponent_unit<T>));
    const Pack log = e * factor + log_one_plus(t);
    return x >= T(0) ? log : broadcast(std::numeric_limits<T>::quiet_NaN());
}

#endif

}  // namespace detail

/// log(x), lane by lane, for every x: -infinity at 0, NaN below 0, infinity at infinity, NaN for NaN.
/// Error: at most 1.1 ulp in float (every positive number was tried, with and without fused multiply-add) and 1.6 ulp
/// in double (the worst of 3e7 numbers over all exponents and around 1).
template <class Pack>
[[gnu::always_inline]] inline Pack natural_log(Pack x) {
    return detail::log_of(x);
}

/// x^a, lane by lane, for one exponent a in [0, 2] and many x >= 0: 0 at 0, infinity at infinity, NaN for NaN. x^0 is 1
/// for every finite x, x^1 is x to the bit. For x < 0 the other powers are 0. Where x or x^a reaches 2^100 (float) or
/// 2^966 (double), the result is already infinity.
///
/// Error on [0, 1e6]: at most 3 ulp. The worst found in float, of every number and 15 exponents, is 2.7 ulp, 2.1 ulp
/// with fused multiply-add; in double, of 2e8 powers, 2.3 and 2.0 ulp.
///
/// Throws value_error for an exponent outside of [0, 2].
template <class T>
class powers {
    using constants = detail::elementary<T>;
    static constexpr T infinity = std::numeric_limits<T>::infinity();

public:
    /// Powers with the exponent a. Throws value_error outside of [0, 2].
    explicit powers(double a) {
        if (!(a >= 0 && a <= 2)) throw value_error("exponent", "is " + to_string(a) + ", must be in [0, 2]");
        constexpr double unit = detail::exponent_unit<T>;
        const double high = std::nearbyint(a / constants::high_step) * constants::high_step;
        high_ = static_cast<T>(high / unit);
        low_ = static_cast<T>((a - high) / unit);
        of_log_ = static_cast<T>(a / detail::log_2);
        constexpr double most = std::numeric_limits<T>::max_exponent - constants::lift - 2;
        constexpr double least = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits - 1;
        floor_ = a > 1 ? static_cast<T>(std::exp2(least / a)) : T(0);
        at_floor_ = a == 0 ? T(1) : T(0);
        limit_ = a == 1 ? -infinity : a == 0 ? infinity : static_cast<T>(std::exp2(std::min(most, most / a)));
        beyond_ = a == 1 ? T(0) : infinity;
    }

    /// x^a, lane by lane.
    [[gnu::always_inline]] pack<T> operator()(pack<T> x) const {
        using detail::as_written;
        const auto [e, t] = detail::parts_of(x);
        // n from a log2(1 + t) near 1.3 a t, which is at most 0.18 off, so that it need not wait for the logarithm.
        constexpr T slope = static_cast<T>(1.3 * detail::exponent_unit<T>);
        const pack<T> shifted_n = as_written((e + t * slope) * high_ + constants::rounder);
        // high_ e has no rounding error, nor has what n leaves of it.
        const pack<T> whole = as_written(e * high_ - (shifted_n - constants::rounder));
        const pack<T> f = whole + (detail::log_one_plus(t) * of_log_ + e * low_);
        const pack<T> power = detail::times_power_of_two(detail::exp2_fraction(f), shifted_n);
        const pack<T> from_floor = x > floor_ ? power : broadcast(at_floor_);
        return x < limit_ ? from_floor : x + beyond_;
    }

private:
    // a = high_ + low_, in units of e; a / log 2. x up to floor_ gives at_floor_, x from limit_ on x + beyond_.
    T high_, low_, of_log_, floor_, at_floor_, limit_, beyond_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
