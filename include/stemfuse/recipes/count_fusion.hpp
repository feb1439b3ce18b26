// Fused maps from raw counts, with nothing to tune: scales, the response of the HAADF detector and all weights are
// learnt from the measurement.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/recipes/count_parts.hpp>
#include <stemfuse/recipes/count_search.hpp>
#include <stemfuse/recipes/residue.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of fuse_counts().
struct count_fusion_options {
    count_grid grid{};  ///< the settings that are tried
    std::vector<double> residues{0,    0.005, 0.01, 0.02,
                                 0.03, 0.05,  0.08};  ///< tried, see remove_residue(); smallest first
    holdout_options holdout{};                        ///< how counts are split into those to fit and those to judge by
    std::optional<double> haadf_noise{};              ///< of a pixel, in the image's units; estimated where not given
};

/// What was chosen for one element.
struct element_choice {
    count_setting setting;          ///< of the fit that its map comes from
    double residue = 0;             ///< see remove_residue()
    haadf_calibration calibration;  ///< of the fit that its map comes from, image scaled to [0, 1]; none without image
};

/// What fuse_counts() returns: maps, what was chosen, and all that was tried.
template <scalar T>
struct count_fusion_result {
    xt::xtensor<T, 3> maps;              ///< (n, n_y, n_x): expected counts in a pixel, without background
    std::vector<double> scales;          ///< see count_scales()
    double haadf_noise = 0;              ///< of a pixel, in the image's units
    std::vector<element_choice> chosen;  ///< for each element
    std::vector<tried_setting> tried;    ///< all settings that were fitted
    holdout_choice holdout{};            ///< what was held out, and why
};

namespace detail {

inline std::vector<tried_setting> compare(const std::vector<scored_setting>& fits) {
    std::vector<tried_setting> tried;
    const auto deficits_of = [&](auto&& part) {
        std::vector<prediction_score> scores;
        for (const auto& fit : fits) scores.push_back(part(fit.score));
        return choose(scores).deficits;
    };
    const auto all = deficits_of([](const prediction_score& s) { return s; });
    for (std::size_t k = 0; k < fits.size(); ++k) tried.push_back({fits[k].setting, all[k], {}});
    for (std::size_t i = 0; i < fits.front().score.n_elements; ++i) {
        const auto own = deficits_of([i](const prediction_score& s) { return s.element(i); });
        for (std::size_t k = 0; k < fits.size(); ++k) tried[k].by_element.push_back(own[k]);
    }
    return tried;
}

// An element keeps a fit of its own only where this predicts better than the best fit for all elements together by more
// than the standard error of the difference: with few counts the choice among many fits would follow their noise.
template <scalar T>
void prefer_common(scored_path<T>& found) {
    for (std::size_t i = 0; i < found.best.size(); ++i) {
        const std::vector<prediction_score> both{found.fits[found.best[i].fit].score.element(i),
                                                 found.fits[found.common].score.element(i)};
        const score_deficit deficit = choose(both).deficits[1];
        if (deficit.value > deficit.standard_error) continue;
        found.best[i] = {found.common, both[1].total(), xt::view(found.common_maps, i)};
    }
}

// The largest residue whose removal predicts element i worse than the best does by at most the standard error of the
// difference: signal within one standard error of zero is removed.
template <scalar T>
double choose_residue(const count_holdout<T>& holdout, const xt::xtensor<T, 2>& map, std::size_t i,
                      const std::vector<double>& residues) {
    if (residues.empty()) return 0;
    xt::xtensor<T, 3> one = xt::zeros<T>(holdout.held_out().shape());
    std::vector<prediction_score> scores;
    for (const double r : residues) {
        xt::view(one, i) = map;
        remove_residue(as_view(one).image(i), r);
        scores.push_back(holdout.score(as_view(std::as_const(one))).element(i));
    }
    const choice chosen = choose(scores);
    double residue = 0;
    for (std::size_t k = 0; k < residues.size(); ++k) {
        if (chosen.deficits[k].value <= chosen.deficits[k].standard_error) residue = residues[k];
    }
    return residue;
}

// The fit that the setting makes of all counts, before its blur, and the response that it ends with.
template <scalar T>
std::pair<xt::xtensor<T, 3>, haadf_calibration> refit(const count_problem<T>& problem, const scored_setting& chosen,
                                                      const execution& exec) {
    auto fit = problem.start(exec);
    count_setting first = chosen.setting;
    first.haadf_weight = 0;
    first.smoothing = chosen.first_smoothing;
    problem.solve(fit, first, 8, exec);
    haadf_calibration calibration;
    if (chosen.setting.haadf_weight > 0) {
        calibration = first_calibration(problem, fit.maps, chosen.setting.gamma, exec);
        refine(problem, fit, chosen.setting, calibration, 3, 4, exec);
    }
    return {problem.signal(fit.maps), std::move(calibration)};
}

// Fits of all counts, each made once.
template <scalar T>
class whole_fits {
public:
    using fit_type = std::pair<xt::xtensor<T, 3>, haadf_calibration>;  // expected counts, and the response

