// How faithfully fused maps share out the total amount among the elements.
#pragma once

#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// The sum of every map, in double.
inline std::vector<double> element_sums(const stack_view<const double>& maps) {
    std::vector<double> sums;
    for (std::size_t i = 0; i < maps.shape[0]; ++i) {
        double sum = 0;
        for (std::size_t y = 0; y < maps.shape[1]; ++y) {
            sum += std::accumulate(maps.row(i, y), maps.row(i, y) + maps.shape[2], 0.0);
        }
        sums.push_back(sum);
    }
    return sums;
}

inline void require_positive_sums(const std::vector<double>& sums, std::string_view argument) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (sums[i] > 0) continue;
        throw value_error(argument, "element " + std::to_string(i) + " has the sum " + to_string(sums[i]) +
                                        ", must have a sum above 0");
    }
}

}  // namespace detail

/// For each element (share of the total amount of `fused`) / (share of the total amount of `truth`) - 1: 0 is right,
/// 0.1 is ten percent too much. Both stacks (n, n_y, n_x); the unit of each drops out as long as its elements share it.
/// Throws shape_error for empty stacks and shapes that differ; value_error for NaN or infinity, for an element of
/// `truth` whose sum is not positive and for a total of `fused` that is not.
template <stack Fused, stack Truth>
std::vector<double> stoichiometry_error(const Fused& fused, const Truth& truth) {
    const readable<double, 3> u(fused, "fused"), x(truth, "truth");
    require_not_empty(x.view(), "truth");
    require_shape(u.view().shape, x.view().shape, "fused", "truth");
    require_finite(u.view(), "fused");
    require_finite(x.view(), "truth");
    auto fused_sums = detail::element_sums(u.view());
    const auto truth_sums = detail::element_sums(x.view());
    detail::require_positive_sums(truth_sums, "truth");
    const double fused_total = std::accumulate(fused_sums.begin(), fused_sums.end(), 0.0);
    const double truth_total = std::accumulate(truth_sums.begin(), truth_sums.end(), 0.0);
    if (!(fused_total > 0)) {
        throw value_error("fused", "has the total " + to_string(fused_total) + ", must have a total above 0");
    }
    for (std::size_t i = 0; i < fused_sums.size(); ++i) {
        fused_sums[i] = (fused_sums[i] / fused_total) / (truth_sums[i] / truth_total) - 1;
    }
    return fused_sums;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
