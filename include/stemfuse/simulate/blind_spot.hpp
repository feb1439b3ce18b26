// A place where a specimen differs from its surroundings, and how far a map shows it.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A disc, in pixels; the centre of the first pixel is at (0.5, 0.5).
struct blind_spot {
    double y,    ///< of its centre, in rows
        x,       ///< of its centre, in columns
        radius;  ///< above 0

    /// From the spot's centre to the centre of a pixel.
    double distance(std::size_t row, std::size_t column) const {
        return std::hypot(static_cast<double>(row) + 0.5 - y, static_cast<double>(column) + 0.5 - x);
    }
};

/// What `map` holds in the spot relative to its surroundings (from 1.5 to 2.5 radii around the centre), divided by the
/// same ratio of `even`, the map of the specimen without the spot, so that the structure of the specimen cancels. The
/// maps have shape (n_y, n_x) and any units. 1: no spot; infinite or NaN if the map's surroundings hold nothing. Throws
/// shape_error where the shapes differ, value_error for maps that are not finite and where `even` holds nothing in the
/// spot or around it.
template <image U, image X>
double spot_level(const U& map, const X& even, const blind_spot& spot) {
    const readable<double, 2> maps(map, "map"), evens(even, "even");
    const auto u = maps.view(), x = evens.view();
    require_shape(u.shape, x.shape, "map", "the even map");
    require_finite(u, "map");
    require_finite(x, "even");
    std::array<double, 2> inside{}, around{};
    for (std::size_t row = 0; row < x.shape[0]; ++row) {
        for (std::size_t column = 0; column < x.shape[1]; ++column) {
            const double distance = spot.distance(row, column) / spot.radius;
            if (distance >= 1 && (distance < 1.5 || distance >= 2.5)) continue;
            auto& sums = distance < 1 ? inside : around;
            sums[0] += u.row(row)[column];
            sums[1] += x.row(row)[column];
        }
    }
    if (!(inside[1] > 0 && around[1] > 0)) {
        throw value_error("even", "holds nothing in or around the spot at row " + to_string(spot.y) + ", column " +
                                      to_string(spot.x) + ", must hold the element there");
    }
    return inside[0] / around[0] / (inside[1] / around[1]);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
