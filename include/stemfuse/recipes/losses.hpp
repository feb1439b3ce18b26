// Fused maps from spectra of energy losses: the filter's maps with the full covariance of their errors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/recipes/spectral_search.hpp>
#include <stemfuse/spectra/spectrum_filter.hpp>
#include <stemfuse/terms/correlated_likelihood.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What a filter makes of an image of loss spectra.
template <scalar T>
struct filtered_losses {
    xt::xtensor<T, 3> maps;        ///< (n_elements + 1, n_y, n_x): counts of each edge in its window, last background
    xt::xtensor<T, 3> covariance;  ///< of the elements, (n (n + 1) / 2, n_y, n_x), see correlated_likelihood
};

/// The covariance of the filter's maps (n_elements + 1, n_y, n_x) at their smoothed rate. From a pixel's own counts it
/// would follow their noise: pixels with few counts by chance would weigh most. `noise_factor` is the variance of a
/// channel over its counts: 1 for electrons counted one by one, the gain of a camera otherwise. The
/// background is taken for at least a tenth of its mean, so that no pixel is without noise. Throws shape_error for
/// another number of maps, value_error for a factor that is not above 0.
template <scalar T>
filtered_losses<T> with_covariance(xt::xtensor<T, 3> maps, const spectrum_filter& filter, double noise_factor = 1,
                                   const execution& exec = {}) {
    require_positive(noise_factor, "noise_factor");
    const std::size_t rows = filter.size(), n = rows - 1, ny = maps.shape(1), nx = maps.shape(2);
    require_shape(as_view(maps).shape, {rows, ny, nx}, "maps", "the filter's");
    const xt::xtensor<T, 3> smooth = gaussian_filter(as_view(std::as_const(maps)), 2, exec);
    std::vector<double> means(rows);
    for (std::size_t j = 0; j < rows; ++j) means[j] = std::max(0.0, xt::mean<double>(xt::view(smooth, j))());
    // Of a count of row j, the covariance that it adds to elements i and k.
    std::vector<small_matrix> by_row;
    for (std::size_t j = 0; j < rows; ++j) by_row.push_back(filter.covariance_by(j));
    filtered_losses<T> out{std::move(maps), xt::xtensor<T, 3>({n * (n + 1) / 2, ny, nx})};
    for_each_row(ny, nx, exec, [&](std::size_t y) {
        for (std::size_t x = 0; x < nx; ++x) {
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t k = 0; k <= i; ++k) {
                    double sum = 0;
                    for (std::size_t j = 0; j < rows; ++j) {
                        const double amount =
                            std::max(static_cast<double>(smooth(j, y, x)), j == n ? 0.1 * means[j] : 0);
                        sum += amount * by_row[j](i, k);
                    }
                    out.covariance(i * (i + 1) / 2 + k, y, x) = static_cast<T>(noise_factor * sum);
                }
            }
        }
    });
    return out;
}

/// The variance of a channel over its counts, as the noise of filtered maps (n_elements + 1, n_y, n_x) tells: that of
/// their mixed second differences over what the filter expects of counting. Structure adds to them, so the least of all
/// maps is taken. 1 for electrons counted one by one; 1 for images below 8 x 8. Throws shape_error for another number
/// of maps.
template <scalar T>
double loss_noise_factor(const xt::xtensor<T, 3>& maps, const spectrum_filter& filter, const execution& exec = {}) {
    const std::size_t rows = filter.size(), ny = maps.shape(1), nx = maps.shape(2);
    require_shape(as_view(maps).shape, {rows, ny, nx}, "maps", "the filter's");
    if (ny < 8 || nx < 8) return 1;
    std::vector<double> means(rows);
    for (std::size_t j = 0; j < rows; ++j) means[j] = std::max(0.0, xt::mean<double>(xt::view(maps, j))());
    double least = INFINITY;
    for (std::size_t i = 0; i < rows; ++i) {
        double expected = 0;
        for (std::size_t j = 0; j < rows; ++j) expected += means[j] * filter.covariance_by(j)(i, i);
        const double squares = sum_over_rows(ny - 1, nx - 1, exec, [&](std::size_t y) {
            double sum = 0;
            for (std::size_t x = 0; x + 1 < nx; ++x) {
                const double d = static_cast<double>(maps(i, y, x)) - static_cast<double>(maps(i, y, x + 1)) -
                                 static_cast<double>(maps(i, y + 1, x)) + static_cast<double>(maps(i, y + 1, x + 1));
                sum += d * d;
            }
            return sum;
        });
        const double variance = squares / static_cast<double>(4 * (ny - 1) * (nx - 1));
        if (expected > 0 && variance > 0) least = std::min(least, variance / expected);
    }
    return std::isfinite(least) ? least : 1;
}

