// From tilt series to fused volumes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/communicator.hpp>
#include <stemfuse/core/copy_rows.hpp>
#include <stemfuse/recipes/recipe_observer.hpp>
#include <stemfuse/recipes/tomography_options.hpp>
#include <stemfuse/tomography/haadf_fit.hpp>
#include <stemfuse/tomography/sirt.hpp>
#include <stemfuse/tomography/tilt_alignment.hpp>
#include <stemfuse/tomography/tilt_checkpoint.hpp>
#include <stemfuse/tomography/tilt_defaults.hpp>
#include <stemfuse/tomography/tilt_scheme.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// Throws shape_error and value_error for a measurement whose parts do not fit each other, and what cannot be asked of
// it.
template <class T>
void check_tilt_measurement(const tilt_measurement<T>& m, const tomography_options& o) {
    const std::size_t n = m.elements.size(), n_x = m.haadf.shape()[2], series = m.counts.shape()[0];
    require_shape(as_view(m.haadf).shape, {1, m.haadf_angles.size() * m.bins, n_x}, "haadf", "its angles and bins");
    require_finite(as_view(m.haadf), "haadf");
    require_iterations(o.iterations, "iterations");
    if (n != (m.counts.size() > 0 ? series : 0)) {
        throw shape_error("elements", "are " + std::to_string(n) + ", must be " + std::to_string(series) +
                                          ", one for each series of counts");
    }
    if (n == 0) return;
    require_shape(as_view(m.counts).shape, {n, m.count_angles.size() * m.bins, n_x}, "counts",
                  "its angles and bins, and the columns of HAADF");
    if (o.weights.empty()) require_iterations(o.chemistry_iterations, "chemistry_iterations");
    if (!o.weights.empty()) require_count(o.weights.size(), n, "weights", "weights", "one for each element");
}

// The widest sector, in degrees of half a turn, in which there is no tilt.
inline double widest_gap(std::vector<double> angles) {
    constexpr double half_turn = std::numbers::pi;
    for (double& a : angles) a -= half_turn * std::floor(a / half_turn);
    std::sort(angles.begin(), angles.end());
    double widest = angles.front() + half_turn - angles.back();
    for (std::size_t k = 1; k < angles.size(); ++k) widest = std::max(widest, angles[k] - angles[k - 1]);
    return widest * 180 / half_turn;
}

}  // namespace detail

/// Bytes that fuse_tilt_series takes at its peak on one rank that holds `columns` of the n_x columns.
template <scalar T>
std::size_t tomography_memory(const tilt_measurement<T>& m, const tomography_options& o, std::size_t columns) {
    const std::size_t n = std::max<std::size_t>(1, m.elements.size()), nz = o.n_z == 0 ? m.bins : o.n_z;
    const std::size_t voxels = nz * m.bins * columns;
    const std::size_t pixels = m.bins * columns * (m.haadf_angles.size() + n * m.count_angles.size());
    // Maps, start, gradient and three duals of every element, the shared volume; measurement and five arrays of its
    // size.
    return (voxels * (6 * n + 1) + 6 * pixels + m.haadf.size() + m.counts.size()) * sizeof(T);
}

namespace detail {

// A fusion of tilt series on one rank: segment 0 is that of the counts alone, the others are the fusion, before each of
// which the weights are fitted. A HAADF series alone is fused as one element whose counts weigh nothing.
template <scalar T, communicator C>
class tomography_run {
public:
    tomography_run(const tilt_measurement<T>& m, const tomography_options& o, const execution& exec, const C& ranks)
        : m_(m),
          o_(o),
          exec_(exec),
          ranks_(ranks),
          alone_(m.elements.empty()),
          n_(alone_ ? 1 : m.elements.size()),
          n_x_(m.haadf.shape()[2]),
          n_z_(o.n_z == 0 ? m.bins : o.n_z),
          haadf_geometry_(n_z_, m.bins, m.bins, m.haadf_angles, m.haadf_shifts),
          count_geometry_(n_z_, m.bins, m.bins, alone_ ? std::vector<double>{0.0} : m.count_angles,
                          alone_ ? std::vector<double>{} : m.count_shifts) {
        check_tilt_measurement(m, o);
        columns_ = slab_of(n_x_, ranks);
        choose_defaults();
        raw_ = columns_of(m.haadf, columns_);
        if (alone_) {
            counts_ = xt::zeros<T>(stack_shape{1, m.bins, columns_.size()});
            result_.start =
                sirt(tilt_projector(haadf_geometry_, 1, columns_.size()), without_offset(), o.haadf_sirt, exec);
        } else {
            counts_ = columns_of(m.counts, columns_);
            result_.start =
                sirt(tilt_projector(count_geometry_, n_, columns_.size()), counts_, o.sirt_iterations, exec);
        }
    }

