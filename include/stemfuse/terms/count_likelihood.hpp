// The chemical term for raw counts: the negative Poisson log-likelihood of a scaled map over a background.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/per_element.hpp>
#include <stemfuse/operators/block_means.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/terms/dualisable_term.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(x) = sum ( w r - m log r ) over elements and pixels, r = s_i x_i + b: the negative logarithm of the probability of
/// the counts m, without the part log m! that no map changes, where an element's map 1 gives s_i counts in a pixel and
/// b come from elsewhere (bremsstrahlung, stray X-rays; the pre-edge fit of EELS). The exposure w, 1 unless it is
/// given, is how much of the usual time a pixel was counted: 0 leaves a bad pixel out, whose count must be 0. Maps x >=
/// 0 and counts m >= 0 have the shape (n_elements, n_y, n_x); the scales s_i > 0 carry the unit of x. The background b
/// > 0, in counts in a pixel of exposure 1, is one number, one for each element, or a stack of the maps' shape; without
/// any, give one far below the counts. Stack is the type that holds m. The constructor throws shape_error for empty
/// counts and for another number of scales or backgrounds, value_error for NaN, infinity or negative counts, for a
/// scale or background that is not positive, an exposure outside of [0, 1] and counts where it is 0.
template <stack Stack>
class count_likelihood : public pixel_local<count_likelihood<Stack>, value_type_t<Stack>> {
public:
    /// Scalar that the term is computed in, that of m: float or double.
    using value_type = value_type_t<Stack>;

    /// background: counts in a pixel.
    template <stack A>
    count_likelihood(A&& counts, const std::vector<double>& scales, const per_element& background)
        : counts_(std::forward<A>(counts), "counts") {
        check(scales);
        for (const double b : background.of(shape()[0], "background")) {
            require_positive(b, "background");
            constants_.push_back(static_cast<value_type>(b));
        }
    }

    /// background: counts in each pixel, a stack of the counts' shape, which is copied.
    template <stack A, stack B>
    count_likelihood(A&& counts, const std::vector<double>& scales, B&& background)
        : counts_(std::forward<A>(counts), "counts"),
          background_(detail::packed_copy<value_type, 3>(background, "background")) {
        check(scales);
        const auto view = as_view(std::as_const(background_));
        require_shape(view.shape, shape(), "background", "the counts'");
        detail::require_pixels(view, "background", "finite numbers above 0",
                               [](auto b) { return b > 0 && std::isfinite(b); });
    }

    /// exposure: w, a stack of the counts' shape, or empty for 1 everywhere.
    template <stack A, stack B, stack W>
    count_likelihood(A&& counts, const std::vector<double>& scales, B&& background, const W& exposure)
        : count_likelihood(std::forward<A>(counts), scales, std::forward<B>(background)) {
        exposure_ = detail::packed_copy<value_type, 3>(exposure, "exposure");
        if (exposure_.size() == 0) return;
        const auto view = as_view(std::as_const(exposure_));
        require_shape(view.shape, shape(), "exposure", "the counts'");
        detail::require_pixels(view, "exposure", "numbers from 0 to 1", [](auto w) { return w >= 0 && w <= 1; });
        const auto counted = counts_.view();
        detail::for_each_element(view, [&](std::size_t k, auto w) {
            const std::size_t nx = view.shape[2], ny = view.shape[1];
            if (w > 0 || !(counted.row(k / nx / ny, k / nx % ny)[k % nx] > 0)) return;
            throw value_error("exposure", "is 0 at element " + std::to_string(k / nx / ny) + ", row " +
                                              std::to_string(k / nx % ny) + ", column " + std::to_string(k % nx) +
                                              ", where there are counts, must be above 0 there");
        });
    }

    /// (n_elements, n_y, n_x).
    stack_shape shape() const { return counts_.view().shape; }

    /// The measured counts m.
    stack_view<const value_type> measured() const { return counts_.view(); }

    /// s_i, one for each element: the counts in a pixel that a map of 1 gives.
    const std::vector<value_type>& scales() const noexcept { return scales_; }

    /// See pixel_local_term.
    double row_value(row_segment segment, const value_type* const* x) const {
        double value = 0;
        visit(
            segment, x,
            [&](std::size_t, auto at, auto m, auto w, auto rate, auto& sum) {
                sum.add(at.keep(w * rate - m * natural_log(rate)));
            },
            &value);
        return value;
    }

    /// See pixel_local_term.
    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const {
        double value = 0;
        visit(
            segment, x,
            [&](std::size_t i, auto at, auto m, auto w, auto rate, auto& sum) {
                const value_type slope = scale * scales_[i];
                at.store(g[i], at.load(g[i]) + (slope * w - slope * m / rate));
                sum.add(at.keep(w * rate - m * natural_log(rate)));
            },
            &value);
        return value;
    }

    /// Writes m (s_i / r)^2. See pixel_local.
    void row_curvature(row_segment segment, const value_type* const* x, value_type* const* curvature) const {
        visit(segment, x, [&](std::size_t i, auto at, auto m, auto, auto rate, auto&) {
            const pack<value_type> slope = scales_[i] / rate;
            at.store(curvature[i], m * slope * slope);
        });
    }

