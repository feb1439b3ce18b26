// From tilt series to fused volumes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/communicator.hpp>
#include <stemfuse/core/copy_rows.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/recipes/tomography_options.hpp>
#include <stemfuse/tomography/haadf_fit.hpp>
#include <stemfuse/tomography/sirt.hpp>
#include <stemfuse/tomography/tilt_checkpoint.hpp>
#include <stemfuse/tomography/tilt_defaults.hpp>
#include <stemfuse/tomography/tilt_scheme.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// The columns of a stack that this rank holds.
template <class T>
xt::xtensor<T, 3> columns_of(const xt::xtensor<T, 3>& a, index_range columns) {
    xt::xtensor<T, 3> out(stack_shape{a.shape()[0], a.shape()[1], columns.size()});
    for (std::size_t r = 0; r < a.shape()[0] * a.shape()[1]; ++r) {
        std::copy_n(a.data() + r * a.shape()[2] + columns.first, columns.size(), out.data() + r * columns.size());
    }
    return out;
}

// The median over the tilts of each projection's noise.
template <class T>
double noise_of_tilts(const xt::xtensor<T, 3>& series, std::size_t bins, const execution& exec) {
    std::vector<double> noise;
    const std::size_t nx = series.shape()[2];
    if (bins < 3 || nx < 3) return 0;
    for (std::size_t k = 0; k < series.shape()[1] / bins; ++k) {
        const image_view<const T> tilt{series.data() + k * bins * nx, {bins, nx}, {static_cast<std::ptrdiff_t>(nx), 1}};
        noise.push_back(image_noise(tilt, "haadf", exec));
    }
    return median(noise);
}

}  // namespace detail

/// Bytes that fuse_tilt_series takes at its peak on one rank that holds `columns` of the n_x columns.
template <scalar T>
std::size_t tomography_memory(const tilt_measurement<T>& m, const tomography_options& o, std::size_t columns) {
    const std::size_t n = m.elements.size(), nz = o.n_z == 0 ? m.bins : o.n_z;
    const std::size_t voxels = nz * m.bins * columns;
    const std::size_t pixels = m.bins * columns * (m.haadf_angles.size() + n * m.count_angles.size());
    // Maps, start, gradient and three duals of every element, the shared volume; measurement and five arrays of its
    // size.
    return (voxels * (6 * n + 1) + 6 * pixels + m.haadf.size() + m.counts.size()) * sizeof(T);
}

namespace detail {

// A fusion of tilt series on one rank: segment 0 is that of the counts alone, the others are the fusion, before each of
// which the weights are fitted.
template <scalar T, communicator C>
class tomography_run {
public:
    tomography_run(const tilt_measurement<T>& m, const tomography_options& o, const execution& exec, const C& ranks)
        : m_(m),
          o_(o),
          exec_(exec),
          ranks_(ranks),
          n_(m.elements.size()),
          n_x_(m.counts.shape()[2]),
          n_z_(o.n_z == 0 ? m.bins : o.n_z),
          haadf_geometry_(n_z_, m.bins, m.bins, m.haadf_angles, m.haadf_shifts),
          count_geometry_(n_z_, m.bins, m.bins, m.count_angles, m.count_shifts) {
        check();
        columns_ = slab_of(n_x_, ranks);
        choose_defaults();
        raw_ = columns_of(m.haadf, columns_);
        counts_ = columns_of(m.counts, columns_);
        result_.start = sirt(tilt_projector(count_geometry_, n_, columns_.size()), counts_, o.sirt_iterations, exec);
    }

    template <class Observer>
    tomography_result<T> run(Observer& observer) {
        resume();
        const std::size_t segments = fitted() ? o_.refits + 2 : 2;
        for (; at_.segment < segments && !result_.stopped; ++at_.segment, at_.done = 0) {
            const bool fusing = at_.segment > 0;
            const index_range all = iterations_of(at_.segment, segments - 1);
            if (fusing && at_.done == 0) weigh();
            while (at_.done < all.size() && !result_.stopped) advance(observer, all);
        }
        result_.maps = std::move(at_.maps);
        return std::move(result_);
    }

private:
    bool fitted() const { return o_.weights.empty(); }

    void check() const {
        if (n_ != m_.counts.shape()[0]) {
            throw shape_error("elements", "are " + std::to_string(n_) + ", must be " +
                                              std::to_string(m_.counts.shape()[0]) + ", one for each series of counts");
        }
        if (m_.haadf.shape()[2] != n_x_) {
            throw shape_error("haadf", "has " + std::to_string(m_.haadf.shape()[2]) +
                                           " columns along the tilt axis, must have " + std::to_string(n_x_) +
                                           " as the counts");
        }
        require_shape(as_view(m_.haadf).shape, {1, m_.haadf_angles.size() * m_.bins, n_x_}, "haadf",
                      "its angles and bins");
        require_shape(as_view(m_.counts).shape, {n_, m_.count_angles.size() * m_.bins, n_x_}, "counts",
                      "its angles and bins");
        require_finite(as_view(m_.haadf), "haadf");
        require_iterations(o_.iterations, "iterations");
        if (fitted()) require_iterations(o_.chemistry_iterations, "chemistry_iterations");
        if (!fitted() && o_.weights.size() != n_) {
            throw shape_error("weights", "are " + std::to_string(o_.weights.size()) + ", must be " +
                                             std::to_string(n_) + ", one for each element");
        }
    }

