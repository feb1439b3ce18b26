// A specimen: an ordered perovskite, layers beside rock salt, with cations on each other's sites.
#pragma once

#include <cmath>
#include <utility>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of antisite_superlattice().
struct antisite_superlattice_options {
    std::size_t ny = 128,        ///< rows of pixels, 1 to 65536
        nx = 128;                ///< columns of pixels, 1 to 65536
    double cell = 17;            ///< pixels a pseudocubic unit cell, 4 to 1024
    double displacement = 0.25;  ///< standard deviation of the columns' places, pixels, 0 to 100
    double antisites = 0.08;     ///< share of wrong atoms in a column, and of wrong columns, 0 to 0.5
    std::uint64_t seed = 1;      ///< of the displacements and of the wrong columns
};

/// Columns of Ba, Sr, Mn and O: Mn in the centres of the cells, Ba and Sr on the corners in turn, by rows up to the
/// middle of the image and like the fields of a chessboard beyond. Of every Ba and Sr column the share `antisites` is
/// of the other cation, and as many whole columns have the two exchanged. HAADF proportional to sum_i (Z_i x_i)^1.6.
/// Widths are in units of `cell`; the field of view grows with the image. Throws value_error for an option out of
/// range.
template <scalar T = double>
specimen<T> antisite_superlattice(const antisite_superlattice_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    require_in_range(options.displacement, 0, 100, "displacement");
    require_in_range(options.antisites, 0, 0.5, "antisites");
    const double cell = options.cell, middle = static_cast<double>(options.nx) / 2;
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{4}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    detail::for_each_cell(options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream_of("antisite_superlattice"), j, i);
        const auto at = [&](double dy, double dx, double width) {
            const detail::atomic_column site{y + dy * cell, x + dx * cell, width * cell, 1};
            return detail::displaced(site, options.displacement, random);
        };
        const auto add = [&](std::size_t element, detail::atomic_column column, double peak) {
            column.peak = peak;
            detail::add_column(view.image(element), column);
        };
        const bool wrong = random.uniform() < options.antisites;
        const bool barium = ((x < middle ? j : j + i) % 2 == 0) != wrong;
        const double share = barium ? 1 - options.antisites : options.antisites;
        const auto corner = at(0, 0, 0.13);
        add(0, corner, share);
        add(1, corner, 1 - share);
        add(2, at(0.5, 0.5, 0.118), 0.8);
        for (const auto& [dy, dx] : {std::pair{0.5, 0.5}, {0.0, 0.5}, {0.5, 0.0}}) add(3, at(dy, dx, 0.147), 0.6);
    });
    return detail::make_specimen<T>({"Ba", "Sr", "Mn", "O"}, {56, 38, 25, 8}, amounts);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
