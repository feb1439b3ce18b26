// Total variation that couples maps and knows directions, row by row.
#pragma once

#include <array>
#include <cstddef>
#include <limits>

#include <stemfuse/simd/simd.hpp>
#include <stemfuse/simd/square_root.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// What A = 1 - q q^T does to a pair (y, x) at some pixels of a row: nothing where there is no field q.
struct undirected {
    undirected from(std::size_t) const { return {}; }
    template <class At, class Pack>
    void operator()(At, Pack&, Pack&) const {}
};
template <class T>
struct directed {
    const T *qy, *qx;
    directed from(std::size_t x0) const { return {qy + x0, qx + x0}; }
    template <class At>
    void operator()(At at, pack<T>& y, pack<T>& x) const {
        const pack<T> a = at.load(qy), b = at.load(qx), along = a * y + b * x;
        y -= along * a;
        x -= along * b;
    }
};

// The pixel before a segment, in every lane.
template <class T>
struct pixel_before {
    pack<T> load(const T* row) const { return broadcast(row[-1]); }
};

// K^T p of one map in a segment, K = A grad: all pointers point to its first pixel, y and x are the parts of p, up_y
// and up_x those in the row above.
template <class Direction, class T>
void structured_adjoint(Direction here, Direction above, std::size_t n, bool first, const T* y, const T* x,
                        const T* up_y, const T* up_x, T* out) {
    pack<T> left{};
    if (!first) {
        const pixel_before<T> at;
        pack<T> unused = at.load(y);
        left = at.load(x);
        here(at, unused, left);
    }
    for_each_pack<T>(n, [&](auto at) {
        pack<T> py = at.load(y), px = at.load(x), qy = at.load(up_y), qx = at.load(up_x);
        here(at, py, px);
        above(at, qy, qx);
        at.store(out, (shift_in(left, px) - px) + (qy - py));
        left = px;
    });
}

// The pairs (y, x) of n maps in a pixel as a matrix of n x 2: a norm of it, and the projection on the unit ball of the
// dual norm. pairs(i, y, x) gives pair i.

// The Frobenius norm, which is its own dual.
template <class T>
struct joint_coupling {
    pack<T> factor;

    template <class Pairs>
    static pack<T> squares(std::size_t n, Pairs&& pairs) {
        pack<T> sum{};
        for (std::size_t i = 0; i < n; ++i) {
            pack<T> y, x;
            pairs(i, y, x);
            sum += y * y + x * x;
        }
        return sum;
    }
    template <class Pairs>
    static pack<T> norm(std::size_t n, Pairs&& pairs) {
        return square_root(squares(n, pairs));
    }
    template <class Pairs>
    static joint_coupling projection(std::size_t n, Pairs&& pairs) {
        return {reciprocal_sqrt(pack_max(squares(n, pairs), pack<T>{} + 1))};
    }
    void operator()(pack<T>& y, pack<T>& x) const {
        y *= factor;
        x *= factor;
    }
};

// The sum of the two singular values, and their clip at 1: multiplication by a symmetric matrix of 2 x 2, a function of
// the Gram matrix.
template <class T>
struct nuclear_coupling {
    pack<T> yy, xx, yx;

    // |y|^2, |x|^2 and <y, x> over the maps, and |x - <y, x> / |y|^2 y|^2: |y| times its root is the product of the
    // singular values without the cancellation that the determinant has.
    struct gram {
        pack<T> yy{}, xx{}, yx{}, rest{};
        template <class Pairs>
        gram(std::size_t n, Pairs&& pairs) {
            pack<T> y, x;
            for (std::size_t i = 0; i < n; ++i) {
                pairs(i, y, x);
                yy += y * y;
                xx += x * x;
                yx += y * x;
            }
            const pack<T> along = yx / pack_max(yy, pack<T>{} + std::numeric_limits<T>::min());
            for (std::size_t i = 0; i < n; ++i) {
                pairs(i, y, x);
                const pack<T> across = x - along * y;
                rest += across * across;
            }
        }
    };

    template <class Pairs>
    static pack<T> norm(std::size_t n, Pairs&& pairs) {
        const gram g(n, pairs);
        return square_root(g.yy + g.xx + 2 * (square_root(g.yy) * square_root(g.rest)));
    }

