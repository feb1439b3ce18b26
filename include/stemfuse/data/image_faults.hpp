// Faults of a detector in one image: pixels that stand out of all their neighbours, and a level that it cannot exceed.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Pixels of an image that no neighbour is like, and its saturation.
struct image_faults {
    std::vector<std::array<std::size_t, 2>> hot,  ///< row and column of those that are too bright
        dead;                                     ///< of those that are too dark
    std::size_t saturated = 0;                    ///< pixels at the largest value, where that is a limit; else 0
    double level = 0;                             ///< that value
};

/// How many pixels have the largest value of all where this is the limit of a detector or of a number format, else 0:
/// where there are at least ten of them, and more than twice as many as of any of the next ten values: of what is not
/// limited each brighter value is rarer than those below it. 0 for an image of fewer than twelve values, such as
/// a constant one or a few counts.
template <scalar T>
std::size_t saturated_pixels(const image_view<const T>& image) {
    std::vector<T> values;
    for (std::size_t y = 0; y < image.shape[0]; ++y)
        values.insert(values.end(), image.row(y), image.row(y) + image.shape[1]);
    std::sort(values.rbegin(), values.rend());
    constexpr std::size_t least = 10, below = 10;
    std::vector<std::size_t> lengths;
    for (std::size_t first = 0; first < values.size() && lengths.size() < below + 2;) {
        const auto next = std::find_if(values.begin() + static_cast<std::ptrdiff_t>(first), values.end(),
                                       [&](T v) { return v != values[first]; });
        const auto end = static_cast<std::size_t>(next - values.begin());
        lengths.push_back(end - first);
        first = end;
    }
    if (lengths.size() < below + 2 || lengths[0] < least) return 0;
    return lengths[0] > 2 * *std::max_element(lengths.begin() + 1, lengths.begin() + 1 + below) ? lengths[0] : 0;
}

namespace detail {

// Above all of the neighbours by more than three times their range and six standard deviations of the noise: the centre
// of a column of atoms of half a pixel, or more, is not.
inline bool stands_out(double value, double low, double high, double noise) {
    return value > high + 3 * (high - low) + 6 * noise;
}

}  // namespace detail

/// Finds single pixels that are brighter or darker than all their neighbours, by far more than these and the noise
/// differ, and saturation. One neighbour may be a hot one too: the second brightest stands for the brightest, as the
/// second darkest does. An image of 3 x 3 pixels or more: throws shape_error for less, value_error for NaN or infinity.
template <scalar T>
image_faults find_image_faults(const image_view<const T>& image, const execution& exec = {}) {
    const double noise = image_noise(image, "image", exec);
    const std::size_t ny = image.shape[0], nx = image.shape[1];
    image_faults found;
    // An image without noise may have a flat top.
    if (noise > 0) found.saturated = saturated_pixels(image);
    std::vector<T> around;
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            around.clear();
            for (std::size_t v = y - std::min<std::size_t>(y, 1); v < std::min(ny, y + 2); ++v) {
                for (std::size_t u = x - std::min<std::size_t>(x, 1); u < std::min(nx, x + 2); ++u) {
                    if (v != y || u != x) around.push_back(image.row(v)[u]);
                }
            }
            std::sort(around.begin(), around.end());
            const double value = static_cast<double>(image.row(y)[x]);
            // In a corner there are three neighbours alone: all of them count.
            const std::size_t n = around.size(), left_out = n == 8 ? 1 : 0;
            const double low = static_cast<double>(around[left_out]),
                         high = static_cast<double>(around[n - 1 - left_out]);
            if (detail::stands_out(value, low, high, noise)) found.hot.push_back({y, x});
            if (detail::stands_out(-value, -high, -low, noise)) found.dead.push_back({y, x});
            found.level = std::max(found.level, found.saturated > 0 ? value : 0.0);
        }
    }
    return found;
}

/// Puts a Gaussian mean of the good pixels around in place of the bad ones, those where `bad` (n_y, n_x) is not 0; its
/// sigma is the least of 1, 2, 4, ... pixels that has good pixels in reach. What was bad may be NaN. Nothing is done
/// where all pixels are bad.
template <scalar T>
void mend_image(xt::xtensor<T, 2>& image, const xt::xtensor<unsigned char, 2>& bad, const execution& exec = {}) {
    require_shape(as_view(bad).shape, as_view(image).shape, "bad", "the image's");
    xt::xtensor<T, 2> seen(image.shape()), missing(image.shape());
    std::size_t left = 0;
    for (std::size_t k = 0; k < image.size(); ++k) {
        seen.data()[k] = bad.data()[k] == 0 ? T(1) : T(0);
        missing.data()[k] = 1 - seen.data()[k];
        left += bad.data()[k] != 0;
        if (bad.data()[k] != 0) image.data()[k] = 0;
    }
    if (left == image.size()) return;
    const xt::xtensor<T, 2> known = image;
    for (double sigma = 1; left > 0; sigma *= 2) {
        const auto sum = gaussian_filter(as_view(known), sigma, exec),
                   weight = gaussian_filter(as_view(std::as_const(seen)), sigma, exec);
        for (std::size_t k = 0; k < image.size(); ++k) {
            if (missing.data()[k] == 0 || !(weight.data()[k] > T(1e-2))) continue;
            image.data()[k] = sum.data()[k] / weight.data()[k];
            missing.data()[k] = 0;
            --left;
        }
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI
