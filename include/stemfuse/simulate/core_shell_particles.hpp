// A specimen: overlapping core-shell nanocrystals, Co3O4 inside Mn3O4.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of core_shell_particles().
struct core_shell_options {
    std::size_t ny = 256,       ///< rows of pixels, 1 to 65536
        nx = 256;               ///< columns of pixels, 1 to 65536
    std::size_t particles = 9;  ///< 1 to 10000
    std::uint64_t seed = 1;     ///< of their places and sizes
};

namespace detail {

struct sphere {
    double y, x, radius;
};

// Spheres in an image of ny by nx pixels that overlap by at most 0.15 of their reach, or anywhere after 200 tries.
inline std::vector<sphere> scatter_spheres(const core_shell_options& options) {
    const double ny = static_cast<double>(options.ny), nx = static_cast<double>(options.nx);
    const double size = std::sqrt(ny * nx / static_cast<double>(options.particles));
    std::vector<sphere> spheres;
    for (std::size_t i = 0; i < options.particles; ++i) {
        random_stream random(options.seed, stream_of("core_shell_particles"), i);
        sphere s{0, 0, size * random.uniform(0.3, 0.52)};
        const auto crowded = [&](const sphere& o) {
            return std::hypot(s.y - o.y, s.x - o.x) < 0.85 * (s.radius + o.radius);
        };
        for (int tries = 0; tries < 200; ++tries) {
            s.y = ny * random.uniform(0.12, 0.88);
            s.x = nx * random.uniform(0.12, 0.88);
            if (std::none_of(spheres.begin(), spheres.end(), crowded)) break;
        }
        spheres.push_back(s);
    }
    return spheres;
}

// Adds scale * (thickness of a sphere along the beam) to an image.
inline void add_sphere(const image_view<double>& image, const sphere& s, double scale) {
    const auto first = [](double centre, double r) { return static_cast<std::size_t>(std::max(0.0, centre - r)); };
    const auto last = [](double centre, double r, std::size_t n) {
        return std::min(n, static_cast<std::size_t>(centre + r + 1));
    };
    for (std::size_t y = first(s.y, s.radius); y < last(s.y, s.radius, image.shape[0]); ++y) {
        for (std::size_t x = first(s.x, s.radius); x < last(s.x, s.radius, image.shape[1]); ++x) {
            const double dy = static_cast<double>(y) + 0.5 - s.y, dx = static_cast<double>(x) + 0.5 - s.x;
            const double half_squared = s.radius * s.radius - dy * dy - dx * dx;
            if (half_squared > 0) image.row(y)[x] += scale * 2 * std::sqrt(half_squared);
        }
    }
}

}  // namespace detail

/// Spheres of Mn3O4 with cores of Co3O4, 0.7 of their radius: the elements Co, Mn, O in thickness times atoms per
/// volume (metal 3, oxygen 4), scaled so that the thickest place has 1 of oxygen. The picture grows with the image.
/// Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> core_shell_particles(const core_shell_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(static_cast<double>(options.particles), 1, 10000, "particles");
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    const auto view = as_view(amounts, "amounts");
    const auto cobalt = view.image(0), manganese = view.image(1), oxygen = view.image(2);
    for (const auto& particle : detail::scatter_spheres(options)) {
        const detail::sphere core{particle.y, particle.x, 0.7 * particle.radius};
        detail::add_sphere(cobalt, core, 0.75);
        detail::add_sphere(manganese, particle, 0.75);
        detail::add_sphere(manganese, core, -0.75);
        detail::add_sphere(oxygen, particle, 1);
    }
    const double thickest = *std::max_element(oxygen.data, oxygen.data + oxygen.size());
    for (auto& v : amounts) v = thickest > 0 ? v / thickest : 0;
    return detail::make_specimen<T>({"Co", "Mn", "O"}, {27, 25, 8}, amounts);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
