// A specimen: grain boundaries one pixel wide, with a heavy element that the HAADF image sees and a light one that it
// does not.
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include <stemfuse/simulate/grains.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of segregated_boundaries().
struct segregated_boundaries_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double grain = 44;       ///< mean size of a grain, in pixels, 4 to 1e4
    double width = 0.6;      ///< standard deviation of a boundary's profile, in pixels, 0.2 to 10
    std::uint64_t seed = 1;  ///< of the grains
};

/// Fe with Mo and B. In a boundary's middle Mo rises from 0.06 to 0.5 and B from 0.03 to 0.3, while Fe loses 0.35 of
/// 0.9. HAADF proportional to Z^1.7 of Fe and Mo; B adds nothing. Features: B on boundaries. Throws value_error for an
/// option out of range.
template <scalar T = double>
specimen<T> segregated_boundaries(const segregated_boundaries_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.grain, 4, 1e4, "grain");
    require_in_range(options.width, 0.2, 10, "width");
    const detail::grains grains(options.ny, options.nx, options.grain, options.seed,
                                stream_of("segregated_boundaries"));
    xt::xtensor<double, 3> amounts({std::size_t{3}, options.ny, options.nx}), usual(amounts.shape());
    std::vector<std::array<double, 2>> middles;
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const double row = static_cast<double>(y) + 0.5, column = static_cast<double>(x) + 0.5;
            const double d = grains.at(row, column).boundary / options.width, line = std::exp(-d * d / 2);
            amounts(0, y, x) = 0.9 - 0.35 * line;
            amounts(1, y, x) = 0.06 + 0.44 * line;
            amounts(2, y, x) = 0.03 + 0.27 * line;
            usual(0, y, x) = 0.9, usual(1, y, x) = 0.06, usual(2, y, x) = 0.03;
            if (line > 0.9 && y % 9 == 4) middles.push_back({row, column});
        }
    }
    const double iron = std::pow(26.0, 1.7), molybdenum = std::pow(42.0, 1.7);
    auto s = detail::make_specimen<T>({"Fe", "Mo", "B"}, amounts, [=](std::size_t, const std::vector<double>& v) {
        return iron * v[0] + molybdenum * v[1];
    });
    for (const auto& [y, x] : middles) detail::mark_feature(s, usual, {"boundary", 2, y, x, 0.5});
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
