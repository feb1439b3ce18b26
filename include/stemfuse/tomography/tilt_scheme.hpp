// The scheme for tilt series: a relaxed primal-dual method whose prior and maps are one sweep.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <stemfuse/core/column_sums.hpp>
#include <stemfuse/core/communicator.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/tomography/sirt.hpp>
#include <stemfuse/tomography/tilt_counts.hpp>
#include <stemfuse/tomography/tilt_duals.hpp>
#include <stemfuse/tomography/tilt_haadf.hpp>
#include <stemfuse/tomography/tilt_sweep.hpp>
#include <stemfuse/tomography/volume_variation.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How the steps of tilt_scheme are chosen.
struct tilt_steps {
    std::vector<double> levels{};  ///< counts that a voxel of an element typically gives, see typical_levels
    double balance = 0.8;          ///< above 0: a larger one makes primal steps longer and dual ones shorter
    double relaxation = 1.8;       ///< in (0, 2)
    /// Whether the dual steps of a joint prior are one multiple of t_e^2, as the radial projection of its dual needs.
    /// The numpy reference has steps of their own for every element: its limit is near the minimum, not on it.
    bool exact_joint = true;
};

namespace detail {

template <scalar T>
struct tilt_state {
    costs at;
    tilt_duals<T> duals;
    xt::xtensor<T, 3> gradient, shared, model;  // (n_e, ...), (1, ...), and s of the point where gamma is not 1
    xt::xtensor<T, 3> counts_now, counts_before, counts_work, haadf_now, haadf_before, haadf_work;
    std::vector<double> count_rays, haadf_rays;
    sweep_steps<T> steps;
    slab_ghosts<T> ghosts;
    bool advanced = false;  // whether `gradient` holds a proximal point
};

}  // namespace detail

/// Minimises lambda_haadf elastic(x) + counts(x) + lambda_tv prior(x) by the relaxed primal-dual method of Condat, J.
/// Optim. Theory Appl. 158, 460 (2013), doi 10.1007/s10957-012-0245-9, algorithm 3.2, with the diagonal steps of Pock &
/// Chambolle (2011), doi 10.1109/ICCV.2011.6126441, in scaled variables x_e / levels_e. For a gamma above 1 the elastic
/// block is linearised at each iterate: Valkonen (2014), doi 10.1088/0266-5611/30/5/055012; no minimum is promised
/// then. One projection and one back projection of every tilt an iteration, and one sweep of prior and maps. The costs
/// are those of the proximal point, which is >= 0 and the result.
///
/// A scheme of fusion_solver<tilt_haadf<T>, tilt_counts<T>, volume_variation, tilt_scheme<>> with lambda_chemical 1, or
/// 0 for HAADF alone.
/// With a communicator of several ranks every term holds the rank's slab of columns; the halo of one column each way is
/// sent while projecting. The bits depend neither on threads nor on ranks.
template <communicator Communicator = serial_communicator>
class tilt_scheme {
public:
    /// The type of the duals that a result hands to a warm start.
    template <class Prior, class T>
    struct duals_of {
        using type = tilt_duals<T>;  ///< whatever the prior
    };

    /// Throws value_error for a balance or level that is not above 0 and a relaxation outside (0, 2).
    explicit tilt_scheme(tilt_steps steps, Communicator communicator = {})
        : steps_(std::move(steps)), communicator_(std::move(communicator)) {
        require_positive(steps_.balance, "balance");
        if (!(steps_.relaxation > 0 && steps_.relaxation < 2)) {
            throw value_error("relaxation", "is " + to_string(steps_.relaxation) + ", must be in (0, 2)");
        }
        for (const double level : steps_.levels) require_positive(level, "levels");
    }

