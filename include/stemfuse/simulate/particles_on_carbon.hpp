// A specimen: nanoparticles on a carbon film that nobody maps.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/simulate/smooth_noise.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A particle of Pt and Co; all its numbers are in [0, 1].
struct alloy_particle {
    double y,      ///< of its centre from the middle of the first pixel, in units of n_y
        x,         ///< the same in units of n_x
        radius,    ///< in units of sqrt(n_y n_x)
        platinum;  ///< share of Pt in the core
};

/// The options of particles_on_carbon().
struct particles_on_carbon_options {
    std::size_t ny = 256,                  ///< rows of pixels, 1 to 65536
        nx = 256;                          ///< columns of pixels, 1 to 65536
    std::vector<alloy_particle> placed{};  ///< the particles; scattered if empty
    std::size_t particles = 9;             ///< how many to scatter, 1 to 10000
    double film_texture = 0.16;            ///< standard deviation of the film's thickness, mean 1, 0 to 1
    std::uint64_t seed = 1;                ///< of the scattering and of the film
};

namespace detail {

// Nine of them in an image cover about a quarter of it.
inline std::vector<alloy_particle> scatter_alloy_particles(std::size_t particles, std::uint64_t seed) {
    std::vector<alloy_particle> placed;
    for (std::size_t i = 0; i < particles; ++i) {
        random_stream random(seed, stream_of("particles_on_carbon"), i);
        const double x = random.uniform(0.12, 0.88), y = random.uniform(0.12, 0.88);
        const double radius = random.uniform(0.05, 0.13) * 3 / std::sqrt(static_cast<double>(particles));
        placed.push_back({y, x, radius, random.uniform(0.2, 0.8)});
    }
    return placed;
}

// Thickness at the distance (dy, dx) from the centre of a sphere.
inline double sphere_thickness(double dy, double dx, double radius) {
    return 2 * std::sqrt(std::max(0.0, radius * radius - dy * dy - dx * dx));
}

// Raises Pt, Co and O to what one particle gives: of overlapping particles the thicker one counts. A core of 0.6 of the
// radius off its centre is rich in Pt, the rest in Co, with a thin skin of oxygen.
inline void raise_to_particle(const stack_view<double>& amounts, const alloy_particle& p) {
    const double ny = static_cast<double>(amounts.shape[1]), nx = static_cast<double>(amounts.shape[2]);
    const double radius = p.radius * std::sqrt(ny * nx), y0 = p.y * ny, x0 = p.x * nx;
    const auto first = [=](double centre) { return static_cast<std::size_t>(std::max(0.0, centre - 1.2 * radius)); };
    const auto last = [=](double centre, double n) {
        return static_cast<std::size_t>(std::clamp(centre + 1.2 * radius + 1, 0.0, n));
    };
    for (std::size_t y = first(y0); y < last(y0, ny); ++y) {
        const double dy = static_cast<double>(y) - y0;
        for (std::size_t x = first(x0); x < last(x0, nx); ++x) {
            const double dx = static_cast<double>(x) - x0;
            const double all = sphere_thickness(dy, dx, radius);
            const double core = sphere_thickness(dy, dx - 0.15 * radius, 0.6 * radius);
            const double skin = sphere_thickness(dy, dx, 1.12 * radius) - sphere_thickness(dy, dx, 0.95 * radius);
            const double raised[] = {p.platinum * core + 0.15 * (all - core),
                                     0.8 * (all - core) + (1 - p.platinum) * core, 0.9 * skin};
            for (std::size_t i = 0; i < 3; ++i) {
                double& amount = amounts.row(i, y)[x];
                amount = std::max(amount, raised[i]);
            }
        }
    }
}

// Thickness of the carbon film, 1 on average, with a round hole at the right.
inline xt::xtensor<double, 2> carbon_film(const particles_on_carbon_options& options) {
    const double ny = static_cast<double>(options.ny), nx = static_cast<double>(options.nx);
    constexpr double texture_length = 6;  // pixels
    auto film = smooth_field(options.ny, options.nx, texture_length, options.seed, stream_of("carbon_film"));
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const double dy = static_cast<double>(y) - 0.3 * ny, dx = static_cast<double>(x) - 0.95 * nx;
            const bool hole = dx * dx + dy * dy < 0.38 * 0.38 * ny * nx;
            film(y, x) = hole ? 0 : std::max(0.0, 1 + options.film_texture * film(y, x));
        }
    }
    return film;
}

}  // namespace detail

/// Particles of Pt and Co with a skin of oxide, scaled so that the highest amount is 1, on a textured carbon film with
/// a hole. HAADF proportional to sum_i Z_i^1.7 x_i + 1.5 Z_C^1.7 film; the film is in no map: no response of the
/// elements alone explains the image. Particles grow with the image, the texture does not. The background follows the
/// thickness: background_profile = 0.1 + haadf. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> particles_on_carbon(const particles_on_carbon_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(static_cast<double>(options.particles), 1, 10000, "particles");
    require_in_range(options.film_texture, 0, 1, "film_texture");
    for (const auto& p : options.placed) {
        for (const double v : {p.y, p.x, p.radius, p.platinum}) require_in_range(v, 0, 1, "placed");
    }
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx});
    for (const auto& particle :
         options.placed.empty() ? detail::scatter_alloy_particles(options.particles, options.seed) : options.placed) {
        detail::raise_to_particle(as_view(amounts, "amounts"), particle);
    }
    const double highest = *std::max_element(amounts.begin(), amounts.end());
    for (auto& v : amounts) v = highest > 0 ? v / highest : 0;
    const auto film = detail::carbon_film(options);
    const auto powers = detail::scattering_powers({78, 27, 8, 6});
    auto s = detail::make_specimen<T>({"Pt", "Co", "O"}, amounts, [&](std::size_t p, const std::vector<double>& x) {
        return std::inner_product(x.begin(), x.end(), powers.begin(), 1.5 * powers[3] * film.data()[p]);
    });
    s.background_profile = s.haadf + static_cast<T>(to_16_bits(0.1));
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
