// Quality figures of an image against the known truth. All are computed in double, and after the best single scale s =
// <u, x> / <u, u> of the image u onto the truth x, because their units may differ.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <string_view>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/quantify/stoichiometry.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

using image_in = image_view<const double>;

// The sum of f(u, x) over all pixels, rows added one after the other.
template <class F>
double sum_over_pixels(const image_in& u, const image_in& x, F&& f) {
    double sum = 0;
    for (std::size_t y = 0; y < x.shape[0]; ++y) {
        sum += std::inner_product(u.row(y), u.row(y) + u.shape[1], x.row(y), 0.0, std::plus<>(), f);
    }
    return sum;
}

inline double best_scale(const image_in& u, const image_in& x) {
    const double uu = sum_over_pixels(u, u, std::multiplies<>());
    return sum_over_pixels(u, x, std::multiplies<>()) / std::max(uu, 1e-300);  // 0 for an empty image
}

inline double highest(const image_in& x) {
    double top = *x.data;
    for_each_element(x, [&](std::size_t, double v) { top = std::max(top, v); });
    return top;
}

// || s u - x ||^2
inline double squared_error(const image_in& u, const image_in& x) {
    const double s = best_scale(u, x);
    return sum_over_pixels(u, x, [=](double a, double b) { return (s * a - b) * (s * a - b); });
}

inline double nrmse(const image_in& u, const image_in& x) {
    return std::sqrt(squared_error(u, x)) / std::sqrt(sum_over_pixels(x, x, std::multiplies<>()));
}

inline double psnr(const image_in& u, const image_in& x) {
    return 20 * std::log10(highest(x) / std::sqrt(squared_error(u, x) / static_cast<double>(x.size())));
}

inline double ssim(const image_in& u, const image_in& x) {
    const double s = best_scale(u, x), range = highest(x);
    const double c1 = std::pow(0.01 * range, 2), c2 = std::pow(0.03 * range, 2);
    const auto window = gaussian_window<double>(1.5, 3.5);
    const auto blur = [&](auto&& product) {
        xt::xtensor<double, 2> values(x.shape);
        for (std::size_t y = 0; y < x.shape[0]; ++y) {
            std::transform(u.row(y), u.row(y) + x.shape[1], x.row(y), &values(y, 0),
                           [&](double a, double b) { return product(s * a, b); });
        }
        return smoothed(as_view(std::as_const(values)), window);
    };
    const auto mean_u = blur([](double a, double) { return a; }), mean_x = blur([](double, double b) { return b; });
    const auto mean_uu = blur([](double a, double) { return a * a; });
    const auto mean_xx = blur([](double, double b) { return b * b; });
    const auto mean_ux = blur([](double a, double b) { return a * b; });
    double sum = 0;
    for (std::size_t p = 0; p < mean_u.size(); ++p) {
        const double a = mean_u.data()[p], b = mean_x.data()[p];
        const double variances = (mean_uu.data()[p] - a * a) + (mean_xx.data()[p] - b * b);
        const double covariance = mean_ux.data()[p] - a * b;
        sum += ((2 * a * b + c1) * (2 * covariance + c2)) / ((a * a + b * b + c1) * (variances + c2));
    }
    return sum / static_cast<double>(mean_u.size());
}

// Throws unless the truth has a pixel above 0 and both arrays are finite and of one shape.
template <std::size_t N>
void require_comparable(const array_view<const double, N>& u, const array_view<const double, N>& x,
                        std::string_view argument) {
    require_not_empty(x, "truth");
    require_shape(u.shape, x.shape, argument, "truth");
    require_finite(u, argument);
    require_finite(x, "truth");
    if constexpr (N == 2) {
        if (!(highest(x) > 0)) throw value_error("truth", "has no pixel above 0, must have one or more");
    }
}

template <class U, class X, class F>
double compared(const U& image, const X& truth, F&& figure) {
    const readable<double, 2> u(image, "image"), x(truth, "truth");
    require_comparable(u.view(), x.view(), "image");
    return figure(u.view(), x.view());
}

}  // namespace detail