    // From the whole measurement, so that every rank chooses alike.
    void choose_defaults() {
        result_.n_z = n_z_;
        result_.n_y = m_.bins;
        result_.levels = typical_levels(m_.counts, n_z_);
        for (std::size_t e = 0; e < n_; ++e) {
            // The least that typical_levels() gives.
            if (result_.levels[e] <= 1e-6) result_.warnings.push_back(m_.elements[e] + " has hardly any counts");
        }
        result_.variation = variation_weights(result_.levels);
        for (double& t : result_.variation) t *= o_.variation;
        result_.haadf_noise = o_.haadf_noise ? *o_.haadf_noise : noise_of_tilts(m_.haadf, m_.bins, exec_);
        if (result_.haadf_noise > 0) return;
        const double brightest = static_cast<double>(*std::max_element(m_.haadf.begin(), m_.haadf.end()));
        result_.haadf_noise = std::max(brightest, 1e-6) * 1e-3;
        result_.warnings.push_back("no noise is found in the HAADF series; a thousandth of its maximum is assumed");
    }

    // The iterations of a segment, as counted within its stage.
    index_range iterations_of(std::size_t segment, std::size_t parts) const {
        if (segment == 0) return {0, fitted() ? o_.chemistry_iterations : 0};
        return {(segment - 1) * o_.iterations / parts, segment * o_.iterations / parts};
    }

    auto solver() const {
        const bool fusing = at_.segment > 0;
        xt::xtensor<T, 3> haadf = raw_;
        for (T& v : haadf) v -= static_cast<T>(result_.offset);
        const std::vector<double> weights = fusing ? result_.weights : std::vector<double>(n_, 1.0);
        return fusion_solver(
            tilt_haadf<T>(std::move(haadf), haadf_geometry_, haadf_response::from_weights(weights, o_.gamma)),
            tilt_counts<T>(counts_, count_geometry_, o_.background),
            volume_variation(n_z_, m_.bins, result_.variation, o_.coupling),
            tilt_scheme<C>({.levels = result_.levels}, ranks_),
            cost_weights{fusing ? result_.lambda_haadf : 0.0, 1, 1});
    }

    // Some iterations of a segment, up to the next checkpoint.
    template <class Observer>
    void advance(Observer& observer, index_range all) {
        const bool fusing = at_.segment > 0, saves = !o_.checkpoint.empty() && o_.checkpoint_every > 0;
        const std::size_t left = all.size() - at_.done, some = saves ? std::min(left, o_.checkpoint_every) : left;
        const auto tell = [&](const progress& p) {
            bool go_on = true;
            if constexpr (std::is_invocable_v<Observer&, tomography_stage, const progress&>) {
                const std::size_t limit = fusing ? o_.iterations : o_.chemistry_iterations;
                go_on = observer(fusing ? tomography_stage::fusion : tomography_stage::chemistry,
                                 progress{all.first + at_.done + p.iteration, limit, p.at});
            }
            const double stop = go_on ? 0.0 : 1.0;  // any rank may stop all
            return sum_of_columns({stop}, ranks_) == 0;
        };
        const auto solve = solver();
        typename decltype(solve)::result_type state{{}, std::move(at_.maps), std::move(at_.duals)};
        state = solve.solve_from(std::move(state), {some, o_.relative_change}, exec_, tell);
        at_.maps = std::move(state.maps);
        at_.duals = std::move(state.duals);
        const bool converged = state.reason == stop_reason::relative_change;
        result_.stopped = state.reason == stop_reason::observer;
        at_.done = converged ? all.size() : at_.done + state.iterations;
        if (fusing) {
            auto& history = result_.report.history;
            history.insert(history.end(), state.history.begin() + (history.empty() ? 0 : 1), state.history.end());
            result_.report.iterations += state.iterations;
            result_.report.reason = state.reason;
        }
        if (saves) save();
    }

