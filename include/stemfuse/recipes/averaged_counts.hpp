// Counts averaged over places that look alike, for each element by the kernel that predicts held-out counts best.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <stemfuse/counts/local_excess.hpp>
#include <stemfuse/nonlocal/guided_average.hpp>
#include <stemfuse/nonlocal/neighbour_search.hpp>
#include <stemfuse/nonlocal/patch_descriptors.hpp>
#include <stemfuse/recipes/count_parts.hpp>
#include <stemfuse/recipes/count_search.hpp>
#include <stemfuse/recipes/residue.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The kernels that are tried: every softness with every kind of patch, of the image alone and of image and maps. Small
/// patches keep fine features apart, large ones bear more noise.
struct kernel_grid {
    /// Patches of the image alone.
    std::vector<patch_options> of_image{{.half = 3, .spread = 2, .dimensions = 16},
                                        {.half = 6, .spread = 4, .dimensions = 24, .turned = true}};
    /// Patches of image and maps together.
    std::vector<patch_options> of_maps{{.half = 2, .spread = 1.3, .dimensions = 20, .turned = true}};
    bool plain_guides = true;                      ///< also first maps without components, as they keep edges sharper
    double map_noise = 0.03;                       ///< of a map that guides, in units of its bright level
    std::vector<double> softnesses{2, 6, 20, 60};  ///< how unlike patches may be, see guided_average; 1e-3 to 1e6
    neighbour_options search{};                    ///< for the places that are averaged over
};

/// The kernel that an element's counts are averaged by.
struct kernel_choice {
    averaging guide = averaging::none;  ///< what tells places that look alike; none: the counts as they are
    std::size_t patches = 0;            ///< its place among those of the guide
    double softness = 0;                ///< see guided_average; 0 without a guide
    bool plain = false;                 ///< by_maps: the maps are without components
};

namespace detail {

// Averages for every element, shape (n, n_y, n_x).
template <scalar T>
struct averaged_counts {
    xt::xtensor<T, 3> counts, background;
    xt::xtensor<T, 3> nonlocal_fraction;  // sum of the weights from farther than `near_by` pixels

    // Pixels. What comes from nearer is of the same place, as in any smoothing.
    static constexpr double near_by = 3;

    xt::xtensor<T, 3> signal() const { return xt::maximum(counts - background, T(0)); }
};

// The fit of averaged counts in turns with the response of the image to it, from the averages on: expected counts.
template <class Problem>
auto fit_averages(const Problem& problem, typename Problem::fit_type fit, const count_setting& setting,
                  haadf_calibration calibration, const execution& exec) {
    constexpr int rounds = 3;
    constexpr std::size_t iterations = 3;
    if (!(setting.haadf_weight > 0 && calibration.sees_any())) {
        problem.solve(fit, setting, rounds * iterations, exec);
        return std::pair{problem.signal(fit), haadf_calibration{}};
    }
    for (int round = 0; round < rounds && calibration.sees_any(); ++round) {
        problem.solve(fit, setting, calibration, iterations, exec);
        if (round + 1 < rounds) calibration = first_calibration(problem, problem.maps_of(fit), setting.gamma, exec);
    }
    return std::pair{problem.signal(fit), std::move(calibration)};
}

// Tries kernels one list of neighbours at a time, because a list takes more memory than everything else.
template <scalar T>
class kernel_search {
public:
    kernel_search(const count_parts<T>& parts, const kernel_grid& grid, const execution& exec)
        : parts_(parts),
          grid_(grid),
          exec_(exec),
          chosen_(parts.scales().size()),
          highest_(parts.scales().size(), -INFINITY),
          parts_of_(parts.parts().size(), empty()),
          whole_(empty()) {}

    const std::vector<kernel_choice>& chosen() const noexcept { return chosen_; }
    // Of every fold of the hold-out.
    const std::vector<averaged_counts<T>>& parts() const noexcept { return parts_of_; }

    // Whether any element is better averaged by these kernels than by all before. The image is the same guide to the
    // part as to the whole.
    bool try_image() { return try_all(guides({}), grid_.of_image, {averaging::by_image}); }

    // Maps of the part, expected counts; plain: without components.
    bool try_maps(const xt::xtensor<T, 3>& maps, bool plain) {
        return try_all(guides(maps), grid_.of_maps, {averaging::by_maps, 0, 0, plain});
    }

    // Averages of all counts by the kernels that were chosen, of those guided by maps with maps_of(plain) in place of
    // the part's.
    template <class F>
    averaged_counts<T> whole(F&& maps_of) const {
        averaged_counts<T> all = whole_;
        for (const bool plain : {true, false}) {
            const kernel_choice kind{averaging::by_maps, 0, 0, plain};
            if (with([&](const kernel_choice& c) { return same_guide(c, kind); }).empty()) continue;
            const xt::xtensor<T, 3> maps = maps_of(plain);
            const auto guiding = guides(maps);
            for (std::size_t k = 0; k < grid_.of_maps.size(); ++k) {
                const auto elements =
                    with([&](const kernel_choice& c) { return same_guide(c, kind) && c.patches == k; });
                if (elements.empty()) continue;
                const auto [list, noise] = neighbours(guiding, grid_.of_maps[k]);
                for (const std::size_t i : elements) {
                    const guided_average<T> kernel(list, noise, chosen_[i].softness);
                    average(kernel, i, parts_.whole(), all);
                }
            }
        }
        return all;
    }

    averaged_counts<T> whole() const { return whole_; }

private:
    using list_type = std::shared_ptr<const neighbour_list>;

