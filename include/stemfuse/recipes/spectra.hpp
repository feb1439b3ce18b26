// Fused maps from spectra: overlapping lines separated in the likelihood itself, with nothing to tune.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/recipes/spectral_search.hpp>
#include <stemfuse/spectra/binned_spectra.hpp>
#include <stemfuse/terms/spectral_likelihood.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// Poisson counts of bins, to be fitted, and others by which a fit is judged: `ratio` times as many of the same rates.
template <scalar T>
class spectral_problem {
public:
    using term_type = spectral_likelihood<stack_view<const T>>;
    using chemical_type = count_likelihood<xt::xtensor<T, 3>>;
    using solver_type = fusion_solver<haadf_model<xt::xtensor<T, 2>>, chemical_type,
                                      structured_total_variation<coupling::joint, T>, convergent_scheme>;
    using fit_type = typename solver_type::result_type;  // maps: expected counts over scales

    spectral_problem(const stack_view<const T>& counts, const xt::xtensor<double, 2>& signatures,
                     const xt::xtensor<T, 2>& background, std::vector<double> scales, const xt::xtensor<T, 3>& first,
                     const scaled_haadf<T>& haadf)
        : term_(counts, signatures, background), scales_(std::move(scales)), first_(first), haadf_(haadf) {
        for (const double s : scales_) unit_ += s / static_cast<double>(scales_.size());
        unit_ = std::sqrt(unit_);
    }

    void judge_by(const stack_view<const T>& held_out, const xt::xtensor<double, 2>& signatures,
                  xt::xtensor<T, 2> background, double ratio) {
        background *= static_cast<T>(ratio);
        judge_.emplace(held_out, signatures, background);
        ratio_ = static_cast<T>(ratio);
    }

    const scaled_haadf<T>& haadf() const { return haadf_; }

    fit_type start() const {
        fit_type fit;
        fit.maps = over_scales(first_, scales_);
        return fit;
    }

    // Completes the counts by the maps and goes down the objective that they majorise, `iterations` times.
    void solve(fit_type& fit, const count_setting& setting, const haadf_calibration& calibration,
               std::size_t iterations, const execution& exec) const {
        const spectral_objective<T> f(haadf_, scales_.size(), setting, calibration, unit_);
        xt::xtensor<T, 3> completed(fit.maps.shape());
        std::vector<double> scales;
        for (std::size_t i = 0; i < scales_.size(); ++i) scales.push_back(scales_[i] * term_.total(i));
        for (std::size_t k = 0; k < iterations; ++k) {
            exec.throw_if_stopped();
            term_.complete(times_scales(fit.maps, scales_), completed, exec);
            // A rate of 0 has no logarithm: this background is far below every scale.
            const solver_type solver(f.elastic, chemical_type(completed, scales, 1e-6 * unit_), f.prior, scheme,
                                     f.weights);
            fit = solver.solve_from(std::move(fit), {.iterations = 1}, exec);
        }
    }

    // sum of m log r - r over the counts m that were held out, by rows.
    prediction_score score(const fit_type& fit, const execution& exec) const {
        xt::xtensor<T, 3> expected = times_scales(fit.maps, scales_);
        expected *= ratio_;
        return score_by_rows(*judge_, expected, exec);
    }

private:
    static constexpr convergent_scheme scheme{.levels = 0};

    term_type term_;
    std::optional<term_type> judge_;
    std::vector<double> scales_;
    const xt::xtensor<T, 3>& first_;
    const scaled_haadf<T>& haadf_;
    double unit_ = 0;
    T ratio_ = 1;
};

// The background of every pixel: the filter's, under the narrowest Gaussian that leaves 10% of noise, though not wider
// than a quarter of the image; at least 2% of the mean, as a background of 0 would make counts impossible.
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
    detail::require_spectral_options(options);

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
    const xt::xtensor<T, 2> part_background = static_cast<T>(p) * result.background;
    const xt::xtensor<T, 3> part_first = static_cast<T>(p) * first;
    std::vector<double> part_scales = result.scales;
    for (double& s : part_scales) s *= p;
    detail::spectral_problem<T> part(as_view(parts.kept), signatures, part_background, part_scales, part_first, scaled);
    part.judge_by(as_view(parts.rest), signatures, part_background, (1 - p) / p);
    const auto found = detail::search_settings(part, options, exec);
    const detail::spectral_problem<T> whole(counts, signatures, result.background, result.scales, first, scaled);
    detail::fit_as_found(result, whole, found, filtered, options, exec);
    return result;
}

/// The maps that the setting of `fused` makes of two halves of its counts, each of the shape of fused.maps and of half
/// their totals: what they differ by tells the errors of maps, see composition_errors(). What halves share, the image
/// and the prior's bias, does not show. Throws what fuse_spectra() throws.
template <scalar T, image H>
std::pair<xt::xtensor<T, 3>, xt::xtensor<T, 3>> fuse_spectrum_halves(const binned_spectra<T>& spectra, const H& haadf,
                                                                     const spectral_fusion_result<T>& fused,
                                                                     const spectral_fusion_options& options = {},
                                                                     const execution& exec = {}) {
    const readable<T, 2> image(haadf, "haadf");
    const scaled_haadf<T> scaled(image.view(), fused.haadf_noise);
    const std::size_t n = spectra.filtered.shape(0) - 1;
    const xt::xtensor<T, 3> half_filtered = T(0.5) * xt::view(spectra.filtered, xt::range(std::size_t{0}, n));
    const xt::xtensor<T, 2> background = T(0.5) * fused.background;
    const xt::xtensor<T, 3> first = gaussian_filter(as_view(half_filtered), 1.5, exec);
    std::vector<double> scales = fused.scales;
    for (double& s : scales) s *= 0.5;
    detail::found_settings found{fused.tried, std::vector<haadf_calibration>(fused.tried.size(), fused.calibration),
                                 fused.chosen, fused.tried.at(fused.chosen).smoothing};
    const auto parts = thin_counts<T>(spectra.counts, 0.5, options.seed + 1, exec);  // not as settings were chosen
    const auto signatures = spectra.signatures();
    const auto fuse = [&](const xt::xtensor<T, 3>& counts) {
        spectral_fusion_result<T> result;
        result.scales = scales;
        const detail::spectral_problem<T> half(as_view(counts), signatures, background, scales, first, scaled);
        detail::fit_as_found(result, half, found, half_filtered, options, exec);
        return std::move(result.maps);
    };
    return {fuse(parts.kept), fuse(parts.rest)};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
