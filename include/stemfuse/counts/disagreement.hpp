// Where counts and a fused map disagree beyond chance.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/counts/local_excess.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of the test of maps against counts.
struct disagreement_options {
    std::vector<double> windows{12, 6};      ///< sigma of the Gaussian windows, in pixels
    std::vector<double> fine_windows{3, 2};  ///< of the size of features, see add_fine_disagreement()
    double fine_tolerance = 0.12;            ///< of the fine windows, over which fits are off by more
    double tolerance = 0.05;                 ///< a map that is off by this fraction everywhere does not disagree
    double false_alarms = 0.01;              ///< probability that a map without any disagreement is flagged somewhere
};

/// A place where a map disagrees most in its surroundings.
struct disagreement_place {
    std::size_t element,  ///< its index
        y,                ///< row of the pixel
        x;                ///< its column
    double deviation;     ///< as in disagreement_maps
    double ratio;         ///< counts without background over those that the map expects, in the window
};

/// What the test of maps against counts returns.
template <scalar T>
struct disagreement_maps {
    /// In standard deviations, of the window where it is largest; above 0 where counts are more than the map expects, 0
    /// where they differ by no more than the tolerance. Shape (n, n_y, n_x).
    xt::xtensor<T, 3> deviation;
    xt::xtensor<T, 3> ratio;  ///< counts without background over the map, in that window
    double threshold = 0;     ///< a pixel beyond it is flagged

    /// Whether the map of element i disagrees at row y, column x beyond chance.
    bool flagged(std::size_t i, std::size_t y, std::size_t x) const {
        return std::abs(static_cast<double>(deviation(i, y, x))) > threshold;
    }
};

namespace detail {

// Signed square root of the deviance of n counts where r are expected: about normal, far closer than (n - r) / sqrt(r)
// (McCullagh & Nelder 1989, section 2.4).
inline double poisson_deviation(double n, double r) {
    const double log_part = n > 0 ? n * std::log(n / r) : 0;
    return std::copysign(std::sqrt(std::max(0.0, 2 * (log_part - (n - r)))), n - r);
}

// The deviation from the nearest rate that is off by no more than the tolerance.
inline double tolerant_deviation(double n, double map, double background, double tolerance) {
    const double high = (1 + tolerance) * map + background, low = (1 - tolerance) * map + background;
    if (n > high) return poisson_deviation(n, std::max(high, 1e-9));
    return n < low ? poisson_deviation(n, low) : 0;
}

// Expected number of places where a smooth standard normal field, white noise under a Gaussian of sigma s on
// n_y x n_x pixels, exceeds u: its mean Euler characteristic (Worsley et al. 1992, J. Cereb. Blood Flow Metab. 12, 900;
// with the borders' terms of Adler & Taylor 2007, theorem 12.4.1).
inline double excursions(double u, double s, std::size_t ny, std::size_t nx) {
    const double root = 1 / (std::numbers::sqrt2 * s), height = static_cast<double>(ny) * root,
                 width = static_cast<double>(nx) * root, tail = std::exp(-u * u / 2), tau = 2 * std::numbers::pi;
    return height * width * u * tail / std::pow(tau, 1.5) + (height + width) * tail / tau +
           0.5 * std::erfc(u / std::numbers::sqrt2);
}

// What a smooth standard normal field exceeds somewhere, up or down, in any of the fields that these windows make, with
// this probability.
inline double excursion_threshold(const std::vector<double>& windows, double probability, std::size_t ny,
                                  std::size_t nx) {
    double low = 1, high = 40;
    for (int step = 0; step < 60; ++step) {
        const double u = (low + high) / 2;
        double expected = 0;
        for (const double s : windows) expected += 2 * excursions(u, s, ny, nx);
        (expected > probability ? low : high) = u;
    }
    return high;
}

inline double disagreement_threshold(const disagreement_options& options, std::size_t ny, std::size_t nx) {
    std::vector<double> windows = options.windows;
    windows.insert(windows.end(), options.fine_windows.begin(), options.fine_windows.end());
    return excursion_threshold(windows, options.false_alarms, ny, nx);
}

// Raises what was found to what these windows find.
template <scalar T>
void raise_disagreement(disagreement_maps<T>& found, const stack_view<const T>& maps, const stack_view<const T>& counts,
                        const stack_view<const T>& background, const std::vector<double>& windows, double tolerance,
                        const execution& exec, const stack_view<const T>& exposure) {
    const std::size_t n = maps.shape[0], ny = maps.shape[1], nx = maps.shape[2];
    for (const double window : windows) {
        const auto local = measure_local_excess(maps, counts, background, window, exec, exposure);
        for_each_row(n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            for (std::size_t x = 0; x < nx; ++x) {
                const double counted = static_cast<double>(local.counted(i, y, x)),
                             map = static_cast<double>(local.expected(i, y, x)),
                             other = static_cast<double>(local.background(i, y, x)), unit = 1 / local.power(y, x);
                const double z = tolerant_deviation(unit * counted, unit * map, unit * other, tolerance);
                if (!(std::abs(z) > std::abs(static_cast<double>(found.deviation(i, y, x))))) continue;
                found.deviation(i, y, x) = static_cast<T>(z);
                found.ratio(i, y, x) = static_cast<T>(std::max(0.0, counted - other) / std::max(map, 1e-9));
            }
        });
    }
}

}  // namespace detail

