// A specimen: a grain boundary in a nickel superalloy, with hafnium segregated to it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of segregated_alloy().
struct segregated_alloy_options {
    std::size_t ny = 256,           ///< rows of pixels, 1 to 65536
        nx = 256;                   ///< columns of pixels, 1 to 65536
    double boundary_width = 3;      ///< full width at half maximum of the segregation, pixels, 0.5 to 100
    double precipitate_pitch = 30;  ///< pixels from one precipitate to the next, 8 to 1000
    double channelling = 0.08;      ///< by how much more the right grain shines in the HAADF, -0.5 to 0.5
    std::uint64_t seed = 1;         ///< of the boundary and the precipitates
};

namespace detail {

// Share of precipitate, 0 to 1, at (y, x): cuboids on a jittered square lattice turned by `angle`, with edges of about
// one pixel.
inline double precipitate_share(const segregated_alloy_options& options, double y, double x, double angle,
                                std::uint32_t stream) {
    const double pitch = options.precipitate_pitch;
    const double u = (std::cos(angle) * x + std::sin(angle) * y) / pitch;
    const double v = (std::cos(angle) * y - std::sin(angle) * x) / pitch;
    const auto cell = [](double position) { return static_cast<std::size_t>(std::floor(position) + 65536); };
    random_stream random(options.seed, stream, cell(v), cell(u));
    const double du = u - std::floor(u) - random.uniform(0.45, 0.55);
    const double dv = v - std::floor(v) - random.uniform(0.45, 0.55);
    const double half = random.uniform(0.24, 0.38), distance = std::pow(std::pow(du, 4) + std::pow(dv, 4), 0.25);
    return 0.5 * (1 - std::tanh((distance - half) * pitch));
}

}  // namespace detail

/// Two grains that meet in a wavy boundary near the middle column, each of a matrix (Ni Cr Co) with cuboids of Ni3Al
/// kind, the elements Ni, Cr, Co, Al, Hf: atoms along the beam, of all elements 1 where it is thickest. The thickness
/// rises from 0.45 to 1 along the diagonal. Hf is about 1% of all atoms: some in the cuboids, the rest in the boundary,
/// where it reaches a tenth in a line of a few pixels (0.75 nm at 0.25 nm a pixel) together with Cr and short of Al. It
/// is hard because
/// - Ni, Cr and Co are neighbours in the periodic table, and HAADF (sum_i Z_i^1.7 x_i) shows mostly thickness;
/// - one grain channels: it is brighter at equal composition, an edge in the image that is in no map;
/// - the trace has a few hundredths of a count in a pixel, fewer than the usual background;
/// - its line is as narrow as smoothing is wide.
///
/// Cuboids and boundary keep their size in pixels. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> segregated_alloy(const segregated_alloy_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.boundary_width, 0.5, 100, "boundary_width");
    require_in_range(options.precipitate_pitch, 8, 1000, "precipitate_pitch");
    require_in_range(options.channelling, -0.5, 0.5, "channelling");
    constexpr std::array<double, 5> matrix{0.55, 0.22, 0.20, 0.028, 0.002}, cuboid{0.70, 0.03, 0.07, 0.19, 0.01};
    constexpr std::array<double, 5> segregation{-0.16, 0.08, 0, -0.02, 0.10};
    const double ny = static_cast<double>(options.ny), nx = static_cast<double>(options.nx);
    const std::uint32_t stream = stream_of("segregated_alloy");
    const auto waves = detail::smooth_profile(options.ny, 25, options.seed, stream, 0);
    const double sigma = options.boundary_width / 2.3548;
    xt::xtensor<double, 3> amounts({std::size_t{5}, options.ny, options.nx});
    std::vector<double> channelling(options.ny * options.nx, 1);
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const double row = static_cast<double>(y), column = static_cast<double>(x);
            const double beyond = column - nx / 2 - 3 * waves[y];
            const double share = detail::precipitate_share(options, row, column, beyond < 0 ? 0.2 : 0.75, stream + 1);
            const double line = std::exp(-beyond * beyond / (2 * sigma * sigma));
            const double thickness = 0.45 + 0.55 * (row / ny + column / nx) / 2;
            for (std::size_t i = 0; i < 5; ++i) {
                const double bulk = matrix[i] + share * (cuboid[i] - matrix[i]);
                amounts(i, y, x) = thickness * std::max(0.0, bulk + line * segregation[i]);
            }
            if (beyond >= 0) channelling[y * options.nx + x] = 1 + options.channelling;
        }
    }
    const auto powers = detail::scattering_powers({28, 24, 27, 13, 72});
    const auto brightness = [&](std::size_t p, const std::vector<double>& x) {
        return channelling[p] * std::inner_product(x.begin(), x.end(), powers.begin(), 0.0);
    };
    return detail::make_specimen<T>({"Ni", "Cr", "Co", "Al", "Hf"}, amounts, brightness);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
