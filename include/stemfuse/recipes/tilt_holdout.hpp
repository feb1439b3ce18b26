// How strongly HAADF and prior weigh in a fusion of tilt series, chosen by counts that are held out.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/recipes/tomography.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What is tried: every pair of the factors, which multiply the rules of tilt_defaults.
struct tilt_holdout_options {
    double kept = 0.8;                         ///< fraction of the counts that is fitted, above 0 and below 1
    std::uint64_t seed = 1;                    ///< of the thinning
    std::vector<double> variation{0.5, 1, 2},  ///< factors of the prior
        haadf{0.0625, 0.25, 1, 4};             ///< factors of lambda_haadf
};

/// One pair of factors.
struct tilt_holdout_cell {
    double variation,  ///< of the prior
        haadf,         ///< of lambda_haadf
        deviance;      ///< sum of m - b log m over the counts held out, m what the fit expects of them: less is better
};

namespace detail {

// The Poisson likelihood of held-out counts `rest` for a fit of those kept, on all ranks alike.
template <class T, class C>
double deviance_of(const tilt_counts<T>& rest, const xt::xtensor<T, 3>& maps, double share, const execution& exec,
                   const C& ranks) {
    xt::xtensor<T, 3> p(rest.projector().range_shape());
    rest.projector().apply(maps, p, exec);
    for (T& v : p) v *= static_cast<T>(share);
    const std::size_t rows = p.shape()[1], nx = p.shape()[2];
    return sum_of_columns(
        column_sums(p.shape()[0] * rows, nx, rest.projector().geometry().bins(), exec,
                    [&](std::size_t k, double* sums) { rest.row_cost(k / rows, k % rows, p.data() + k * nx, sums); }),
        ranks);
}

}  // namespace detail

/// The options with the pair of factors whose fit of thinned counts (see thin_counts: each kept with probability
/// `kept`) predicts those held out best, and all pairs. Weights of the elements are those of one fit by the rules. As
/// many fusions as there are pairs, and one more. What it can not tell: where HAADF moves an element's signal to
/// another whose counts are as many, held-out counts are predicted alike. The observer sees the fraction of all of it,
/// in stage `preparing`. Throws value_error for a fraction or factors out of range, for counts that are no whole
/// numbers, and for a HAADF series alone; and what fuse_tilt_series() throws.
template <scalar T, communicator C = serial_communicator>
std::pair<tomography_options, std::vector<tilt_holdout_cell>> choose_by_holdout(
    const tilt_measurement<T>& m, tomography_options o, const tilt_holdout_options& h = {}, const execution& exec = {},
    const C& ranks = {}, const recipe_observer& observer = {}) {
    if (m.elements.empty())
        throw value_error("elements", "are none, must be one or more: there are counts to hold out");
    if (!(h.kept > 0 && h.kept < 1)) throw value_error("kept", "is " + to_string(h.kept) + ", must be in (0, 1)");
    require_some<shape_error>(h.variation, "variation");
    require_some<shape_error>(h.haadf, "haadf");
    for (const auto* factors : {&h.variation, &h.haadf}) {
        for (const double f : *factors) require_positive(f, "factors");
    }
    auto parts = thin_counts<T>(m.counts, h.kept, h.seed, exec, m.elements);
    tilt_measurement<T> kept = m;
    kept.counts = std::move(parts.kept);
    tomography_options trial = o;
    trial.checkpoint.clear();
    trial.background = h.kept * o.background;
    const auto all = static_cast<double>(h.variation.size() * h.haadf.size() + 1);
    double fits = 0;
    const auto fit = [&] {
        auto result = fuse_tilt_series(kept, trial, exec, ranks, [&](const recipe_progress& now) {
            return observer({recipe_stage::preparing, (fits + now.done) / all, now.iteration});
        });
        ++fits;
        return result;
    };
    const auto rules = fit();
    if (trial.weights.empty()) {
        trial.offset = rules.offset;
        trial.weights = rules.weights;
    }
    const std::size_t n_x = m.counts.shape()[2];
    const tilt_counts<T> rest(columns_of(parts.rest, slab_of(n_x, ranks)),
                              tilt_geometry(rules.n_z, m.bins, m.bins, m.count_angles, m.count_shifts),
                              (1 - h.kept) * o.background);
    std::vector<tilt_holdout_cell> cells;
    for (const double variation : h.variation) {
        for (const double haadf : h.haadf) {
            trial.variation = o.variation * variation;
            trial.haadf_factor = o.haadf_factor * haadf;
            const auto fused = fit();
            cells.push_back(
                {variation, haadf, detail::deviance_of(rest, fused.maps, (1 - h.kept) / h.kept, exec, ranks)});
        }
    }
    const auto best = std::min_element(cells.begin(), cells.end(),
                                       [](const auto& a, const auto& b) { return a.deviance < b.deviance; });
    o.variation *= best->variation;
    o.haadf_factor *= best->haadf;
    return {o, cells};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
