// The discrete gradient of total variation: forward differences, zero past the border.
#pragma once

#include <algorithm>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse {

// K: (n, n_y, n_x) -> (2 n, n_y, n_x). The first n images of the result are the differences along y, x[y + 1] - x[y]
// (zero in the last row), the other n those along x. ||K||^2 < 8 in 2D, < 4 where an extent is 1. Chambolle, J. Math.
// Imaging Vis. 20, 89 (2004), doi 10.1023/B:JMIV.0000011325.36760.1e, section 2.
class finite_differences {
public:
    explicit finite_differences(const stack_shape& domain) : domain_(domain) {}

    stack_shape domain_shape() const { return domain_; }
    stack_shape range_shape() const { return {2 * domain_[0], domain_[1], domain_[2]}; }

    template <scalar T>
    void apply(const stack_view<const T>& x, const stack_view<T>& out, const execution& exec = {}) const {
        check(x.shape, domain_, out.shape, range_shape());
        const auto [n, ny, nx] = domain_;
        for_each_row(n * ny, nx, exec, [&, n = n, ny = ny, nx = nx](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            const T* const row = x.row(i, y);
            const T* const below = y + 1 < ny ? x.row(i, y + 1) : row;
            T* const dy = out.row(i, y);
            T* const dx = out.row(n + i, y);
            for (std::size_t c = 0; c < nx; ++c) dy[c] = below[c] - row[c];
            for (std::size_t c = 0; c + 1 < nx; ++c) dx[c] = row[c + 1] - row[c];
            dx[nx - 1] = 0;
        });
    }

    template <scalar T>
    void adjoint(const stack_view<const T>& p, const stack_view<T>& out, const execution& exec = {}) const {
        check(p.shape, range_shape(), out.shape, domain_);
        const auto [n, ny, nx] = domain_;
        for_each_row(n * ny, nx, exec, [&, n = n, ny = ny, nx = nx](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            const T* const dx = p.row(n + i, y);
            T* const row = out.row(i, y);
            for (std::size_t c = 0; c < nx; ++c) row[c] = (c > 0 ? dx[c - 1] : T(0)) - (c + 1 < nx ? dx[c] : T(0));
            if (y + 1 < ny) {
                const T* const dy = p.row(i, y);
                for (std::size_t c = 0; c < nx; ++c) row[c] -= dy[c];
            }
            if (y > 0) {
                const T* const above = p.row(i, y - 1);
                for (std::size_t c = 0; c < nx; ++c) row[c] += above[c];
            }
        });
    }

private:
    static void check(const stack_shape& in, const stack_shape& in_expected, const stack_shape& out,
                      const stack_shape& out_expected) {
        require_shape(in, in_expected, "input", "the operator's");
        require_shape(out, out_expected, "output", "the operator's");
    }

    stack_shape domain_;
};

}  // namespace stemfuse
