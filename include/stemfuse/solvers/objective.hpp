// The objective of a fusion: weighted elastic and chemical terms and a prior.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The weights of the three terms, each finite and >= 0. The published lambda_haadf is 1 / n_elements.
struct cost_weights {
    std::optional<double> lambda_haadf = std::nullopt;  ///< 1 / n_elements where not given
    double lambda_chemical = 0.08;                      ///< of the chemical term; that of the published recipe
    double lambda_tv = 0.15;                            ///< of the prior; that of the published recipe
};

/// The unweighted terms at one x, and their weighted total.
struct costs {
    double haadf = 0,  ///< elastic(x)
        chemical = 0,  ///< chemical(x)
        tv = 0,        ///< prior(x), whatever the prior is
        total = 0;     ///< the weighted sum
};

/// The unweighted smooth terms of a row segment, or of many.
struct row_costs {
    double haadf = 0,  ///< of the elastic term
        chemical = 0;  ///< of the chemical term
    /// Adds those of another segment.
    row_costs& operator+=(const row_costs& other) {
        haadf += other.haadf;
        chemical += other.chemical;
        return *this;
    }
};

/// F(x) = lambda_haadf elastic(x) + lambda_chemical chemical(x) + lambda_tv prior(x) on stacks of T.
/// Elastic and chemical terms that are pixel-local are evaluated together in one sweep, others by whole-array calls.
template <class Elastic, class Chemical, class Prior>
class objective {
public:
    /// Scalar type of the maps, that of both terms.
    using value_type = typename Elastic::value_type;
    static_assert(
        std::same_as<value_type, typename Chemical::value_type>,
        "stemfuse: the elastic and the chemical term must have the same scalar type (both float, or both double)");
    static_assert(scalar<value_type>, "stemfuse: terms are of float or double");
    static_assert(detail::require_smooth_term<Elastic, value_type>());
    static_assert(detail::require_smooth_term<Chemical, value_type>());
    static_assert(detail::require_prior<Prior, value_type>());

    /// Whether both smooth terms are pixel-local, so that a sweep can take them row by row.
    static constexpr bool row_wise = pixel_local_term<Elastic, value_type> && pixel_local_term<Chemical, value_type>;

    /// Throws shape_error where the terms' shapes differ, value_error for a weight that is negative or not finite.
    objective(Elastic elastic, Chemical chemical, Prior prior, cost_weights weights)
        : elastic_(std::move(elastic)), chemical_(std::move(chemical)), prior_(std::move(prior)), weights_(weights) {
        const stack_shape e = elastic_.shape(), c = chemical_.shape();
        if (e != c) {
            throw shape_error("maps", "has shape " + to_string(c) + ", must have shape " + to_string(e) +
                                          " (elements, rows, columns) as the elastic term");
        }
        n_elements_ = e[0];
        weights_.lambda_haadf = weights_.lambda_haadf.value_or(1.0 / static_cast<double>(e[0]));
        require_non_negative(*weights_.lambda_haadf, "lambda_haadf");
        require_non_negative(weights_.lambda_chemical, "lambda_chemical");
        require_non_negative(weights_.lambda_tv, "lambda_tv");
    }

    /// Shape (n_elements, n_y, n_x) of the maps x.
    stack_shape shape() const { return elastic_.shape(); }
    /// The elastic term.
    const Elastic& elastic() const { return elastic_; }
    /// The chemical term.
    const Chemical& chemical() const { return chemical_; }
    /// The prior.
    const Prior& prior_term() const { return prior_; }
    /// Weight of the elastic term; 1 / n_elements where none was given.
    double lambda_haadf() const { return *weights_.lambda_haadf; }
    /// Weight of the chemical term.
    double lambda_chemical() const { return weights_.lambda_chemical; }
    /// Weight of the prior.
    double lambda_tv() const { return weights_.lambda_tv; }

    /// A Lipschitz bound of the gradient of the weighted smooth terms over x >= 0, see bounded_curvature; infinity
    /// where a term has none for its parameters, such as a HAADF model with an exponent above 1.
    double curvature_bound(const execution& exec = {}) const
        requires(bounded_curvature<Elastic> && bounded_curvature<Chemical>)
    {
        const double haadf = lambda_haadf() == 0 ? 0 : lambda_haadf() * elastic_.curvature_bound(exec);
        return haadf + (lambda_chemical() == 0 ? 0 : lambda_chemical() * chemical_.curvature_bound(exec));
    }

