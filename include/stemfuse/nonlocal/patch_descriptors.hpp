// Descriptors: patches of images as a few numbers each, close to one another for places that look alike.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/random.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// An image to compare places by, and its noise.
template <scalar T>
struct guide_image {
    image_view<const T> image;  ///< (n_y, n_x)
    T standard_deviation;       ///< of a pixel's noise, in the units of the image; above 0
};

/// The options of the description of patches.
struct patch_options {
    std::size_t half = 3;         ///< patches have 2 half + 1 pixels a side
    double spread = 2;            ///< sigma of their Gaussian weights, in pixels
    std::size_t dimensions = 16;  ///< that are kept, at most those of the patch
    bool turned = false;          ///< turned by quarters and mirrored to one orientation before they are compared
};

/// The squared distance of two pixels' numbers is that of their weighted patches, in units of the noise's variance.
struct patch_descriptors {
    xt::xtensor<float, 3> values;  ///< (dimensions, n_y, n_x)
    double noise = 0;              ///< expected squared distance of two noisy copies of one patch
};

namespace detail {

// A pixel of the patches. Those of less weight than 0.02 take time and change the distance of two patches little: they
// are left out.
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

// The turns and mirrors of a square. Of the three bits of their number the last two change the signs of dy and dx,
// after the first has exchanged them.
inline constexpr unsigned turns = 8;

inline patch_tap turned(patch_tap tap, unsigned turn) {
    if (turn & 4U) std::swap(tap.dy, tap.dx);
    if (turn & 2U) tap.dy = -tap.dy;
    if (turn & 1U) tap.dx = -tap.dx;
    return tap;
}

// Patches out of padded guides, as they lie or each in its own turn.
class patch_reader {
public:
    patch_reader(const xt::xtensor<float, 3>& padded, const std::vector<patch_tap>& taps, const patch_options& options,
                 const execution& exec)
        : padded_(padded), taps_(taps.size()), half_(options.half) {
        for (unsigned turn = 0; turn < (options.turned ? turns : 1); ++turn) {
            for (const patch_tap& tap : taps) offsets_.push_back(offset(turned(tap, turn)));
        }
        if (options.turned) find_turns(taps, exec);
    }

    // Calls f(p, value) for every tap p of a pixel's patch.
    template <class F>
    void for_each_value(std::size_t y, std::size_t x, F&& f) const {
        const float* const at = &padded_(0, half_ + y, half_ + x);
        const std::ptrdiff_t* const offset = &offsets_[turn_.size() == 0 ? 0 : taps_ * turn_(y, x)];
        for (std::size_t p = 0; p < taps_; ++p) f(p, at[offset[p]]);
    }

private:
    std::ptrdiff_t offset(const patch_tap& tap) const {
        const auto rows = static_cast<std::ptrdiff_t>(padded_.shape(1)),
                   columns = static_cast<std::ptrdiff_t>(padded_.shape(2));
        return (static_cast<std::ptrdiff_t>(tap.guide) * rows + tap.dy) * columns + tap.dx;
    }

    // Turns every patch so that the first guide rises along y and along x, and more along y: by its weighted moments.
    void find_turns(const std::vector<patch_tap>& taps, const execution& exec) {
        xt::xtensor<unsigned char, 2> found({padded_.shape(1) - 2 * half_, padded_.shape(2) - 2 * half_});
        exec.for_each(found.shape(0), [&](std::size_t y) {
            for (std::size_t x = 0; x < found.shape(1); ++x) {
                double along_y = 0, along_x = 0;
                for_each_value(y, x, [&](std::size_t p, float value) {
                    if (taps[p].guide != 0) return;
                    const double weighted = taps[p].weight * static_cast<double>(value);
                    along_y += weighted * static_cast<double>(taps[p].dy);
                    along_x += weighted * static_cast<double>(taps[p].dx);
                });
                found(y, x) = static_cast<unsigned char>((std::abs(along_x) > std::abs(along_y) ? 4U : 0U) |
                                                         (along_y < 0 ? 2U : 0U) | (along_x < 0 ? 1U : 0U));
            }
        });
        turn_ = std::move(found);
    }

