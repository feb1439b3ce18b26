// The convergent scheme: primal-dual sweeps on convex majorisers of the objective, from coarse to fine.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/copy_rows.hpp>
#include <stemfuse/operators/block_means.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/solvers/convergent_duals.hpp>
#include <stemfuse/solvers/objective.hpp>
#include <stemfuse/solvers/primal_dual_sweep.hpp>
#include <stemfuse/solvers/stationarity.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Majorisation and minimisation: the elastic term is replaced by its convex majoriser at the iterate, and `sweeps`
/// primal-dual steps go down the convex problem that results, each one sweep over memory (see primal_dual_sweep). They
/// converge for every step length where each finds the pixels' minima: Chambolle & Pock, J. Math. Imaging Vis. 40, 120
/// (2011), doi 10.1007/s10851-010-0251-1, theorem 1; one Newton step comes close enough. Then the objective itself is
/// measured. If it has fallen, the maps that the steps have come to are the next iterate and the anchor of the next
/// majoriser. If not, the iterate stays, and the next iteration goes on from where they have come, towards the minimum
/// of the same majoriser: it lies below, unless the iterate is a stationary point. So the objective never rises.
///
/// The objective is not convex, and where the iterates end is a stationary point, not always the lowest: stop by the
/// measure of stationarity(), or by a number of iterations. An iteration that does not lower the objective has a
/// relative change of 0, but the next one may lower it.
///
/// The first iteration from a start without duals solves coarser problems first, of block means of 2 x 2 pixels, again
/// and again, where both terms offer coarser(). Binning may change which elements explain the image: every coarse level
/// is therefore solved from its own block means, too, and the lower result counts.
struct convergent_scheme {
    std::size_t sweeps = 10;            ///< of an iteration
    double step = 0.3;                  ///< of the primal, in units of a map's root mean square
    std::size_t newton_steps = 1;       ///< of a sweep in every pixel
    std::size_t levels = 16;            ///< at most, of coarser problems; none has fewer than 8 rows or columns
    std::size_t coarse_iterations = 3;  ///< on each of them

    /// What a result hands to a warm start, by its scalar type.
    template <scalar T>
    using duals = convergent_duals<T>;
    /// The type of the duals that a result hands to a warm start.
    template <class Prior, class T>
    struct duals_of {
        using type = convergent_duals<T>;  ///< whatever the prior
    };

    /// What one solve carries from iteration to iteration.
    template <class T>
    struct state {
        convergent_duals<T> duals;  ///< where the steps have come, with the steps and scales of the maps
        costs at;                   ///< of the iterate
        double stationarity = 0;    ///< of the iterate with the duals
        double sweeps = 0;          ///< so far, those of coarser levels as their share of the pixels
        xt::xtensor<T, 3> x;        ///< where the steps have come
        /// What the convex majoriser keeps of its anchor, see majorised_term; empty where that is nothing.
        xt::xtensor<T, 3> tangent;
        bool cold = true;         ///< the next iteration solves coarser problems first
        std::size_t refused = 0;  ///< iterations since the objective last fell
    };

    /// Prepares the iteration at x. Throws value_error for a step that is not finite and positive and for 0 sweeps,
    /// Newton steps or coarse iterations or more than iteration_ceiling; see also require_duals.
    template <class E, class C, class P, class T = typename E::value_type>
    state<T> start(const objective<E, C, P>& f, const stack_view<T>& x, convergent_duals<T> warm,
                   const execution& exec) const {
        static_assert(detail::require_majorised_term<E, T>());
        static_assert(detail::require_separable_convex_term<C, T>());
        static_assert(dual_prior<P, T>,
                      "stemfuse: the convergent scheme needs a specialisation of dual_kernels for the prior");
        check();
        detail::require_duals(warm, dual_shape<P>(x.shape), x.shape[0]);
        state<T> s;
        s.duals = std::move(warm);
        s.cold = s.duals.p.size() == 0;
        if (s.cold) s.duals.p = xt::zeros<T>(dual_shape<P>(x.shape));
        dual_kernels<P>{f.prior_term()}.rest(as_view(s.duals.p));
        if (s.duals.scales.empty()) s.duals.scales = map_scales<T>(x, exec);
        if (s.duals.steps.empty()) {
            for (const T scale : s.duals.scales) s.duals.steps.push_back(static_cast<T>(step) * scale);
        }
        if (dual_kernels<P>::couples_maps) detail::equalise_steps(s.duals);
        s.x.resize(x.shape);
        s.tangent.resize({tangent_images(f), x.shape[1], x.shape[2]});
        copy_rows<T>(x, as_view(s.x), exec);
        const auto now = measure(f, s, as_view(s.x), exec);
        s.at = now.at;
        s.stationarity = now.measure;
        set_tangent(f, s, exec);
        return s;
    }

