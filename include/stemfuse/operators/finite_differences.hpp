// The discrete gradient of total variation: forward differences, zero past the border.
#pragma once

#include <type_traits>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse {

/// K: (n, n_y, n_x) -> (2 n, n_y, n_x). The first n images of the result are the differences along y, x[y + 1] - x[y]
/// (zero in the last row), the other n those along x. ||K||^2 < 8 in 2D, < 4 where an extent is 1. Chambolle, J. Math.
/// Imaging Vis. 20, 89 (2004), doi 10.1023/B:JMIV.0000011325.36760.1e, section 2.
class finite_differences {
public:
    explicit finite_differences(const stack_shape& domain) : domain_(domain) {}

    stack_shape domain_shape() const { return domain_; }
    stack_shape range_shape() const { return {2 * domain_[0], domain_[1], domain_[2]}; }

    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        const readable<T, 3> in(x, "input");
        writable<T, 3, std::remove_reference_t<Out>> result(out, "output");
        require_shape(in.view().shape, domain_shape(), "input", "the operator's domain");
        require_shape(result.view().shape, range_shape(), "output", "the operator's range");
        const std::size_t n = domain_[0], ny = domain_[1], nx = domain_[2];
        for_each_row(n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            const T* const row = in.view().row(i, y);
            const T* const below = y + 1 < ny ? in.view().row(i, y + 1) : row;
            T* const dy = result.view().row(i, y);
            T* const dx = result.view().row(n + i, y);
            for (std::size_t c = 0; c < nx; ++c) dy[c] = below[c] - row[c];
            for (std::size_t c = 0; c + 1 < nx; ++c) dx[c] = row[c + 1] - row[c];
            dx[nx - 1] = 0;
        });
        result.commit();
    }

    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        const readable<T, 3> in(y, "input");
        writable<T, 3, std::remove_reference_t<Out>> result(out, "output");
        require_shape(in.view().shape, range_shape(), "input", "the operator's range");
        require_shape(result.view().shape, domain_shape(), "output", "the operator's domain");
        const std::size_t n = domain_[0], ny = domain_[1], nx = domain_[2];
        for_each_row(n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, row_index = r % ny;
            const T* const dx = in.view().row(n + i, row_index);
            T* const row = result.view().row(i, row_index);
            for (std::size_t c = 0; c < nx; ++c) row[c] = (c > 0 ? dx[c - 1] : T(0)) - (c + 1 < nx ? dx[c] : T(0));
            if (row_index + 1 < ny) {
                const T* const dy = in.view().row(i, row_index);
                for (std::size_t c = 0; c < nx; ++c) row[c] -= dy[c];
            }
            if (row_index > 0) {
                const T* const above = in.view().row(i, row_index - 1);
                for (std::size_t c = 0; c < nx; ++c) row[c] += above[c];
            }
        });
        result.commit();
    }

private:
    stack_shape domain_;
};

}  // namespace stemfuse