    /// A step may lower the rate to a tenth at most: Newton's method for 1 - m / r overshoots from above.
    [[gnu::flatten]] void row_newton(row_segment segment, const value_type* const* x, value_type* const* g,
                                     value_type* const* d, value_type* const* lowest, value_type scale) const {
        for (std::size_t i = 0; i < scales_.size(); ++i) {
            const value_type *const counted = counts_.view().row(i, segment.y) + segment.x0, *const xi = x[i];
            value_type *const gi = g[i], *const di = d[i], *const li = lowest[i];
            const value_type s = scales_[i], amount = 1 / s;
            with_background(i, segment, [=](auto background, auto exposure) {
                for_each_pack<value_type>(segment.n, [=](auto at) {
                    const pack<value_type> m = at.load(counted), b = background(at), rate = s * at.load(xi) + b;
                    const pack<value_type> relative = s / rate, pull = scale * m * relative;
                    at.store(gi, at.load(gi) + (scale * s * exposure(at) - pull));
                    at.store(di, at.load(di) + pull * relative);
                    const pack<value_type> least = (rate * value_type(0.1) - b) * amount;
                    at.store(li, m > 0 ? pack_max(at.load(li), least) : at.load(li));
                });
            });
        }
    }

    /// The largest m (s_i / b)^2, which is the curvature at x = 0.
    double curvature_bound(const execution& exec = {}) const {
        const stack_view<const value_type> counts = counts_.view();
        const std::size_t ny = counts.shape[1], nx = counts.shape[2];
        return detail::max_over_rows(counts.shape[0] * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            const auto s = static_cast<double>(scales_[i]);
            double largest = 0;
            for (std::size_t c = 0; c < nx; ++c) {
                const auto b = static_cast<double>(background_.size() > 0 ? background_(i, y, c) : constants_[i]);
                largest = std::max(largest, static_cast<double>(counts.row(i, y)[c]) * (s / b) * (s / b));
            }
            return largest;
        });
    }

    /// See dualisable_term: in the variable s_i x_i it is that of the published form.
    [[gnu::flatten]] void row_dual_prox(row_segment segment, const value_type* const* z, value_type* const* y,
                                        const value_type* steps, value_type scale) const {
        for (std::size_t i = 0; i < scales_.size(); ++i) {
            const value_type *const counted = counts_.view().row(i, segment.y) + segment.x0, *const zi = z[i];
            value_type* const yi = y[i];
            const value_type s = scales_[i], inverse = 1 / s, step = steps[i], own = step * inverse * inverse;
            with_background(i, segment, [=](auto background, auto exposure) {
                for_each_pack<value_type>(segment.n, [=](auto at) {
                    const pack<value_type> u = inverse * (at.load(yi) + step * at.load(zi)), top = scale * exposure(at);
                    const pack<value_type> a = u + own * background(at) - top;
                    at.store(yi, s * detail::poisson_dual_prox(a, scale * own * at.load(counted), top));
                });
            });
        }
    }
    /// s_i. See dualisable_term.
    double dual_scale(std::size_t i) const { return static_cast<double>(scales_[i]); }

    /// The same term for block means of the counts and of the background.
    auto coarser() const {
        using coarse = count_likelihood<xt::xtensor<value_type, 3>>;
        const std::vector<double> scales(scales_.begin(), scales_.end());
        if (exposure_.size() > 0) {
            return coarse(block_means(measured()), scales, block_means(as_view(background_)),
                          block_means(as_view(exposure_)));
        }
        if (background_.size() > 0) return coarse(block_means(measured()), scales, block_means(as_view(background_)));
        return coarse(block_means(measured()), scales, std::vector<double>(constants_.begin(), constants_.end()));
    }

private:
    // Calls f(i, at, m, w, rate, sum) for every pack; adds the sums to `value`.
    template <class F>
    void visit(row_segment segment, const value_type* const* x, F&& f, double* value = nullptr) const {
        const auto counts = counts_.view();
        for (std::size_t i = 0; i < counts.shape[0]; ++i) {
            const value_type* const m = counts.row(i, segment.y) + segment.x0;
            pack_sum<value_type> sum;
            with_background(i, segment, [&](auto background, auto exposure) {
                for_each_pack<value_type>(segment.n, [&](auto at) {
                    f(i, at, at.load(m), exposure(at), scales_[i] * at.load(x[i]) + background(at), sum);
                });
            });
            if (value != nullptr) *value += sum.total();
        }
    }

    // Calls f with what gives the background and the exposure of a pack.
    template <class F>
    void with_background(std::size_t i, row_segment segment, F&& f) const {
        const auto one = [](auto) { return broadcast(value_type(1)); };
        if (exposure_.size() > 0) {
            const value_type *const b = &background_(i, segment.y, segment.x0), *const w = &exposure_(i, segment.y,
                                                                                                      segment.x0);
            f([b](auto at) { return at.load(b); }, [w](auto at) { return at.load(w); });
        } else if (background_.size() > 0) {
            const value_type* const b = &background_(i, segment.y, segment.x0);
            f([b](auto at) { return at.load(b); }, one);
        } else {
            f([b = constants_[i]](auto) { return broadcast(b); }, one);
        }
    }

    void check(const std::vector<double>& scales) {
        require_not_empty(counts_.view(), "counts");
        require_counts(counts_.view(), "counts");
        require_count(scales.size(), shape()[0], "scales", "numbers", "one for each element");
        for (const double s : scales) {
            require_positive(s, "scales");
            scales_.push_back(static_cast<value_type>(s));
        }
    }

    held_array<Stack, 3> counts_;
    std::vector<value_type> scales_, constants_;
    xt::xtensor<value_type, 3> background_, exposure_;
};

template <stack A, class B, class W>
count_likelihood(A&&, std::vector<double>, B&&, W&&) -> count_likelihood<held_t<std::remove_cvref_t<A>, 3>>;
template <stack A, class B>
count_likelihood(A&&, std::vector<double>, B&&) -> count_likelihood<held_t<std::remove_cvref_t<A>, 3>>;

// Says why an array is no stack.
template <class A, class First, class... Rest>
    requires detail::refused_array<A, 3>
count_likelihood(A&&, First&&, Rest&&...) -> count_likelihood<xt::xtensor<double, 3>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
