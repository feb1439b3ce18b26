// Half the resolution: means over blocks of two by two pixels, and the way back.
#pragma once

#include <algorithm>
#include <cstddef>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The shape at half the resolution, rows and columns rounded up.
inline stack_shape halved(const stack_shape& shape) { return {shape[0], (shape[1] + 1) / 2, (shape[2] + 1) / 2}; }

/// The means over blocks of 2 x 2 pixels of every image of a stack (n, n_y, n_x), shape (n, (n_y + 1) / 2, (n_x + 1) /
/// 2). Where an extent is odd, the last blocks have fewer pixels.
template <scalar T>
xt::xtensor<T, 3> block_means(const stack_view<const T>& fine, const execution& exec = {}) {
    xt::xtensor<T, 3> coarse(halved(fine.shape));
    const auto out = as_view(coarse);
    const std::size_t ny = out.shape[1], nx = out.shape[2];
    for_each_row(out.shape[0] * ny, nx, exec, [&](std::size_t r) {
        const std::size_t i = r / ny, y = 2 * (r % ny);
        const T* const a = fine.row(i, y);
        const T* const b = fine.row(i, std::min(y + 1, fine.shape[1] - 1));
        T* const to = out.row(i, y / 2);
        for (std::size_t c = 0; c < nx; ++c) {
            const std::size_t left = 2 * c, right = std::min(left + 1, fine.shape[2] - 1);
            to[c] = ((a[left] + a[right]) + (b[left] + b[right])) / 4;
        }
    });
    return coarse;
}

/// The same of one image (n_y, n_x).
template <scalar T>
xt::xtensor<T, 2> block_means(const image_view<const T>& fine) {
    const auto coarse = block_means(as_stack(fine));
    xt::xtensor<T, 2> image({coarse.shape(1), coarse.shape(2)});
    std::copy(coarse.begin(), coarse.end(), image.begin());
    return image;
}

/// Copies each coarse value to its block of 2 x 2 pixels. `coarse` has half the rows and columns of `fine`, rounded up.
template <scalar T>
void spread_blocks(const stack_view<const T>& coarse, const stack_view<T>& fine, const execution& exec = {}) {
    const std::size_t ny = fine.shape[1], nx = fine.shape[2];
    for_each_row(fine.shape[0] * ny, nx, exec, [&](std::size_t r) {
        const T* const from = coarse.row(r / ny, r % ny / 2);
        T* const to = fine.row(r / ny, r % ny);
        for (std::size_t c = 0; c < nx; ++c) to[c] = from[c / 2];
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
