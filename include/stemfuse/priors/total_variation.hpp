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
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/dual_steps.hpp>
#include <stemfuse/priors/prior.hpp>
#include <stemfuse/priors/tv/tv_chunks.hpp>
#include <stemfuse/priors/tv/tv_tiles.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// TV(u) = sum over images and pixels of the norm of the forward differences (dy, dx), zero past the border, and
/// prox(v, t) = argmin_u 1/2 ||u - v||^2 + t TV(u), over u >= 0 if non_negative.
/// Beck & Teboulle, IEEE Trans. Image Process. 18, 2419 (2009), doi 10.1109/TIP.2009.2028250: GP and FGP with step 1/(8
/// t); Chambolle, J. Math. Imaging Vis. 20, 89 (2004), doi 10.1023/B:JMIV.0000011325.36760.1e. The duality gap of a
/// dual p with u = P(v - t K^T p) is t sum( |K u| - K u . p ), a sum of terms >= 0, K the differences.
struct total_variation {
    tv_norm norm = tv_norm::isotropic;           ///< of the differences of a pixel
    tv_algorithm algorithm = tv_algorithm::fgp;  ///< of the prox
    std::size_t iterations = 10;                 ///< at most, for every image
    /// An image is done as soon as its gap <= gap_tolerance 1/2 ||v||^2, looked at every 5 steps; 0 switches it off.
    double gap_tolerance = 0;
    bool report_gap = false;   ///< the report has the gap also where gap_tolerance is 0
    bool non_negative = true;  ///< prox is the minimum over u >= 0, else over all u

    /// The dual variables, shape (2 n, n_y, n_x) as in finite_differences, each of norm at most 1; empty until first
    /// used.
    template <scalar T>
    using duals = xt::xtensor<T, 3>;

    /// TV of a stack (n, n_y, n_x).
    template <stack X>
    double value(const X& x, const execution& exec = {}) const {
        using T = value_type_t<X>;
        const readable<T, 3> in(x, "maps");
        const std::size_t n = in.view().shape[0], ny = in.view().shape[1], nx = in.view().shape[2];
        return sum_over_rows(n * ny, nx, exec, [&](std::size_t r) {
            const std::size_t y = r % ny;
            const T* const row = in.view().row(r / ny, y);
            return detail::tv_row(norm, row, y + 1 < ny ? in.view().row(r / ny, y + 1) : row, nx, true);
        });
    }

    /// Writes prox(v, t) to `out`, both of shape (n, n_y, n_x) and not overlapping; the duals start at zero.
    /// Throws shape_error where shapes differ, value_error for t < 0 and for 0 iterations or more
    /// than iteration_ceiling.
    template <stack V, stack Out>
    prox_report prox(const V& v, double t, Out&& out, const execution& exec = {}) const {
        return run<value_type_t<V>>(v, t, out, nullptr, exec);
    }

    /// The same, starting from `duals` and leaving the last ones there. Throws shape_error where they belong to another
    /// shape.
    template <stack V, stack Out>
    prox_report prox(const V& v, double t, Out&& out, duals<value_type_t<V>>& state, const execution& exec = {}) const {
        return run<value_type_t<V>>(v, t, out, &state, exec);
    }

    /// prox(v, t) handed out row by row, and TV of it: see row_prior. Throws as prox does.
    template <stack V, class Sink>
    auto prox_rows(const V& v, double t, Sink&& sink, const execution& exec = {}) const {
        return run_rows<value_type_t<V>>(v, t, nullptr, nullptr, sink, exec);
    }

    /// The same, starting from `before`, which may be empty, and leaving the last duals in `after`.
    template <stack V, class Sink>
    auto prox_rows(const V& v, double t, const duals<value_type_t<V>>& before, duals<value_type_t<V>>& after,
                   Sink&& sink, const execution& exec = {}) const {
        return run_rows<value_type_t<V>>(v, t, &before, &after, sink, exec);
    }

