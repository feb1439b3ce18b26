// One measurement of maps that are no longer counts, split into two independent ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What thin_counts() is to counts, for maps m >= 0, shape (n, n_y, n_x), that have been fitted, scaled or resampled,
/// in units of counts (see counts_per_unit()), so that their variance is about their mean:
///     kept = p m + sqrt(p (1 - p) v) z,   rest = m - kept,   z standard normal, v = m under a Gaussian of 2 pixels.
/// Where m is normal with the mean r and the variance v, kept has the mean and variance p r, rest (1 - p) r, and they
/// are independent, as the parts of thinned counts are; where v is not the variance they are correlated by the
/// difference. Below a few counts in a pixel noise is far from normal: kept is cut at 0 there. Neighbouring pixels must
/// be independent, which interpolated maps are not. Neufeld et al., J. Mach. Learn. Res. 25 (2024), arXiv 2301.07276,
/// treat such splits in general.
/// Throws value_error for a negative or not finite number and for a fraction outside of [0, 1]; shape_error for an
/// empty stack and another number of names.
template <scalar T>
thinned_counts<T> split_scaled_counts(const stack_view<const T>& maps, double fraction, std::uint64_t seed,
                                      const execution& exec = {}, const std::vector<std::string>& names = {}) {
    require_in_range(fraction, 0, 1, "fraction");
    require_not_empty(maps, "counts");
    require_counts(maps, "counts");
    const auto streams = detail::thinning_streams(maps.shape[0], names);
    const xt::xtensor<T, 3> variance = gaussian_filter(maps, 2, exec);
    thinned_counts<T> parts{xt::xtensor<T, 3>(maps.shape), xt::xtensor<T, 3>(maps.shape)};
    const std::size_t ny = maps.shape[1], nx = maps.shape[2];
    const double spread = std::sqrt(fraction * (1 - fraction));
    for_each_row(maps.shape[0] * ny, nx, exec, [&](std::size_t r) {
        const std::size_t i = r / ny, y = r % ny;
        for (std::size_t x = 0; x < nx; ++x) {
            const double m = static_cast<double>(maps.row(i, y)[x]), v = static_cast<double>(variance(i, y, x));
            random_stream random(seed, streams[i], y, x);
            const double kept = fraction * m + spread * std::sqrt(v) * random.normal();
            parts.kept(i, y, x) = static_cast<T>(std::max(kept, 0.0));
            parts.rest(i, y, x) = static_cast<T>(m - kept);
        }
    });
    return parts;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