/// Tests every pixel of the maps, expected counts without background, against the counts around it; all (n, n_y, n_x).
/// The mean counts of a window are scaled to that number of Poisson counts which has the same relative noise, and are
/// compared with the nearest rate within the tolerance. The threshold keeps the chance that a map is flagged anywhere,
/// where only the noise of counting makes the difference, at `false_alarms`, for maps that do not depend on these
/// counts; maps that follow them differ less. exposure: as measure_local_excess() takes it. Throws shape_error where
/// shapes differ, value_error for options out of range or no window.
template <scalar T>
disagreement_maps<T> find_disagreement(const stack_view<const T>& maps, const stack_view<const T>& counts,
                                       const stack_view<const T>& background, const disagreement_options& options = {},
                                       const execution& exec = {}, const stack_view<const T>& exposure = {}) {
    require_some(options.windows, "windows");
    require_in_range(options.tolerance, 0, 0.9, "tolerance");
    require_in_range(options.false_alarms, 1e-9, 0.5, "false_alarms");
    const std::size_t ny = maps.shape[1], nx = maps.shape[2];
    disagreement_maps<T> found{xt::zeros<T>(maps.shape), xt::ones<T>(maps.shape),
                               detail::disagreement_threshold(options, ny, nx)};
    detail::raise_disagreement(found, maps, counts, background, options.windows, options.tolerance, exec, exposure);
    return found;
}

/// Adds what the fine windows find in other maps of the same counts, such as those that a balance has mended. The
/// threshold of find_disagreement() is for both. Throws as it does, and shape_error where `found` is of other maps.
template <scalar T>
void add_fine_disagreement(disagreement_maps<T>& found, const stack_view<const T>& maps,
                           const stack_view<const T>& counts, const stack_view<const T>& background,
                           const disagreement_options& options = {}, const execution& exec = {},
                           const stack_view<const T>& exposure = {}) {
    require_shape(as_view(found.deviation).shape, maps.shape, "found", "the maps'");
    require_in_range(options.fine_tolerance, 0, 0.9, "fine_tolerance");
    detail::raise_disagreement(found, maps, counts, background, options.fine_windows, options.fine_tolerance, exec,
                               exposure);
}

/// The flagged places that deviate most within `distance` pixels, the worst first, at most `most`.
template <scalar T>
std::vector<disagreement_place> worst_places(const disagreement_maps<T>& found, std::size_t most = 5,
                                             double distance = 16) {
    std::vector<disagreement_place> places, kept;
    const auto& shape = found.deviation.shape();
    for (std::size_t i = 0; i < shape[0]; ++i) {
        for (std::size_t y = 0; y < shape[1]; ++y) {
            for (std::size_t x = 0; x < shape[2]; ++x) {
                if (!found.flagged(i, y, x)) continue;
                places.push_back({i, y, x, static_cast<double>(found.deviation(i, y, x)),
                                  static_cast<double>(found.ratio(i, y, x))});
            }
        }
    }
    std::stable_sort(places.begin(), places.end(),
                     [](const auto& a, const auto& b) { return std::abs(a.deviation) > std::abs(b.deviation); });
    const auto far = [&](const disagreement_place& a, const disagreement_place& b) {
        return a.element != b.element || std::hypot(static_cast<double>(a.y) - static_cast<double>(b.y),
                                                    static_cast<double>(a.x) - static_cast<double>(b.x)) > distance;
    };
    for (const auto& p : places) {
        if (kept.size() == most) break;
        if (std::all_of(kept.begin(), kept.end(), [&](const auto& k) { return far(k, p); })) kept.push_back(p);
    }
    return kept;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