/// Normalised root mean square error: min over s of || s u - x || / || x ||; 0 is perfect, 1 is no better than an empty
/// image. Shapes (n_y, n_x). This and the figures below throw shape_error for empty images and shapes that differ, and
/// value_error for NaN or infinity and for a truth without a pixel above 0.
template <image U, image X>
double nrmse(const U& image, const X& truth) {
    return detail::compared(image, truth, [](const auto& u, const auto& x) { return detail::nrmse(u, x); });
}

/// Peak signal-to-noise ratio in dB: 20 log10(max x / rms(s u - x)); infinite for a perfect image.
template <image U, image X>
double psnr(const U& image, const X& truth) {
    return detail::compared(image, truth, [](const auto& u, const auto& x) { return detail::psnr(u, x); });
}

/// Mean structural similarity of s u and x, at most 1: Gaussian window of standard deviation 1.5, data range max x, K1
/// = 0.01, K2 = 0.03. Wang et al., IEEE Trans. Image Process. 13, 600 (2004), doi 10.1109/TIP.2003.819861, eq. 13.
template <image U, image X>
double ssim(const U& image, const X& truth) {
    return detail::compared(image, truth, [](const auto& u, const auto& x) { return detail::ssim(u, x); });
}

/// What the literature calls a gain in signal-to-noise ratio, in percent: 100 (nrmse(raw) / nrmse(fused) - 1).
/// Infinite for a perfect fused image, NaN if both are perfect.
template <image Fused, image Raw, image X>
double snr_gain(const Fused& fused, const Raw& raw, const X& truth) {
    const readable<double, 2> u(fused, "fused"), r(raw, "raw"), x(truth, "truth");
    detail::require_comparable(u.view(), x.view(), "fused");
    detail::require_comparable(r.view(), x.view(), "raw");
    return 100 * (detail::nrmse(r.view(), x.view()) / detail::nrmse(u.view(), x.view()) - 1);
}

/// The scores of one map against its truth.
struct element_score {
    double nrmse,       ///< of the fused map, see nrmse()
        psnr,           ///< in dB, see psnr()
        ssim,           ///< at most 1, see ssim()
        stoichiometry,  ///< relative error of the element's share of the whole, see stoichiometry_error()
        nrmse_raw,      ///< of the measured map
        gain;           ///< in percent, see snr_gain()
};

/// The scores of all maps, and their mean.
struct quality_score {
    std::vector<element_score> elements;  ///< one a map
    element_score mean;                   ///< over the elements; of the stoichiometry, the mean of its absolute values
};

/// All figures of every element of `fused` against `truth`, beside its measured map in `raw`; stacks (n, n_y, n_x).
/// Throws shape_error for empty stacks and shapes that differ, value_error for NaN or infinity, for an element of
/// `truth` whose sum is not positive, and for a total of `fused` that is not.
template <stack Fused, stack Raw, stack Truth>
quality_score score(const Fused& fused, const Raw& raw, const Truth& truth) {
    const readable<double, 3> u(fused, "fused"), r(raw, "raw"), x(truth, "truth");
    detail::require_comparable(u.view(), x.view(), "fused");
    detail::require_comparable(r.view(), x.view(), "raw");
    const auto stoichiometry = stoichiometry_error(u.view(), x.view());

    quality_score result{{}, {}};
    for (std::size_t i = 0; i < stoichiometry.size(); ++i) {
        const auto ui = u.view().image(i), ri = r.view().image(i), xi = x.view().image(i);
        const double error = detail::nrmse(ui, xi), error_raw = detail::nrmse(ri, xi);
        result.elements.push_back({error, detail::psnr(ui, xi), detail::ssim(ui, xi), stoichiometry[i], error_raw,
                                   100 * (error_raw / error - 1)});
    }
    const auto mean = [&](auto&& figure) {
        double sum = 0;
        for (const auto& element : result.elements) sum += figure(element);
        return sum / static_cast<double>(result.elements.size());
    };
    result.mean = {mean([](const element_score& e) { return e.nrmse; }),
                   mean([](const element_score& e) { return e.psnr; }),
                   mean([](const element_score& e) { return e.ssim; }),
                   mean([](const element_score& e) { return std::abs(e.stoichiometry); }),
                   mean([](const element_score& e) { return e.nrmse_raw; }),
                   mean([](const element_score& e) { return e.gain; })};
    return result;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
