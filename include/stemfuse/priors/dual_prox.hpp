// The proximal operator of any prior with dual_kernels, by projected gradients on the dual.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/copy_rows.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/priors/dual_steps.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/simd/padded_rows.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of dual_prox().
struct dual_prox_options {
    std::size_t iterations = 10;  ///< of FGP, 1 to iteration_ceiling
    bool non_negative = true;     ///< the minimum is over u >= 0, else over all u
    bool report_gap = false;      ///< the report has the duality gap, for one more pass over the maps
};

namespace detail {

// FGP on the dual of argmin_u 1/2 ||u - v||^2 + t R(u), of which a dual p in P has the primal u = C(v - t K^T p), C the
// clip at 0 or nothing: Beck & Teboulle, IEEE Trans. Image Process. 18, 2419 (2009), doi 10.1109/TIP.2009.2028250, with
// step 1 / (norm2 t).
template <class Prior, class T>
class dual_prox_sweep {
public:
    dual_prox_sweep(const Prior& prior, const stack_view<const T>& v, double t, bool non_negative)
        : prior_(prior),
          v_(v),
          t_(static_cast<T>(t)),
          steps_(v.shape[0], static_cast<T>(dual_step(double{dual_kernels<Prior>::norm2}, t))),
          non_negative_(non_negative) {}

    // One iteration from p and r to the next p and r, as one sweep: u in row y and then the duals of row y - 1. Bands
    // of rows go to different threads; the duals between two of them come last, from u in the first and the last row of
    // every band.
    void iterate(const stack_view<T>& p, const stack_view<T>& r, T momentum, const execution& exec) const {
        const std::size_t n = v_.shape[0], ny = v_.shape[1], nx = v_.shape[2];
        const partition bands(ny, exec.concurrency() == 1 ? 1 : std::min(4 * exec.concurrency(), (ny + 7) / 8));
        const padded_row_slots<T> borders(2 * bands.size(), n, nx);
        exec.for_each(bands.size(), [&](std::size_t b) {
            const index_range rows = bands[b];
            const padded_row_slots<T> two(2, n, nx);
            T* const* before = nullptr;
            for (std::size_t y = rows.first; y < rows.last; ++y) {
                T* const* const u = y == rows.first      ? borders(2 * b)
                                    : y + 1 == rows.last ? borders(2 * b + 1)
                                                         : two(y % 2);
                primal(r, y, u);
                if (before != nullptr) advance(p, r, y - 1, before, u, momentum);
                before = u;
            }
        });
        for (std::size_t b = 0; b < bands.size(); ++b) {
            T* const* const last = borders(bands[b].size() == 1 ? 2 * b : 2 * b + 1);
            T* const* const below = b + 1 < bands.size() ? borders(2 * b + 2) : last;
            advance(p, r, bands[b].last - 1, last, below, momentum);
        }
    }

    // u = C(v - t K^T p) everywhere.
    void result(const stack_view<const T>& p, const stack_view<T>& u, const execution& exec) const {
        for_each_row_block(u.shape[1], u.shape[0] * u.shape[2], exec, [&](std::size_t first, std::size_t last) {
            row_pointers<T> rows(u);
            for (std::size_t y = first; y < last; ++y) primal(p, y, rows.at(y));
        });
    }

