// One step of the relaxed primal-dual method.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/operators/diagonal_bounds.hpp>
#include <stemfuse/priors/dual_kernels.hpp>
#include <stemfuse/simd/padded_rows.hpp>
#include <stemfuse/solvers/pixel_newton.hpp>
#include <stemfuse/solvers/primal_dual/leaf_terms.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// y <- before + relaxation (y - before)
template <class T>
void relax_row(const T* before, T* y, T relaxation, std::size_t n) {
    for_each_pack<T>(n, [&](auto at) {
        const pack<T> old = at.load(before);
        at.store(y, old + relaxation * (at.load(y) - old));
    });
}

// Calls f(y) for the rows of a stack, each row being all of its images' row y.
template <class F>
void for_each_stack_row(const stack_shape& shape, const execution& exec, F&& f) {
    for_each_row(shape[1], shape[0] * shape[2], exec, f);
}

// What a step works on. x is the last proximal point of the maps, >= 0; z is x as it is relaxed, below 0 in places; p
// are the prior's duals, y those of the terms after operators. q = sum_k K_k^T y_k.
template <class T>
struct relaxed_variables {
    xt::xtensor<T, 3> x, z, q, tangent;
    xt::xtensor<T, 3> ahead;  // 2 x' - z, with room for a pack behind every row
    std::vector<xt::xtensor<T, 3>> kx;
    std::vector<T> inertia;                  // 1 / tau, one a map
    std::vector<T> prior_steps;              // of p, one a map
    std::vector<std::vector<T>> dual_steps;  // of y, one an image

    // Primal steps shorter, dual steps longer by the factor: their products stay.
    void shorten(T factor) {
        for (T& w : inertia) w *= factor;
        for (T& step : prior_steps) step *= factor;
        for (auto& steps : dual_steps) {
            for (T& step : steps) step *= factor;
        }
    }
};

// Condat, J. Optim. Theory Appl. 158, 460 (2013), doi 10.1007/s10957-012-0245-9, algorithm 3.1: from (z, y)
//     x' = prox of the terms that stay with the maps at z - tau sum_k K_k^T y_k,   over x' >= 0
//     y'_k = prox of sigma_k f_k^* at y_k + sigma_k K_k (2 x' - z)
// and (z, y) moves by `relaxation`, in (0, 2), times (x', y') - (z, y). The prox of the maps is a Newton step or a few
// from the last x'. With a relaxation of 1 maps and duals end at the proximal points: >= 0, and within the prior's set.
template <class Objective, class Prior>
class relaxed_step {
public:
    using T = typename Objective::value_type;

    relaxed_step(const Objective& f, relaxed_variables<T>& on, const stack_view<T>& p,
                 std::vector<xt::xtensor<T, 3>>& y, std::size_t newton_steps, const execution& exec)
        : f_(f),
          pixels_(f),
          kernels_{f.prior_term()},
          on_(on),
          p_(p),
          y_(y),
          ahead_(ahead_view(on)),
          newton_steps_(newton_steps),
          exec_(exec) {}

    void operator()(T relaxation) {
        move_maps(relaxation);
        move_duals(relaxation);
    }

    // The second half alone, at 2 x' - z = x: how duals start.
    void start_duals() {
        const auto x = as_view(std::as_const(on_.x));
        for_each_stack_row(x.shape, exec_, [&](std::size_t y) {
            for (std::size_t i = 0; i < x.shape[0]; ++i) {
                T* const row = ahead_.row(i, y);
                std::copy_n(x.row(i, y), x.shape[2], row);
                row[x.shape[2]] = row[x.shape[2] - 1];
            }
        });
        move_duals(1);
    }

    // q of the duals y as they are.
    void pull_back() {
        for_each_dual_leaf(f_, [&](const auto& leaf, double, std::size_t k) { add_pull(leaf, k); });
    }

private:
    static stack_view<T> ahead_view(relaxed_variables<T>& on) {
        stack_view<T> view = as_view(on.ahead);
        view.shape[2] = on.x.shape(2);
        return view;
    }

    void move_maps(T relaxation) {
        const stack_view<T> x = as_view(on_.x), z = as_view(on_.z), q = as_view(on_.q);
        const auto tangent = as_view(std::as_const(on_.tangent));
        const std::size_t n = x.shape[0], nx = x.shape[2];
        const T lambda = static_cast<T>(f_.lambda_tv());
        for_each_row_block(x.shape[1], n * nx, exec_, [&](std::size_t first, std::size_t last) {
            const pixel_newton<pixel_terms<Objective>> solve(pixels_, on_.inertia, newton_steps_);
            const padded_row_slots<T> zero(1, p_.shape[0], nx);
            row_pointers<T> x_rows(x), ahead_rows(ahead_);
            row_pointers<const T> p_rows(p_), above_rows(p_), t_rows(tangent);
            for (std::size_t y = first; y < last; ++y) {
                T* const* const next = ahead_rows.at(y);
                const T* const* const above = y > 0 ? above_rows.at(y - 1) : zero(0);
                for (std::size_t i = 0; i < n; ++i) std::copy_n(z.row(i, y), nx, next[i]);
                for (std::size_t c = 0; c < nx; c += solve.longest) {
                    const row_segment segment{y, c, std::min(solve.longest, nx - c)};
                    kernels_.adjoint(segment, n, p_rows.at(y), above, solve.pull());
                    for (std::size_t i = 0; i < n; ++i) {
                        const T* const qi = q.shape[0] > 0 ? q.row(i, y) + c : nullptr;
                        weigh(solve.pull()[i], lambda, qi, segment.n);
                    }
                    solve.from_centre(segment, t_rows.at(y, c), x_rows.at(y, c), next);
                }
                for (std::size_t i = 0; i < n; ++i) {
                    next[i][nx] = next[i][nx - 1];
                    relax_centre(z.row(i, y), next[i], relaxation, nx);
                }
            }
        });
    }