    /// One iteration: x becomes the next iterate where the objective falls. Two iterations in a row that do not lower
    /// it halve the steps.
    template <class E, class C, class P, class T = typename E::value_type>
    void advance(const objective<E, C, P>& f, state<T>& s, const stack_view<T>& x, const execution& exec) const {
        if (s.cold) start_from_coarse(f, s, x, exec);
        s.cold = false;
        descend(f, s, exec);
        const auto now = measure(f, s, as_view(s.x), exec);
        if (accept(f, s, now, x, exec)) return;
        if (!std::isfinite(now.at.total)) {
            copy_rows<T>(x, as_view(s.x), exec);
            s.duals.p.fill(T(0));
        }
        s.stationarity = measure(f, s, x, exec).measure;
        if (++s.refused % 2 == 0) detail::shorten_steps(s.duals);
    }

    /// Bytes that a solve allocates beyond x: maps, duals, tangent, and at first the coarser problems; but for some
    /// rows.
    template <class E, class C, class P, class T = typename E::value_type>
    std::size_t working_memory(const objective<E, C, P>& f, const execution& = {}) const {
        const stack_shape shape = f.shape();
        const std::size_t n = shape[0], own = n + dual_shape<P>(shape)[0] + tangent_images(f);
        const std::size_t coarse = has_coarser<E> && has_coarser<C> && levels > 0 ? 2 * n + 1 + 2 * (own + n) : 0;
        return (own + (coarse + 2) / 3) * shape[1] * shape[2] * sizeof(T);
    }

private:
    template <class P>
    static stack_shape dual_shape(const stack_shape& x) {
        return {dual_kernels<P>::images_per_map * x[0], x[1], x[2]};
    }

    // A HAADF term without weight is left alone.
    template <class F>
    static std::size_t tangent_images(const F& f) {
        return f.lambda_haadf() > 0 ? f.elastic().tangent_images() : 0;
    }

    void check() const {
        if (!(step > 0 && std::isfinite(step)))
            throw value_error("step", is_but_must_be(step, "a finite number above 0"));
        require_iterations(sweeps, "sweeps");
        require_iterations(newton_steps, "newton_steps");
        require_iterations(coarse_iterations, "coarse_iterations");
    }

    // The primal-dual steps of an iteration. Without a prior every pixel is alone, and a little inertia keeps the
    // Newton steps in bounds.
    template <class E, class C, class P, class T>
    void descend(const objective<E, C, P>& f, state<T>& s, const execution& exec) const {
        const double largest = std::max({f.lambda_haadf(), f.lambda_chemical(), std::numeric_limits<double>::min()});
        const T weight = static_cast<T>(f.lambda_tv() > 0 ? f.lambda_tv() : 1e-3 * largest);
        std::vector<T> inertia, ascent;
        for (const T t : s.duals.steps) {
            inertia.push_back(weight / t);
            ascent.push_back(1 / (static_cast<T>(dual_kernels<P>::norm2) * t));
        }
        detail::primal_dual_sweep<objective<E, C, P>, P> sweep(
            f, {as_view(s.x), as_view(s.duals.p), as_view(std::as_const(s.tangent)), inertia, ascent}, newton_steps,
            exec);
        for (std::size_t k = 0; k < sweeps; ++k) {
            exec.throw_if_stopped();
            sweep();
        }
        s.sweeps += static_cast<double>(sweeps);
    }

