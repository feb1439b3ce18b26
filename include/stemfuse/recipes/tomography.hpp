// From tilt series to fused volumes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
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
#include <stemfuse/tomography/tilt_defaults.hpp>
#include <stemfuse/tomography/tilt_scheme.hpp>

namespace stemfuse {

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

/// Fuses tilt series. SIRT of the counts is the start; unless weights are given, counts alone are fitted first and the
/// HAADF weights of the elements (and its constant) are regressed on the result, then again half-way through the
/// fusion. Levels, prior, lambda_haadf: see tilt_defaults. Every rank is given the whole measurement and holds its slab
/// of columns. An observer is called with the stage and a progress; returning false, it ends the stage.
///
/// Throws shape_error and value_error, before any work, for series that do not fit each other or cannot be.
template <scalar T, communicator C = serial_communicator, class Observer = ignore_progress>
tomography_result<T> fuse_tilt_series(const tilt_measurement<T>& m, const tomography_options& o = {},
                                      const execution& exec = {}, const C& ranks = {}, Observer&& observer = {}) {
    tomography_result<T> result;
    const std::size_t n = m.elements.size(), n_x = m.counts.shape()[2];
    result.n_y = m.bins;
    result.n_z = o.n_z == 0 ? m.bins : o.n_z;
    if (n != m.counts.shape()[0]) {
        throw shape_error("elements", "are " + std::to_string(n) + ", must be " + std::to_string(m.counts.shape()[0]) +
                                          ", one for each series of counts");
    }
    if (m.haadf.shape()[2] != n_x) {
        throw shape_error("haadf", "has " + std::to_string(m.haadf.shape()[2]) +
                                       " columns along the tilt axis, must have " + std::to_string(n_x) +
                                       " as the counts");
    }
    const tilt_geometry haadf_geometry(result.n_z, result.n_y, m.bins, m.haadf_angles, m.haadf_shifts);
    const tilt_geometry count_geometry(result.n_z, result.n_y, m.bins, m.count_angles, m.count_shifts);
    require_shape(as_view(m.haadf).shape, {1, m.haadf_angles.size() * m.bins, n_x}, "haadf", "its angles and bins");
    require_shape(as_view(m.counts).shape, {n, m.count_angles.size() * m.bins, n_x}, "counts", "its angles and bins");
    const index_range columns = slab_of(n_x, ranks);
    result.levels = typical_levels(m.counts, result.n_z);
    for (std::size_t e = 0; e < n; ++e) {
        if (result.levels[e] <= 1e-6) result.warnings.push_back(m.elements[e] + " has hardly any counts");
    }
    result.variation = variation_weights(result.levels);
    for (double& t : result.variation) t *= o.variation;
    require_finite(as_view(m.haadf), "haadf");
    result.haadf_noise = o.haadf_noise ? *o.haadf_noise : detail::noise_of_tilts(m.haadf, m.bins, exec);
    if (!(result.haadf_noise > 0)) {
        const double brightest = static_cast<double>(*std::max_element(m.haadf.begin(), m.haadf.end()));
        result.haadf_noise = std::max(brightest, 1e-6) * 1e-3;
        result.warnings.push_back("no noise is found in the HAADF series; a thousandth of its maximum is assumed");
    }

    const auto counts = detail::columns_of(m.counts, columns);
    auto haadf = detail::columns_of(m.haadf, columns);
    const tilt_projector projector(count_geometry, n, columns.size());
    result.start = sirt(projector, counts, o.sirt_iterations, exec);
    const auto solver = [&](const std::vector<double>& weights, double lambda) {
        return fusion_solver(tilt_haadf<T>(haadf, haadf_geometry, haadf_response::from_weights(weights, o.gamma)),
                             tilt_counts<T>(counts, count_geometry, o.background),
                             volume_variation(result.n_z, result.n_y, result.variation, o.coupling),
                             tilt_scheme<C>({.levels = result.levels}, ranks), cost_weights{lambda, 1, 1});
    };
    const auto observed = [&](tomography_stage stage, std::size_t done, std::size_t all) {
        return [&, stage, done, all](const progress& p) {
            if constexpr (std::is_invocable_v<Observer&, tomography_stage, const progress&>) {
                return observer(stage, progress{done + p.iteration, all, p.at});
            } else {
                return true;
            }
        };
    };
    const auto fit = [&](const xt::xtensor<T, 3>& maps) {
        auto found = fit_haadf<T>(haadf_geometry, as_view(std::as_const(haadf)), as_view(std::as_const(maps)), o.gamma,
                                  o.fit_offset, exec, ranks);
        for (T& v : haadf) v -= static_cast<T>(found.offset);
        const auto factors = count_factors(tilt_counts<T>(counts, count_geometry, o.background),
                                           as_view(std::as_const(maps)), exec, ranks);
        for (std::size_t e = 0; e < n; ++e) found.weights[e] /= std::pow(factors[e], o.gamma);
        result.offset += found.offset;
        result.weights = found.weights;
    };
    const auto weigh = [&] {
        std::vector<double> slopes;
        for (std::size_t e = 0; e < n; ++e) {
            slopes.push_back(o.gamma * result.weights[e] * std::pow(result.levels[e], o.gamma - 1));
        }
        result.lambda_haadf = o.lambda_haadf
                                  ? *o.lambda_haadf
                                  : haadf_weight(result.variation, slopes, result.haadf_noise, m.haadf_angles.size());
    };

    using solver_type = decltype(solver(std::vector<double>(n, 1.0), 0.0));
    typename solver_type::result_type state;
    state.maps = result.start;
    const bool fitted = o.weights.empty();
    if (fitted && o.chemistry_iterations > 0) {
        state = solver(std::vector<double>(n, 1.0), 0)
                    .solve_from(std::move(state), {o.chemistry_iterations, o.relative_change}, exec,
                                observed(tomography_stage::chemistry, 0, o.chemistry_iterations));
    }
    if (fitted) {
        fit(state.maps);
    } else {
        result.weights = o.weights;
    }
    weigh();
    const std::size_t parts = fitted ? o.refits + 1 : 1;
    for (std::size_t k = 0; k < parts; ++k) {
        const std::size_t first = k * o.iterations / parts, last = (k + 1) * o.iterations / parts;
        if (first == last) continue;
        if (k > 0) {
            fit(state.maps);
            weigh();
        }
        state = solver(result.weights, result.lambda_haadf)
                    .solve_from(std::move(state), {last - first, k + 1 == parts ? o.relative_change : 0}, exec,
                                observed(tomography_stage::fusion, first, o.iterations));
    }
    result.report = state;
    result.maps = std::move(state.maps);
    return result;
}

}  // namespace stemfuse
