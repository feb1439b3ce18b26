// The composition that a fusion of counts gives, with errors from fusions of two halves of the counts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <stemfuse/counts/noise_split.hpp>
#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/quantify/composition_maps.hpp>
#include <stemfuse/recipes/guided_fusion.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The composition of the whole image, with the standard errors of counting, and of every pixel.
struct count_composition {
    composition atomic,                ///< of the whole image, atomic fractions
        weight;                        ///< of the whole image, weight fractions
    xt::xtensor<double, 3> fractions;  ///< atomic, (n, n_y, n_x)
    xt::xtensor<double, 3> errors;     ///< standard errors of those, from two fusions of half the counts each
};

namespace detail {

// The options of a fusion with averages of the counts that `options` are for.
inline guided_fusion_options averaging_options(const count_fusion_options& options) {
    guided_fusion_options guided;
    const double fraction = guided.counts.holdout.fraction;
    guided.counts.holdout = options.holdout;
    guided.counts.holdout.fraction = fraction;
    guided.counts.haadf_noise = options.haadf_noise;
    if (options.grid.smoothings != count_grid{}.smoothings)
        guided.smoothings = guided.counts.grid.smoothings = options.grid.smoothings;
    return guided;
}

// The maps that the settings chosen for a whole measurement make of a part of its counts; `background` is that part's.
template <scalar T>
xt::xtensor<T, 3> fuse_as_chosen(const xt::xtensor<T, 3>& counts, const xt::xtensor<T, 3>& background,
                                 const image_view<const T>& haadf, const std::vector<element_choice>& chosen,
                                 count_fusion_options options, const execution& exec) {
    xt::xtensor<T, 3> maps(counts.shape());
    std::vector<bool> done(chosen.size(), false);
    options.residues = {};
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (done[i]) continue;
        const count_setting& s = chosen[i].setting;
        options.grid = {.smoothings = {s.smoothing},
                        .haadf_weights = {},
                        .gammas = {},
                        .directed = {s.directed},
                        .blurs = {s.blur}};
        if (s.haadf_weight > 0) {
            options.grid.haadf_weights = {s.haadf_weight};
            options.grid.gammas = {s.gamma};
        }
        exec.throw_if_stopped();
        const auto fused = fuse_count_views<T>(as_view(counts), as_view(background), haadf, options, exec).maps;
        for (std::size_t k = i; k < chosen.size(); ++k) {
            if (!same_setting(chosen[k].setting, s)) continue;
            xt::view(maps, k) = xt::view(fused, k);
            remove_residue(as_view(maps).image(k), chosen[k].residue);
            done[k] = true;
        }
    }
    return mass_balance(maps, total_counts(counts, background)).maps;
}

// The standard errors of the fractions of every pixel. With averages each half chooses anew: kernels depend on the
// counts that they are made for. tell(k) is called before the half k is fused.
template <scalar T, class Tell>
xt::xtensor<double, 3> errors_of_halves(const k_factors& factors, const xt::xtensor<T, 3>& counts,
                                        const xt::xtensor<T, 3>& background, const image_view<const T>& haadf,
                                        const std::vector<element_choice>& chosen, const count_fusion_options& options,
                                        const execution& exec, Tell&& tell) {
    // Another seed than that of the counts held out.
    const std::uint64_t seed = options.holdout.seed + 1;
    auto halves = options.holdout.scaled
                      ? split_scaled_counts<T>(as_view(counts), 0.5, seed, exec, options.holdout.names)
                      : thin_counts<T>(counts, 0.5, seed, exec, options.holdout.names);
    // Added noise may leave less than nothing in a pixel.
    halves.rest = xt::maximum(halves.rest, T(0));
    const xt::xtensor<T, 3> half_background = T(0.5) * background;
    const bool averaged =
        std::any_of(chosen.begin(), chosen.end(), [](const auto& c) { return c.setting.averaged != averaging::none; });
    const auto fuse_half = [&](const xt::xtensor<T, 3>& half) {
        if (!averaged) return fuse_as_chosen<T>(half, half_background, haadf, chosen, options, exec);
        const auto maps =
            fuse_guided_views<T>(as_view(half), as_view(half_background), haadf, averaging_options(options), exec).maps;
        return mass_balance(maps, total_counts(half, half_background)).maps;
    };
    tell(0);
    const auto a = fuse_half(halves.kept);
    tell(1);
    const auto b = fuse_half(halves.rest);
    return composition_errors(a, b, factors, {}, exec);
}

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
