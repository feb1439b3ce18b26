// The discrete gradient of total variation: forward differences, zero past the border.
#pragma once

#include <cmath>
#include <numbers>

#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/linear_operator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// K: (n, n_y, n_x) -> (2 n, n_y, n_x). The first n images of the result are the differences along y, x[y + 1] - x[y]
/// (zero in the last row), the other n those along x. ||K||^2 < 8, and < 4 where an extent is 1. Chambolle, J. Math.
/// Imaging Vis. 20, 89 (2004), doi 10.1023/B:JMIV.0000011325.36760.1e, section 2.
/// The constructor throws shape_error for an extent of 0.
class finite_differences {
public:
    /// For maps of shape (n, n_y, n_x). Throws shape_error for an extent of 0.
    explicit finite_differences(const stack_shape& domain) : domain_(domain) {
        detail::require_extents(domain, "maps");
    }

    /// (n, n_y, n_x).
    stack_shape domain_shape() const { return domain_; }
    /// (2 n, n_y, n_x): the n differences along y, then those along x.
    stack_shape range_shape() const { return {2 * domain_[0], domain_[1], domain_[2]}; }

    /// ||K||, exactly: sqrt(4 cos^2(pi / 2 n_y) + 4 cos^2(pi / 2 n_x)), without the part of
    /// an axis of one pixel.
    double norm_bound() const {
        const auto along = [](std::size_t n) { return 2 * std::cos(std::numbers::pi / (2 * static_cast<double>(n))); };
        return std::hypot(domain_[1] > 1 ? along(domain_[1]) : 0.0, domain_[2] > 1 ? along(domain_[2]) : 0.0);
    }

    /// out = K x. See linear_operator for what it throws.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        detail::map_stack(x, domain_shape(), out, range_shape(), [&](const auto& in, const auto& result) {
            const std::size_t n = domain_[0], ny = domain_[1], nx = domain_[2];
            for_each_row(n * ny, nx, exec, [&](std::size_t r) {
                const std::size_t i = r / ny, y = r % ny;
                const T* const row = in.row(i, y);
                const T* const below = y + 1 < ny ? in.row(i, y + 1) : row;
                T* const dy = result.row(i, y);
                T* const dx = result.row(n + i, y);
                for (std::size_t c = 0; c < nx; ++c) dy[c] = below[c] - row[c];
                for (std::size_t c = 0; c + 1 < nx; ++c) dx[c] = row[c + 1] - row[c];
                dx[nx - 1] = 0;
            });
        });
    }

    /// out = K^T y, the negative divergence. See linear_operator.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        detail::map_stack(y, range_shape(), out, domain_shape(), [&](const auto& in, const auto& result) {
            const std::size_t n = domain_[0], ny = domain_[1], nx = domain_[2];
            for_each_row(n * ny, nx, exec, [&](std::size_t r) {
                const std::size_t i = r / ny, row_index = r % ny;
                const T* const dx = in.row(n + i, row_index);
                T* const row = result.row(i, row_index);
                for (std::size_t c = 0; c < nx; ++c) row[c] = (c > 0 ? dx[c - 1] : T(0)) - (c + 1 < nx ? dx[c] : T(0));
                if (row_index + 1 < ny) {
                    const T* const dy = in.row(i, row_index);
                    for (std::size_t c = 0; c < nx; ++c) row[c] -= dy[c];
                }
                if (row_index > 0) {
                    const T* const above = in.row(i, row_index - 1);
                    for (std::size_t c = 0; c < nx; ++c) row[c] += above[c];
                }
            });
        });
    }

private:
    stack_shape domain_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
