// Total variation of every map, and its proximal operator by projected gradients on the dual.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/priors/tv_problem.hpp>
#include <stemfuse/priors/tv_rows.hpp>

namespace stemfuse {

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
    // Iterations in one sweep: more would push the rows that a tile keeps out of the second-level cache.
    static constexpr std::size_t sweep_depth = 32;

    template <class T, class V, class Out>
    prox_report run(const V& v, double t, Out& out, duals<T>* state, const execution& exec) const {
        const readable<T, 3> in(v, "v");
        writable<T, 3, Out> result(out, "out");
        require_not_empty(in.view(), "v");
        require_shape(result.view().shape, in.view().shape, "out", "v");
        require_non_negative(t, "t");
        require_non_negative(gap_tolerance, "gap_tolerance");
        if (iterations == 0) throw value_error("iterations", "got 0, takes 1 or more");
        require_apart(result.view(), in.view(), "out", "v");
        const std::size_t n = in.view().shape[0], ny = in.view().shape[1], nx = in.view().shape[2];
        if (state != nullptr && state->size() == 0) *state = xt::zeros<T>({2 * n, ny, nx});
        if (state != nullptr) {
            require_shape({state->shape(0), state->shape(1), state->shape(2)}, stack_shape{2 * n, ny, nx}, "duals",
                          "v's");
        }
        prox_report report;
        for (std::size_t i = 0; i < n; ++i) {
            detail::tv_state<T> p{};
            if (state != nullptr) {
                const auto view = as_view(*state);
                p = {view.image(i), view.image(n + i), view.image(i), view.image(n + i)};
            }
            const detail::tv_problem<T> problem{in.view().image(i), static_cast<T>(t), norm, exec};
            const prox_report one = prox_image(problem, result.view().image(i), p);
            report.iterations = std::max(report.iterations, one.iterations);
            if (one.gap) report.gap = report.gap.value_or(0) + *one.gap;
        }
        result.commit();
        return report;
    }

    // The prox of one image. p: the duals to start from and to leave behind, or null views.
    template <class T>
    prox_report prox_image(const detail::tv_problem<T>& problem, const image_view<T>& u,
                           const detail::tv_state<T>& p) const {
        const bool with_gap = report_gap || gap_tolerance > 0;
        if (problem.t == 0) {
            problem.project(u, non_negative);
            return {0, with_gap ? std::optional(0.0) : std::nullopt};
        }
        const std::vector<T> momenta = momenta_of<T>();
        if (p.py.data == nullptr && !with_gap && iterations <= sweep_depth) {
            sweep(problem, std::span(momenta), {}, {}, u);
            return {iterations, std::nullopt};
        }
        const image_shape shape = problem.v.shape;
        xt::xtensor<T, 3> memory = xt::zeros<T>({std::size_t{8}, shape[0], shape[1]});
        const auto images = as_view(memory);
        detail::tv_state<T> now{images.image(0), images.image(1), images.image(2), images.image(3)};
        detail::tv_state<T> next{images.image(4), images.image(5), images.image(6), images.image(7)};
        if (p.py.data != nullptr) detail::copy_state(p, now);
        const double allowed = gap_tolerance > 0 ? gap_tolerance * problem.half_norm2() : -1;
        prox_report report;
        while (report.iterations < iterations) {
            const std::size_t count = std::min(allowed >= 0 ? 5 : sweep_depth, iterations - report.iterations);
            sweep(problem, std::span(momenta).subspan(report.iterations, count), now, next, u);
            std::swap(now, next);
            report.iterations += count;
            if (allowed >= 0 || (report_gap && report.iterations == iterations)) report.gap = problem.gap(u, now);
            if (report.gap && *report.gap <= allowed) break;
        }
        if (p.py.data != nullptr) {
            detail::copy_image(now.py, p.py);
            detail::copy_image(now.px, p.px);
        }
        return report;
    }

    // (t_k - 1) / t_(k+1) of FGP for every iteration, 0 for the others.
    template <class T>
    std::vector<T> momenta_of() const {
        std::vector<T> momenta(iterations, T(0));
        double t = 1;
        for (std::size_t k = 0; k < iterations && algorithm == tv_algorithm::fgp; ++k) {
            const double next = (1 + std::sqrt(1 + 4 * t * t)) / 2;
            momenta[k] = static_cast<T>((t - 1) / next);
            t = next;
        }
        return momenta;
    }

    // Chooses the instance of the sweep for the options.
    template <class T>
    void sweep(const detail::tv_problem<T>& problem, std::span<const T> momenta, const detail::tv_state<T>& in,
               const detail::tv_state<T>& out, const image_view<T>& u) const {
        const auto by_sign = [&]<tv_norm Norm, bool Chambolle>() {
            if (non_negative) return detail::sweep_image<Norm, Chambolle, true>(problem, momenta, in, out, u);
            detail::sweep_image<Norm, Chambolle, false>(problem, momenta, in, out, u);
        };
        const bool chambolle = algorithm == tv_algorithm::chambolle;
        if (norm == tv_norm::isotropic) {
            return chambolle ? by_sign.template operator()<tv_norm::isotropic, true>()
                             : by_sign.template operator()<tv_norm::isotropic, false>();
        }
        return chambolle ? by_sign.template operator()<tv_norm::anisotropic, true>()
                         : by_sign.template operator()<tv_norm::anisotropic, false>();
    }
};

}  // namespace stemfuse
