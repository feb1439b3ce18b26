// What a primal-dual scheme needs from a prior: its operator, row by row, and the set of its dual variables.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>

#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// For a prior R(x) = max over p in P of <K x, p>, K a linear operator that couples neighbouring rows at most:
/// specialise it for a prior of your own, as below. It is made of the prior, and offers
///     images_per_map   the dual p has so many images for each of the n maps
///     norm2            a bound of ||K||^2
///     couples_maps     whether P couples the duals of different maps: all of them then take equal steps
///     adjoint(segment, n, p, above, out)
///         K^T p in a segment of row y: p and above are rows y and y - 1 of all images of p (zeros above the first
///         row), out begins at the segment's first pixel
///     ascend(row, n, x, below, p, steps)
///         p <- projection on P of p + steps[i] K x in one whole row y, x and below being rows y and y + 1 of the maps
///         (row y again in the last row), with a pack of room behind their last pixel
///     value(row, n, x, below)
///         the row's part of R(x), for rows without such room
///     spread(coarse, fine, execution)
///         duals of the coarser problem, see block_means, made those of the finer one
///     coarser()        the prior at half the resolution
/// ascend() keeps the parts of p that K never moves at 0; rest() sets them to 0 in duals from elsewhere.
template <class Prior>
struct dual_kernels;

/// A prior for which dual_kernels is specialised, with all of its members, on stacks of T.
template <class Prior, class T>
concept dual_prior = prior<Prior, T> && requires(const dual_kernels<Prior>& k, row_segment segment, std::size_t n,
                                                 const T* const* in, T* const* out, const T* steps,
                                                 stack_view<const T> coarse, stack_view<T> fine, execution exec) {
    dual_kernels<Prior>::images_per_map;
    dual_kernels<Prior>::norm2;
    { dual_kernels<Prior>::couples_maps } -> std::convertible_to<bool>;
    k.adjoint(segment, n, in, in, out);
    k.ascend(segment, n, in, in, out, steps);
    { k.value(segment, n, in, in) } -> std::convertible_to<double>;
    k.spread(coarse, fine, exec);
    k.rest(fine);
    { k.coarser() } -> std::same_as<Prior>;
};

/// Total variation of every map: K the forward differences, first the n images of those along y, then the n along x; P
/// the pairs of norm at most 1, as in total_variation::duals.
template <>
struct dual_kernels<total_variation> {
    const total_variation& prior;  ///< must outlive the kernels

    static constexpr std::size_t images_per_map = 2;  ///< the differences along y and along x
    static constexpr double norm2 = 8;                ///< of forward differences along two axes
    static constexpr bool couples_maps = false;       ///< every map has duals of its own

    /// The same prior: nothing in it depends on the resolution.
    total_variation coarser() const { return prior; }

    /// K^T p in a row segment, see dual_kernels.
    template <class T>
    [[gnu::flatten]] void adjoint(row_segment segment, std::size_t n, const T* const* p, const T* const* above,
                                  T* const* out) const {
        for (std::size_t i = 0; i < n; ++i) {
            const T *const py = p[i] + segment.x0, *const px = p[n + i] + segment.x0, *const up = above[i] + segment.x0;
            T* const to = out[i];
            pack<T> left = broadcast(segment.x0 > 0 ? px[-1] : T(0));
            for_each_pack<T>(segment.n, [&](auto at) {
                const pack<T> right = at.load(px);
                at.store(to, (shift_in(left, right) - right) + (at.load(up) - at.load(py)));
                left = right;
            });
        }
    }

    /// The dual step in a whole row, see dual_kernels.
    template <class T>
    void ascend(row_segment row, std::size_t n, const T* const* x, const T* const* below, T* const* p,
                const T* steps) const {
        const std::size_t nx = row.n;
        for (std::size_t i = 0; i < n; ++i) {
            if (prior.norm == tv_norm::isotropic) {
                ascend<tv_norm::isotropic>(nx, x[i], below[i], p[i], p[n + i], steps[i]);
            } else {
                ascend<tv_norm::anisotropic>(nx, x[i], below[i], p[i], p[n + i], steps[i]);
            }
            p[n + i][nx - 1] = 0;
        }
    }

    /// The row's part of the total variation, see dual_kernels.
    template <class T>
    double value(row_segment row, std::size_t n, const T* const* x, const T* const* below) const {
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i) sum += detail::tv_row(prior.norm, x[i], below[i], row.n, true);
        return sum;
    }

    /// Along its own direction a dual is interpolated between the borders of blocks, so that K^T p is the same in all
    /// pixels of a block; along the other it is repeated.
    template <class T>
    void spread(const stack_view<const T>& coarse, const stack_view<T>& fine, const execution& exec) const {
        const std::size_t n = fine.shape[0] / 2, ny = fine.shape[1], nx = fine.shape[2];
        for_each_row(2 * n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            const T* const from = coarse.row(i, y / 2);
            T* const to = fine.row(i, y);
            if (i < n) {
                const T* const before = y > 1 ? coarse.row(i, y / 2 - 1) : nullptr;
                for (std::size_t c = 0; c < nx; ++c) {
                    to[c] = y % 2 == 1 ? from[c / 2] : (from[c / 2] + (before != nullptr ? before[c / 2] : T(0))) / 2;
                }
            } else {
                for (std::size_t c = 0; c < nx; ++c) {
                    to[c] = c % 2 == 1 ? from[c / 2] : (from[c / 2] + (c > 1 ? from[c / 2 - 1] : T(0))) / 2;
                }
            }
        });
        rest(fine);
    }

    /// Sets the last row of the duals along y and the last column of those along x to 0: there K is 0.
    template <class T>
    void rest(const stack_view<T>& p) const {
        for (std::size_t i = 0; i < p.shape[0]; ++i) {
            if (i < p.shape[0] / 2) {
                std::fill_n(p.row(i, p.shape[1] - 1), p.shape[2], T(0));
            } else {
                for (std::size_t y = 0; y < p.shape[1]; ++y) p.row(i, y)[p.shape[2] - 1] = 0;
            }
        }
    }

private:
    template <tv_norm Norm, class T>
    [[gnu::flatten]] static void ascend(std::size_t nx, const T* x, const T* below, T* py, T* px, T step) {
        using rule = detail::tv_rule<Norm, false, true>;
        for_each_pack<T>(nx, [&](auto at) {
            const pack<T> u = at.load(x);
            pack<T> y, z;
            rule::project(
                rule::move(at.load(py), at.load(px), step * (at.load(below) - u), step * (at.load(x + 1) - u)), y, z);
            at.store(py, y);
            at.store(px, z);
        });
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
