// How far a fused map departs from its raw one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/counts/disagreement.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// From which size on a difference between fused and raw maps counts.
struct departure_options {
    double window = 6;            ///< sigma in pixels of the Gaussian under which maps are compared
    double tolerance = 0.2;       ///< of the smoothed raw map's 99th percentile, or of its mean: less is no departure
    double false_alarms = 0.001;  ///< probability that noise alone makes a map depart that is within the tolerance
    /// The recipe keeps no scale: maps are compared after the factor and offset that bring the fused one nearest to
    /// the raw one, and their means are told, not judged.
    bool rescaled = false;
    double max_offset = 0;  ///< of that offset, 0 or more in the raw maps' unit, such as a background that was told
};

/// How far the fused map of an element departs from its raw one, in the raw one's unit.
struct map_departure {
    double raw_mean = 0,        ///< of the raw map over the image, without background
        fused_mean = 0;         ///< of the fused map as it is
    double factor = 1,          ///< of the fused map in all that follows
        offset = 0;             ///< added to it after that
    double standard_error = 0;  ///< of the raw map's mean, by its noise
    bool means_differ = false;  ///< by more than noise and tolerance, where they are judged
    double area = 0;        ///< of the image, 0 to 1, where the smoothed maps differ by more than noise and tolerance
    double area_above = 0;  ///< the part of it where the fused map has more
    std::size_t y = 0,      ///< row of the pixel where they differ most
        x = 0;              ///< its column
    double raw = 0,         ///< the smoothed raw map there
        fused = 0;          ///< the smoothed fused map there

    /// Whether there is anything to say.
    bool departs() const { return area > 0 || means_differ; }
};

namespace detail {

// Standard errors of white noise.
struct noise_of_windows {
    xt::xtensor<double, 2> errors;  // of the window around every pixel
    double of_mean = 0;             // of the mean of the image
};

// Under a Gaussian window of this sigma; the variance of a pixel is the mean square of the image's mixed second
// difference under a window twice as wide.
template <scalar T>
noise_of_windows window_noise(const image_view<const T>& image, double window, const execution& exec) {
    const std::size_t ny = image.shape[0], nx = image.shape[1];
    xt::xtensor<double, 2> squares({ny - 2, nx - 2});
    noise_of_windows noise{xt::xtensor<double, 2>({ny, nx})};
    const auto differences = mixed_second_difference(image, exec);
    std::transform(differences.begin(), differences.end(), squares.data(), [](double d) { return d * d; });
    const auto variance = gaussian_filter(as_view(std::as_const(squares)), 2 * window, exec);
    const auto weights = gaussian_window<double>(window);
    const auto power_y = window_power(weights, ny), power_x = window_power(weights, nx);
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            const double v =
                variance(std::clamp<std::size_t>(y, 1, ny - 2) - 1, std::clamp<std::size_t>(x, 1, nx - 2) - 1);
            noise.errors(y, x) = std::sqrt(v * power_y[y] * power_x[x]);
            noise.of_mean += v;
        }
    }
    noise.of_mean = std::sqrt(noise.of_mean) / static_cast<double>(ny * nx);
    return noise;
}

// Factor, 0 or more, and offset in [0, most] that bring `from` nearest to `to`, in least squares.
template <scalar T>
std::pair<double, double> nearest_scale(const image_view<const T>& from, const image_view<const T>& to, double most) {
    const double n = static_cast<double>(from.shape[0] * from.shape[1]);
    double f = 0, r = 0, ff = 0, fr = 0;
    for (std::size_t y = 0; y < from.shape[0]; ++y) {
        for (std::size_t x = 0; x < from.shape[1]; ++x) {
            const double a = static_cast<double>(from.row(y)[x]), b = static_cast<double>(to.row(y)[x]);
            f += a, r += b, ff += a * a, fr += a * b;
        }
    }
    const double spread = ff - f * f / n, slope = spread > 0 ? (fr - f * r / n) / spread : 0;
    const double offset = std::clamp((r - slope * f) / n, 0.0, most);
    return {ff > 0 ? std::max(0.0, (fr - offset * f) / ff) : 0, offset};
}

// Compares smoothed maps under the factor and offset in `found`; `u` standard errors are noise.
template <scalar T>
void compare_smoothed(const image_view<const T>& fused, const image_view<const T>& raw,
                      const xt::xtensor<double, 2>& error, double tolerance, double u, map_departure& found) {
    double most = -1, below = 0;
    for (std::size_t y = 0; y < raw.shape[0]; ++y) {
        for (std::size_t x = 0; x < raw.shape[1]; ++x) {
            const double r = static_cast<double>(raw.row(y)[x]),
                         f = found.factor * static_cast<double>(fused.row(y)[x]) + found.offset;
            const double beyond = std::abs(f - r) - u * error(y, x);
            if (beyond > tolerance) (f > r ? found.area_above : below) += 1;
            if (beyond <= most) continue;
            most = beyond;
            found.y = y, found.x = x, found.raw = r, found.fused = f;
        }
    }
    const double pixels = static_cast<double>(raw.shape[0] * raw.shape[1]);
    found.area = (found.area_above + below) / pixels;
    found.area_above /= pixels;
}

