// A specimen: a perovskite with a spot that is poor in oxygen, which the HAADF image does not show.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/blind_spot.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of spotted_perovskite().
struct spotted_perovskite_options {
    std::size_t ny = 128,       ///< rows of pixels, 1 to 65536
        nx = 128;               ///< columns of pixels, 1 to 65536
    double cell = 16.6;         ///< pixels a pseudocubic unit cell, 4 to 1024
    double displacement = 0.3;  ///< standard deviation of the columns' places, pixels, 0 to 100
    double spot_radius = 14;    ///< pixels, 0.5 to 65536
    double spot_oxygen = 0.6;   ///< amount of O in the spot, of that without it, 0 to 1
    std::uint64_t seed = 1;     ///< of the displacements
};

/// Where the spot lies: in the film, far from the interface.
inline blind_spot spot_of(const spotted_perovskite_options& options) {
    return {0.32 * static_cast<double>(options.ny), 0.78 * static_cast<double>(options.nx), options.spot_radius};
}

/// Columns of Sc, Dy and O as of a perovskite, randomly displaced. From left to right, over two thirds of a cell at
/// n_x / 2, Dy rises from 0.15 to 1 and Sc falls from 1 to 0.75. In the spot O is at `spot_oxygen` of what it would be
/// and rises back over the next four pixels. An anion that nobody maps takes its place and is as bright: the HAADF,
/// sum_i (Z_i x_i)^1.6 of the maps without the spot, is the same for every `spot_oxygen`. Widths of columns are in
/// units of `cell`, the spot is in pixels, and the field of view grows with the image. Throws value_error for an option
/// out of range.
template <scalar T = double>
specimen<T> spotted_perovskite(const spotted_perovskite_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    require_in_range(options.displacement, 0, 100, "displacement");
    require_in_range(options.spot_radius, 0.5, 65536, "spot_radius");
    require_in_range(options.spot_oxygen, 0, 1, "spot_oxygen");
    const double cell = options.cell, middle = static_cast<double>(options.nx) / 2;
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    detail::for_each_cell(options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream_of("spotted_perovskite"), j, i);
        const auto add = [&](std::size_t element, double dy, double dx, double width, double peak) {
            const detail::atomic_column site{y + dy * cell, x + dx * cell, width * cell, peak};
            detail::add_column(view.image(element), detail::displaced(site, options.displacement, random));
        };
        const auto film = [&](double column) { return detail::diffuse_step(column, middle, 0.36 * cell); };
        add(0, 0.5, 0.5, 0.12, 1 - 0.25 * film(x + 0.5 * cell));
        add(1, 0, 0, 0.14, 0.15 + 0.85 * film(x));
        for (const auto& [dy, dx] : {std::pair{0.5, 0.5}, {0.0, 0.5}, {0.5, 0.0}}) add(2, dy, dx, 0.145, 0.6);
    });
    auto s = detail::make_specimen<T>({"Sc", "Dy", "O"}, {21, 66, 8}, amounts);
    const blind_spot spot = spot_of(options);
    for (std::size_t row = 0; row < options.ny; ++row) {
        for (std::size_t column = 0; column < options.nx; ++column) {
            const double outside = std::max(0.0, spot.distance(row, column) - spot.radius);
            const double share = 1 - (1 - options.spot_oxygen) * std::exp(-outside * outside / 8);
            auto& oxygen = s.truth(2, row, column);
            oxygen = static_cast<T>(to_16_bits(share * static_cast<double>(oxygen)));
        }
    }
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
