// The discrete gradient of volumes: forward differences, zero past the border.
#pragma once

#include <cstddef>
#include <type_traits>

#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/linear_operator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// K: volumes (n, n_z n_y, n_x) -> (3 n, n_z n_y, n_x): the differences along z of all n volumes, then those along y,
/// then those along x. ||K||^2 < 12.
class volume_differences {
public:
    /// For n volumes of n_z n_y n_x voxels, none of them 0.
    volume_differences(std::size_t n, std::size_t n_z, std::size_t n_y, std::size_t n_x)
        : n_(n), n_z_(n_z), n_y_(n_y), n_x_(n_x) {}

    /// (n, n_z n_y, n_x)
    stack_shape domain_shape() const { return {n_, n_z_ * n_y_, n_x_}; }
    /// (3 n, n_z n_y, n_x)
    stack_shape range_shape() const { return {3 * n_, n_z_ * n_y_, n_x_}; }

    /// out = K x. Throws shape_error for other shapes.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        detail::map_stack(x, domain_shape(), out, range_shape(), [&](const auto& in, const auto& result) {
            const std::size_t rows = n_z_ * n_y_;
            for_each_row(n_ * rows, n_x_, exec, [&](std::size_t k) {
                const std::size_t e = k / rows, r = k % rows;
                const T* const here = in.row(e, r);
                const T* const z = r + n_y_ < rows ? in.row(e, r + n_y_) : here;
                const T* const y = r % n_y_ + 1 < n_y_ ? in.row(e, r + 1) : here;
                T *const dz = result.row(e, r), *const dy = result.row(n_ + e, r),
                         *const dx = result.row(2 * n_ + e, r);
                for (std::size_t c = 0; c < n_x_; ++c) dz[c] = z[c] - here[c];
                for (std::size_t c = 0; c < n_x_; ++c) dy[c] = y[c] - here[c];
                for (std::size_t c = 0; c + 1 < n_x_; ++c) dx[c] = here[c + 1] - here[c];
                dx[n_x_ - 1] = 0;
            });
        });
    }

    /// out = K^T y. Throws shape_error for other shapes.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        detail::map_stack(y, range_shape(), out, domain_shape(), [&](const auto& in, const auto& result) {
            const std::size_t rows = n_z_ * n_y_;
            for_each_row(n_ * rows, n_x_, exec, [&](std::size_t k) {
                const std::size_t e = k / rows, r = k % rows;
                T* const row = result.row(e, r);
                const T* const dx = in.row(2 * n_ + e, r);
                for (std::size_t c = 0; c < n_x_; ++c)
                    row[c] = (c > 0 ? dx[c - 1] : T(0)) - (c + 1 < n_x_ ? dx[c] : T(0));
                const auto add = [&](std::size_t image, std::size_t from, T sign) {
                    const T* const d = in.row(image, from);
                    for (std::size_t c = 0; c < n_x_; ++c) row[c] += sign * d[c];
                };
                if (r + n_y_ < rows) add(e, r, T(-1));
                if (r >= n_y_) add(e, r - n_y_, T(1));
                if (r % n_y_ + 1 < n_y_) add(n_ + e, r, T(-1));
                if (r % n_y_ > 0) add(n_ + e, r - 1, T(1));
            });
        });
    }

private:
    std::size_t n_, n_z_, n_y_, n_x_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
