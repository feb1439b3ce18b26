// Total variation that couples maps and knows directions, row by row.
#pragma once

#include <cstddef>

#include <stemfuse/core/simd.hpp>
#include <stemfuse/core/square_root.hpp>

namespace stemfuse::detail {

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
        at.store(out, (last_then(left, px) - px) + (qy - py));
        left = px;
    });
}

// Pairs (y, x) of several maps as one matrix: its Frobenius norm, and the projection on the unit ball of that norm.
template <class T>
struct joint_coupling {
    pack<T> squares{};
    void add(pack<T> y, pack<T> x) { squares += y * y + x * x; }

    struct projection {
        pack<T> factor;
        void operator()(pack<T>& y, pack<T>& x) const {
            y *= factor;
            x *= factor;
        }
    };
    projection onto_ball() const { return {reciprocal_sqrt(larger(squares, pack<T>{} + 1))}; }

    // pairs(i, y, x) writes pair i.
    template <class Pairs>
    static pack<T> norm(std::size_t n, Pairs&& pairs) {
        joint_coupling sum;
        for (std::size_t i = 0; i < n; ++i) {
            pack<T> y, x;
            pairs(i, y, x);
            sum.add(y, x);
        }
        return square_root(sum.squares);
    }
};

// p <- projection of p + step K x in one whole row of n coupled maps; x[i] and below[i] have one pixel more, which
// repeats their last.
template <class Coupling, class Direction, class T>
void structured_ascend(Direction bend, std::size_t nx, std::size_t n, const T* const* maps, const T* const* below,
                       T* const* py, T* const* px, T step) {
    for_each_pack<T>(nx, [&](auto at) {
        Coupling coupled;
        for (std::size_t i = 0; i < n; ++i) {
            const pack<T> u = at.load(maps[i]);
            pack<T> y = at.load(below[i]) - u, x = at.load(maps[i] + 1) - u;
            bend(at, y, x);
            y = at.load(py[i]) + step * y;
            x = at.load(px[i]) + step * x;
            coupled.add(y, x);
            at.store(py[i], y);
            at.store(px[i], x);
        }
        const auto project = coupled.onto_ball();
        for (std::size_t i = 0; i < n; ++i) {
            pack<T> y = at.load(py[i]), x = at.load(px[i]);
            project(y, x);
            at.store(py[i], y);
            at.store(px[i], x);
        }
    });
    for (std::size_t i = 0; i < n; ++i) px[i][nx - 1] = 0;
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

}  // namespace stemfuse::detail
