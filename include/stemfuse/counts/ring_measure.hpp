// Whether an error follows the levels of an image, as rings around particles do.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How much more an error changes across the levels of an image than along them.
struct ring_measure {
    double ratio = 1;           ///< of the mean squares of the slopes, across over along; 1 where levels play no part
    double standard_error = 0;  ///< of the logarithm of the ratio, from its spread over tiles of the image
    double area = 0;            ///< of the image, 0 to 1, where it has a direction beyond its noise

    /// Beyond chance and by half: the mean squares differ by more than four standard errors.
    bool rings() const { return ratio > 1.5 && std::log(ratio) > 4 * standard_error; }
};

/// Compares the slopes of `error` (n_y, n_x), such as a map less its truth or counts less their map, across and along
/// the levels of `image`, of the same shape, both under a Gaussian of `sigma` pixels. An error that does not know the
/// image has equal mean squares in both directions, whatever its noise; lines along the levels have more across. Only
/// pixels count whose slope in the image is above three standard deviations of its noise; with fewer than four tiles of
/// 16 x 16 pixels that have 16 of them, nothing is measured: the ratio is 1. Throws shape_error for images below 3 x 3
/// and other shapes, value_error for numbers that are not finite and a sigma outside of [0.5, 100].
template <scalar T>
ring_measure measure_rings(const image_view<const T>& error, const image_view<const T>& image, double sigma = 1.5,
                           const execution& exec = {}) {
    require_shape(image.shape, error.shape, "image", "the error's");
    require_finite(error, "error");
    require_in_range(sigma, 0.5, 100, "sigma");
    const double noise = image_noise(image, "image", exec);
    // Of a central difference of white noise under the Gaussian.
    const double of_slope = noise / std::sqrt(8 * 3.14159265358979324) / (sigma * sigma);
    const auto e = gaussian_filter(error, sigma, exec), h = gaussian_filter(image, sigma, exec);
    constexpr std::size_t side = 16;
    const std::size_t ny = image.shape[0], nx = image.shape[1], columns = (nx + side - 1) / side;
    struct sums {
        double across = 0, along = 0;
        std::size_t pixels = 0;
    };
    std::vector<sums> tiles(columns * ((ny + side - 1) / side));
    ring_measure found;
    for (std::size_t y = 1; y + 1 < ny; ++y) {
        for (std::size_t x = 1; x + 1 < nx; ++x) {
            const auto slope = [&](const auto& a) {
                return std::pair{(static_cast<double>(a(y + 1, x)) - static_cast<double>(a(y - 1, x))) / 2,
                                 (static_cast<double>(a(y, x + 1)) - static_cast<double>(a(y, x - 1))) / 2};
            };
            const auto [hy, hx] = slope(h);
            const double steep = std::hypot(hy, hx);
            if (!(steep > 3 * of_slope) || steep == 0) continue;
            const auto [ey, ex] = slope(e);
            sums& tile = tiles[y / side * columns + x / side];
            tile.across += std::pow((ey * hy + ex * hx) / steep, 2);
            tile.along += std::pow((ey * hx - ex * hy) / steep, 2);
            ++tile.pixels;
        }
    }
    std::erase_if(tiles, [](const sums& t) { return t.pixels < 16; });
    sums all;
    for (const sums& t : tiles) all.across += t.across, all.along += t.along, all.pixels += t.pixels;
    found.area = static_cast<double>(all.pixels) / static_cast<double>(ny * nx);
    if (tiles.size() < 4 || !(all.along > 0) || !(all.across > 0)) return found;
    found.ratio = all.across / all.along;
    // The jackknife of the logarithm over tiles.
    double squares = 0;
    for (const sums& t : tiles) {
        const double without = std::log((all.across - t.across) / (all.along - t.along)) - std::log(found.ratio);
        squares += without * without;
    }
    const double n = static_cast<double>(tiles.size());
    found.standard_error = std::sqrt(squares * (n - 1) / n);
    return found;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