template <scalar T>
double mean_of(const image_view<const T>& image) {
    double sum = 0;
    for (std::size_t y = 0; y < image.shape[0]; ++y)
        sum += std::accumulate(image.row(y), image.row(y) + image.shape[1], 0.0);
    return sum / static_cast<double>(image.shape[0] * image.shape[1]);
}

}  // namespace detail

/// Compares fused maps with raw ones less their background, both (n, n_y, n_x) and in one unit unless
/// options.rescaled. The noise of the raw maps is taken from their mixed second difference around each pixel: right for
/// noise that is independent from pixel to pixel. Smoothed maps differ where they do by more than the tolerance and as
/// many standard errors as noise exceeds somewhere in a map with the probability `false_alarms`: see excursions of a
/// smooth field in find_disagreement(). Throws shape_error where the shapes differ or images are below 3 x 3,
/// value_error for numbers that are not finite and for options out of range.
template <scalar T>
std::vector<map_departure> find_departures(const stack_view<const T>& fused, const stack_view<const T>& raw,
                                           const departure_options& options = {}, const execution& exec = {}) {
    require_shape(raw.shape, fused.shape, "raw", "the fused maps");
    if (raw.shape[1] < 3 || raw.shape[2] < 3)
        throw shape_error("raw", "has shape " + to_string(raw.shape) + ", must have 3 x 3 pixels or more");
    require_finite(raw, "raw");
    require_finite(fused, "fused");
    require_in_range(options.window, 0.5, 1e4, "window");
    require_positive(options.tolerance, "tolerance");
    require_in_range(options.false_alarms, 1e-9, 0.5, "false_alarms");
    require_non_negative(options.max_offset, "max_offset");
    const auto smooth_raw = gaussian_filter(raw, options.window, exec),
               smooth = gaussian_filter(fused, options.window, exec);
    const double u = detail::excursion_threshold({options.window}, options.false_alarms, raw.shape[1], raw.shape[2]);
    std::vector<map_departure> all;
    for (std::size_t i = 0; i < raw.shape[0]; ++i) {
        const auto level = as_view(smooth_raw).image(i), map = as_view(smooth).image(i);
        map_departure found{.raw_mean = detail::mean_of(raw.image(i)), .fused_mean = detail::mean_of(fused.image(i))};
        if (options.rescaled)
            std::tie(found.factor, found.offset) = detail::nearest_scale<T>(map, level, options.max_offset);
        const auto noise = detail::window_noise(raw.image(i), options.window, exec);
        found.standard_error = noise.of_mean;
        found.means_differ =
            !options.rescaled && std::abs(found.fused_mean - found.raw_mean) >
                                     options.tolerance * std::abs(found.raw_mean) + u * found.standard_error;
        std::vector<double> levels;
        for (std::size_t y = 0; y < level.shape[0]; ++y)
            levels.insert(levels.end(), level.row(y), level.row(y) + level.shape[1]);
        const double bright = std::abs(lower_quantile(levels.begin(), levels.end(), 0.99));
        detail::compare_smoothed<T>(map, level, noise.errors, options.tolerance * bright, u, found);
        all.push_back(found);
    }
    return all;
}

/// A sentence without its full stop, of a map of this name; empty where it does not depart.
inline std::string describe(const map_departure& d, const std::string& name) {
    if (!d.departs()) return "";
    const auto percent = [](double part) { return std::to_string(std::lround(100 * part)) + "%"; };
    const bool rescaled = d.factor != 1 || d.offset != 0;
    std::string text = name + ": the fused map departs from the raw one by more than noise allows" +
                       (rescaled ? ", whatever its scale" : "");
    if (d.raw_mean > 0) text += ": its mean is " + percent(d.fused_mean / d.raw_mean) + " of the raw one's";
    if (d.area > 0) {
        const auto rounded = [](double v) { return to_string(std::round(1e3 * v) / 1e3); };
        text += ", " + (d.area < 0.01 ? "less than 1%" : percent(d.area)) + " of the area differ" +
                (d.area_above > 0 ? " (" + percent(d.area_above / d.area) + " of it has more)" : "") +
                ", most around row " + std::to_string(d.y) + ", column " + std::to_string(d.x) + ", where it has " +
                rounded(d.fused) + " and the raw map " + rounded(d.raw);
        if (rescaled) text += " when both are brought to one scale";
    }
    return text;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
