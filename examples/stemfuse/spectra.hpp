// Element maps from the X-ray lines in spectra.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/io/line_counts.hpp>

#include "input_files.hpp"
#include "options.hpp"
#include "recipe.hpp"

namespace program {

// X-ray lines, all of one spectrum.
struct line_source {
    std::size_t file = 0;
    stemfuse::io::spectrum_info spectrum{};
    std::vector<stemfuse::io::line_window> lines{};
    double resolution = 0;
    bool fit = false;  // by all lines, or edges, of all elements; no windows then

    bool used() const { return fit || !lines.empty(); }
};

// The spectra that a fit takes: the first of X-rays, else the first of energy losses without the zero loss, else the
// first of losses; none where files have none. Several are warned of.
inline std::optional<line_source> find_fitted(const input_files& files, std::vector<std::string>& warnings) {
    std::optional<line_source> found;
    std::vector<std::string> names;
    const auto rank = [](const stemfuse::io::spectrum_info& s) { return s.unit == "keV" ? 0 : s.first > 0 ? 1 : 2; };
    for (std::size_t i = 0; i < files.size(); ++i) {
        for (const auto& s : files[i].contents().spectra) {
            names.push_back(files[i].path().filename().string() + ":" + s.name);
            if (!found || rank(s) < rank(found->spectrum)) found = line_source{.file = i, .spectrum = s, .fit = true};
        }
    }
    if (found && names.size() > 1)
        warnings.push_back("spectra are " + stemfuse::io::joined(names) + ": fitted is " + found->spectrum.name);
    return found;
}

// The width of Mn K alpha in eV: as it is given, else as the file has it where that can be, else 130.
inline double resolution_of(const stemfuse::io::spectrum_info& s, const input_options& input) {
    if (input.resolution > 0) return input.resolution;
    return s.resolution >= 125 && s.resolution <= 500 ? s.resolution : 130;
}

// The elements that no image is named after, or all for which none is named where `lines`; where the files have spectra
// of X-rays they are taken out of `elements`, and their lines are chosen. Throws read_error.
inline line_source choose_lines(const input_files& files, const input_options& input,
                                std::vector<element_source>& elements, std::vector<std::string>& warnings) {
    line_source xrays;
    std::vector<std::string> spectra, symbols;
    for (std::size_t i = files.size(); i-- > 0;) {
        for (const auto& s : files[i].contents().spectra) {
            if (s.unit != "keV") continue;
            spectra.push_back(files[i].path().filename().string() + ":" + s.name);
            xrays.file = i, xrays.spectrum = s;
        }
    }
    const auto from_line = [&](const element_source& e) {
        return e.image == e.symbol && (input.lines || !files.has(e.image));
    };
    for (const element_source& e : elements) {
        if (from_line(e)) symbols.push_back(e.symbol);
    }
    if (spectra.empty() && input.lines)
        throw stemfuse::read_error(files.paths(),
                                   "has no spectra of X-rays in keV, as --lines needs (stemfuse inspect lists them)");
    if (spectra.empty() || symbols.empty()) return {};
    std::erase_if(elements, from_line);
    if (spectra.size() > 1)
        warnings.push_back("spectra of X-rays are " + stemfuse::io::joined(spectra) + ": taken is " + spectra.back());
    xrays.resolution = resolution_of(xrays.spectrum, input);
    try {
        xrays.lines = stemfuse::io::line_windows(symbols, xrays.spectrum, xrays.resolution);
    } catch (const stemfuse::value_error& e) {
        throw stemfuse::read_error(files[xrays.file].path().string(), xrays.spectrum.name + ": " + e.what());
    }
    for (const auto& line : xrays.lines) warnings.insert(warnings.end(), line.notes.begin(), line.notes.end());
    return xrays;
}

// Sets the background of map number i; the others' are 0 unless they are set.
template <class T, class Background>
void set_background(measurement<T>& m, std::size_t i, const Background& background) {
    if (m.background.size() == 0) m.background = xt::zeros<T>(m.maps.shape());
    xt::view(m.background, i) = background;
}

// Reads the counts of X-ray lines, the last of the maps, and their background; returns how the parameters show them.
template <class T>
std::string read_line_maps(const input_files& files, const line_source& xrays, const input_options& input,
                           measurement<T>& m) {
    using namespace stemfuse;
    std::string names;
    if (xrays.lines.empty()) return names;
    const auto kind = by_name(background_names, input.line_background, "--line-background");
    const auto read = io::read_line_counts<T>(files[xrays.file], xrays.spectrum, xrays.lines, kind);
    for (std::size_t k = 0; k < xrays.lines.size(); ++k) {
        const std::size_t i = m.maps.shape(0) - xrays.lines.size() + k;
        const auto& line = xrays.lines[k];
        xt::view(m.maps, i) = xt::view(read.counts, k);
        set_background(m, i, xt::view(read.background, k));
        m.symbols.push_back(line.element);
        names += (names.empty() ? "" : ",") + line.element + " " + std::string(line.line.name) + " " +
                 to_string(line.window.low) + "-" + to_string(line.window.high) + "keV";
    }
    m.sources.insert(m.sources.end(),
                     {{"resolution_ev", xrays.resolution}, {"line_background", input.line_background}});
    return names;
}

}  // namespace program
