// The objective of a fusion: weighted elastic and chemical terms and a prior.
#pragma once

#include <cmath>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse {

// The weights of the three terms, each finite and >= 0. The published lambda_haadf is 1 / n_elements.
struct cost_weights {
    std::optional<double> lambda_haadf = std::nullopt;  // 1 / n_elements where not given
    double lambda_chemical = 0.08;
    double lambda_tv = 0.15;
};

// The unweighted terms at one x, and their weighted total.
struct costs {
    double haadf = 0, chemical = 0, tv = 0, total = 0;
};

// F(x) = lambda_haadf elastic(x) + lambda_chemical chemical(x) + lambda_tv prior(x) on stacks of T.
// Elastic and chemical terms that are pixel-local are evaluated together in one sweep, others by whole-array calls.
template <class Elastic, class Chemical, class Prior>
class objective {
public:
    using value_type = typename Elastic::value_type;
    static_assert(
        std::same_as<value_type, typename Chemical::value_type>,
        "stemfuse: the elastic and the chemical term must have the same scalar type (both float, or both double)");
    static_assert(
        smooth_term<Elastic, value_type>,
        "stemfuse: the elastic term needs shape(), value(x, execution) and value_and_gradient(x, g, execution)");
    static_assert(
        smooth_term<Chemical, value_type>,
        "stemfuse: the chemical term needs shape(), value(x, execution) and value_and_gradient(x, g, execution)");
    static_assert(prior<Prior, value_type>,
                  "stemfuse: the prior needs value(x, execution) and prox(v, t, out, execution)");

    // Throws shape_error where the terms' shapes differ, value_error for a weight that is negative or not finite.
    objective(Elastic elastic, Chemical chemical, Prior prior, cost_weights weights)
        : elastic_(std::move(elastic)), chemical_(std::move(chemical)), prior_(std::move(prior)), weights_(weights) {
        const stack_shape e = elastic_.shape(), c = chemical_.shape();
        if (e != c) {
            throw shape_error("maps", "have shape " + to_string(c) + ", the elastic term takes " + to_string(e) +
                                          " (elements, rows, columns)");
        }
        weights_.lambda_haadf = weights_.lambda_haadf.value_or(1.0 / static_cast<double>(e[0]));
        require_non_negative(*weights_.lambda_haadf, "lambda_haadf");
        require_non_negative(weights_.lambda_chemical, "lambda_chemical");
        require_non_negative(weights_.lambda_tv, "lambda_tv");
    }

    stack_shape shape() const { return elastic_.shape(); }
    const Elastic& elastic() const { return elastic_; }
    const Chemical& chemical() const { return chemical_; }
    const Prior& prior_term() const { return prior_; }
    double lambda_haadf() const { return *weights_.lambda_haadf; }
    double lambda_chemical() const { return weights_.lambda_chemical; }
    double lambda_tv() const { return weights_.lambda_tv; }

    // All terms at x, shape shape().
    template <stack X>
    costs value(const X& maps, const execution& exec = {}) const {
        const readable<value_type, 3> in(maps, "maps");
        require_shape(in.view().shape, shape(), "maps", "the terms'");
        return total(elastic_.value(in.view(), exec), chemical_.value(in.view(), exec), in.view(), exec);
    }

    // All terms at x; writes the gradient of the weighted smooth terms to g.
    template <stack X, stack G>
    costs value_and_gradient(const X& maps, G&& gradient, const execution& exec = {}) const {
        const readable<value_type, 3> in(maps, "maps");
        writable<value_type, 3, std::remove_reference_t<G>> out(gradient, "gradient");
        require_shape(in.view().shape, shape(), "maps", "the terms'");
        require_shape(out.view().shape, shape(), "gradient", "the terms'");
        const costs at = sweep(in.view(), out.view(), exec);
        out.commit();
        return at;
    }

private:
    costs sweep(const stack_view<const value_type>& x, const stack_view<value_type>& g, const execution& exec) const {
        const std::size_t n = x.shape[0], ny = x.shape[1], nx = x.shape[2];
        const auto lh = static_cast<value_type>(lambda_haadf()), lc = static_cast<value_type>(lambda_chemical());
        if constexpr (pixel_local_term<Elastic, value_type> && pixel_local_term<Chemical, value_type>) {
            std::vector<double> haadf(ny), chemical(ny);
            for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
                row_pointers<const value_type> x_rows(x);
                row_pointers<value_type> g_rows(g);
                for (std::size_t y = first; y < last; ++y) {
                    const auto* const in = x_rows.at(y);
                    auto* const out = g_rows.at(y);
                    for (std::size_t i = 0; i < n; ++i) std::fill_n(out[i], nx, value_type(0));
                    haadf[y] = elastic_.row_value_and_gradient({y, 0, nx}, in, out, lh);
                    chemical[y] = chemical_.row_value_and_gradient({y, 0, nx}, in, out, lc);
                }
            });
            return total(std::accumulate(haadf.begin(), haadf.end(), 0.0),
                         std::accumulate(chemical.begin(), chemical.end(), 0.0), x, exec);
        } else {
            xt::xtensor<value_type, 3> part(x.shape);
            const auto p = as_view(part);
            const double haadf = elastic_.value_and_gradient(x, g, exec);
            const double chemical = chemical_.value_and_gradient(x, p, exec);
            for_each_row(n * ny, nx, exec, [&](std::size_t r) {
                value_type* const a = g.row(r / ny, r % ny);
                const value_type* const b = p.row(r / ny, r % ny);
                for (std::size_t c = 0; c < nx; ++c) a[c] = lh * a[c] + lc * b[c];
            });
            return total(haadf, chemical, x, exec);
        }
    }

    costs total(double haadf, double chemical, const stack_view<const value_type>& x, const execution& exec) const {
        const double tv = prior_.value(x, exec);
        return {haadf, chemical, tv, lambda_haadf() * haadf + lambda_chemical() * chemical + lambda_tv() * tv};
    }

    Elastic elastic_;
    Chemical chemical_;
    Prior prior_;
    cost_weights weights_;
};

}  // namespace stemfuse
