// What a solve by the convergent scheme hands to the next one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The prior's duals, as its dual_kernels take them, and for each map the step t (see primal_dual_sweep) and the scale
/// that the stationarity measure takes. Each may be empty: then the next solve finds its own.
template <scalar T>
struct convergent_duals {
    xt::xtensor<T, 3> p;   ///< the prior's, (images_per_map n, n_y, n_x)
    std::vector<T> steps,  ///< t, one a map, above 0
        scales;            ///< root mean squares, one a map, see map_scales()
};

namespace detail {

// Throws shape_error for duals of another shape than p and for another number of maps than n, value_error for NaN and
// infinity and for steps and scales that are not above 0.
template <scalar T>
void require_duals(const convergent_duals<T>& duals, const stack_shape& p, std::size_t n) {
    if (duals.p.size() > 0) {
        require_shape({duals.p.shape(0), duals.p.shape(1), duals.p.shape(2)}, p, "duals", "the maps'");
        require_finite(as_view(duals.p), "duals");
    }
    for (const std::vector<T>* values : {&duals.steps, &duals.scales}) {
        if (!values->empty()) require_count(values->size(), n, "duals", "steps or scales", "one for each map");
        for (const T v : *values) {
            if (v > 0 && std::isfinite(v)) continue;
            throw value_error("duals", "has a step or scale of " + to_string(static_cast<double>(v)) +
                                           ", must have finite numbers above 0");
        }
    }
}

// Halves all steps, unless one of them would fall below a 32nd of its map's scale: with steps as short as that every
// method is slow, and close to a minimum no step goes down.
template <scalar T>
void shorten_steps(convergent_duals<T>& of) {
    for (std::size_t i = 0; i < of.steps.size(); ++i) {
        if (of.steps[i] / 2 < of.scales[i] / 32) return;
    }
    for (T& t : of.steps) t /= 2;
}

// Sets every step to the mean of all.
template <scalar T>
void equalise_steps(convergent_duals<T>& of) {
    const T mean = std::accumulate(of.steps.begin(), of.steps.end(), T(0)) / static_cast<T>(of.steps.size());
    std::fill(of.steps.begin(), of.steps.end(), mean);
}

}  // namespace detail
}  // namespace stemfuse::inline STEMFUSE_ABI
