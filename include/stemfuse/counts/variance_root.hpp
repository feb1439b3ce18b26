// The root of counts, whose noise is the same whatever the count.
#pragma once

#include <algorithm>
#include <cmath>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// 2 sqrt(m + 3/8): of variance about 1 for Poisson counts of a mean above about 3 (Anscombe 1948,
/// doi 10.1093/biomet/35.3-4.246).
inline double root_of_counts(double m) { return 2 * std::sqrt(std::max(m, 0.0) + 0.375); }

/// The mean of the counts whose root has the mean v, in closed form (Makitalo & Foi 2011,
/// doi 10.1109/TIP.2010.2056693).
inline double counts_of_root(double v) {
    v = std::max(v, 1.2248);  // 2 sqrt(3/8), the root of no counts
    const double w = 1 / v, s = std::sqrt(1.5);
    return std::max(0.0, v * v / 4 - 0.125 + w * (0.25 * s + w * (-1.375 + w * 0.625 * s)));
}

}  // namespace stemfuse::inline STEMFUSE_ABI
