// Tilt series of specimens with known volumes, projected analytically: by no projector of the library.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/random.hpp>
#include <stemfuse/elements/elements.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// An ellipsoid whose axes are z, y and x, in units of the volume's half width, which adds `density` of the elements
/// (or takes it away) where it is. Its projections are known in closed form.
struct ellipsoid {
    std::array<double, 3> centre,  ///< z, y, x from the middle of the volume
        radii;                     ///< half axes along z, y, x
    std::vector<double> density;   ///< one an element
};

/// A specimen made of ellipsoids.
struct tilt_specimen {
    std::string_view name,              ///< in small letters and hyphens
        summary;                        ///< what it is, in a line
    std::vector<std::string> elements;  ///< n_e symbols
    std::vector<ellipsoid> parts;       ///< whose densities add up
};

/// Gold cores in shells of iron oxide, and a particle of iron oxide beside them, on a thin film.
inline tilt_specimen core_shell_tilts() {
    return {"core-shell",
            "gold cores in shells of iron oxide, on a thin film of oxide",
            {"Au", "Fe", "O"},
            {{{0.06, -0.25, -0.38}, {0.40, 0.36, 0.40}, {0, 1, 1.2}},
             {{0.06, -0.25, -0.38}, {0.22, 0.19, 0.22}, {1, -1, -1.2}},
             {{0.12, 0.38, 0.25}, {0.30, 0.30, 0.36}, {0, 1, 1.2}},
             {{0.12, 0.38, 0.25}, {0.17, 0.17, 0.18}, {1, -1, -1.2}},
             {{-0.30, -0.45, 0.44}, {0.16, 0.16, 0.16}, {0, 0.6, 0.9}},
             {{0.55, 0, 0}, {0.05, 0.80, 0.90}, {0, 0, 0.5}}}};
}

/// A nanowire of nickel along the tilt axis in a shell of platinum, with a gap in the shell.
inline tilt_specimen nanowire_tilts() {
    return {"nanowire",
            "a wire of nickel along the tilt axis in a thin shell of platinum that has a gap",
            {"Pt", "Ni"},
            {{{0, 0, 0}, {0.42, 0.36, 0.88}, {0.8, 0}},
             {{0, 0, 0}, {0.34, 0.28, 0.80}, {-0.8, 1}},
             {{-0.36, 0.05, 0.30}, {0.12, 0.14, 0.16}, {-0.4, 0}}}};
}

/// A porous particle of titania that carries platinum.
inline tilt_specimen porous_tilts() {
    tilt_specimen s{"porous", "a porous particle of titania that carries particles of platinum", {"Ti", "Pt"}, {}};
    s.parts.push_back({{0, 0, 0}, {0.70, 0.68, 0.78}, {0.8, 0}});
    std::vector<std::array<double, 4>> pores;
    random_stream random(5, stream_of("pores"));
    for (int tries = 0; pores.size() < 26 && tries < 4000; ++tries) {
        const double z = random.uniform(-0.6, 0.6), y = random.uniform(-0.6, 0.6), x = random.uniform(-0.65, 0.65);
        const double r = random.uniform(0.06, 0.13);
        bool fits = std::sqrt(z * z / 0.49 + y * y / 0.46 + x * x / 0.6) < 0.97 - r / 0.68;
        for (const auto& p : pores) fits = fits && std::hypot(z - p[0], y - p[1], x - p[2]) > r + p[3] + 0.02;
        if (fits) pores.push_back({z, y, x, r});
    }
    for (const auto& p : pores) s.parts.push_back({{p[0], p[1], p[2]}, {p[3], p[3], p[3]}, {-0.8, 0}});
    for (std::size_t k = 0; k < pores.size(); k += 3) {
        const auto& p = pores[k];
        const double r = 0.5 * p[3];
        s.parts.push_back({{p[0], p[1], p[2]}, {r, r, r}, {0, 1}});
    }
    return s;
}

/// Silver in silica, and carbon, which HAADF hardly sees.
inline tilt_specimen unseen_tilts() {
    return {"unseen",
            "silver in silica, and carbon that HAADF hardly sees beside it",
            {"Ag", "Si", "C"},
            {{{0, 0, 0}, {0.55, 0.55, 0.70}, {0, 1, 0}},
             {{0.05, -0.20, -0.20}, {0.22, 0.20, 0.26}, {1, -1, 0}},
             {{-0.10, 0.25, 0.30}, {0.14, 0.14, 0.20}, {0, -0.6, 1.5}},
             {{0.72, 0.10, 0}, {0.10, 0.60, 0.80}, {0, 0, 1}}}};
}

