// Maps moved to the counts of their surroundings, where these differ by more than chance.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/counts/local_excess.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// One pass of the balance.
struct balance_pass {
    double window;     ///< sigma of the Gaussian, in pixels
    double threshold;  ///< in standard deviations: an excess below it is left to chance
    double reach = 0;  ///< pixels, along y and x, over which the most significant excess counts
    int turns = 1;     ///< repeats, with the significance of the first; each mends half of a border
};

/// Wide windows, with many counts and few independent places, mend small differences; narrow ones only what is beyond
/// doubt somewhere near.
inline const std::vector<balance_pass> default_balance{{28, 1}, {14, 1.2}, {7, 2.5, 10, 3}, {5, 3.5, 7, 3}};

namespace detail {

// The largest within `reach` pixels along both axes, of every image.
template <scalar T>
void spread_largest(xt::xtensor<T, 3>& a, std::size_t reach, const execution& exec) {
    if (reach == 0) return;
    const std::size_t n = a.shape(0), ny = a.shape(1), nx = a.shape(2);
    const auto largest = [reach](const std::vector<T>& from, std::size_t k) {
        const auto first = from.begin() + static_cast<std::ptrdiff_t>(k - std::min(k, reach)),
                   last = from.begin() + static_cast<std::ptrdiff_t>(std::min(from.size(), k + reach + 1));
        return *std::max_element(first, last);
    };
    for_each_row(n * ny, nx, exec, [&](std::size_t r) {
        T* const row = &a(r / ny, r % ny, 0);
        const std::vector<T> copy(row, row + nx);
        for (std::size_t x = 0; x < nx; ++x) row[x] = largest(copy, x);
    });
    exec.for_each(n * nx, [&](std::size_t c) {
        std::vector<T> column(ny);
        for (std::size_t y = 0; y < ny; ++y) column[y] = a(c / nx, y, c % nx);
        for (std::size_t y = 0; y < ny; ++y) a(c / nx, y, c % nx) = largest(column, y);
    });
}

}  // namespace detail

/// Multiplies the maps x, expected counts without background, pass by pass by
///     1 + s e / G x,   e = G (m - b - x),   s = max(0, 1 - (threshold / z)^2),
/// G the Gaussian window, m and b counts and background, all (n, n_y, n_x), and z the largest of |e| over its standard
/// deviation by the chance of counting within reach: s is the shrinkage of the non-negative garrote (Gao 1998, J.
/// Comput. Graph. Stat. 7, 469), near 0 for an excess that chance explains, near 1 for one far beyond. A factor stays
/// within 1/5 and 4. What an image-guided average moved between places that look alike returns to where the counts
/// are, over areas that have enough of them. exposure: as measure_local_excess() takes it. Throws shape_error where
/// shapes differ and value_error for a window, threshold or reach out of range.
template <scalar T>
void balance_locally(xt::xtensor<T, 3>& maps, const stack_view<const T>& counts, const stack_view<const T>& background,
                     const std::vector<balance_pass>& passes = default_balance, const execution& exec = {},
                     const stack_view<const T>& exposure = {}) {
    const std::size_t n = maps.shape(0), ny = maps.shape(1), nx = maps.shape(2);
    for (const balance_pass& pass : passes) {
        require_in_range(pass.threshold, 0, 1e3, "threshold");
        require_in_range(pass.reach, 0, 1e3, "reach");
        xt::xtensor<T, 3> kept(maps.shape());
        for (int turn = 0; turn < pass.turns; ++turn) {
            const auto local =
                measure_local_excess(as_view(std::as_const(maps)), counts, background, pass.window, exec, exposure);
            const auto excess_at = [&](std::size_t i, std::size_t y, std::size_t x) {
                return static_cast<double>(local.counted(i, y, x)) - static_cast<double>(local.expected(i, y, x)) -
                       static_cast<double>(local.background(i, y, x));
            };
            if (turn == 0) {
                for_each_row(n * ny, nx, exec, [&](std::size_t r) {
                    const std::size_t i = r / ny, y = r % ny;
                    for (std::size_t x = 0; x < nx; ++x) {
                        const double rate = static_cast<double>(local.expected(i, y, x) + local.background(i, y, x));
                        // 1e-30 avoids a division by 0 where nothing is expected.
                        kept(i, y, x) = static_cast<T>(std::abs(excess_at(i, y, x)) /
                                                       std::sqrt(std::max(rate * local.power(y, x), 1e-30)));
                    }
                });
                detail::spread_largest(kept, static_cast<std::size_t>(pass.reach), exec);
                for (T& z : kept) {
                    const T part = static_cast<T>(pass.threshold) / z;
                    z = part < 1 ? 1 - part * part : T(0);
                }
            }
            for_each_row(n * ny, nx, exec, [&](std::size_t r) {
                const std::size_t i = r / ny, y = r % ny;
                for (std::size_t x = 0; x < nx; ++x) {
                    const double here = static_cast<double>(local.expected(i, y, x));
                    if (!(kept(i, y, x) > 0 && here > 0)) continue;
                    const double factor = 1 + static_cast<double>(kept(i, y, x)) * excess_at(i, y, x) / here;
                    maps(i, y, x) *= static_cast<T>(std::clamp(factor, 0.2, 4.0));
                }
            });
        }
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI
