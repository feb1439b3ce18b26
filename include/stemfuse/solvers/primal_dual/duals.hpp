// What a solve by the primal-dual scheme hands to the next one.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/solvers/primal_dual/leaf_terms.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The prior's duals p, as its dual_kernels take them; those of every term after an operator, in the shape of its
/// measurement, in the order of the terms; the scale of every map that steps and stationarity take; and by how much the
/// primal steps have become shorter. Empty: the next solve finds its own.
template <scalar T>
struct primal_dual_duals {
    xt::xtensor<T, 3> p;                   ///< of the prior, (images_per_map n, n_y, n_x)
    std::vector<xt::xtensor<T, 3>> terms;  ///< one stack for each term after an operator
    std::vector<T> scales;                 ///< root mean squares, one a map, see map_scales()
    T shortening = 1;                      ///< above 0; below 1 the primal steps have become longer
};

namespace detail {

// Throws shape_error for duals that do not belong to maps with prior duals of shape p and these terms, value_error for
// NaN, infinity and scales that are not above 0.
template <class Objective, scalar T>
void require_primal_dual_duals(const Objective& f, const primal_dual_duals<T>& duals, const stack_shape& p) {
    const auto require = [](const xt::xtensor<T, 3>& own, const stack_shape& shape, const char* like) {
        require_shape({own.shape(0), own.shape(1), own.shape(2)}, shape, "duals", like);
        require_finite(as_view(own), "duals");
    };
    if (duals.p.size() > 0) require(duals.p, p, "the maps'");
    if (!duals.terms.empty()) {
        std::size_t n = 0;
        for_each_dual_leaf(f, [&](const auto& leaf, double, std::size_t k) {
            n = k + 1;
            if (k < duals.terms.size()) require(duals.terms[k], leaf.term().shape(), "the measurement's");
        });
        if (n != duals.terms.size()) {
            throw shape_error("duals", "are for " + std::to_string(duals.terms.size()) +
                                           " terms after operators, must be for " + std::to_string(n));
        }
    }
    if (!duals.scales.empty() && duals.scales.size() != f.shape()[0]) {
        throw shape_error("duals", "have scales for " + std::to_string(duals.scales.size()) + " maps, must be for " +
                                       std::to_string(f.shape()[0]));
    }
    for (const T scale : duals.scales) require_positive(static_cast<double>(scale), "duals");
    require_positive(static_cast<double>(duals.shortening), "duals");
}

}  // namespace detail
}  // namespace stemfuse::inline STEMFUSE_ABI