    /// Bytes that prox and prox_rows allocate for a v of this shape, without the result of prox and the duals.
    template <scalar T>
    std::size_t working_memory(const stack_shape& v, const execution& exec = {}) const {
        const std::size_t image = v[1] * v[2] * sizeof(T);
        if (!one_sweep(1)) return (8 + v[0]) * image;
        const std::size_t width = tiling<T>(v, v[0], exec).width + 2 * (iterations + 1 + lanes<T>);
        return exec.concurrency() * v[0] * 10 * (iterations + 2) * width * sizeof(T);
    }

private:
    // Iterations in one sweep: more would push the rows that a tile keeps out of the second-level cache.
    static constexpr std::size_t sweep_depth = 32;

    bool one_sweep(double t) const { return t > 0 && iterations <= sweep_depth && gap_tolerance == 0 && !report_gap; }

    template <class T, class V, class Out>
    prox_report run(const V& v, double t, Out& out, duals<T>* state, const execution& exec) const {
        const readable<T, 3> in(v, "v");
        writable<T, 3, Out> result(out, "out");
        check(in.view(), t);
        require_shape(result.view().shape, in.view().shape, "out", "v");
        require_apart(result.view(), in.view(), "out", "v");
        if (state != nullptr) check_duals(*state, in.view().shape);
        prox_report report;
        if (one_sweep(t)) {
            duals<T> after;
            if (state != nullptr) after = duals<T>(duals_shape(in.view().shape));
            const auto write = [&](row_segment at, std::size_t i, const T* const* rows, const T* const*) {
                std::copy_n(rows[0], at.n, result.view().row(i, at.y) + at.x0);
            };
            sweep<T>(in.view(), t, state, state != nullptr ? &after : nullptr, 1, exec, write);
            if (state != nullptr) std::swap(*state, after);
            report.iterations = iterations;
        } else {
            if (state != nullptr && state->size() == 0) *state = xt::zeros<T>(duals_shape(in.view().shape));
            for (std::size_t i = 0; i < in.view().shape[0]; ++i) {
                const prox_report one = prox_image<T>(in.view().image(i), t, result.view().image(i),
                                                      duals_of<T>(state, i, in.view().shape[0]), exec);
                report.iterations = std::max(report.iterations, one.iterations);
                if (one.gap) report.gap = report.gap.value_or(0) + *one.gap;
            }
        }
        result.commit();
        return report;
    }

    template <class T, class V, class Sink>
    auto run_rows(const V& v, double t, const duals<T>* before, duals<T>* after, Sink& sink,
                  const execution& exec) const {
        using sum_type = std::remove_cvref_t<std::invoke_result_t<Sink&, row_segment, const T* const*>>;
        const readable<T, 3> in(v, "v");
        check(in.view(), t);
        if (before != nullptr) check_duals(*before, in.view().shape);
        const stack_shape shape = in.view().shape;
        if (!one_sweep(t)) {
            xt::xtensor<T, 3> u(shape);
            if (after != nullptr) *after = *before;
            run<T>(in.view(), t, u, after, exec);
            return hand_out<T, sum_type>(as_view(std::as_const(u)), sink, exec);
        }
        if (after != nullptr) after->resize(duals_shape(shape));
        const detail::tv_tiling cut = tiling<T>(shape, shape[0], exec);
        const std::size_t columns = cut.columns(), width = cut.width;
        std::vector<double> values(shape[1] * columns);
        std::vector<sum_type> sums(shape[1] * columns);
        sweep<T>(in.view(), t, before, after, shape[0], exec,
                 [&](row_segment at, std::size_t, const T* const* rows, const T* const* below) {
                     const std::size_t k = at.y * columns + at.x0 / width;
                     for (std::size_t i = 0; i < shape[0]; ++i) {
                         values[k] += detail::tv_row(norm, rows[i], below[i], at.n, at.x0 + at.n == shape[2]);
                     }
                     sums[k] = sink(at, rows);
                 });
        return add_up(values, sums);
    }

