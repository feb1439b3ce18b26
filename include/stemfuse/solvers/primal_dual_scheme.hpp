// A convergent scheme for terms that couple pixels: the relaxed primal-dual method with diagonal steps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <stemfuse/core/copy_rows.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/solvers/objective.hpp>
#include <stemfuse/solvers/primal_dual/duals.hpp>
#include <stemfuse/solvers/primal_dual/relaxed_step.hpp>
#include <stemfuse/solvers/primal_dual/step_balance.hpp>
#include <stemfuse/solvers/stationarity.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Minimises lambda_haadf E(x) + lambda_chemical C(x) + lambda_tv R(x) over x >= 0 where E and C are any of
///   - composed_term of a likelihood that is a dualisable_term, such as counts of blurred, binned or mixed maps;
///   - a convex term that couples neither pixels nor elements, see separable_convex_term;
///   - one term with a convex majoriser, see majorised_term, such as haadf_model;
///   - sum_of_terms of these.
/// The method is Condat's relaxed one, J. Optim. Theory Appl. 158, 460 (2013), doi 10.1007/s10957-012-0245-9, with the
/// diagonal steps of Pock & Chambolle, ICCV 2011, doi 10.1109/ICCV.2011.6126441, in variables scaled by the maps' root
/// mean squares and by the typical slopes of the terms. It takes an operator as it is, by apply() and adjoint(), and
/// the steps follow from the operator, see diagonal_bounds_of, and from how far maps and duals move, see
/// detail::step_balance: there is none to tune. A term after an operator costs
/// one apply() and one adjoint() a sweep.
///
/// An iteration is `sweeps` steps, the last one without relaxation; then the objective itself is measured. The lowest
/// maps found are the iterate, so that the objective never rises. Where the exponent of the HAADF model is above 1, its
/// convex majoriser at the iterate takes its place, as in convergent_scheme; the objective is then not convex, and
/// where the iterates end is a stationary point. Stop by the measure of stationarity(), or by a number of iterations:
/// an iteration that finds nothing lower has a relative change of 0. Where no term couples pixels, convergent_scheme
/// ends at the same maps in less time.
struct primal_dual_scheme {
    std::size_t sweeps = 10;       ///< of an iteration
    double relaxation = 1.8;       ///< in (0, 2); 1 for none
    double balance = 0.3;          ///< of the first primal steps against the dual ones; it adapts
    std::size_t newton_steps = 1;  ///< of a sweep in every pixel

    /// The type of the duals that a result hands to a warm start.
    template <class Prior, class T>
    struct duals_of {
        using type = primal_dual_duals<T>;  ///< whatever the prior
    };

    /// What one solve carries from iteration to iteration.
    template <class T>
    struct state {
        primal_dual_duals<T> duals;  ///< where the steps have come
        costs at;                    ///< of the iterate
        double stationarity = 0;     ///< of the iterate with the duals
        double sweeps = 0;           ///< so far
        /// The maps where the steps have come to, and what a step works on.
        detail::relaxed_variables<T> variables;
        std::size_t refused = 0;  ///< iterations since the objective last fell
        /// Adapts the primal steps to the dual ones; set by start().
        std::optional<detail::step_balance<T>> balance{};
    };

    /// Prepares the iteration at x. Throws value_error for 0 sweeps or Newton steps or more than iteration_ceiling, a
    /// relaxation outside [0.1, 1.99] and a balance that is not finite and above 0; shape_error and value_error for
    /// duals that do not fit.
    template <class E, class C, class P, class T = typename E::value_type>
    state<T> start(const objective<E, C, P>& f, const stack_view<T>& x, primal_dual_duals<T> warm,
                   const execution& exec) const {
        require_terms<E, C, P>();
        check();
        const stack_shape p_shape{dual_kernels<P>::images_per_map * x.shape[0], x.shape[1], x.shape[2]};
        detail::require_primal_dual_duals(f, warm, p_shape);
        state<T> s;
        s.duals = std::move(warm);
        const bool cold = s.duals.p.size() == 0;
        if (cold) s.duals.p = xt::zeros<T>(p_shape);
        dual_kernels<P>{f.prior_term()}.rest(as_view(s.duals.p));
        if (s.duals.scales.empty()) s.duals.scales = map_scales<T>(x, exec);
        set_steps(f, s, exec);

        auto& on = s.variables;
        on.x.resize(x.shape);
        copy_rows(stack_view<const T>(x), as_view(on.x), exec);
        on.z = on.x;
        on.ahead = xt::zeros<T>({x.shape[0], x.shape[1], x.shape[2] + lanes<T>});
        const bool cold_terms = s.duals.terms.empty();
        detail::for_each_dual_leaf(f, [&](const auto& leaf, double, std::size_t) {
            const stack_shape range = leaf.term().shape();
            on.kx.push_back(xt::zeros<T>(range));
            if (cold_terms) s.duals.terms.push_back(xt::zeros<T>(range));
            on.q.resize(x.shape);
        });
        const detail::pixel_terms<objective<E, C, P>> pixels(f);
        on.tangent.resize({pixels.tangent_images(), x.shape[1], x.shape[2]});
        set_tangent(f, s, exec);
        s.balance.emplace(on.x, s.duals);
        auto step = stepper(f, s, exec);
        cold ? step.start_duals() : step.pull_back();
        const auto now = measure(f, s, as_view(on.x), exec);
        s.at = now.at;
        s.stationarity = now.measure;
        return s;
    }