    // The fit of this number, made by make() where it is new. The reference holds until the next call.
    template <class F>
    const fit_type& of(std::size_t number, F&& make) {
        const auto place =
            static_cast<std::size_t>(std::find(numbers_.begin(), numbers_.end(), number) - numbers_.begin());
        if (place == numbers_.size()) {
            fits_.push_back(make());
            numbers_.push_back(number);
        }
        return fits_[place];
    }

private:
    std::vector<std::size_t> numbers_;
    std::vector<fit_type> fits_;
};

template <scalar T>
void check_count_fusion(const stack_view<const T>& counts, const stack_view<const T>& background,
                        const image_view<const T>& haadf, const count_fusion_options& options) {
    const count_grid& grid = options.grid;
    require_not_empty(counts, "counts");
    require_shape(background.shape, counts.shape, "background", "the counts'");
    require_shape(haadf.shape, {counts.shape[1], counts.shape[2]}, "haadf", "the counts'");
    require_counts(background, "background");
    require_finite(haadf, "haadf");
    require_some(grid.smoothings, "smoothings");
    require_some(grid.directed, "directed");
    require_some(grid.blurs, "blurs");
    for (const double blur : grid.blurs) require_in_range(blur, 0, 100, "blurs");
    for (const auto* values : {&grid.smoothings, &grid.haadf_weights}) {
        for (const double v : *values) require_in_range(v, 1e-6, 1e6, "grid");
    }
    for (const double gamma : grid.gammas) require_in_range(gamma, 1, 2, "gammas");
    for (const double r : options.residues) require_in_range(r, 0, 1, "residues");
    require_in_range(options.holdout.fraction, 0.05, 0.95, "holdout.fraction");
    if (options.haadf_noise) require_non_negative(*options.haadf_noise, "haadf_noise");
}

// fuse_counts() of views; exposure: as count_holdout takes it.
template <scalar T>
count_fusion_result<T> fuse_count_views(const stack_view<const T>& counts, const stack_view<const T>& background,
                                        const image_view<const T>& haadf, const count_fusion_options& options,
                                        const execution& exec, const stack_view<const T>& exposure) {
    check_count_fusion(counts, background, haadf, options);
    const count_parts<T> parts(counts, background, haadf, options.haadf_noise, options.holdout, exec, exposure);
    const part_fits<T> fits(parts.parts(), parts.holdout());
    auto found = count_search<T>(fits, parts.holdout(), options.grid).run(exec);
    prefer_common(found);
    count_fusion_result<T> result;
    result.haadf_noise = parts.haadf_noise();
    result.scales = parts.scales();
    result.tried = compare(found.fits);
    result.holdout = parts.holdout().choice();
    result.maps.resize(counts.shape);
    whole_fits<T> whole;
    for (std::size_t i = 0; i < counts.shape[0]; ++i) {
        const std::size_t number = found.best[i].fit;
        const scored_setting& fit = found.fits[number];
        const auto& [maps, calibration] =
            whole.of(number / options.grid.blurs.size(), [&] { return refit(parts.whole(), fit, exec); });
        xt::view(result.maps, i) = gaussian_filter(as_view(maps).image(i), fit.setting.blur, exec);
        const double residue = choose_residue(parts.holdout(), found.best[i].map, i, options.residues);
        remove_residue(as_view(result.maps).image(i), residue);
        result.chosen.push_back({fit.setting, residue, calibration});
    }
    return result;
}

}  // namespace detail

/// Fuses raw counts (n, n_y, n_x) with the HAADF image (n_y, n_x) of the same area; `background` (n, n_y, n_x) is what
/// of the counts to expect in a pixel without the element, 0 where nothing. Settings are chosen, for each element, by
/// how well fits to a random part of the counts predict the other (count_holdout); then all counts are fitted. The same
/// seed gives the same maps, on any number of threads. See count_problem for the objective, count_grid for the
/// settings. An element without counts above its background ends as a map of about 0; an image that depends on no map,
/// such as a constant one, is left out. Throws shape_error where the shapes differ; value_error for counts that are no
/// whole numbers >= 0, a background that is negative or no number, an image that is not finite, a smoothing or weight
/// <= 0, an exponent outside [1, 2], a blur outside [0, 100], a residue outside [0, 1], a holdout's fraction outside
/// [0.05, 0.95], a noise below 0, and lists that are empty.
template <stack M, stack B, image H>
auto fuse_counts(const M& counts, const B& background, const H& haadf, const count_fusion_options& options = {},
                 const execution& exec = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 3> m(counts, "counts"), b(background, "background");
    const readable<T, 2> h(haadf, "haadf");
    return detail::fuse_count_views<T>(m.view(), b.view(), h.view(), options, exec, {});
}

#ifdef STEMFUSE_COMPILED
namespace detail {
extern template decltype(fuse_count_views<float>) fuse_count_views<float>;
extern template decltype(fuse_count_views<double>) fuse_count_views<double>;
}  // namespace detail
#endif

}  // namespace stemfuse::inline STEMFUSE_ABI