    // Throws `cancelled` where an observer ends it.
    tomography_result<T> run(const recipe_observer& observer) {
        resume();
        const std::size_t segments = fitted() ? o_.refits + 2 : 2;
        for (; at_.segment < segments; ++at_.segment, at_.done = 0) {
            const bool fusing = at_.segment > 0;
            const index_range all = iterations_of(at_.segment, segments - 1);
            if (fusing && at_.done == 0) weigh();
            while (at_.done < all.size()) advance(observer, all);
        }
        result_.maps = std::move(at_.maps);
        return std::move(result_);
    }

private:
    bool fitted() const { return !alone_ && o_.weights.empty(); }

    xt::xtensor<T, 3> without_offset() const {
        xt::xtensor<T, 3> haadf = raw_;
        for (T& v : haadf) v -= static_cast<T>(result_.offset);
        return haadf;
    }

    // From the whole measurement, so that every rank chooses alike.
    void choose_defaults() {
        result_.n_z = n_z_;
        result_.n_y = m_.bins;
        result_.haadf_shifts = haadf_geometry_.shifts();
        if (!alone_) result_.count_shifts = count_geometry_.shifts();
        result_.haadf_noise = o_.haadf_noise ? *o_.haadf_noise : haadf_tilt_noise(as_view(m_.haadf), m_.bins, exec_);
        if (!(result_.haadf_noise > 0)) {
            const double brightest = static_cast<double>(*std::max_element(m_.haadf.begin(), m_.haadf.end()));
            result_.haadf_noise = std::max(brightest, 1e-6) * 1e-3;
            result_.warnings.push_back(haadf_noise_assumed{result_.haadf_noise});
        }
        const double gap = widest_gap(m_.haadf_angles);
        if (gap > 30) result_.warnings.push_back(missing_wedge{gap});
        result_.offset = o_.offset.value_or(0);
        if (alone_) {
            if (!o_.offset && o_.fit_offset) result_.offset = dark_level(m_.haadf, result_.haadf_noise);
            // No projection is true to better than a thousandth: what is left of shifts, of turns, of diffraction.
            const double brightest = static_cast<double>(*std::max_element(m_.haadf.begin(), m_.haadf.end()));
            if (!o_.haadf_noise) {
                result_.haadf_noise = std::max(result_.haadf_noise, 1e-3 * (brightest - result_.offset));
            }
            result_.levels = {level_of_haadf()};
            result_.variation = {variation_of_haadf(result_.haadf_noise, m_.haadf_angles.size())};
        } else {
            result_.levels = typical_levels(m_.counts, n_z_);
            for (std::size_t e = 0; e < n_; ++e) {
                // The least that typical_levels() gives.
                if (result_.levels[e] <= 1e-6) result_.warnings.push_back(tilts_hardly_counted{e});
            }
            result_.variation = variation_weights(result_.levels);
        }
        for (double& t : result_.variation) t *= o_.variation;
    }

    // As typical_levels() has it for counts.
    double level_of_haadf() const {
        double sum = 0, squares = 0;
        for (const T value : m_.haadf) {
            const double v = std::max(0.0, static_cast<double>(value) - result_.offset);
            sum += v;
            squares += v * v;
        }
        return sum > 0 ? squares / sum / (static_cast<double>(n_z_) / 4) : 1;
    }

    // The iterations of a segment, as counted within its stage.
    index_range iterations_of(std::size_t segment, std::size_t parts) const {
        if (segment == 0) return {0, fitted() ? o_.chemistry_iterations : 0};
        return {(segment - 1) * o_.iterations / parts, segment * o_.iterations / parts};
    }

