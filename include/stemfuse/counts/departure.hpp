// How far a fused map departs from its raw one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// From which size on a difference between fused and raw maps counts.
struct departure_options {
    double window = 6;        ///< sigma in pixels of the Gaussian under which maps are compared
    double tolerance = 0.15;  ///< of the smoothed raw map's 99th percentile: departures below it are none
    double significance = 5;  ///< standard errors of the raw map under the window
};

/// How far the fused map of an element departs from its raw one, in their common unit.
struct map_departure {
    double raw_mean = 0,        ///< of the raw map over the image, without background
        fused_mean = 0;         ///< of the fused map
    double standard_error = 0;  ///< of the raw map's mean, by its noise
    double area = 0;    ///< of the image, 0 to 1, where the smoothed maps differ by more than noise and tolerance
    std::size_t y = 0,  ///< row of the pixel where they differ most
        x = 0;          ///< its column
    double raw = 0,     ///< the smoothed raw map there
        fused = 0;      ///< the smoothed fused map there

    /// Whether there is anything to say: some area differs, or the means do by more than 4 standard errors (1 map in
    /// 16 000 by chance) and by more than 0.15 of the raw one, the default tolerance whatever the options were.
    bool departs() const {
        const double difference = std::abs(fused_mean - raw_mean);
        return area > 0 || (difference > 4 * standard_error && difference > 0.15 * std::abs(raw_mean));
    }
};

/// Compares fused maps with raw ones less their background, both (n, n_y, n_x) and in one unit. The noise of the raw
/// maps is the mean square of their mixed second difference, right for noise that is independent from pixel to pixel.
/// Throws shape_error where the shapes differ or images are below 3 x 3, value_error for numbers that are not finite
/// and options that are not above 0.
template <scalar T>
std::vector<map_departure> find_departures(const stack_view<const T>& fused, const stack_view<const T>& raw,
                                           const departure_options& options = {}, const execution& exec = {}) {
    require_shape(raw.shape, fused.shape, "raw", "the fused maps");
    if (raw.shape[1] < 3 || raw.shape[2] < 3)
        throw shape_error("raw", "has shape " + to_string(raw.shape) + ", must have 3 x 3 pixels or more");
    require_finite(raw, "raw");
    require_finite(fused, "fused");
    require_positive(options.window, "window");
    require_positive(options.tolerance, "tolerance");
    require_positive(options.significance, "significance");
    const auto smooth_raw = gaussian_filter(raw, options.window, exec),
               smooth = gaussian_filter(fused, options.window, exec);
    const double pixels = static_cast<double>(raw.shape[1] * raw.shape[2]);
    std::vector<map_departure> all;
    for (std::size_t i = 0; i < raw.shape[0]; ++i) {
        map_departure found;
        double squares = 0;
        const auto differences = detail::mixed_second_difference(raw.image(i), exec);
        for (const double d : differences) squares += d * d;
        const double noise = std::sqrt(squares / static_cast<double>(differences.size()));
        found.standard_error = noise / std::sqrt(pixels);
        std::vector<double> levels;
        for (std::size_t y = 0; y < raw.shape[1]; ++y) {
            for (std::size_t x = 0; x < raw.shape[2]; ++x) {
                found.raw_mean += static_cast<double>(raw.row(i, y)[x]) / pixels;
                found.fused_mean += static_cast<double>(fused.row(i, y)[x]) / pixels;
                levels.push_back(static_cast<double>(smooth_raw(i, y, x)));
            }
        }
        const auto bright = levels.begin() + static_cast<std::ptrdiff_t>(0.99 * (pixels - 1));
        std::nth_element(levels.begin(), bright, levels.end());
        // The standard error of white noise under a Gaussian window.
        const double error = noise / (2 * options.window * std::sqrt(std::numbers::pi));
        const double least = std::max(options.significance * error, options.tolerance * std::abs(*bright));
        double most = -1;
        for (std::size_t y = 0; y < raw.shape[1]; ++y) {
            for (std::size_t x = 0; x < raw.shape[2]; ++x) {
                const double a = static_cast<double>(smooth_raw(i, y, x)), b = static_cast<double>(smooth(i, y, x));
                if (std::abs(b - a) > least) found.area += 1 / pixels;
                if (std::abs(b - a) <= most) continue;
                most = std::abs(b - a);
                found.y = y, found.x = x, found.raw = a, found.fused = b;
            }
        }
        all.push_back(found);
    }
    return all;
}

/// A sentence without its full stop, of a map of this name; empty where it does not depart.
inline std::string describe(const map_departure& d, const std::string& name) {
    if (!d.departs()) return "";
    const auto percent = [](double part) { return std::to_string(std::lround(100 * part)) + "%"; };
    std::string text = name + ": the fused map departs from the raw one by more than noise allows";
    if (d.raw_mean > 0) text += ": its mean is " + percent(d.fused_mean / d.raw_mean) + " of the raw one's";
    if (d.area > 0) {
        const auto rounded = [](double v) { return to_string(std::round(1e3 * v) / 1e3); };
        text += ", " + percent(d.area) + " of the area differ, most around row " + std::to_string(d.y) + ", column " +
                std::to_string(d.x) + ", where it has " + rounded(d.fused) + " and the raw map " + rounded(d.raw);
    }
    return text;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
