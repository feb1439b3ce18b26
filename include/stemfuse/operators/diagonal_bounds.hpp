// How large the entries of an operator are, row by row and column by column: what diagonal step lengths are made of.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/linear_operator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Of an operator K in scaled variables: rows, one for each image of its range, and columns, one for each map of its
/// domain. They bound sum_i s_i ( K x )_i^2 / rows_i by sum_j columns_j / l_j x_j^2, with s_i and l_j the scales of
/// the images and maps that pixels i and j belong to.
struct diagonal_bounds {
    std::vector<double> rows,  ///< one for each image of the range
        columns;               ///< one for each map of the domain
};

namespace detail {

// The largest pixel of every image of K c, or of K^T c, for images c that are constant.
template <class T, class Apply>
std::vector<double> largest_of_constants(std::span<const double> levels, const stack_shape& from, const stack_shape& to,
                                         Apply&& apply) {
    xt::xtensor<T, 3> constant(from), result(to);
    for (std::size_t i = 0; i < from[0]; ++i)
        std::fill_n(&constant(i, 0, 0), from[1] * from[2], static_cast<T>(levels[i]));
    apply(as_view(std::as_const(constant)), as_view(result));
    std::vector<double> largest;
    for (std::size_t i = 0; i < to[0]; ++i) {
        const T* const image = &result(i, 0, 0);
        largest.push_back(static_cast<double>(*std::max_element(image, image + to[1] * to[2])));
    }
    return largest;
}

}  // namespace detail

/// The bounds of K for scales l of its maps and s of its images, all above 0. An operator that says it is
/// non_negative() has the largest row sum of K diag(l) in every image and column sum of diag(s) K in every map: Pock &
/// Chambolle, ICCV 2011, p. 1762, doi 10.1109/ICCV.2011.6126441, lemma 2 with alpha 1. Any other has bounds from its
/// norm, see norm_bound_of: an operator of one's own needs neither, but with either its first iteration starts sooner.
template <scalar T, linear_operator<T> Op>
diagonal_bounds diagonal_bounds_of(const Op& op, std::span<const double> l, std::span<const double> s,
                                   const execution& exec = {}) {
    const stack_shape domain = op.domain_shape(), range = op.range_shape();
    if constexpr (knows_its_signs<Op>) {
        if (op.non_negative()) {
            return {
                detail::largest_of_constants<T>(l, domain, range, [&](auto in, auto out) { op.apply(in, out, exec); }),
                detail::largest_of_constants<T>(s, range, domain,
                                                [&](auto in, auto out) { op.adjoint(in, out, exec); })};
        }
    }
    const double norm = norm_bound_of<T>(op, exec);
    const double longest = *std::max_element(l.begin(), l.end()), most = *std::max_element(s.begin(), s.end());
    diagonal_bounds bounds;
    for (const double si : s) bounds.rows.push_back(norm * longest * (si / most));
    for (const double lj : l) bounds.columns.push_back(norm * most * (lj / longest));
    return bounds;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
