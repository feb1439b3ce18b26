// Binomial thinning: one measurement of counts split into two independent ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/random.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The two parts of thinned counts.
template <scalar T>
struct thinned_counts {
    xt::xtensor<T, 3> kept,  ///< the part for the fit, (n, n_y, n_x)
        rest;                ///< the part held out; kept + rest is the measurement
};

namespace detail {

// Other streams than those of simulated measurements, so that both can use the same seed.
inline std::vector<std::uint32_t> thinning_streams(std::size_t n, const std::vector<std::string>& names) {
    if (!names.empty()) require_count(names.size(), n, "names", "names", "one for each map, or none");
    require_distinct(names, "names");
    std::vector<std::uint32_t> streams;
    for (std::size_t i = 0; i < n; ++i) {
        streams.push_back(stream_of("thinning " + (names.empty() ? std::to_string(i) : names[i])));
    }
    return streams;
}

// Draws binomial numbers of up to 64 trials by inversion, without branches: the number of successes is how many entries
// of the distribution function lie below a uniform number.
class small_binomial {
public:
    static constexpr std::size_t most_trials = 64;

    // Each trial succeeds with probability p in [0, 1].
    explicit small_binomial(double p) : mirrored_(p > 0.5) {
        const double rarer = mirrored_ ? 1 - p : p;
        for (std::size_t n = 0; n <= most_trials; ++n) {
            first_.push_back(distribution_.size());
            const double odds = rarer / (1 - rarer), all = static_cast<double>(n);
            double probability = std::pow(1 - rarer, all), sum = 0;
            for (double k = 0; k < all; ++k) {
                distribution_.push_back(sum += probability);
                probability *= odds * (all - k) / (k + 1);
            }
            while (distribution_.size() % step != 0) distribution_.push_back(1);
        }
    }

    // For n <= most_trials and u uniform in (0, 1).
    double operator()(double n, double u) const {
        const auto trials = static_cast<std::size_t>(n);
        const double* const row = distribution_.data() + first_[trials];
        double successes = 0;
        for (std::size_t k = 0; k < trials; k += step) {
            for (std::size_t j = k; j < k + step; ++j) successes += u > row[j] ? 1.0 : 0.0;
        }
        return mirrored_ ? n - successes : successes;
    }

private:
    static constexpr std::size_t step = 8;
    bool mirrored_;
    std::vector<std::size_t> first_;
    std::vector<double> distribution_;
};

}  // namespace detail

/// Every count of the maps (n, n_y, n_x) is kept with probability `fraction`, else it goes to the rest: kept is
/// Binomial(count, fraction). Where the counts are Poisson, of rate r, both parts are Poisson, of rates fraction * r
/// and (1 - fraction) * r, and independent of one another.
///
/// What a pixel keeps depends on its count, row and column, on the seed and on the name of its element alone: with
/// names neither on the order nor on the number of the elements; without, an element's place serves as its name.
/// Threads and scalar type change nothing; other machines change about one pixel in 10^10 (see random_stream). The
/// parts have the scalar type of the counts, double for integers, or the type that the caller names:
/// thin_counts<float>(...).
///
/// Throws value_error, with the place, for a count that is not a whole number from 0 to 1e15 (which double holds
/// exactly), for a fraction outside of [0, 1] and for a name that is there twice; shape_error for an empty stack and
/// another number of names.
template <class T = void, stack A>
auto thin_counts(const A& counts, double fraction, std::uint64_t seed, const execution& exec = {},
                 const std::vector<std::string>& names = {}) {
    using in_type = scalar_type_t<A>;
    using out_type = std::conditional_t<std::is_void_v<T>, in_type, T>;
    require_in_range(fraction, 0, 1, "fraction");
    const readable<in_type, 3> in(counts, "counts");
    const auto& m = in.view();
    require_not_empty(m, "counts");
    const auto streams = detail::thinning_streams(m.shape[0], names);
    detail::require_pixels(m, "counts", "whole numbers from 0 to 1e15",
                           [](in_type v) { return v >= 0 && v <= in_type(1e15) && v == std::floor(v); });
    const detail::small_binomial small(fraction);
    thinned_counts<out_type> parts{xt::xtensor<out_type, 3>(m.shape), xt::xtensor<out_type, 3>(m.shape)};
    const auto kept = as_view(parts.kept), rest = as_view(parts.rest);
    const std::size_t ny = m.shape[1], nx = m.shape[2];
    for_each_row(m.shape[0] * ny, nx, exec, [&](std::size_t r) {
        const std::size_t i = r / ny, y = r % ny;
        for (std::size_t x = 0; x < nx; ++x) {
            const double count = static_cast<double>(m.row(i, y)[x]);
            random_stream random(seed, streams[i], y, x);
            const double k =
                count <= small.most_trials ? small(count, random.uniform()) : random.binomial(count, fraction);
            kept.row(i, y)[x] = static_cast<out_type>(k);
            rest.row(i, y)[x] = static_cast<out_type>(count - k);
        }
    });
    return parts;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