    const xt::xtensor<float, 3>& padded_;
    std::size_t taps_, half_;
    std::vector<std::ptrdiff_t> offsets_;  // [turn][tap], from the pixel of the first guide
    xt::xtensor<unsigned char, 2> turn_{};
};

// Orthonormal directions in which weighted patches vary most, one a column, the first most: by up to 4096 patches,
// drawn always the same.
inline xt::xtensor<double, 2> principal_directions(const patch_reader& reader, const std::vector<patch_tap>& taps,
                                                   std::size_t ny, std::size_t nx, const patch_options& options) {
    const std::size_t pixels = ny * nx, drawn = std::min<std::size_t>(pixels, 4096);
    random_stream random(1, stream_of("patches"));
    xt::xtensor<double, 2> patches({taps.size(), drawn});
    for (std::size_t k = 0; k < drawn; ++k) {
        // One place in each of `drawn` equal parts of the image.
        const double part = drawn == pixels ? 0 : random.uniform();
        const auto at = static_cast<std::size_t>((static_cast<double>(k) + part) * static_cast<double>(pixels) /
                                                 static_cast<double>(drawn));
        const std::size_t place = std::min(at, pixels - 1);
        reader.for_each_value(place / nx, place % nx, [&](std::size_t p, float value) {
            patches(p, k) = std::sqrt(taps[p].weight) * static_cast<double>(value);
        });
    }
    for (std::size_t p = 0; p < taps.size(); ++p) {
        double mean = 0;
        for (std::size_t k = 0; k < drawn; ++k) mean += patches(p, k) / static_cast<double>(drawn);
        for (std::size_t k = 0; k < drawn; ++k) patches(p, k) -= mean;
    }
    const xt::xtensor<double, 2> vectors = eigenvectors(gram_matrix(patches));
    const std::size_t kept = std::min(options.dimensions, taps.size());
    xt::xtensor<double, 2> directions({taps.size(), kept});
    for (std::size_t d = 0; d < kept; ++d) xt::view(directions, xt::all(), d) = xt::view(vectors, taps.size() - 1 - d);
    return directions;
}

// The patches of a row in the directions, whose factors lie [tap][direction], filled up to whole packs.
inline void project_row(const patch_reader& reader, const std::vector<float>& factors, std::size_t y,
                        xt::xtensor<float, 3>& out) {
    const std::size_t dimensions = out.shape(0),
                      width = lanes<float> * ((dimensions + lanes<float> - 1) / lanes<float>);
    std::vector<float> values(factors.size() / width), sums(width);
    for (std::size_t x = 0; x < out.shape(2); ++x) {
        reader.for_each_value(y, x, [&](std::size_t p, float value) { values[p] = value; });
        for (std::size_t d = 0; d < width; d += lanes<float>) {
            // Two sums, because each addition of a single one would wait for the last.
            pack<float> even{}, odd{};
            std::size_t p = 0;
            for (; p + 1 < values.size(); p += 2) {
                even += values[p] * load(&factors[p * width + d]);
                odd += values[p + 1] * load(&factors[(p + 1) * width + d]);
            }
            if (p < values.size()) even += values[p] * load(&factors[p * width + d]);
            store(&sums[d], even + odd);
        }
        for (std::size_t d = 0; d < dimensions; ++d) out(d, y, x) = sums[d];
    }
}

}  // namespace detail

/// Describes every pixel by the patches around it in all guides, mirrored at the borders: each pixel of a patch over
/// its guide's noise, times the root of its Gaussian weight, in the principal directions of the patches of these
/// guides. Patches that are turned lie so that the first guide rises along y and x, and more along y. Non-local means
/// in few dimensions: Buades et al. 2005, doi 10.1137/040616024; Tasdizen 2009, doi 10.1109/TIP.2009.2028259; whatever
/// their turn: Zimmer, Didas & Weickert, Proc. LNLA 2008. Throws value_error for no guide, a noise <= 0, an image that
/// is not finite, a spread <= 0 or no dimension, shape_error for guides of different shapes or none.
template <scalar T>
patch_descriptors describe_patches(const std::vector<guide_image<T>>& guides, const patch_options& options = {},
                                   const execution& exec = {}) {
    require_some(guides, "guides");
    for (const auto& g : guides) {
        require_not_empty(g.image, "guides");
        require_shape(g.image.shape, guides.front().image.shape, "guides", "the first one's");
        require_finite(g.image, "guides");
        require_positive(static_cast<double>(g.standard_deviation), "standard_deviation");
    }
    require_positive(options.spread, "spread");
    require_at_least(options.dimensions, 1, "dimensions");
    const std::size_t ny = guides.front().image.shape[0], nx = guides.front().image.shape[1];
    const auto taps = detail::patch_taps(guides.size(), options);
    const auto padded = detail::padded_guides(guides, options.half);
    const detail::patch_reader reader(padded, taps, options, exec);
    const auto directions = detail::principal_directions(reader, taps, ny, nx, options);
    const std::size_t dimensions = directions.shape(1);

    patch_descriptors found{xt::xtensor<float, 3>({dimensions, ny, nx}), 0};
    constexpr std::size_t n = lanes<float>;
    const std::size_t width = n * ((dimensions + n - 1) / n);
    std::vector<float> factors(taps.size() * width);
    for (std::size_t p = 0; p < taps.size(); ++p) {
        for (std::size_t d = 0; d < dimensions; ++d) {
            found.noise += 2 * taps[p].weight * directions(p, d) * directions(p, d);
            factors[p * width + d] = static_cast<float>(std::sqrt(taps[p].weight) * directions(p, d));
        }
    }
    exec.for_each(ny, [&](std::size_t y) { detail::project_row(reader, factors, y, found.values); });
    return found;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
