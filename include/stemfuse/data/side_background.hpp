// The background below an X-ray line, from the counts in windows beside it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

namespace stemfuse {

enum class background_kind { map, constant };

// The counts that a square of a background map holds on average: they are then within 10% of their mean.
inline constexpr double counts_of_a_square = 100;

namespace detail {

// Mean of the image over the squares of (2 r + 1)^2 pixels around every pixel, as much of them as is in the image.
inline xt::xtensor<double, 2> mean_of_squares(const xt::xtensor<double, 2>& image, std::size_t r) {
    const std::size_t ny = image.shape(0), nx = image.shape(1);
    xt::xtensor<double, 2> sums = xt::zeros<double>({ny + 1, nx + 1}), mean(image.shape());  // of all above and left
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x)
            sums(y + 1, x + 1) = image(y, x) + sums(y, x + 1) + sums(y + 1, x) - sums(y, x);
    }
    for (std::size_t y = 0; y < ny; ++y) {
        const std::size_t top = y - std::min(y, r), bottom = std::min(y + r + 1, ny);
        for (std::size_t x = 0; x < nx; ++x) {
            const std::size_t left = x - std::min(x, r), right = std::min(x + r + 1, nx);
            const double sum = sums(bottom, right) - sums(top, right) - sums(bottom, left) + sums(top, left);
            mean(y, x) = std::max(sum, 0.0) / static_cast<double>((bottom - top) * (right - left));
        }
    }
    return mean;
}

}  // namespace detail

// The radius r of the smallest squares of (2 r + 1)^2 pixels that hold 100 counts on average, where a pixel holds
// `counts`; n, that is none, where they would be wider than half of the image's shorter side n.
inline std::size_t background_radius(double counts, std::size_t n) {
    for (std::size_t r = 0; 2 * r + 1 <= n / 2 || r == 0; ++r) {
        if (static_cast<double>((2 * r + 1) * (2 * r + 1)) * counts >= counts_of_a_square) return r;
    }
    return n;
}

// The expected background in counts a pixel, shape (n_y, n_x): weights[k] sides[k], summed over the side windows'
// counts, shape (n_sides, n_y, n_x). A constant is the mean; a map is the mean over squares (see background_radius),
// scaled to the same sum, and a constant where counts are too few for any. Throws shape_error where weights and sides
// do not fit together, value_error for counts and weights that are negative or not finite.
template <class T = double, stack Sides>
xt::xtensor<T, 2> side_background(const Sides& sides, const std::vector<double>& weights,
                                  background_kind kind = background_kind::map) {
    const readable<scalar_type_t<Sides>, 3> in(sides, "sides");
    const auto& view = in.view();
    require_not_empty(view, "sides");
    if (weights.size() != view.shape[0])
        throw shape_error("weights", "has " + std::to_string(weights.size()) + " numbers, expected " +
                                         std::to_string(view.shape[0]) + ", one for each side window");
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
    const auto means = detail::mean_of_squares(rates, r);
    double sum_of_means = 0;
    for (const double v : means) sum_of_means += v;
    std::transform(means.begin(), means.end(), background.begin(),
                   [&](double v) { return static_cast<T>(v * sum / sum_of_means); });
    return background;
}

}  // namespace stemfuse