    /// One iteration: x becomes the maps where the steps have come to, where these are lower. Two iterations in a row
    /// that are not lower halve the primal steps and double the dual ones, so that one Newton step is enough for the
    /// maps. After ten in a row they do so no more: the steps' length is then not what keeps the objective up.
    template <class E, class C, class P, class T = typename E::value_type>
    void advance(const objective<E, C, P>& f, state<T>& s, const stack_view<T>& x, const execution& exec) const {
        auto step = stepper(f, s, exec);
        for (std::size_t k = 1; k <= sweeps; ++k) {
            exec.throw_if_stopped();
            step(k == sweeps ? T(1) : static_cast<T>(relaxation));
        }
        s.sweeps += static_cast<double>(sweeps);
        if (const auto factor = s.balance->look(s.variables, s.duals, f.lambda_tv(), exec)) shorten(s, *factor);
        const auto now = measure(f, s, as_view(s.variables.x), exec);
        if (now.at.total < s.at.total) {
            s.at = now.at;
            s.stationarity = now.measure;
            s.refused = 0;
            copy_rows(as_view(std::as_const(s.variables.x)), x, exec);
            set_tangent(f, s, exec);
            return;
        }
        if (!std::isfinite(now.at.total)) restart(f, s, x, exec);
        s.stationarity = measure(f, s, x, exec).measure;
        ++s.refused;
        if (s.refused % 2 == 0 && s.refused <= 10) shorten(s, T(2));
    }

    /// Bytes that a solve allocates beyond x, but for some rows: six stacks, the prior's duals twice, the HAADF term's
    /// tangent, and for every term after an operator three times its measurement and what the operator itself
    /// allocates.
    template <class E, class C, class P, class T = typename E::value_type>
    std::size_t working_memory(const objective<E, C, P>& f, const execution& = {}) const {
        const auto pixels = [](const stack_shape& shape) { return shape[0] * shape[1] * shape[2]; };
        const stack_shape shape = f.shape();
        const std::size_t tangent = detail::pixel_terms<objective<E, C, P>>(f).tangent_images();
        std::size_t n = (6 + 2 * dual_kernels<P>::images_per_map) * pixels(shape) + tangent * shape[1] * shape[2];
        detail::for_each_dual_leaf(
            f, [&](const auto& leaf, double, std::size_t) { n += 3 * pixels(leaf.term().shape()); });
        return n * sizeof(T);
    }

private:
    template <class E, class C, class P>
    static constexpr void require_terms() {
        static_assert(detail::leaves_of<E>::known && detail::leaves_of<C>::known,
                      "stemfuse: the primal-dual scheme takes composed_term of a likelihood with row_dual_prox() and "
                      "dual_scale(), see dualisable_term; convex pixel-local terms with row_newton(), see "
                      "separable_convex_term; a term with a convex majoriser, see majorised_term; and sums of them");
        static_assert(detail::leaves_of<E>::majorised + detail::leaves_of<C>::majorised <= 1,
                      "stemfuse: the primal-dual scheme takes one term with a convex majoriser, such as haadf_model");
        static_assert(dual_prior<P, typename E::value_type>,
                      "stemfuse: the primal-dual scheme needs a specialisation of dual_kernels for the prior");
    }