namespace detail {

// Correlated maps without the pixels of a mask, and the same pixels to judge by.
template <scalar T>
class loss_problem {
public:
    using term_type = correlated_likelihood<xt::xtensor<T, 3>>;
    using solver_type = fusion_solver<haadf_model<xt::xtensor<T, 2>>, term_type,
                                      structured_total_variation<coupling::joint, T>, convergent_scheme>;
    using fit_type = typename solver_type::result_type;  // maps: expected counts over scales

    loss_problem(const xt::xtensor<T, 3>& raw, const xt::xtensor<T, 3>& covariance, std::vector<double> scales,
                 const scaled_haadf<T>& haadf, const execution& exec)
        : scales_(std::move(scales)),
          haadf_(haadf),
          first_(gaussian_filter(as_view(raw), 1.5, exec)),
          term_(divided(raw, scales_, 1), divided(covariance, scales_, 2), exec),
          fitted_(term_) {
        double sum = 0;
        const auto& h = term_;
        for (std::size_t i = 0; i < scales_.size(); ++i)
            sum += h.mean_precision(i) / static_cast<double>(scales_.size());
        unit_ = std::sqrt(sum);
    }

    const scaled_haadf<T>& haadf() const { return haadf_; }
    const std::vector<double>& scales() const { return scales_; }

    // Fits do not see a part of the pixels, 1 in the mask: these judge. Their place in the start is a mean of others.
    void hold_out(const xt::xtensor<T, 2>& mask, const xt::xtensor<T, 3>& raw, const execution& exec) {
        const xt::xtensor<T, 2> kept = T(1) - mask;
        fitted_ = term_.weighted(kept);
        judge_ = term_.weighted(mask);
        xt::xtensor<T, 3> seen = raw;
        xt::xtensor<T, 3> weight({1, kept.shape(0), kept.shape(1)});
        xt::view(weight, 0) = kept;
        for (std::size_t i = 0; i < seen.shape(0); ++i) xt::view(seen, i) *= kept;
        first_ = gaussian_filter(as_view(std::as_const(seen)), 1.5, exec);
        const xt::xtensor<T, 3> share = gaussian_filter(as_view(std::as_const(weight)), 1.5, exec);
        for (std::size_t i = 0; i < seen.shape(0); ++i) xt::view(first_, i) /= xt::maximum(xt::view(share, 0), T(0.01));
    }

    fit_type start() const {
        fit_type fit;
        fit.maps = over_scales(first_, scales_);
        return fit;
    }

    void solve(fit_type& fit, const count_setting& setting, const haadf_calibration& calibration,
               std::size_t iterations, const execution& exec) const {
        const spectral_objective<T> f(haadf_, scales_.size(), setting, calibration, unit_);
        const solver_type solver(f.elastic, fitted_, f.prior, scheme, f.weights);
        fit.duals.steps.clear();
        fit.duals.scales.clear();
        fit = solver.solve_from(std::move(fit), {.iterations = iterations}, exec);
    }