    static bool same_guide(const kernel_choice& a, const kernel_choice& b) {
        return a.guide == b.guide && a.plain == b.plain;
    }

    averaged_counts<T> empty() const {
        const auto shape = parts_.whole().shape();
        return {xt::zeros<T>(shape), xt::zeros<T>(shape), xt::zeros<T>(shape)};
    }

    // The image and the maps. Patches are compared in units of the noise: a guide is taken to have some.
    std::vector<guide_image<T>> guides(const xt::xtensor<T, 3>& maps) const {
        const auto& image = parts_.image();
        std::vector<guide_image<T>> all{{as_view(image.image), std::max(static_cast<T>(image.noise), T(1e-4))}};
        for (std::size_t i = 0; maps.size() > 0 && i < maps.shape(0); ++i) {
            const auto map = as_view(maps).image(i);
            all.push_back({map, std::max(static_cast<T>(grid_.map_noise) * bright_level<T>(map), T(1e-9))});
        }
        return all;
    }

    std::pair<list_type, double> neighbours(const std::vector<guide_image<T>>& guides,
                                            const patch_options& patches) const {
        const auto described = describe_patches(guides, patches, exec_);
        return {std::make_shared<const neighbour_list>(find_neighbours(described, grid_.search, exec_)),
                described.noise};
    }

    template <class F>
    std::vector<std::size_t> with(F&& is) const {
        std::vector<std::size_t> elements;
        for (std::size_t i = 0; i < chosen_.size(); ++i) {
            if (is(chosen_[i])) elements.push_back(i);
        }
        return elements;
    }

    bool try_all(const std::vector<guide_image<T>>& guides, const std::vector<patch_options>& patches,
                 kernel_choice kind) {
        bool better = false;
        std::vector<xt::xtensor<T, 3>> net;
        for (const auto& part : parts_.parts()) net.push_back(part.net());
        for (std::size_t k = 0; k < patches.size(); ++k) {
            const auto [list, noise] = neighbours(guides, patches[k]);
            for (const double softness : grid_.softnesses) {
                const guided_average<T> kernel(list, noise, softness);
                std::vector<xt::xtensor<T, 3>> folds;
                for (std::size_t f = 0; f < net.size(); ++f) {
                    auto& own = folds.emplace_back(net[f].shape());
                    kernel.apply(as_view(std::as_const(net[f])), as_view(own), exec_);
                    expose(kernel, parts_.parts()[f].exposure(), own);
                    own = xt::maximum(own, T(0));
                }
                const xt::xtensor<T, 3> averaged = parts_.holdout().compose(std::move(folds));
                const auto score = parts_.holdout().score(as_view(averaged), exec_);
                for (std::size_t i = 0; i < chosen_.size(); ++i) {
                    const double own = score.element(i).total();
                    if (!(own > highest_[i])) continue;
                    highest_[i] = own;
                    chosen_[i] = {kind.guide, k, softness, kind.plain};
                }
            }
            for (const std::size_t i :
                 with([&](const kernel_choice& c) { return same_guide(c, kind) && c.patches == k; })) {
                const guided_average<T> kernel(list, noise, chosen_[i].softness);
                for (std::size_t f = 0; f < parts_of_.size(); ++f) average(kernel, i, parts_.parts()[f], parts_of_[f]);
                if (kind.guide == averaging::by_image) average(kernel, i, parts_.whole(), whole_);
                better = true;
            }
        }
        return better;
    }

    void average(const guided_average<T>& kernel, std::size_t i, const count_problem<T>& from,
                 averaged_counts<T>& to) const {
        kernel.apply(one(from.counts(), i), one(as_view(to.counts), i), exec_);
        if (from.exposure().size() == 0) {
            kernel.apply(one(from.background(), i), one(as_view(to.background), i), exec_);
        } else {
            const auto exposure = one(from.exposure(), i);
            const xt::xtensor<T, 3> beside = exposed(one(from.background(), i), exposure);
            kernel.apply(as_view(beside), one(as_view(to.background), i), exec_);
            xt::xtensor<T, 3> seen(exposure.shape);
            kernel.apply(exposure, as_view(seen), exec_);
            seen = xt::maximum(seen, least_seen);
            xt::view(to.counts, i) /= xt::view(seen, 0);
            xt::view(to.background, i) = xt::maximum(xt::view(to.background, i) / xt::view(seen, 0), T(1e-9));
        }
        xt::view(to.nonlocal_fraction, i) = kernel.fraction_beyond(averaged_counts<T>::near_by, exec_);
    }

    // Divides averages by that of the exposure.
    void expose(const guided_average<T>& kernel, const stack_view<const T>& exposure,
                xt::xtensor<T, 3>& averages) const {
        if (exposure.size() == 0) return;
        xt::xtensor<T, 3> seen(exposure.shape);
        kernel.apply(exposure, as_view(seen), exec_);
        averages /= xt::maximum(seen, least_seen);
    }

    // Of the weights of an average; where less was exposed it goes to 0.
    static constexpr T least_seen = static_cast<T>(1e-3);

    // One image of a stack, as a stack.
    template <class U>
    static stack_view<U> one(const stack_view<U>& stack, std::size_t i) {
        return {stack.row(i, 0), {1, stack.shape[1], stack.shape[2]}, stack.strides};
    }

    const count_parts<T>& parts_;
    const kernel_grid& grid_;
    const execution& exec_;
    std::vector<kernel_choice> chosen_;
    std::vector<double> highest_;
    std::vector<averaged_counts<T>> parts_of_;
    averaged_counts<T> whole_;
};

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
