// A specimen: a rough oxide multilayer between vacuum, in a wedge.
#pragma once

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of multilayer().
struct multilayer_options {
    std::size_t ny = 256,     ///< rows of pixels, 1 to 65536
        nx = 256;             ///< columns of pixels, 1 to 65536
    double roughness = 0.85;  ///< standard deviation of every interface, pixels, 0 to 1000
    double correlation = 4;   ///< length over which an interface keeps its height, pixels, 0.1 to 1000
    std::uint64_t seed = 1;   ///< of the interfaces
};

/// Six layers of SrTiO3 and LaMnO3 kind, the elements Sr, Ti, La: sharp but rough interfaces, one layer of a fortieth
/// of the image, vacuum above and below, thickness from 0.55 at the left to 1 at the right. Layers grow with the image,
/// their roughness does not. HAADF proportional to sum_i Z_i^1.7 x_i. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> multilayer(const multilayer_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.roughness, 0, 1000, "roughness");
    require_in_range(options.correlation, 0.1, 1000, "correlation");
    constexpr std::array<double, 7> interfaces{0.14, 0.30, 0.36, 0.52, 0.545, 0.72, 0.88};  // in n_y
    constexpr double layers[][3] = {{0, 0, 0},       {1, 0.9, 0},    {0, 0.1, 1},    {1, 0.9, 0},
                                    {0.3, 0.4, 0.7}, {1, 0.6, 0.15}, {0, 0.05, 0.9}, {0, 0, 0}};
    const double ny = static_cast<double>(options.ny), nx = static_cast<double>(options.nx);
    std::array<std::vector<double>, interfaces.size()> heights;
    for (std::size_t k = 0; k < heights.size(); ++k) {
        heights[k] = detail::smooth_profile(options.nx, options.correlation, options.seed, stream_of("multilayer"), k);
        for (double& height : heights[k]) height = ny * interfaces[k] + options.roughness * height;
    }
    xt::xtensor<double, 3> amounts({std::size_t{3}, options.ny, options.nx});
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const auto layer = std::count_if(heights.begin(), heights.end(),
                                             [&](const auto& h) { return static_cast<double>(y) >= h[x]; });
            const double thickness = 0.55 + 0.45 * static_cast<double>(x) / nx;
            for (std::size_t i = 0; i < 3; ++i) amounts(i, y, x) = thickness * layers[layer][i];
        }
    }
    const auto powers = detail::scattering_powers({38, 22, 57});
    return detail::make_specimen<T>({"Sr", "Ti", "La"}, amounts, [&](std::size_t, const std::vector<double>& x) {
        return std::inner_product(x.begin(), x.end(), powers.begin(), 0.0);
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