    void check() const {
        require_iterations(sweeps, "sweeps");
        require_iterations(newton_steps, "newton_steps");
        require_in_range(relaxation, 0.1, 1.99, "relaxation");
        require_positive(balance, "balance");
    }

    template <class E, class C, class P, class T>
    auto stepper(const objective<E, C, P>& f, state<T>& s, const execution& exec) const {
        return detail::relaxed_step<objective<E, C, P>, P>(f, s.variables, as_view(s.duals.p), s.duals.terms,
                                                           newton_steps, exec);
    }

    // tau_i = balance l_i / sum of the columns, sigma = slope / (balance rows), in the variables x_i / l_i and
    // y / slope. Of the prior's differences every row has at most two entries of 1, a column norm2 / 2. Maps that the
    // prior couples have one scale, since their duals take equal steps.
    template <class E, class C, class P, class T>
    void set_steps(const objective<E, C, P>& f, state<T>& s, const execution& exec) const {
        std::vector<double> levels(s.duals.scales.begin(), s.duals.scales.end());
        if (dual_kernels<P>::couples_maps) {
            const double mean = std::accumulate(levels.begin(), levels.end(), 0.0) / static_cast<double>(levels.size());
            std::fill(levels.begin(), levels.end(), mean);
        }
        std::vector<double> columns(levels.size(), f.lambda_tv() * dual_kernels<P>::norm2 / 2);
        detail::for_each_dual_leaf(f, [&](const auto& leaf, double weight, std::size_t) {
            std::vector<double> slopes;
            for (std::size_t i = 0; i < leaf.term().shape()[0]; ++i) {
                slopes.push_back(weight * leaf.term().dual_scale(i));
            }
            const diagonal_bounds bounds = diagonal_bounds_of<T>(leaf.op(), levels, slopes, exec);
            for (std::size_t i = 0; i < columns.size(); ++i) columns[i] += bounds.columns[i];
            std::vector<T> steps;
            for (std::size_t i = 0; i < slopes.size(); ++i) {
                const double row = bounds.rows[i] > 0 ? bounds.rows[i] : levels[0];  // an image that sees no map
                steps.push_back(static_cast<T>(slopes[i] / (balance * row)));
            }
            s.variables.dual_steps.push_back(std::move(steps));
        });
        // Without prior and operators every pixel is alone, and a little inertia keeps the Newton steps in bounds.
        // 1e-30 keeps it above 0 where nothing has a weight.
        const double least = std::max(1e-3 * std::max(f.lambda_haadf(), f.lambda_chemical()), 1e-30);
        for (std::size_t i = 0; i < levels.size(); ++i) {
            s.variables.inertia.push_back(static_cast<T>(std::max(columns[i], least) / (balance * levels[i])));
            s.variables.prior_steps.push_back(static_cast<T>(1 / (2 * balance * levels[i])));
        }
        s.variables.shorten(s.duals.shortening);
    }

    // Primal steps by the factor shorter, dual steps longer.
    template <class T>
    static void shorten(state<T>& s, T factor) {
        s.duals.shortening *= factor;
        s.variables.shorten(factor);
    }

    // From the iterate again, with duals of 0: the steps have left the finite numbers.
    template <class F, class T>
    void restart(const F& f, state<T>& s, const stack_view<T>& x, const execution& exec) const {
        copy_rows(stack_view<const T>(x), as_view(s.variables.x), exec);
        s.variables.z = s.variables.x;
        s.duals.p.fill(T(0));
        for (auto& y : s.duals.terms) y.fill(T(0));
        stepper(f, s, exec).pull_back();
    }

    template <class F, class T>
    static stationarity_report measure(const F& f, const state<T>& s,
                                       const std::type_identity_t<stack_view<const T>>& x, const execution& exec) {
        return stationarity(f, x, as_view(s.duals.p), std::span<const T>(s.duals.scales), exec);
    }

    template <class F, class T>
    static void set_tangent(const F& f, state<T>& s, const execution& exec) {
        if (s.variables.tangent.size() == 0) return;
        const detail::pixel_terms<F> pixels(f);
        const auto x = as_view(std::as_const(s.variables.x));
        const auto tangent = as_view(s.variables.tangent);
        for_each_row_block(x.shape[1], x.shape[2], exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const T> rows(x);
            row_pointers<T> out(tangent);
            for (std::size_t y = first; y < last; ++y) pixels.row_tangent({y, 0, x.shape[2]}, rows.at(y), out.at(y));
        });
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
