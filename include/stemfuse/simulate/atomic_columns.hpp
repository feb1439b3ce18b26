// Atomic columns on a rectangular lattice, seen along their axis.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/random.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// A column's image: a Gaussian of that peak and standard deviation. Lengths in pixels; the centre of the first pixel is
// at (0.5, 0.5).
struct atomic_column {
    double y, x, sigma, peak;
};

// The column with a random static displacement of standard deviation `length` in y and in x.
inline atomic_column displaced(atomic_column c, double length, random_stream& random) {
    c.y += length * random.normal();
    c.x += length * random.normal();
    return c;
}

// Adds a column to an image, cut at 5 standard deviations, where it is below half of 2^-16.
inline void add_column(const image_view<double>& image, const atomic_column& c) {
    const double reach = 5 * c.sigma;
    const auto first = [=](double centre) { return static_cast<std::size_t>(std::max(0.0, centre - reach)); };
    const auto last = [=](double centre, std::size_t n) {
        return std::min(n, static_cast<std::size_t>(std::max(0.0, centre + reach + 1)));
    };
    for (std::size_t y = first(c.y); y < last(c.y, image.shape[0]); ++y) {
        for (std::size_t x = first(c.x); x < last(c.x, image.shape[1]); ++x) {
            const double dy = static_cast<double>(y) + 0.5 - c.y, dx = static_cast<double>(x) + 0.5 - c.x;
            image.row(y)[x] += c.peak * std::exp(-(dy * dy + dx * dx) / (2 * c.sigma * c.sigma));
        }
    }
}

// Calls f(j, i, y, x) for every cell (j, i) of a rectangular lattice that reaches into an image of ny by nx pixels;
// (y, x) is the cell's corner, outside of the image for the first row and column of cells.
template <class F>
void for_each_cell(std::size_t ny, std::size_t nx, double pitch_y, double pitch_x, F&& f) {
    for (std::size_t j = 0; static_cast<double>(j) < static_cast<double>(ny) / pitch_y + 2; ++j) {
        for (std::size_t i = 0; static_cast<double>(i) < static_cast<double>(nx) / pitch_x + 2; ++i)
            f(j, i, (static_cast<double>(j) - 0.8) * pitch_y, (static_cast<double>(i) - 0.7) * pitch_x);
    }
}

// From 0 to 1 over an interface at `middle`, 1.81 * `length` wide from 10% to 90%.
inline double diffuse_step(double x, double middle, double length) {
    return 0.5 * (1 + std::erf((x - middle) / length));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
