// Fused maps from raw counts, with nothing to tune: scales, the response of the HAADF detector and all weights are
// learnt from the measurement.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
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
    std::vector<double> smoothings{9, 6, 4, 2.7, 1.8, 1.2};  // tried, largest first
    std::vector<double> haadf_weights{0.1, 0.3, 1};          // tried, besides the counts alone
    std::vector<bool> directed{true, false};                 // tried
    std::vector<double> residues{0,    0.005, 0.01, 0.02,
                                 0.03, 0.05,  0.08};  // tried, see remove_residue(); smallest first
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

// A fit that was made, and how well it predicts the counts held out.
struct scored_setting {
    count_setting setting;
    double start_smoothing;  // of the fit to the counts alone that its calibration was made on
    prediction_score score;
};

// Fits along one path, and of each element the best map.
template <scalar T>
struct scored_path {
    struct best_map {
        std::size_t fit = 0;
        double score = -INFINITY;
        xt::xtensor<T, 2> map;  // expected counts
    };
    std::vector<scored_setting> fits;
    std::vector<best_map> best;
    std::size_t common = 0;  // best for all elements together
    double common_score = -INFINITY;
    xt::xtensor<T, 3> common_maps;

    // Whether the fit is better than all before it for an element.
    bool add(const count_setting& setting, double start_smoothing, const xt::xtensor<T, 3>& signal,
             prediction_score score) {
        best.resize(score.n_elements);
        bool better = false;
        for (std::size_t i = 0; i < best.size(); ++i) {
            const double own = score.element(i).total();
            if (!(own > best[i].score)) continue;
            best[i] = {fits.size(), own, xt::view(signal, i)};
            better = true;
        }
        if (const double total = score.total(); total > common_score) {
            common = fits.size();
            common_score = total;
            common_maps = signal;
        }
        fits.push_back({setting, start_smoothing, std::move(score)});
        return better;
    }

    void append(scored_path&& other) {
        best.resize(other.best.size());
        for (std::size_t i = 0; i < best.size(); ++i) {
            if (!(other.best[i].score > best[i].score)) continue;
            best[i] = std::move(other.best[i]);
            best[i].fit += fits.size();
        }
        if (other.common_score > common_score) {
            common = fits.size() + other.common;
            common_score = other.common_score;
            common_maps = std::move(other.common_maps);
        }
        std::move(other.fits.begin(), other.fits.end(), std::back_inserter(fits));
    }
};

// Response, offset and, where there is no earlier one, exponent and misfit of the image for maps x. The exponent and
// the misfit are those of maps that have not seen the image: later ones follow it, whatever its response.
template <scalar T>
haadf_calibration calibrate(const count_problem<T>& problem, const xt::xtensor<T, 3>& x,
                            const haadf_calibration* earlier, const execution& exec) {
    calibration_options options;
    if (earlier != nullptr) options.gammas = {earlier->gamma};
    haadf_calibration found = calibrate_haadf(x, problem.haadf().image, options, exec);
    if (earlier != nullptr) found.misfit = earlier->misfit;
    return found;
}

// In turns, response and offset from the maps and the maps from both.
template <scalar T>
void refine(const count_problem<T>& problem, typename count_problem<T>::fit_type& fit, const count_setting& setting,
            haadf_calibration& calibration, int rounds, std::size_t iterations, const execution& exec) {
    for (int round = 0; round < rounds && calibration.sees_any(); ++round) {
        problem.solve(fit, setting, calibration, iterations, exec);
        calibration = calibrate(problem, fit.maps, &calibration, exec);
    }
}

// The fits to one part of the counts, scored by the other.
template <scalar T>
class count_search {
public:
    using fit_type = typename count_problem<T>::fit_type;

    count_search(const count_problem<T>& problem, const count_holdout<T>& holdout, const count_fusion_options& options)
        : problem_(problem), holdout_(holdout), options_(options) {}

    // All paths, several at a time where the images are small.
    scored_path<T> run(const execution& exec) const {
        const std::vector<bool>& directed = options_.directed;
        const std::size_t weights = options_.haadf_weights.size();
        std::vector<counts_alone> first(directed.size());
        std::vector<scored_path<T>> second(directed.size() * weights);
        for_each_path(first.size(), exec,
                      [&](std::size_t k, const execution& inner) { first[k] = counts_alone_path(directed[k], inner); });
        for_each_path(second.size(), exec, [&](std::size_t k, const execution& inner) {
            if (first[k / weights].calibration.sees_any())
                second[k] = image_path(first[k / weights],
                                       {directed[k / weights], options_.haadf_weights[k % weights], 0}, inner);
        });
        scored_path<T> all;
        for (auto& path : first) all.append(std::move(path.path));
        for (auto& path : second) all.append(std::move(path));
        return all;
    }

private:
    // From much smoothing to little, until no element has been predicted better for two steps.
    struct counts_alone {
        scored_path<T> path;
        fit_type best;
        std::size_t place = 0;  // of its smoothing
        haadf_calibration calibration;
    };

