// Row kernels of the total variation of volumes: its value, and the step of its dual.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include <stemfuse/simd/simd.hpp>
#include <stemfuse/simd/square_root.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// A row and the rows of its neighbours one further along z, y and x; the row itself past the volume's border.
template <class T>
struct neighbour_rows {
    const T *here, *z, *y, *x;
};

// The duals of a row along z, y and x.
template <class T>
struct variation_duals {
    T *z, *y, *x;
};

// What the dual step of an image takes: sigma, the bound of the dual's length and 1 / bound (0 for 0).
template <class T>
struct variation_step {
    T sigma, inverse;
};

// Adds bound^2 |grad|^2 of one image to the squares.
template <class T>
void add_squares(std::size_t n, const neighbour_rows<T>& row, T bound, T* squares) {
    for_each_pack<T>(n, [&](auto at) {
        const pack<T> here = at.load(row.here);
        const pack<T> z = (at.load(row.z) - here) * bound, y = (at.load(row.y) - here) * bound,
                      x = (at.load(row.x) - here) * bound;
        at.store(squares, at.load(squares) + (z * z + y * y + x * x));
    });
}

// out[0 .. 2] = duals + sigma grad, and squares += |out / bound|^2
template <class T>
void ascend(std::size_t n, const neighbour_rows<T>& row, const variation_duals<T>& duals, variation_step<T> step,
            const variation_duals<T>& out, T* squares) {
    for_each_pack<T>(n, [&](auto at) {
        const pack<T> here = at.load(row.here);
        const pack<T> z = at.load(duals.z) + step.sigma * (at.load(row.z) - here);
        const pack<T> y = at.load(duals.y) + step.sigma * (at.load(row.y) - here);
        const pack<T> x = at.load(duals.x) + step.sigma * (at.load(row.x) - here);
        at.store(out.z, z);
        at.store(out.y, y);
        at.store(out.x, x);
        const pack<T> zs = z * step.inverse, ys = y * step.inverse, xs = x * step.inverse;
        at.store(squares, at.load(squares) + (zs * zs + ys * ys + xs * xs));
    });
}

// squares -> 1 / max(1, root)
template <class T>
void into_factors(std::size_t n, T* squares) {
    for_each_pack<T>(n, [&](auto at) {
        const pack<T> s = at.load(squares), one = broadcast(T(1));
        at.store(squares, s > one ? reciprocal_sqrt(pack_max(s, one)) : one);
    });
}

// The projected dual is p = out * factor: out becomes 2 p - dual, and where `relaxation` is not 0 the dual moves by
// relaxation (p - dual).
template <class T>
void extend(std::size_t n, const T* factors, T* dual, T* out, T relaxation) {
    for_each_pack<T>(n, [&](auto at) {
        const pack<T> old = at.load(dual), p = at.load(out) * at.load(factors);
        at.store(out, p + (p - old));
        if (relaxation != 0) at.store(dual, old + relaxation * (p - old));
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