    prediction_score score(const fit_type& fit, const execution& exec) const {
        return score_by_rows(*judge_, fit.maps, exec);
    }

private:
    // Maps over scales, or covariances (lower halves) over products of two.
    static xt::xtensor<T, 3> divided(xt::xtensor<T, 3> of, const std::vector<double>& scales, int power) {
        std::size_t at = 0;
        for (std::size_t i = 0; i < scales.size(); ++i) {
            for (std::size_t k = power == 1 ? i : 0; k <= i; ++k)
                xt::view(of, at++) /= static_cast<T>(power == 1 ? scales[i] : scales[i] * scales[k]);
        }
        return of;
    }

    static constexpr convergent_scheme scheme{.levels = 0};

    std::vector<double> scales_;
    const scaled_haadf<T>& haadf_;
    xt::xtensor<T, 3> first_;
    term_type term_, fitted_;
    std::optional<term_type> judge_;
    double unit_ = 0;
};

}  // namespace detail

/// The options of fuse_losses() where none are given: correlated maps need less smoothing than counts. Here
/// holdout_fraction is of the pixels.
inline spectral_fusion_options loss_fusion_options() {
    spectral_fusion_options options;
    options.smoothings = {6, 4, 2.7, 1.8, 1.2, 0.8, 0.5, 0.3, 0.2};
    return options;
}

/// Fuses the filtered maps of loss spectra with the HAADF image (n_y, n_x) of the same area: minimises
///     1/2 sum (x - b)^T C^-1 (x - b) + weight / (2 s^2) || offset + sum_i a_i x_i^gamma - h ||^2 + smoothing unit R(x)
/// over maps x >= 0, b the filter's maps and C their covariance, R the joint total variation directed by the image. The
/// setting is the one whose fit without a part of the pixels predicts these best, which holds for noise of any kind
/// that is independent from pixel to pixel; then all pixels are fitted, and every map keeps the total of its raw one.
/// The maps are right relative to one another, pixel by pixel, not as a composition: see fit_loss_spectrum(). Throws
/// shape_error where the shapes differ, value_error for numbers that are not finite and options out of range, and
/// `cancelled`.
template <scalar T, image H>
spectral_fusion_result<T> fuse_losses(const filtered_losses<T>& losses, const H& haadf,
                                      const spectral_fusion_options& options = loss_fusion_options(),
                                      const execution& exec = {}) {
    const readable<T, 2> image(haadf, "haadf");
    const auto all = as_view(losses.maps);
    require_not_empty(all, "maps");
    require_finite(all, "maps");
    require_shape(image.view().shape, {all.shape[1], all.shape[2]}, "haadf", "the spectra's");
    require_finite(image.view(), "haadf");
    detail::require_spectral_options(options);

    spectral_fusion_result<T> result;
    result.haadf_noise = options.haadf_noise ? *options.haadf_noise : image_noise(image.view(), "haadf", exec);
    const scaled_haadf<T> scaled(image.view(), result.haadf_noise);
    const std::size_t n = all.shape[0] - 1;
    const xt::xtensor<T, 3> raw = xt::view(losses.maps, xt::range(std::size_t{0}, n));
    result.background = gaussian_filter(all.image(n), 2, exec);
    result.scales = detail::signal_scales<T>(raw, exec);
    detail::loss_problem<T> problem(raw, losses.covariance, result.scales, scaled, exec);
    auto held = problem;
    xt::xtensor<T, 2> mask({all.shape[1], all.shape[2]});
    for (std::size_t y = 0; y < mask.shape(0); ++y) {
        for (std::size_t x = 0; x < mask.shape(1); ++x)
            mask(y, x) = random_stream(options.seed, 0, y, x).uniform() < options.holdout_fraction ? T(0) : T(1);
    }
    held.hold_out(mask, raw, exec);
    const auto found = detail::search_settings(held, options, exec);
    detail::fit_as_found(result, problem, found, raw, options, exec);
    return result;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
