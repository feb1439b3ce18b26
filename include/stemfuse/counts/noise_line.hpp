// The variance of a map's noise as a straight line over its mean.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/data/image_noise.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// Noise variance against mean: variance = intercept + slope * mean.
struct noise_line {
    double slope = 0, intercept = 0, standard_error = std::numeric_limits<double>::infinity();
};

// The 3 x 3 pixels around each pixel in an orthogonal basis: the products of (1 1 1), (-1 0 1) and (1 -2 1) along both
// axes, each of norm 1. The product of the last two is the mixed second difference; its square is the noise. With the
// squares of that filter as weights of the mean, the expected square is the noise variance at that mean, also where the
// counts change within the window; and its regression on the noisy mean keeps the slope of Poisson counts, as their
// third cumulant is their second. Slopes and curvatures along one axis, the structure, are four times the variance
// where there is noise alone.
struct noise_samples {
    std::vector<double> mean, square, structure;
    std::vector<double> coarse;  // the mixed second difference over every other pixel of 5 x 5, squared

    std::size_t size() const { return mean.size(); }
};

constexpr double square(double v) { return v * v; }

// Leaves out windows of 3 x 3 equal values if `textured_only`: padding, or values cut at 0.
template <class T>
noise_samples sample_noise(const image_view<const T>& v, bool textured_only) {
    noise_samples out;
    const std::size_t ny = v.shape[0], nx = v.shape[1];
    const auto bend = [](double a, double b, double c) { return a - 2 * b + c; };
    for (std::size_t y = 2; y + 2 < ny; ++y) {
        for (std::size_t x = 2; x + 2 < nx; ++x) {
            double sum[3], slope[3], curve[3], weighted[3], wide[3];  // along x, for the rows y - 1, y, y + 1
            bool flat = true;
            for (std::size_t j = 0; j < 3; ++j) {
                const T *const near = v.row(y + j - 1) + x, *const far = v.row(y + 2 * j - 2) + x;
                const double a = static_cast<double>(near[-1]), b = static_cast<double>(near[0]),
                             c = static_cast<double>(near[1]);
                sum[j] = a + b + c;
                slope[j] = c - a;
                curve[j] = bend(a, b, c);
                weighted[j] = a + 4 * b + c;
                wide[j] = bend(static_cast<double>(far[-2]), static_cast<double>(far[0]), static_cast<double>(far[2]));
                flat = flat && near[-1] == v.row(y)[x] && near[0] == v.row(y)[x] && near[1] == v.row(y)[x];
            }
            if (textured_only && flat) continue;
            out.mean.push_back((weighted[0] + 4 * weighted[1] + weighted[2]) / 36);
            out.square.push_back(square(bend(curve[0], curve[1], curve[2])) / 36);
            out.coarse.push_back(square(bend(wide[0], wide[1], wide[2])) / 36);
            out.structure.push_back(square(sum[2] - sum[0]) / 6 + square(slope[0] + slope[1] + slope[2]) / 6 +
                                    square(bend(sum[0], sum[1], sum[2])) / 18 +
                                    square(curve[0] + curve[1] + curve[2]) / 18);
        }
    }
    return out;
}

// The median, over groups of consecutive members, of their mean: hardly moved by structure in a few places.
inline double median_of_means(const std::vector<double>& values, const std::vector<std::size_t>& members,
                              std::size_t groups) {
    const partition cut(members.size(), groups);
    std::vector<double> means;
    for (std::size_t g = 0; g < cut.size(); ++g) {
        double sum = 0;
        for (std::size_t k = cut[g].first; k < cut[g].last; ++k) sum += values[members[k]];
        means.push_back(sum / static_cast<double>(cut[g].size()));
    }
    return median(means);
}

struct noise_bin {
    double mean, variance, pixels;
};

// One bin of the pixels of similar mean, in the image's order: the median variance of up to 16 groups, without those
// whose structure is beyond 24 times the variance (6 times its expectation), unless that is more than three quarters of
// them.
inline noise_bin summarise_noise(const noise_samples& samples, const std::vector<std::size_t>& members) {
    const auto typical = [&](const std::vector<std::size_t>& pixels) {
        return median_of_means(samples.square, pixels, std::clamp<std::size_t>(pixels.size() / 16, 1, 16));
    };
    auto kept = members;
    double variance = typical(kept);
    for (int round = 0; round < 3; ++round) {
        std::vector<std::size_t> plain;
        std::copy_if(members.begin(), members.end(), std::back_inserter(plain),
                     [&](std::size_t k) { return samples.structure[k] <= 24 * variance; });
        if (plain.size() < members.size() / 4) break;
        kept = std::move(plain);
        variance = typical(kept);
    }
    double sum = 0;
    for (const std::size_t k : kept) sum += samples.mean[k];
    const double n = static_cast<double>(kept.size());
    return {sum / n, variance, n};
}