/// All of these specimens.
inline std::vector<tilt_specimen> tilt_specimens() {
    return {core_shell_tilts(), nanowire_tilts(), porous_tilts(), unseen_tilts()};
}

/// How a tilt series is taken. The HAADF signal is the sum over elements of density times Z^haadf_power, relative to
/// its mean over the elements, in voxels along the ray, with normal noise; counts are Poisson.
struct tilt_acquisition {
    std::size_t size = 64;               ///< voxels along every axis, and bins of the detector
    double counts = 5;                   ///< mean count of each element at tilt 0, where it has above 0.2 of its most
    double haadf_noise = 0.02;           ///< of the brightest pixel
    double haadf_power = 1.7;            ///< exponent of the atomic number Z
    double haadf_offset = 0;             ///< of the brightest pixel
    std::uint64_t seed = 1;              ///< of all noise
    std::vector<double> haadf_angles{},  ///< degrees; 47 from -69 to 69 if empty
        count_angles{};                  ///< degrees; 11 from -65 to 65 if empty
};

/// A simulated tilt series; angles in degrees.
template <scalar T>
struct simulated_tilts {
    std::vector<std::string> elements;  ///< n_e symbols
    xt::xtensor<T, 3> truth;            ///< (n_e, n_z n_y, n_x), counts per voxel
    xt::xtensor<T, 3> haadf;            ///< (1, tilts bins, n_x)
    xt::xtensor<T, 3> counts;           ///< (n_e, tilts bins, n_x)
    std::vector<double> haadf_angles,   ///< one a tilt
        count_angles,                   ///< one a tilt
        weights;  ///< n_e: HAADF signal of one count; without noise and offset the image is their sum over projections
};

namespace detail {

// The integral of sqrt(w^2 - t^2) from 0 to t, |t| <= w.
inline double half_disc(double t, double w) {
    return 0.5 * (t * std::sqrt(std::max(0.0, w * w - t * t)) + w * w * std::asin(std::clamp(t / w, -1.0, 1.0)));
}

// The mean length in voxels that rays have in an ellipsoid, for pixel (t, x) of a detector of n x n: exact across the
// tilt axis, by 8 samples along it.
inline double mean_chord(const ellipsoid& part, double cosine, double sine, std::size_t n, std::size_t t,
                         std::size_t x) {
    const double half = static_cast<double>(n) / 2;
    const double centre = (part.centre[1] * cosine + part.centre[0] * sine) * half;
    const double low = static_cast<double>(t) - half - centre, high = low + 1;
    double sum = 0;
    constexpr int samples = 8;
    for (int s = 0; s < samples; ++s) {
        const double at = static_cast<double>(x) - half + (s + 0.5) / samples;
        const double along = (at / half - part.centre[2]) / part.radii[2];
        if (std::abs(along) >= 1) continue;
        const double f = std::sqrt(1 - along * along) * half, rz = part.radii[0] * f, ry = part.radii[1] * f;
        const double w = std::hypot(ry * cosine, rz * sine);
        const double a = std::clamp(low, -w, w), b = std::clamp(high, -w, w);
        sum += 2 * rz * ry / (w * w) * (half_disc(b, w) - half_disc(a, w));
    }
    return sum / samples;
}

// The share of voxel (z, y, x) that lies in the ellipsoid, by 4^3 points.
inline double share_of_voxel(const ellipsoid& part, std::size_t n, std::size_t z, std::size_t y, std::size_t x) {
    const double half = static_cast<double>(n) / 2;
    const std::array<std::size_t, 3> at{z, y, x};
    constexpr int points = 4;
    std::array<std::array<double, points>, 3> squares{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        for (int s = 0; s < points; ++s) {
            const double place = (static_cast<double>(at[axis]) + (s + 0.5) / points) / half - 1;
            squares[axis][static_cast<std::size_t>(s)] = std::pow((place - part.centre[axis]) / part.radii[axis], 2);
        }
    }
    int inside = 0;
    for (const double a : squares[0]) {
        for (const double b : squares[1]) {
            for (const double c : squares[2]) inside += a + b + c < 1 ? 1 : 0;
        }
    }
    return inside / 64.0;
}

// Angles in degrees from -end to end.
inline std::vector<double> spread_angles(std::size_t n, double end) {
    std::vector<double> angles;
    for (std::size_t k = 0; k < n; ++k)
        angles.push_back(-end + 2 * end * static_cast<double>(k) / static_cast<double>(n - 1));
    return angles;
}

// Densities in voxels of n^3, projected: (n_e, tilts n, n).
inline xt::xtensor<double, 3> project_densities(const tilt_specimen& specimen, const std::vector<double>& angles,
                                                std::size_t n) {
    const std::size_t elements = specimen.elements.size();
    xt::xtensor<double, 3> p = xt::zeros<double>(stack_shape{elements, angles.size() * n, n});
    for (std::size_t k = 0; k < angles.size() * n * n; ++k) {
        const double angle = angles[k / n / n] * std::numbers::pi / 180;
        const double c = std::cos(angle), s = std::sin(angle);
        for (const ellipsoid& part : specimen.parts) {
            const double chord = mean_chord(part, c, s, n, k / n % n, k % n);
            for (std::size_t e = 0; e < elements; ++e)
                p.data()[e * angles.size() * n * n + k] += chord * part.density[e];
        }
    }
    return p;
}

// The sum of those of n pixels that show the specimen, above a fifth of the brightest, and how many these are.
inline std::pair<double, double> sum_of_specimen(const double* p, std::size_t n) {
    const double most = *std::max_element(p, p + n);
    double sum = 0, pixels = 0;
    for (std::size_t k = 0; k < n; ++k) {
        if (p[k] <= 0.2 * most) continue;
        sum += p[k];
        ++pixels;
    }
    return {sum, pixels};
}

}  // namespace detail

