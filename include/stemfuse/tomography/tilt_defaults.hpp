// Defaults for tilt series, from the measurement alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/data/image_noise.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Counts that a voxel of an element typically gives: the mean count that a count meets, less its own one, over a
/// quarter of the thickness n_z; at least 1e-6. `counts` has shape (n_e, rows, n_x).
template <stack C>
std::vector<double> typical_levels(const C& counts, std::size_t n_z) {
    const readable<scalar_type_t<C>, 3> in(counts, "counts");
    const auto& b = in.view();
    require_counts(b, "counts");
    std::vector<double> levels;
    for (std::size_t e = 0; e < b.shape[0]; ++e) {
        double sum = 0, squares = 0;
        for (std::size_t r = 0; r < b.shape[1]; ++r) {
            for (std::size_t x = 0; x < b.shape[2]; ++x) {
                const auto v = static_cast<double>(b.row(e, r)[x]);
                sum += v;
                squares += v * v;
            }
        }
        levels.push_back(std::max(1e-6, (squares / std::max(sum, 1.0) - 1) / (static_cast<double>(n_z) / 4)));
    }
    return levels;
}

/// t_e = 1.2 / sqrt(level), the weights of volume_variation. The constant is fitted to phantoms.
inline std::vector<double> variation_weights(const std::vector<double>& levels) {
    std::vector<double> weights;
    for (const double level : levels) weights.push_back(1.2 / std::sqrt(level));
    return weights;
}

/// The standard deviation of a pixel's noise in a HAADF series (1, tilts bins, n_x): the median over its tilts; 0 where
/// images are too small to tell.
template <scalar T>
double haadf_tilt_noise(const stack_view<const T>& series, std::size_t bins, const execution& exec = {}) {
    std::vector<double> noise;
    const std::size_t nx = series.shape[2];
    if (bins < 3 || nx < 3) return 0;
    for (std::size_t k = 0; k < series.shape[1] / bins; ++k) {
        const image_view<const T> tilt{series.row(0, k * bins), {bins, nx}, {series.strides[1], 1}};
        noise.push_back(image_noise(tilt, "haadf", exec));
    }
    return median(noise);
}

/// The constant of a HAADF series of this noise: what pixels have that show no matter, which must be a tenth of all or
/// more. A twentieth of pixels of noise alone lie 1.645 standard deviations below their mean.
template <scalar T>
double dark_level(const xt::xtensor<T, 3>& series, double noise) {
    std::vector<T> all(series.begin(), series.end());
    return static_cast<double>(lower_quantile(all.begin(), all.end(), 0.05)) + 1.645 * noise;
}

/// The weight of total variation of a HAADF series alone, weighed by its likelihood 1 / sigma^2: the back-projected
/// noise, sqrt(tilts) / sigma, is 1.6 times what the prior costs, as haadf_weight() has it.
inline double variation_of_haadf(double sigma, std::size_t tilts) {
    require_positive(sigma, "sigma");
    return std::sqrt(static_cast<double>(tilts)) / (1.6 * sigma);
}

/// The lambda_haadf at which the back-projected HAADF noise, lambda sigma sqrt(tilts) per unit of s, is 1.6 times what
/// the prior costs where it is cheapest per unit of s; at most 1 / sigma^2, the likelihood's own weight. `slopes` are
/// those of s at the typical levels, gamma w_e level_e^(gamma - 1); an element that HAADF does not see has none. The
/// constant is fitted to phantoms.
inline double haadf_weight(const std::vector<double>& variation, const std::vector<double>& slopes, double sigma,
                           std::size_t tilts) {
    require_positive(sigma, "sigma");
    double cheapest = std::numeric_limits<double>::infinity();
    for (std::size_t e = 0; e < slopes.size(); ++e) {
        if (slopes[e] > 0) cheapest = std::min(cheapest, variation[e] / slopes[e]);
    }
    return std::min(1 / (sigma * sigma), 1.6 * cheapest / (sigma * std::sqrt(static_cast<double>(tilts))));
}

}  // namespace stemfuse::inline STEMFUSE_ABI