    template <class F, class T>
    static stationarity_report measure(const F& f, const state<T>& s,
                                       const std::type_identity_t<stack_view<const T>>& x, const execution& exec) {
        return stationarity(f, x, as_view(s.duals.p), std::span<const T>(s.duals.scales), exec);
    }

    template <class F, class T>
    static void set_tangent(const F& f, state<T>& s, const execution& exec) {
        if (s.tangent.size() == 0) return;
        const auto x = as_view(std::as_const(s.x));
        const auto tangent = as_view(s.tangent);
        for_each_row_block(x.shape[1], x.shape[2], exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const T> rows(x);
            row_pointers<T> out(tangent);
            for (std::size_t y = first; y < last; ++y)
                f.elastic().row_tangent({y, 0, x.shape[2]}, rows.at(y), out.at(y));
        });
    }

    // Makes s.x the iterate and the anchor if that lowers the objective.
    template <class F, class T>
    static bool accept(const F& f, state<T>& s, const stationarity_report& now, const stack_view<T>& x,
                       const execution& exec) {
        if (!(now.at.total < s.at.total)) return false;
        s.at = now.at;
        s.stationarity = now.measure;
        s.refused = 0;
        copy_rows<T>(as_view(std::as_const(s.x)), x, exec);
        set_tangent(f, s, exec);
        return true;
    }

    static bool can_halve(const stack_shape& shape) { return std::min(shape[1], shape[2]) >= 16; }

    // The duals of the next coarser problem, and its maps where they lower the objective.
    template <class E, class C, class P, class T>
    void start_from_coarse(const objective<E, C, P>& f, state<T>& s, const stack_view<T>& x,
                           const execution& exec) const {
        if constexpr (has_coarser<E> && has_coarser<C>) {
            if (levels == 0 || !can_halve(x.shape) || f.lambda_tv() == 0) return;
            const dual_kernels<P> kernels{f.prior_term()};
            const objective coarse(f.elastic().coarser(), f.chemical().coarser(), kernels.coarser(),
                                   {f.lambda_haadf(), f.lambda_chemical(), f.lambda_tv() / 2});
            xt::xtensor<T, 3> maps = block_means(stack_view<const T>(x), exec);
            const auto result = solve_coarse(coarse, maps, s.duals, exec);
            s.sweeps += result.sweeps / 4;
            spread_blocks(as_view(std::as_const(maps)), as_view(s.x), exec);
            kernels.spread(as_view(result.duals.p), as_view(s.duals.p), exec);
            if (!accept(f, s, measure(f, s, as_view(s.x), exec), x, exec)) copy_rows<T>(x, as_view(s.x), exec);
        }
    }

    // The lower of two solutions of a coarse problem: from still coarser ones, and from `maps` alone, which become it.
    template <class F, class T>
    state<T> solve_coarse(const F& f, xt::xtensor<T, 3>& maps, const convergent_duals<T>& like,
                          const execution& exec) const {
        const auto run = [&](xt::xtensor<T, 3>& x, std::size_t levels_below) {
            convergent_scheme scheme = *this;
            scheme.levels = levels_below;
            auto s = scheme.start(f, as_view(x), convergent_duals<T>{{}, like.steps, like.scales}, exec);
            for (std::size_t k = 0; k < coarse_iterations; ++k) scheme.advance(f, s, as_view(x), exec);
            return s;
        };
        if (levels == 1 || !can_halve(f.shape())) return run(maps, 0);
        xt::xtensor<T, 3> direct_maps = maps;
        state<T> direct = run(direct_maps, 0), from_coarse = run(maps, levels - 1);
        const double both = direct.sweeps + from_coarse.sweeps;
        if (direct.at.total < from_coarse.at.total) {
            std::swap(maps, direct_maps);
            std::swap(direct, from_coarse);
        }
        from_coarse.sweeps = both;
        return from_coarse;
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
