// When a solve ends, and what it tells on the way.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/solvers/objective.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// When a solve ends.
struct stopping {
    std::size_t iterations = 30;  ///< at most
    double relative_change = 0;   ///< stop when |F_k - F_(k-1)| <= relative_change |F_k|; 0 switches it off
    double stationarity = 0;      ///< stop when the scheme's measure is at most this; 0 switches it off
};

/// Why a solve ended.
enum class stop_reason {
    iterations,       ///< all of stopping::iterations are done
    relative_change,  ///< stopping::relative_change is reached
    stationarity,     ///< stopping::stationarity is reached
    observer,         ///< the observer returned false
    unchanged,        ///< all iterations done, none lower than the start, whose stationarity is above 1e-3
};

/// In a few words, without a full stop.
inline std::string_view to_string(stop_reason reason) {
    switch (reason) {
        case stop_reason::iterations:
            return "all iterations done";
        case stop_reason::relative_change:
            return "relative change below its limit";
        case stop_reason::stationarity:
            return "stationarity below its limit";
        case stop_reason::observer:
            return "stopped by the observer";
        case stop_reason::unchanged:
            return "nothing lower than the start was found, which is not stationary: more iterations or another start "
                   "may help";
    }
    return "";
}

/// What an observer sees after every iteration (and before the first, as iteration 0).
struct progress {
    std::size_t iteration;   ///< how many are done
    std::size_t iterations;  ///< the limit
    costs at;                ///< the terms after this iteration
};

/// The maps after an iteration, as an observer that takes two arguments is given them: they become a read-only
/// stack_view, valid during the call. A scheme that does not have them at hand makes them only then.
template <class T, class Make>
class current_maps {
public:
    /// make() returns a stack_view<const T>; it must outlive this.
    explicit current_maps(const Make& make) : make_(make) {}

    /// The maps, shape (n_elements, n_y, n_x).
    operator stack_view<const T>() const { return make_(); }
    /// The same, for observers that take const auto&.
    stack_view<const T> operator()() const { return make_(); }

private:
    const Make& make_;
};

/// An observer is callable with a progress, or with a progress and the maps: (const progress&, stack_view<const T>), or
/// (const progress&, const auto& maps) to look at maps() now and then alone. One that returns bool stops the solve by
/// returning false. Ready-made ones: observers.hpp.
struct ignore_progress {
    /// Does nothing: what a solve without an observer calls.
    void operator()(const progress&) const {}
};

namespace detail {

// Calls the observer, with the maps if it takes them, and says whether to go on.
template <class Observer, class Maps>
bool tell(Observer& observer, const progress& now, const Maps& maps) {
    const auto call = [&](const auto&... arguments) {
        if constexpr (std::same_as<std::invoke_result_t<Observer&, decltype(arguments)...>, bool>) {
            return observer(arguments...);
        } else {
            observer(arguments...);
            return true;
        }
    };
    if constexpr (std::invocable<Observer&, const progress&, const Maps&>) {
        return call(now, maps);
    } else {
        return call(now);
    }
}

}  // namespace detail

/// What a solve did: costs before the first and after every iteration, so history.size() == iterations + 1.
struct fusion_report {
    std::vector<costs> history;                    ///< of the start and of every iteration
    std::size_t iterations = 0;                    ///< how many were done
    stop_reason reason = stop_reason::iterations;  ///< why it ended
    /// Of the maps, where the scheme measures it: see the scheme for what it means.
    std::optional<double> stationarity{};
    std::optional<double> sweeps{};  ///< over the maps in all, where the scheme counts them
};

}  // namespace stemfuse::inline STEMFUSE_ABI
