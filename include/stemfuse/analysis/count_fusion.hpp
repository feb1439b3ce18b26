// Fused maps from raw counts, with nothing to tune: scales, the response of the HAADF detector and all weights are
// learnt from the measurement.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/analysis/choose.hpp>
#include <stemfuse/analysis/count_problem.hpp>
#include <stemfuse/analysis/residue.hpp>
#include <stemfuse/data/image_noise.hpp>

namespace stemfuse {

struct count_fusion_options {
    std::vector<double> smoothings{9, 6, 4, 2.7, 1.8, 1.2};          // tried, largest first
    std::vector<double> haadf_weights{0.1, 0.3, 1};                  // tried, besides the counts alone
    std::vector<bool> directed{true, false};                         // tried
    std::vector<double> residues{0, 0.005, 0.01, 0.02, 0.03, 0.05};  // tried, see remove_residue(); smallest first
    holdout_options holdout{};
    std::optional<double> haadf_noise{};  // of a pixel, in the image's units; estimated where not given
};

// What was chosen for one element.
struct element_choice {
    count_setting setting;
    double residue = 0;
    haadf_calibration calibration;  // of the fit that its map comes from; empty where the counts were fitted alone
};

// A setting that was tried, and how much worse than the best it predicts the counts held out: of all elements, and of
// each.
struct tried_setting {
    count_setting setting;
    score_deficit deficit;
    std::vector<score_deficit> by_element;
};

template <scalar T>
struct count_fusion_result {
    xt::xtensor<T, 3> maps;      // expected counts in a pixel, without background
    std::vector<double> scales;  // see count_scales()
    double haadf_noise = 0;      // of a pixel, in the image's units
    std::vector<element_choice> chosen;
    std::vector<tried_setting> tried;  // empty where there was nothing to choose
};

namespace detail {

// All fits to one part of the counts, scored by the other.
template <scalar T>
class count_search {
public:
    using problem_type = count_problem<T>;
    using fit_type = typename problem_type::fit_type;

    struct scored {
        count_setting setting;
        prediction_score score;
        double start_smoothing;  // of the fit to the counts alone that the calibration was made on
    };

    // For each element the best so far.
    struct best_map {
        std::size_t candidate = 0;
        double score = -INFINITY;
        xt::xtensor<T, 2> map;  // expected counts
    };

    count_search(const problem_type& problem, const count_holdout<T>& holdout, const count_fusion_options& options)
        : problem_(problem), holdout_(holdout), options_(options) {}

    void run(const execution& exec) {
        for (const bool directed : options_.directed) run(directed, exec);
    }

    const std::vector<scored>& candidates() const { return candidates_; }
    const std::vector<best_map>& best() const { return best_; }

private:
    // First the counts alone, from much smoothing to little; from the best of these fits on, with the image.
    void run(bool directed, const execution& exec) {
        fit_type fit = problem_.start(exec), start;
        double highest = -INFINITY, chosen = 0;
        for (std::size_t k = 0; k < options_.smoothings.size(); ++k) {
            const count_setting setting{directed, 0, options_.smoothings[k]};
            problem_.solve(fit, setting, k == 0 ? 12 : 6, exec);
            const double score = add(setting, fit, setting.smoothing, exec);
            if (score > highest) {
                highest = score;
                start = fit;
                chosen = setting.smoothing;
            }
        }
        const haadf_calibration first = calibrate(start.maps, {}, exec);
        if (!first.sees_any()) return;
        for (const double weight : options_.haadf_weights) {
            for (const double smoothing : options_.smoothings) {
                const count_setting setting{directed, weight, smoothing};
                fit = start;
                refine(fit, setting, first, exec);
                add(setting, fit, chosen, exec);
            }
        }
    }

public:
    haadf_calibration calibrate(const xt::xtensor<T, 3>& x, std::optional<haadf_calibration> earlier,
                                const execution& exec) const {
        calibration_options options;
        if (earlier) options.gammas = {earlier->gamma};
        haadf_calibration found = calibrate_haadf(x, problem_.haadf().image, options, exec);
        if (earlier) found.misfit = earlier->misfit;
        return found;
    }