    counts_alone counts_alone_path(bool directed, const execution& exec) const {
        counts_alone found;
        fit_type fit = problem_.start(exec);
        double highest = -INFINITY;
        int idle = 0;
        for (std::size_t k = 0; k < options_.smoothings.size() && idle < 2; ++k) {
            const count_setting setting{directed, 0, options_.smoothings[k]};
            problem_.solve(fit, setting, k == 0 ? 8 : 4, exec);
            idle = add(found.path, setting, setting.smoothing, fit, exec) ? 0 : idle + 1;
            if (const double score = found.path.fits.back().score.total(); score > highest) {
                highest = score;
                found.best = fit;
                found.place = k;
            }
        }
        found.calibration = calibrate(problem_, found.best.maps, nullptr, exec);
        return found;
    }

    // With the image, from the smoothing that is best without on to both sides.
    scored_path<T> image_path(const counts_alone& from, count_setting setting, const execution& exec) const {
        scored_path<T> path;
        fit_type middle = from.best;
        haadf_calibration calibration = from.calibration;
        setting.smoothing = options_.smoothings[from.place];
        refine(problem_, middle, setting, calibration, 3, 3, exec);
        add(path, setting, options_.smoothings[from.place], middle, exec);
        for (const std::ptrdiff_t step : {-1, 1}) {
            fit_type fit = middle;
            haadf_calibration own = calibration;
            int idle = 0;
            const auto last = static_cast<std::ptrdiff_t>(options_.smoothings.size());
            for (auto k = static_cast<std::ptrdiff_t>(from.place) + step; k >= 0 && k < last && idle < 2; k += step) {
                setting.smoothing = options_.smoothings[static_cast<std::size_t>(k)];
                refine(problem_, fit, setting, own, 2, 3, exec);
                idle = add(path, setting, options_.smoothings[from.place], fit, exec) ? 0 : idle + 1;
            }
        }
        return path;
    }

    bool add(scored_path<T>& path, const count_setting& setting, double start_smoothing, const fit_type& fit,
             const execution& exec) const {
        const xt::xtensor<T, 3> signal = problem_.signal(fit.maps);
        return path.add(setting, start_smoothing, signal, holdout_.score(as_view(signal), exec));
    }

    template <class F>
    void for_each_path(std::size_t n, const execution& exec, F&& f) const {
        if (problem_.shape()[1] * problem_.shape()[2] <= std::size_t{1} << 18) {
            exec.for_each(n, [&](std::size_t k) { f(k, execution()); });
        } else {
            for (std::size_t k = 0; k < n; ++k) f(k, exec);
        }
    }

    const count_problem<T>& problem_;
    const count_holdout<T>& holdout_;
    const count_fusion_options& options_;
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
    detail::scored_path<T> search = detail::count_search<T>(half, holdout, options).run(exec);
    static const double ese = getenv("ESE") ? atof(getenv("ESE")) : 0;
    for (std::size_t i = 0; i < n; ++i) {
        const std::vector<prediction_score> both{search.fits[search.best[i].fit].score.element(i), search.fits[search.common].score.element(i)};
        const score_deficit d = choose(both).deficits[1];
        if (d.value <= ese * d.standard_error) search.best[i] = {search.common, both[1].total(), xt::view(search.common_maps, i)};
    }

    // all counts
    const count_problem<T> whole(m.view(), b.view(), result.scales, image);
    result.maps.resize(m.view().shape);
    std::vector<std::pair<std::size_t, std::pair<xt::xtensor<T, 3>, haadf_calibration>>> fits;
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t c = search.best[i].fit;
        auto found = std::find_if(fits.begin(), fits.end(), [c](const auto& f) { return f.first == c; });
        if (found == fits.end()) {
            const auto& candidate = search.fits[c];
            auto fit = whole.start(exec);
            whole.solve(fit, {candidate.setting.directed, 0, candidate.start_smoothing}, 12, exec);
            haadf_calibration calibration;
            if (candidate.setting.haadf_weight > 0) {
                calibration = detail::calibrate(whole, fit.maps, nullptr, exec);
                detail::refine(whole, fit, candidate.setting, calibration, 3, 4, exec);
            }
            fits.push_back({c, {whole.signal(fit.maps), calibration}});
            found = fits.end() - 1;
        }
        xt::view(result.maps, i) = xt::view(found->second.first, i);
        result.chosen.push_back({search.fits[c].setting, 0, found->second.second});
    }
    if (getenv("COUNTFITS")) printf("%zu fits\n", search.fits.size());
    // residue
    for (std::size_t i = 0; i < n; ++i) {
        xt::xtensor<T, 3> one({n, m.view().shape[1], m.view().shape[2]});
        std::vector<prediction_score> scores;
        for (const double r : options.residues) {
            one.fill(T(0));
            xt::view(one, i) = search.best[i].map;
            remove_residue(as_view(one).image(i), r);
            scores.push_back(holdout.score(as_view(std::as_const(one)), exec).element(i));
        }
        const choice chosen = choose(scores);
        static const double se = getenv("SE") ? atof(getenv("SE")) : 0;
        for (std::size_t k = 0; k < scores.size(); ++k)
            if (chosen.deficits[k].value <= se * chosen.deficits[k].standard_error)
                result.chosen[i].residue = options.residues[k];
        remove_residue(as_view(result.maps).image(i), result.chosen[i].residue);
    }
    return result;
}

}  // namespace stemfuse
