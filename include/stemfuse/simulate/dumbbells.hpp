// A specimen: dumbbells of a III-V semiconductor with a quantum well, in a wedge beside vacuum.
#pragma once

#include <cmath>
#include <numeric>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of dumbbells().
struct dumbbell_options {
    std::size_t ny = 128,       ///< rows of pixels, 1 to 65536
        nx = 128;               ///< columns of pixels, 1 to 65536
    double separation = 5.2;    ///< pixels from column to column of a dumbbell, 1 to 300
    double displacement = 0.2;  ///< standard deviation of the columns' places, pixels, 0 to 100
    double indium = 0.45;       ///< share of In on the Ga sites of the well, 0 to 1
    std::uint64_t seed = 1;     ///< of the displacements and of the edge
};

namespace detail {

// Multiplies the maps by a thickness that rises from 0.5 at the left to 1 at the right, and by 0 above a rough edge of
// about 6 pixels at 0.2 of n_y.
inline void cut_wedge(const stack_view<double>& amounts, std::uint64_t seed) {
    const std::size_t ny = amounts.shape[1], nx = amounts.shape[2];
    const auto edge = smooth_profile(nx, 12, seed, stream_of("dumbbells") + 1, 0);
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            const double thickness = 0.5 + 0.5 * static_cast<double>(x) / static_cast<double>(nx);
            const double filled = diffuse_step(static_cast<double>(y), 0.2 * static_cast<double>(ny) + 3 * edge[x], 3);
            for (std::size_t i = 0; i < amounts.shape[0]; ++i) amounts.row(i, y)[x] *= thickness * filled;
        }
    }
}

}  // namespace detail

/// Columns of Ga (or In) and As side by side, the dumbbells on a centred lattice of 3.54 by 5 separations. Between 0.45
/// and 0.77 of n_x In is on the Ga sites. Above 0.2 of n_y there is vacuum, with a rough edge of about 6 pixels; the
/// thickness rises from 0.5 at the left to 1 at the right. HAADF proportional to sum_i Z_i^1.7 x_i. Columns and edge
/// keep their size in pixels. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> dumbbells(const dumbbell_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.separation, 1, 300, "separation");
    require_in_range(options.displacement, 0, 100, "displacement");
    require_in_range(options.indium, 0, 1, "indium");
    const double separation = options.separation, pitch_y = 5 * separation, pitch_x = 3.54 * separation;
    const double nx = static_cast<double>(options.nx);
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    detail::for_each_cell(
        options.ny, options.nx, pitch_y, pitch_x, [&](std::size_t j, std::size_t i, double y, double x) {
            random_stream random(options.seed, stream_of("dumbbells"), j, i);
            const auto add_dumbbell = [&](double y0, double x0) {
                const double share = x0 > 0.45 * nx && x0 < 0.77 * nx ? options.indium : 0;
                const auto at = [&](double x1) {
                    return detail::displaced({y0, x1, 0.385 * separation, 1}, options.displacement, random);
                };
                auto metal = at(x0 - separation / 2);
                const auto arsenic = at(x0 + separation / 2);
                detail::add_column(view.image(2), arsenic);
                metal.peak = share;
                detail::add_column(view.image(1), metal);
                metal.peak = 1 - share;
                detail::add_column(view.image(0), metal);
            };
            add_dumbbell(y, x);
            add_dumbbell(y + pitch_y / 2, x + pitch_x / 2);
        });
    detail::cut_wedge(view, options.seed);
    const auto powers = detail::scattering_powers({31, 49, 33});
    return detail::make_specimen<T>({"Ga", "In", "As"}, amounts, [&](std::size_t, const std::vector<double>& x) {
        return std::inner_product(x.begin(), x.end(), powers.begin(), 0.0);
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
