// The TV prox of one image in several sweeps: for more iterations than one sweep holds, and to look at the duality gap.
#pragma once

#include <algorithm>
#include <span>
#include <utility>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/copy_rows.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/priors/tv/tv_tiles.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// min_u 1/2 ||u - v||^2 + t TV(u) for one image v (n_y, n_x).
template <class T>
struct tv_problem {
    image_view<const T> v;
    T t;
    tv_norm norm;
    const execution& exec;

    // t sum( |K u| - K u . p ), the duality gap for u = P(v - t K^T p).
    double gap(const image_view<T>& u, const tv_state<T>& p) const {
        return static_cast<double>(t) * sum_over_rows(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
                   const T* const below = u.row(y + 1 < v.shape[0] ? y + 1 : y);
                   return tv_gap_row(norm, u.row(y), below, p.py.row(y), p.px.row(y), v.shape[1]);
               });
    }

    double half_norm2() const {
        return 0.5 * sum_over_rows(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
                   double sum = 0;
                   for (std::size_t c = 0; c < v.shape[1]; ++c) {
                       sum += static_cast<double>(v.row(y)[c]) * static_cast<double>(v.row(y)[c]);
                   }
                   return sum;
               });
    }
};

// The prox into u, at most `depth` iterations a sweep, until the gap is at most `allowed`: looked at every 5 steps
// where that is 0 or more, once at the end if report_gap. p: the duals to start from and to leave behind, or null
// views. Throws cancelled where the executor asks for it.
template <class T>
prox_report tv_chunks(const tv_kernels<T>& kernels, const tv_problem<T>& problem, std::span<const T> momenta,
                      std::size_t depth, const image_view<T>& u, const tv_state<T>& p, double allowed,
                      bool report_gap) {
    const image_shape shape = problem.v.shape;
    xt::xtensor<T, 3> memory = xt::zeros<T>({std::size_t{8}, shape[0], shape[1]});
    const auto images = as_view(memory);
    tv_state<T> now{images.image(0), images.image(1), images.image(2), images.image(3)};
    tv_state<T> next{images.image(4), images.image(5), images.image(6), images.image(7)};
    if (p.py.data != nullptr) {
        copy_rows(image_view<const T>(p.py), now.py);
        copy_rows(image_view<const T>(p.px), now.px);
        copy_rows(image_view<const T>(p.py), now.ry);
        copy_rows(image_view<const T>(p.px), now.rx);
    }
    prox_report report;
    while (report.iterations < momenta.size()) {
        problem.exec.throw_if_stopped();
        const std::size_t count = std::min(allowed >= 0 ? 5 : depth, momenta.size() - report.iterations);
        const tv_image<T> image{problem.v, {now.py, now.px, now.ry, now.rx}, next};
        const tv_tiling tiling(shape[0], shape[1], count, sizeof(T), 1, problem.exec.concurrency());
        tv_sweep<T>(kernels, {&image, 1}, 1, problem.t, momenta.subspan(report.iterations, count), tiling, problem.exec,
                    [&](row_segment at, std::size_t, const T* const* rows, const T* const*) {
                        std::copy_n(rows[0], at.n, u.row(at.y) + at.x0);
                    });
        std::swap(now, next);
        report.iterations += count;
        if (allowed >= 0 || (report_gap && report.iterations == momenta.size())) report.gap = problem.gap(u, now);
        if (report.gap && *report.gap <= allowed) break;
    }
    if (p.py.data != nullptr) {
        copy_rows(image_view<const T>(now.py), p.py);
        copy_rows(image_view<const T>(now.px), p.px);
    }
    return report;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
