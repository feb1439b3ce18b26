// How far maps and duals are from the conditions of a minimum.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/simd/simd.hpp>
#include <stemfuse/solvers/objective.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The costs at some maps, and how far they are from a stationary point.
struct stationarity_report {
    costs at;        ///< the terms at the maps
    double measure;  ///< 0 at a stationary point, relative to |F|; see stationarity()
};

namespace detail {

// In double, in eight independent sums, to hide the latency of addition.
template <class T>
double sum_of_squares(const T* row, std::size_t n) {
    std::array<double, 8> sums{};
    const auto add = [&](std::size_t c, std::size_t k) {
        sums[k] += static_cast<double>(row[c]) * static_cast<double>(row[c]);
    };
    std::size_t c = 0;
    for (; c + 8 <= n; c += 8) {
        for (std::size_t k = 0; k < 8; ++k) add(c + k, k);
    }
    for (; c < n; ++c) add(c, 0);
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace detail

/// The root mean square of every map; of all maps, or 1, for those that are 0 everywhere. At least the square root of
/// the smallest normal number, so that its reciprocal and the steps that schemes take of it stay finite.
template <class T>
std::vector<T> map_scales(const stack_view<const T>& x, const execution& exec = {}) {
    const std::size_t n = x.shape[0], ny = x.shape[1], nx = x.shape[2];
    std::vector<double> squares(n);
    double mean = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double sum =
            sum_over_rows(ny, nx, exec, [&](std::size_t y) { return detail::sum_of_squares(x.row(i, y), nx); });
        squares[i] = sum / static_cast<double>(ny * nx);
        mean += squares[i] / static_cast<double>(n);
    }
    const T least = std::sqrt(std::numeric_limits<T>::min());
    std::vector<T> scales;
    for (const double own : squares) {
        const T scale = static_cast<T>(std::sqrt(own)), common = static_cast<T>(std::sqrt(mean));
        scales.push_back(std::max(least, scale > 0 ? scale : (common > 0 ? common : T(1))));
    }
    return scales;
}

namespace detail {

// excess / |F|, or the largest number where that is none: F may be 0, or the excess above the scalar's range.
inline double relative_excess(double excess, double objective) {
    constexpr double largest = std::numeric_limits<double>::max();
    if (excess == 0) return 0;
    const double measure = excess / std::abs(objective);
    return measure <= largest ? measure : largest;
}

// A row's part of the costs and of the measure.
struct stationarity_sums {
    row_costs smooth;
    double prior = 0, pairing = 0, residual = 0;

    stationarity_sums& operator+=(const stationarity_sums& other) {
        smooth += other.smooth;
        prior += other.prior;
        pairing += other.pairing;
        residual += other.residual;
        return *this;
    }
};

// Adds <x, q> and sum |r| reach of n pixels, r = g + lambda q, q = K^T p.
template <class T>
[[gnu::flatten]] void add_residual(stationarity_sums& sums, const T* x, const T* g, const T* q, T lambda, T scale,
                                   std::size_t n) {
    pack_sum<T> pairing, residual;
    for_each_pack<T>(n, [&](auto at) {
        const pack<T> xc = at.load(x), qc = at.load(q), r = at.load(g) + lambda * qc;
        pairing.add(at.keep(xc * qc));
        residual.add(at.keep(r > pack<T>{} ? r * xc : -r * pack_max(xc, broadcast(scale))));
    });
    sums.pairing += pairing.total();
    sums.residual += residual.total();
}

}  // namespace detail

/// The costs at x, and the stationarity of x with the duals p, relative to |F(x)|, always finite:
///     ( lambda (R(x) - <K x, p>) + sum_j |r_j| reach_j ) / |F(x)|,   r = grad of the smooth terms + lambda K^T p,
/// with reach_j = x_j where r_j > 0, so that only x_j >= 0 holds it, else max(x_j, s_i), s_i the scale of map i (see
/// map_scales). Every part is >= 0, and all are 0 exactly where x with p meets the first-order conditions of F over x
/// >= 0. Where F is convex (HAADF exponent 1) it bounds (F(x) - F*) / |F(x)|, provided that a minimiser exceeds x
/// nowhere by more than max(x_j, s_i). Else it is no bound: F may have stationary points that are lower by several
/// percent, and a slow descent along which F falls further has a small measure, too. x: shape (n, n_y, n_x), p as the
/// prior's dual_kernels take it, scales: one a map.
template <class E, class C, class P, class T>
stationarity_report stationarity(const objective<E, C, P>& f, const stack_view<const T>& x,
                                 const stack_view<const T>& p, std::span<const T> scales, const execution& exec = {}) {
    const std::size_t n = x.shape[0], ny = x.shape[1], nx = x.shape[2];
    const T lambda = static_cast<T>(f.lambda_tv());
    const dual_kernels<P> kernels{f.prior_term()};
    std::vector<detail::stationarity_sums> rows(ny);
    constexpr bool by_rows = objective<E, C, P>::row_wise;
    xt::xtensor<T, 3> whole;  // the gradient, where terms couple pixels
    row_costs smooth;
    if constexpr (!by_rows) {
        whole.resize(x.shape);
        smooth = f.smooth_value_and_gradient(x, as_view(whole), exec);
    }
    for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
        xt::xtensor<T, 3> gradient({by_rows ? n : 0, std::size_t{1}, nx}), pull({n, std::size_t{1}, nx});
        const xt::xtensor<T, 3> zero = xt::zeros<T>({p.shape[0], std::size_t{1}, nx});
        row_pointers<T> g_rows(as_view(by_rows ? gradient : whole)), q_rows(as_view(pull));
        row_pointers<const T> x_rows(x), below_rows(x), p_rows(p), above_rows(p), zero_rows(as_view(zero));
        T* const* const q = q_rows.at(0);
        for (std::size_t y = first; y < last; ++y) {
            const T* const* const at = x_rows.at(y);
            T* const* const g = g_rows.at(by_rows ? 0 : y);
            if constexpr (by_rows) rows[y].smooth = f.row_value_and_gradient({y, 0, nx}, at, g);
            rows[y].prior = kernels.value({y, 0, nx}, n, at, below_rows.at(y + 1 < ny ? y + 1 : y));
            kernels.adjoint({y, 0, nx}, n, p_rows.at(y), y > 0 ? above_rows.at(y - 1) : zero_rows.at(0), q);
            for (std::size_t i = 0; i < n; ++i) detail::add_residual(rows[y], at[i], g[i], q[i], lambda, scales[i], nx);
        }
    });
    detail::stationarity_sums all;
    for (const auto& row : rows) all += row;
    if constexpr (by_rows) smooth = all.smooth;
    const costs at = f.total(smooth, all.prior);
    const double excess = f.lambda_tv() * std::max(0.0, all.prior - all.pairing) + all.residual;
    return {at, detail::relative_excess(excess, at.total)};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
