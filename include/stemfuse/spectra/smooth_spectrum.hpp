// Variances for fits to spectra, and spectra under a Gaussian.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// Expected counts of a channel from which on its variance is taken for them: where theory expects next to nothing a
// single count would weigh without bound.
inline constexpr double least_rate = 0.3;

// Under a Gaussian of `sigma` channels, cut at `reach` channels; at the ends the window is what is left of it.
inline std::vector<double> smooth_spectrum(const std::vector<double>& counts, double sigma, std::ptrdiff_t reach) {
    std::vector<double> out(counts.size());
    const auto n = static_cast<std::ptrdiff_t>(counts.size());
    for (std::ptrdiff_t c = 0; c < n; ++c) {
        double sum = 0, weight = 0;
        for (std::ptrdiff_t k = std::max<std::ptrdiff_t>(0, c - reach); k <= std::min(n - 1, c + reach); ++k) {
            const double w = std::exp(-0.5 * static_cast<double>((k - c) * (k - c)) / (sigma * sigma));
            sum += w * counts[static_cast<std::size_t>(k)];
            weight += w;
        }
        out[static_cast<std::size_t>(c)] = sum / weight;
    }
    return out;
}

// The variance of counts to begin with: that of their neighbourhood, and at least 1, as a channel without counts may
// have had one.
inline std::vector<double> first_variance(const std::vector<double>& counts, double sigma) {
    auto variance = smooth_spectrum(counts, sigma, std::lround(3 * sigma));
    for (double& v : variance) v = std::max(v, 1.0);
    return variance;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
