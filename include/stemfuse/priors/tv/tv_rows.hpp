// Total variation row by row: its value, its duality gap, and a dual iteration.
#pragma once

#include <cmath>
#include <cstddef>

#include <stemfuse/simd/simd.hpp>
#include <stemfuse/simd/square_root.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The norm of a pixel's differences (dy, dx).
enum class tv_norm {
    isotropic,    ///< sqrt(dy^2 + dx^2): independent of the direction of an edge
    anisotropic,  ///< |dy| + |dx|: favours edges along the axes
};

/// How the dual problem of total variation's prox is solved.
enum class tv_algorithm {
    fgp,        ///< fast gradient projection, with Nesterov's momentum: Beck & Teboulle 2009
    gp,         ///< gradient projection, the same without momentum
    chambolle,  ///< Chambolle's semi-implicit fixed point, 2004; its proof covers non_negative = false
};

namespace detail {

// The norm of the differences, summed over n pixels of a row. `below` is the row itself in the last row of an image;
// unless the image `ends` after these pixels, row[n] is the next one.
template <class T>
double tv_row(tv_norm norm, const T* row, const T* below, std::size_t n, bool ends) {
    pack_sum<T> sum;
    const auto add = [&]<bool Isotropic>() {
        for_each_pack<T>(ends ? n - 1 : n, [&](auto at) {
            const pack<T> u = at.load(row), dy = at.load(below) - u, dx = at.load(row + 1) - u;
            sum.add(at.keep(Isotropic ? square_root(dy * dy + dx * dx) : magnitude(dy) + magnitude(dx)));
        });
    };
    norm == tv_norm::isotropic ? add.template operator()<true>() : add.template operator()<false>();
    return sum.total() + (ends ? static_cast<double>(std::abs(below[n - 1] - row[n - 1])) : 0);
}

// The sum of |K u| - K u . p over one whole row of an image: t times it is the row's part of the duality gap.
template <class T>
double tv_gap_row(tv_norm norm, const T* u, const T* below, const T* py, const T* px, std::size_t n) {
    double sum = 0;
    for (std::size_t c = 0; c < n; ++c) {
        const double dy = below[c] - u[c], dx = c + 1 < n ? u[c + 1] - u[c] : 0;
        sum += norm == tv_norm::isotropic ? std::sqrt(dy * dy + dx * dx) : std::abs(dy) + std::abs(dx);
        sum -= dy * static_cast<double>(py[c]) + dx * static_cast<double>(px[c]);
    }
    return sum;
}

// What an iteration does to one pixel.
template <tv_norm Norm, bool Chambolle, bool NonNegative>
struct tv_rule {
    // u = P(v - t K^T r), of which `left` and `above` are the neighbours' r.
    template <class Pack>
    static Pack primal(Pack v, Pack t, Pack left, Pack rx, Pack above, Pack ry) {
        const Pack w = v - t * ((left - rx) + (above - ry));
        return NonNegative ? pack_max(Pack{}, w) : w;
    }

    // (y, x) = r + step K u, and the one or two numbers that its projection needs.
    template <class Pack>
    struct moved {
        Pack y, x, size_y, size_x;
    };
    template <class Pack>
    static moved<Pack> move(Pack ry, Pack rx, Pack sy, Pack sx) {
        const Pack y = ry + sy, x = rx + sx;
        if constexpr (!Chambolle) return {y, x, Norm == tv_norm::isotropic ? y * y + x * x : Pack{}, Pack{}};
        if constexpr (Norm == tv_norm::isotropic) return {y, x, sy * sy + sx * sx, Pack{}};
        return {y, x, magnitude(sy), magnitude(sx)};
    }

