// A specimen: a crystal in a wedge beside vacuum, under an amorphous surface.
#pragma once

#include <algorithm>
#include <cmath>

#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of amorphous_wedge().
struct amorphous_wedge_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double cell = 13.2;      ///< pixels a unit cell, 4 to 1024
    double damage = 0.12;    ///< amorphous thickness, of the thickest place, 0 to 1
    std::uint64_t seed = 1;  ///< of the displacements, the edge and the layer
};

/// Columns of In and P, a dumbbell a cell, whose height rises from the rough edge of the vacuum on the left to 1 on the
/// right; over them lies an amorphous layer of In, P and O that grows no columns. HAADF proportional to sum Z_i^1.7
/// x_i. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> amorphous_wedge(const amorphous_wedge_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    require_in_range(options.damage, 0, 1, "damage");
    const double cell = options.cell, nx = static_cast<double>(options.nx);
    const std::uint32_t stream = stream_of("amorphous_wedge");
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    detail::for_each_cell(options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream, j, i);
        const auto add = [&](std::size_t element, double dx, double peak) {
            detail::add_column(
                view.image(element),
                detail::displaced({y + (i % 2 == 0 ? 0 : cell / 2), x + dx * cell, 0.13 * cell, peak}, 0.25, random));
        };
        add(0, 0.2, 0.9);
        add(1, 0.55, 0.9);
    });
    const auto edge = detail::smooth_profile(options.ny, 9, options.seed, stream + 1, 0);
    const auto rough = detail::smooth_field(options.ny, options.nx, 3, options.seed, stream + 2);
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const double beyond = static_cast<double>(x) - 0.12 * nx - 2 * edge[y];
            const double crystal = std::clamp(beyond / (0.85 * nx), 0.0, 1.0);
            const double layer =
                options.damage * std::clamp(beyond / 3 + 1.5, 0.0, 1.0) * (1 + 0.25 * std::tanh(rough(y, x)));
            amounts(0, y, x) = crystal * amounts(0, y, x) + 0.5 * layer;
            amounts(1, y, x) = crystal * amounts(1, y, x) + 0.5 * layer;
            amounts(2, y, x) = 3 * layer;
        }
    }
    const auto powers = detail::scattering_powers({49, 15, 8});
    return detail::make_specimen<T>({"In", "P", "O"}, amounts, [&](std::size_t, const std::vector<double>& v) {
        return powers[0] * v[0] + powers[1] * v[1] + powers[2] * v[2];
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
