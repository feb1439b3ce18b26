// Grains: a plane cut into the surroundings of random points.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <stemfuse/core/random.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// A place in a plane of grains.
struct grain_place {
    std::size_t grain;  // its number
    double boundary;    // distance to the nearest boundary, in pixels
};

// One grain for each square of side `size` that reaches into ny by nx pixels, its point somewhere inside the square.
class grains {
public:
    grains(std::size_t ny, std::size_t nx, double size, std::uint64_t seed, std::uint32_t stream) {
        const auto squares = [size](std::size_t n) {
            return static_cast<std::size_t>(std::ceil(static_cast<double>(n) / size)) + 2;
        };
        for (std::size_t j = 0; j < squares(ny); ++j) {
            for (std::size_t i = 0; i < squares(nx); ++i) {
                random_stream random(seed, stream, j, i);
                const double y = random.uniform(0.15, 0.85), x = random.uniform(0.15, 0.85);
                points_.push_back({(static_cast<double>(j) - 1 + y) * size, (static_cast<double>(i) - 1 + x) * size});
            }
        }
    }

    std::size_t size() const noexcept { return points_.size(); }

    grain_place at(double y, double x) const {
        grain_place place{0, INFINITY};
        double nearest = INFINITY;
        for (std::size_t k = 0; k < points_.size(); ++k) {
            if (const double d = square(points_[k], y, x); d < nearest) {
                nearest = d;
                place.grain = k;
            }
        }
        const point own = points_[place.grain];
        for (std::size_t k = 0; k < points_.size(); ++k) {
            if (k == place.grain) continue;
            const double apart = std::hypot(points_[k].y - own.y, points_[k].x - own.x);
            place.boundary = std::min(place.boundary, (square(points_[k], y, x) - nearest) / (2 * apart));
        }
        return place;
    }

private:
    struct point {
        double y, x;
    };
    static double square(const point& p, double y, double x) { return (p.y - y) * (p.y - y) + (p.x - x) * (p.x - x); }

    std::vector<point> points_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