    /// The state before the first iteration. x holds the start; of `duals` those that are empty start from 0. Throws
    /// value_error for a lambda_chemical other than 1 and 0, shape_error for levels, prior or duals that do not fit the
    /// terms.
    template <class F, class T = typename F::value_type>
    detail::tilt_state<T> start(const F& f, const stack_view<T>& x, tilt_duals<T> duals, const execution& exec) const {
        check(f);
        detail::tilt_state<T> state;
        state.duals = std::move(duals);
        allocate(f, state);
        state.steps = steps_for(f, T{});
        const bool warm = state.duals.relaxed.size() > 0;
        if (warm) {
            require_shape(as_view(std::as_const(state.duals.relaxed)).shape, f.shape(), "duals", "the terms'");
            project_all(f, state, stack_view<const T>(x), exec);
            exchange_columns(state, x, stack_view<const T>(x), [] {});
            state.at = measure(f, state, stack_view<const T>(x), exec);
            for (std::size_t k = 0; k < x.shape[0] * x.shape[1]; ++k) {
                const std::size_t e = k / x.shape[1], r = k % x.shape[1];
                std::copy_n(state.duals.relaxed.data() + k * x.shape[2], x.shape[2], x.row(e, r));
            }
            state.duals.relaxed = {};
        }
        exchange_columns(state, x, stack_view<const T>(x),
                         [&] { project_all(f, state, stack_view<const T>(x), exec); });
        exchange_duals(state);
        if (!warm) state.at = measure(f, state, stack_view<const T>(x), exec);
        return state;
    }

    /// One iteration: x becomes the next relaxed iterate, state.at the costs of the proximal point. Collective.
    template <class F, class T = typename F::value_type>
    void advance(const F& f, detail::tilt_state<T>& state, const stack_view<T>& x, const execution& exec) const {
        step_duals(f, state, exec);
        const auto gradient = as_view(state.gradient), shared = as_view(state.shared);
        if (with_counts(f)) {
            f.chemical().projector().adjoint(as_view(std::as_const(state.counts_work)), gradient, exec);
        } else {
            std::fill(state.gradient.begin(), state.gradient.end(), T(0));
        }
        if (with_haadf(f)) {
            f.elastic().projector().adjoint(as_view(std::as_const(state.haadf_work)), shared, exec);
        }
        detail::tilt_sweep<T>(f.prior_term(), f.elastic(), state.steps, with_haadf(f))
            .run(x, gradient, shared, as_view(state.duals.variation), state.ghosts, exec);
        std::swap(state.counts_now, state.counts_before);
        std::swap(state.haadf_now, state.haadf_before);
        const stack_view<const T> point = as_view(std::as_const(state.gradient));
        exchange_columns(state, x, point, [&] {
            if (with_counts(f)) f.chemical().projector().apply(stack_view<const T>(x), as_view(state.counts_now), exec);
            if (with_haadf(f))
                f.elastic().projector().apply(stack_view<const T>(shared), as_view(state.haadf_now), exec);
            project_point(f, state, point, exec);
        });
        state.at = measure_point(f, state, point, exec);
    }

    /// x becomes the proximal point; the relaxed iterate goes to the duals.
    template <class F, class T = typename F::value_type>
    void finish(const F&, detail::tilt_state<T>& state, const stack_view<T>& x, const execution&) const {
        state.duals.relaxed.resize(x.shape);
        for (std::size_t k = 0; k < x.shape[0] * x.shape[1]; ++k) {
            T* const row = x.row(k / x.shape[1], k % x.shape[1]);
            std::copy_n(row, x.shape[2], state.duals.relaxed.data() + k * x.shape[2]);
            if (state.advanced) std::copy_n(state.gradient.data() + k * x.shape[2], x.shape[2], row);
        }
    }

    /// Bytes beyond what the terms hold: gradient, shared volume, duals, and the projections.
    template <class F>
    std::size_t working_memory(const F& f, const execution&) const {
        const auto size = [](const stack_shape& s) { return s[0] * s[1] * s[2]; };
        const stack_shape x = f.shape();
        return (size(x) * 4 + x[1] * x[2] + 4 * size(f.chemical().projector().range_shape()) +
                4 * size(f.elastic().projector().range_shape())) *
               sizeof(typename F::value_type);
    }

