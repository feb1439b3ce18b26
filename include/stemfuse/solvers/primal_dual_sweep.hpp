// One primal-dual iteration as one sweep over memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/simd/padded_rows.hpp>
#include <stemfuse/solvers/pixel_newton.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// What a sweep works on: maps x, duals p and the elastic term's tangent at the anchor a, and for each map lambda / t_i
// and the step of its duals.
template <class T>
struct primal_dual_variables {
    stack_view<T> x, p;
    stack_view<const T> tangent;
    std::span<const T> inertia, steps;
};

// x' = argmin_{x >= 0} M(x | a) + C(x) + lambda <K x, p> + sum_i lambda / (2 t_i) ||x_i - x'_i||^2 and then
// p <- projection of p + steps K (2 x' - x): Chambolle & Pock, J. Math. Imaging Vis. 40, 120 (2011), doi
// 10.1007/s10851-010-0251-1, algorithm 1 with theta 1, scaled so that p is the prior's own dual.
template <class Objective, class Prior>
class primal_dual_sweep {
public:
    using T = typename Objective::value_type;

    primal_dual_sweep(const Objective& f, const primal_dual_variables<T>& on, std::size_t newton_steps,
                      const execution& exec)
        : on_(on), kernels_{f.prior_term()}, exec_(exec), zero_(1, on.p.shape[0], on.x.shape[2]) {
        const std::size_t n = on.x.shape[0], ny = on.x.shape[1], nx = on.x.shape[2];
        // 8192 numbers a band, so that each has work worth a thread; four bands a thread to even out the load.
        const partition rows(ny, exec.concurrency() == 1 ? 1 : std::min(n * ny * nx / 8192, 4 * exec.concurrency()));
        bands_.reserve(rows.size());
        for (std::size_t b = 0; b < rows.size(); ++b) {
            bands_.push_back({rows[b].first, rows[b].last, {3, n, nx}, {f, on.inertia, newton_steps}});
        }
    }

    // The primal of row y and then the dual of row y - 1 while both are in cache, in bands of rows, each on a thread of
    // its own. The duals between two bands come last, from rows that the bands leave behind: the same numbers whatever
    // the bands.
    void operator()() {
        exec_.for_each(bands_.size(), [&](std::size_t b) { sweep(bands_[b]); });
        row_pointers<T> duals(on_.p);
        for (std::size_t b = 0; b < bands_.size(); ++b) {
            const auto last = bands_[b].last_row();
            ascend(bands_[b].y1 - 1, duals, last, b + 1 < bands_.size() ? bands_[b + 1].row(0) : last);
        }
    }

private:
    // Rows y0 to y1, and 2 x' - x in the first of them and in the two that came last.
    struct band {
        std::size_t y0, y1;
        padded_row_slots<T> ahead;
        pixel_newton<Objective> solve;

        T* const* row(std::size_t k) const { return ahead(k == 0 ? 0 : 1 + k % 2); }
        T* const* last_row() const { return row(y1 - y0 - 1); }
    };

    void sweep(const band& of) const {
        const std::size_t n = on_.x.shape[0], nx = on_.x.shape[2];
        row_pointers<T> x(on_.x), p(on_.p), p_above(on_.p);
        row_pointers<const T> tangent(on_.tangent);
        for (std::size_t y = of.y0; y < of.y1; ++y) {
            T* const* const duals = p.at(y);
            T* const* const above = y > 0 ? p_above.at(y - 1) : zero_(0);
            T* const* const next = of.row(y - of.y0);
            for (std::size_t c = 0; c < nx; c += of.solve.longest) {
                const row_segment segment{y, c, std::min(of.solve.longest, nx - c)};
                kernels_.adjoint(segment, n, duals, above, of.solve.pull());
                of.solve(segment, tangent.at(y, c), x.at(y, c), next);
            }
            for (std::size_t i = 0; i < n; ++i) next[i][nx] = next[i][nx - 1];
            if (y > of.y0) ascend(y - 1, p_above, of.row(y - 1 - of.y0), next);
        }
    }

    void ascend(std::size_t y, row_pointers<T>& p, const T* const* row, const T* const* below) const {
        kernels_.ascend({y, 0, on_.x.shape[2]}, on_.x.shape[0], row, below, p.at(y), on_.steps.data());
    }

    primal_dual_variables<T> on_;
    dual_kernels<Prior> kernels_;
    execution exec_;
    padded_row_slots<T> zero_;
    std::vector<band> bands_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
