// Maps that are softer than the image: a Gaussian blur as a linear operator.
#pragma once

#include <algorithm>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/per_element.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/operators/linear_operator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// K: every map of a stack (n, n_y, n_x) blurred by a Gaussian of its own standard deviation sigma >= 0, in pixels; 0
/// leaves the map as it is. What the size of the probe, or the delocalisation of an inelastic signal, does to the maps.
/// The window is cut at 4 sigma, its weights sum to 1, and maps are mirrored at their borders (half-sample symmetric:
/// ... 1 0 | 0 1 ...), as gaussian_filter does. That makes K symmetric, so that it is its own adjoint, at the borders
/// too; it keeps constants and the sum of a map, and has no negative entry. ||K|| = 1.
/// The constructor throws value_error for a sigma outside [0, 10000], shape_error for an extent of 0
/// and for another number of sigmas than maps.
class gaussian_blur {
public:
    /// Each map's sigma, in pixels.
    gaussian_blur(const stack_shape& maps, const per_element& sigmas) : shape_(maps) {
        detail::require_extents(maps, "maps");
        for (const double sigma : sigmas.of(maps[0], "sigmas")) {
            require_in_range(sigma, 0, 10000, "sigma");  // wider than any image: the window takes memory
            windows_.push_back(sigma > 0 ? gaussian_window<double>(sigma) : std::vector<double>{1});
        }
    }

    /// (n, n_y, n_x), as range_shape().
    stack_shape domain_shape() const { return shape_; }
    /// (n, n_y, n_x), as domain_shape().
    stack_shape range_shape() const { return shape_; }
    /// ||K|| = 1: constant maps stay as they are.
    double norm_bound() const { return 1; }
    /// Always true: no weight of a Gaussian is negative.
    static bool non_negative() { return true; }

    /// out = K x. See linear_operator for what it throws.
    template <stack X, stack Out>
    void apply(const X& x, Out&& out, const execution& exec = {}) const {
        using T = value_type_t<Out>;
        std::vector<std::vector<T>> windows;
        for (const auto& window : windows_) windows.emplace_back(window.begin(), window.end());
        detail::map_stack(x, shape_, out, shape_, [&](const auto& in, const auto& result) {
            detail::smooth_images<T>(
                in, [&](std::size_t i) -> const std::vector<T>& { return windows[i]; }, result, exec);
        });
    }

    /// out = K^T y = K y.
    template <stack Y, stack Out>
    void adjoint(const Y& y, Out&& out, const execution& exec = {}) const {
        apply(y, out, exec);
    }

private:
    stack_shape shape_;
    std::vector<std::vector<double>> windows_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
