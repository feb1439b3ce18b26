// The true energy axis and line width, from the sum spectrum itself.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/small_matrix.hpp>
#include <stemfuse/spectra/sum_fit.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How a spectrum's axis and lines differ from what its file says. Energies are gain (nominal energy + shift).
struct axis_calibration {
    double shift = 0;          ///< keV
    double gain = 1;           ///< true step of the channels over the nominal one
    double resolution = 130;   ///< eV at Mn K alpha
    double shift_error = 0,    ///< standard error by counting, keV
        gain_error = 0,        ///< standard error by counting
        resolution_error = 0;  ///< standard error by counting, eV
    bool found = false;        ///< false where the spectrum does not tell: the nominal axis and width are returned
};

/// The options of calibrate_axis().
struct axis_calibration_options {
    double shift_range = 0.045;   ///< keV to both sides
    double gain_range = 4e-3;     ///< to both sides
    double least_counts = 500;    ///< in all lines together, below which nothing is fitted
    std::size_t iterations = 25;  ///< at most, of Levenberg-Marquardt; up to iteration_ceiling
    sum_fit_options fit{};        ///< of the fits to the sum spectrum
};

namespace detail {

// Square roots of the deviances of channels, with the sign of the residual, and pulls of the three parameters to their
// nominal values: weak ones, of standard deviations 60 eV, 6 per mille and 15 eV, which keep the problem solvable where
// the lines do not tell all three. Parameters: shift in eV, gain - 1 in per mille, change of the resolution in eV.
class calibration_residuals {
public:
    using parameters = std::array<double, 3>;

    calibration_residuals(const std::vector<double>& counts, const spectrum_axis& axis,
                          const std::vector<std::string>& elements, const edx_detector& detector,
                          const sum_fit_options& fit)
        : counts_(counts), axis_(axis), elements_(elements), detector_(detector), fit_(fit) {}

    edx_detector detector(const parameters& p) const {
        edx_detector d = detector_;
        d.resolution += p[2];
        return d;
    }

    // Squares sum to the cost.
    std::vector<double> operator()(const parameters& p, std::size_t passes) const {
        const spectrum_axis axis = axis_.corrected(p[0] / 1000, 1 + p[1] / 1000);
        const sum_spectrum_model model(elements_, axis, detector(p), fit_);
        const auto rates = model.spectrum(model.fit(counts_, passes));
        std::vector<double> r(counts_.size() + 3);
        for (std::size_t c = model.first(); c < counts_.size(); ++c) {
            const double y = counts_[c], rate = std::max(rates[c], least_rate);
            const double deviance = 2 * ((y > 0 ? y * std::log(y / rate) : 0) - (y - rate));
            r[c] = std::copysign(std::sqrt(std::max(deviance, 0.0)), y - rate);
        }
        r[counts_.size()] = p[0] / 60;
        r[counts_.size() + 1] = p[1] / 6;
        r[counts_.size() + 2] = p[2] / 15;
        return r;
    }

private:
    const std::vector<double>& counts_;
    const spectrum_axis& axis_;
    const std::vector<std::string>& elements_;
    const edx_detector& detector_;
    const sum_fit_options& fit_;
};

inline double sum_of_squares_of(const std::vector<double>& r) {
    double sum = 0;
    for (const double v : r) sum += v * v;
    return sum;
}

}  // namespace detail

/// Finds offset, gain and line width by variable projection: for each trial of the three the sum spectrum is fitted by
/// the elements' lines and a background (see fit_sum_spectrum), and the deviance that is left is least squares of the
/// three, by Levenberg-Marquardt steps from the best of a grid of 16 starts. Golub & Pereyra, SIAM J. Numer. Anal. 10,
/// 413 (1973), doi 10.1137/0710036. Nothing is found (found is false) where there are too few counts in lines, or where
/// the fit runs out of its range. Throws what fit_sum_spectrum() throws, and value_error for more iterations
/// than iteration_ceiling.
inline axis_calibration calibrate_axis(const std::vector<double>& counts, const spectrum_axis& axis,
                                       const std::vector<std::string>& elements, const edx_detector& detector,
                                       const axis_calibration_options& options = {}) {
    if (options.iterations > 0) require_iterations(options.iterations, "iterations");
    axis_calibration result;
    result.resolution = detector.resolution;
    const auto nominal = fit_sum_spectrum(counts, axis, elements, detector, options.fit);
    double in_lines = 0;
    for (std::size_t e = 0; e < elements.size(); ++e) in_lines += nominal.counts[e];
    if (in_lines < options.least_counts) return result;

    const detail::calibration_residuals residuals(counts, axis, elements, detector, options.fit);
    using parameters = detail::calibration_residuals::parameters;
    const double shift = 1000 * options.shift_range, gain = 1000 * options.gain_range;
    parameters at{};
    double best = INFINITY;
    for (const double d : {-0.67, -0.22, 0.22, 0.67}) {
        for (const double g : {-0.75, -0.25, 0.25, 0.75}) {
            const parameters trial{d * shift, g * gain, 4};
            const double cost = detail::sum_of_squares_of(residuals(trial, 1));
            if (cost < best) {
                best = cost;
                at = trial;
            }
        }
    }
    std::vector<double> r = residuals(at, 2);
    best = detail::sum_of_squares_of(r);
    const parameters difference{0.5, 0.05, 0.5};  // for slopes: far below the width of a line
    double damping = 1e-2;
    small_matrix normal(3, 3);
    for (std::size_t iteration = 0; iteration < options.iterations; ++iteration) {
        std::array<std::vector<double>, 3> slopes;
        for (std::size_t k = 0; k < 3; ++k) {
            parameters ahead = at;
            ahead[k] += difference[k];
            slopes[k] = residuals(ahead, 2);
            for (std::size_t c = 0; c < r.size(); ++c) slopes[k][c] = (slopes[k][c] - r[c]) / difference[k];
        }
        std::vector<double> pull(3);
        for (std::size_t i = 0; i < 3; ++i) {
            for (std::size_t c = 0; c < r.size(); ++c) pull[i] -= slopes[i][c] * r[c];
            for (std::size_t j = 0; j < 3; ++j) {
                normal(i, j) = 0;
                for (std::size_t c = 0; c < r.size(); ++c) normal(i, j) += slopes[i][c] * slopes[j][c];
            }
        }
        bool improved = false;
        double step_size = 0;
        for (int attempt = 0; attempt < 6 && !improved; ++attempt) {
            small_matrix damped = normal;
            for (std::size_t i = 0; i < 3; ++i) damped(i, i) *= 1 + damping;
            std::vector<double> step = pull;
            solve_positive_definite(damped, step);
            parameters next = at;
            for (std::size_t i = 0; i < 3; ++i) next[i] += step[i];
            // Steps may leave the ranges for a while; the width stays one that a detector can have.
            if (std::abs(next[0]) < 2 * shift && std::abs(next[1]) < 2 * gain && std::abs(next[2]) < 60 &&
                detector.resolution + next[2] > 110) {
                auto trial = residuals(next, 2);
                const double cost = detail::sum_of_squares_of(trial);
                if (cost < best) {
                    best = cost;
                    r = std::move(trial);
                    at = next;
                    improved = true;
                    step_size = std::max({std::abs(step[0]), 10 * std::abs(step[1]), std::abs(step[2])});
                }
            }
            damping *= improved ? 0.3 : 5;
        }
        if (!improved || step_size < 0.02) break;
    }
    if (std::abs(at[0]) > shift || std::abs(at[1]) > gain) return result;
    const small_matrix covariance = inverse_positive_definite(normal);
    result = {at[0] / 1000,
              1 + at[1] / 1000,
              detector.resolution + at[2],
              std::sqrt(covariance(0, 0)) / 1000,
              std::sqrt(covariance(1, 1)) / 1000,
              std::sqrt(covariance(2, 2)),
              true};
    return result;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
