// From a sum spectrum to the shapes by which pixels are read: elements found, axis corrected, lines fitted, with what a
// user should know of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/spectra/calibrate_axis.hpp>
#include <stemfuse/spectra/identify_elements.hpp>
#include <stemfuse/spectra/spectrum_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of model_spectrum().
struct spectrum_model_options {
    std::vector<std::string> elements{};  ///< whose maps are wanted; those that the spectrum shows if empty
    edx_detector detector{};              ///< as far as it is known
    bool calibrate = true;                ///< offset, gain and line width by the spectrum; else as given
    identification_options identification{};
};

/// What a user should know of a fit to a sum spectrum.
struct spectrum_note {
    /// What it says of `element`.
    enum class kind {
        overlaps,         ///< the variance of its counts is `value` times what it were without the other element
        may_be_other,     ///< its lines may be those of the other element
        not_established,  ///< asked for, but the spectrum does not show it
        left_over,        ///< shown by the spectrum and not asked for: modelled, not mapped; `value` counts
        unexplained,  ///< a peak of `value` standard deviations at the energy `at`; `other`: elements with lines there
        not_calibrated,  ///< the axis could not be found by the spectrum
    };
    kind what;
    std::string element{}, other{};  ///< symbols; "background" for it
    double value = 0, at = 0;        ///< see kind
};

/// A sum spectrum as elements and background.
struct spectrum_model {
    spectral_signatures signatures;              ///< of those wanted, then of those that are there besides
    std::size_t wanted = 0;                      ///< elements whose maps are wanted: the first of the signatures
    std::vector<double> errors;                  ///< standard errors of signatures.counts, by counting
    axis_calibration calibration{};              ///< by which the axis was corrected
    std::vector<identified_element> identified;  ///< what the spectrum shows, the strongest first
    std::vector<spectrum_note> notes;            ///< what should be known
};

namespace detail {

inline std::vector<std::string> symbols_of(const std::vector<identified_element>& found) {
    std::vector<std::string> symbols;
    for (const auto& e : found) symbols.push_back(e.symbol);
    return symbols;
}

inline bool holds(const std::vector<std::string>& symbols, const std::string& symbol) {
    return std::find(symbols.begin(), symbols.end(), symbol) != symbols.end();
}

// The elements one of whose strong lines lies within a quarter of a line's width of the energy, the nearest first, four
// at most: "Fe, Co".
inline std::string candidates_at(double energy, const edx_detector& detector) {
    std::vector<std::pair<double, std::string>> found;
    const double reach = 0.25 * 2.355 * line_sigma(detector, energy);
    for (const std::string_view element : element_symbols) {
        const auto lines = xray_emissions(element, detector.beam_energy);
        double strongest = 0;
        for (const auto& line : lines) strongest = std::max(strongest, line.weight);
        for (const auto& line : lines) {
            const double away = std::abs(line.energy - energy);
            if (line.weight < 0.3 * strongest || away > reach) continue;
            found.emplace_back(away, element);
            break;
        }
    }
    std::sort(found.begin(), found.end());
    std::string names;
    for (std::size_t k = 0; k < std::min<std::size_t>(4, found.size()); ++k)
        names += (k == 0 ? "" : ", ") + found[k].second;
    return names;
}

// Places where counts and fit differ, over half a line's width, by five standard deviations of counting and of 3% of
// the fit together: no model of a spectrum is more exact. The largest first, three at most.
inline std::vector<spectrum_note> unexplained_peaks(const std::vector<double>& counts, const spectral_signatures& s) {
    std::vector<spectrum_note> found;
    const std::size_t channels = s.axis.channels;
    std::vector<double> z(channels);
    for (std::size_t c = s.first; c < channels; ++c) {
        const auto half = static_cast<std::size_t>(line_sigma(s.detector, s.axis.centre(c)) / s.axis.step + 0.5);
        double sum = 0, model = 0;
        for (std::size_t k = std::max(s.first, c > half ? c - half : 0); k <= std::min(channels - 1, c + half); ++k) {
            sum += counts[k];
            model += s.model[k];
        }
        // Anscombe's root, nearly normal for few counts too: Biometrika 35, 246 (1948).
        z[c] = 2 * (std::sqrt(sum + 0.375) - std::sqrt(model + 0.375)) / std::sqrt(1 + 0.03 * 0.03 * model);
    }
    while (found.size() < 3) {
        const auto most = std::max_element(z.begin(), z.end());
        if (*most < 5) break;
        const auto at = static_cast<std::size_t>(most - z.begin());
        const double energy = s.axis.centre(at), reach = 4 * line_sigma(s.detector, energy);
        found.push_back({spectrum_note::kind::unexplained, "", candidates_at(energy, s.detector), *most, energy});
        for (std::size_t c = s.first; c < channels; ++c) {
            if (std::abs(s.axis.centre(c) - energy) < reach) z[c] = 0;
        }
    }
    return found;
}

inline void add_notes(spectrum_model& model, const std::vector<double>& counts, const std::vector<std::string>& asked) {
    using kind = spectrum_note::kind;
    const auto& s = model.signatures;
    const auto shown = symbols_of(model.identified);
    const auto name = [&](std::size_t i) { return i < s.elements.size() ? s.elements[i] : std::string("background"); };
    for (const auto& e : model.identified) {
        if (e.or_may_be) model.notes.push_back({kind::may_be_other, e.symbol, *e.or_may_be});
        if (!asked.empty() && !holds(asked, e.symbol)) model.notes.push_back({kind::left_over, e.symbol, "", e.counts});
    }
    for (const std::string& e : asked) {
        if (!holds(shown, e)) model.notes.push_back({kind::not_established, e});
    }
    constexpr double worth_saying = 1.5;  // of the variance: a fifth more in the error
    const spectrum_filter filter(s);
    for (std::size_t i = 0; i < model.wanted; ++i) {
        if (filter.overlap(i) >= worth_saying)
            model.notes.push_back({kind::overlaps, name(i), name(filter.partner(i)), filter.overlap(i)});
    }
    const auto peaks = unexplained_peaks(counts, s);
    model.notes.insert(model.notes.end(), peaks.begin(), peaks.end());
}

}  // namespace detail

