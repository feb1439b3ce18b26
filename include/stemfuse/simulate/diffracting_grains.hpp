// A specimen: a polycrystal of one alloy whose grains differ in the HAADF image by diffraction alone, with
// precipitates.
#pragma once

#include <cmath>
#include <vector>

#include <stemfuse/simulate/grains.hpp>
#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of diffracting_grains().
struct diffracting_grains_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double grain = 26;       ///< mean size of a grain, in pixels, 4 to 1e4
    double contrast = 0.2;   ///< by which the brightness of a grain is up or down, 0 to 0.9
    std::uint64_t seed = 1;  ///< of the grains and of the composition
};

/// Al with Cu and Mg: composition varies smoothly over 20 pixels, by a tenth; Cu is twice as much in one grain of
/// eight. HAADF proportional to sum Z_i^1.7 x_i, times a factor of each grain that no map explains. Throws value_error
/// for an option out of range.
template <scalar T = double>
specimen<T> diffracting_grains(const diffracting_grains_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.grain, 4, 1e4, "grain");
    require_in_range(options.contrast, 0, 0.9, "contrast");
    const std::uint32_t stream = stream_of("diffracting_grains");
    const detail::grains grains(options.ny, options.nx, options.grain, options.seed, stream);
    const auto wave = detail::smooth_field(options.ny, options.nx, 20, options.seed, stream + 1);
    std::vector<double> factor(grains.size()), copper(grains.size());
    for (std::size_t k = 0; k < grains.size(); ++k) {
        random_stream random(options.seed, stream + 2, 0, k);
        factor[k] = 1 + options.contrast * random.uniform(-1, 1);
        copper[k] = random.uniform() < 0.125 ? 0.5 : 0.25;
    }
    xt::xtensor<double, 3> amounts({std::size_t{3}, options.ny, options.nx});
    std::vector<double> channelling(options.ny * options.nx);
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const auto place = grains.at(static_cast<double>(y) + 0.5, static_cast<double>(x) + 0.5);
            const double drift = 0.1 * std::tanh(wave(y, x));
            amounts(0, y, x) = 0.8 * (1 - drift);
            amounts(1, y, x) = copper[place.grain] * (1 + drift);
            amounts(2, y, x) = 0.3 * (1 + drift);
            channelling[y * options.nx + x] = factor[place.grain];
        }
    }
    const auto powers = detail::scattering_powers({13, 29, 12});
    return detail::make_specimen<T>({"Al", "Cu", "Mg"}, amounts, [&](std::size_t p, const std::vector<double>& v) {
        return channelling[p] * (powers[0] * v[0] + powers[1] * v[1] + powers[2] * v[2]);
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
