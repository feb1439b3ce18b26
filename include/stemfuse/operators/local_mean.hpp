// Means over squares of pixels.
#pragma once

#include <algorithm>
#include <cstddef>

#include <stemfuse/core/array.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The mean of an image (n_y, n_x) over the square of (2 r + 1)^2 pixels around every pixel, over the part of the
/// square that lies in the image. The time does not depend on r.
inline xt::xtensor<double, 2> local_mean(const xt::xtensor<double, 2>& image, std::size_t r) {
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
            mean(y, x) = sum / static_cast<double>((bottom - top) * (right - left));
        }
    }
    return mean;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
