// A specimen: single dopant atoms and clusters of them that the HAADF image does not see.
#pragma once

#include <cmath>

#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of hidden_clusters().
struct hidden_clusters_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double cell = 12.4;      ///< pixels a unit cell, 4 to 1024
    double single = 0.07;    ///< dopants a column, 0 to 1
    std::uint64_t seed = 1;  ///< of the displacements, the dopants and the clusters
};

/// A square lattice of Ti over O, in which Na sits on O columns: alone, 0.35 of a column's O exchanged, or in clusters
/// around one place in each square of five cells, whose columns are exchanged up to 0.8. HAADF proportional to Z^1.7 of
/// Ti alone. Features: the clusters. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> hidden_clusters(const hidden_clusters_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    require_in_range(options.single, 0, 1, "single");
    const double cell = options.cell, pitch = 5 * cell;
    const std::uint32_t stream = stream_of("hidden_clusters");
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx}), usual = amounts;
    const auto view = as_view(amounts, "amounts");
    std::vector<specimen_feature> clusters;
    detail::for_each_cell(options.ny, options.nx, pitch, pitch, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream + 1, j, i);
        const double dy = random.uniform(0, pitch), dx = random.uniform(0, pitch);
        clusters.push_back({"cluster", 2, y + dy, x + dx, 0.7 * cell});
    });
    detail::for_each_cell(options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream, j, i);
        detail::add_column(view.image(0), detail::displaced({y, x, 0.14 * cell, 0.95}, 0.2, random));
        const double y0 = y + cell / 2, x0 = x + cell / 2;
        double sodium = random.uniform() < options.single ? 0.35 : 0;
        for (const auto& c : clusters) {
            const double d = std::hypot(c.y - y0, c.x - x0) / (0.8 * cell);
            sodium = std::max(sodium, 0.8 * std::exp(-d * d));
        }
        detail::add_column(view.image(1), {y0, x0, 0.15 * cell, 0.9 * (1 - sodium)});
        detail::add_column(view.image(2), {y0, x0, 0.15 * cell, 0.9 * sodium});
    });
    auto s = detail::make_specimen<T>({"Ti", "O", "Na"}, {22, 0, 0}, amounts);
    for (const auto& c : clusters) detail::mark_feature(s, usual, c);
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
