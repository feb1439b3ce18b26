// The composition of counts by k-factors, for the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/counts/noise_split.hpp>
#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/quantify/composition_maps.hpp>
#include <stemfuse/recipes/guided_fusion.hpp>

#include "count_details.hpp"
#include "count_options.hpp"
#include "progress_line.hpp"

namespace program {

// Nothing where none are given. Throws usage_error.
inline std::optional<stemfuse::k_factors> parse_k_factors(const std::vector<std::string>& entries,
                                                          const std::vector<std::string>& symbols) {
    if (entries.empty()) return {};
    const auto values = parse_by_element(entries, symbols, "--k-factors", false);
    std::vector<std::pair<std::string, double>> named;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!(values[i].value_or(0) > 0))
            throw usage_error("--k-factors: has none above 0 for " + symbols[i] + ", must have one for each element");
        named.emplace_back(symbols[i], *values[i]);
    }
    return stemfuse::k_factors(symbols, named);
}

// The options of a fusion with averages of the counts that `options` are for.
inline stemfuse::guided_fusion_options averaging_options(const stemfuse::count_fusion_options& options) {
    stemfuse::guided_fusion_options guided;
    const double fraction = guided.counts.holdout.fraction;
    guided.counts.holdout = options.holdout;
    guided.counts.holdout.fraction = fraction;
    guided.counts.haadf_noise = options.haadf_noise;
    if (options.grid.smoothings != stemfuse::count_grid{}.smoothings)
        guided.smoothings = guided.counts.grid.smoothings = options.grid.smoothings;
    return guided;
}

// The maps that the settings chosen for a whole measurement make of a part of its counts; `background` is that part's.
// The same on any number of threads. Throws interrupted.
template <class T>
xt::xtensor<T, 3> fuse_as_chosen(const xt::xtensor<T, 3>& counts, const xt::xtensor<T, 3>& background,
                                 const xt::xtensor<T, 2>& haadf, const std::vector<stemfuse::element_choice>& chosen,
                                 stemfuse::count_fusion_options options, const stemfuse::execution& exec) {
    using namespace stemfuse;
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
        const auto fused = fuse_counts(counts, background, haadf, options, exec).maps;
        throw_if_interrupted("between two fusions");
        for (std::size_t k = i; k < chosen.size(); ++k) {
            if (!same_setting(chosen[k].setting, s)) continue;
            xt::view(maps, k) = xt::view(fused, k);
            remove_residue(as_view(maps).image(k), chosen[k].residue);
            done[k] = true;
        }
    }
    return mass_balance(maps, total_counts(counts, background)).maps;
}

// Adds the fractions of every pixel of the fused maps, and their errors by two fusions of half the counts each.
template <class T>
void add_composition_maps(count_composition& composition, const stemfuse::k_factors& factors,
                          const xt::xtensor<T, 3>& fused, const xt::xtensor<T, 3>& counts,
                          const xt::xtensor<T, 3>& background, const xt::xtensor<T, 2>& haadf,
                          const std::vector<stemfuse::element_choice>& chosen,
                          const stemfuse::count_fusion_options& options, const stemfuse::execution& exec) {
    using namespace stemfuse;
    composition.fractions = composition_maps(fused, factors, {}, exec);
    // Another seed than that of the counts held out.
    const std::uint64_t seed = options.holdout.seed + 1;
    auto halves = options.holdout.scaled
                      ? split_scaled_counts<T>(as_view(counts), 0.5, seed, exec, options.holdout.names)
                      : thin_counts<T>(counts, 0.5, seed, exec, options.holdout.names);
    // Added noise may leave less than nothing in a pixel.
    halves.rest = xt::maximum(halves.rest, T(0));
    const xt::xtensor<T, 3> half_background = T(0.5) * background;
    // With averages every half chooses anew: kernels depend on the counts that they are made for.
    const bool averaged =
        std::any_of(chosen.begin(), chosen.end(), [](const auto& c) { return c.setting.averaged != averaging::none; });
    const auto fuse_half = [&](const xt::xtensor<T, 3>& half) {
        if (!averaged) return fuse_as_chosen(half, half_background, haadf, chosen, options, exec);
        const auto maps = fuse_counts_guided(half, half_background, haadf, averaging_options(options), exec).maps;
        return mass_balance(maps, total_counts(half, half_background)).maps;
    };
    const auto a = fuse_half(halves.kept), b = fuse_half(halves.rest);
    composition.errors = composition_errors(a, b, factors, {}, exec);
}

}  // namespace program
