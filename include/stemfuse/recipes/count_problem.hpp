// What a fusion of raw counts is made of: the measurement in units that one set of weights fits, and its solution.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/recipes/count_setting.hpp>
#include <stemfuse/recipes/haadf_calibration.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// A Gaussian over what was exposed alone; it goes to 0 where hardly anything was.
template <scalar T>
xt::xtensor<T, 3> smoothed_where(const stack_view<const T>& net, const stack_view<const T>& exposure, double sigma,
                                 const execution& exec) {
    xt::xtensor<T, 3> smooth = gaussian_filter(net, sigma, exec);
    if (exposure.size() > 0) smooth /= xt::maximum(gaussian_filter(exposure, sigma, exec), T(1e-3));
    return smooth;
}

}  // namespace detail

/// The counts that a bright part of every map has: the 99th percentile of (counts - background) under a Gaussian of 3
/// pixels, at least 1e-3 of the largest count and of 1. Maps divided by them are of like size. Shapes (n, n_y, n_x);
/// exposure, if any, is 0 where a pixel is left out, whose count is 0.
template <scalar T>
std::vector<double> count_scales(const stack_view<const T>& counts, const stack_view<const T>& background,
                                 const execution& exec = {}, const stack_view<const T>& exposure = {}) {
    const std::size_t n = counts.shape[0], ny = counts.shape[1], nx = counts.shape[2];
    xt::xtensor<T, 3> net(counts.shape);
    std::vector<double> scales(n);
    for (std::size_t i = 0; i < n; ++i) {
        T highest = 1;
        for (std::size_t y = 0; y < ny; ++y) {
            for (std::size_t x = 0; x < nx; ++x) {
                const T w = exposure.size() > 0 ? exposure.row(i, y)[x] : T(1);
                net(i, y, x) = counts.row(i, y)[x] - w * background.row(i, y)[x];
                highest = std::max(highest, counts.row(i, y)[x]);
            }
        }
        scales[i] = 1e-3 * static_cast<double>(highest);
    }
    net = detail::smoothed_where(as_view(std::as_const(net)), exposure, 3, exec);
    for (std::size_t i = 0; i < n; ++i) {
        T* const first = &net(i, 0, 0);
        scales[i] = std::max(scales[i], static_cast<double>(lower_quantile(first, first + ny * nx, 0.99)));
    }
    return scales;
}

/// The background, but at least 1e-3 of a scale: the likelihood of a count where nothing is expected has no slope.
template <scalar T>
xt::xtensor<T, 3> floored_background(const stack_view<const T>& background, const std::vector<double>& scales) {
    xt::xtensor<T, 3> floored(background.shape);
    for (std::size_t i = 0; i < background.shape[0]; ++i) {
        const T least = static_cast<T>(1e-3 * scales[i]);
        for (std::size_t y = 0; y < background.shape[1]; ++y) {
            std::transform(background.row(i, y), background.row(i, y) + background.shape[2], &floored(i, y, 0),
                           [least](T b) { return std::max(b, least); });
        }
    }
    return floored;
}

/// A HAADF image on the scale [0, 1] and the field that its edges make.
template <scalar T>
struct scaled_haadf {
    xt::xtensor<T, 2> image;         ///< (n_y, n_x); 0 everywhere where the measured one is constant
    double noise;                    ///< standard deviation of a pixel on that scale
    directional_field<T> direction;  ///< of its edges, for the prior

    /// measured: shape (n_y, n_x); noise_of_pixel: standard deviation of a pixel, in its units.
    scaled_haadf(const image_view<const T>& measured, double noise_of_pixel) : image(measured.shape), noise(0) {
        const auto [lowest, highest] = range(measured);
        const T span = highest > lowest ? highest - lowest : T(1);
        for (std::size_t y = 0; y < measured.shape[0]; ++y) {
            for (std::size_t x = 0; x < measured.shape[1]; ++x) image(y, x) = (measured.row(y)[x] - lowest) / span;
        }
        noise = noise_of_pixel / static_cast<double>(span);
        direction = directional_field<T>(image, noise);
    }

private:
    static std::pair<T, T> range(const image_view<const T>& a) {
        T lowest = a.row(0)[0], highest = lowest;
        for (std::size_t y = 0; y < a.shape[0]; ++y) {
            for (std::size_t x = 0; x < a.shape[1]; ++x) {
                lowest = std::min(lowest, a.row(y)[x]);
                highest = std::max(highest, a.row(y)[x]);
            }
        }
        return {lowest, highest};
    }
};

/// Counts with their background, and the HAADF image of the same area; refers to the counts and the image.
/// With x_i = (expected counts of element i without background) / scale_i, a fit minimises
///     -log Poisson( counts | scale x + background ) + weight / (2 s^2) || offset + sum_i a_i x_i^gamma - h ||^2
///         + smoothing sqrt(mean scale) R(x),   s^2 = noise^2 + misfit^2,
/// R the joint total variation, with the response a, gamma, offset and misfit of a calibration; s is at least 1e-3 of
/// the image's range.
template <scalar T>
class count_problem {
public:
    /// R, of all elements together.
    using prior_type = structured_total_variation<coupling::joint, T>;
    /// What minimises the objective.
    using solver_type = fusion_solver<haadf_model<xt::xtensor<T, 2>>, count_likelihood<stack_view<const T>>, prior_type,
                                      convergent_scheme>;
    using fit_type = typename solver_type::result_type;  ///< maps: x

