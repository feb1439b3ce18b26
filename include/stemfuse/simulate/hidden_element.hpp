// A specimen: precipitates of an element that the HAADF image does not see at all, in a crystal that it shows.
#pragma once

#include <algorithm>
#include <cmath>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of hidden_element().
struct hidden_element_options {
    std::size_t ny = 128,             ///< rows of pixels, 1 to 65536
        nx = 128;                     ///< columns of pixels, 1 to 65536
    double cell = 15.7;               ///< pixels a unit cell, 4 to 1024
    double precipitate_radius = 6.5;  ///< pixels to half the amount of the middle, 1 to 100
    std::uint64_t seed = 1;           ///< of the columns' displacements and the precipitates
};

namespace detail {

// Raises an image to a round precipitate around (y0, x0): 1 in its middle, 0.5 at the radius, nothing at twice that.
inline void raise_to_precipitate(const image_view<double>& image, double y0, double x0, double radius) {
    const auto first = [=](double centre) { return static_cast<std::size_t>(std::max(0.0, centre - 2 * radius)); };
    const auto last = [=](double centre, std::size_t n) {
        return std::min(n, static_cast<std::size_t>(std::max(0.0, centre + 2 * radius + 1)));
    };
    for (std::size_t y = first(y0); y < last(y0, image.shape[0]); ++y) {
        for (std::size_t x = first(x0); x < last(x0, image.shape[1]); ++x) {
            const double dy = static_cast<double>(y) + 0.5 - y0, dx = static_cast<double>(x) + 0.5 - x0;
            const double squared = (dy * dy + dx * dx) / (radius * radius);
            image.row(y)[x] = std::max(image.row(y)[x], std::exp(-std::log(2.0) * squared * squared));
        }
    }
}

}  // namespace detail

/// Columns of La on the corners and of Ni in the centres of square cells, displaced by 0.3 pixels; from left to right,
/// over two thirds of a cell at n_x / 2, La rises from 0.15 to 1 and Ni falls from 1 to 0.75. Precipitates of Li lie
/// over the columns and between them and leave them as they are, one somewhere in each square of seven radii. HAADF
/// proportional to the sum of (Z_i x_i)^1.6 of La and Ni alone. Cells and precipitates keep their size in pixels; the
/// field of view grows with the image. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> hidden_element(const hidden_element_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    require_in_range(options.precipitate_radius, 1, 100, "precipitate_radius");
    const std::uint32_t stream = stream_of("hidden_element");
    const double cell = options.cell, middle = static_cast<double>(options.nx) / 2;
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    detail::for_each_cell(options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream, j, i);
        const auto add = [&](std::size_t element, double shift, double width, double peak) {
            const detail::atomic_column site{y + shift, x + shift, width * cell, peak};
            detail::add_column(view.image(element), detail::displaced(site, 0.3, random));
        };
        const auto film = [&](double column) { return detail::diffuse_step(column, middle, 0.36 * cell); };
        add(0, 0, 0.14, 0.15 + 0.85 * film(x));
        add(1, cell / 2, 0.125, 1 - 0.25 * film(x + cell / 2));
    });
    const double radius = options.precipitate_radius, pitch = 7 * radius;
    detail::for_each_cell(options.ny, options.nx, pitch, pitch, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream + 1, j, i);
        const double dy = random.uniform(0, pitch), dx = random.uniform(0, pitch);
        detail::raise_to_precipitate(view.image(2), y + dy, x + dx, radius);
    });
    return detail::make_specimen<T>({"La", "Ni", "Li"}, {57, 28, 0}, amounts);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
