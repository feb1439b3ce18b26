// Parameters chosen by comparison with the truth.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/execution.hpp>

#include "quality_figures.hpp"
#include "quality_recipes.hpp"

namespace quality {

using settings = std::vector<std::vector<double>>;

// All combinations of what `values` has for each axis.
inline settings combinations(const settings& values) {
    settings all{{}};
    for (const auto& axis_values : values) {
        settings longer;
        for (const auto& start : all) {
            for (const double v : axis_values) {
                longer.push_back(start);
                longer.back().push_back(v);
            }
        }
        all = std::move(longer);
    }
    return all;
}

// The setting of the smallest mean NRMSE: of a grid on which every axis doubles, then twice of the neighbours of the
// best at a half and a quarter of the step.
inline std::vector<double> tune(const recipe& r, const scan& s, const maps_type& truth, stemfuse::thread_pool& pool) {
    std::vector<double> best;
    double error = INFINITY;
    const auto try_all = [&](const settings& values) {
        const settings tried = combinations(values);
        std::vector<double> errors(tried.size());
        pool.for_each(tried.size(), [&](std::size_t k) { errors[k] = mean_nrmse(r.run(s, tried[k], {}).maps, truth); });
        const auto lowest = std::min_element(errors.begin(), errors.end());
        if (*lowest >= error) return;
        error = *lowest;
        best = tried[static_cast<std::size_t>(lowest - errors.begin())];
    };
    if (r.tuned.empty()) return best;
    settings grid;
    for (const axis& a : r.tuned) {
        grid.emplace_back();
        for (double v = a.lowest; v <= 1.0001 * a.highest; v *= 2) grid.back().push_back(v);
    }
    try_all(grid);
    for (const double step : {std::sqrt(2.0), std::sqrt(std::sqrt(2.0))}) {
        settings neighbours;
        for (const double v : best) neighbours.push_back({v / step, v, v * step});
        try_all(neighbours);
    }
    return best;
}

// The setting of fuse_counts()'s grid, one for all elements, of the smallest mean NRMSE when it is fitted to all
// counts.
inline std::pair<stemfuse::count_setting, double> oracle_cell(const scan& s, const maps_type& truth,
                                                              stemfuse::thread_pool& pool) {
    using namespace stemfuse;
    const xt::xtensor<float, 3> counts = xt::cast<float>(s.counts), background = xt::cast<float>(s.background);
    const xt::xtensor<float, 2> haadf = xt::cast<float>(s.haadf);
    const auto m = as_view(counts), b = as_view(background);
    const auto h = as_view(haadf);
    const scaled_haadf<float> image(h, image_noise(h, "haadf"));
    const count_problem<float> problem(m, b, count_scales(m, b), image);
    const count_grid grid;
    std::vector<count_setting> cells;
    for (const bool directed : grid.directed) {
        for (const double smoothing : grid.smoothings) {
            cells.push_back({.directed = directed, .smoothing = smoothing});
            for (const double weight : grid.haadf_weights) {
                for (const double gamma : grid.gammas) cells.push_back({directed, weight, gamma, smoothing});
            }
        }
    }
    std::vector<double> errors(cells.size());
    pool.for_each(cells.size(), [&](std::size_t k) {
        const auto maps = detail::refit(problem, {cells[k], cells[k].smoothing, {}}, {}).first;
        errors[k] = INFINITY;
        for (const double blur : grid.blurs) {
            const double error = mean_nrmse(xt::cast<double>(gaussian_filter(as_view(maps), blur)), truth);
            if (error >= errors[k]) continue;
            errors[k] = error;
            cells[k].blur = blur;
        }
    });
    const auto lowest = std::min_element(errors.begin(), errors.end());
    return {cells[static_cast<std::size_t>(lowest - errors.begin())], *lowest};
}

}  // namespace quality
