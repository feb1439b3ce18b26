// The published recipe's start: the measured maps without their weakest pixels.
#pragma once

#include <algorithm>

#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A copy of `maps` (n, n_y, n_x) in which pixels below `threshold`, in the units of the maps, are 0. The result has
/// the scalar type of the maps, double for integers. Throws shape_error for an empty stack; value_error for NaN or
/// infinity in the maps and for a threshold that is negative or not finite.
template <stack A>
auto threshold_start(const A& maps, double threshold) {
    using value_type = scalar_type_t<A>;
    require_non_negative(threshold, "threshold");
    xt::xtensor<value_type, 3> out = detail::packed_copy<value_type, 3>(maps, "maps");
    const auto view = as_view(out, "maps");
    require_not_empty(view, "maps");
    require_finite(view, "maps");
    std::replace_if(out.data(), out.data() + out.size(), [=](value_type v) { return v < threshold; }, value_type(0));
    return out;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
