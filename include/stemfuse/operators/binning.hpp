// Maps that are coarser than the image: sums or means over blocks of pixels as a linear operator.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/linear_operator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What a block of pixels becomes: the sum, since counts add, or the mean.
enum class binned { sum, mean };

/// K: (n, n_y, n_x) -> (n, n_y / f_y, n_x / f_x), each block of f_y x f_x pixels to one. ||K|| is sqrt(f_y f_x) for
/// sums, its inverse for means. The constructor throws value_error for a factor of 0, shape_error for an extent that is
/// 0 or no whole multiple of its factor.
class binning {
public:
    /// Factors along y and x.
    binning(const stack_shape& fine, const image_shape& factors, binned block = binned::sum)
        : fine_(fine), factors_(factors), block_(block) {
        detail::require_extents(fine, "fine maps");
        for (std::size_t axis = 0; axis < 2; ++axis) {
            if (factors[axis] == 0) throw value_error("factors", "is 0 along an axis, must be 1 or more");
            if (fine[1 + axis] % factors[axis] != 0) {
                throw shape_error("fine maps", "have shape " + to_string(fine) + ", must be whole multiples of " +
                                                   std::to_string(factors[0]) + " rows and " +
                                                   std::to_string(factors[1]) + " columns");
            }
        }
    }

    /// (n, n_y, n_x), the fine maps.
    stack_shape domain_shape() const { return fine_; }
    /// (n, n_y / f_y, n_x / f_x), the coarse maps.
    stack_shape range_shape() const { return {fine_[0], fine_[1] / factors_[0], fine_[2] / factors_[1]}; }

    /// ||K||, exactly.
    double norm_bound() const {
        const double norm = std::sqrt(static_cast<double>(factors_[0] * factors_[1]));
        return block_ == binned::sum ? norm : 1 / norm;
    }
    /// Always true: entries are 0 and 1, or 0 and 1 / (f_y f_x).
    static bool non_negative() { return true; }

    /// out = K x: the sum or mean of each block. See linear_operator for what it throws.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        detail::map_stack(x, domain_shape(), out, range_shape(), [&](const auto& in, const auto& result) {
            const std::size_t ny = result.shape[1], nx = result.shape[2], fy = factors_[0], fx = factors_[1];
            const T weight = entry<T>();
            for_each_row_block(result.shape[0] * ny, fy * fine_[2], exec, [&](std::size_t first, std::size_t last) {
                std::vector<T> line(fine_[2]);
                for (std::size_t r = first; r < last; ++r) {
                    const std::size_t i = r / ny, y = r % ny * fy;
                    std::copy_n(in.row(i, y), fine_[2], line.data());
                    for (std::size_t k = 1; k < fy; ++k) {
                        const T* const row = in.row(i, y + k);
                        for (std::size_t c = 0; c < fine_[2]; ++c) line[c] += row[c];
                    }
                    T* const to = result.row(i, r % ny);
                    for (std::size_t c = 0; c < nx; ++c) {
                        T sum = line[c * fx];
                        for (std::size_t k = 1; k < fx; ++k) sum += line[c * fx + k];
                        to[c] = weight * sum;
                    }
                }
            });
        });
    }

    /// out = K^T y: every pixel of a block gets its value, over f_y f_x for means. See linear_operator.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        detail::map_stack(y, range_shape(), out, domain_shape(), [&](const auto& in, const auto& result) {
            const std::size_t ny = fine_[1], fx = factors_[1];
            const T weight = entry<T>();
            for_each_row(fine_[0] * ny, fine_[2], exec, [&](std::size_t r) {
                const T* const from = in.row(r / ny, r % ny / factors_[0]);
                T* const to = result.row(r / ny, r % ny);
                for (std::size_t c = 0; c < in.shape[2]; ++c) std::fill_n(to + c * fx, fx, weight * from[c]);
            });
        });
    }

private:
    // The entries of K that are not 0.
    template <class T>
    T entry() const {
        return block_ == binned::sum ? T(1) : T(1) / static_cast<T>(factors_[0] * factors_[1]);
    }

    stack_shape fine_;
    image_shape factors_;
    binned block_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