/// Standard errors, by counting, of the amounts in the sum spectrum: those of the filter.
inline std::vector<double> counting_errors(const spectral_signatures& s) {
    const auto covariance = spectrum_filter(s).covariance(s.model);
    std::vector<double> errors;
    for (std::size_t i = 0; i < s.shapes.rows(); ++i) errors.push_back(std::sqrt(std::max(covariance(i, i), 0.0)));
    return errors;
}

/// Identifies the elements of a sum spectrum, corrects its axis, identifies again and fits lines and background. Where
/// elements are asked for, the others that the spectrum shows are modelled too, so that their lines do not go to those
/// asked for; but not one whose lines may be those of an element that is asked for. Throws what identify_elements() and
/// fit_sum_spectrum() throw, and value_error where no element is asked for and none is found.
inline spectrum_model model_spectrum(const std::vector<double>& counts, const spectrum_axis& axis,
                                     const spectrum_model_options& options = {}) {
    spectrum_model model;
    edx_detector detector = options.detector;
    spectrum_axis corrected = axis;
    const auto& asked = options.elements;
    const auto all_of = [&](const std::vector<identified_element>& found) {
        std::vector<std::string> all = asked;
        for (const auto& e : found) {
            if (!detail::holds(all, e.symbol) && !(e.or_may_be && detail::holds(asked, *e.or_may_be)))
                all.push_back(e.symbol);
        }
        return all;
    };
    model.identified = identify_elements(counts, axis, detector, options.identification);
    if (const auto first = all_of(model.identified); options.calibrate && !first.empty()) {
        model.calibration = calibrate_axis(counts, axis, first, detector);
        if (model.calibration.found) {
            corrected = axis.corrected(model.calibration.shift, model.calibration.gain);
            detector.resolution = model.calibration.resolution;
            model.identified = identify_elements(counts, corrected, detector, options.identification);
        } else {
            model.notes.push_back({spectrum_note::kind::not_calibrated});
        }
    }
    const auto elements = all_of(model.identified);
    if (elements.empty())
        throw value_error("elements", "are none that the spectrum shows, must be named: it has " +
                                          to_string(std::accumulate(counts.begin(), counts.end(), 0.0)) + " counts");
    model.wanted = asked.empty() ? elements.size() : asked.size();
    model.signatures = fit_sum_spectrum(counts, corrected, elements, detector);
    model.errors = counting_errors(model.signatures);
    detail::add_notes(model, counts, asked);
    return model;
}

/// A note in words, for people.
inline std::string in_words(const spectrum_note& n) {
    using kind = spectrum_note::kind;
    const auto rounded = [](double v) { return to_string(v, 3); };
    switch (n.what) {
        case kind::overlaps:
            return n.element + ": its lines overlap with " + (n.other == "background" ? "the background" : n.other) +
                   ": the variance of its counts is " + rounded(n.value) + " times what it were alone";
        case kind::may_be_other:
            return n.element + " or " + n.other + "? The lines that show " + n.element + " lie among those of " +
                   n.other;
        case kind::not_established:
            return n.element + ": is not established by the sum spectrum: its map may hold other counts";
        case kind::left_over:
            return n.element + ": is in the spectrum (" + to_string(std::round(n.value)) +
                   " counts) and not asked for: modelled, so that its lines do not go to others, and not mapped";
        case kind::unexplained:
            return "a peak at " + rounded(n.at) + " keV, " + rounded(n.value) +
                   " standard deviations above the fit, belongs to no element of it" +
                   (n.other.empty() ? "" : ": there are lines of " + n.other);
        case kind::not_calibrated:
            return "the energy axis could not be checked by the spectrum: taken as the file says";
    }
    return "";
}

}  // namespace stemfuse::inline STEMFUSE_ABI