    /// The processes that share the volume.
    const Communicator& ranks() const noexcept { return communicator_; }

private:
    template <class F>
    static bool with_haadf(const F& f) {
        return f.lambda_haadf() > 0;
    }
    template <class F>
    static bool with_counts(const F& f) {
        return f.lambda_chemical() > 0;
    }

    template <class F>
    void check(const F& f) const {
        static_assert(std::is_same_v<std::remove_cvref_t<decltype(f.prior_term())>, volume_variation>,
                      "stemfuse: tilt_scheme takes the prior volume_variation");
        if (f.lambda_chemical() != 1 && f.lambda_chemical() != 0) {
            throw value_error("lambda_chemical", "is " + to_string(f.lambda_chemical()) +
                                                     ", must be 1, counts weigh themselves, or 0, without counts");
        }
        if (steps_.levels.size() != f.shape()[0]) {
            throw shape_error("levels", "are " + std::to_string(steps_.levels.size()) + ", must be " +
                                            std::to_string(f.shape()[0]) + ", one for each element");
        }
        const auto& g = f.chemical().projector().geometry();
        if (f.prior_term().n_z() != g.n_z() || f.prior_term().n_y() != g.n_y() ||
            f.prior_term().weights().size() != f.shape()[0]) {
            throw shape_error("prior", "is of another volume than the terms");
        }
    }

    template <class F, class T>
    static void allocate(const F& f, detail::tilt_state<T>& state) {
        const stack_shape x = f.shape(), c = f.chemical().projector().range_shape();
        const stack_shape h = f.elastic().projector().range_shape(), one{1, x[1], x[2]};
        const auto fresh = [](xt::xtensor<T, 3>& a, const stack_shape& shape) {
            if (a.size() > 0) {
                require_shape(as_view(std::as_const(a)).shape, shape, "duals", "the terms'");
                return;
            }
            a.resize(shape);
            std::fill(a.begin(), a.end(), T(0));
        };
        fresh(state.duals.variation, {3 * x[0], x[1], x[2]});
        fresh(state.duals.counts, c);
        state.gradient.resize(x);
        detail::prefer_large_pages(state.gradient.data(), state.gradient.size());
        for (auto* a : {&state.counts_now, &state.counts_before, &state.counts_work}) a->resize(c);
        state.count_rays = ray_lengths(f.chemical().projector().geometry());
        if (!with_haadf(f)) return;
        fresh(state.duals.haadf, h);
        state.shared.resize(one);
        if (f.elastic().response().gamma() != 1) state.model.resize(one);
        for (auto* a : {&state.haadf_now, &state.haadf_before, &state.haadf_work}) a->resize(h);
        state.haadf_rays = ray_lengths(f.elastic().projector().geometry());
    }

    // The slopes of s at the typical levels.
    template <class F>
    double slope(const F& f, std::size_t e) const {
        const auto& r = f.elastic().response();
        return r.weights()[e] * r.gamma() * std::pow(steps_.levels[e], r.gamma() - 1);
    }

    template <class F, class T>
    detail::sweep_steps<T> steps_for(const F& f, T) const {
        const double n_c = with_counts(f) ? static_cast<double>(f.chemical().projector().geometry().tilts()) : 0.0;
        const auto n_h = static_cast<double>(f.elastic().projector().geometry().tilts());
        const double scale = std::sqrt(f.lambda_haadf()), lambda_tv = f.lambda_tv();
        detail::sweep_steps<T> steps{
            {}, {}, static_cast<T>(steps_.relaxation), f.prior_term().coupling() == variation_coupling::joint};
        // One multiple of t_e^2 for all elements: the geometric mean of what each would have alone.
        double common = 0, weighed = 0;
        const auto alone = [&](std::size_t e, double t) { return t / (2 * steps_.balance * steps_.levels[e]); };
        for (std::size_t e = 0; e < f.shape()[0]; ++e) {
            const double t = lambda_tv * f.prior_term().weights()[e];
            if (t == 0) continue;
            common += std::log(alone(e, t) / (t * t));
            ++weighed;
        }
        common = weighed > 0 ? std::exp(common / weighed) : 0;
        for (std::size_t e = 0; e < f.shape()[0]; ++e) {
            const double t = lambda_tv * f.prior_term().weights()[e];
            const double sigma = steps.joint && steps_.exact_joint ? common * t * t : alone(e, t);
            const double reach = (n_c + scale * slope(f, e) * n_h) / (steps_.balance * steps_.levels[e]);
            steps.tau.push_back(static_cast<T>(1 / (reach + 12 * sigma)));
            steps.variation.push_back({static_cast<T>(sigma), static_cast<T>(t > 0 ? 1 / t : 0)});
        }
        return steps;
    }