    // t (R(u) - <K u, p>), the gap where u is the result of p.
    double gap(const stack_view<const T>& p, const stack_view<const T>& u, const execution& exec) const {
        const std::size_t n = u.shape[0], ny = u.shape[1], nx = u.shape[2];
        return static_cast<double>(t_) * sum_over_rows(ny, n * nx, exec, [&](std::size_t y) {
                   const padded_row_slots<T> pull(1, n, nx);
                   row_pointers<const T> at(u), below(u);
                   const T* const* const rows = at.at(y);
                   double sum =
                       dual_kernels<Prior>{prior_}.value({y, 0, nx}, n, rows, below.at(std::min(y + 1, ny - 1)));
                   adjoint(p, y, pull(0));
                   for (std::size_t i = 0; i < n; ++i) {
                       for (std::size_t c = 0; c < nx; ++c)
                           sum -= static_cast<double>(rows[i][c]) * static_cast<double>(pull(0)[i][c]);
                   }
                   return sum;
               });
    }

private:
    void adjoint(const stack_view<const T>& p, std::size_t y, T* const* out) const {
        const std::size_t n = v_.shape[0], nx = v_.shape[2];
        row_pointers<const T> rows(p), above(p);
        if (y > 0) return dual_kernels<Prior>{prior_}.adjoint({y, 0, nx}, n, rows.at(y), above.at(y - 1), out);
        const padded_row_slots<T> zero(1, p.shape[0], nx);
        dual_kernels<Prior>{prior_}.adjoint({y, 0, nx}, n, rows.at(y), zero(0), out);
    }

    void primal(const stack_view<const T>& p, std::size_t y, T* const* out) const {
        adjoint(p, y, out);
        for (std::size_t i = 0; i < v_.shape[0]; ++i) {
            const T* const v = v_.row(i, y);
            T* const u = out[i];
            for_each_pack<T>(v_.shape[2], [&](auto at) {
                const pack<T> w = at.load(v) - t_ * at.load(u);
                at.store(u, non_negative_ ? pack_max(pack<T>{}, w) : w);
            });
        }
    }

    // The duals of row y after the iteration, from u in rows y and y + 1.
    void advance(const stack_view<T>& p, const stack_view<T>& r, std::size_t y, T* const* u, T* const* below,
                 T momentum) const {
        const std::size_t nx = v_.shape[2];
        for (std::size_t i = 0; i < v_.shape[0]; ++i) {
            u[i][nx] = u[i][nx - 1];
            below[i][nx] = below[i][nx - 1];
        }
        row_pointers<T> ahead(r);
        T* const* const moved = ahead.at(y);
        dual_kernels<Prior>{prior_}.ascend({y, 0, nx}, v_.shape[0], u, below, moved, steps_.data());
        for (std::size_t j = 0; j < p.shape[0]; ++j) {
            T *const from = p.row(j, y), *const to = moved[j];
            for_each_pack<T>(nx, [&](auto at) {
                const pack<T> now = at.load(to), before = at.load(from);
                at.store(from, now);
                at.store(to, now + momentum * (now - before));
            });
        }
    }

    const Prior& prior_;
    stack_view<const T> v_;
    T t_;
    std::vector<T> steps_;
    bool non_negative_;
};

}  // namespace detail

/// Writes argmin_u 1/2 ||u - v||^2 + t R(u), over u >= 0 if non_negative, to `u`, from the duals p, which become the
/// last ones. The caller has checked shapes: v and u (n, n_y, n_x), p as the prior's dual_kernels take it, u apart from
/// v; t >= 0 and finite; 1 to iteration_ceiling. Throws cancelled where the executor asks for it.
template <class Prior, class T>
prox_report dual_prox(const Prior& prior, const dual_prox_options& options, const stack_view<const T>& v, double t,
                      const stack_view<T>& u, const stack_view<T>& p, const execution& exec = {}) {
    const detail::dual_prox_sweep<Prior, T> sweep(prior, v, t, options.non_negative);
    dual_kernels<Prior>{prior}.rest(p);
    prox_report report;
    if (static_cast<T>(t) > 0) {
        xt::xtensor<T, 3> ahead(p.shape);
        const stack_view<T> r = as_view(ahead);
        copy_rows(stack_view<const T>(p), r, exec);
        detail::fgp_momentum momentum;
        for (; report.iterations < options.iterations; ++report.iterations) {
            exec.throw_if_stopped();
            sweep.iterate(p, r, static_cast<T>(momentum.next()), exec);
        }
    }
    sweep.result(p, u, exec);
    if (options.report_gap) report.gap = t > 0 ? sweep.gap(p, u, exec) : 0;
    return report;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