    // Weights and constant from the maps at hand, and lambda_haadf from them.
    void weigh() {
        if (fitted()) {
            const stack_view<const T> maps = as_view(std::as_const(at_.maps));
            const auto fit = fit_haadf<T>(haadf_geometry_, as_view(std::as_const(raw_)), maps, o_.gamma, o_.fit_offset,
                                          exec_, ranks_);
            const auto factors =
                count_factors(tilt_counts<T>(counts_, count_geometry_, o_.background), maps, exec_, ranks_);
            result_.offset = fit.offset;
            result_.weights = fit.weights;
            for (std::size_t e = 0; e < n_; ++e) result_.weights[e] /= std::pow(factors[e], o_.gamma);
        } else {
            result_.weights = o_.weights;
        }
        std::vector<double> slopes;
        for (std::size_t e = 0; e < n_; ++e) {
            slopes.push_back(o_.gamma * result_.weights[e] * std::pow(result_.levels[e], o_.gamma - 1));
        }
        if (std::all_of(slopes.begin(), slopes.end(), [](double s) { return !(s > 0); })) {
            result_.warnings.push_back("HAADF shares nothing with the counts: the maps are of counts alone");
            result_.weights.assign(n_, 1.0);
            result_.lambda_haadf = 0;
            return;
        }
        result_.lambda_haadf =
            o_.lambda_haadf ? *o_.lambda_haadf
                            : haadf_weight(result_.variation, slopes, result_.haadf_noise, m_.haadf_angles.size());
    }

    std::uint64_t key() const {
        std::uint64_t hash = 1469598103934665603u;
        const auto add = [&](const auto& a) { hash = add_to_hash(hash, std::as_bytes(std::span(a.data(), a.size()))); };
        add(m_.haadf);
        add(m_.counts);
        for (const auto* list : {&m_.haadf_angles, &m_.count_angles, &m_.haadf_shifts, &m_.count_shifts, &o_.weights,
                                 &result_.variation, &result_.levels}) {
            add(*list);
        }
        add(std::vector<double>{double(n_z_), double(o_.iterations), double(o_.chemistry_iterations), double(o_.refits),
                                o_.relative_change, o_.gamma, o_.background, double(o_.fit_offset),
                                double(o_.coupling == variation_coupling::joint), o_.lambda_haadf.value_or(-1),
                                result_.haadf_noise, double(o_.sirt_iterations)});
        return hash;
    }

    void save() {
        at_.numbers = {result_.offset, result_.lambda_haadf};
        at_.numbers.resize(2 + n_);
        std::copy(result_.weights.begin(), result_.weights.end(), at_.numbers.begin() + 2);
        for (const costs& c : result_.report.history) {
            at_.numbers.insert(at_.numbers.end(), {c.haadf, c.chemical, c.tv, c.total});
        }
        save_progress(o_.checkpoint, at_, key(), n_x_, ranks_);
    }

    void resume() {
        at_.maps = result_.start;
        if (o_.checkpoint.empty()) return;
        const std::size_t rows = n_z_ * m_.bins, nx = columns_.size();
        tilt_progress<T> saved;
        for (auto* a : {&saved.maps, &saved.duals.relaxed}) a->resize(stack_shape{n_, rows, nx});
        saved.duals.variation.resize(stack_shape{3 * n_, rows, nx});
        saved.duals.counts.resize(as_view(counts_).shape);
        saved.duals.haadf.resize(as_view(raw_).shape);
        if (!load_progress(o_.checkpoint, saved, key(), n_x_, ranks_)) return;
        at_ = std::move(saved);
        const auto& numbers = at_.numbers;
        if (numbers.size() < 2 + n_) throw read_error(o_.checkpoint.string(), "is cut short");
        result_.offset = numbers[0];
        result_.lambda_haadf = numbers[1];
        result_.weights.assign(numbers.begin() + 2, numbers.begin() + 2 + static_cast<std::ptrdiff_t>(n_));
        for (std::size_t k = 2 + n_; k + 4 <= numbers.size(); k += 4) {
            result_.report.history.push_back({numbers[k], numbers[k + 1], numbers[k + 2], numbers[k + 3]});
        }
        const std::size_t held = result_.report.history.size();
        result_.report.iterations = result_.resumed = held > 0 ? held - 1 : 0;
    }

    const tilt_measurement<T>& m_;
    const tomography_options& o_;
    const execution& exec_;
    const C& ranks_;
    std::size_t n_, n_x_, n_z_;
    tilt_geometry haadf_geometry_, count_geometry_;
    index_range columns_{};
    xt::xtensor<T, 3> raw_, counts_;
    tilt_progress<T> at_;
    tomography_result<T> result_;
};

}  // namespace detail

/// Fuses tilt series. SIRT of the counts is the start; unless weights are given, counts alone are fitted first and the
/// HAADF weights of the elements (and its constant) are regressed on the result, then again at equal distances during
/// the fusion. Levels, prior, lambda_haadf: see tilt_defaults. Every rank is given the whole measurement and holds its
/// slab of columns. An observer is called with the stage and a progress; returning false, it ends the fusion. With a
/// checkpoint file, a fusion that was interrupted goes on to the same bits, with any number of ranks.
///
/// Throws shape_error and value_error, before any work, for series that do not fit each other or cannot be; read_error
/// for a checkpoint of another measurement, write_error where none can be written.
template <scalar T, communicator C = serial_communicator, class Observer = ignore_progress>
tomography_result<T> fuse_tilt_series(const tilt_measurement<T>& m, const tomography_options& o = {},
                                      const execution& exec = {}, const C& ranks = {}, Observer&& observer = {}) {
    return detail::tomography_run<T, C>(m, o, exec, ranks).run(observer);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
