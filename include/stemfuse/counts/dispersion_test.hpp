// Whether counts vary more than counting allows: the two parts of thinned counts are independent only if not.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/data/image_noise.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The variance of counts, over their mean, less 1: 0 for Poisson counts.
struct dispersion_test {
    double excess = 0,       ///< of the map where it is largest
        standard_error = 0;  ///< of excess; 0 where nothing was tested

    /// Whether the two parts of thinned counts depend on one another so much that a choice by them would be wrong: the
    /// excess is above least_excess and above four standard errors.
    bool overdispersed() const { return excess > least_excess && excess > 4 * standard_error; }

    /// An excess that may stay: at 0.3 the parts of a split at 0.8 have a correlation of 0.1.
    static constexpr double least_excess = 0.3;
};

/// From the parts that thin_counts() makes, for the map that varies most. Counts of mean r and variance v have parts of
/// the covariance p (1 - p) (v - r), that of Poisson counts is 0; the mixed second difference of both parts leaves out
/// what varies smoothly, the median over 25 tiles of the image what has structure of the size of a pixel. Nothing is
/// found in images below 20 x 20 and in maps of less than 400 counts. exposure: 0 where a pixel is left out; empty for
/// none.
template <scalar T>
dispersion_test test_dispersion(const thinned_counts<T>& parts, double fraction,
                                const stack_view<const T>& exposure = {}) {
    constexpr std::size_t side = 5;
    const auto kept = as_view(parts.kept), rest = as_view(parts.rest);
    const std::size_t ny = kept.shape[1], nx = kept.shape[2];
    dispersion_test worst;
    if (ny < 20 || nx < 20 || !(fraction > 0 && fraction < 1)) return worst;
    for (std::size_t i = 0; i < kept.shape[0]; ++i) {
        const auto a = detail::mixed_second_difference(kept.image(i), {}),
                   b = detail::mixed_second_difference(rest.image(i), {});
        std::vector<double> covariance(side * side, 0.0), counts(side * side, 0.0);
        double all = 0;
        for (std::size_t y = 0; y + 2 < ny; ++y) {
            for (std::size_t x = 0; x + 2 < nx; ++x) {
                bool exposed = true;
                for (std::size_t k = 0; exposure.size() > 0 && k < 9; ++k)
                    exposed = exposed && exposure.row(i, y + k / 3)[x + k % 3] > 0;
                if (!exposed) continue;
                const std::size_t tile = y * side / (ny - 2) * side + x * side / (nx - 2);
                covariance[tile] += a[y * (nx - 2) + x] * b[y * (nx - 2) + x];
                counts[tile] += static_cast<double>(kept.row(i, y + 1)[x + 1] + rest.row(i, y + 1)[x + 1]);
            }
        }
        std::vector<double> excess;
        for (std::size_t t = 0; t < side * side; ++t) {
            all += counts[t];
            if (counts[t] >= 16) excess.push_back(covariance[t] / (fraction * (1 - fraction) * counts[t]));
        }
        if (all < 400 || excess.size() < 9) continue;
        const double n = static_cast<double>(excess.size());
        dispersion_test found{median(excess), 0};
        for (double& v : excess) v = std::abs(v - found.excess);
        // sqrt(pi / 2) = 1.2533: the standard error of a median over that of a mean, for normal numbers.
        found.standard_error = 1.2533 * median(excess) / normal_median_magnitude / std::sqrt(n);
        if (found.excess > worst.excess || worst.standard_error == 0) worst = found;
    }
    return worst;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
