// Sums over stacks that depend neither on threads nor on how the columns are spread over ranks.
#pragma once

#include <cstddef>
#include <numeric>
#include <vector>

#include <stemfuse/core/communicator.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/partition.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The sum over rows of what f(row, sums) adds to sums[0 .. n_x - 1], for each column. Rows are added in order within
/// groups of `group` rows, the groups in order: the bits of a column depend on its own numbers alone.
template <class F>
std::vector<double> column_sums(std::size_t n_rows, std::size_t n_x, std::size_t group, const execution& exec, F&& f) {
    const block_partition groups(n_rows, group);
    std::vector<double> parts(groups.size() * n_x), sums(n_x);
    exec.for_each(groups.size(), [&](std::size_t g) {
        for (std::size_t r = groups[g].first; r < groups[g].last; ++r) f(r, parts.data() + g * n_x);
    });
    for (std::size_t g = 0; g < groups.size(); ++g) {
        for (std::size_t x = 0; x < n_x; ++x) sums[x] += parts[g * n_x + x];
    }
    return sums;
}

/// The sum of the columns of all ranks, added in the order of x.
template <communicator C>
double sum_of_columns(const std::vector<double>& own, const C& c) {
    const std::vector<double> all = c.gather(own);
    return std::accumulate(all.begin(), all.end(), 0.0);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
