// Maps moved to the counts of their surroundings, where these differ by more than chance.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/analysis/local_excess.hpp>

namespace stemfuse {

// One pass of the balance: a Gaussian window, sigma in pixels, and how many standard deviations count for nothing.
struct balance_pass {
    double window, threshold;
};

// From wide windows, with many counts and few independent places, to narrow ones.
inline const std::vector<balance_pass> default_balance{{28, 1}, {14, 1.2}, {7, 2}, {4, 3}};

// Multiplies the maps x, expected counts without background, pass by pass by
//     1 + s e / G x,   e = G (m - b - x),   s = max(0, 1 - (threshold sigma / e)^2),
// G the Gaussian window, m and b counts and background, all (n, n_y, n_x), sigma the standard deviation of e by the
// chance of counting: s is the shrinkage of the non-negative garrote (Gao 1998, J. Comput. Graph. Stat. 7, 469), near 0
// for an excess that chance explains, near 1 for one far beyond. A factor stays within 1/5 and 4. What an image-guided
// average moved between places that look alike returns to where the counts are, over areas that have enough of them.
// Throws shape_error where shapes differ and value_error for a window or threshold out of range.
template <scalar T>
void balance_locally(xt::xtensor<T, 3>& maps, const stack_view<const T>& counts, const stack_view<const T>& background,
                     const std::vector<balance_pass>& passes = default_balance, const execution& exec = {}) {
    const std::size_t n = maps.shape(0), ny = maps.shape(1), nx = maps.shape(2);
    for (const balance_pass& pass : passes) {
        require_in_range(pass.threshold, 0, 1e3, "threshold");
        const auto local = measure_local_excess(as_view(std::as_const(maps)), counts, background, pass.window, exec);
        for_each_row(n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            for (std::size_t x = 0; x < nx; ++x) {
                const double here = static_cast<double>(local.expected(i, y, x)),
                             rate = here + static_cast<double>(local.background(i, y, x)),
                             excess = static_cast<double>(local.counted(i, y, x)) - rate;
                const double chance = pass.threshold * pass.threshold * rate * local.power(y, x);
                if (!(excess * excess > chance && here > 0)) continue;
                const double kept = 1 - chance / (excess * excess);
                maps(i, y, x) *= static_cast<T>(std::clamp(1 + kept * excess / here, 0.2, 4.0));
            }
        });
    }
}

}  // namespace stemfuse
