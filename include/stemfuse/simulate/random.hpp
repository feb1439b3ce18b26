// Random numbers that are the same on every machine: a counter-based generator, and uniform, normal and Poisson
// distributions of our own, because those of the standard library differ from one implementation to the next.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string_view>

#include <stemfuse/core/check.hpp>

namespace stemfuse {

using philox_counter = std::array<std::uint32_t, 4>;
using philox_key = std::array<std::uint32_t, 2>;

// Philox4x32-10: four random words, a pure function of counter and key. Salmon et al., SC '11,
// doi 10.1145/2063384.2063405.
constexpr philox_counter philox4x32(philox_counter c, philox_key key) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p = std::uint64_t{0xD2511F53} * c[0], q = std::uint64_t{0xCD9E8D57} * c[2];
        c = {static_cast<std::uint32_t>(q >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(q),
             static_cast<std::uint32_t>(p >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p)};
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    return c;
}

// The number of a stream by its name, such as an element symbol (FNV-1a hash of its bytes).
constexpr std::uint32_t stream_of(std::string_view name) {
    std::uint32_t hash = 2166136261u;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return hash;
}

// The nearest multiple of 2^-16. Values computed with another libm, or with fused multiply-adds, differ in their last
// bits: they round to the same multiple, short of one case in about 10^10.
inline double to_16_bits(double value) { return std::round(value * 65536) / 65536; }

namespace detail {

// log of the probability exp(-mean) mean^k / k! of an integer k >= 0, for mean > 0; k! from Stirling's series
// (Abramowitz & Stegun 6.1.41) above 20, where its terms sum to double precision.
inline double log_poisson_probability(double k, double mean) {
    if (k <= 20) {
        double factorial = 1;
        for (double i = 2; i <= k; ++i) factorial *= i;
        return k * std::log(mean) - mean - std::log(factorial);
    }
    const double r = 1 / (k * k);
    const double series = (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r / 1680))) / k;
    // Near the mean by log1p: the rounding of mean / k, times k, is 0.1 at k = 10^15.
    const double d = (mean - k) / k, log_ratio = std::abs(d) < 0.1 ? std::log1p(d) : std::log(mean / k);
    return k * log_ratio + (k - mean) - 0.5 * std::log(2 * std::numbers::pi * k) - series;
}

}  // namespace detail

// The random numbers of one place (y, x) of one stream under one seed. Any two places are independent of each other, so
// images can be filled in any order and on any number of threads.
class random_stream {
public:
    random_stream(std::uint64_t seed, std::uint32_t stream, std::size_t y = 0, std::size_t x = 0)
        : counter_{0, static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y), stream},
          key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {}

    // Uniform in (0, 1): an odd multiple of 2^-53.
    double uniform() {
        if (next_ == 4) {
            words_ = philox4x32(counter_, key_);
            ++counter_[0];
            next_ = 0;
        }
        const std::uint64_t bits = (std::uint64_t{words_[next_]} << 32) | words_[next_ + 1];
        next_ += 2;
        return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52;
    }

    // Uniform in (lowest, highest).
    double uniform(double lowest, double highest) { return lowest + (highest - lowest) * uniform(); }

    // Mean 0, standard deviation 1, in multiples of 2^-16. Box & Muller (1958), doi 10.1214/aoms/1177706645.
    double normal() {
        const double radius = std::sqrt(-2 * std::log(uniform()));
        return to_16_bits(radius * std::cos(2 * std::numbers::pi * uniform()));
    }

    // A count with the given mean. Below 10, inversion of the distribution function by sequential search (Devroye 1986,
    // doi 10.1007/978-1-4613-8643-8, section X.3.3); from 10, transformed rejection, PTRS (Hörmann 1993,
    // doi 10.1016/0167-6687(93)90997-4). Both are exact but for the rounding of doubles. Throws value_error for a mean
    // that is negative, NaN or above 1e15.
    double poisson(double mean) {
        require_in_range(mean, 0, 1e15, "mean");
        return mean < 10 ? poisson_by_inversion(mean) : poisson_by_rejection(mean);
    }

private:
    // Ends at a probability far below the resolution of `u`, lest rounding let the search run on.
    double poisson_by_inversion(double mean) {
        double k = 0, probability = std::exp(-mean), u = uniform();
        while (u > probability && probability > 0x1p-60) {
            u -= probability;
            probability *= mean / ++k;
        }
        return k;
    }

    double poisson_by_rejection(double mean) {
        const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
        const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), certain = 0.9277 - 3.6224 / (b - 2);
        for (;;) {
            const double u = uniform() - 0.5, v = uniform(), distance = 0.5 - std::abs(u);
            const double k = std::floor((2 * a / distance + b) * u + mean + 0.43);
            if (distance >= 0.07 && v <= certain) return k;
            if (k < 0 || (distance < 0.013 && v > distance)) continue;
            const double hat = a / (distance * distance) + b;
            if (std::log(v * inverse_alpha / hat) <= detail::log_poisson_probability(k, mean)) return k;
        }
    }

    philox_counter counter_;
    philox_key key_;
    philox_counter words_{};
    std::size_t next_ = 4;
};

}  // namespace stemfuse
