// Patches of images in few numbers, so that places which look alike are near one another.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <xtensor-blas/xlinalg.hpp>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/random.hpp>
#include <stemfuse/core/simd.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse {

// An image (n_y, n_x) to compare places by, and the standard deviation of a pixel's noise.
template <scalar T>
struct guide_image {
    image_view<const T> image;
    T standard_deviation;
};

struct patch_options {
    std::size_t half = 3;         // patches have 2 half + 1 pixels a side
    double spread = 2;            // sigma of their Gaussian weights, in pixels
    std::size_t dimensions = 16;  // that are kept, at most those of the patch
};

// The squared distance of two pixels' numbers is that of their weighted patches, in units of the noise's variance.
struct patch_descriptors {
    xt::xtensor<float, 3> values;  // (dimensions, n_y, n_x)
    double noise = 0;              // expected squared distance of two noisy copies of one patch
};

namespace detail {

// A pixel of the patches; those of less weight than 0.02 are left out.
struct patch_tap {
    std::size_t guide;
    std::ptrdiff_t dy, dx;
    double weight;
};

inline std::vector<patch_tap> patch_taps(std::size_t guides, const patch_options& options) {
    std::vector<patch_tap> taps;
    const auto half = static_cast<std::ptrdiff_t>(options.half);
    for (std::size_t g = 0; g < guides; ++g) {
        for (std::ptrdiff_t dy = -half; dy <= half; ++dy) {
            for (std::ptrdiff_t dx = -half; dx <= half; ++dx) {
                const double w =
                    std::exp(-static_cast<double>(dy * dy + dx * dx) / (2 * options.spread * options.spread));
                if (w >= 0.02) taps.push_back({g, dy, dx, w});
            }
        }
    }
    return taps;
}

// The guides less their means in units of their noise, mirrored at the borders over `half` pixels, in float.
template <scalar T>
xt::xtensor<float, 3> padded_guides(const std::vector<guide_image<T>>& guides, std::size_t half) {
    const std::size_t ny = guides.front().image.shape[0], nx = guides.front().image.shape[1];
    xt::xtensor<float, 3> padded({guides.size(), ny + 2 * half, nx + 2 * half});
    const auto inside = [half](std::size_t k, std::size_t n) {
        return mirrored(static_cast<std::ptrdiff_t>(k) - static_cast<std::ptrdiff_t>(half), n);
    };
    for (std::size_t g = 0; g < guides.size(); ++g) {
        const auto& image = guides[g].image;
        double mean = 0;
        for (std::size_t y = 0; y < ny; ++y) {
            for (std::size_t x = 0; x < nx; ++x) mean += static_cast<double>(image.row(y)[x]);
        }
        mean /= static_cast<double>(ny * nx);
        const double unit = 1 / static_cast<double>(guides[g].standard_deviation);
        for (std::size_t y = 0; y < padded.shape(1); ++y) {
            const T* const row = image.row(inside(y, ny));
            for (std::size_t x = 0; x < padded.shape(2); ++x)
                padded(g, y, x) = static_cast<float>(unit * (static_cast<double>(row[inside(x, nx)]) - mean));
        }
    }
    return padded;
}

// Where a tap's value of the pixel (0, 0) is.
inline const float* tap_origin(const xt::xtensor<float, 3>& padded, const patch_tap& tap, std::size_t half) {
    const auto h = static_cast<std::ptrdiff_t>(half);
    return &padded(tap.guide, static_cast<std::size_t>(h + tap.dy), static_cast<std::size_t>(h + tap.dx));
}

// Orthonormal directions in which weighted patches vary most, one a column, the first most: by up to 4096 patches,
// drawn always the same.
inline xt::xtensor<double, 2> principal_directions(const xt::xtensor<float, 3>& padded,
                                                   const std::vector<patch_tap>& taps, std::size_t ny, std::size_t nx,
                                                   const patch_options& options) {
    const std::size_t pixels = ny * nx, drawn = std::min<std::size_t>(pixels, 4096), width = padded.shape(2);
    std::vector<std::size_t> places(drawn);
    random_stream random(1, stream_of("patches"));
    for (std::size_t k = 0; k < drawn; ++k) {
        // One place in each of `drawn` equal parts of the image.
        const double part = drawn == pixels ? 0 : random.uniform();
        const auto at = static_cast<std::size_t>((static_cast<double>(k) + part) * static_cast<double>(pixels) /
                                                 static_cast<double>(drawn));
        places[k] = std::min(at, pixels - 1);
    }
    xt::xtensor<double, 2> patches({taps.size(), drawn});
    for (std::size_t p = 0; p < taps.size(); ++p) {
        const float* const from = tap_origin(padded, taps[p], options.half);
        const double root = std::sqrt(taps[p].weight);
        double mean = 0;
        for (std::size_t k = 0; k < drawn; ++k) {
            patches(p, k) = root * static_cast<double>(from[places[k] / nx * width + places[k] % nx]);
            mean += patches(p, k) / static_cast<double>(drawn);
        }
        for (std::size_t k = 0; k < drawn; ++k) patches(p, k) -= mean;
    }
    const xt::xtensor<double, 2> covariance = xt::linalg::dot(patches, xt::transpose(patches));
    const auto [values, vectors] = xt::linalg::eigh(covariance);
    const std::size_t kept = std::min(options.dimensions, taps.size());
    xt::xtensor<double, 2> directions({taps.size(), kept});
    for (std::size_t d = 0; d < kept; ++d)
        xt::view(directions, xt::all(), d) = xt::view(vectors, xt::all(), taps.size() - 1 - d);
    return directions;
}

// Four dimensions of a row, or fewer, from the taps' rows.
inline void project_row(const std::vector<const float*>& taps, const std::vector<float>& factors, std::size_t nx,
                        std::size_t n, float* const* out) {
    for_each_pack<float>(nx, [&](auto at) {
        pack<float> sum[4] = {};
        const float* factor = factors.data();
        for (const float* const tap : taps) {
            const pack<float> value = at.load(tap);
            for (std::size_t d = 0; d < 4; ++d) sum[d] += value * *factor++;
        }
        for (std::size_t d = 0; d < n; ++d) at.store(out[d], sum[d]);
    });
}

}  // namespace detail

