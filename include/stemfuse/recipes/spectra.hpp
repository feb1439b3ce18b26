// Fused maps from spectra: overlapping lines separated in the likelihood itself, with nothing to tune.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/counts/choose.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/recipes/count_problem.hpp>
#include <stemfuse/spectra/binned_spectra.hpp>
#include <stemfuse/terms/spectral_likelihood.hpp>

namespace stemfuse {

struct spectral_fusion_options {
    std::vector<double> smoothings{20, 13,  9,   6,
                                   4,  2.7, 1.8, 1.2};  ///< tried, lambda_tv / sqrt(mean scale); largest first
    std::vector<double> haadf_weights{0.1, 0.3};        ///< tried besides 0, see count_setting
    std::vector<double> gammas{1, 1.6};                 ///< exponents of the HAADF response that are tried
    double holdout_fraction = 0.8;                      ///< of the counts that fits are made to while choosing
    std::uint64_t seed = 1;
    std::optional<double> haadf_noise{};  ///< of a pixel, in the image's units; estimated where not given
    std::size_t iterations = 12;          ///< of a fit: completions of the counts, each with ten sweeps
};

/// A setting that was tried, and how much worse than the best it predicts the counts held out.
struct tried_spectral_setting {
    double haadf_weight, gamma, smoothing;
    score_deficit deficit;
};

template <scalar T>
struct spectral_fusion_result {
    xt::xtensor<T, 3> maps;        ///< (n_elements, n_y, n_x): expected counts in the channels that are used
    xt::xtensor<T, 2> background;  ///< (n_y, n_x): expected counts of bremsstrahlung in them
    std::vector<double> scales;    ///< counts of a bright part of each map
    double haadf_noise = 0;        ///< of a pixel, in the image's units
    std::size_t chosen = 0;        ///< of those tried
    std::vector<tried_spectral_setting> tried;
    haadf_calibration calibration;  ///< of the chosen fit, the image scaled to [0, 1]; none where its weight is 0
};

namespace detail {

// Poisson counts of bins, to be fitted; `fraction` of all.
template <scalar T>
class spectral_problem {
public:
    using term_type = spectral_likelihood<stack_view<const T>>;
    using chemical_type = count_likelihood<xt::xtensor<T, 3>>;
    using prior_type = structured_total_variation<coupling::joint, T>;
    using solver_type = fusion_solver<haadf_model<xt::xtensor<T, 2>>, chemical_type, prior_type, convergent_scheme>;
    using fit_type = typename solver_type::result_type;  // maps: expected counts over scales

    spectral_problem(const stack_view<const T>& counts, const xt::xtensor<double, 2>& signatures,
                     const xt::xtensor<T, 2>& background, std::vector<double> scales, const scaled_haadf<T>& haadf)
        : term_(counts, signatures, background), scales_(std::move(scales)), haadf_(haadf) {
        for (const double s : scales_) unit_ += s / static_cast<double>(scales_.size());
        unit_ = std::sqrt(unit_);
    }

    fit_type start(const xt::xtensor<T, 3>& signal) const {
        fit_type fit;
        fit.maps = signal;
        for (std::size_t i = 0; i < scales_.size(); ++i) {
            auto map = xt::view(fit.maps, i);
            map = xt::maximum(map / static_cast<T>(scales_[i]), T(1e-3));
        }
        return fit;
    }

    // Expected counts.
    xt::xtensor<T, 3> signal(const xt::xtensor<T, 3>& x) const {
        xt::xtensor<T, 3> s = x;
        for (std::size_t i = 0; i < scales_.size(); ++i) xt::view(s, i) *= static_cast<T>(scales_[i]);
        return s;
    }

    // Completes the counts by the maps and goes down the objective that they majorise, `iterations` times.
    void solve(fit_type& fit, const count_setting& setting, const haadf_calibration& calibration,
               std::size_t iterations, const execution& exec) const {
        xt::xtensor<T, 3> completed(fit.maps.shape());
        std::vector<double> scales;
        for (std::size_t i = 0; i < scales_.size(); ++i) scales.push_back(scales_[i] * term_.total(i));
        xt::xtensor<T, 2> image = haadf_.image;
        image -= static_cast<T>(calibration.offset);
        const bool sees = setting.haadf_weight > 0 && calibration.sees_any();
        const double variance = std::max(1e-6, haadf_.noise * haadf_.noise + calibration.misfit * calibration.misfit);
        const haadf_model<xt::xtensor<T, 2>> elastic(
            std::move(image), sees ? haadf_response::from_weights(calibration.responses, calibration.gamma)
                                   : haadf_response::from_weights(std::vector<double>(scales_.size(), 1.0), 1.0));
        const cost_weights weights{sees ? setting.haadf_weight / variance : 0, 1, setting.smoothing * unit_};
        for (std::size_t k = 0; k < iterations; ++k) {
            exec.throw_if_stopped();
            term_.complete(signal(fit.maps), completed, exec);
            // A rate of 0 has no logarithm: the background is far below every scale.
            const solver_type solver(elastic, chemical_type(completed, scales, 1e-6 * unit_), prior(), scheme, weights);
            fit = solver.solve_from(std::move(fit), {.iterations = 1}, exec);
        }
    }