    /// The background is floored, see floored_background(). exposure: of the counts' shape, referred to, 0 where a
    /// pixel is left out, whose count must be 0; empty for none.
    count_problem(const stack_view<const T>& counts, const stack_view<const T>& background, std::vector<double> scales,
                  const scaled_haadf<T>& haadf, const stack_view<const T>& exposure = {})
        : counts_(counts),
          exposure_(exposure),
          background_(floored_background(background, scales)),
          scales_(std::move(scales)),
          haadf_(haadf) {
        for (const double s : scales_) unit_ += s / static_cast<double>(scales_.size());
        unit_ = std::sqrt(unit_);
    }

    /// (n, n_y, n_x)
    stack_shape shape() const { return counts_.shape; }
    /// The counts that it was given.
    stack_view<const T> counts() const { return counts_; }
    /// The background, floored; counts in a pixel.
    stack_view<const T> background() const { return as_view(background_); }
    /// Empty where every pixel counts.
    stack_view<const T> exposure() const { return exposure_; }
    /// The counts of a bright part of every map, by which x is in units of about 1.
    const std::vector<double>& scales() const noexcept { return scales_; }
    /// The image h and its noise.
    const scaled_haadf<T>& haadf() const noexcept { return haadf_; }

    /// lambda_tv of a smoothing of 1.
    double unit() const noexcept { return unit_; }

    /// The counts without background, 0 where a pixel is left out.
    xt::xtensor<T, 3> net() const {
        xt::xtensor<T, 3> left(counts_.shape);
        for_each_map_row([&](std::size_t i, std::size_t y) {
            for (std::size_t x = 0; x < counts_.shape[2]; ++x) {
                const T w = exposure_.size() > 0 ? exposure_.row(i, y)[x] : T(1);
                left(i, y, x) = counts_.row(i, y)[x] - w * background_(i, y, x);
            }
        });
        return left;
    }

    /// The fit to begin with: counts under a Gaussian of 1.5 pixels, without background.
    fit_type start(const execution& exec = {}) const {
        const xt::xtensor<T, 3> left = net();
        return start_at(detail::smoothed_where(as_view(left), exposure_, 1.5, exec));
    }

    /// The fit to begin with, from expected counts without background (n, n_y, n_x), raised to 1e-3 of the scales.
    fit_type start_at(const xt::xtensor<T, 3>& signal) const {
        fit_type fit;
        fit.maps.resize(signal.shape());
        for_each_map_row([&](std::size_t i, std::size_t y) {
            const T scale = static_cast<T>(scales_[i]);
            for (std::size_t x = 0; x < counts_.shape[2]; ++x)
                fit.maps(i, y, x) = std::max(signal(i, y, x) / scale, T(1e-3));
        });
        return fit;
    }

    /// Goes on with a fit to the counts alone.
    void solve(fit_type& fit, const count_setting& setting, std::size_t iterations, const execution& exec = {}) const {
        const auto any = haadf_response::from_weights(std::vector<double>(scales_.size(), 1.0), 1.0);
        run(fit, setting, haadf_model(haadf_.image, any), 0, iterations, exec);
    }

    /// Goes on with a fit to counts and image.
    void solve(fit_type& fit, const count_setting& setting, const haadf_calibration& calibration,
               std::size_t iterations, const execution& exec = {}) const {
        xt::xtensor<T, 2> image = haadf_.image;
        image -= static_cast<T>(calibration.offset);
        const double variance = std::max(1e-6, haadf_.noise * haadf_.noise + calibration.misfit * calibration.misfit);
        run(fit, setting,
            haadf_model(std::move(image), haadf_response::from_weights(calibration.responses, calibration.gamma)),
            setting.haadf_weight / variance, iterations, exec);
    }

    /// x.
    static const xt::xtensor<T, 3>& maps_of(const fit_type& fit) { return fit.maps; }

    /// The expected counts of a fit without background.
    xt::xtensor<T, 3> signal(const fit_type& fit) const { return signal(fit.maps); }

    /// The expected counts of x without background.
    xt::xtensor<T, 3> signal(const xt::xtensor<T, 3>& x) const {
        xt::xtensor<T, 3> expected(x.shape());
        for_each_map_row([&](std::size_t i, std::size_t y) {
            std::transform(&x(i, y, 0), &x(i, y, 0) + counts_.shape[2], &expected(i, y, 0),
                           [s = static_cast<T>(scales_[i])](T v) { return s * v; });
        });
        return expected;
    }

    /// The expected counts of x with their background.
    xt::xtensor<T, 3> rates(const xt::xtensor<T, 3>& x) const { return signal(x) + background_; }

private:
    void run(fit_type& fit, const count_setting& setting, haadf_model<xt::xtensor<T, 2>> elastic, double lambda_haadf,
             std::size_t iterations, const execution& exec) const {
        const prior_type prior{.direction = setting.directed ? haadf_.direction : directional_field<T>()};
        const solver_type solver(
            std::move(elastic),
            exposure_.size() > 0 ? count_likelihood(counts_, scales_, background_, exposure_)
                                 : count_likelihood(counts_, scales_, background_),
            prior, scheme,
            {.lambda_haadf = lambda_haadf, .lambda_chemical = 1, .lambda_tv = setting.smoothing * unit_});
        // Steps that suit another objective may not suit this one.
        fit.duals.steps.clear();
        fit.duals.scales.clear();
        fit = solver.solve_from(std::move(fit), {.iterations = iterations}, exec);
    }

    template <class F>
    void for_each_map_row(F&& f) const {
        for (std::size_t i = 0; i < counts_.shape[0]; ++i) {
            for (std::size_t y = 0; y < counts_.shape[1]; ++y) f(i, y);
        }
    }

    static constexpr convergent_scheme scheme{.levels = 2};

    stack_view<const T> counts_, exposure_;
    xt::xtensor<T, 3> background_;
    std::vector<double> scales_;
    const scaled_haadf<T>& haadf_;
    double unit_ = 0;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