// Up to 32 bins of as many pixels each, by local mean. At least four samples.
inline std::vector<noise_bin> bin_noise(const noise_samples& samples) {
    const std::size_t n = samples.size();
    const partition bins(n, std::clamp<std::size_t>(n / 256, 4, 32));
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return samples.mean[a] < samples.mean[b]; });
    std::vector<noise_bin> out;
    for (std::size_t b = 0; b < bins.size(); ++b) {
        std::vector<std::size_t> members(order.begin() + static_cast<std::ptrdiff_t>(bins[b].first),
                                         order.begin() + static_cast<std::ptrdiff_t>(bins[b].last));
        std::sort(members.begin(), members.end());
        out.push_back(summarise_noise(samples, members));
    }
    return out;
}

// A line through the bins, or through (zero_level, 0): Huber's regression by reweighting, with the spread that scaled
// counts of the line have. The mean of n squares has the variance (2 s^4 70^2/36^2 + slope^2 s^2) / n, s^2 the line's
// variance: the first part from the filter's autocorrelation, the second from the counts' fourth cumulant.
inline noise_line fit_noise_line(const std::vector<noise_bin>& bins, std::optional<double> zero_level) {
    // Huber's 1.345 loses 5% of least squares' efficiency where the misfits are normal.
    constexpr double huber = 1.345, shared_pixels = 2 * 70.0 * 70 / (36 * 36);
    noise_line line;
    double typical = 0;
    for (const auto& bin : bins) typical += bin.variance / static_cast<double>(bins.size());
    line.intercept = typical;
    if (typical == 0) return line;
    std::vector<double> trust(bins.size(), 1), spread(bins.size()), misfits(bins.size());
    for (int round = 0; round < 20; ++round) {
        double w_sum = 0, x_sum = 0, y_sum = 0, xx = 0, xy = 0;
        for (std::size_t b = 0; b < bins.size(); ++b) {
            // At least 0.05 of the typical variance, so that a bin about 0 does not get all the weight.
            const double s2 = std::max(line.intercept + line.slope * bins[b].mean, 0.05 * typical);
            const double slope = std::max(line.slope, 0.0);
            spread[b] = std::sqrt((shared_pixels * s2 * s2 + slope * slope * s2) / bins[b].pixels);
            const double w = trust[b] / (spread[b] * spread[b]);
            w_sum += w;
            x_sum += w * bins[b].mean;
            y_sum += w * bins[b].variance;
        }
        const double x0 = zero_level ? *zero_level : x_sum / w_sum, y0 = zero_level ? 0 : y_sum / w_sum;
        for (std::size_t b = 0; b < bins.size(); ++b) {
            const double w = trust[b] / (spread[b] * spread[b]), x = bins[b].mean - x0;
            xx += w * x * x;
            xy += w * x * (bins[b].variance - y0);
        }
        if (!(xx > 0)) return {};
        line.slope = xy / xx;
        line.intercept = y0 - line.slope * x0;
        for (std::size_t b = 0; b < bins.size(); ++b) {
            misfits[b] = std::abs(bins[b].variance - line.intercept - line.slope * bins[b].mean) / spread[b];
        }
        auto sorted = misfits;
        const double scale = std::max(1.0, median(sorted) / normal_median_magnitude);
        for (std::size_t b = 0; b < bins.size(); ++b) trust[b] = std::min(1.0, huber * scale / misfits[b]);
        line.standard_error = scale / std::sqrt(xx);
    }
    return line;
}

// The variance of the local means over that which noise alone gives them; 1 where there is no noise.
inline double noise_contrast(const noise_samples& samples) {
    const double n = static_cast<double>(samples.size());
    const double mean = std::accumulate(samples.mean.begin(), samples.mean.end(), 0.0) / n;
    double variance = 0;
    for (const double m : samples.mean) variance += (m - mean) * (m - mean) / n;
    const double noise = std::accumulate(samples.square.begin(), samples.square.end(), 0.0) / n / 4;
    return noise > 0 ? variance / noise : 1;
}

// The noise variance between neighbours over that between every other pixel, of each the median over groups of 64
// pixels of a row, or the mean where that is 0; 0 where there is no noise.
inline double noise_whiteness(const noise_samples& samples) {
    std::vector<std::size_t> all(samples.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const auto ratio = [&](std::size_t groups) {
        const double coarse = median_of_means(samples.coarse, all, groups);
        return coarse > 0 ? median_of_means(samples.square, all, groups) / coarse : 0;
    };
    const double typical = ratio(std::max<std::size_t>(1, samples.size() / 64));
    return typical > 0 ? typical : ratio(1);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
