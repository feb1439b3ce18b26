// How many counts a window has beyond those that a map expects there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Means under a Gaussian window around every pixel, its weights mirrored at the borders, shape (n, n_y, n_x).
template <scalar T>
struct local_excess {
    xt::xtensor<T, 3> counted;     ///< of the counts
    xt::xtensor<T, 3> expected;    ///< of the map, without background
    xt::xtensor<T, 3> background;  ///< of the background
    std::vector<double> power_y,   ///< n_y: of the window around row y, the sum of the squared weights along y
        power_x;                   ///< n_x: the same along x; the weights sum to 1

    /// The sum of the squared weights of the window around row y, column x: where the rate is about r all over it, the
    /// mean of Poisson counts has the variance r power(y, x).
    double power(std::size_t y, std::size_t x) const { return power_y[y] * power_x[x]; }
};

namespace detail {

// The weights that pixels get in the window around number y of n, mirrored at the ends.
template <scalar T>
std::vector<double> mirrored_window(const std::vector<T>& window, std::size_t y, std::size_t n) {
    const auto r = static_cast<std::ptrdiff_t>(window.size() / 2);
    std::vector<double> weights(n, 0.0);
    for (std::ptrdiff_t k = -r; k <= r; ++k)
        weights[mirrored(static_cast<std::ptrdiff_t>(y) + k, n)] += window[static_cast<std::size_t>(k + r)];
    return weights;
}

// The sum of the squares of these weights, for each of n.
template <scalar T>
std::vector<double> window_power(const std::vector<T>& window, std::size_t n) {
    std::vector<double> power(n);
    for (std::size_t y = 0; y < n; ++y) {
        for (const double w : mirrored_window(window, y, n)) power[y] += w * w;
    }
    return power;
}

// The largest of them.
template <scalar T>
std::vector<double> window_peak(const std::vector<T>& window, std::size_t n) {
    std::vector<double> peak(n);
    for (std::size_t y = 0; y < n; ++y) {
        for (const double w : mirrored_window(window, y, n)) peak[y] = std::max(peak[y], w);
    }
    return peak;
}

// The product of two stacks.
template <scalar T>
xt::xtensor<T, 3> exposed(const stack_view<const T>& a, const stack_view<const T>& exposure) {
    require_shape(exposure.shape, a.shape, "exposure", "the maps'");
    xt::xtensor<T, 3> product(a.shape);
    for (std::size_t r = 0; r < a.shape[0] * a.shape[1]; ++r) {
        const std::size_t i = r / a.shape[1], y = r % a.shape[1];
        std::transform(a.row(i, y), a.row(i, y) + a.shape[2], exposure.row(i, y), &product(i, y, 0),
                       [](T v, T w) { return v * w; });
    }
    return product;
}

}  // namespace detail

/// maps: expected counts without background; counts, background; all (n, n_y, n_x). `sigma` of the window in pixels,
/// 0.1 to 1e4. exposure: of the same shape or empty, 0 where a pixel is left out, whose count must be 0. Throws
/// shape_error for an empty stack and where shapes differ, value_error for a sigma out of range.
template <scalar T>
local_excess<T> measure_local_excess(const stack_view<const T>& maps, const stack_view<const T>& counts,
                                     const stack_view<const T>& background, double sigma, const execution& exec = {},
                                     const stack_view<const T>& exposure = {}) {
    require_not_empty(maps, "maps");
    require_shape(counts.shape, maps.shape, "counts", "the maps'");
    require_shape(background.shape, maps.shape, "background", "the maps'");
    require_in_range(sigma, 0.1, 1e4, "sigma");
    const auto window = gaussian_window<T>(sigma);
    if (exposure.size() > 0) {
        const xt::xtensor<T, 3> exposed = detail::exposed(maps, exposure),
                                beside = detail::exposed(background, exposure);
        return {smoothed(counts, window, exec), smoothed(as_view(exposed), window, exec),
                smoothed(as_view(beside), window, exec), detail::window_power(window, maps.shape[1]),
                detail::window_power(window, maps.shape[2])};
    }
    return {smoothed(counts, window, exec), smoothed(maps, window, exec), smoothed(background, window, exec),
            detail::window_power(window, maps.shape[1]), detail::window_power(window, maps.shape[2])};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
