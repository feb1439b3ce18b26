// The published scheme: a gradient step on the smooth terms, then the prox of the prior.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/copy_rows.hpp>
#include <stemfuse/core/large_pages.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/simd/simd.hpp>
#include <stemfuse/solvers/objective.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// x <- prox_{step lambda_tv R}( max(0, x - step grad) ) with grad that of the weighted smooth terms. Manassa et al.,
/// Elemental Microscopy (2024), doi 10.69761/MXVR4353: step 1, and duals that start at zero in every iteration. The
/// objective is not convex and the step does not come from a bound: the scheme relies on an early stop and may not
/// converge. warm_duals keeps the duals from one iteration to the next, which goes much lower with the same number of
/// TV iterations.
struct published_scheme {
    double step = 1;          ///< of the gradient, finite and above 0
    bool warm_duals = false;  ///< the prox starts from the duals of the last iteration

    /// Of a prior that keeps no duals: nothing.
    struct no_duals {};
    /// The type of the duals that a result hands to a warm start: the prior's own where it is a warm_prior, which the
    /// solve uses and renews only where warm_duals is set; else no_duals.
    template <class Prior, class T>
    struct duals_of {
        using type = no_duals;  ///< the prior keeps none
    };
    /// That of a warm_prior.
    template <class Prior, class T>
        requires warm_prior<Prior, T>
    struct duals_of<Prior, T> {
        using type = typename Prior::template duals<T>;  ///< the prior's own
    };

    /// What one solve carries from iteration to iteration. The maps that the next prox takes, v = max(0, x - step
    /// grad), lie in `other` or, every second time, in the solver's x.
    template <class Objective, class Prior>
    struct state {
        /// Scalar type of the maps.
        using value_type = typename Objective::value_type;
        /// Type of the prior's duals.
        using duals_type = typename duals_of<Prior, value_type>::type;
        xt::xtensor<value_type, 3> other;      ///< v, or memory for the next one
        duals_type duals;                      ///< that the last prox left behind, where warm_duals is set
        costs at;                              ///< the terms at the iterate
        duals_type spare_duals{};              ///< that it began with: the same prox can be taken once more
        bool v_in_x = false,                   ///< v lies in the solver's x, not in `other`
            ahead = false;                     ///< only v was kept: the iterate is in neither
        bool made = false;                     ///< whether `iterate` is that of s.at
        xt::xtensor<value_type, 3> iterate{};  ///< only where an observer asked for it
    };

    /// Whether the objective provably never rises, provided that the prior's prox is exact: the step is at most the
    /// inverse of the curvature bound. Beck & Teboulle, SIAM J. Imaging Sci. 2, 183 (2009), doi 10.1137/080716542,
    /// lemma 2.3. For all other steps and terms nothing is known, and an early stop decides.
    template <class E, class C, class P>
    bool provably_descends(const objective<E, C, P>& f, const execution& exec = {}) const {
        if constexpr (bounded_curvature<E> && bounded_curvature<C>) {
            return step * f.curvature_bound(exec) <= 1;
        } else {
            return false;
        }
    }

    /// Prepares the iteration at x. Throws value_error for a step that is not finite and positive.
    template <class E, class C, class P, class T = typename E::value_type>
    auto start(const objective<E, C, P>& f, const stack_view<T>& x, typename duals_of<P, T>::type duals,
               const execution& exec) const {
        if (!(step > 0 && std::isfinite(step)))
            throw value_error("step", is_but_must_be(step, "a finite number above 0"));
        state<objective<E, C, P>, P> s{xt::xtensor<T, 3>(x.shape), std::move(duals), {}};
        detail::prefer_large_pages(s.other.data(), s.other.size());
        s.at = f.value_and_gradient(x, as_view(s.other), exec);
        move_all<T>(x, as_view(s.other), exec);
        return s;
    }

    /// One iteration: s.at becomes the costs of the next iterate. With a row_prior and pixel-local terms it is one
    /// sweep that reads v and the measurement and writes the next v: the iterate itself stays in cache, and finish()
    /// makes it. Else x becomes the iterate.
    template <class E, class C, class P, class T = typename E::value_type>
    void advance(const objective<E, C, P>& f, state<objective<E, C, P>, P>& s, const stack_view<T>& x,
                 const execution& exec) const {
        const stack_view<T> other = as_view(s.other);
        if constexpr (in_one_sweep<objective<E, C, P>, P, T>) {
            const stack_view<const T> v = s.v_in_x ? x : other;
            const stack_view<T> next = s.v_in_x ? other : x;
            const auto result = prox_rows(f, s, v, exec, [&](row_segment segment, const T* const* u) {
                row_pointers<T> rows(next);
                if (segment.y + 1 < next.shape[1]) {
                    for (std::size_t i = 0; i < next.shape[0]; ++i) {
                        detail::prefetch_row(next.row(i, segment.y + 1) + segment.x0, segment.n);
                    }
                }
                T* const* const g = rows.at(segment.y, segment.x0);
                const row_costs smooth = f.row_value_and_gradient(segment, u, g);
                for (std::size_t i = 0; i < next.shape[0]; ++i) move_row(u[i], g[i], segment.n);
                return smooth;
            });
            s.at = f.total(result.sum, result.value);
            s.v_in_x = !s.v_in_x;
            s.ahead = true;
            s.made = false;
        } else {
            prox(f, s.duals, stack_view<const T>(other), x, exec);
            s.at = f.value_and_gradient(x, other, exec);
            move_all<T>(x, other, exec);
        }
    }

