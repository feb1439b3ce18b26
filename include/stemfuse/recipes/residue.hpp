// The faint residue that a fusion leaves where an element is absent.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/order_statistics.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How bright the bright parts of a map (n_y, n_x) are: its 99.5th percentile, 0 for an empty one.
template <scalar T>
T bright_level(const image_view<const T>& map) {
    std::vector<T> values;
    for (std::size_t y = 0; y < map.shape[0]; ++y) values.insert(values.end(), map.row(y), map.row(y) + map.shape[1]);
    if (values.empty()) return 0;
    return lower_quantile(values.begin(), values.end(), 0.995);
}

/// A map x >= 0, shape (n_y, n_x), with x clip(x / T - 1, 0, 1) for x, T the fraction of its 99.5th percentile: below T
/// nothing is left, above 2 T all of it.
template <scalar T>
void remove_residue(const image_view<T>& x, double fraction) {
    require_in_range(fraction, 0, 1, "fraction");
    const T limit = static_cast<T>(fraction) * bright_level<T>(x);
    if (!(limit > 0)) return;
    for (std::size_t y = 0; y < x.shape[0]; ++y) {
        for (std::size_t c = 0; c < x.shape[1]; ++c) {
            T& v = x.row(y)[c];
            v *= std::clamp(v / limit - 1, T(0), T(1));
        }
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI
