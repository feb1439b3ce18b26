// Dense linear algebra on raw rows, by xtensor-blas and the BLAS behind it.
#pragma once

#include <array>
#include <cstddef>

#include <xtensor-blas/xblas.hpp>

#include <stemfuse/core/array.hpp>

namespace stemfuse {

/// out (m, n) = A (m, k) in (k, n), or out (k, n) = A^T in (m, n) for `transposed`; in and out contiguous and
/// row-major. Called on row segments: up to 1024 pixels and 256 matrix entries a product stays below the size from
/// which OpenBLAS starts threads of its own, so that it never competes with the caller's.
template <scalar T>
void multiply_rows(const xt::xtensor<T, 2>& matrix, bool transposed, const T* in, T* out, std::size_t n) {
    const std::size_t rows = matrix.shape(transposed ? 1 : 0), inner = matrix.shape(transposed ? 0 : 1);
    const auto x = xt::adapt(in, inner * n, xt::no_ownership(), std::array<std::size_t, 2>{inner, n});
    auto y = xt::adapt(out, rows * n, xt::no_ownership(), std::array<std::size_t, 2>{rows, n});
    xt::blas::gemm(matrix, x, y, transposed);
}

}  // namespace stemfuse
