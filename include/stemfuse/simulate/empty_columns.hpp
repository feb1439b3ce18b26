// A specimen: a lattice in which some columns of a light element are empty, and the HAADF image does not show it.
#pragma once

#include <cmath>

#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of empty_columns().
struct empty_columns_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double cell = 14.6;      ///< pixels a unit cell, 4 to 1024
    double empty = 0.06;     ///< of the oxygen columns, 0 to 1
    double filling = 0.03;   ///< of an empty column, 0 to 1
    std::uint64_t seed = 1;  ///< of the columns' displacements, and of which are empty
};

/// Columns of Sr on the corners, of Ti in the centres and of O on the sides of square cells, displaced by 0.2 pixels.
/// HAADF proportional to the sum of (Z_i x_i)^1.6 of Sr and Ti alone. Features: the empty columns. Throws value_error
/// for an option out of range.
template <scalar T = double>
specimen<T> empty_columns(const empty_columns_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    require_in_range(options.empty, 0, 1, "empty");
    require_in_range(options.filling, 0, 1, "filling");
    const double cell = options.cell;
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx}), usual = amounts;
    const auto view = as_view(amounts, "amounts"), full = as_view(usual, "usual");
    std::vector<detail::atomic_column> emptied;
    detail::for_each_cell(options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream_of("empty_columns"), j, i);
        const auto add = [&](std::size_t element, double dy, double dx, double width, double peak) {
            auto site = detail::displaced({y + dy * cell, x + dx * cell, width * cell, peak}, 0.2, random);
            detail::add_column(full.image(element), site);
            const bool is_empty = random.uniform() < options.empty && element == 2;
            if (is_empty) {
                site.peak *= options.filling;
                emptied.push_back(site);
            }
            detail::add_column(view.image(element), site);
        };
        add(0, 0, 0, 0.14, 1);
        add(1, 0.5, 0.5, 0.13, 0.9);
        add(2, 0.5, 0, 0.13, 0.8);
        add(2, 0, 0.5, 0.13, 0.8);
    });
    auto s = detail::make_specimen<T>({"Sr", "Ti", "O"}, {38, 22, 0}, amounts);
    for (const auto& c : emptied) detail::mark_feature(s, usual, {"empty column", 2, c.y, c.x, 1.2 * c.sigma});
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
