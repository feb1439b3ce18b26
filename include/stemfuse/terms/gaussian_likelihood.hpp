// The chemical term for maps that are not counts: Gaussian noise of known standard deviation.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/per_element.hpp>
#include <stemfuse/operators/block_means.hpp>
#include <stemfuse/simd/simd.hpp>
#include <stemfuse/terms/dualisable_term.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(x) = 1/2 sum ( (x_i - b_i) / sigma_i )^2 over elements and pixels, for maps x and measured maps b of shape
/// (n_elements, n_y, n_x), b of any sign, as after background subtraction. sigma_i > 0: one number, or one per element.
/// Stack is the type that holds b. The constructor throws shape_error for empty maps or another number of sigmas,
/// value_error for NaN or infinity and for sigma <= 0.
template <stack Stack>
class gaussian_likelihood : public pixel_local<gaussian_likelihood<Stack>, value_type_t<Stack>> {
public:
    /// Scalar that the term is computed in, that of b: float or double.
    using value_type = value_type_t<Stack>;

    /// Standard deviations in the units of the maps.
    template <stack A>
    gaussian_likelihood(A&& maps, const per_element& sigma) : maps_(std::forward<A>(maps), "maps") {
        require_not_empty(maps_.view(), "maps");
        require_finite(maps_.view(), "maps");
        for (const double s : sigma.of(maps_.view().shape[0], "sigma")) {
            require_positive(s, "sigma");
            precision_.push_back(static_cast<value_type>(1 / (s * s)));
        }
    }

    /// (n_elements, n_y, n_x).
    stack_shape shape() const { return maps_.view().shape; }

    /// The measured maps b.
    stack_view<const value_type> measured() const { return maps_.view(); }

    /// See pixel_local_term.
    double row_value(row_segment segment, const value_type* const* x) const {
        return visit(segment, x, [](auto&&...) {});
    }

    /// See pixel_local_term.
    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const {
        return visit(segment, x, [&](std::size_t i, auto at, pack<value_type> r) {
            at.store(g[i], at.load(g[i]) + scale * precision_[i] * r);
        });
    }

    /// Writes 1 / sigma_i^2; x has no part in it. See pixel_local.
    void row_curvature(row_segment segment, const value_type* const*, value_type* const* curvature) const {
        for (std::size_t i = 0; i < precision_.size(); ++i) std::fill_n(curvature[i], segment.n, precision_[i]);
    }

    /// See separable_convex_term. A quadratic: a step may be of any length, so that `lowest` stays.
    void row_newton(row_segment segment, const value_type* const* x, value_type* const* g, value_type* const* d,
                    value_type* const*, value_type scale) const {
        visit(segment, x, [&](std::size_t i, auto at, pack<value_type> r) {
            at.store(g[i], at.load(g[i]) + scale * precision_[i] * r);
            at.store(d[i], at.load(d[i]) + scale * precision_[i]);
        });
    }

    /// The largest 1 / sigma_i^2.
    double curvature_bound(const execution& = {}) const {
        return static_cast<double>(*std::max_element(precision_.begin(), precision_.end()));
    }

    /// See dualisable_term.
    [[gnu::flatten]] void row_dual_prox(row_segment segment, const value_type* const* z, value_type* const* y,
                                        const value_type* steps, value_type scale) const {
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type *const b = maps.row(i, segment.y) + segment.x0, *const zi = z[i];
            value_type* const yi = y[i];
            const value_type step = steps[i], factor = 1 / (1 + step / (scale * precision_[i]));
            for_each_pack<value_type>(
                segment.n, [=](auto at) { at.store(yi, factor * (at.load(yi) + step * (at.load(zi) - at.load(b)))); });
        }
    }
    /// 1 / sigma_i. See dualisable_term.
    double dual_scale(std::size_t i) const { return std::sqrt(static_cast<double>(precision_[i])); }

    /// The same term for block means of the maps.
    auto coarser() const {
        std::vector<double> sigma;
        for (const value_type p : precision_) sigma.push_back(1 / std::sqrt(static_cast<double>(p)));
        return gaussian_likelihood<xt::xtensor<value_type, 3>>(block_means(measured()), sigma);
    }

private:
    template <class F>
    double visit(row_segment segment, const value_type* const* x, F&& f) const {
        const auto maps = maps_.view();
        double value = 0;
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type* const b = maps.row(i, segment.y) + segment.x0;
            pack_sum<value_type> sum;
            for_each_pack<value_type>(segment.n, [&](auto at) {
                const pack<value_type> r = at.load(x[i]) - at.load(b);
                sum.add(precision_[i] * r * r);
                f(i, at, r);
            });
            value += sum.total();
        }
        return value / 2;
    }

    held_array<Stack, 3> maps_;
    std::vector<value_type> precision_;  // 1 / sigma^2
};

template <stack A>
gaussian_likelihood(A&&, const per_element&) -> gaussian_likelihood<held_t<std::remove_cvref_t<A>, 3>>;

// Says why an array is no stack.
template <class A, class First, class... Rest>
    requires detail::refused_array<A, 3>
gaussian_likelihood(A&&, First&&, Rest&&...) -> gaussian_likelihood<xt::xtensor<double, 3>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
