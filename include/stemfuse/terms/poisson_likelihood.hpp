// The chemical term for counts: the negative Poisson log-likelihood.
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

/// f(x) = sum ( x_i - b_i log(x_i + eps_i) ) over elements and pixels, for maps x >= 0 and measured maps b >= 0 of
/// shape (n_elements, n_y, n_x). eps_i >= 0 is the background rate, in the units of b: one number, or one per element.
/// Schwartz et al., npj Comput. Mater. 8, 16 (2022), doi 10.1038/s41524-021-00692-5, eq. 3 and 4.
/// Stack is the type that holds b. The constructor throws shape_error for empty maps or another number of backgrounds,
/// value_error for NaN, infinity or negative counts, a negative background, and a background of 0 where counts are 0
/// (the term is not finite there).
template <stack Stack>
class poisson_likelihood : public pixel_local<poisson_likelihood<Stack>, value_type_t<Stack>> {
public:
    /// Scalar that the term is computed in, that of b: float or double.
    using value_type = value_type_t<Stack>;

    /// Background rates eps_i in the units of the maps.
    template <stack A>
    poisson_likelihood(A&& maps, const per_element& background) : maps_(std::forward<A>(maps), "maps") {
        require_not_empty(maps_.view(), "maps");
        require_counts(maps_.view(), "maps");
        set_background(background.of(maps_.view().shape[0], "background"));
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
        return visit(segment, x, [&](std::size_t i, auto at, pack<value_type> b, pack<value_type> rate) {
            at.store(g[i], at.load(g[i]) + (scale - scale * b / rate));
        });
    }

    /// Writes b / (x + eps)^2. See pixel_local.
    void row_curvature(row_segment segment, const value_type* const* x, value_type* const* curvature) const {
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type* const b = maps.row(i, segment.y) + segment.x0;
            for (std::size_t c = 0; c < segment.n; ++c) {
                const value_type rate = x[i][c] + background_[i];
                curvature[i][c] = b[c] / (rate * rate);
            }
        }
    }

    /// A step may lower the rate x + eps to a tenth at most: Newton's method for 1 - b / (x + eps) overshoots from
    /// above.
    [[gnu::flatten]] void row_newton(row_segment segment, const value_type* const* x, value_type* const* g,
                                     value_type* const* d, value_type* const* lowest, value_type scale) const {
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type *const row = maps.row(i, segment.y) + segment.x0, *const xi = x[i];
            value_type *const gi = g[i], *const di = d[i], *const li = lowest[i];
            const value_type eps = background_[i];
            for_each_pack<value_type>(segment.n, [=](auto at) {
                const pack<value_type> b = at.load(row), rate = at.load(xi) + eps, inverse = value_type(1) / rate;
                const pack<value_type> pull = scale * b * inverse;
                at.store(gi, at.load(gi) + (scale - pull));
                at.store(di, at.load(di) + pull * inverse);
                const pack<value_type> least = rate * value_type(0.1) - eps;
                at.store(li, b > 0 ? pack_max(at.load(li), least) : at.load(li));
            });
        }
    }

    /// The largest b_i / eps_i^2, which is the curvature at x = 0; infinity where a background is 0.
    double curvature_bound(const execution& exec = {}) const {
        const auto maps = maps_.view();
        const std::size_t ny = maps.shape[1], nx = maps.shape[2];
        return detail::max_over_rows(maps.shape[0] * ny, nx, exec, [&](std::size_t r) {
            const value_type* const row = maps.row(r / ny, r % ny);
            const auto eps = static_cast<double>(background_[r / ny]);
            return static_cast<double>(*std::max_element(row, row + nx)) / (eps * eps);
        });
    }

    /// See dualisable_term.
    [[gnu::flatten]] void row_dual_prox(row_segment segment, const value_type* const* z, value_type* const* y,
                                        const value_type* steps, value_type scale) const {
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type *const row = maps.row(i, segment.y) + segment.x0, *const zi = z[i];
            value_type* const yi = y[i];
            const value_type step = steps[i], shift = step * background_[i] - scale, amount = scale * step;
            for_each_pack<value_type>(segment.n, [=](auto at) {
                const pack<value_type> a = at.load(yi) + step * at.load(zi) + shift;
                at.store(yi, detail::poisson_dual_prox(a, amount * at.load(row), broadcast(scale)));
            });
        }
    }
    /// 1 for every element. See dualisable_term.
    double dual_scale(std::size_t) const { return 1; }

    /// The same term for block means of the maps.
    auto coarser() const {
        using coarse = poisson_likelihood<xt::xtensor<value_type, 3>>;
        return coarse(block_means(measured()), std::vector<double>(background_.begin(), background_.end()));
    }

private:
    // Calls f(i, at, b, rate) for every pack, with rate = x + eps, and returns the segment's value.
    template <class F>
    double visit(row_segment segment, const value_type* const* x, F&& f) const {
        double value = 0;
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < maps.shape[0]; ++i) {
            const value_type* const row = maps.row(i, segment.y) + segment.x0;
            if (segment.y + 1 < maps.shape[1]) detail::prefetch_row(row + maps.strides[1], segment.n);
            pack_sum<value_type> sum;
            for_each_pack<value_type>(segment.n, [&](auto at) {
                const pack<value_type> xi = at.load(x[i]), b = at.load(row), rate = xi + background_[i];
                f(i, at, b, rate);
                sum.add(at.keep(xi - b * natural_log(rate)));
            });
            value += sum.total();
        }
        return value;
    }

    void set_background(const std::vector<double>& background) {
        const auto maps = maps_.view();
        for (std::size_t i = 0; i < background.size(); ++i) {
            require_non_negative(background[i], "background");
            background_.push_back(static_cast<value_type>(background[i]));
            if (background_[i] > 0) continue;
            detail::require_pixels(maps.image(i), "maps",
                                   "counts above 0 where the background is 0 (element " + std::to_string(i) +
                                       "); or give a background above 0",
                                   [](auto b) { return b > 0; });
        }
    }

    held_array<Stack, 3> maps_;
    std::vector<value_type> background_;
};

template <stack A>
poisson_likelihood(A&&, const per_element&) -> poisson_likelihood<held_t<std::remove_cvref_t<A>, 3>>;

// Says why an array is no stack.
template <class A, class First, class... Rest>
    requires detail::refused_array<A, 3>
poisson_likelihood(A&&, First&&, Rest&&...) -> poisson_likelihood<xt::xtensor<double, 3>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
