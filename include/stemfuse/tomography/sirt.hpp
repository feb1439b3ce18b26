// SIRT: a volume from projections, one element at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/tomography/tilt_projector.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A 1, what each bin sees of a volume of ones, (tilts bins): it is the same for every x.
inline std::vector<double> ray_lengths(const tilt_geometry& geometry) {
    const tilt_projector a(geometry, 1, 1);
    xt::xtensor<double, 3> ones = xt::ones<double>(a.domain_shape()), out(a.range_shape());
    a.apply(ones, out);
    return {out.begin(), out.end()};
}

/// A^T 1, the weight with which each voxel is seen, (n_z n_y).
inline std::vector<double> voxel_weights(const tilt_geometry& geometry) {
    const tilt_projector a(geometry, 1, 1);
    xt::xtensor<double, 3> ones = xt::ones<double>(a.range_shape()), out(a.domain_shape());
    a.adjoint(ones, out);
    return {out.begin(), out.end()};
}

/// x <- max(0, x + C A^T R (b - A x)) from the x that is given, R and C the inverse row and column sums of A, each sum
/// at least 0.5: a bin or voxel that hardly any ray meets would divide noise by almost 0.
/// Gilbert (1972), doi 10.1016/0022-5193(72)90180-4. Throws shape_error for projections or a volume that do not fit,
/// value_error for NaN or infinity and for more iterations than iteration_ceiling, cancelled where the executor asks
/// for it.
template <stack B>
void sirt_from(xt::xtensor<scalar_type_t<B>, 3>& x, const tilt_projector& a, const B& projections,
               std::size_t iterations, const execution& exec = {}) {
    using T = scalar_type_t<B>;
    const readable<T, 3> b(projections, "projections");
    require_shape(b.view().shape, a.range_shape(), "projections", "the projector's range");
    require_shape(as_view(std::as_const(x)).shape, a.domain_shape(), "volume", "the projector's domain");
    require_finite(b.view(), "projections");
    if (iterations > 0) require_iterations(iterations, "iterations");
    const auto rays = ray_lengths(a.geometry()), weights = voxel_weights(a.geometry());
    xt::xtensor<T, 3> step(a.domain_shape()), p(a.range_shape());
    const std::size_t nx = x.shape()[2], rays_n = rays.size(), voxels = weights.size();
    for (std::size_t i = 0; i < iterations; ++i) {
        exec.throw_if_stopped();
        a.apply(x, p, exec);
        for_each_row(p.shape()[0] * rays_n, nx, exec, [&](std::size_t r) {
            const auto scale = static_cast<T>(1 / std::max(rays[r % rays_n], 0.5));
            const T* const measured = b.view().row(r / rays_n, r % rays_n);
            T* const out = p.data() + r * nx;
            for (std::size_t c = 0; c < nx; ++c) out[c] = scale * (measured[c] - out[c]);
        });
        a.adjoint(p, step, exec);
        for_each_row(x.shape()[0] * voxels, nx, exec, [&](std::size_t r) {
            const auto scale = static_cast<T>(1 / std::max(weights[r % voxels], 0.5));
            const T* const move = step.data() + r * nx;
            T* const out = x.data() + r * nx;
            for (std::size_t c = 0; c < nx; ++c) out[c] = std::max(out[c] + scale * move[c], T(0));
        });
    }
}

/// SIRT from x = 0, see sirt_from.
template <stack B>
auto sirt(const tilt_projector& a, const B& projections, std::size_t iterations, const execution& exec = {}) {
    xt::xtensor<scalar_type_t<B>, 3> x = xt::zeros<scalar_type_t<B>>(a.domain_shape());
    sirt_from(x, a, projections, iterations, exec);
    return x;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
