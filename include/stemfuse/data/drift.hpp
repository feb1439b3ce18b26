// Drift between the HAADF image and the element maps: measured by correlation, corrected by interpolation.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/data/min_max.hpp>
#include <stemfuse/operators/local_mean.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// In pixels: the place at (r, c) in the maps is at (r + y, c + x) in the HAADF image.
struct drift {
    double y = 0,        ///< in rows
        x = 0;           ///< in columns
    double sigma_y = 0,  ///< standard error of y
        sigma_x = 0;     ///< standard error of x
    bool known = false;  ///< false where the images have too little in common, or below 10 rows or columns

    /// The drift along y if it is above four standard errors, else 0. Layers along an axis tell nothing about drift
    /// along it.
    double certain_y() const { return known && std::abs(y) > 4 * sigma_y ? y : 0; }
    /// The same along x.
    double certain_x() const { return known && std::abs(x) > 4 * sigma_x ? x : 0; }
    /// Whether more than half a pixel of drift is certain.
    bool significant() const { return std::hypot(certain_y(), certain_x()) > 0.5; }
};

namespace detail {

// The longest drift that is searched for, in pixels, and into how many parts the images are cut for the bootstrap.
inline constexpr std::size_t longest_drift = 8, drift_parts = 4;

struct shift {
    double y, x;
};

// Sums over parts of the images of map(r, c) haadf(r + y, c + x), for -reach <= y, x <= reach.
struct correlation_sums {
    std::size_t reach, parts;
    std::vector<double> products;  // (parts, side, side)
    std::vector<double> energies;  // (side, side): sums of haadf^2 in the same windows

