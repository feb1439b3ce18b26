// A specimen: spinodal order of two elements that are equally bright in the HAADF image.
#pragma once

#include <cmath>

#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of spinodal_alloy().
struct spinodal_alloy_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double length = 4.5;     ///< correlation length of the order, in pixels, 1 to 1000
    std::uint64_t seed = 1;  ///< of the order and of the thickness
};

/// Fe and Cr exchange between 0.15 and 0.85 with one brightness, Al follows the Fe from 0.1 to 0.3 unseen; the
/// thickness varies by 15% over 30 pixels, which is all that the HAADF image shows. Throws value_error for an option
/// out of range.
template <scalar T = double>
specimen<T> spinodal_alloy(const spinodal_alloy_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.length, 1, 1000, "length");
    const std::uint32_t stream = stream_of("spinodal_alloy");
    const auto order = detail::smooth_field(options.ny, options.nx, options.length, options.seed, stream);
    const auto thick = detail::smooth_field(options.ny, options.nx, 30, options.seed, stream + 1);
    xt::xtensor<double, 3> amounts({std::size_t{3}, options.ny, options.nx});
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const double iron = 0.5 + 0.35 * std::tanh(2 * order(y, x));
            const double thickness = 0.75 + 0.1 * std::tanh(thick(y, x));
            amounts(0, y, x) = thickness * iron;
            amounts(1, y, x) = thickness * (1 - iron);
            amounts(2, y, x) = thickness * (0.06 + 0.28 * iron);
        }
    }
    return detail::make_specimen<T>({"Fe", "Cr", "Al"}, amounts,
                                    [](std::size_t, const std::vector<double>& v) { return v[0] + v[1]; });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
