// A specimen: a DyScO3 film on a substrate poor in Dy, seen along a zone axis.
#pragma once

#include <cmath>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of perovskite_columns().
struct perovskite_options {
    std::size_t ny = 256,    ///< rows of pixels, 1 to 65536
        nx = 256;            ///< columns of pixels, 1 to 65536
    double cell = 16;        ///< pixels a pseudocubic unit cell, 4 to 1024
    std::uint64_t seed = 1;  ///< of the small static displacements of the columns
};

/// Projected cells of a perovskite: Dy at the corners, Sc at the centre, O on the sides and over the centre, each
/// column a Gaussian whose integral counts its atoms, hence Dy : Sc : O is 1 : 1 : 3 in the right half. In the left
/// half the Dy sites are filled to 0.3. The interface at n_x / 2 is 0.7 cells wide from 10% to 90%; rows of Dy columns
/// are displaced in turn to the left and to the right in the film, as in an orthorhombic perovskite. The field of view
/// grows with the image, in units of `cell`. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> perovskite_columns(const perovskite_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    const double cell = options.cell, nx = static_cast<double>(options.nx);
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    const auto scandium = view.image(0), dysprosium = view.image(1), oxygen = view.image(2);
    const auto film = [=](double x) { return detail::diffuse_step(x, nx / 2, 0.4 * cell); };
    detail::for_each_cell(options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream_of("perovskite_columns"), j, i);
        const auto add = [&](const image_view<double>& image, double y0, double x0, double width, double occupancy) {
            const detail::atomic_column site{y0, x0, width * cell, occupancy * std::pow(0.125 / width, 2)};
            detail::add_column(image, detail::displaced(site, 0.018 * cell, random));
        };
        const double zigzag = (j % 2 == 0 ? 0.045 : -0.045) * cell * film(x);
        add(dysprosium, y, x + zigzag, 0.14, 0.3 + 0.7 * film(x));
        add(scandium, y + cell / 2, x + cell / 2, 0.125, 1);
        add(oxygen, y + cell / 2, x + cell / 2, 0.15, 1);
        add(oxygen, y, x + cell / 2, 0.15, 1);
        add(oxygen, y + cell / 2, x, 0.15, 1);
    });
    return detail::make_specimen<T>({"Sc", "Dy", "O"}, {21, 66, 8}, amounts);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
