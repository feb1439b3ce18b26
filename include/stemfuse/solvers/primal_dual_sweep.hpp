// One primal-dual iteration as one sweep over memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/priors/tv_sweep.hpp>
#include <stemfuse/solvers/pixel_newton.hpp>

namespace stemfuse::detail {

// Rows of n images with a pack of room, addressed by slot.
template <class T>
class row_slots {
public:
    row_slots(std::size_t slots, std::size_t n, std::size_t nx) : n_(n), pointers_(slots * n) {
        memory_.reset(slots * n, nx);
        for (std::size_t k = 0; k < pointers_.size(); ++k) pointers_[k] = memory_(k);
    }
    T* const* operator()(std::size_t slot) const { return pointers_.data() + slot * n_; }

private:
    std::size_t n_;
    tv_row_buffer<T> memory_;
    std::vector<T*> pointers_;
};

// x' = argmin_{x >= 0} M(x | a) + C(x) + lambda <K x, p> + sum_i lambda / (2 t_i) ||x_i - x'_i||^2 and then
// p <- projection of p + steps K (2 x' - x): Chambolle & Pock, J. Math. Imaging Vis. 40, 120 (2011), doi
// 10.1007/s10851-010-0251-1, algorithm 1 with theta 1, scaled so that p is the prior's own dual.
template <class Objective, class Prior>
class primal_dual_sweep {
public:
    using T = typename Objective::value_type;

    stack_view<T> x, p;
    stack_view<const T> tangent;
    std::span<const T> inertia, steps;  // lambda / t_i, and of the dual ascent
    std::size_t newton_steps;

    // The primal of row y and then the dual of row y - 1 while both are in cache, in bands of rows, each on a thread of
    // its own. The duals between two bands come last, from rows that the bands leave behind: the same numbers whatever
    // the bands.
    void operator()(const Objective& f, const execution& exec) const {
        const std::size_t ny = x.shape[1], n = x.shape[0], nx = x.shape[2];
        const std::size_t bands = exec.concurrency() == 1 ? 1 : std::min(4 * exec.concurrency(), (ny + 7) / 8);
        const row_slots<T> borders(2 * bands, n, nx);
        const auto first_row = [&](std::size_t b) { return b * ny / bands; };
        exec.for_each(
            bands, [&](std::size_t b) { band(f, first_row(b), first_row(b + 1), borders(2 * b), borders(2 * b + 1)); });
        row_pointers<T> duals(p);
        for (std::size_t b = 0; b < bands; ++b) {
            const std::size_t last = first_row(b + 1) - 1;
            ascend(f, last, duals.at(last), borders(2 * b + 1),
                   b + 1 < bands ? borders(2 * b + 2) : borders(2 * b + 1));
        }
    }

private:
    // Rows y0 to y1; leaves 2 x' - x of the first and the last of them in `top` and `bottom`.
    void band(const Objective& f, std::size_t y0, std::size_t y1, T* const* top, T* const* bottom) const {
        const std::size_t n = x.shape[0], nx = x.shape[2];
        const row_slots<T> ahead(2, n, nx);
        const row_slots<T> zero(1, p.shape[0], nx);
        pixel_newton<Objective> solve(f, inertia, newton_steps);
        const chunk_images<T> pull(n), old(n);
        row_pointers<T> x_rows(x), p_rows(p), p_above(p);
        row_pointers<const T> tangent_rows(tangent);
        for (std::size_t y = y0; y < y1; ++y) {
            T* const* const duals = p_rows.at(y);
            T* const* const above = y > 0 ? p_above.at(y - 1) : zero(0);
            T* const* const next = ahead(y % 2);
            for (std::size_t c = 0; c < nx; c += chunk_images<T>::length) {
                const row_segment segment{y, c, std::min(chunk_images<T>::length, nx - c)};
                T* const* const at = x_rows.at(y, c);
                dual_kernels<Prior>{f.prior_term()}.adjoint(segment, n, duals, above, pull.rows());
                for (std::size_t i = 0; i < n; ++i)
                    start(at[i], static_cast<T>(f.lambda_tv()), i, segment.n, pull, old);
                solve(segment, tangent_rows.at(y, c), pull.rows(), old.rows(), at);
                for (std::size_t i = 0; i < n; ++i) extrapolate(at[i], old.rows()[i], next[i] + c, segment.n);
            }
            for (std::size_t i = 0; i < n; ++i) next[i][nx] = next[i][nx - 1];
            if (y > y0) ascend(f, y - 1, above, ahead((y + 1) % 2), next);
            if (y == y0) copy_rows(next, top);
            if (y + 1 == y1) copy_rows(next, bottom);
        }
    }

    static void start(const T* at, T lambda, std::size_t i, std::size_t m, const chunk_images<T>& pull,
                      const chunk_images<T>& old) {
        std::copy_n(at, m, old.rows()[i]);
        T* const q = pull.rows()[i];
        for_each_pack<T>(m, [&](auto pack_at) { pack_at.store(q, lambda * pack_at.load(q)); });
    }

    static void extrapolate(const T* now, const T* before, T* out, std::size_t m) {
        for_each_pack<T>(m, [&](auto at) {
            const pack<T> a = at.load(now);
            at.store(out, a + (a - at.load(before)));
        });
    }

    void ascend(const Objective& f, std::size_t y, T* const* duals, const T* const* row, const T* const* below) const {
        dual_kernels<Prior>{f.prior_term()}.ascend({y, 0, x.shape[2]}, x.shape[0], row, below, duals, steps.data());
    }

    void copy_rows(const T* const* from, T* const* to) const {
        for (std::size_t i = 0; i < x.shape[0]; ++i) std::copy_n(from[i], x.shape[2] + 1, to[i]);
    }
};

}  // namespace stemfuse::detail