    /// The iterate whose costs are s.at, for observers: x, or where it was not kept, the result of the last prox, taken
    /// once more into memory of its own.
    template <class E, class C, class P, class T = typename E::value_type>
    stack_view<const T> iterate(const objective<E, C, P>& f, state<objective<E, C, P>, P>& s, const stack_view<T>& x,
                                const execution& exec) const {
        if (!s.ahead) return x;
        if (!s.made) {
            s.iterate.resize(x.shape);
            prox(f, s.spare_duals, stack_view<const T>(s.v_in_x ? as_view(s.other) : x), as_view(s.iterate), exec);
            s.made = true;
        }
        return as_view(s.iterate);
    }

    /// Makes x the iterate.
    template <class E, class C, class P, class T = typename E::value_type>
    void finish(const objective<E, C, P>& f, state<objective<E, C, P>, P>& s, const stack_view<T>& x,
                const execution& exec) const {
        if (!s.ahead) return;
        if (s.made) return copy_rows(stack_view<const T>(as_view(s.iterate)), x, exec);
        const stack_view<T> other = as_view(s.other), v = s.v_in_x ? other : x, u = s.v_in_x ? x : other;
        prox(f, s.spare_duals, stack_view<const T>(v), u, exec);
        if (s.v_in_x) return;
        copy_rows(stack_view<const T>(u), x, exec);
    }

    /// Bytes that a solve allocates beyond x.
    template <class E, class C, class P, class T = typename E::value_type>
    std::size_t working_memory(const objective<E, C, P>& f, const execution& exec = {}) const {
        const stack_shape shape = f.shape();
        const std::size_t stack = shape[0] * shape[1] * shape[2] * sizeof(T);
        std::size_t bytes = stack;
        if constexpr (warm_prior<P, T>) bytes += warm_duals ? 4 * stack : 0;
        if constexpr (!objective<E, C, P>::row_wise) bytes += stack;
        if constexpr (requires { f.prior_term().template working_memory<T>(shape, exec); }) {
            bytes += f.prior_term().template working_memory<T>(shape, exec);
        }
        return bytes;
    }

private:
    template <class Objective, class P, class T>
    static constexpr bool in_one_sweep =
        Objective::row_wise && row_prior<P, T> && (!warm_prior<P, T> || warm_row_prior<P, T>);

    template <class F, class D, class T>
    void prox(const F& f, D& duals, const stack_view<const T>& v, const stack_view<T>& u, const execution& exec) const {
        if constexpr (!std::is_same_v<D, no_duals>) {
            if (warm_duals) {
                f.prior_term().prox(v, step * f.lambda_tv(), u, duals, exec);
                return;
            }
        }
        f.prior_term().prox(v, step * f.lambda_tv(), u, exec);
    }

    // The prox of v by rows. Warm: from s.duals; then these are the new ones, and s.spare_duals those before.
    template <class F, class S, class T, class Sink>
    auto prox_rows(const F& f, S& s, const stack_view<const T>& v, const execution& exec, Sink&& sink) const {
        if constexpr (!std::is_same_v<typename S::duals_type, no_duals>) {
            if (warm_duals) {
                auto result = f.prior_term().prox_rows(v, step * f.lambda_tv(), s.duals, s.spare_duals, sink, exec);
                std::swap(s.duals, s.spare_duals);
                return result;
            }
        }
        return f.prior_term().prox_rows(v, step * f.lambda_tv(), sink, exec);
    }

    // v <- max(0, x - step v), v holding the gradient.
    template <class T>
    void move_row(const T* x, T* v, std::size_t n) const {
        const T length = static_cast<T>(step);
        for_each_pack<T>(n, [&](auto at) {
            at.store(v, pack_max(pack<T>{}, at.load(x) - length * at.load(v)));  // keeps NaN, for the solver to see
        });
    }
    template <class T>
    void move_all(const stack_view<T>& x, const stack_view<T>& v, const execution& exec) const {
        for_each_row(x.shape[0] * x.shape[1], x.shape[2], exec, [&](std::size_t r) {
            move_row(x.row(r / x.shape[1], r % x.shape[1]), v.row(r / x.shape[1], r % x.shape[1]), x.shape[2]);
        });
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
