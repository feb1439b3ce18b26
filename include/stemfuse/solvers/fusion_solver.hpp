// The solver: an elastic term, a chemical term, a prior and a scheme, composed.
#pragma once

#include <cmath>
#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/solvers/objective.hpp>
#include <stemfuse/solvers/published_scheme.hpp>
#include <stemfuse/solvers/stopping.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A scheme S supplies one iteration on an objective F: S::duals_of<Prior, T>::type is what a result hands to a warm
/// start; start(f, x, duals, execution) returns a state with the members `at` (costs at x) and `duals`; advance(f,
/// state, x, execution) makes x the next iterate and updates both. A scheme that keeps its iterate elsewhere, or x for
/// other purposes, also has finish(f, state, x, execution), called once at the end, which makes x the iterate, and
/// iterate(f, state, x, execution), which returns a stack_view<const T> of it in between, for observers that ask for
/// the maps. See published_scheme, and examples/custom_scheme.cpp. A state may have a `stationarity`, 0 where x meets
/// the conditions of a minimum, by which a solve can be stopped, and the `sweeps` over the maps so far: both are in the
/// report.
template <class S, class F, class Prior, class T = typename F::value_type>
concept scheme =
    requires(const S& s, const F& f, const stack_view<T>& x, typename S::template duals_of<Prior, T>::type duals,
             const execution& exec) { s.start(f, x, std::move(duals), exec); } &&
    requires(const S& s, const F& f, const stack_view<T>& x, const execution& exec,
             decltype(s.start(f, x, typename S::template duals_of<Prior, T>::type{}, exec)) state) {
        s.advance(f, state, x, exec);
        { state.at } -> std::convertible_to<costs>;
        { state.duals } -> std::convertible_to<typename S::template duals_of<Prior, T>::type>;
    };

/// Fused maps, shape (n_elements, n_y, n_x), a report of the solve, and the duals from which to continue.
template <scalar T, class Duals>
struct fusion_result : fusion_report {
    xt::xtensor<T, 3> maps;  ///< >= 0, in the unit of the terms' maps
    Duals duals;             ///< of prior and terms, see the scheme's duals_of
};

/// Minimises lambda_haadf elastic(x) + lambda_chemical chemical(x) + lambda_tv prior(x) over x >= 0 by `scheme`.
/// Terms, prior and scheme are value types that meet the concepts smooth_term, prior and the scheme's two calls:
/// start() and advance(), see published_scheme. Nothing here is virtual; a solver may be used from several threads at
/// once.
///
/// The constructor throws shape_error or value_error, see objective. Every solve throws, before it starts, shape_error
/// for a start of another shape and value_error for one with NaN, infinity or negative numbers, for 0 iterations or
/// more than iteration_ceiling, for a relative change outside [0, 1] and a stationarity that is negative or that the
/// scheme does not measure; later divergence_error as soon as the objective is no finite number, and cancelled where
/// the executor asks for the end. An observer is called before the first and after every iteration, with a progress
/// and, if it takes them, the maps; returning false, it ends the solve. See ignore_progress.
template <class Elastic, class Chemical, class Prior = total_variation, class Scheme = published_scheme>
class fusion_solver {
    static_assert(
        scheme<Scheme, objective<Elastic, Chemical, Prior>, Prior>,
        "stemfuse: the scheme needs duals_of, start(f, x, duals, execution) and advance(f, state, x, execution)");

public:
    /// Scalar type of the maps, that of the terms: float or double.
    using value_type = typename objective<Elastic, Chemical, Prior>::value_type;
    /// What a result hands to a warm start.
    using duals_type = typename Scheme::template duals_of<Prior, value_type>::type;
    /// What solve() and solve_from() return.
    using result_type = fusion_result<value_type, duals_type>;

    /// Holds copies of all parts. A term made of a view still refers to that memory, which must outlive the solver.
    /// Throws shape_error where the terms' shapes differ, value_error for a weight that is negative or not finite.
    fusion_solver(Elastic elastic, Chemical chemical, Prior prior = {}, Scheme scheme = {}, cost_weights weights = {})
        : objective_(std::move(elastic), std::move(chemical), std::move(prior), weights), scheme_(std::move(scheme)) {}

    /// The same with the default scheme.
    fusion_solver(Elastic elastic, Chemical chemical, Prior prior, cost_weights weights)
        : fusion_solver(std::move(elastic), std::move(chemical), std::move(prior), Scheme{}, weights) {}

    /// The objective that it minimises.
    const objective<Elastic, Chemical, Prior>& terms() const noexcept { return objective_; }
    /// The scheme, with its options.
    const Scheme& scheme() const noexcept { return scheme_; }

    /// Starts from the measured maps: the chemical term must offer measured(), of the maps' shape.
    template <class Observer = ignore_progress>
    result_type solve(const stopping& stop = {}, const execution& exec = {}, Observer&& observer = {}) const {
        static_assert(
            requires(const Chemical& c) { c.measured(); },
            "stemfuse: the chemical term has no measured() to start from, as it is composed: call "
            "solve_from(start, ...) with maps of the shape of its unknowns");
        if constexpr (requires(const Chemical& c) { c.measured(); }) {
            return solve_from(objective_.chemical().measured(), stop, exec, observer);
        }
    }

    /// Starts from maps of the caller's, shape (n_elements, n_y, n_x), which stay as they are.
    template <stack Start, class Observer = ignore_progress>
    result_type solve_from(const Start& start, const stopping& stop = {}, const execution& exec = {},
                           Observer&& observer = {}) const {
        result_type result{{}, detail::packed_copy<value_type, 3>(start, "start"), {}};
        static_cast<fusion_report&>(result) = run(result.maps, result.duals, stop, exec, observer);
        return result;
    }

    /// Continues from an earlier result, with its duals. Pass it by std::move to save a copy.
    template <class Observer = ignore_progress>
    result_type solve_from(result_type previous, const stopping& stop = {}, const execution& exec = {},
                           Observer&& observer = {}) const {
        static_cast<fusion_report&>(previous) = run(previous.maps, previous.duals, stop, exec, observer);
        return previous;
    }

    /// Works in the caller's own array: `maps` holds the start when it begins and the fused maps when it ends, and
    /// nothing of use when it throws a divergence_error or what the observer throws. It may not be the memory of the
    /// measured maps that the chemical term refers to: value_error.
    template <stack Maps, class Observer = ignore_progress>
    fusion_report solve_in_place(Maps&& maps, const stopping& stop = {}, const execution& exec = {},
                                 Observer&& observer = {}) const {
        duals_type duals{};
        return run(maps, duals, stop, exec, observer);
    }

    /// Bytes that solve() takes at its peak beyond what the terms hold, its result included: two stacks for the
    /// published scheme, with as many bytes for a tile of each thread as a second-level cache has. Schemes and priors
    /// of others count where they have a working_memory too. solve_in_place() takes a stack less.
    std::size_t working_memory(const execution& exec = {}) const {
        const stack_shape shape = objective_.shape();
        std::size_t bytes = shape[0] * shape[1] * shape[2] * sizeof(value_type);
        if constexpr (requires { scheme_.working_memory(objective_, exec); }) {
            bytes += scheme_.working_memory(objective_, exec);
        }
        return bytes;
    }

private:
    template <class Maps, class Observer>
    fusion_report run(Maps& maps, duals_type& duals, const stopping& stop, const execution& exec,
                      Observer& observer) const {
        writable<value_type, 3, Maps> array(maps, "start");
        const auto& x = array.view();
        require_shape(x.shape, objective_.shape(), "start", "the terms'");
        require_counts(x, "start");
        if constexpr (requires { objective_.elastic().measured(); }) {
            require_apart(x, objective_.elastic().measured(), "start", "the measured image");
        }
        if constexpr (requires { objective_.chemical().measured(); }) {
            require_apart(x, objective_.chemical().measured(), "start", "the measured maps");
        }
        require_in_range(stop.relative_change, 0, 1, "relative_change");
        require_non_negative(stop.stationarity, "stationarity");
        require_iterations(stop.iterations, "iterations");
        using state_type = decltype(scheme_.start(objective_, x, std::move(duals), exec));
        if constexpr (!measures_stationarity<state_type>) {
            if (stop.stationarity > 0) {
                throw value_error("stationarity",
                                  is_but_must_be(stop.stationarity, "0: the scheme does not measure it"));
            }
        }

        fusion_report report;
        state_type state = scheme_.start(objective_, x, std::move(duals), exec);
        bool go_on = record(report, state, x, stop, exec, observer);
        while (go_on && report.iterations < stop.iterations) {
            exec.throw_if_stopped();
            scheme_.advance(objective_, state, x, exec);
            ++report.iterations;
            go_on = record(report, state, x, stop, exec, observer);
        }
        if (report.reason == stop_reason::iterations && is_stuck(report)) report.reason = stop_reason::unchanged;
        if constexpr (requires { scheme_.finish(objective_, state, x, exec); }) {
            scheme_.finish(objective_, state, x, exec);
        }
        duals = std::move(state.duals);
        array.commit();
        return report;
    }