    // -sum over bins and pixels of r - m log r for held-out counts m, by rows; the background is the part's.
    prediction_score score(const xt::xtensor<T, 3>& signal, const stack_view<const T>& held_out,
                           const xt::xtensor<double, 2>& signatures, const xt::xtensor<T, 2>& background, double ratio,
                           const execution& exec) const {
        xt::xtensor<T, 2> rest = background;
        rest *= static_cast<T>(ratio);
        xt::xtensor<T, 3> expected = signal;
        expected *= static_cast<T>(ratio);
        const spectral_likelihood<stack_view<const T>> judge(held_out, signatures, rest);
        const std::size_t ny = held_out.shape[1], nx = held_out.shape[2];
        prediction_score found{1, std::vector<double>(ny)};
        const auto x = as_view(std::as_const(expected));
        for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const T> rows(x);
            for (std::size_t y = first; y < last; ++y) found.rows[y] = -judge.row_value({y, 0, nx}, rows.at(y));
        });
        return found;
    }

    const scaled_haadf<T>& haadf() const { return haadf_; }

private:
    prior_type prior() const { return {.direction = haadf_.direction}; }

    static constexpr convergent_scheme scheme{.levels = 0};

    term_type term_;
    std::vector<double> scales_;
    const scaled_haadf<T>& haadf_;
    double unit_ = 0;
};

// The background of every pixel: the filter's, under the narrowest Gaussian that leaves 10% of noise, at least 2% of
// the mean.
template <scalar T>
xt::xtensor<T, 2> smooth_background(const binned_spectra<T>& s, const execution& exec) {
    const std::size_t last = s.filtered.shape(0) - 1, ny = s.filtered.shape(1), nx = s.filtered.shape(2);
    double mean = 0, variance = 0;
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            mean += static_cast<double>(s.filtered(last, y, x)) / static_cast<double>(ny * nx);
            variance += static_cast<double>(s.variance(last, y, x)) / static_cast<double>(ny * nx);
        }
    }
    if (!(mean > 0)) return xt::zeros<T>({ny, nx});
    // A Gaussian of sigma averages 4 pi sigma^2 pixels.
    const double sigma = std::sqrt(variance / (0.01 * mean * mean) / (4 * 3.14159265358979));
    const double widest = 0.25 * static_cast<double>(std::min(ny, nx));
    const auto all = as_view(s.filtered);
    xt::xtensor<T, 2> smooth = gaussian_filter(all.image(last), std::min(sigma, widest), exec);
    return xt::maximum(smooth, static_cast<T>(0.02 * mean));
}

// The 99th percentile of every map under a Gaussian of 3 pixels, at least 1e-3 of the largest.
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

}  // namespace detail

