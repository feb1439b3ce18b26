// A specimen: a DyScO3 film on a substrate poor in Dy, seen along a zone axis.
#pragma once

#include <algorithm>
#include <cmath>

#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse {

struct perovskite_options {
    std::size_t ny = 256, nx = 256;  // pixels, 1 to 65536
    double cell = 16;                // pixels a pseudocubic unit cell, 4 to 1024
    std::uint64_t seed = 1;          // of the small static displacements of the columns
};

namespace detail {

// Adds a Gaussian of the given standard deviation and peak, cut where it is below half of 2^-16, to an image.
inline void add_column(const image_view<double>& image, double y0, double x0, double sigma, double peak) {
    const double reach = 5 * sigma;
    const auto first = [=](double centre) { return static_cast<std::size_t>(std::max(0.0, centre - reach)); };
    const auto last = [=](double centre, std::size_t n) {
        return std::min(n, static_cast<std::size_t>(std::max(0.0, centre + reach + 1)));
    };
    for (std::size_t y = first(y0); y < last(y0, image.shape[0]); ++y) {
        for (std::size_t x = first(x0); x < last(x0, image.shape[1]); ++x) {
            const double dy = static_cast<double>(y) + 0.5 - y0, dx = static_cast<double>(x) + 0.5 - x0;
            image.row(y)[x] += peak * std::exp(-(dy * dy + dx * dx) / (2 * sigma * sigma));
        }
    }
}

}  // namespace detail

// Projected cells of a perovskite: Dy at the corners, Sc at the centre, O on the sides and over the centre, each column
// a Gaussian whose integral counts its atoms, hence Dy : Sc : O is 1 : 1 : 3 in the right half. In the left half the Dy
// sites are filled to 0.3. The interface at n_x / 2 is 0.7 cells wide from 10% to 90%; rows of Dy columns are displaced
// in turn to the left and to the right in the film, as in an orthorhombic perovskite. The field of view grows with the
// image, in units of `cell`. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> perovskite_columns(const perovskite_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.cell, 4, 1024, "cell");
    const double cell = options.cell, ny = static_cast<double>(options.ny), nx = static_cast<double>(options.nx);
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    const auto scandium = view.image(0), dysprosium = view.image(1), oxygen = view.image(2);
    const auto film = [=](double x) { return 0.5 * (1 + std::erf((x - nx / 2) / (0.4 * cell))); };
    for (std::size_t j = 0; static_cast<double>(j) < ny / cell + 2; ++j) {
        for (std::size_t i = 0; static_cast<double>(i) < nx / cell + 2; ++i) {
            random_stream random(options.seed, stream_of("perovskite_columns"), j, i);
            const auto add = [&](const image_view<double>& image, double y, double x, double width, double occupancy) {
                const double dy = 0.018 * cell * random.normal(), dx = 0.018 * cell * random.normal();
                const double sigma = width * cell;
                detail::add_column(image, y + dy, x + dx, sigma, occupancy * std::pow(0.125 / width, 2));
            };
            const double y = (static_cast<double>(j) - 0.8) * cell, x = (static_cast<double>(i) - 0.7) * cell;
            const double zigzag = (j % 2 == 0 ? 0.045 : -0.045) * cell * film(x);
            add(dysprosium, y, x + zigzag, 0.14, 0.3 + 0.7 * film(x));
            add(scandium, y + cell / 2, x + cell / 2, 0.125, 1);
            add(oxygen, y + cell / 2, x + cell / 2, 0.15, 1);
            add(oxygen, y, x + cell / 2, 0.15, 1);
            add(oxygen, y + cell / 2, x, 0.15, 1);
        }
    }
    return detail::make_specimen<T>({"Sc", "Dy", "O"}, {21, 66, 8}, amounts);
}

}  // namespace stemfuse
