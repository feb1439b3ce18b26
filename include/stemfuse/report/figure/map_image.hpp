// From measured numbers to coloured pixels: display limits, resampling, colours.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/report/figure/rgb_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The values shown as the first and the last colour.
struct display_limits {
    double low;   ///< takes the first colour, as all below it
    double high;  ///< takes the last colour, as all above it

    /// 0 at the low limit, 1 at the high one.
    double part(double value) const { return (value - low) / (high - low); }
};

/// The limits of a map (n_y, n_x): two percentiles of its finite values. Where these coincide (sparse counts) its
/// lowest and highest value; where these coincide too, 0 and that value, or 0 and 1. Throws value_error unless 0 <=
/// low_percentile < high_percentile <= 100.
template <scalar T>
display_limits limits_of(const image_view<const T>& map, double low_percentile = 0.5, double high_percentile = 99.5) {
    require_in_range(low_percentile, 0, 100, "low_percentile");
    require_in_range(high_percentile, 0, 100, "high_percentile");
    if (!(low_percentile < high_percentile)) {
        throw value_error("low_percentile",
                          is_but_must_be(low_percentile, "less than high_percentile " + to_string(high_percentile)));
    }
    std::vector<T> finite;
    finite.reserve(map.size());
    stemfuse::detail::for_each_element(map, [&](std::size_t, T v) {
        if (std::isfinite(v)) finite.push_back(v);
    });
    if (finite.empty()) return {0, 1};
    display_limits limits{percentile(finite, low_percentile), percentile(finite, high_percentile)};
    if (limits.low < limits.high) return limits;
    const auto [lowest, highest] = std::minmax_element(finite.begin(), finite.end());
    limits = {static_cast<double>(*lowest), static_cast<double>(*highest)};
    if (limits.low < limits.high) return limits;
    return limits.low == 0 ? display_limits{0, 1}
                           : display_limits{std::min(0.0, limits.low), std::max(0.0, limits.low)};
}

/// Resamples an image (n_y, n_x) to any size: every new pixel is the mean of the area that it covers. Integer factors
/// repeat pixels exactly, reductions average. Throws shape_error where an extent is 0.
template <scalar T>
xt::xtensor<double, 2> resample(const image_view<const T>& map, std::size_t height, std::size_t width) {
    require_not_empty(map, "map");
    if (height == 0 || width == 0)
        throw shape_error(
            "size", "is empty, of shape " + to_string(image_shape{height, width}) + ", must have one pixel or more");
    // In units in which an old pixel is n_new long and a new one n_old, all borders are integers.
    const auto for_covered = [](std::size_t i, std::size_t n_old, std::size_t n_new, auto&& f) {
        const std::size_t from = i * n_old, to = from + n_old;
        for (std::size_t s = from / n_new; s * n_new < to; ++s) {
            f(s, static_cast<double>(std::min(to, (s + 1) * n_new) - std::max(from, s * n_new)));
        }
    };
    const std::size_t ny = map.shape[0], nx = map.shape[1];
    const double area = static_cast<double>(ny) * static_cast<double>(nx);
    xt::xtensor<double, 2> result({height, width}, 0.0);
    for (std::size_t y = 0; y < height; ++y) {
        double* const row = result.data() + y * width;
        for_covered(y, ny, height, [&](std::size_t sy, double wy) {
            const T* const source = map.row(sy);
            for (std::size_t x = 0; x < width; ++x) {
                double sum = 0;
                for_covered(x, nx, width,
                            [&](std::size_t sx, double wx) { sum += wx * static_cast<double>(source[sx]); });
                row[x] += wy * sum;
            }
        });
        for (std::size_t x = 0; x < width; ++x) row[x] /= area;
    }
    return result;
}

/// Colours numbers (n_y, n_x) between the limits, in 255 steps, so that one of them is the middle and a palette has
/// room for all; what is not finite becomes grey.
inline rgb_image colour(const xt::xtensor<double, 2>& numbers, const display_limits& limits, const colormap& colours) {
    std::array<rgb, 255> steps;
    for (std::size_t k = 0; k < steps.size(); ++k) steps[k] = colours(static_cast<double>(k) / 254);
    rgb_image picture(numbers.shape(0), numbers.shape(1));
    const double per_unit = 254 / (limits.high - limits.low);
    std::transform(numbers.begin(), numbers.end(), picture.pixels.begin(), [&](double v) {
        if (!std::isfinite(v)) return not_a_number;
        const double step = (v - limits.low) * per_unit + 0.5;
        return steps[step > 0 ? static_cast<std::size_t>(std::min(step, 254.0)) : 0];
    });
    return picture;
}

/// How elements come together in an overlay: none is drawn; their hues are added, and where the sum is brighter than a
/// screen can show it is dimmed as a whole, so that its hue stays; or every channel of red, green and blue is that of
/// the element which is brightest in it (see lightening_hue()).
enum class overlay_mode { none, add, lighten };

/// Several maps in one picture over black, each in its hue, as bright as its number is between its own limits. What is
/// not finite counts as black. All must have the shape of the first.
inline rgb_image overlay(const std::vector<xt::xtensor<double, 2>>& numbers, const std::vector<display_limits>& limits,
                         const std::vector<rgb>& hues, overlay_mode mode = overlay_mode::add) {
    rgb_image picture(numbers.at(0).shape(0), numbers[0].shape(1));
    for (std::size_t k = 0; k < picture.pixels.size(); ++k) {
        std::array<double, 3> mixed{};
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            const double value = numbers[i].data()[k];
            const double part = std::isfinite(value) ? std::clamp(limits[i].part(value), 0.0, 1.0) : 0;
            const std::array<double, 3> own{part * hues[i].r, part * hues[i].g, part * hues[i].b};
            for (std::size_t c = 0; c < 3; ++c)
                mixed[c] = mode == overlay_mode::lighten ? std::max(mixed[c], own[c]) : mixed[c] + own[c];
        }
        const double most = std::max({mixed[0], mixed[1], mixed[2], 255.0});
        const auto channel = [&](double v) { return static_cast<std::uint8_t>(v * (255 / most) + 0.5); };
        picture.pixels[k] = {channel(mixed[0]), channel(mixed[1]), channel(mixed[2])};
    }
    return picture;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
