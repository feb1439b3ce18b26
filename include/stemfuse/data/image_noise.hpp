// The noise of an image, from the image alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/order_statistics.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// The image convolved with [1 -2 1; -2 4 -2; 1 -2 1] / 6, of (n_y - 2) (n_x - 2) numbers in row-major order: the second
// difference along both axes. It takes white noise to noise of the same standard deviation, and anything of the form
// a(y) + b(x) + y c(x) + x d(y) to 0.
template <class T>
std::vector<double> mixed_second_difference(const image_view<const T>& image, const execution& exec) {
    const std::size_t ny = image.shape[0] - 2, nx = image.shape[1] - 2;
    std::vector<double> out(ny * nx);
    for_each_row(ny, nx, exec, [&, nx = nx](std::size_t y) {
        const T *const above = image.row(y), *const row = image.row(y + 1), *const below = image.row(y + 2);
        const auto along_y = [=](std::size_t x) {
            return static_cast<double>(above[x]) - 2 * static_cast<double>(row[x]) + static_cast<double>(below[x]);
        };
        for (std::size_t x = 0; x < nx; ++x) {
            out[y * nx + x] = (along_y(x) - 2 * along_y(x + 1) + along_y(x + 2)) / 6;
        }
    });
    return out;
}

}  // namespace detail

/// The standard deviation of an image's noise, in the image's units: the median magnitude of its mixed second
/// difference over that of a standard normal variable. The filter is Immerkær's (1996), doi 10.1006/cviu.1996.0060; the
/// median, in place of his mean, leaves out edges and columns of atoms as long as they fill less than half of the
/// image.
///
/// Right for noise that is independent from pixel to pixel. Smoothed or interpolated images have less than their noise
/// here, lines of scan noise none (they are of the form a(y)); where the noise grows with the signal, the result is a
/// typical one; structure of the size of pixels everywhere counts as noise. 0 for an image without noise, such as a
/// constant one, and where half of the image is saturated. Throws shape_error for an image below 3 x 3, value_error for
/// NaN or infinity.
template <image A>
double image_noise(const A& image, std::string_view name = "image", const execution& exec = {}) {
    const readable<scalar_type_t<A>, 2> in(image, name);
    const auto& view = in.view();
    if (view.shape[0] < 3 || view.shape[1] < 3) {
        throw shape_error(name, "has shape " + to_string(view.shape) + ", must have 3 x 3 pixels or more");
    }
    require_finite(view, name);
    auto differences = detail::mixed_second_difference(view, exec);
    for (double& d : differences) d = std::abs(d);
    return median(differences) / normal_median_magnitude;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
