// Total variation row by row: its value, its duality gap, and the two halves of a dual iteration.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <stemfuse/core/array.hpp>

namespace stemfuse {

enum class tv_norm {
    isotropic,    // sqrt(dy^2 + dx^2): independent of the direction of an edge
    anisotropic,  // |dy| + |dx|: favours edges along the axes
};

enum class tv_algorithm {
    fgp,        // fast gradient projection, with Nesterov's momentum: Beck & Teboulle 2009
    gp,         // gradient projection, the same without momentum
    chambolle,  // Chambolle's semi-implicit fixed point, 2004; its proof covers non_negative = false
};

namespace detail {

// The norm of the differences, summed over one row; `below` is the row itself in the last row of an image.
template <class T>
double tv_row(tv_norm norm, const T* row, const T* below, std::size_t nx) {
    double sum = 0;
    for (std::size_t c = 0; c < nx; ++c) {
        const T dy = below[c] - row[c], dx = c + 1 < nx ? row[c + 1] - row[c] : T(0);
        sum += static_cast<double>(norm == tv_norm::isotropic ? std::sqrt(dy * dy + dx * dx)
                                                              : std::abs(dy) + std::abs(dx));
    }
    return sum;
}

// The sum of |K u| - K u . p over one row: t times it is the row's part of the duality gap.
template <class T>
double tv_gap_row(tv_norm norm, const T* u, const T* below, const T* py, const T* px, std::size_t nx) {
    double sum = tv_row(norm, u, below, nx);
    for (std::size_t c = 0; c < nx; ++c) {
        const T dx = c + 1 < nx ? u[c + 1] - u[c] : T(0);
        sum -= static_cast<double>((below[c] - u[c]) * py[c] + dx * px[c]);
    }
    return sum;
}

// The row kernels below run over whole groups of this many pixels, so that compilers vectorise them without remainders
// and every pixel takes the same instructions wherever it lies in its row. Rows are padded accordingly.
inline constexpr std::size_t tv_lanes = 16;

// 1 / sqrt(x) for x >= 1, to 1.5e-7 relative in float and 4e-16 in double: the classic first guess from the exponent's
// bits, then Newton steps. Unlike sqrt it vectorises whatever the compiler's flags for errno, and it needs no division.
template <class T>
T reciprocal_sqrt(T x) {
    using bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    constexpr bits magic = sizeof(T) == 4 ? bits(0x5f375a86) : bits(0x5fe6eb50c7b537a9);
    T y = std::bit_cast<T>(static_cast<bits>(magic - (std::bit_cast<bits>(x) >> 1)));
    const T half = x / 2;
    y *= T(1.5) - half * y * y;
    y *= T(1.5) - half * y * y;
    y *= T(1.5) - half * y * y;
    if constexpr (sizeof(T) == 8) y *= T(1.5) - half * y * y;
    return y;
}

// max(x, 1) for x >= 0, where the order of the bits as integers is that of the numbers: no branch is left to vectorise.
template <class T>
T at_least_one(T x) {
    using bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
    constexpr bits one = std::bit_cast<bits>(T(1));
    const bits b = std::bit_cast<bits>(x);
    return std::bit_cast<T>(b > one ? b : one);
}

// u = P(v - t K^T r) in one row; r.x has a zero before its first pixel, `above` is r.y one row up.
template <bool NonNegative, class T>
void tv_primal_row(const T* __restrict v, const T* __restrict ry, const T* __restrict above, const T* __restrict rx,
                   T t, T* __restrict u, std::size_t n) {
    const T* const left = rx - 1;
    for (std::size_t group = 0; group < n; group += tv_lanes) {
        for (std::size_t c = group; c < group + tv_lanes; ++c) {
            const T w = v[c] - t * ((left[c] - rx[c]) + (above[c] - ry[c]));
            u[c] = NonNegative && w < 0 ? T(0) : w;  // keeps NaN
        }
    }
}

// (y, x) from r + step K u by the rule of the algorithm: the projection on the unit ball of the norm's dual (GP, FGP),
// or the division by 1 + step |K u| (Chambolle).
template <tv_norm Norm, bool Chambolle, class T>
void tv_dual_update(T& y, T& x, T sy, T sx) {
    y += sy;
    x += sx;
    if constexpr (Chambolle && Norm == tv_norm::isotropic) {
        const T length = 1 + std::sqrt(sy * sy + sx * sx);
        y /= length;
        x /= length;
    } else if constexpr (Chambolle) {
        y /= 1 + std::abs(sy);
        x /= 1 + std::abs(sx);
    } else if constexpr (Norm == tv_norm::isotropic) {
        const T factor = reciprocal_sqrt(at_least_one(y * y + x * x));
        y *= factor;
        x *= factor;
    } else {
        y = y > 1 ? T(1) : y;
        y = y < -1 ? T(-1) : y;
        x = x > 1 ? T(1) : x;
        x = x < -1 ? T(-1) : x;
    }
}

// One row of a dual iteration: q from r and K u, and s = q + momentum (q - p). u has its last pixel repeated behind its
// end.
template <tv_norm Norm, bool Chambolle, class T>
void tv_dual_row(const T* __restrict u, const T* __restrict below, const T* __restrict ry, const T* __restrict rx,
                 const T* __restrict py, const T* __restrict px, T step, T momentum, T* __restrict qy, T* __restrict qx,
                 T* __restrict sy, T* __restrict sx, std::size_t n) {
    for (std::size_t group = 0; group < n; group += tv_lanes) {
        for (std::size_t c = group; c < group + tv_lanes; ++c) {
            T y = ry[c], x = rx[c];
            tv_dual_update<Norm, Chambolle>(y, x, step * (below[c] - u[c]), step * (u[c + 1] - u[c]));
            qy[c] = y;
            qx[c] = x;
            sy[c] = y + momentum * (y - py[c]);
            sx[c] = x + momentum * (x - px[c]);
        }
    }
}

}  // namespace detail
}  // namespace stemfuse
