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
    std::vector<double> windows{12, 6};           ///< sigma of the Gaussian windows, in pixels
    std::vector<double> fine_windows{3, 2, 1.4};  ///< of the size of features, see add_fine_disagreement()
    double fine_tolerance = 0.12;                 ///< of the fine windows, over which fits are off by more
    double tolerance = 0.05;                      ///< a map that is off by this fraction everywhere does not disagree
    double false_alarms = 0.01;  ///< probability that a map without any disagreement is flagged somewhere
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

// The same of Poisson counts under a Gaussian window that exceed their mean by `more`, with this variance and largest
// weight M: a few counts where the weight is largest are more likely than as many counts of the mean weight. Of counts
// of an even rate the cumulants are 2 variance / M^2 sum_k (M t)^k / (k k!), whose Legendre transform is half the
// deviance (Daniels 1954, Ann. Math. Stat. 25, 631).
inline double windowed_deviation(double more, double variance, double weight) {
    const double normal = more / std::sqrt(variance);
    if (normal < 1.5) return normal;
    // The root v of (e^v - 1) / v = c, convex, by Newton's steps from above.
    const double c = 1 + more * weight / (2 * variance);
    double v = std::min(2 * (c - 1), 2 * std::log1p(2 * c));
    for (int step = 0; step < 50; ++step) {
        const double e = std::exp(v), change = (std::expm1(v) / v - c) / ((e - std::expm1(v) / v) / v);
        v -= change;
        if (std::abs(change) < 1e-9 * v) break;
    }
    double term = v, sum = 0;
    for (double k = 2; k < 500 && (term > 1e-12 * sum || k == 2); ++k) {
        term *= v / k;
        sum += term / k;
    }
    return std::sqrt(std::max(0.0, 2 * (v * more / weight - 2 * variance / (weight * weight) * sum)));
}

// What the map expects of a window's mean count.
struct expected_mean {
    double map, background, variance, weight;  // the last is the largest in the window

    // The deviation from the nearest rate that is off by no more than the tolerance.
    double deviation(double counted, double tolerance) const {
        const double high = (1 + tolerance) * map + background, low = (1 - tolerance) * map + background;
        const double of_rate = variance / std::max(map + background, 1e-30);  // 1e-30: no division by 0
        if (counted > high) return windowed_deviation(counted - high, std::max(of_rate * high, 1e-30), weight);
        return counted < low ? poisson_deviation(counted / of_rate, low / of_rate) : 0;
    }
};

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

// The variance of the mean of the counts in a window around every pixel, where these are rates: their mean under the
// squares of the window's weights. Near borders, where weights are added, as of an even rate.
template <scalar T>
xt::xtensor<T, 3> variance_in_window(const xt::xtensor<T, 3>& rates, double window, const execution& exec) {
    auto weights = gaussian_window<T>(window);
    const auto power_y = window_power(weights, rates.shape(1)), power_x = window_power(weights, rates.shape(2));
    double inside = 0;
    for (T& w : weights) inside += static_cast<double>(w *= w);
    xt::xtensor<T, 3> variance = smoothed(as_view(rates), weights, exec);
    const std::size_t ny = rates.shape(1), nx = rates.shape(2);
    for (std::size_t k = 0; k < variance.size(); ++k)
        variance.data()[k] *= static_cast<T>(power_y[k / nx % ny] * power_x[k % nx] / (inside * inside));
    return variance;
}

// Raises what was found to what these windows find.
template <scalar T>
void raise_disagreement(disagreement_maps<T>& found, const stack_view<const T>& maps, const stack_view<const T>& counts,
                        const stack_view<const T>& background, const std::vector<double>& windows, double tolerance,
                        const execution& exec, const stack_view<const T>& exposure) {
    const std::size_t n = maps.shape[0], ny = maps.shape[1], nx = maps.shape[2];
    xt::xtensor<T, 3> rates(maps.shape);
    for (std::size_t r = 0; r < n * ny; ++r) {
        for (std::size_t x = 0; x < nx; ++x) {
            const T w = exposure.size() > 0 ? exposure.row(r / ny, r % ny)[x] : T(1);
            rates(r / ny, r % ny, x) = w * (maps.row(r / ny, r % ny)[x] + background.row(r / ny, r % ny)[x]);
        }
    }
    for (const double window : windows) {
        const auto local = measure_local_excess(maps, counts, background, window, exec, exposure);
        const auto variance = variance_in_window(rates, window, exec);
        const auto weights = gaussian_window<T>(window);
        const auto peak_y = window_peak(weights, ny), peak_x = window_peak(weights, nx);
        for_each_row(n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            for (std::size_t x = 0; x < nx; ++x) {
                const double counted = static_cast<double>(local.counted(i, y, x)),
                             map = static_cast<double>(local.expected(i, y, x)),
                             other = static_cast<double>(local.background(i, y, x));
                const expected_mean expected{map, other, static_cast<double>(variance(i, y, x)), peak_y[y] * peak_x[x]};
                const double z = expected.deviation(counted, tolerance);
                if (!(std::abs(z) > std::abs(static_cast<double>(found.deviation(i, y, x))))) continue;
                found.deviation(i, y, x) = static_cast<T>(z);
                found.ratio(i, y, x) = static_cast<T>(std::max(0.0, counted - other) / std::max(map, 1e-9));
            }
        });
    }
}

}  // namespace detail

/// Tests every pixel of the maps, expected counts without background, against the counts around it; all (n, n_y, n_x).
/// The mean counts of a window, with the noise that the rates of the map let expect, are compared with the nearest rate
/// within the tolerance. The threshold keeps the chance that a map is flagged anywhere, where only the noise of
/// counting makes the difference, at `false_alarms`, for maps that do not depend on these counts; maps that follow them
/// differ less. exposure: as measure_local_excess() takes it. Throws shape_error where shapes differ, value_error for
/// options out of range or no window.
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
