// Maps made of the principal components of joint patches of counts and image.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/counts/variance_root.hpp>
#include <stemfuse/nonlocal/patch_components.hpp>
#include <stemfuse/recipes/count_problem.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Patches whose components are tried.
struct component_patches {
    std::size_t half = 3;  ///< patches have 2 half + 1 pixels a side
    double image = 0;      ///< how much the image counts beside the counts, in units of its noise; 0: not at all
    bool roots = false;    ///< components of the roots of the counts, else of net counts over the root of their scale
};

/// The components that are tried.
struct component_grid {
    /// Of counts, alone and with the image, and of roots, whose noise is the same whatever the count above about 3.
    std::vector<component_patches> patches{{.half = 3, .image = 0},
                                           {.half = 3, .image = 0.2},
                                           {.half = 3, .image = 0.7},
                                           {.half = 2, .image = 0.7, .roots = true}};
    std::vector<std::size_t> ranks{1, 2, 3, 5, 8, 13, 20};  ///< components that are kept; smallest first
    std::size_t most_pixels = std::size_t{1} << 21;         ///< larger images have none, for the memory they would take
};

namespace detail {

// The components of one measurement.
template <scalar T>
class component_fit {
public:
    component_fit(const count_problem<T>& problem, const component_patches& patches, std::size_t most,
                  const execution& exec)
        : problem_(problem),
          roots_(patches.roots),
          components_(channels(problem, patches, exec), patches, most, exec) {}

    // Expected counts of element i without background.
    xt::xtensor<T, 2> map(std::size_t i, std::size_t rank, const execution& exec) const {
        xt::xtensor<T, 2> map = components_.all.channel(i, rank, exec);
        for (std::size_t y = 0; y < map.shape(0); ++y) {
            const T* const b = problem_.background().row(i, y);
            for (std::size_t x = 0; x < map.shape(1); ++x) {
                T& v = map(y, x);
                v = roots_ ? static_cast<T>(counts_of_root(static_cast<double>(v))) - b[x] : v * unit(i);
                v = std::max(v, T(0));
            }
        }
        return map;
    }

private:
    struct held_components {
        held_components(xt::xtensor<T, 3> channels, const component_patches& patches, std::size_t most,
                        const execution& exec)
            : all(as_view(std::as_const(channels)), patches.half, most, exec) {}
        patch_components<T> all;
    };

    // The root of a bright part's counts: what the noise of a map is about.
    T unit(std::size_t i) const { return static_cast<T>(std::sqrt(problem_.scales()[i])); }

    // Where a pixel is left out, its surroundings stand for it.
    xt::xtensor<T, 3> channels(const count_problem<T>& problem, const component_patches& patches,
                               const execution& exec) const {
        const auto shape = problem.shape();
        const std::size_t used = shape[0] + (patches.image > 0 ? 1 : 0);
        xt::xtensor<T, 3> all({used, shape[1], shape[2]});
        const xt::xtensor<T, 3> net = problem.net();
        xt::xtensor<T, 3> around;
        if (problem.exposure().size() > 0) around = smoothed_where(as_view(net), problem.exposure(), 1.5, exec);
        for (std::size_t i = 0; i < shape[0]; ++i) {
            for (std::size_t y = 0; y < shape[1]; ++y) {
                for (std::size_t x = 0; x < shape[2]; ++x) {
                    const bool seen = problem.exposure().size() == 0 || problem.exposure().row(i, y)[x] > 0;
                    const T signal = seen ? net(i, y, x) : around(i, y, x);
                    const double counts = static_cast<double>(signal + problem.background().row(i, y)[x]);
                    all(i, y, x) = patches.roots ? static_cast<T>(root_of_counts(counts)) : signal / unit(i);
                }
            }
        }
        if (patches.image > 0) {
            const auto& image = problem.haadf();
            // An image without noise would outweigh all counts.
            const T factor = static_cast<T>(patches.image / std::max(image.noise, 1e-3));
            xt::view(all, shape[0]) = factor * image.image;
        }
        return all;
    }

    const count_problem<T>& problem_;
    bool roots_;
    held_components components_;
};

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
