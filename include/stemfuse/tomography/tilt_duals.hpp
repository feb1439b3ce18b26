// What the scheme for tilt series goes on from: the duals, and its relaxed iterate.
#pragma once

#include <cstddef>

#include <stemfuse/core/array.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The state of tilt_scheme between two solves, all empty before the first. With the relaxed iterate, a solve that goes
/// on has the same bits as one that never stopped.
template <scalar T>
struct tilt_duals {
    xt::xtensor<T, 3> relaxed;    ///< (n_e, n_z n_y, n_x)
    xt::xtensor<T, 3> haadf;      ///< (1, tilts bins, n_x)
    xt::xtensor<T, 3> counts;     ///< (n_e, tilts bins, n_x)
    xt::xtensor<T, 3> variation;  ///< (3 n_e, n_z n_y, n_x): along z of all elements, along y, along x
};

}  // namespace stemfuse::inline STEMFUSE_ABI
