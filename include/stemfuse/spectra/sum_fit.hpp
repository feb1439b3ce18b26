// The sum spectrum as elements and bremsstrahlung: the shapes by which every pixel is read.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/small_matrix.hpp>
#include <stemfuse/elements/xray_emissions.hpp>
#include <stemfuse/spectra/edx_detector.hpp>
#include <stemfuse/spectra/smooth_spectrum.hpp>
#include <stemfuse/spectra/spectrum_axis.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of the fit to a sum spectrum.
struct sum_fit_options {
    double lowest = 0.15;                ///< keV: channels below hold the detector's noise
    double subshell_spread = 0.10;       ///< standard deviation of a subshell's weight about its theory, relative
    double family_spread = 0.4;          ///< the same of the families K, L and M of an element
    std::size_t passes = 3;              ///< each takes the variance of a channel from the fit before
    std::size_t background_splines = 8;  ///< of the energy's logarithm, 2 or more, by which bremsstrahlung is bent
};

/// Shapes over the channels of a spectrum. Those of elements and of the background sum to 1 over the channels that are
/// used, first .. channels - 1.
struct spectral_signatures {
    std::vector<std::string> elements;  ///< symbols, in the order of the rows
    spectrum_axis axis;                 ///< of the channels
    edx_detector detector;              ///< of X-rays; means nothing for energy losses
    std::size_t first = 0;              ///< of the channels that are used
    small_matrix shapes;                ///< (n_elements + 1, channels): of each element, and last of the background
    std::vector<double> counts;         ///< of each, and of the background, in the sum spectrum
    std::vector<double> model;          ///< the sum spectrum as fitted, of each channel
    double deviance = 0;                ///< of the fit, a channel; about 1 where shapes and Poisson noise explain it
};

namespace detail {

// The lines of one subshell of an element as a detector shows them.
struct subshell_column {
    std::size_t element;
    xray_shell shell;
    double counts;               // over the used channels, for the theory's weights
    std::vector<double> values;  // of all channels
};

inline std::vector<subshell_column> subshell_columns(const std::vector<std::string>& elements,
                                                     const spectrum_axis& axis, const edx_detector& detector,
                                                     std::size_t first) {
    std::vector<subshell_column> columns;
    const double highest = axis.edge(axis.channels) - 0.05;
    for (std::size_t e = 0; e < elements.size(); ++e) {
        std::map<xray_shell, std::vector<double>> by_shell;
        for (const xray_emission& line : xray_emissions(elements[e], detector.beam_energy)) {
            if (line.energy > highest || line.energy < axis.centre(first)) continue;
            auto& values = by_shell[line.shell];
            values.resize(axis.channels);
            add_line(values, axis, detector, line.energy, line.weight * detector_efficiency(detector, line.energy));
        }
        for (auto& [shell, values] : by_shell) {
            double sum = 0;
            for (std::size_t c = first; c < axis.channels; ++c) sum += values[c];
            if (sum > 0) columns.push_back({e, shell, sum, std::move(values)});
        }
    }
    return columns;
}

// Bremsstrahlung as a detector counts it, times quadratic B-splines of the energy's logarithm, which leave its
// absorption in the specimen and its exact law open. Each sums to 1 over the used channels. Kramers, Philos. Mag. 46,
// 836 (1923).
inline std::vector<std::vector<double>> background_columns(const spectrum_axis& axis, const edx_detector& detector,
                                                           std::size_t first, std::size_t splines) {
    std::vector<double> base(axis.channels);
    for (std::size_t c = 0; c < axis.channels; ++c) {
        const double e = std::max(axis.centre(c), 0.06);
        if (axis.centre(c) <= 0.06 || e >= detector.beam_energy) continue;
        base[c] = (detector.beam_energy - e) / (e * detector.beam_energy) * detector_efficiency(detector, e);
    }
    // What the efficiency jumps by at edges is as wide as a line.
    const double sigma = line_sigma(detector, 0.5) / axis.step;
    const auto reach = static_cast<std::ptrdiff_t>(std::ceil(4 * sigma));
    std::vector<double> smooth(axis.channels);
    for (std::size_t c = 0; c < axis.channels; ++c) {
        double sum = 0, weight = 0;
        for (std::ptrdiff_t k = -reach; k <= reach; ++k) {
            const auto at = static_cast<std::ptrdiff_t>(c) + k;
            if (at < 0 || at >= static_cast<std::ptrdiff_t>(axis.channels)) continue;
            const double w = std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma));
            sum += w * base[static_cast<std::size_t>(at)];
            weight += w;
        }
        smooth[c] = sum / weight;
    }
    const double low = std::log(0.12), high = std::log(std::max(axis.edge(axis.channels), 0.5)),
                 pitch = (high - low) / static_cast<double>(splines - 1);
    std::vector<std::vector<double>> columns;
    for (std::size_t k = 0; k < splines; ++k) {
        std::vector<double> column(axis.channels);
        double sum = 0;
        for (std::size_t c = 0; c < axis.channels; ++c) {
            const double u = (std::log(std::max(axis.centre(c), 0.06)) - low) / pitch - static_cast<double>(k);
            // A quadratic B-spline, constant below the first knot.
            const double a = std::abs(k == 0 && u < 0 ? 0 : u);
            const double b = a < 0.5 ? 0.75 - a * a : a < 1.5 ? 0.5 * (1.5 - a) * (1.5 - a) : 0;
            column[c] = b * smooth[c];
            if (c >= first) sum += column[c];
        }
        if (!(sum > 0)) continue;
        for (double& v : column) v /= sum;
        columns.push_back(std::move(column));
    }
    return columns;
}

// All columns of a sum spectrum, and which rows tie their amplitudes to theory.
class sum_spectrum_model {
public:
    sum_spectrum_model(const std::vector<std::string>& elements, const spectrum_axis& axis,
                       const edx_detector& detector, const sum_fit_options& options)
        : options_(options),
          first_(axis.first_above(options.lowest)),
          channels_(axis.channels),
          n_elements_(elements.size()),
          lines(subshell_columns(elements, axis, detector, first_)),
          background(background_columns(axis, detector, first_, options.background_splines)) {}

    std::size_t first() const { return first_; }
    std::size_t size() const { return lines.size() + background.size(); }
    const std::vector<double>& column(std::size_t k) const {
        return k < lines.size() ? lines[k].values : background[k - lines.size()];
    }

    std::vector<double> spectrum(const std::vector<double>& amplitudes) const {
        std::vector<double> sum(channels_);
        for (std::size_t k = 0; k < size(); ++k) {
            if (amplitudes[k] == 0) continue;
            const auto& v = column(k);
            for (std::size_t c = first_; c < channels_; ++c) sum[c] += amplitudes[k] * v[c];
        }
        return sum;
    }

    // Maximum a posteriori: weighted least squares with amplitudes >= 0, the weights from the fit before, and ratios
    // of subshells and families near their theory.
    std::vector<double> fit(const std::vector<double>& counts, std::size_t passes) const {
        std::vector<double> variance = first_variance(counts, 4), amplitudes;
        for (std::size_t pass = 0; pass < passes; ++pass) {
            const std::size_t n = size();
            small_matrix g(n, n);
            std::vector<double> h(n);
            std::vector<double> weighted(channels_);
            for (std::size_t i = 0; i < n; ++i) {
                const auto& a = column(i);
                for (std::size_t c = first_; c < channels_; ++c) {
                    weighted[c] = a[c] / variance[c];
                    h[i] += weighted[c] * counts[c];
                }
                for (std::size_t j = 0; j <= i; ++j) {
                    const auto& b = column(j);
                    double sum = 0;
                    for (std::size_t c = first_; c < channels_; ++c) sum += weighted[c] * b[c];
                    g(i, j) = g(j, i) = sum;
                }
            }
            if (!amplitudes.empty()) add_theory(g, amplitudes);
            amplitudes = non_negative_least_squares(g, h);
            variance = spectrum(amplitudes);
            for (double& v : variance) v = std::max(v, least_rate);
        }
        return amplitudes;
    }

private:
    // A row a_k - a_m = 0 +- level in the normal equations.
    static void add_tie(small_matrix& g, std::size_t k, std::size_t m, double level) {
        const double w = 1 / (level * level);
        g(k, k) += w;
        g(m, m) += w;
        g(k, m) -= w;
        g(m, k) -= w;
    }

    // Amplitudes are 1 for an atom's theory, so those of one element should be alike.
    void add_theory(small_matrix& g, const std::vector<double>& amplitudes) const {
        for (std::size_t e = 0; e < n_elements_; ++e) {
            std::map<char, std::vector<std::size_t>> families;
            for (std::size_t k = 0; k < lines.size(); ++k) {
                if (lines[k].element == e) families[family_of(lines[k].shell)].push_back(k);
            }
            std::vector<std::pair<double, std::size_t>> mains;  // counts of a family, and its strongest subshell
            std::map<std::size_t, double> level_of;
            for (const auto& [family, columns] : families) {
                double counts = 0, theory = 0;
                std::size_t main = columns[0];
                for (const std::size_t k : columns) {
                    counts += amplitudes[k] * lines[k].counts;
                    theory += lines[k].counts;
                    if (lines[k].counts > lines[main].counts) main = k;
                }
                level_of[main] = counts / theory;
                mains.emplace_back(counts, main);
            }
            const auto strongest = std::max_element(mains.begin(), mains.end());
            if (strongest == mains.end() || !(strongest->first > 0)) continue;
            for (const auto& [family, columns] : families) {
                const std::size_t main = *std::max_element(
                    columns.begin(), columns.end(), [&](auto a, auto b) { return lines[a].counts < lines[b].counts; });
                const double level = std::max(level_of[main], 1e-3 * level_of[strongest->second]);
                for (const std::size_t k : columns) {
                    if (k != main) add_tie(g, k, main, level * options_.subshell_spread);
                }
                if (main != strongest->second)
                    add_tie(g, main, strongest->second, level_of[strongest->second] * options_.family_spread);
            }
        }
    }

    const sum_fit_options options_;
    std::size_t first_, channels_, n_elements_;

public:
    const std::vector<subshell_column> lines;
    const std::vector<std::vector<double>> background;
};

// 2 sum y log(y / r) - (y - r), of the channels from `first` on, r at least 0.3: a stray count where the model has
// nothing would weigh without bound.
inline double poisson_deviance(const std::vector<double>& counts, const std::vector<double>& rates, std::size_t first) {
    double sum = 0;
    for (std::size_t c = first; c < counts.size(); ++c) {
        const double r = std::max(rates[c], least_rate);
        sum += 2 * ((counts[c] > 0 ? counts[c] * std::log(counts[c] / r) : 0) - (counts[c] - r));
    }
    return sum;
}

}  // namespace detail

/// Fits the sum spectrum, `counts` of every channel, by the lines of the elements and a smooth background. The
/// amplitudes of subshells are free within options.subshell_spread and family_spread of their theory, so that the
/// shapes are the specimen's and the detector's, not a table's. An element without counts has its theory's shape.
/// Throws value_error for a detector or an axis out of range, for counts that are negative or not finite and of another
/// number than channels, for no elements, and for an element without a line on the axis.
inline spectral_signatures fit_sum_spectrum(const std::vector<double>& counts, const spectrum_axis& axis,
                                            const std::vector<std::string>& elements, const edx_detector& detector,
                                            const sum_fit_options& options = {}) {
    require_axis(axis);
    require_detector(detector);
    if (counts.size() != axis.channels)
        throw shape_error("counts", "has " + std::to_string(counts.size()) + " channels, must have " +
                                        std::to_string(axis.channels) + " as the axis");
    for (const double y : counts) require_non_negative(y, "counts");
    if (elements.empty()) throw value_error("elements", "is empty, must name one or more");
    const detail::sum_spectrum_model model(elements, axis, detector, options);
    const auto amplitudes = model.fit(counts, options.passes);

    spectral_signatures s{elements,
                          axis,
                          detector,
                          model.first(),
                          small_matrix(elements.size() + 1, axis.channels),
                          std::vector<double>(elements.size() + 1),
                          model.spectrum(amplitudes),
                          0};
    s.deviance = detail::poisson_deviance(counts, s.model, s.first) / static_cast<double>(axis.channels - s.first);
    const auto add = [&](std::size_t row, const std::vector<double>& column, double amplitude) {
        for (std::size_t c = s.first; c < axis.channels; ++c) s.shapes(row, c) += amplitude * column[c];
    };
    const auto total = [&](std::size_t row) {
        double sum = 0;
        for (std::size_t c = s.first; c < axis.channels; ++c) sum += s.shapes(row, c);
        return sum;
    };
    for (std::size_t k = 0; k < model.lines.size(); ++k)
        add(model.lines[k].element, model.lines[k].values, amplitudes[k]);
    for (std::size_t e = 0; e <= elements.size(); ++e) {
        if (e == elements.size()) {
            for (std::size_t k = 0; k < model.background.size(); ++k)
                add(e, model.background[k], amplitudes[model.lines.size() + k]);
        }
        s.counts[e] = total(e);
        if (!(s.counts[e] > 0)) {
            for (const auto& line : model.lines) {
                if (line.element == e) add(e, line.values, 1);
            }
            for (std::size_t k = 0; e == elements.size() && k < model.background.size(); ++k)
                add(e, model.background[k], 1);
        }
        const double sum = total(e);
        if (!(sum > 0))
            throw value_error("elements", elements[e] + " has no line between " + to_string(axis.centre(s.first)) +
                                              " and " + to_string(axis.edge(axis.channels)) + " keV: leave it out");
        for (std::size_t c = s.first; c < axis.channels; ++c) s.shapes(e, c) /= sum;
    }
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
