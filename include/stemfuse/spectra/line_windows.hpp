// Windows around X-ray lines and beside them, from which element maps and their background are counted.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/elements/xray_lines.hpp>
#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// How the counts of one element are taken from a spectrum: those in the window around a line, less the background as
/// the windows beside it tell. Energies in keV. The windows begin and end between two channels.
struct line_window {
    std::string element;               ///< its symbol
    xray_line line;                    ///< that is counted
    energy_window window;              ///< around the line
    std::vector<energy_window> sides;  ///< below and above the line, or one of them
    std::vector<double> weights;       ///< the background counts in `window` for a count in each of `sides`
    std::vector<std::string> notes;    ///< what is in doubt, one line each
};

namespace detail {

// Silicon detectors count few X-rays above 20 keV; below 0.1 keV there is their noise, whose tail reaches to 0.2 keV.
inline constexpr double highest_line = 20, lowest_line = 0.1, lowest_side = 0.2;
// Lines that many specimens show, named or not: of film, window, surface and grid.
inline constexpr std::array<std::string_view, 4> everywhere{"C", "N", "O", "Cu"};
// The lightest element whose K beta is looked at, Cl: before, it is weak and one peak with K alpha.
inline constexpr int first_with_k_beta = 17;

inline std::string show(const std::string& element, const xray_line& line) {
    return element + " " + std::string(line.name) + " (" + to_string(line.energy) + " keV)";
}

struct known_line {
    std::string element;
    xray_line line;
    double width;  // in keV
};

inline std::vector<known_line> known_lines(std::vector<std::string> elements, double resolution) {
    for (const std::string_view e : everywhere) {
        if (std::find(elements.begin(), elements.end(), e) == elements.end()) elements.emplace_back(e);
    }
    std::vector<known_line> all;
    for (const std::string& e : elements) {
        for (const xray_line& line : xray_lines(e)) {
            if (line.name == "K beta" && atomic_number(e) < first_with_k_beta) continue;
            all.push_back({e, line, line_width(line.energy, resolution)});
        }
    }
    return all;
}

// The window with its ends moved to the next places between two channels, at least one channel wide.
inline energy_window between_channels(const energy_window& w, const spectrum_info& s) {
    const double step = channel_step(s), low = std::round((w.low - s.first) / step + 0.5),
                 high = std::max(std::round((w.high - s.first) / step + 0.5), low + 1);
    return {s.first + (low - 0.5) * step, s.first + (high - 0.5) * step};
}

inline bool within(const energy_window& w, const spectrum_info& s) {
    return w.low >= std::max(s.first, lowest_line) && w.high <= s.last;
}

// The alpha line of the highest energy that the spectrum has with its whole window.
inline xray_line choose_line(const std::string& element, const spectrum_info& s, double resolution) {
    std::optional<xray_line> best;
    for (const xray_line& line : xray_lines(element)) {
        const double width = line_width(line.energy, resolution);
        const bool there = within({line.energy - width, line.energy + width}, s) && line.energy <= highest_line;
        if (there && line.name != "K beta" && (!best || line.energy > best->energy)) best = line;
    }
    if (!best)
        throw value_error("elements", "is " + element + ", must be elements with a line from " +
                                          to_string(std::max(s.first, lowest_line)) + " to " +
                                          to_string(std::min(s.last, highest_line)) + " keV");
    return *best;
}

// A side window, one width of the line wide: the nearest from 1.5 widths on that is free of known lines, within 8
// widths; else the one at 1.5, with a note. None where the spectrum has no place for it, or none that is free above the
// tail of the noise.
inline std::optional<energy_window> side_window(line_window& w, const spectrum_info& s, double width, double direction,
                                                const std::vector<known_line>& lines) {
    std::optional<energy_window> nearest;
    std::string disturbing;
    for (double distance = 1.5; distance <= 7; distance += 0.25) {
        const double a = w.line.energy + direction * distance * width, b = a + direction * width;
        const energy_window side{std::min(a, b), std::max(a, b)};
        if (side.low < lowest_side) return std::nullopt;
        if (!within(side, s)) break;
        const auto inside = std::find_if(lines.begin(), lines.end(), [&](const known_line& l) {
            return l.line.energy > side.low - l.width && l.line.energy < side.high + l.width;
        });
        if (inside == lines.end()) return between_channels(side, s);
        if (!nearest) nearest = between_channels(side, s), disturbing = show(inside->element, inside->line);
    }
    if (nearest)
        w.notes.push_back("the background " + std::string(direction < 0 ? "below " : "above ") +
                          show(w.element, w.line) + " holds counts of " + disturbing);
    return nearest;
}

// A straight line through the counts a channel in the side windows gives those in the window of the line.
inline std::vector<double> side_weights(const line_window& w) {
    const auto width = [](const energy_window& e) { return e.high - e.low; };
    const auto middle = [](const energy_window& e) { return (e.low + e.high) / 2; };
    if (w.sides.size() < 2) return {width(w.window) / width(w.sides[0])};
    const double t = (middle(w.window) - middle(w.sides[0])) / (middle(w.sides[1]) - middle(w.sides[0]));
    return {width(w.window) / width(w.sides[0]) * (1 - t), width(w.window) / width(w.sides[1]) * t};
}

}  // namespace detail

/// Windows for the elements in an X-ray spectrum in keV: around the alpha line of the highest energy up to 20 keV, one
/// full width at half maximum to either side (98% of a line's counts; see line_width), and for the background windows
/// of one width below and above, from 1.5 widths away, moved further out past the lines of all elements, and of C, N, O
/// and Cu, up to 8 widths away and not below 0.2 keV. Notes name the lines of other elements in the windows. Throws
/// value_error for an element without a line there, no element, a spectrum in another unit or of fewer than 2 channels.
inline std::vector<line_window> line_windows(const std::vector<std::string>& elements, const spectrum_info& spectrum,
                                             double resolution = 130) {
    if (spectrum.unit != "keV" || !(channel_step(spectrum) > 0))
        throw value_error("spectrum", "has " + std::to_string(spectrum.channels) + " channels in " + spectrum.unit +
                                          ", must be X-rays in keV, 2 channels or more");
    require_some(elements, "elements");
    const auto lines = detail::known_lines(elements, resolution);
    std::vector<line_window> windows;
    for (const std::string& element : elements) {
        const xray_line line = detail::choose_line(element, spectrum, resolution);
        const double width = line_width(line.energy, resolution);
        const energy_window window{line.energy - width, line.energy + width};
        line_window w{element, line, detail::between_channels(window, spectrum), {}, {}, {}};
        for (const auto& other : lines) {
            const bool requested = std::find(elements.begin(), elements.end(), other.element) != elements.end();
            const double reach = other.width / 2;
            if (requested && other.element != element && other.line.energy > window.low - reach &&
                other.line.energy < window.high + reach)
                w.notes.push_back("counts of " + detail::show(element, line) + " hold some of " +
                                  detail::show(other.element, other.line) + ": the lines overlap");
        }
        for (const double direction : {-1.0, 1.0}) {
            if (const auto side = detail::side_window(w, spectrum, width, direction, lines)) w.sides.push_back(*side);
        }
        if (w.sides.empty())
            throw value_error("spectrum",
                              "ends at " + detail::show(element, line) + ", must reach beyond it to background");
        w.weights = detail::side_weights(w);
        windows.push_back(std::move(w));
    }
    return windows;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