    template <class F, class T>
    void step_duals(const F& f, detail::tilt_state<T>& state, const execution& exec) const {
        const auto relaxation = static_cast<T>(steps_.relaxation);
        const std::size_t nx = f.shape()[2], rows = state.count_rays.size();
        for_each_row(with_counts(f) ? f.shape()[0] * rows : 0, nx, exec, [&](std::size_t k) {
            const double ray = std::max(state.count_rays[k % rows], 0.5);
            const auto step = static_cast<T>(1 / (steps_.balance * steps_.levels[k / rows] * ray));
            f.chemical().row_dual_step(k / rows, k % rows, step, relaxation, state.counts_now.data() + k * nx,
                                       state.duals.counts.data() + k * nx, state.counts_work.data() + k * nx);
        });
        if (!with_haadf(f)) return;
        double reach = 0;
        for (std::size_t e = 0; e < f.shape()[0]; ++e) reach += slope(f, e) * steps_.levels[e];
        for_each_row(state.haadf_rays.size(), nx, exec, [&](std::size_t k) {
            const double ray = std::max(state.haadf_rays[k], 0.5);
            const auto step = static_cast<T>(std::sqrt(f.lambda_haadf()) / (steps_.balance * ray * reach));
            f.elastic().row_dual_step(k, step, static_cast<T>(f.lambda_haadf()), relaxation,
                                      state.haadf_now.data() + k * nx, state.duals.haadf.data() + k * nx,
                                      state.haadf_work.data() + k * nx);
        });
    }

    // The projections of x.
    template <class F, class T>
    static void project_all(const F& f, detail::tilt_state<T>& state, const stack_view<const T>& x,
                            const execution& exec) {
        if (with_counts(f)) f.chemical().projector().apply(x, as_view(state.counts_now), exec);
        if (!with_haadf(f)) return;
        f.elastic().synthesise(x, as_view(state.shared), exec);
        f.elastic().projector().apply(as_view(std::as_const(state.shared)), as_view(state.haadf_now), exec);
    }

    // The projections of the proximal point, into the work arrays: by linearity from those of the relaxed iterate
    // before and after the step, but for the model of a gamma above 1.
    template <class F, class T>
    void project_point(const F& f, detail::tilt_state<T>& state, const stack_view<const T>& point,
                       const execution& exec) const {
        const auto share = static_cast<T>(1 / steps_.relaxation);
        const auto between = [&](const auto& before, const auto& now, auto& out) {
            const std::size_t nx = now.shape()[2];
            for_each_row(now.size() / nx, nx, exec, [&](std::size_t r) {
                for (std::size_t k = r * nx; k < (r + 1) * nx; ++k) {
                    out.data()[k] = before.data()[k] + share * (now.data()[k] - before.data()[k]);
                }
            });
        };
        if (with_counts(f)) between(state.counts_before, state.counts_now, state.counts_work);
        if (!with_haadf(f)) return;
        if (f.elastic().response().gamma() == 1) {
            between(state.haadf_before, state.haadf_now, state.haadf_work);
        } else {
            f.elastic().synthesise(point, as_view(state.model), exec);
            f.elastic().projector().apply(as_view(std::as_const(state.model)), as_view(state.haadf_work), exec);
        }
    }

    template <class F, class T>
    costs measure_point(const F& f, detail::tilt_state<T>& state, const stack_view<const T>& point,
                        const execution& exec) const {
        state.advanced = true;
        return measure(f, state.counts_work, state.haadf_work, state.ghosts, point, exec);
    }

