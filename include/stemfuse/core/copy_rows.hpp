// Copies of images and stacks, row by row.
#pragma once

#include <algorithm>
#include <cstddef>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Copies an image (n_y, n_x) to another of the same shape. The two do not overlap.
template <class T>
void copy_rows(const image_view<const T>& from, const std::type_identity_t<image_view<T>>& to) {
    for (std::size_t y = 0; y < to.shape[0]; ++y) std::copy_n(from.row(y), to.shape[1], to.row(y));
}

/// Copies a stack (n, n_y, n_x) to another of the same shape. The two do not overlap.
template <class T>
void copy_rows(const stack_view<const T>& from, const std::type_identity_t<stack_view<T>>& to,
               const execution& exec = {}) {
    const std::size_t ny = to.shape[1], nx = to.shape[2];
    for_each_row(to.shape[0] * ny, nx, exec,
                 [&](std::size_t r) { std::copy_n(from.row(r / ny, r % ny), nx, to.row(r / ny, r % ny)); });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