    // pull <- lambda pull + q
    static void weigh(T* pull, T lambda, const T* q, std::size_t n) {
        for_each_pack<T>(n, [&](auto at) {
            const pack<T> own = lambda * at.load(pull);
            at.store(pull, q != nullptr ? own + at.load(q) : own);
        });
    }

    // z <- z + relaxation (x' - z), where x' - z is half of ahead - z; exactly x' for a relaxation of 1.
    static void relax_centre(T* z, const T* ahead, T relaxation, std::size_t n) {
        for_each_pack<T>(n, [&](auto at) {
            const pack<T> old = at.load(z);
            at.store(z, old + relaxation * ((at.load(ahead) - old) / 2));
        });
    }

    void move_duals(T relaxation) {
        if (f_.lambda_tv() > 0) move_prior(relaxation);
        for_each_dual_leaf(f_, [&](const auto& leaf, double weight, std::size_t k) {
            leaf.op().apply(stack_view<const T>(ahead_), as_view(on_.kx[k]), exec_);
            move_term(leaf.term(), static_cast<T>(weight), k, relaxation);
            add_pull(leaf, k);
        });
    }

    void move_prior(T relaxation) {
        const std::size_t n = ahead_.shape[0], ny = ahead_.shape[1], nx = ahead_.shape[2];
        for_each_row_block(ny, n * nx, exec_, [&](std::size_t first, std::size_t last) {
            const padded_row_slots<T> before(1, p_.shape[0], nx);
            row_pointers<T> p(p_);
            row_pointers<const T> rows(ahead_), below(ahead_);
            for (std::size_t y = first; y < last; ++y) {
                T* const* const now = p.at(y);
                for (std::size_t j = 0; j < p_.shape[0]; ++j) std::copy_n(now[j], nx, before(0)[j]);
                kernels_.ascend({y, 0, nx}, n, rows.at(y), below.at(std::min(y + 1, ny - 1)), now,
                                on_.prior_steps.data());
                if (relaxation == 1) continue;
                for (std::size_t j = 0; j < p_.shape[0]; ++j) relax_row(before(0)[j], now[j], relaxation, nx);
            }
        });
    }

    template <class Term>
    void move_term(const Term& term, T weight, std::size_t k, T relaxation) {
        const stack_view<T> y = as_view(y_[k]);
        const auto kx = as_view(std::as_const(on_.kx[k]));
        const std::size_t n = y.shape[0], nx = y.shape[2];
        for_each_row_block(y.shape[1], n * nx, exec_, [&](std::size_t first, std::size_t last) {
            const padded_row_slots<T> before(1, n, nx);
            row_pointers<T> rows(y);
            row_pointers<const T> kx_rows(kx);
            for (std::size_t r = first; r < last; ++r) {
                T* const* const now = rows.at(r);
                for (std::size_t i = 0; i < n; ++i) std::copy_n(now[i], nx, before(0)[i]);
                term.row_dual_prox({r, 0, nx}, kx_rows.at(r), now, on_.dual_steps[k].data(), weight);
                if (relaxation == 1) continue;
                for (std::size_t i = 0; i < n; ++i) relax_row(before(0)[i], now[i], relaxation, nx);
            }
        });
    }

    // q <- K_k^T y_k for the first term, q + K_k^T y_k for the others.
    template <class Leaf>
    void add_pull(const Leaf& leaf, std::size_t k) {
        const stack_view<T> q = as_view(on_.q);
        const auto y = as_view(std::as_const(y_[k]));
        if (k == 0) return leaf.op().adjoint(y, q, exec_);
        if (part_.size() == 0) part_.resize(on_.q.shape());
        const stack_view<T> part = as_view(part_);
        leaf.op().adjoint(y, part, exec_);
        for_each_stack_row(q.shape, exec_, [&](std::size_t row) {
            for (std::size_t i = 0; i < q.shape[0]; ++i) {
                for_each_pack<T>(q.shape[2], [&](auto at) {
                    at.store(q.row(i, row), at.load(q.row(i, row)) + at.load(part.row(i, row)));
                });
            }
        });
    }

    const Objective& f_;
    pixel_terms<Objective> pixels_;
    dual_kernels<Prior> kernels_;
    relaxed_variables<T>& on_;
    stack_view<T> p_;
    std::vector<xt::xtensor<T, 3>>& y_;
    stack_view<T> ahead_;
    std::size_t newton_steps_;
    execution exec_;
    xt::xtensor<T, 3> part_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
