// A specimen: a lattice turned against the scan, with a stacking fault on which an element has segregated.
#pragma once

#include <algorithm>
#include <cmath>

#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of stacking_fault().
struct stacking_fault_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double spacing = 9.4;    ///< of the columns of a row, in pixels, 4 to 1024
    double turn = 0.31;      ///< of the rows against the scan, in radians, -1 to 1
    std::uint64_t seed = 1;  ///< of the columns' displacements
};

/// Close-packed rows of Co and Ta columns in turn. Beyond a row near the middle all columns lie a third of a spacing
/// further along; on this row and its neighbours Cr takes 0.6 and 0.25 of the Co. HAADF proportional to the sum of
/// (Z_i x_i)^1.6. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> stacking_fault(const stacking_fault_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.spacing, 4, 1024, "spacing");
    require_in_range(options.turn, -1, 1, "turn");
    const double ny = static_cast<double>(options.ny), nx = static_cast<double>(options.nx);
    const double s = options.spacing, apart = s * std::sqrt(0.75);
    const auto reach = static_cast<std::ptrdiff_t>(std::ceil(0.75 * (ny + nx) / apart)) + 2;
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    for (std::ptrdiff_t j = -reach; j <= reach; ++j) {
        for (std::ptrdiff_t i = -reach; i <= reach; ++i) {
            random_stream random(options.seed, stream_of("stacking_fault"), static_cast<std::size_t>(j + reach),
                                 static_cast<std::size_t>(i + reach));
            const double along = (static_cast<double>(i) + (j % 2 == 0 ? 0 : 0.5) + (j > 0 ? 1.0 / 3 : 0)) * s;
            const double across = static_cast<double>(j) * apart;
            const double y = 0.5 * ny + across * std::cos(options.turn) + along * std::sin(options.turn);
            const double x = 0.5 * nx - across * std::sin(options.turn) + along * std::cos(options.turn);
            if (y < -s || x < -s || y > ny + s || x > nx + s) continue;
            const auto site = detail::displaced({y, x, 0.17 * s, 1}, 0.15, random);
            const double chromium = j == 0 ? 0.6 : std::abs(j) == 1 ? 0.25 : 0;
            const auto add = [&](std::size_t element, double peak) {
                detail::add_column(view.image(element), {site.y, site.x, site.sigma, peak});
            };
            if ((i % 2 + 2) % 2 == 0 && j % 2 == 0 && j != 0) {
                add(1, 0.8);
            } else {
                add(0, 0.9 * (1 - chromium));
                add(2, 0.9 * chromium);
            }
        }
    }
    for (double& v : amounts) v = std::min(v, 1.0);
    return detail::make_specimen<T>({"Co", "Ta", "Cr"}, {27, 73, 24}, amounts);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
