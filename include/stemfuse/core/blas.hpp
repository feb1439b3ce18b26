// Dense linear algebra on raw rows, by xtensor-blas and the BLAS behind it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include <xtensor-blas/xblas.hpp>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

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

/// A A^T, shape (m, m), for a matrix A (m, n).
inline xt::xtensor<double, 2> gram_matrix(const xt::xtensor<double, 2>& a) {
    const std::size_t m = a.shape(0);
    const auto rows = static_cast<xt::blas_index_t>(m), columns = static_cast<xt::blas_index_t>(a.shape(1));
    xt::xtensor<double, 2> product({m, m});
    cxxblas::syrk<xt::blas_index_t>(cxxblas::StorageOrder::RowMajor, cxxblas::StorageUpLo::Upper,
                                    cxxblas::Transpose::NoTrans, rows, columns, 1.0, a.data(), columns, 0.0,
                                    product.data(), rows);
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < i; ++j) product(i, j) = product(j, i);
    }
    return product;
}

namespace detail {

// LAPACK's own. The header of xtensor-blas that has it declares all of LAPACK and takes as long as all of stemfuse.
extern "C" void dsyevd_(const char* jobz, const char* uplo, const xt::blas_index_t* n, double* a,
                        const xt::blas_index_t* lda, double* w, double* work, const xt::blas_index_t* lwork,
                        xt::blas_index_t* iwork, const xt::blas_index_t* liwork, xt::blas_index_t* info);

}  // namespace detail

/// The eigenvectors of a symmetric matrix (m, m) as the rows of the result, by ascending eigenvalue. Throws error where
/// LAPACK finds none.
inline xt::xtensor<double, 2> eigenvectors(xt::xtensor<double, 2> matrix) {
    const auto m = static_cast<xt::blas_index_t>(matrix.shape(0));
    std::vector<double> values(matrix.shape(0)), work(1);
    std::vector<xt::blas_index_t> indices(1);
    xt::blas_index_t info = 0, ask = -1, size = -1, index_size = -1;
    // LAPACK reads the symmetric matrix by columns: its lower triangle is our upper one.
    detail::dsyevd_("V", "L", &m, matrix.data(), &m, values.data(), work.data(), &ask, indices.data(), &ask, &info);
    size = static_cast<xt::blas_index_t>(work[0]);
    index_size = indices[0];
    work.resize(static_cast<std::size_t>(std::max<xt::blas_index_t>(size, 1)));
    indices.resize(static_cast<std::size_t>(std::max<xt::blas_index_t>(index_size, 1)));
    detail::dsyevd_("V", "L", &m, matrix.data(), &m, values.data(), work.data(), &size, indices.data(), &index_size,
                    &info);
    if (info != 0) throw error("the eigenvectors of a matrix were not found");
    return matrix;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
