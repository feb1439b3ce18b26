// The background below an X-ray line, from the counts in windows beside it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/operators/local_mean.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Whether the background is taken as it changes over the image, or as one number for all pixels.
enum class background_kind { map, constant };

/// The counts that a square of a background map holds on average: their noise is then 10%.
inline constexpr double counts_of_a_square = 100;

/// The radius r of the smallest squares of (2 r + 1)^2 pixels that hold 100 counts on average, where a pixel holds
/// `counts`; returns n, the image's shorter side, if they would be wider than half of it: use a constant then.
inline std::size_t background_radius(double counts, std::size_t n) {
    for (std::size_t r = 0; 2 * r + 1 <= n / 2 || r == 0; ++r) {
        if (static_cast<double>((2 * r + 1) * (2 * r + 1)) * counts >= counts_of_a_square) return r;
    }
    return n;
}

/// The expected background in counts a pixel, shape (n_y, n_x): weights[k] sides[k], summed over the side windows'
/// counts, shape (n_sides, n_y, n_x). A constant is the mean; a map is the mean over squares (see background_radius),
/// scaled to the same sum, and a constant where counts are too few for any. Throws shape_error where weights and sides
/// do not fit together, value_error for counts and weights that are negative or not finite.
template <class T = double, stack Sides>
xt::xtensor<T, 2> side_background(const Sides& sides, const std::vector<double>& weights,
                                  background_kind kind = background_kind::map) {
    const readable<scalar_type_t<Sides>, 3> in(sides, "sides");
    const auto& view = in.view();
    require_not_empty(view, "sides");
    require_count(weights.size(), view.shape[0], "weights", "numbers", "one for each side window");
    require_counts(view, "sides");
    for (const double w : weights) require_non_negative(w, "weights");
    const std::size_t ny = view.shape[1], nx = view.shape[2], size = ny * nx;
    xt::xtensor<double, 2> rates = xt::zeros<double>({ny, nx});
    double counts = 0, sum = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
        detail::for_each_element(view.image(k), [&](std::size_t p, auto v) {
            counts += static_cast<double>(v);
            rates.data()[p] += weights[k] * static_cast<double>(v);
        });
    }
    for (const double rate : rates) sum += rate;
    const std::size_t n = std::min(ny, nx), r = background_radius(counts / static_cast<double>(size), n);
    xt::xtensor<T, 2> background(image_shape{ny, nx});
    if (kind == background_kind::constant || r == n || sum == 0) {
        background.fill(static_cast<T>(sum / static_cast<double>(size)));
        return background;
    }
    const auto means = local_mean(rates, r);
    double sum_of_means = 0;
    for (const double v : means) sum_of_means += v;
    std::transform(means.begin(), means.end(), background.begin(),
                   [&](double v) { return static_cast<T>(std::max(v, 0.0) * sum / sum_of_means); });
    return background;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
