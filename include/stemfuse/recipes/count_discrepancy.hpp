// Fused maps from raw counts by the discrepancy rule: nothing is held out, one path of fits is all.
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/counts/discrepancy.hpp>
#include <stemfuse/recipes/count_fusion.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The cheap fallback of fuse_counts(): of the fits to the counts alone with the smoothings of the grid up to 4 (the
/// smallest, where all are above), the one whose discrepancy() is next to 0; then, with the same smoothing, counts and
/// image with the middle weight of the grid and the exponent of the smallest misfit. Beyond 4 the rule, known to smooth
/// too much, is wrong more often than not. One direction of the prior, the first of the grid, serves all elements, and
/// nothing is taken for residue; `tried` stays empty. Takes and throws what fuse_counts() does.
template <stack M, stack B, image H>
auto fuse_counts_by_discrepancy(const M& counts, const B& background, const H& haadf,
                                const count_fusion_options& options = {}, const execution& exec = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 3> m(counts, "counts"), b(background, "background");
    const readable<T, 2> h(haadf, "haadf");
    detail::check_count_fusion(m.view(), b.view(), h.view(), options);
    require_counts(m.view(), "counts");
    const count_grid& grid = options.grid;

    count_fusion_result<T> result;
    result.haadf_noise = options.haadf_noise ? *options.haadf_noise : image_noise(h.view(), "haadf", exec);
    result.scales = count_scales(m.view(), b.view(), exec);
    const scaled_haadf<T> image(h.view(), result.haadf_noise);
    const count_problem<T> problem(m.view(), b.view(), result.scales, image);

    count_setting setting{.directed = grid.directed.front()}, tried = setting;
    auto fit = problem.start(exec), best = fit;
    double nearest = INFINITY;
    for (const double smoothing : grid.smoothings) {
        if (smoothing > 4 && smoothing > grid.smoothings.back()) continue;
        tried.smoothing = smoothing;
        problem.solve(fit, tried, std::isinf(nearest) ? 8 : 3, exec);
        const double found = discrepancy(m.view(), problem.rates(fit.maps), exec);
        if (std::abs(found) < nearest) {
            nearest = std::abs(found);
            setting = tried;
            best = fit;
        }
        if (found < 0) break;
    }
    haadf_calibration calibration;
    for (const double gamma : grid.gammas) {
        auto own = detail::first_calibration(problem, best.maps, gamma, exec);
        if (!own.sees_any() || (calibration.sees_any() && own.misfit >= calibration.misfit)) continue;
        calibration = std::move(own);
        setting.gamma = gamma;
    }
    if (calibration.sees_any() && !grid.haadf_weights.empty()) {
        setting.haadf_weight = grid.haadf_weights[grid.haadf_weights.size() / 2];
        detail::refine(problem, best, setting, calibration, 3, 4, exec);
    }
    result.maps = problem.signal(best.maps);
    result.chosen.assign(m.view().shape[0], {setting, 0, calibration});
    return result;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
