// A specimen: two metals that have diffused into one another.
#pragma once

#include <cmath>

#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of graded_interface().
struct graded_interface_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double width = 7;        ///< standard deviation of the profile, in pixels, 0.5 to 1000
    std::uint64_t seed = 1;  ///< of the interface's waves
};

/// Mo goes over into Ti along an error function across a wavy, slanting interface in the middle; N has 0.35 in the Mo
/// and 0.6 in the Ti with a profile of half that width. A foil whose thickness rises by a quarter from top to bottom.
/// HAADF proportional to sum Z_i^1.7 x_i. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> graded_interface(const graded_interface_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.width, 0.5, 1000, "width");
    const auto waves = detail::smooth_profile(options.ny, 18, options.seed, stream_of("graded_interface"), 0);
    const double ny = static_cast<double>(options.ny), nx = static_cast<double>(options.nx);
    const double length = std::sqrt(2.0) * options.width;
    xt::xtensor<double, 3> amounts({std::size_t{3}, options.ny, options.nx});
    for (std::size_t y = 0; y < options.ny; ++y) {
        const double row = static_cast<double>(y), thickness = 0.75 + 0.25 * row / ny;
        const double middle = 0.5 * nx + 0.12 * (row - 0.5 * ny) + 2 * waves[y];
        for (std::size_t x = 0; x < options.nx; ++x) {
            const double titanium = detail::diffuse_step(static_cast<double>(x), middle, length);
            amounts(0, y, x) = thickness * (1 - titanium);
            amounts(1, y, x) = thickness * titanium;
            amounts(2, y, x) =
                thickness * (0.35 + 0.25 * detail::diffuse_step(static_cast<double>(x), middle, 0.5 * length));
        }
    }
    const auto powers = detail::scattering_powers({42, 22, 7});
    return detail::make_specimen<T>({"Mo", "Ti", "N"}, amounts, [&](std::size_t, const std::vector<double>& v) {
        return powers[0] * v[0] + powers[1] * v[1] + powers[2] * v[2];
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