    /// All terms at x. Throws shape_error where x is not of shape shape().
    template <stack X>
    costs value(const X& maps, const execution& exec = {}) const {
        const readable<value_type, 3> in(maps, "maps");
        require_shape(in.view().shape, shape(), "maps", "the terms'");
        return total({elastic_.value(in.view(), exec), chemical_.value(in.view(), exec)},
                     prior_.value(in.view(), exec));
    }

    /// All terms at x; writes the gradient of the weighted smooth terms to `gradient`. Throws shape_error where one of
    /// them is not of shape shape().
    template <stack X, stack G>
    costs value_and_gradient(const X& maps, G&& gradient, const execution& exec = {}) const {
        const readable<value_type, 3> in(maps, "maps");
        writable<value_type, 3, std::remove_reference_t<G>> out(gradient, "gradient");
        require_shape(in.view().shape, shape(), "maps", "the terms'");
        require_shape(out.view().shape, shape(), "gradient", "the terms'");
        const row_costs smooth = sweep(in.view(), out.view(), exec);
        out.commit();
        return total(smooth, prior_.value(in.view(), exec));
    }

    /// The smooth terms at x, unweighted, with the gradient of their weighted sum written to g, by views of shape
    /// shape(): for schemes that have the prior's value from elsewhere.
    row_costs smooth_value_and_gradient(const stack_view<const value_type>& x, const stack_view<value_type>& g,
                                        const execution& exec = {}) const {
        return sweep(x, g, exec);
    }

    /// The smooth terms of a segment; x[i] and g[i] point to its first pixel of element i, g receives their weighted
    /// gradient.
    row_costs row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g) const
        requires row_wise
    {
        for (std::size_t i = 0; i < n_elements_; ++i) std::fill_n(g[i], segment.n, value_type(0));
        const double haadf = elastic_.row_value_and_gradient(segment, x, g, static_cast<value_type>(lambda_haadf()));
        return {haadf, chemical_.row_value_and_gradient(segment, x, g, static_cast<value_type>(lambda_chemical()))};
    }

    /// The costs at an x of which the terms are known.
    costs total(const row_costs& smooth, double tv) const {
        return {smooth.haadf, smooth.chemical, tv,
                lambda_haadf() * smooth.haadf + lambda_chemical() * smooth.chemical + lambda_tv() * tv};
    }

private:
    row_costs sweep(const stack_view<const value_type>& x, const stack_view<value_type>& g,
                    const execution& exec) const {
        const std::size_t n = x.shape[0], ny = x.shape[1], nx = x.shape[2];
        if constexpr (row_wise) {
            std::vector<row_costs> rows(ny);
            for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
                row_pointers<const value_type> x_rows(x);
                row_pointers<value_type> g_rows(g);
                for (std::size_t y = first; y < last; ++y) {
                    rows[y] = row_value_and_gradient({y, 0, nx}, x_rows.at(y), g_rows.at(y));
                }
            });
            row_costs smooth;
            for (const row_costs& row : rows) smooth += row;
            return smooth;
        } else {
            xt::xtensor<value_type, 3> part(x.shape);
            const auto p = as_view(part);
            const double haadf = elastic_.value_and_gradient(x, g, exec);
            const double chemical = chemical_.value_and_gradient(x, p, exec);
            const auto lh = static_cast<value_type>(lambda_haadf()), lc = static_cast<value_type>(lambda_chemical());
            for_each_row(n * ny, nx, exec, [&](std::size_t r) {
                value_type* const a = g.row(r / ny, r % ny);
                const value_type* const b = p.row(r / ny, r % ny);
                for (std::size_t c = 0; c < nx; ++c) a[c] = lh * a[c] + lc * b[c];
            });
            return {haadf, chemical};
        }
    }

    Elastic elastic_;
    Chemical chemical_;
    Prior prior_;
    cost_weights weights_;
    std::size_t n_elements_ = 0;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