    // The projection on the unit ball of the norm's dual (GP, FGP), or the division by 1 + step |K u| (Chambolle).
    template <class Pack>
    static void project(const moved<Pack>& from, Pack& y, Pack& x) {
        const Pack one = Pack{} + 1;
        if constexpr (Chambolle) {
            const bool isotropic = Norm == tv_norm::isotropic;
            y = from.y / (one + (isotropic ? square_root(from.size_y) : from.size_y));
            x = from.x / (one + (isotropic ? square_root(from.size_y) : from.size_x));
        } else if constexpr (Norm == tv_norm::isotropic) {
            const Pack factor = reciprocal_sqrt(pack_max(from.size_y, one));
            y = from.y * factor;
            x = from.x * factor;
        } else {
            y = pack_min(one, pack_max(-one, from.y));
            x = pack_min(one, pack_max(-one, from.x));
        }
    }
};

// Rows that an iteration reads and writes; row d is the one above row y. Every row has a pack of room on either side.
template <class T>
struct tv_row_step {
    const T *v, *ry, *rx;                        // of row y
    T* u;                                        // of row d before, of row y after; u[n] repeats u[n - 1]
    const T *above_y, *above_x, *old_y, *old_x;  // r and p of row d
    T *new_y, *new_x, *next_y, *next_x;          // p and r of row d after the iteration
    T t, step, momentum;
};

// A dual iteration moves down by one row: u in row y, and with it the duals q = p' and s = q + momentum (q - p) of row
// d. Cold: r and p are 0. Without Momentum s is not written. The loop is pipelined by hand: a pack is projected and
// stored one turn after its u was found, because the chain from load to store is longer than what a processor can hold
// in flight.
template <class Rule, bool Cold, bool Momentum, class T>
void tv_step_row(const tv_row_step<T>& step_of, std::size_t n) {
    const tv_row_step<T> on = step_of;  // a copy: stores through its rows cannot change it
    T* const row = on.u;
    const pack<T> t = broadcast(on.t), step = broadcast(on.step), momentum = broadcast(on.momentum), zero{};
    pack<T> left = zero, old = load(row);
    typename Rule::template moved<pack<T>> now{};
    const auto move = [&](std::size_t c) {
        const pack<T> above = Cold ? zero : load(on.above_y + c);
        const pack<T> rx = Cold ? zero : load(on.rx + c), next = load(row + c + lanes<T>);
        const pack<T> u = Rule::primal(load(on.v + c), t, shift_in(left, rx), rx, above, Cold ? zero : load(on.ry + c));
        store(row + c, u);
        now = Rule::move(above, Cold ? zero : load(on.above_x + c), step * (u - old),
                         step * (shift_out(old, next) - old));
        left = rx;
        old = next;
    };
    const auto project = [&](std::size_t c, const auto& moved) {
        pack<T> y, x;
        Rule::project(moved, y, x);
        store(on.new_y + c, y);
        store(on.new_x + c, x);
        if constexpr (Momentum) {
            store(on.next_y + c, y + momentum * (y - load(on.old_y + c)));
            store(on.next_x + c, x + momentum * (x - load(on.old_x + c)));
        }
    };
    move(0);
    std::size_t c = lanes<T>;
    for (; c < n; c += lanes<T>) {
        const auto before = now;
        move(c);
        project(c - lanes<T>, before);
    }
    project(c - lanes<T>, now);
    row[n] = row[n - 1];
}

// The same at the upper end, where there is no row d, and with the last duals for the result: u alone.
template <class Rule, class T>
void tv_primal_row(const T* v, const T* ry, const T* above_y, const T* rx, T t, T* u, std::size_t n) {
    for (std::size_t c = 0; c < n; c += lanes<T>) {
        store(u + c,
              Rule::primal(load(v + c), broadcast(t), load(rx + c - 1), load(rx + c), load(above_y + c), load(ry + c)));
    }
    u[n] = u[n - 1];
}

// The same at the lower end, where row y is row d again: the duals alone.
template <class Rule, bool Momentum, class T>
void tv_dual_row(const tv_row_step<T>& on, std::size_t n) {
    const pack<T> step = broadcast(on.step), momentum = broadcast(on.momentum);
    for (std::size_t c = 0; c < n; c += lanes<T>) {
        const pack<T> sx = step * (load(on.u + c + 1) - load(on.u + c));
        pack<T> y, x;
        Rule::project(Rule::move(load(on.above_y + c), load(on.above_x + c), pack<T>{}, sx), y, x);
        const pack<T> old_y = load(on.old_y + c), old_x = load(on.old_x + c);
        store(on.new_y + c, y);
        store(on.new_x + c, x);
        if constexpr (Momentum) {
            store(on.next_y + c, y + momentum * (y - old_y));
            store(on.next_x + c, x + momentum * (x - old_x));
        }
    }
}

// The row kernels of one rule. Sweeps call them by pointer, once a row, and so are compiled once for all rules.
template <class T>
struct tv_kernels {
    void (*primal)(const T* v, const T* ry, const T* above_y, const T* rx, T t, T* u, std::size_t n);
    void (*first)(const tv_row_step<T>&, std::size_t);  // from duals that are 0
    void (*step)(const tv_row_step<T>&, std::size_t);
    void (*step_with_momentum)(const tv_row_step<T>&, std::size_t);
    void (*dual)(const tv_row_step<T>&, std::size_t);
    void (*dual_with_momentum)(const tv_row_step<T>&, std::size_t);

    template <class Rule>
    static constexpr tv_kernels of() {
        return {tv_primal_row<Rule, T>,
                tv_step_row<Rule, true, false, T>,
                tv_step_row<Rule, false, false, T>,
                tv_step_row<Rule, false, true, T>,
                tv_dual_row<Rule, false, T>,
                tv_dual_row<Rule, true, T>};
    }

    template <bool Chambolle, bool NonNegative>
    static constexpr tv_kernels of(tv_norm norm) {
        return norm == tv_norm::isotropic ? of<tv_rule<tv_norm::isotropic, Chambolle, NonNegative>>()
                                          : of<tv_rule<tv_norm::anisotropic, Chambolle, NonNegative>>();
    }

    static constexpr tv_kernels of(tv_norm norm, tv_algorithm algorithm, bool non_negative) {
        const bool chambolle = algorithm == tv_algorithm::chambolle;
        if (non_negative) return chambolle ? of<true, true>(norm) : of<false, true>(norm);
        return chambolle ? of<true, false>(norm) : of<false, false>(norm);
    }
};

}  // namespace detail
}  // namespace stemfuse::inline STEMFUSE_ABI