    // With the eigenvalues l1 >= l2 of the Gram matrix G: f(G) = f1 + (f2 - f1) (l1 - G) / (l1 - l2), f the clip's
    // factor 1 / sqrt(max(l, 1)). G, its eigenvalues and their halved distance are divided by the trace where that is
    // above 1, so that none of them overflows.
    template <class Pairs>
    static nuclear_coupling projection(std::size_t n, Pairs&& pairs) {
        const gram g(n, pairs);
        const pack<T> one = pack<T>{} + 1, least = pack<T>{} + std::numeric_limits<T>::min();
        const pack<T> trace = pack_max(g.yy + g.xx, one), scale = one / trace;
        const pack<T> yx = g.yx * scale, half = (g.yy - g.xx) * scale / 2, apart = square_root(half * half + yx * yx);
        const pack<T> l1 = (g.yy + g.xx) * scale / 2 + apart;
        const pack<T> l2 = (g.yy * scale) * (g.rest * scale) / pack_max(l1, least);
        const pack<T> f1 = reciprocal_sqrt(pack_max(l1 * trace, one)), f2 = reciprocal_sqrt(pack_max(l2 * trace, one));
        const pack<T> slope = (f2 - f1) / pack_max(apart + apart, least);
        return {f1 + slope * (apart - half), f1 + slope * (apart + half), -slope * yx};
    }
    void operator()(pack<T>& y, pack<T>& x) const {
        const pack<T> from = y;
        y = yy * from + yx * x;
        x = yx * from + xx * x;
    }
};

// p <- projection of p + step K x in one whole row of n coupled maps, n = Few where that is not 0: few maps stay in
// registers from the step to the projection. maps[i] and below[i] have one pixel more, which repeats their last.
template <class Coupling, std::size_t Few, class Direction, class T>
void structured_ascend(Direction bend, std::size_t nx, std::size_t n, const T* const* maps, const T* const* below,
                       T* const* py, T* const* px, T step) {
    const std::size_t count = Few > 0 ? Few : n;
    for_each_pack<T>(nx, [&](auto at) {
        std::array<pack<T>, Few> ys, xs;
        const auto moved = [&](std::size_t i, pack<T>& y, pack<T>& x) {
            if constexpr (Few > 0) {
                y = ys[i];
                x = xs[i];
            } else {
                y = at.load(py[i]);
                x = at.load(px[i]);
            }
        };
        for (std::size_t i = 0; i < count; ++i) {
            const pack<T> u = at.load(maps[i]);
            pack<T> y = at.load(below[i]) - u, x = at.load(maps[i] + 1) - u;
            bend(at, y, x);
            y = at.load(py[i]) + step * y;
            x = at.load(px[i]) + step * x;
            if constexpr (Few > 0) {
                ys[i] = y;
                xs[i] = x;
            } else {
                at.store(py[i], y);
                at.store(px[i], x);
            }
        }
        const auto project = Coupling::projection(count, moved);
        for (std::size_t i = 0; i < count; ++i) {
            pack<T> y, x;
            moved(i, y, x);
            project(y, x);
            at.store(py[i], y);
            at.store(px[i], x);
        }
    });
    for (std::size_t i = 0; i < count; ++i) px[i][nx - 1] = 0;
}

// The norm of K x of n coupled maps, summed over a row of nx pixels without room behind.
template <class Coupling, class Direction, class T>
double structured_value(Direction bend, std::size_t nx, std::size_t n, const T* const* maps, const T* const* below) {
    pack_sum<T> sum;
    const auto add = [&](auto at, bool last) {
        sum.add(at.keep(Coupling::norm(n, [&](std::size_t i, pack<T>& y, pack<T>& x) {
            const pack<T> u = at.load(maps[i]);
            y = at.load(below[i]) - u;
            x = last ? pack<T>{} : at.load(maps[i] + 1) - u;
            bend(at, y, x);
        })));
    };
    for_each_pack<T>(nx - 1, [&](auto at) { add(at, false); });
    add(part_pack<T>{nx - 1, 1}, true);
    return sum.total();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