    // What a sweep does, for maps that are there already.
    template <class T, class Sum, class Sink>
    prox_rows_result<Sum> hand_out(const stack_view<const T>& u, Sink& sink, const execution& exec) const {
        const std::size_t ny = u.shape[1], nx = u.shape[2];
        std::vector<double> values(ny);
        std::vector<Sum> sums(ny);
        for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const T> rows(u);
            for (std::size_t y = first; y < last; ++y) {
                const T* const* const at = rows.at(y);
                for (std::size_t i = 0; i < u.shape[0]; ++i) {
                    values[y] += detail::tv_row(norm, at[i], u.row(i, y + 1 < ny ? y + 1 : y), nx, true);
                }
                sums[y] = sink(row_segment{y, 0, nx}, at);
            }
        });
        return add_up(values, sums);
    }

    template <class Sum>
    static prox_rows_result<Sum> add_up(const std::vector<double>& values, const std::vector<Sum>& sums) {
        prox_rows_result<Sum> all{0, {}};
        for (std::size_t k = 0; k < values.size(); ++k) {
            all.value += values[k];
            all.sum += sums[k];
        }
        return all;
    }

    template <class T>
    void check(const stack_view<const T>& v, double t) const {
        require_not_empty(v, "v");
        require_non_negative(t, "t");
        require_non_negative(gap_tolerance, "gap_tolerance");
        require_iterations(iterations, "iterations");
    }

    static stack_shape duals_shape(const stack_shape& v) { return {2 * v[0], v[1], v[2]}; }

    template <class T>
    static void check_duals(const duals<T>& state, const stack_shape& v) {
        if (state.size() == 0) return;
        require_shape({state.shape(0), state.shape(1), state.shape(2)}, duals_shape(v), "duals", "v's");
    }

    // The duals of image i of n, r not apart from p; null views for none.
    template <class T, class Duals>
    static auto duals_of(Duals* state, std::size_t i, std::size_t n) {
        using element = std::conditional_t<std::is_const_v<Duals>, const T, T>;
        if (state == nullptr || state->size() == 0) return detail::tv_state<element>{};
        const auto view = as_view(*state);
        return detail::tv_state<element>{view.image(i), view.image(n + i), {}, {}};
    }

    template <class T>
    detail::tv_tiling tiling(const stack_shape& shape, std::size_t together, const execution& exec) const {
        return {shape[1], shape[2], iterations, together * sizeof(T), shape[0] / together, exec.concurrency()};
    }

    // All iterations on all images, `together` of them at a time.
    template <class T, class Before, class Consume>
    void sweep(const stack_view<const T>& v, double t, const Before* before, duals<T>* after, std::size_t together,
               const execution& exec, Consume&& consume) const {
        std::vector<detail::tv_image<T>> images;
        for (std::size_t i = 0; i < v.shape[0]; ++i) {
            const auto from = duals_of<T>(before, i, v.shape[0]);
            images.push_back({v.image(i), {from.py, from.px, {}, {}}, duals_of<T>(after, i, v.shape[0])});
        }
        const std::vector<T> momenta = momenta_of<T>();
        detail::tv_sweep<T>(kernels<T>(), images, together, static_cast<T>(t), momenta,
                            tiling<T>(v.shape, together, exec), exec, consume);
    }

    // The prox of one image in several sweeps. p: the duals to start from and to leave behind, or null views.
    template <class T>
    prox_report prox_image(const image_view<const T>& v, double t, const image_view<T>& u, const detail::tv_state<T>& p,
                           const execution& exec) const {
        const bool with_gap = report_gap || gap_tolerance > 0;
        if (t == 0) {
            for_each_row(v.shape[0], v.shape[1], exec, [&](std::size_t y) {
                std::transform(v.row(y), v.row(y) + v.shape[1], u.row(y),
                               [this](T w) { return non_negative && w < 0 ? T(0) : w; });
            });
            return {0, with_gap ? std::optional(0.0) : std::nullopt};
        }
        const detail::tv_problem<T> problem{v, static_cast<T>(t), norm, exec};
        const std::vector<T> momenta = momenta_of<T>();
        const double allowed = gap_tolerance > 0 ? gap_tolerance * problem.half_norm2() : -1;
        return detail::tv_chunks<T>(kernels<T>(), problem, momenta, sweep_depth, u, p, allowed, report_gap);
    }

    // The momentum of FGP for every iteration, 0 for the other algorithms.
    template <class T>
    std::vector<T> momenta_of() const {
        std::vector<T> momenta(iterations, T(0));
        if (algorithm != tv_algorithm::fgp) return momenta;
        detail::fgp_momentum momentum;
        for (T& m : momenta) m = static_cast<T>(momentum.next());
        return momenta;
    }

    template <class T>
    detail::tv_kernels<T> kernels() const {
        return detail::tv_kernels<T>::of(norm, algorithm, non_negative);
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI
