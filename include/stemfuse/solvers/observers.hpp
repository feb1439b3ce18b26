// What can watch a solve: snapshots of its maps, the best of them, the time, a line for every iteration.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/solvers/stopping.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Maps of an iteration, shape (n_elements, n_y, n_x), and what they cost.
template <scalar T>
struct kept_maps {
    std::size_t iteration = 0;  ///< 0: the start
    costs at;                   ///< the terms at these maps
    xt::xtensor<T, 3> maps;     ///< a copy; empty where nothing was kept yet
};

/// Keeps the maps of the start and of every k-th iteration.
///     snapshots<float> kept(10);  solver.solve({}, pool, kept);  kept.all().back().maps
template <scalar T>
class snapshots {
public:
    /// Throws value_error for 0 and for more than iteration_ceiling.
    explicit snapshots(std::size_t every = 1) : every_(every) { require_iterations(every, "every"); }

    /// Called by a solver. `maps` is a stack_view<const T>, or becomes one.
    template <class Maps>
    void operator()(const progress& now, const Maps& maps) {
        if (now.iteration % every_ != 0) return;
        const stack_view<const T> view = maps;
        kept_.push_back({now.iteration, now.at, detail::packed_copy<T, 3>(view, "maps")});
    }

    /// In the order of the iterations, of all solves that it has watched.
    const std::vector<kept_maps<T>>& all() const noexcept { return kept_; }

private:
    std::size_t every_;
    std::vector<kept_maps<T>> kept_;
};

/// Keeps the maps of the lowest objective: for schemes whose objective may rise, as that of published_scheme.
template <scalar T>
class store_best {
public:
    /// Called by a solver. `maps` is a stack_view<const T>, or becomes one.
    template <class Maps>
    void operator()(const progress& now, const Maps& maps) {
        if (best_.maps.size() > 0 && !(now.at.total < best_.at.total)) return;
        const stack_view<const T> view = maps;
        best_ = {now.iteration, now.at, detail::packed_copy<T, 3>(view, "maps")};
    }

    /// The maps are empty before the first solve.
    const kept_maps<T>& best() const noexcept { return best_; }

private:
    kept_maps<T> best_;
};

/// The time that every iteration took, by the clock on the wall.
class timer {
public:
    /// Called by a solver.
    void operator()(const progress& now) {
        const auto time = std::chrono::steady_clock::now();
        if (now.iteration > 0) seconds_.push_back(std::chrono::duration<double>(time - last_).count());
        last_ = time;
    }

    /// One for each iteration, in seconds.
    const std::vector<double>& seconds() const noexcept { return seconds_; }
    /// Of all iterations, in seconds.
    double total() const { return std::accumulate(seconds_.begin(), seconds_.end(), 0.0); }

private:
    std::vector<double> seconds_;
    std::chrono::steady_clock::time_point last_{};
};

/// Writes a line to a stream at the start and after every k-th iteration and the last one:
///     iteration 10 of 30: objective 123.4 (HAADF 23.1, chemical 1204, TV 88.3)
/// with the unweighted terms in brackets.
class printer {
public:
    /// The stream must outlive it. Throws value_error for 0 and for more than iteration_ceiling.
    explicit printer(std::ostream& out, std::size_t every = 1) : out_(&out), every_(every) {
        require_iterations(every, "every");
    }

    /// Called by a solver.
    void operator()(const progress& now) {
        if (now.iteration % every_ != 0 && now.iteration != now.iterations) return;
        *out_ << "iteration " + std::to_string(now.iteration) + " of " + std::to_string(now.iterations) +
                     ": objective " + to_string(now.at.total) + " (HAADF " + to_string(now.at.haadf) + ", chemical " +
                     to_string(now.at.chemical) + ", TV " + to_string(now.at.tv) + ")\n";
    }

private:
    std::ostream* out_;
    std::size_t every_;
};

/// Several observers as one; it ends the solve where any of them does. They must outlive it.
///     observe_all both(kept, clock);  solver.solve({}, pool, both);
template <class... Observers>
class observe_all {
public:
    /// Calls them in this order.
    explicit observe_all(Observers&... observers) : observers_(observers...) {}

    /// Called by a solver. Every observer is called, also after one that ends the solve; false where any does.
    template <class Maps>
    bool operator()(const progress& now, const Maps& maps) {
        return std::apply(
            [&](auto&... each) {
                bool go_on = true;
                ((go_on = detail::tell(each, now, maps) && go_on), ...);
                return go_on;
            },
            observers_);
    }

private:
    std::tuple<Observers&...> observers_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
