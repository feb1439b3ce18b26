// Total variation of every map, and its proximal operator by projected gradients on the dual.
#pragma once

#include <cmath>
#include <optional>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/priors/total_variation_rows.hpp>

namespace stemfuse {

enum class tv_algorithm {
    fgp,        // fast gradient projection, with Nesterov's momentum: Beck & Teboulle 2009
    gp,         // gradient projection, the same without momentum
    chambolle,  // Chambolle's semi-implicit fixed point, 2004; its proof covers non_negative = false
};

// TV(u) = sum over images and pixels of the norm of the forward differences (dy, dx), zero past the border, and
// prox(v, t) = argmin_u 1/2 ||u - v||^2 + t TV(u), over u >= 0 if non_negative.
// Beck & Teboulle, IEEE Trans. Image Process. 18, 2419 (2009), doi 10.1109/TIP.2009.2028250: GP and FGP with step 1/(8
// t); Chambolle, J. Math. Imaging Vis. 20, 89 (2004), doi 10.1023/B:JMIV.0000011325.36760.1e. The duality gap of a dual
// p with u = P(v - t K^T p) is t sum( |K u| - K u . p ), a sum of terms >= 0, K the differences.
struct total_variation {
    tv_norm norm = tv_norm::isotropic;
    tv_algorithm algorithm = tv_algorithm::fgp;
    std::size_t iterations = 10;  // at most, for every image
    double gap_tolerance =
        0;  // an image is done as soon as its gap <= gap_tolerance 1/2 ||v||^2, looked at every 5 steps
    bool report_gap = false;  // the report has the gap also where gap_tolerance is 0
    bool non_negative = true;

    // The dual variables, shape (2 n, n_y, n_x) as in finite_differences, each of norm at most 1; empty until first
    // used.
    template <scalar T>
    using duals = xt::xtensor<T, 3>;

    // TV of a stack (n, n_y, n_x).
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        using T = value_type_t<X>;
        const readable<T, 3> in(x, "maps");
        const std::size_t n = in.view().shape[0], ny = in.view().shape[1], nx = in.view().shape[2];
        return sum_over_rows(n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t y = r % ny;
            const T* const row = in.view().row(r / ny, y);
            return detail::tv_row(norm, row, y + 1 < ny ? in.view().row(r / ny, y + 1) : row, nx);
        });
    }

    // Writes prox(v, t) to `out`, both of shape (n, n_y, n_x) and not overlapping; the duals start at zero.
    // Throws shape_error where shapes differ, value_error for t < 0 or iterations == 0.
    template <stack V, stack Out>
    prox_report prox(const V& v, double t, Out&& out, const execution& exec = {}) const {
        return run<value_type_t<V>>(v, t, out, nullptr, exec);
    }

    // The same, starting from `duals` and leaving the last ones there. Throws shape_error where they belong to another
    // shape.
    template <stack V, stack Out>
    prox_report prox(const V& v, double t, Out&& out, duals<value_type_t<V>>& state, const execution& exec = {}) const {
        return run<value_type_t<V>>(v, t, out, &state, exec);
    }

private:
    template <class T, class V, class Out>
    prox_report run(const V& v, double t, Out& out, duals<T>* state, const execution& exec) const {
        const readable<T, 3> in(v, "v");
        writable<T, 3, Out> result(out, "out");
        require_not_empty(in.view(), "v");
        require_shape(result.view().shape, in.view().shape, "out", "v");
        require_non_negative(t, "t");
        require_non_negative(gap_tolerance, "gap_tolerance");
        if (iterations == 0) throw value_error("iterations", "got 0, takes 1 or more");
        if (in.view().data == result.view().data)
            throw value_error("out", "is the same memory as v, takes another array");
        const std::size_t n = in.view().shape[0], ny = in.view().shape[1], nx = in.view().shape[2];
        if (state != nullptr && state->size() == 0) *state = xt::zeros<T>({2 * n, ny, nx});
        if (state != nullptr) {
            require_shape({state->shape(0), state->shape(1), state->shape(2)}, stack_shape{2 * n, ny, nx}, "duals",
                          "v's");
        }
        detail::tv_workspace<T> work({ny, nx}, state == nullptr, algorithm == tv_algorithm::fgp);
        prox_report report;
        for (std::size_t i = 0; i < n; ++i) {
            if (state != nullptr) {
                const auto view = detail::view_in_place<3>(*state, "duals");
                work.p = {view.image(i), view.image(n + i)};
            }
            const prox_report one =
                prox_image(in.view().image(i), static_cast<T>(t), result.view().image(i), work, exec);
            report.iterations = std::max(report.iterations, one.iterations);
            if (one.gap) report.gap = report.gap.value_or(0) + *one.gap;
        }
        result.commit();
        return report;
    }

    template <class T>
    prox_report prox_image(const image_view<const T>& v, T t, const image_view<T>& u, detail::tv_workspace<T>& work,
                           const execution& exec) const {
        const detail::tv_problem<T> problem{v, t, norm, non_negative, exec};
        if (t == 0) {
            problem.primal(work.start(), u);
            return {0, report_gap || gap_tolerance > 0 ? std::optional(0.0) : std::nullopt};
        }
        const double allowed = gap_tolerance > 0 ? gap_tolerance * problem.half_norm2() : -1;
        const detail::tv_dual<T>& r = work.start();
        double momentum = 1;
        prox_report report;
        while (report.iterations < iterations) {
            problem.primal(r, u);
            if (algorithm == tv_algorithm::chambolle) {
                problem.chambolle_step(u, work.p);
            } else {
                const double next =
                    algorithm == tv_algorithm::fgp ? (1 + std::sqrt(1 + 4 * momentum * momentum)) / 2 : 1;
                problem.projected_step(u, r, work.p, static_cast<T>((momentum - 1) / next));
                momentum = next;
            }
            ++report.iterations;
            if (allowed >= 0 && (report.iterations % 5 == 0 || report.iterations == iterations)) {
                problem.primal(work.p, u);
                report.gap = problem.gap(u, work.p);
                if (*report.gap <= allowed) return report;
            }
        }
        problem.primal(work.p, u);
        if (report_gap) report.gap = problem.gap(u, work.p);
        return report;
    }
};

}  // namespace stemfuse