    auto solver() const {
        const bool fusing = at_.segment > 0;
        const std::vector<double> weights = fusing ? result_.weights : std::vector<double>(n_, 1.0);
        return fusion_solver(
            tilt_haadf<T>(without_offset(), haadf_geometry_, haadf_response::from_weights(weights, o_.gamma)),
            tilt_counts<T>(counts_, count_geometry_, o_.background),
            volume_variation(n_z_, m_.bins, result_.variation, o_.coupling),
            tilt_scheme<C>({.levels = result_.levels, .balance = o_.balance.value_or(alone_ ? 0.05 : 0.8)}, ranks_),
            cost_weights{fusing ? result_.lambda_haadf : 0.0, alone_ ? 0.0 : 1.0, 1});
    }

    // Some iterations of a segment, up to the next checkpoint.
    void advance(const recipe_observer& observer, index_range all) {
        const bool fusing = at_.segment > 0, saves = !o_.checkpoint.empty() && o_.checkpoint_every > 0;
        const std::size_t left = all.size() - at_.done, some = saves ? std::min(left, o_.checkpoint_every) : left;
        const std::size_t before = fitted() ? o_.chemistry_iterations : 0, every = before + o_.iterations;
        const auto tell = [&](const progress& p) {
            const std::size_t done = all.first + at_.done + p.iteration;
            const progress now{done, fusing ? o_.iterations : o_.chemistry_iterations, p.at};
            const double share = static_cast<double>(done + (fusing ? before : 0)) / static_cast<double>(every);
            const bool go_on = observer({fusing ? recipe_stage::fusing : recipe_stage::preparing, share, &now});
            return sum_of_columns({go_on ? 0.0 : 1.0}, ranks_) == 0;  // any rank may stop all
        };
        const auto solve = solver();
        typename decltype(solve)::result_type state{{}, std::move(at_.maps), std::move(at_.duals)};
        state = solve.solve_from(std::move(state), {some, o_.relative_change}, exec_, tell);
        at_.maps = std::move(state.maps);
        at_.duals = std::move(state.duals);
        const bool converged = state.reason == stop_reason::relative_change;
        if (state.reason == stop_reason::observer) throw cancelled();
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
        if (alone_) {
            result_.weights = {1.0};
            result_.lambda_haadf =
                o_.lambda_haadf.value_or(o_.haadf_factor / (result_.haadf_noise * result_.haadf_noise));
            return;
        }
        if (fitted()) {
            const stack_view<const T> maps = as_view(std::as_const(at_.maps));
            const xt::xtensor<T, 3> haadf = o_.offset ? without_offset() : raw_;
            const auto fit = fit_haadf<T>(haadf_geometry_, as_view(haadf), maps, o_.gamma, o_.fit_offset && !o_.offset,
                                          exec_, ranks_);
            const auto factors =
                count_factors(tilt_counts<T>(counts_, count_geometry_, o_.background), maps, exec_, ranks_);
            if (!o_.offset) result_.offset = fit.offset;
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
            result_.warnings.push_back(haadf_tilts_left_out{});
            result_.weights.assign(n_, 1.0);
            result_.lambda_haadf = 0;
            return;
        }
        result_.lambda_haadf = o_.lambda_haadf.value_or(
            o_.haadf_factor * haadf_weight(result_.variation, slopes, result_.haadf_noise, m_.haadf_angles.size()));
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
                                result_.haadf_noise, double(o_.sirt_iterations), double(o_.haadf_sirt),
                                o_.offset.value_or(-1e300), o_.balance.value_or(-1), o_.haadf_factor});
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
    bool alone_;
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
/// the fusion. Levels, prior, lambda_haadf: see tilt_defaults. Of a HAADF series alone (no elements) the volume is
/// reconstructed with total variation, from SIRT. Every rank is given the whole measurement and holds its slab of
/// columns. With a checkpoint file, a fusion that was interrupted goes on to the same bits, with any number of ranks.
///
/// Throws shape_error and value_error, before any work, for series that do not fit each other or cannot be; read_error
/// for a checkpoint of another measurement, write_error where none can be written; `cancelled`, on every rank, where
/// the observer of one of them ends it.
template <scalar T, communicator C = serial_communicator>
tomography_result<T> fuse_tilt_series(const tilt_measurement<T>& m, const tomography_options& o = {},
                                      const execution& exec = {}, const C& ranks = {},
                                      const recipe_observer& observer = {}) {
    return detail::tomography_run<T, C>(m, o, exec, ranks).run(observer);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
