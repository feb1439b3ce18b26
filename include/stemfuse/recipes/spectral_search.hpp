// The search for settings that fusions of spectra share: weights by how well a fit predicts what it has not seen.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/counts/choose.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/recipes/count_problem.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of fuse_spectra() and fuse_losses().
struct spectral_fusion_options {
    std::vector<double> smoothings{20, 13, 9, 6, 4, 2.7, 1.8, 1.2};  ///< tried, see count_setting; largest first
    std::vector<double> haadf_weights{0.1, 0.3};                     ///< tried besides 0, see count_setting
    std::vector<double> gammas{1, 1.6};                              ///< exponents of the HAADF response that are tried
    double holdout_fraction = 0.8;        ///< of the counts, or of the pixels, that fits are made to while choosing
    std::uint64_t seed = 1;               ///< of what is held out
    std::optional<double> haadf_noise{};  ///< of a pixel, in the image's units; estimated where not given
    std::size_t iterations = 12;  ///< of a fit, each of ten sweeps; about half as many where it goes on from another
};

/// A setting that was tried, and how much worse than the best it predicts what was held out.
struct tried_spectral_setting {
    double haadf_weight,    ///< 0: without the image
        gamma,              ///< exponent of the HAADF response
        smoothing;          ///< see count_setting
    score_deficit deficit;  ///< in log-likelihood
};

/// What fuse_spectra() and fuse_losses() return.
template <scalar T>
struct spectral_fusion_result {
    xt::xtensor<T, 3> maps;                     ///< (n_elements, n_y, n_x): expected counts, as the raw maps have them
    xt::xtensor<T, 2> background;               ///< (n_y, n_x): expected counts of the background
    std::vector<double> scales;                 ///< counts of a bright part of each map
    double haadf_noise = 0;                     ///< of a pixel, in the image's units
    std::size_t chosen = 0;                     ///< of those tried
    std::vector<tried_spectral_setting> tried;  ///< in the order in which they were
    haadf_calibration calibration;  ///< of the chosen fit, the image scaled to [0, 1]; none where its weight is 0
};

namespace detail {

inline void require_spectral_options(const spectral_fusion_options& options) {
    require_in_range(options.holdout_fraction, 0.05, 0.95, "holdout_fraction");
    if (options.smoothings.empty()) throw value_error("smoothings", "is empty, must have one or more");
    require_iterations(options.iterations, "iterations");
    for (const double c : options.smoothings) require_in_range(c, 1e-6, 1e6, "smoothings");
    for (const double w : options.haadf_weights) require_in_range(w, 1e-6, 1e6, "haadf_weights");
    for (const double g : options.gammas) require_in_range(g, 1, 2, "gammas");
}

// The elastic term, prior and weights of a setting; a response that sees nothing leaves the image out. As in
// count_problem, noise and misfit of the image together are at least 1e-3 of its range.
template <scalar T>
struct spectral_objective {
    using elastic_type = haadf_model<xt::xtensor<T, 2>>;
    using prior_type = structured_total_variation<coupling::joint, T>;

    elastic_type elastic;
    prior_type prior;
    cost_weights weights;

    spectral_objective(const scaled_haadf<T>& haadf, std::size_t n, const count_setting& setting,
                       const haadf_calibration& calibration, double unit)
        : spectral_objective(haadf, n, setting, calibration, unit, setting.haadf_weight > 0 && calibration.sees_any()) {
    }

private:
    spectral_objective(const scaled_haadf<T>& haadf, std::size_t n, const count_setting& setting,
                       const haadf_calibration& calibration, double unit, bool sees)
        : elastic(moved(haadf.image, calibration.offset),
                  sees ? haadf_response::from_weights(calibration.responses, calibration.gamma)
                       : haadf_response::from_weights(std::vector<double>(n, 1.0), 1.0)),
          prior{.direction = haadf.direction} {
        const double variance = std::max(1e-6, haadf.noise * haadf.noise + calibration.misfit * calibration.misfit);
        weights = {sees ? setting.haadf_weight / variance : 0, 1, setting.smoothing * unit};
    }

    static xt::xtensor<T, 2> moved(xt::xtensor<T, 2> image, double offset) {
        image -= static_cast<T>(offset);
        return image;
    }
};

// Maps over scales, at least 1e-3.
template <scalar T>
xt::xtensor<T, 3> over_scales(const xt::xtensor<T, 3>& signal, const std::vector<double>& scales) {
    xt::xtensor<T, 3> x = signal;
    for (std::size_t i = 0; i < scales.size(); ++i) {
        auto map = xt::view(x, i);
        map = xt::maximum(map / static_cast<T>(scales[i]), T(1e-3));
    }
    return x;
}

template <scalar T>
xt::xtensor<T, 3> times_scales(const xt::xtensor<T, 3>& x, const std::vector<double>& scales) {
    xt::xtensor<T, 3> signal = x;
    for (std::size_t i = 0; i < scales.size(); ++i) xt::view(signal, i) *= static_cast<T>(scales[i]);
    return signal;
}

// The 99th percentile of every map under a Gaussian of 3 pixels, at least 1e-3 of the largest and 1e-3: maps are
// divided by them.
template <scalar T>
std::vector<double> signal_scales(const xt::xtensor<T, 3>& signal, const execution& exec) {
    xt::xtensor<T, 3> smooth = gaussian_filter(as_view(signal), 3, exec);
    const std::size_t pixels = smooth.shape(1) * smooth.shape(2);
    std::vector<double> scales;
    for (std::size_t i = 0; i < smooth.shape(0); ++i) {
        T* const first = smooth.data() + i * pixels;
        T* const at = first + static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(pixels - 1));
        std::nth_element(first, at, first + pixels);
        scales.push_back(static_cast<double>(*at));
    }
    const double largest = *std::max_element(scales.begin(), scales.end());
    for (double& s : scales) s = std::max({s, 1e-3 * largest, 1e-3});
    return scales;
}

