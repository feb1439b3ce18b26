// The published scheme: a gradient step on the smooth terms, then the prox of the prior.
#pragma once

#include <algorithm>
#include <utility>

#include <stemfuse/solvers/objective.hpp>

namespace stemfuse {

// x <- prox_{step lambda_tv R}( max(0, x - step grad) ) with grad that of the weighted smooth terms.
// Manassa et al., Elemental Microscopy (2024), doi 10.69761/MXVR4353: step 1, and duals that start at zero in every
// iteration. The objective is not convex and the step is no computed bound: the scheme is an early-stopped one and may
// not converge. warm_duals keeps the duals from one iteration to the next, which goes much lower with the same number
// of TV iterations.
struct published_scheme {
    double step = 1;
    bool warm_duals = false;

    // The dual state that a result hands to a warm start: the prior's where it has one and warm_duals is set, else
    // empty.
    struct no_duals {};
    template <class Prior, class T>
    struct duals_of {
        using type = no_duals;
    };
    template <class Prior, class T>
    requires warm_prior<Prior, T>
    struct duals_of<Prior, T> {
        using type = typename Prior::template duals<T>;
    };

    // What one solve carries from iteration to iteration.
    template <class Objective, class Prior>
    struct state {
        using value_type = typename Objective::value_type;
        using duals_type = typename duals_of<Prior, value_type>::type;
        xt::xtensor<value_type, 3> gradient;  // of the smooth terms at x
        duals_type duals;
        costs at;  // the terms at x
    };

    // Prepares the iteration at x. Throws value_error for a step that is not finite and positive.
    template <class E, class C, class P, class T = typename E::value_type>
    auto start(const objective<E, C, P>& f, const stack_view<T>& x, typename duals_of<P, T>::type duals,
               const execution& exec) const {
        if (!(step > 0 && std::isfinite(step)))
            throw value_error("step", "got " + to_string(step) + ", takes a finite number above 0");
        state<objective<E, C, P>, P> s{xt::xtensor<T, 3>(x.shape), std::move(duals), {}};
        s.at = f.value_and_gradient(x, as_view(s.gradient), exec);
        return s;
    }

    // One iteration: x becomes the next iterate, s.at its costs.
    template <class E, class C, class P, class T = typename E::value_type>
    void advance(const objective<E, C, P>& f, state<objective<E, C, P>, P>& s, const stack_view<T>& x,
                 const execution& exec) const {
        const auto g = as_view(s.gradient);
        const std::size_t n = x.shape[0], ny = x.shape[1], nx = x.shape[2];
        for_each_row(n * ny, nx, exec, [&](std::size_t r) {
            const T* const xr = x.row(r / ny, r % ny);
            T* const v = g.row(r / ny, r % ny);
            for (std::size_t c = 0; c < nx; ++c) {
                const T moved = xr[c] - static_cast<T>(step) * v[c];
                v[c] = moved < 0 ? T(0) : moved;  // keeps NaN, for the solver to see
            }
        });
        const stack_view<const T> v = g;
        if constexpr (warm_prior<P, T>) {
            if (warm_duals) {
                f.prior_term().prox(v, step * f.lambda_tv(), x, s.duals, exec);
                s.at = f.value_and_gradient(x, g, exec);
                return;
            }
        }
        f.prior_term().prox(v, step * f.lambda_tv(), x, exec);
        s.at = f.value_and_gradient(x, g, exec);
    }
};

}  // namespace stemfuse