/// Fuses binned spectra with the HAADF image (n_y, n_x) of the same area: minimises
///     spectral likelihood(x) + weight / (2 s^2) || offset + sum_i a_i x_i^gamma - h ||^2 + smoothing sqrt(mean scale)
///     R(x)
/// over maps x >= 0, R the joint total variation directed by the image. Non-negativity belongs with the prior: maps of
/// the best non-negative amounts pixel by pixel would be biased. Weight, gamma and smoothing are those whose fit to a
/// part of the counts predicts the others best (binomial thinning of the bins); then all counts are fitted, and every
/// map keeps the total of its filtered counts. The same seed gives the same maps on any number of threads. Throws
/// shape_error where the shapes differ, value_error for counts that are no whole numbers >= 0, an image that is not
/// finite and options out of range, and `cancelled`.
template <scalar T, image H>
spectral_fusion_result<T> fuse_spectra(const binned_spectra<T>& spectra, const H& haadf,
                                       const spectral_fusion_options& options = {}, const execution& exec = {}) {
    const readable<T, 2> image(haadf, "haadf");
    const auto counts = as_view(spectra.counts);
    require_not_empty(counts, "counts");
    require_shape(image.view().shape, {counts.shape[1], counts.shape[2]}, "haadf", "the spectra's");
    require_finite(image.view(), "haadf");
    require_in_range(options.holdout_fraction, 0.05, 0.95, "holdout_fraction");
    if (options.smoothings.empty()) throw value_error("smoothings", "is empty, must have one or more");
    for (const double c : options.smoothings) require_in_range(c, 1e-6, 1e6, "smoothings");
    for (const double w : options.haadf_weights) require_in_range(w, 1e-6, 1e6, "haadf_weights");
    for (const double g : options.gammas) require_in_range(g, 1, 2, "gammas");

    spectral_fusion_result<T> result;
    result.haadf_noise = options.haadf_noise ? *options.haadf_noise : image_noise(image.view(), "haadf", exec);
    const scaled_haadf<T> scaled(image.view(), result.haadf_noise);
    const std::size_t n = spectra.filtered.shape(0) - 1;
    const xt::xtensor<T, 3> filtered = xt::view(spectra.filtered, xt::range(std::size_t{0}, n));
    result.background = detail::smooth_background(spectra, exec);
    result.scales = detail::signal_scales<T>(filtered, exec);
    const xt::xtensor<T, 3> first = gaussian_filter(as_view(filtered), 1.5, exec);
    const auto signatures = spectra.signatures();

    const double p = options.holdout_fraction;
    const auto parts = thin_counts<T>(spectra.counts, p, options.seed, exec);
    xt::xtensor<T, 2> part_background = result.background;
    part_background *= static_cast<T>(p);
    std::vector<double> part_scales = result.scales;
    for (double& s : part_scales) s *= p;
    const detail::spectral_problem<T> part(as_view(parts.kept), signatures, part_background, part_scales, scaled);
    xt::xtensor<T, 3> part_first = first;
    part_first *= static_cast<T>(p);

    std::vector<prediction_score> scores;
    const auto judge = [&](const typename detail::spectral_problem<T>::fit_type& fit) {
        scores.push_back(
            part.score(part.signal(fit.maps), as_view(parts.rest), signatures, part_background, (1 - p) / p, exec));
        return scores.back().total();
    };
    auto best = part.start(part_first);
    double highest = -INFINITY;
    auto fit = best;
    std::size_t alone = 0;
    for (std::size_t k = 0; k < options.smoothings.size(); ++k) {
        const count_setting setting{.directed = true, .smoothing = options.smoothings[k]};
        part.solve(fit, setting, {}, k == 0 ? options.iterations : options.iterations / 2 + 1, exec);
        result.tried.push_back({0, 1, setting.smoothing, {}});
        const double score = judge(fit);
        if (!(score > highest)) break;
        highest = score;
        alone = k;
        best = fit;
    }
    std::vector<haadf_calibration> calibrations(result.tried.size());
    for (const double gamma : options.gammas) {
        const auto response = calibrate_haadf(best.maps, scaled.image,
                                              {.gammas = {gamma}, .reweightings = 1, .misfit_smoothing = 1.5}, exec);
        if (!response.sees_any()) continue;
        for (const double weight : options.haadf_weights) {
            for (std::size_t k = alone; k < std::min(alone + 2, options.smoothings.size()); ++k) {
                auto own = best;
                auto calibration = response;
                const count_setting setting{true, weight, gamma, options.smoothings[k]};
                part.solve(own, setting, calibration, options.iterations / 2 + 1, exec);
                calibration = calibrate_haadf(own.maps, scaled.image,
                                              {.gammas = {gamma}, .reweightings = 1, .misfit_smoothing = 1.5}, exec);
                calibration.misfit = response.misfit;
                if (calibration.sees_any()) part.solve(own, setting, calibration, options.iterations / 2 + 1, exec);
                result.tried.push_back({weight, gamma, setting.smoothing, {}});
                calibrations.push_back(calibration);
                judge(own);
            }
        }
    }
    const choice made = choose(scores);
    for (std::size_t k = 0; k < result.tried.size(); ++k) {
        result.tried[k].deficit = made.deficits[k];
        if (made.deficits[k].value < made.deficits[result.chosen].value) result.chosen = k;
    }

    const detail::spectral_problem<T> whole(counts, signatures, result.background, result.scales, scaled);
    const auto& taken = result.tried[result.chosen];
    count_setting setting{true, 0, 1, options.smoothings[alone]};
    auto all = whole.start(first);
    whole.solve(all, setting, {}, options.iterations, exec);
    if (taken.haadf_weight > 0) {
        setting = {true, taken.haadf_weight, taken.gamma, taken.smoothing};
        result.calibration = calibrations[result.chosen];
        whole.solve(all, setting, result.calibration, options.iterations, exec);
    }
    result.maps = whole.signal(all.maps);
    for (std::size_t i = 0; i < n; ++i) {
        auto map = xt::view(result.maps, i);
        const double fitted = xt::sum<double>(map)(), total = xt::sum<double>(xt::view(filtered, i))();
        if (fitted > 0 && total > 0) map *= static_cast<T>(total / fitted);
    }
    return result;
}

}  // namespace stemfuse