    template <class F, class T>
    costs measure(const F& f, detail::tilt_state<T>& state, const stack_view<const T>& x, const execution& exec) const {
        return measure(f, state.counts_now, state.haadf_now, state.ghosts, x, exec);
    }

    template <class F, class T>
    costs measure(const F& f, const xt::xtensor<T, 3>& counts, const xt::xtensor<T, 3>& haadf,
                  const detail::slab_ghosts<T>& ghosts, const stack_view<const T>& x, const execution& exec) const {
        const std::size_t nx = x.shape[2], rows = counts.shape()[1];
        std::vector<double> elastic(nx), chemical(nx);
        if (with_counts(f)) {
            chemical = column_sums(counts.shape()[0] * rows, nx, f.chemical().projector().geometry().bins(), exec,
                                   [&](std::size_t k, double* sums) {
                                       f.chemical().row_cost(k / rows, k % rows, counts.data() + k * nx, sums);
                                   });
        }
        if (with_haadf(f)) {
            elastic =
                column_sums(haadf.shape()[1], nx, f.elastic().projector().geometry().bins(), exec,
                            [&](std::size_t k, double* sums) { f.elastic().row_cost(k, haadf.data() + k * nx, sums); });
        }
        const auto prior = f.prior_term().value_of_columns(x, ghosts.right_point_or_null(), 1.0, exec);
        const double haadf_cost = sum_of_columns(elastic, communicator_);
        const double count_cost = sum_of_columns(chemical, communicator_);
        return f.total({haadf_cost, count_cost}, sum_of_columns(prior, communicator_));
    }

    // Sends the outer columns of x and the first of `point`, does `meanwhile`, and waits for the neighbours'.
    template <class T, class F>
    void exchange_columns(detail::tilt_state<T>& state, const stack_view<T>& x, const stack_view<const T>& point,
                          F&& meanwhile) const {
        const std::size_t n = x.shape[0] * x.shape[1], last = x.shape[2] - 1;
        const bool left = communicator_.rank() > 0, right = communicator_.rank() + 1 < communicator_.size();
        std::vector<T> to_left(left ? 2 * n : 0), to_right(right ? n : 0), from_left(left ? n : 0),
            from_right(right ? 2 * n : 0);
        for (std::size_t k = 0; k < n; ++k) {
            const T *const row = x.row(k / x.shape[1], k % x.shape[1]), *const of_point =
                                                                            point.row(k / x.shape[1], k % x.shape[1]);
            if (left) {
                to_left[k] = row[0];
                to_left[n + k] = of_point[0];
            }
            if (right) to_right[k] = row[last];
        }
        auto request = communicator_.begin_exchange(
            std::as_bytes(std::span(to_left)), std::as_bytes(std::span(to_right)),
            std::as_writable_bytes(std::span(from_left)), std::as_writable_bytes(std::span(from_right)));
        meanwhile();
        communicator_.end_exchange(request);
        state.ghosts.left = std::move(from_left);
        if (right) {
            const auto middle = from_right.begin() + static_cast<std::ptrdiff_t>(n);
            state.ghosts.right.assign(from_right.begin(), middle);
            state.ghosts.right_point.assign(middle, from_right.end());
        }
    }

    // The duals of the left neighbour's last column, once: they step here as they do there.
    template <class T>
    void exchange_duals(detail::tilt_state<T>& state) const {
        const auto& duals = state.duals.variation;
        const std::size_t nx = duals.shape()[2], n = duals.size() / nx;
        const bool left = communicator_.rank() > 0, right = communicator_.rank() + 1 < communicator_.size();
        std::vector<T> to_right(right ? n : 0), from_left(left ? n : 0);
        for (std::size_t k = 0; k < to_right.size(); ++k) to_right[k] = duals.data()[k * nx + nx - 1];
        auto request = communicator_.begin_exchange({}, std::as_bytes(std::span(to_right)),
                                                    std::as_writable_bytes(std::span(from_left)), {});
        communicator_.end_exchange(request);
        state.ghosts.left_duals = std::move(from_left);
    }

    tilt_steps steps_;
    Communicator communicator_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
