// Defaults for tilt series, from the measurement alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

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
