// Step and momentum of the iterative proximal operators, which go down the dual by projected gradients.
#pragma once

#include <algorithm>
#include <cmath>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// The momenta (t_k - 1) / t_(k+1) of FGP, one after the other: Beck & Teboulle, IEEE Trans. Image Process. 18, 2419
// (2009), doi 10.1109/TIP.2009.2028250, eq. 4.2 and 4.3.
class fgp_momentum {
public:
    double next() {
        const double before = t_;
        t_ = (1 + std::sqrt(1 + 4 * t_ * t_)) / 2;
        return (before - 1) / t_;
    }

private:
    double t_ = 1;
};

// The step 1 / (||K||^2 t) on the dual of a prior of weight t, at most 1e12: differences of maps above 1e-12 then take
// a dual to the border of its set in one step, as a longer one would, and tiny t do not make it overflow.
template <class T>
T dual_step(T norm2, T t) {
    return std::min(1 / (norm2 * t), T(1e12));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