// Describes every pixel by the patches around it in all guides, mirrored at the borders: each pixel of a patch over its
// guide's noise, times the root of its Gaussian weight, in the principal directions of the patches of these guides.
// Non-local means in few dimensions: Buades et al. 2005, doi 10.1137/040616024; Tasdizen 2009, doi
// 10.1109/TIP.2009.2028259. Throws value_error for no guide, a noise <= 0, an image that is not finite, a spread <= 0
// or no dimension, shape_error for guides of different shapes or none.
template <scalar T>
patch_descriptors describe_patches(const std::vector<guide_image<T>>& guides, const patch_options& options = {},
                                   const execution& exec = {}) {
    if (guides.empty()) throw value_error("guides", "are none, takes one or more");
    for (const auto& g : guides) {
        require_not_empty(g.image, "guides");
        require_shape(g.image.shape, guides.front().image.shape, "guides", "the first one's");
        require_finite(g.image, "guides");
        require_positive(static_cast<double>(g.standard_deviation), "standard_deviation");
    }
    require_positive(options.spread, "spread");
    if (options.dimensions == 0) throw value_error("dimensions", "got 0, takes 1 or more");
    const std::size_t ny = guides.front().image.shape[0], nx = guides.front().image.shape[1];
    const auto taps = detail::patch_taps(guides.size(), options);
    const auto padded = detail::padded_guides(guides, options.half);
    const auto directions = detail::principal_directions(padded, taps, ny, nx, options);
    const std::size_t dimensions = directions.shape(1), width = padded.shape(2);

    patch_descriptors found{xt::xtensor<float, 3>({dimensions, ny, nx}), 0};
    for (std::size_t p = 0; p < taps.size(); ++p) {
        for (std::size_t d = 0; d < dimensions; ++d)
            found.noise += 2 * taps[p].weight * directions(p, d) * directions(p, d);
    }
    const std::size_t groups = (dimensions + 3) / 4;
    std::vector<std::vector<float>> factors(groups);
    for (std::size_t g = 0; g < groups; ++g) {
        for (std::size_t p = 0; p < taps.size(); ++p) {
            for (std::size_t d = 4 * g; d < 4 * g + 4; ++d)
                factors[g].push_back(d < dimensions ? static_cast<float>(std::sqrt(taps[p].weight) * directions(p, d))
                                                    : 0.0f);
        }
    }
    exec.for_each(ny, [&](std::size_t y) {
        std::vector<const float*> rows;
        for (const auto& tap : taps) rows.push_back(detail::tap_origin(padded, tap, options.half) + y * width);
        for (std::size_t g = 0; g < groups; ++g) {
            const std::size_t n = std::min<std::size_t>(4, dimensions - 4 * g);
            float* out[4] = {};
            for (std::size_t d = 0; d < n; ++d) out[d] = &found.values(4 * g + d, y, 0);
            detail::project_row(rows, factors[g], nx, n, out);
        }
    });
    return found;
}

}  // namespace stemfuse
