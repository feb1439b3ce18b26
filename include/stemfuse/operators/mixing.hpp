// Mixing of images by a dense matrix: several detectors, each of which sees every element with its own weight.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/linear_operator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

inline constexpr std::size_t longest_mixed_piece = 256;  // pixels

// Calls f(first, n) for the pieces of a row of `pixels` that a matrix of so many entries is multiplied with at once:
// short enough for buffers in the cache, and for products that OpenBLAS does not start threads of its own for.
template <class F>
void for_each_mixed_piece(std::size_t pixels, std::size_t entries, F&& f) {
    const std::size_t piece = std::clamp<std::size_t>((std::size_t(1) << 18) / entries, 8, longest_mixed_piece);
    for (std::size_t first = 0; first < pixels; first += piece) f(first, std::min(piece, pixels - first));
}

// ||A||_2 from above, to 1e-5 relative for 10000 rows and columns. For G = A^T A, or A A^T where that is smaller, the
// largest eigenvalue is at most trace(G^p)^(1 / p), and at least that / n^(1 / p); here p is 2^20, by squaring.
template <scalar T>
double matrix_norm_bound(const xt::xtensor<T, 2>& matrix) {
    const std::size_t rows = matrix.shape(0), columns = matrix.shape(1), n = std::min(rows, columns);
    const xt::xtensor<double, 2> a = xt::cast<double>(matrix);
    xt::xtensor<double, 2> g({n, n}), square({n, n});
    xt::blas::gemm(a, a, g, rows > columns, rows <= columns);
    double logarithm = 0;
    for (int k = 0; k <= 20; ++k) {
        double trace = 0;
        for (std::size_t i = 0; i < n; ++i) trace += g(i, i);
        if (!(trace > 0)) return 0;
        logarithm += std::ldexp(std::log(trace), -k);
        g /= trace;
        xt::blas::gemm(g, g, square);
        std::swap(g, square);
    }
    return std::exp(logarithm / 2);
}

}  // namespace detail

/// A: (k, n_y, n_x) -> (m, n_y, n_x), pixel by pixel out = matrix in, for a matrix of shape (m, k). The constructor
/// throws shape_error for an empty matrix or image, value_error for NaN or infinity in the matrix.
template <scalar T>
class mixing_operator {
public:
    /// matrix: shape (m, k); image: (n_y, n_x).
    mixing_operator(xt::xtensor<T, 2> matrix, const image_shape& image) : matrix_(std::move(matrix)), image_(image) {
        require_not_empty(as_view(matrix_), "matrix");
        require_finite(as_view(matrix_), "matrix");
        detail::require_extents(domain_shape(), "maps");
    }

    /// The matrix, shape (m, k).
    const xt::xtensor<T, 2>& matrix() const noexcept { return matrix_; }
    /// (k, n_y, n_x).
    stack_shape domain_shape() const { return {matrix_.shape(1), image_[0], image_[1]}; }
    /// (m, n_y, n_x).
    stack_shape range_shape() const { return {matrix_.shape(0), image_[0], image_[1]}; }

    /// The largest singular value of the matrix, to 1e-5 from above.
    double norm_bound() const { return detail::matrix_norm_bound(matrix_); }
    /// Whether every entry of the matrix is 0 or more.
    bool non_negative() const {
        return std::all_of(matrix_.begin(), matrix_.end(), [](T entry) { return entry >= 0; });
    }

    /// out = A x. See linear_operator for what it throws.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        detail::map_stack(x, domain_shape(), out, range_shape(),
                          [&](const auto& in, const auto& result) { multiply(in, result, false, exec); });
    }

    /// out = A^T y, pixel by pixel with the transposed matrix. See linear_operator.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        detail::map_stack(y, range_shape(), out, domain_shape(),
                          [&](const auto& in, const auto& result) { multiply(in, result, true, exec); });
    }

private:
    void multiply(const stack_view<const T>& in, const stack_view<T>& out, bool transposed,
                  const execution& exec) const {
        for_each_row_block(image_[0], image_[1], exec, [&](std::size_t first, std::size_t last) {
            constexpr std::size_t most = detail::longest_mixed_piece;
            std::vector<T> gathered(in.shape[0] * most), mixed(out.shape[0] * most);
            for (std::size_t y = first; y < last; ++y) {
                detail::for_each_mixed_piece(image_[1], matrix_.size(), [&](std::size_t x0, std::size_t n) {
                    for (std::size_t i = 0; i < in.shape[0]; ++i) {
                        std::copy_n(in.row(i, y) + x0, n, gathered.data() + i * n);
                    }
                    multiply_rows(matrix_, transposed, gathered.data(), mixed.data(), n);
                    for (std::size_t i = 0; i < out.shape[0]; ++i) {
                        std::copy_n(mixed.data() + i * n, n, out.row(i, y) + x0);
                    }
                });
            }
        });
    }

    xt::xtensor<T, 2> matrix_;
    image_shape image_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
