// Random numbers that are the same on every machine: a counter-based generator, and uniform, normal, Poisson and
// binomial distributions of our own, because those of the standard library differ from one implementation to the next.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string_view>

#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The counter of philox4x32, and the four words that it makes of it.
using philox_counter = std::array<std::uint32_t, 4>;
/// The key of philox4x32.
using philox_key = std::array<std::uint32_t, 2>;

/// Philox4x32-10: four random words, a pure function of counter and key. Salmon et al., SC '11,
/// doi 10.1145/2063384.2063405.
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

/// The number of the stream with this name, such as an element symbol (FNV-1a hash of its bytes).
constexpr std::uint32_t stream_of(std::string_view name) {
    std::uint32_t hash = 2166136261u;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return hash;
}

/// The nearest multiple of 2^-16. Values computed with another libm, or with fused multiply-adds, differ in their last
/// bits: they round to the same multiple, except in about one case in 10^10.
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

// log of the binomial probability of k successes in n trials, up to a constant that depends on n alone: two Poisson
// counts, given their sum, are binomial.
inline double log_binomial_ratio(double k, double n, double p) {
    return log_poisson_probability(k, n * p) + log_poisson_probability(n - k, n * (1 - p));
}

}  // namespace detail

/// The random numbers of one place (y, x) of one stream under one seed. Any two places are independent of each other,
/// so images can be filled in any order and on any number of threads.
class random_stream {
public:
    /// `stream` is a number such as stream_of() gives. Of y and x the lowest 32 bits count.
    random_stream(std::uint64_t seed, std::uint32_t stream, std::size_t y = 0, std::size_t x = 0)
        : counter_{0, static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y), stream},
          key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {}

    /// Uniform in (0, 1): an odd multiple of 2^-53.
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

    /// Uniform in (lowest, highest).
    double uniform(double lowest, double highest) { return lowest + (highest - lowest) * uniform(); }

    /// Mean 0, standard deviation 1, in multiples of 2^-16. Box & Muller (1958), doi 10.1214/aoms/1177706645.
    double normal() {
        const double radius = std::sqrt(-2 * std::log(uniform()));
        return to_16_bits(radius * std::cos(2 * std::numbers::pi * uniform()));
    }

    /// A count with the given mean. Below 10, inversion of the distribution function by sequential search (Devroye
    /// 1986, doi 10.1007/978-1-4613-8643-8, section X.3.3); from 10, transformed rejection, PTRS (Hörmann 1993,
    /// doi 10.1016/0167-6687(93)90997-4). Both are exact but for the rounding of doubles. Throws value_error for a mean
    /// that is negative, NaN or above 1e15.
    double poisson(double mean) {
        require_in_range(mean, 0, 1e15, "mean");
        return mean < 10 ? poisson_by_inversion(mean) : poisson_by_rejection(mean);
    }

    /// How many of n trials succeed, each with probability p. Up to 10 expected successes (or failures, if fewer),
    /// inversion by sequential search (Devroye 1986, section X.4.3); above, transformed rejection, BTRS (Hörmann 1993,
    /// doi 10.1080/00949659308811496). Both are exact but for the rounding of doubles. Throws value_error for an n that
    /// is no whole number from 0 to 1e15, and for a p outside of [0, 1].
    double binomial(double n, double p) {
        require_in_range(n, 0, 1e15, "n");
        if (n != std::floor(n)) throw value_error("n", is_but_must_be(n, "a whole number"));
        require_in_range(p, 0, 1, "p");
        const double rarer = p > 0.5 ? 1 - p : p;
        const double k = n * rarer < 10 ? binomial_by_inversion(n, rarer) : binomial_by_rejection(n, rarer);
        return p > 0.5 ? n - k : k;
    }

private:
    // Ends at a probability far below the resolution of `u`; otherwise rounding could keep the search going.
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

    // For p <= 0.5. Beyond k = n the probability is 0.
    double binomial_by_inversion(double n, double p) {
        double k = 0, probability = std::exp(n * std::log1p(-p)), u = uniform();
        const double odds = p / (1 - p);
        while (u > probability && probability > 0x1p-60) {
            u -= probability;
            probability *= odds * (n - k) / (k + 1);
            ++k;
        }
        return std::min(k, n);
    }

    // For p <= 0.5 and n p >= 10.
    double binomial_by_rejection(double n, double p) {
        const double spread = std::sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p;
        const double certain = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
        const double mode = detail::log_binomial_ratio(std::floor((n + 1) * p), n, p);
        for (;;) {
            const double v = uniform(), u = uniform() - 0.5, distance = 0.5 - std::abs(u);
            const double k = std::floor((2 * a / distance + b) * u + n * p + 0.5);
            if (distance >= 0.07 && v <= certain) return k;
            if (k < 0 || k > n) continue;
            const double hat = a / (distance * distance) + b;
            if (std::log(v * alpha / hat) <= detail::log_binomial_ratio(k, n, p) - mode) return k;
        }
    }

    philox_counter counter_;
    philox_key key_;
    philox_counter words_{};
    std::size_t next_ = 4;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