// Minus the value of `judge` for maps x, of every row: the log-likelihood of what was held out.
template <scalar T, class Term>
prediction_score score_by_rows(const Term& judge, const xt::xtensor<T, 3>& maps, const execution& exec) {
    const auto x = as_view(maps);
    const std::size_t ny = x.shape[1], nx = x.shape[2];
    prediction_score found{1, std::vector<double>(ny)};
    for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
        row_pointers<const T> rows(x);
        for (std::size_t y = first; y < last; ++y) found.rows[y] = -judge.row_value({y, 0, nx}, rows.at(y));
    });
    return found;
}

// The response of the image to maps x.
template <scalar T>
haadf_calibration spectral_response(const xt::xtensor<T, 3>& x, const scaled_haadf<T>& haadf, double gamma,
                                    const execution& exec) {
    return calibrate_haadf(x, haadf.image, {.gammas = {gamma}, .reweightings = 1, .misfit_smoothing = 1.5}, exec);
}

// What a search found: the settings tried with their responses, the one taken, and the smoothing that is best without
// the image.
struct found_settings {
    std::vector<tried_spectral_setting> tried;
    std::vector<haadf_calibration> responses;
    std::size_t chosen = 0;
    double alone = 0;
};

// Along the smoothings without the image until two in a row predict no better, then with every weight and exponent at
// the best of them and the next. A Problem starts, solves and scores.
template <class Problem>
found_settings search_settings(const Problem& problem, const spectral_fusion_options& options, const execution& exec) {
    found_settings found;
    std::vector<prediction_score> scores;
    const auto add = [&](const typename Problem::fit_type& fit, const count_setting& setting,
                         const haadf_calibration& response) {
        scores.push_back(problem.score(fit, exec));
        found.tried.push_back({setting.haadf_weight, setting.gamma, setting.smoothing, {}});
        found.responses.push_back(response);
        return scores.back().total();
    };
    auto best = problem.start(), fit = best;
    double highest = -INFINITY;
    std::size_t alone = 0, idle = 0;
    for (std::size_t k = 0; k < options.smoothings.size(); ++k) {
        const count_setting setting{.directed = true, .smoothing = options.smoothings[k]};
        problem.solve(fit, setting, {}, k == 0 ? options.iterations : options.iterations / 2 + 1, exec);
        const double score = add(fit, setting, {});
        idle = score > highest ? 0 : idle + 1;
        if (idle == 2) break;
        if (idle > 0) continue;
        highest = score;
        alone = k;
        best = fit;
    }
    found.alone = options.smoothings[alone];
    for (const double gamma : options.gammas) {
        const auto response = spectral_response(best.maps, problem.haadf(), gamma, exec);
        if (!response.sees_any()) continue;
        for (const double weight : options.haadf_weights) {
            for (std::size_t k = alone; k < std::min(alone + 2, options.smoothings.size()); ++k) {
                auto own = best;
                const count_setting setting{true, weight, gamma, options.smoothings[k]};
                problem.solve(own, setting, response, options.iterations / 2 + 1, exec);
                auto refined = spectral_response(own.maps, problem.haadf(), gamma, exec);
                refined.misfit = response.misfit;
                if (refined.sees_any()) problem.solve(own, setting, refined, options.iterations / 2 + 1, exec);
                add(own, setting, refined);
            }
        }
    }
    const choice made = choose(scores);
    for (std::size_t k = 0; k < found.tried.size(); ++k) {
        found.tried[k].deficit = made.deficits[k];
        if (made.deficits[k].value < made.deficits[found.chosen].value) found.chosen = k;
    }
    return found;
}

// The fit of all data by what was found; every map gets the total of its raw one.
template <scalar T, class Problem>
void fit_as_found(spectral_fusion_result<T>& result, const Problem& whole, const found_settings& found,
                  const xt::xtensor<T, 3>& raw, const spectral_fusion_options& options, const execution& exec) {
    auto fit = whole.start();
    whole.solve(fit, {.directed = true, .smoothing = found.alone}, {}, options.iterations, exec);
    const auto& taken = found.tried[found.chosen];
    if (taken.haadf_weight > 0) {
        result.calibration = found.responses[found.chosen];
        whole.solve(fit, {true, taken.haadf_weight, taken.gamma, taken.smoothing}, result.calibration,
                    options.iterations, exec);
    }
    result.maps = times_scales(fit.maps, result.scales);
    for (std::size_t i = 0; i < raw.shape(0); ++i) {
        auto map = xt::view(result.maps, i);
        const double fitted = xt::sum<double>(map)(), total = xt::sum<double>(xt::view(raw, i))();
        if (fitted > 0 && total > 0) map *= static_cast<T>(total / fitted);
    }
    result.tried = found.tried;
    result.chosen = found.chosen;
}

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
