// The composition of every pixel, and how sure it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/quantify/quantification.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of composition_maps() and its standard errors.
struct composition_options {
    fraction_kind kind = fraction_kind::atomic;  ///< of atoms or of weight
    double least_matter = 0.05;     ///< below this share of the 99th percentile of the total amount, a pixel is empty
    std::size_t window_radius = 3;  ///< pixels; of the window of the standard errors, 2 radius + 1 pixels a side
};

namespace detail {

inline void require_composition(const stack_view<const double>& maps, const k_factors& factors,
                                const composition_options& options, std::string_view name) {
    require_not_empty(maps, name);
    require_count(maps.shape[0], factors.size(), name, "maps", "one for each k-factor");
    for (std::size_t i = 0; i < factors.size(); ++i) {
        require_counts(maps.image(i), std::string(name) + ", " + factors.elements()[i]);
    }
    require_in_range(options.least_matter, 0, 1, "least_matter");
    require_in_range(static_cast<double>(options.window_radius), 0, 1000, "window_radius");
}

// Sums over windows of 2 radius + 1 numbers, cut off at the ends, of n numbers that lie `stride` apart.
inline void window_sums(double* values, std::size_t n, std::size_t stride, std::size_t radius,
                        std::vector<double>& scratch) {
    scratch.resize(n);
    for (std::size_t k = 0; k < n; ++k) scratch[k] = values[k * stride];
    for (std::size_t k = 0; k < n; ++k) {
        const std::size_t first = k > radius ? k - radius : 0, last = std::min(n, k + radius + 1);
        double sum = 0;
        for (std::size_t j = first; j < last; ++j) sum += scratch[j];
        values[k * stride] = sum;
    }
}

inline void window_sums(const image_view<double>& image, std::size_t radius) {
    const auto [ny, nx] = image.shape;
    std::vector<double> scratch;
    for (std::size_t y = 0; y < ny; ++y) window_sums(image.row(y), nx, 1, radius, scratch);
    for (std::size_t x = 0; x < nx; ++x) window_sums(image.data + x, ny, nx, radius, scratch);
}

inline xt::xtensor<double, 3> fractions(const stack_view<const double>& maps, const k_factors& factors,
                                        const composition_options& options, const execution& exec) {
    const std::size_t n = maps.shape[0], ny = maps.shape[1], nx = maps.shape[2];
    xt::xtensor<double, 3> out(maps.shape);
    const auto view = as_view(out);
    std::vector<double> totals(ny * nx);
    for_each_row(ny, nx, exec, [&](std::size_t y) {
        for (std::size_t i = 0; i < n; ++i) {
            const double amount = factors.amount(i, options.kind);
            for (std::size_t x = 0; x < nx; ++x) {
                totals[y * nx + x] += view.row(i, y)[x] = amount * maps.row(i, y)[x];
            }
        }
    });
    std::vector<double> ordered = totals;
    const double least = options.least_matter * lower_quantile(ordered.begin(), ordered.end(), 0.99);
    for_each_row(ny, nx, exec, [&](std::size_t y) {
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t x = 0; x < nx; ++x) {
                const double total = totals[y * nx + x];
                view.row(i, y)[x] = total > least ? view.row(i, y)[x] / total : 0;
            }
        }
    });
    return out;
}

// 1 where the fractions are not all 0.
inline xt::xtensor<double, 2> matter(const xt::xtensor<double, 3>& fractions) {
    xt::xtensor<double, 2> out({fractions.shape(1), fractions.shape(2)}, 0.0);
    for (std::size_t k = 0; k < fractions.size(); ++k) {
        if (fractions.data()[k] > 0) out.data()[k % out.size()] = 1;
    }
    return out;
}

}  // namespace detail

/// The fraction of each element in every pixel, (n, n_y, n_x), from net counts (n, n_y, n_x) such as mass_balance()
/// gives: amount_i x_i / sum_j amount_j x_j. All fractions are 0 where the sum is at most `least_matter` times its 99th
/// percentile; elsewhere they add up to 1. Throws shape_error for an empty stack and another number of maps than
/// k-factors; value_error for NaN, infinity and negative numbers, naming the element, and for options out of range.
template <stack A>
xt::xtensor<double, 3> composition_maps(const A& maps, const k_factors& factors,
                                        const composition_options& options = {}, const execution& exec = {}) {
    const readable<double, 3> x(maps, "maps");
    detail::require_composition(x.view(), factors, options, "maps");
    return detail::fractions(x.view(), factors, options, exec);
}

/// The standard errors of composition_maps() of a whole measurement, from estimates of two independent halves of it,
/// such as thin_counts() at 0.5 gives. With c' and c'' the fractions from the halves, each of the variance of half the
/// data, twice that of the whole, var(c' - c'') is four times the variance of the whole:
///     standard error = 1/2 sqrt( sum (c' - c'')^2 / n ),
/// the sum over the n pixels of the window around each pixel in which both halves have matter; 0 where there is none,
/// and where neither half has matter in the pixel itself. The window of 7 x 7 leaves a relative error of 1/sqrt(2 * 49)
/// = 10% where the fractions are independent from pixel to pixel, more where the estimator averages over pixels. What
/// the halves share, the HAADF image and the bias of the estimator, does not show. Throws as composition_maps() does,
/// and shape_error for halves of different shapes.
template <stack A, stack B>
xt::xtensor<double, 3> composition_errors(const A& half, const B& other_half, const k_factors& factors,
                                          const composition_options& options = {}, const execution& exec = {}) {
    const readable<double, 3> a(half, "half"), b(other_half, "other_half");
    detail::require_composition(a.view(), factors, options, "half");
    require_shape(b.view().shape, a.view().shape, "other_half", "half");
    detail::require_composition(b.view(), factors, options, "other_half");
    auto errors = detail::fractions(a.view(), factors, options, exec);
    const auto others = detail::fractions(b.view(), factors, options, exec);
    const auto here = detail::matter(errors), there = detail::matter(others);
    xt::xtensor<double, 2> count = here * there;
    const xt::xtensor<double, 2> both = count;
    detail::window_sums(as_view(count), options.window_radius);
    exec.for_each(factors.size(), [&](std::size_t i) {
        auto error = xt::view(errors, i);
        xt::xtensor<double, 2> squares = both * xt::square(error - xt::view(others, i));
        detail::window_sums(as_view(squares), options.window_radius);
        error = xt::where(here + there > 0 && count > 0, 0.5 * xt::sqrt(squares / xt::maximum(count, 1.0)), 0.0);
    });
    return errors;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