/// Takes the tilt series of a specimen. Throws value_error for a size outside of [8, 4096], and for counts or a noise
/// that are not above 0.
template <scalar T>
simulated_tilts<T> simulate_tilts(const tilt_specimen& specimen, tilt_acquisition a) {
    require_in_range(static_cast<double>(a.size), 8, 4096, "size");
    require_positive(a.counts, "counts");
    require_positive(a.haadf_noise, "haadf_noise");
    if (a.haadf_angles.empty()) a.haadf_angles = detail::spread_angles(47, 69);
    if (a.count_angles.empty()) a.count_angles = detail::spread_angles(11, 65);
    const std::size_t n = a.size, elements = specimen.elements.size();
    simulated_tilts<T> out{
        specimen.elements, xt::zeros<T>(stack_shape{elements, n * n, n}), {}, {}, a.haadf_angles, a.count_angles, {}};
    const auto chemistry = detail::project_densities(specimen, a.count_angles, n),
               flat = detail::project_densities(specimen, {0.0}, n),
               elastic = detail::project_densities(specimen, a.haadf_angles, n);
    std::vector<double> level(elements), shine(elements);
    double mean_shine = 0;
    for (std::size_t e = 0; e < elements; ++e) {
        const auto [sum, pixels] = detail::sum_of_specimen(flat.data() + e * n * n, n * n);
        level[e] = a.counts * pixels / sum;
        shine[e] = std::pow(atomic_number(specimen.elements[e]), a.haadf_power);
        mean_shine += shine[e] / static_cast<double>(elements);
    }
    for (std::size_t e = 0; e < elements; ++e) out.weights.push_back(shine[e] / mean_shine / level[e]);
    for (std::size_t k = 0; k < n * n * n; ++k) {
        for (const ellipsoid& part : specimen.parts) {
            const double share = detail::share_of_voxel(part, n, k / n / n, k / n % n, k % n);
            for (std::size_t e = 0; e < elements; ++e) {
                out.truth.data()[e * n * n * n + k] += static_cast<T>(share * part.density[e] * level[e]);
            }
        }
    }
    out.counts = xt::zeros<T>(chemistry.shape());
    for (std::size_t e = 0; e < elements; ++e) {
        for (std::size_t r = 0; r < a.count_angles.size() * n; ++r) {
            for (std::size_t x = 0; x < n; ++x) {
                random_stream random(a.seed, stream_of("tilt counts " + specimen.elements[e]), r, x);
                out.counts(e, r, x) = static_cast<T>(random.poisson(std::max(0.0, chemistry(e, r, x) * level[e])));
            }
        }
    }
    out.haadf = xt::zeros<T>(stack_shape{1, a.haadf_angles.size() * n, n});
    std::vector<double> clean(out.haadf.size());
    for (std::size_t k = 0; k < clean.size(); ++k) {
        for (std::size_t e = 0; e < elements; ++e)
            clean[k] += shine[e] / mean_shine * elastic.data()[e * clean.size() + k];
    }
    const double brightest = *std::max_element(clean.begin(), clean.end());
    for (std::size_t k = 0; k < clean.size(); ++k) {
        random_stream random(a.seed, stream_of("tilt haadf"), k / n, k % n);
        out.haadf.data()[k] = static_cast<T>(clean[k] + brightest * (a.haadf_offset + a.haadf_noise * random.normal()));
    }
    return out;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