    template <class State>
    static constexpr bool measures_stationarity = requires(const State& state) {
        { state.stationarity } -> std::convertible_to<double>;
    };

    // Whether the objective is still that of the start although a thousandth of it may be there to win: far more than
    // the rounding of float, which ends the descent of a warm start.
    static bool is_stuck(const fusion_report& report) {
        return report.stationarity > 1e-3 && report.history.back().total == report.history.front().total;
    }

    // Appends the costs, tells the observer, and says whether to go on.
    template <class State, class Observer>
    bool record(fusion_report& report, State& state, const stack_view<value_type>& x, const stopping& stop,
                const execution& exec, Observer& observer) const {
        const costs& at = state.at;
        if constexpr (measures_stationarity<State>) report.stationarity = state.stationarity;
        if constexpr (requires { report.sweeps = state.sweeps; }) report.sweeps = state.sweeps;
        if (!std::isfinite(at.total)) {
            throw divergence_error("the objective is " + to_string(at.total) + " at iteration " +
                                   std::to_string(report.iterations) +
                                   ": smaller weights, a smaller step or a larger background may help");
        }
        const bool first = report.history.empty();
        const double change = first ? 0 : std::abs(at.total - report.history.back().total);
        report.history.push_back(at);
        const auto iterate = [&]() -> stack_view<const value_type> {
            if constexpr (requires { scheme_.iterate(objective_, state, x, exec); }) {
                return scheme_.iterate(objective_, state, x, exec);
            } else {
                return x;
            }
        };
        bool go_on = detail::tell(observer, progress{report.iterations, stop.iterations, at},
                                  current_maps<value_type, decltype(iterate)>(iterate));
        if (!go_on) {
            report.reason = stop_reason::observer;
        } else if (stop.stationarity > 0 && report.stationarity <= stop.stationarity) {
            report.reason = stop_reason::stationarity;
            go_on = false;
        } else if (!first && stop.relative_change > 0 && change <= stop.relative_change * std::abs(at.total)) {
            report.reason = stop_reason::relative_change;
            go_on = false;
        }
        return go_on;
    }

    objective<Elastic, Chemical, Prior> objective_;
    Scheme scheme_;
};

template <class Elastic, class Chemical>
fusion_solver(Elastic, Chemical) -> fusion_solver<Elastic, Chemical>;
template <class Elastic, class Chemical, class Prior>
fusion_solver(Elastic, Chemical, Prior) -> fusion_solver<Elastic, Chemical, Prior>;
template <class Elastic, class Chemical, class Prior>
fusion_solver(Elastic, Chemical, Prior, cost_weights) -> fusion_solver<Elastic, Chemical, Prior>;
template <class Elastic, class Chemical, class Prior, class Scheme>
fusion_solver(Elastic, Chemical, Prior, Scheme) -> fusion_solver<Elastic, Chemical, Prior, Scheme>;
template <class Elastic, class Chemical, class Prior, class Scheme>
fusion_solver(Elastic, Chemical, Prior, Scheme, cost_weights) -> fusion_solver<Elastic, Chemical, Prior, Scheme>;

}  // namespace stemfuse::inline STEMFUSE_ABI
