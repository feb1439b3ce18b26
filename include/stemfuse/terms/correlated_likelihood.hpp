// The chemical term for maps whose errors are correlated from element to element, as those of a fit to spectra are.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/small_matrix.hpp>
#include <stemfuse/simd/simd.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(x) = 1/2 sum over pixels of (x - b)^T H (x - b) for maps x and measured maps b of any sign, shape (n_elements,
/// n_y, n_x), H the inverse of the covariance of b in each pixel. Couples elements, not pixels. Stack is the type that
/// holds b.
template <stack Stack>
class correlated_likelihood : public pixel_local<correlated_likelihood<Stack>, value_type_t<Stack>> {
public:
    /// Scalar that the term is computed in, that of b: float or double.
    using value_type = value_type_t<Stack>;

    /// covariance: shape (n (n + 1) / 2, n_y, n_x), the lower half row by row: (0, 0), (1, 0), (1, 1), (2, 0) ...
    /// Throws shape_error where the shapes disagree, value_error for NaN or infinity and, with the place, for a
    /// covariance that is not positive definite.
    template <stack A, stack C>
    correlated_likelihood(A&& maps, const C& covariance, const execution& exec = {})
        : maps_(std::forward<A>(maps), "maps") {
        const auto b = maps_.view();
        require_not_empty(b, "maps");
        require_finite(b, "maps");
        const std::size_t n = b.shape[0];
        const readable<value_type, 3> in(covariance, "covariance");
        const auto c = in.view();
        require_shape(c.shape, {n * (n + 1) / 2, b.shape[1], b.shape[2]}, "covariance", "the maps'");
        require_finite(c, "covariance");
        precision_.resize({n * (n + 1) / 2, b.shape[1], b.shape[2]});
        largest_ = xt::zeros<double>({b.shape[1]});
        for_each_row(b.shape[1], b.shape[2], exec, [&](std::size_t y) { invert_row(c, y); });
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
        return visit(segment, x, [&](std::size_t i, auto at, pack<value_type> slope) {
            at.store(g[i], at.load(g[i]) + scale * slope);
        });
    }

    /// Writes the diagonal of H; x has no part in it. See pixel_local.
    void row_curvature(row_segment segment, const value_type* const*, value_type* const* curvature) const {
        for (std::size_t i = 0; i < shape()[0]; ++i)
            std::copy_n(&precision_(place(i, i), segment.y, segment.x0), segment.n, curvature[i]);
    }

    /// Second derivatives: the sums of the absolute values of the rows of H, a diagonal matrix that is nowhere below H.
    void row_newton(row_segment segment, const value_type* const* x, value_type* const* g, value_type* const* d,
                    value_type* const*, value_type scale) const {
        const std::size_t n = shape()[0];
        visit(segment, x, [&](std::size_t i, auto at, pack<value_type> slope) {
            at.store(g[i], at.load(g[i]) + scale * slope);
            pack<value_type> sum{};
            for (std::size_t j = 0; j < n; ++j) {
                const pack<value_type> h = at.load(&precision_(place(i, j), segment.y, segment.x0));
                sum += pack_max(h, -h);
            }
            at.store(d[i], at.load(d[i]) + scale * sum);
        });
    }

    /// The same term with H times a weight >= 0 in every pixel, shape (n_y, n_x): 0 leaves a pixel out. Throws
    /// shape_error for another shape, value_error for weights that are negative or not finite.
    template <image W>
    correlated_likelihood weighted(const W& weights) const {
        const readable<value_type, 2> in(weights, "weights");
        require_shape(in.view().shape, {shape()[1], shape()[2]}, "weights", "the maps'");
        require_counts(in.view(), "weights");
        correlated_likelihood out = *this;
        for (std::size_t y = 0; y < shape()[1]; ++y) {
            double largest = 0;
            for (std::size_t x = 0; x < shape()[2]; ++x) {
                const value_type w = in.view().row(y)[x];
                largest = std::max(largest, static_cast<double>(w));
                for (std::size_t k = 0; k < precision_.shape(0); ++k) out.precision_(k, y, x) *= w;
            }
            out.largest_(y) *= largest;
        }
        return out;
    }

    /// The mean over pixels of H_ii.
    double mean_precision(std::size_t i) const {
        double sum = 0;
        for (std::size_t y = 0; y < shape()[1]; ++y) {
            for (std::size_t x = 0; x < shape()[2]; ++x) sum += static_cast<double>(precision_(place(i, i), y, x));
        }
        return sum / static_cast<double>(shape()[1] * shape()[2]);
    }

    /// The largest row sum of absolute values of any H.
    double curvature_bound(const execution& = {}) const { return *std::max_element(largest_.begin(), largest_.end()); }

private:
    static std::size_t place(std::size_t i, std::size_t j) { return i > j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i; }

    void invert_row(const stack_view<const value_type>& covariance, std::size_t y) {
        const std::size_t n = shape()[0], nx = shape()[2];
        small_matrix c(n, n);
        for (std::size_t x = 0; x < nx; ++x) {
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t j = 0; j <= i; ++j)
                    c(i, j) = c(j, i) = static_cast<double>(covariance.row(place(i, j), y)[x]);
            }
            const small_matrix h = inverse_positive_definite(c);
            for (std::size_t i = 0; i < n; ++i) {
                double sum = 0;
                for (std::size_t j = 0; j < n; ++j) sum += std::abs(h(i, j));
                largest_(y) = std::max(largest_(y), sum);
                if (!(h(i, i) > 0)) {
                    throw value_error("covariance", "is not positive definite at row " + std::to_string(y) +
                                                        ", column " + std::to_string(x));
                }
                for (std::size_t j = 0; j <= i; ++j)
                    precision_(place(i, j), y, x) = static_cast<value_type>((h(i, j) + h(j, i)) / 2);
            }
        }
    }

    // Calls f(i, at, (H r)_i) for every pack, r = x - b; returns 1/2 sum r^T H r.
    template <class F>
    double visit(row_segment segment, const value_type* const* x, F&& f) const {
        const auto b = maps_.view();
        const std::size_t n = b.shape[0];
        double value = 0;
        for (std::size_t i = 0; i < n; ++i) {
            pack_sum<value_type> sum;
            for_each_pack<value_type>(segment.n, [&](auto at) {
                pack<value_type> slope{};
                for (std::size_t j = 0; j < n; ++j) {
                    const pack<value_type> r = at.load(x[j]) - at.load(b.row(j, segment.y) + segment.x0);
                    slope += at.load(&precision_(place(i, j), segment.y, segment.x0)) * r;
                }
                const pack<value_type> own = at.load(x[i]) - at.load(b.row(i, segment.y) + segment.x0);
                sum.add(at.keep(own * slope));
                f(i, at, slope);
            });
            value += sum.total();
        }
        return value / 2;
    }

    held_array<Stack, 3> maps_;
    xt::xtensor<value_type, 3> precision_;
    xt::xtensor<double, 1> largest_;
};

template <stack A, stack C>
correlated_likelihood(A&&, const C&) -> correlated_likelihood<held_t<std::remove_cvref_t<A>, 3>>;
template <stack A, stack C>
correlated_likelihood(A&&, const C&, const execution&) -> correlated_likelihood<held_t<std::remove_cvref_t<A>, 3>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