    // Three times: response and offset from the maps, then the maps. Exponent and misfit stay those of the maps that
    // had not seen the image: later ones follow it, whatever its response.
    haadf_calibration refine(fit_type& fit, const count_setting& setting, const haadf_calibration& first,
                             const execution& exec) const {
        haadf_calibration calibration = first;
        for (int round = 0; round < 3; ++round) {
            if (round > 0) calibration = calibrate(fit.maps, first, exec);
            if (!calibration.sees_any()) break;
            problem_.solve(fit, setting, calibration, 4, exec);
        }
        return calibration;
    }

private:
    double add(const count_setting& setting, const fit_type& fit, double start, const execution& exec) {
        const xt::xtensor<T, 3> signal = problem_.signal(fit.maps);
        candidates_.push_back({setting, holdout_.score(as_view(signal), exec), start});
        const prediction_score& score = candidates_.back().score;
        best_.resize(score.n_elements);
        for (std::size_t i = 0; i < best_.size(); ++i) {
            if (const double own = score.element(i).total(); own > best_[i].score)
                best_[i] = {candidates_.size() - 1, own, xt::view(signal, i)};
        }
        return score.total();
    }

    const problem_type& problem_;
    const count_holdout<T>& holdout_;
    const count_fusion_options& options_;
    std::vector<scored> candidates_;
    std::vector<best_map> best_;
};

}  // namespace detail

template <stack M, stack B, image H>
auto fuse_counts(const M& counts, const B& background, const H& haadf, const count_fusion_options& options = {},
                 const execution& exec = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 3> m(counts, "counts"), b(background, "background");
    const readable<T, 2> h(haadf, "haadf");
    const std::size_t n = m.view().shape[0];
    count_fusion_result<T> result;
    result.haadf_noise = options.haadf_noise ? *options.haadf_noise : image_noise(h.view(), "haadf", exec);
    result.scales = count_scales(m.view(), b.view(), exec);
    const scaled_haadf<T> image(h.view(), result.haadf_noise);

    // choose on part of the counts
    const count_holdout<T> holdout(m.view(), b.view(), options.holdout, exec);
    const T p = static_cast<T>(holdout.fraction());
    xt::xtensor<T, 3> part(b.view().shape);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t y = 0; y < m.view().shape[1]; ++y)
            std::transform(b.view().row(i, y), b.view().row(i, y) + m.view().shape[2], &part(i, y, 0),
                           [p](T v) { return p * v; });
    std::vector<double> scales = result.scales;
    for (double& s : scales) s *= holdout.fraction();
    const count_problem<T> half(as_view(holdout.fit_counts()), as_view(std::as_const(part)), scales, image);
    detail::count_search<T> search(half, holdout, options);
    search.run(exec);

    // all counts
    const count_problem<T> whole(m.view(), b.view(), result.scales, image);
    const detail::count_search<T> final_search(whole, holdout, options);
    result.maps.resize(m.view().shape);
    std::vector<std::pair<std::size_t, std::pair<xt::xtensor<T, 3>, haadf_calibration>>> fits;
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t c = search.best()[i].candidate;
        auto found = std::find_if(fits.begin(), fits.end(), [c](const auto& f) { return f.first == c; });
        if (found == fits.end()) {
            const auto& candidate = search.candidates()[c];
            auto fit = whole.start(exec);
            count_setting start = candidate.setting;
            start.haadf_weight = 0;
            start.smoothing = candidate.start_smoothing;
            whole.solve(fit, start, 16, exec);
            haadf_calibration calibration;
            if (candidate.setting.haadf_weight > 0) {
                calibration = final_search.calibrate(fit.maps, {}, exec);
                calibration = final_search.refine(fit, candidate.setting, calibration, exec);
            }
            fits.push_back({c, {whole.signal(fit.maps), calibration}});
            found = fits.end() - 1;
        }
        xt::view(result.maps, i) = xt::view(found->second.first, i);
        result.chosen.push_back({search.candidates()[c].setting, 0, found->second.second});
    }
    // residue
    for (std::size_t i = 0; i < n; ++i) {
        double best = -INFINITY;
        xt::xtensor<T, 3> one({n, m.view().shape[1], m.view().shape[2]});
        for (const double r : options.residues) {
            one.fill(T(0));
            xt::view(one, i) = search.best()[i].map;
            remove_residue(as_view(one).image(i), r);
            const double score = holdout.score(as_view(std::as_const(one)), exec).element(i).total();
            if (score >= best) {
                best = score;
                result.chosen[i].residue = r;
            }
        }
        remove_residue(as_view(result.maps).image(i), result.chosen[i].residue);
    }
    return result;
}

}  // namespace stemfuse
