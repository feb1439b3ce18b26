// The composition that a fusion of counts gives, and the fusion of other counts as it was done.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <stemfuse/quantify/composition_maps.hpp>
#include <stemfuse/recipes/guided_fusion.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The composition of the whole image, with the standard errors of counting, and of every pixel.
struct count_composition {
    composition atomic,                ///< of the whole image, atomic fractions
        weight;                        ///< of the whole image, weight fractions
    xt::xtensor<double, 3> fractions;  ///< atomic, (n, n_y, n_x)
    xt::xtensor<double, 3> errors;     ///< standard errors of those, see estimate_count_errors()
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

// The maps that the settings chosen for one measurement make of another of the same kind.
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
        const auto fused = fuse_count_views<T>(as_view(counts), as_view(background), haadf, options, exec, {}).maps;
        for (std::size_t k = i; k < chosen.size(); ++k) {
            if (!same_setting(chosen[k].setting, s)) continue;
            xt::view(maps, k) = xt::view(fused, k);
            remove_residue(as_view(maps).image(k), chosen[k].residue);
            done[k] = true;
        }
    }
    return mass_balance(maps, total_counts(counts, background)).maps;
}

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
