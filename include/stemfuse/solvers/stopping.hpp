// When a solve ends, and what it tells on the way.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include <stemfuse/solvers/objective.hpp>

namespace stemfuse {

/// When a solve ends.
struct stopping {
    std::size_t iterations = 30;  ///< at most
    double relative_change = 0;   ///< stop when |F_k - F_(k-1)| <= relative_change |F_k|; 0 switches it off
    double stationarity = 0;      ///< stop when the scheme's measure is at most this; 0 switches it off
};

enum class stop_reason { iterations, relative_change, stationarity, observer };

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
    }
    return "";
}

/// What an observer sees after every iteration (and before the first, as iteration 0).
struct progress {
    std::size_t iteration;
    std::size_t iterations;  ///< the limit
    costs at;                ///< the terms after this iteration
};

/// An observer is callable with a progress. One that returns bool stops the solve by returning false.
struct ignore_progress {
    void operator()(const progress&) const {}
};

/// What a solve did: costs before the first and after every iteration, so history.size() == iterations + 1.
struct fusion_report {
    std::vector<costs> history;
    std::size_t iterations = 0;
    stop_reason reason = stop_reason::iterations;
    std::optional<double>
        stationarity{};              ///< of the maps, where the scheme measures it: see the scheme for what it means
    std::optional<double> sweeps{};  ///< over the maps in all, where the scheme counts them
};

}  // namespace stemfuse
