// Where a guide image has edges, and along which direction its brightness rises.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/operators/block_means.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of a directional_field made of a guide image.
struct directional_options {
    double strength = 0.95;  ///< 0 to 1: by how much a clear edge lowers the penalty of a step along q
    double smoothing = 1;    ///< of the guide: a Gaussian of this standard deviation in pixels, 0.5 or more
    double threshold = 3;    ///< a gradient is an edge if above this many times the noise of the guide's gradient
};

namespace detail {

// An image less its first pixel, smoothed. Exactly 0 where the image is constant.
template <class T>
xt::xtensor<double, 2> smoothed_guide(const image_view<const T>& image, double deviation) {
    xt::xtensor<double, 2> rise(image.shape);
    const double first = static_cast<double>(image.row(0)[0]);
    for (std::size_t y = 0; y < image.shape[0]; ++y) {
        std::transform(image.row(y), image.row(y) + image.shape[1], &rise(y, 0),
                       [first](T v) { return static_cast<double>(v) - first; });
    }
    return gaussian_filter(as_view(std::as_const(rise)), deviation);
}

}  // namespace detail

/// A field q of shape (2, n_y, n_x), its parts along y and along x, |q| <= 1, that makes A = 1 - q q^T: a step along q
/// counts by 1 - |q|^2, one across it in full. As forward differences have no part along y in the last row and none
/// along x in the last column, q has none there either. Copies share the field.
template <scalar T>
class directional_field {
public:
    /// Scalar type of the field.
    using value_type = T;

    /// No field: A = 1.
    directional_field() = default;

    /// Your own field, shape (2, n_y, n_x). Throws shape_error for another shape, value_error where a number is not
    /// finite or |q| > 1.
    template <stack Q>
    explicit directional_field(const Q& q) {
        const readable<T, 3> in(q, "q");
        require_not_empty(in.view(), "q");
        require_shape(in.view().shape, {2, in.view().shape[1], in.view().shape[2]}, "q", "a field's");
        require_finite(in.view(), "q");
        xt::xtensor<T, 3> own(in.view().shape);
        for (std::size_t y = 0; y < in.view().shape[1]; ++y) {
            for (std::size_t x = 0; x < in.view().shape[2]; ++x) {
                const T along_y = own(0, y, x) = in.view().row(0, y)[x],
                        along_x = own(1, y, x) = in.view().row(1, y)[x];
                const double length = std::hypot(static_cast<double>(along_y), static_cast<double>(along_x));
                if (length > 1 + 4 * static_cast<double>(std::numeric_limits<T>::epsilon())) {
                    throw value_error("q", "has length " + to_string(length) + " at row " + std::to_string(y) +
                                               ", column " + std::to_string(x) + ", must have length 1 or less");
                }
            }
        }
        hold(std::move(own));
    }

    /// q = sqrt(strength) g / sqrt(|g|^2 + eta^2), g the forward differences of the smoothed guide, shape (n_y, n_x),
    /// and eta = threshold sigma / (2 sqrt(pi) smoothing^2): white noise of standard deviation sigma per pixel, in the
    /// guide's units, gives the smoothed guide a gradient of root mean square eta / threshold. A constant guide gives
    /// q = 0. Ehrhardt & Betcke, SIAM J. Imaging Sci. 9, 1084 (2016), doi 10.1137/15M1047325.
    /// Throws shape_error for an empty guide, value_error for one that is not finite, sigma that is negative or not
    /// finite, and options out of range.
    template <image I>
    directional_field(const I& guide, double sigma, const directional_options& options = {}) {
        const readable<T, 2> in(guide, "guide");
        require_not_empty(in.view(), "guide");
        require_finite(in.view(), "guide");
        require_non_negative(sigma, "sigma");
        require_in_range(options.strength, 0, 1, "strength");
        require_in_range(options.smoothing, 0.5, 100, "smoothing");
        require_non_negative(options.threshold, "threshold");
        const xt::xtensor<double, 2> h = detail::smoothed_guide(in.view(), options.smoothing);
        const std::size_t ny = h.shape(0), nx = h.shape(1);
        double largest = 0;
        for (const double v : h) largest = std::max(largest, std::abs(v));
        const double noise = sigma / (2 * std::sqrt(std::numbers::pi) * options.smoothing * options.smoothing);
        const double eta =
            std::max(options.threshold * noise, 1e-9 * largest);  // 1e-9 of the largest gradient: rounding is no edge
        xt::xtensor<T, 3> q = xt::zeros<T>({std::size_t{2}, ny, nx});
        for (std::size_t y = 0; y < ny && largest > 0; ++y) {
            for (std::size_t x = 0; x < nx; ++x) {
                const double dy = y + 1 < ny ? h(y + 1, x) - h(y, x) : 0, dx = x + 1 < nx ? h(y, x + 1) - h(y, x) : 0;
                const double scale = std::sqrt(options.strength) / std::hypot(dy, dx, eta);
                q(0, y, x) = static_cast<T>(dy * scale);
                q(1, y, x) = static_cast<T>(dx * scale);
            }
        }
        hold(std::move(q));
    }

    /// Whether there is no field, so that A = 1.
    bool empty() const { return q_ == nullptr; }

    /// (2, n_y, n_x), or zeros where there is no field.
    stack_shape shape() const { return empty() ? stack_shape{} : stack_shape(q_->shape()); }

    /// Row y of the parts along y (0) or x (1).
    const T* row(std::size_t part, std::size_t y) const {
        return q_->data() + (part * q_->shape(1) + y) * q_->shape(2);
    }

    /// The means of q over blocks of 2 x 2 pixels.
    directional_field coarser() const {
        directional_field half;
        if (!empty()) half.hold(block_means(as_view(*q_)));
        return half;
    }

private:
    void hold(xt::xtensor<T, 3> q) {
        const auto view = as_view(q);
        std::fill_n(view.row(0, view.shape[1] - 1), view.shape[2], T(0));
        for (std::size_t y = 0; y < view.shape[1]; ++y) view.row(1, y)[view.shape[2] - 1] = 0;
        q_ = std::make_shared<const xt::xtensor<T, 3>>(std::move(q));
    }

    std::shared_ptr<const xt::xtensor<T, 3>> q_;
};

template <stack Q>
directional_field(const Q&) -> directional_field<scalar_type_t<Q>>;
template <image I>
directional_field(const I&, double, const directional_options& = {}) -> directional_field<scalar_type_t<I>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