    std::size_t side() const { return 2 * reach + 1; }
};

// The image minus its mean over squares as wide as the shifts that are searched: edges and spots stay, slopes go.
template <image A>
xt::xtensor<double, 2> without_slopes(const A& image, std::string_view name) {
    const readable<scalar_type_t<A>, 2> in(image, name);
    require_finite(in.view(), name);
    auto flat = packed_copy<double, 2>(in.view(), name);
    flat -= local_mean(flat, longest_drift);
    return flat;
}

// Takes every step-th row, so that large images take no longer than those of 2^20 pixels.
inline correlation_sums correlate(const xt::xtensor<double, 2>& haadf, const xt::xtensor<double, 2>& map,
                                  std::size_t reach) {
    const std::size_t ny = map.shape(0), nx = map.shape(1), side = 2 * reach + 1;
    const std::size_t step = 1 + ny * nx / ((std::size_t(1) << 20) + 1), rows = ny - 2 * reach, width = nx - 2 * reach;
    correlation_sums sums{reach, drift_parts * drift_parts, {}, std::vector<double>(side * side)};
    sums.products.resize(sums.parts * side * side);
    const partition bands(rows, drift_parts), strips(width, drift_parts);
    std::vector<double> before(nx + 1);  // sums of squares left of a column
    for (std::size_t r = 0, band = 0; r < rows; r += step) {
        while (r >= bands[band].last) ++band;
        for (std::size_t dy = 0; dy < side; ++dy) {
            const double* const h = &haadf(r + dy, 0);
            for (std::size_t c = 0; c < nx; ++c) before[c + 1] = before[c] + h[c] * h[c];
            for (std::size_t dx = 0; dx < side; ++dx) sums.energies[dy * side + dx] += before[dx + width] - before[dx];
            for (std::size_t strip = 0; strip < strips.size(); ++strip) {
                double* const out = &sums.products[((band * drift_parts + strip) * side + dy) * side];
                const double* const m = &map(r + reach, reach);
                for (std::size_t c = strips[strip].first; c < strips[strip].last; ++c) {
                    for (std::size_t dx = 0; dx < side; ++dx) out[dx] += m[c] * h[c + dx];
                }
            }
        }
    }
    return sums;
}

// The top of the parabola through three values at -1, 0, 1.
inline double parabola_top(double left, double middle, double right) {
    const double curvature = left - 2 * middle + right;
    return curvature < 0 ? 0.5 * (left - right) / curvature : 0;
}

// The highest peak of the correlation. Where several are nearly as high (0.9 of it), as for a lattice, the one nearest
// to no shift.
inline std::optional<shift> correlation_peak(const correlation_sums& sums, const std::vector<std::size_t>& parts) {
    const std::size_t side = sums.side(), size = side * side;
    std::vector<double> c(size);
    for (const std::size_t part : parts) {
        for (std::size_t k = 0; k < size; ++k) c[k] += sums.products[part * size + k];
    }
    // 1e-300 avoids 0 / 0 where the image is flat.
    for (std::size_t k = 0; k < size; ++k) c[k] /= std::sqrt(std::max(sums.energies[k], 1e-300));
    const double highest = *std::max_element(c.begin(), c.end());
    const auto at = [&](std::size_t y, std::size_t x) { return c[y * side + x]; };
    std::optional<shift> nearest;
    for (std::size_t y = 1; y + 1 < side; ++y) {
        for (std::size_t x = 1; x + 1 < side; ++x) {
            bool top = highest > 0 && at(y, x) >= 0.9 * highest;
            for (std::size_t k = 0; top && k < 9; ++k) top = at(y, x) >= at(y + k / 3 - 1, x + k % 3 - 1);
            if (!top) continue;
            const auto centred = [&](std::size_t n) {
                return static_cast<double>(n) - static_cast<double>(sums.reach);
            };
            const shift s{centred(y) + parabola_top(at(y - 1, x), at(y, x), at(y + 1, x)),
                          centred(x) + parabola_top(at(y, x - 1), at(y, x), at(y, x + 1))};
            if (!nearest || std::hypot(s.y, s.x) < std::hypot(nearest->y, nearest->x)) nearest = s;
        }
    }
    return nearest;
}

inline double spread(const std::vector<double>& values) {
    double mean = 0, squares = 0;
    for (const double v : values) mean += v / static_cast<double>(values.size());
    for (const double v : values) squares += (v - mean) * (v - mean);
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace detail

/// Measures the drift between the HAADF image and a map (n_y, n_x), say the sum of all, of up to 8 pixels (a fifth of
/// the shorter side of small images). Both lose their local mean; the peak of their normalised cross-correlation, on
/// shifts of whole pixels, is refined by parabolas. The standard error is that of the peak under 200 draws, with
/// replacement, of the 4 x 4 parts of the images (bootstrap, from a fixed seed): it covers noise and what the two
/// images do not share. Closely spaced columns of different elements, brighter on one side in the image and on the
/// other in the map, look like drift of part of their distance: half a pixel for dumbbells 5 pixels apart. Throws
/// shape_error for images of different shapes, value_error for NaN or infinity.
template <image A, image B>
drift measure_drift(const A& haadf, const B& map) {
    const auto shape = detail::shape_of<2>(haadf, "haadf");
    require_shape(detail::shape_of<2>(map, "map"), shape, "map", "haadf");
    const std::size_t reach = std::min(detail::longest_drift, std::min(shape[0], shape[1]) / 5);
    drift d;
    if (reach < 2) return d;
    const auto sums =
        detail::correlate(detail::without_slopes(haadf, "haadf"), detail::without_slopes(map, "map"), reach);
    std::vector<std::size_t> parts(sums.parts);
    for (std::size_t k = 0; k < parts.size(); ++k) parts[k] = k;
    const auto peak = detail::correlation_peak(sums, parts);
    if (!peak) return d;
    constexpr std::size_t draws = 200;
    std::vector<double> ys, xs;
    std::mt19937_64 engine(1);
    for (std::size_t draw = 0; draw < draws; ++draw) {
        for (std::size_t& part : parts) part = engine() % sums.parts;
        if (const auto p = detail::correlation_peak(sums, parts)) ys.push_back(p->y), xs.push_back(p->x);
    }
    if (ys.size() < draws * 4 / 5) return d;  // a peak that one draw in five does not have is none
    return {peak->y, peak->x, detail::spread(ys), detail::spread(xs), true};
}

namespace detail {

// Weights of the four pixels around t in [0, 1) by cubic convolution with a = -1/2 (Keys, IEEE Trans. Acoust. Speech
// Signal Process. 29, 1153 (1981), equation 15).
inline std::array<double, 4> cubic_weights(double t) {
    return {((-0.5 * t + 1) * t - 0.5) * t, (1.5 * t - 2.5) * t * t + 1, ((-1.5 * t + 2) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t};
}

}  // namespace detail

/// The image at (r + y, c + x) for every pixel (r, c): cubic convolution along both axes, the pixels at the border
/// repeated beyond it. Shape (n_y, n_x), in the image's scalar type. Throws shape_error for an empty image, value_error
/// for a shift that is not finite or longer than the image.
template <class T = void, image A>
auto shifted(const A& image, double y, double x) {
    using in_type = scalar_type_t<A>;
    using out_type = detail::result_scalar_t<T, A>;
    const readable<in_type, 2> in(image, "image");
    require_not_empty(in.view(), "image");
    const auto [ny, nx] = in.view().shape;
    require_in_range(y, -static_cast<double>(ny), static_cast<double>(ny), "y");
    require_in_range(x, -static_cast<double>(nx), static_cast<double>(nx), "x");
    const double whole_y = std::floor(y), whole_x = std::floor(x);
    const auto wy = detail::cubic_weights(y - whole_y), wx = detail::cubic_weights(x - whole_x);
    const auto inside = [](double at, std::size_t n) {
        return static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(n - 1)));
    };
    xt::xtensor<double, 2> along_x(image_shape{ny, nx});
    for (std::size_t r = 0; r < ny; ++r) {
        for (std::size_t c = 0; c < nx; ++c) {
            double sum = 0;
            for (std::size_t k = 0; k < 4; ++k)
                sum +=
                    wx[k] * static_cast<double>(in.view().row(r)[inside(static_cast<double>(c + k) + whole_x - 1, nx)]);
            along_x(r, c) = sum;
        }
    }
    xt::xtensor<out_type, 2> out(image_shape{ny, nx});
    for (std::size_t r = 0; r < ny; ++r) {
        for (std::size_t c = 0; c < nx; ++c) {
            double sum = 0;
            for (std::size_t k = 0; k < 4; ++k)
                sum += wy[k] * along_x(inside(static_cast<double>(r + k) + whole_y - 1, ny), c);
            out(r, c) = static_cast<out_type>(sum);
        }
    }
    return out;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
