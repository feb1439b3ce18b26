// What the command line says: parsed here, checked before anything is read.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/core/joined.hpp>
#include <stemfuse/io/base/array_layout.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/priors/tv_names.hpp>
#include <stemfuse/spectra/edx_detector.hpp>
#include <stemfuse/spectra/side_background.hpp>
#include <stemfuse/terms/haadf_response.hpp>

namespace program {

// A mistake on the command line; main() ends with exit code 2.
class usage_error : public stemfuse::error {
public:
    using error::error;
};

inline constexpr std::array<std::pair<std::string_view, std::size_t>, 2> precision_names{
    {{"float", sizeof(float)}, {"double", sizeof(double)}}};

template <class Names>
std::string joined_names(const Names& names, const std::string& between = ", ") {
    return stemfuse::joined(names, between, [](const auto& entry) { return entry.first; });
}

// The value that `text` names. Throws usage_error with the names there are.
template <class Names>
auto by_name(const Names& names, const std::string& text, const std::string& option) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == text; });
    if (found == names.end())
        throw usage_error(option + ": is \"" + text + "\", must be one of " + joined_names(names));
    return found->second;
}

// One map to fuse: the name of its image in the files, and its element.
struct element_source {
    std::string image, symbol;
};

// One map to fuse from spectra: its element, and its window of energies in keV or eV.
struct window_source {
    std::string symbol;
    stemfuse::io::energy_window window;
    std::string unit;
};

// How maps come from spectra.
struct spectral_options {
    std::string mode = "auto";     // fit, windows, or whichever suits
    double beam_energy = 200;      // keV
    std::string axis = "fit";      // by the spectrum, or fixed
    std::string window = "none";   // of the X-ray detector
    std::size_t bins = 0;          // 0: 32, 48 from 8 elements on
    double collection_angle = 20;  // mrad, of energy losses
    std::string low_loss;          // name of the spectra with the zero loss; empty: found; "none"
};

enum class spectra_mode { automatic, fit, windows };

inline constexpr std::array<std::pair<std::string_view, spectra_mode>, 3> spectra_names{
    {{"auto", spectra_mode::automatic}, {"fit", spectra_mode::fit}, {"windows", spectra_mode::windows}}};
inline constexpr std::array<std::pair<std::string_view, bool>, 2> axis_names{{{"fit", true}, {"fixed", false}}};
inline constexpr std::array<std::pair<std::string_view, stemfuse::detector_window>, 2> window_names{
    {{"none", stemfuse::detector_window::none}, {"polymer", stemfuse::detector_window::polymer}}};

// Where the images of a measurement are. What is not named is found by the files' own labels.
struct input_options {
    std::vector<std::string> files;
    std::string request;  // what parameters.json says was asked for, in a batch
    std::string haadf;
    std::vector<std::string> elements, windows;
    std::string frames = "mean";
    bool lines = false;     // element maps from spectra, even where there are images
    double resolution = 0;  // of Mn K alpha in eV; 0: as the file says, else 130
    std::string line_background = "map";
    spectral_options spectral{};
    bool align = false;              // moves the HAADF image onto the maps
    std::string axes;                // of arrays that say nothing of them, as letters: see read_options
    std::string mask;                // file with an image that is not 0 where a pixel is bad
    std::vector<std::string> pixel;  // the size of a pixel, "0.25nm", or of x and y
};

inline constexpr std::array<std::pair<std::string_view, stemfuse::io::frame_choice>, 3> frame_names{
    {{"mean", stemfuse::io::frame_choice::mean},
     {"sum", stemfuse::io::frame_choice::sum},
     {"first", stemfuse::io::frame_choice::first}}};

inline constexpr std::array<std::pair<std::string_view, stemfuse::background_kind>, 2> background_names{
    {{"map", stemfuse::background_kind::map}, {"constant", stemfuse::background_kind::constant}}};

// The published recipe; the defaults are the tutorial's for DyScO3.
struct recipe_options {
    double gamma = 1.6;
    std::string weights = "z-over-mean";
    std::optional<double> lambda_haadf = std::nullopt;  // 1 / n_elements where not given
    double lambda_chemical = 0.08;
    double lambda_tv = 0.15;
    double background = 0.24;
    std::size_t iterations = 30;
    std::string tv = "fgp";
    std::string tv_norm = "isotropic";
    std::size_t tv_iterations = 3;
    double start_threshold = 0;
    std::string precision = "float";
    std::size_t threads = 0;
};

// Throws usage_error for an unknown symbol.
inline void require_symbol(const std::string& symbol, const std::string& hint) {
    try {
        stemfuse::atomic_number(symbol);
    } catch (const stemfuse::value_error& unknown) {
        throw usage_error("--" + std::string(unknown.what()) + hint);
    }
}

// Whether --elements asks for those that the spectrum shows.
inline bool identifies(const std::vector<std::string>& elements) {
    return elements.size() == 1 && elements[0] == "auto";
}

// "Sc,Dy,O" or "NAME=Symbol,...". Throws usage_error for an empty entry and an unknown symbol.
inline std::vector<element_source> parse_elements(const std::vector<std::string>& entries) {
    std::vector<element_source> elements;
    if (identifies(entries)) return elements;
    for (const std::string& entry : entries) {
        const auto equals = entry.rfind('=');
        element_source e{entry.substr(0, equals), equals == std::string::npos ? entry : entry.substr(equals + 1)};
        if (e.image.empty() || e.symbol.empty()) {
            throw usage_error("--elements: is \"" + entry + "\", must be symbols or NAME=Symbol, separated by commas");
        }
        require_symbol(e.symbol,
                       equals == std::string::npos ? "; an image of another name is given as NAME=Symbol" : "");
        elements.push_back(std::move(e));
    }
    return elements;
}

// "Fe=6.2-6.6,O=0.45-0.6keV" for X-rays, "Fe=700-750eV" for energy losses. Throws usage_error.
inline std::vector<window_source> parse_windows(const std::vector<std::string>& entries) {
    std::vector<window_source> windows;
    for (const std::string& entry : entries) {
        const auto equals = entry.find('=');
        const char* const end = entry.data() + entry.size();
        const char* at = entry.data() + (equals == std::string::npos ? entry.size() : equals + 1);
        window_source w{entry.substr(0, equals), {0, 0}, "keV"};
        const auto take = [&](double& number) {
            const auto [stop, failure] = std::from_chars(at, end, number);
            at = stop;
            return failure == std::errc();
        };
        const bool good = take(w.window.low) && at != end && *at++ == '-' && take(w.window.high);
        const std::string unit(good ? at : end, end);
        if (!good || (!unit.empty() && unit != "keV" && unit != "eV") || !(w.window.low < w.window.high)) {
            throw usage_error("--windows: is \"" + entry +
                              "\", must be Symbol=LOW-HIGH in keV, or in eV as Fe=700-750eV, separated by commas");
        }
        if (unit == "eV") w.unit = unit;
        require_symbol(w.symbol, "");
        windows.push_back(std::move(w));
    }
    if (windows.size() > 64)
        throw usage_error("--windows: has " + std::to_string(windows.size()) + " windows, must have up to 64");
    return windows;
}

// Throws usage_error where an element has two maps.
inline void require_once(const std::vector<element_source>& elements, const std::vector<window_source>& windows) {
    std::vector<std::string> symbols;
    for (const auto& e : elements) symbols.push_back(e.symbol);
    for (const auto& w : windows) symbols.push_back(w.symbol);
    std::sort(symbols.begin(), symbols.end());
    const auto twice = std::adjacent_find(symbols.begin(), symbols.end());
    if (twice != symbols.end()) {
        throw usage_error(std::string(windows.empty() ? "--elements" : "--windows") + ": has " + *twice +
                          " twice, must have every element once");
    }
}

// "0.25nm", or "0.25nm" and "0.5nm" along x and y; not known where nothing is given. Throws usage_error.
inline stemfuse::io::pixel_calibration parse_pixel(const std::vector<std::string>& entries) {
    using stemfuse::io::axis_calibration;
    if (entries.empty()) return {};
    std::vector<axis_calibration> axes;
    for (const std::string& entry : entries) {
        const auto unit = std::min(entry.find_first_not_of("0123456789.eE+-"), entry.size());
        const auto size = stemfuse::parse_number(std::string_view(entry).substr(0, unit));
        const axis_calibration axis(size.value_or(0), std::string_view(entry).substr(unit));
        if (!stemfuse::io::length_exponent(axis.unit)) {
            axes.clear();
            break;
        }
        axes.push_back(axis);
    }
    if (axes.size() == 1) return {axes[0], axes[0]};
    if (axes.size() == 2) return {axes[0], axes[1]};
    throw usage_error("--pixel: is \"" + stemfuse::io::joined(entries) +
                      "\", must be a length such as 0.25nm, or two of them along x and y: 0.25nm,0.5nm");
}

// Throws usage_error that names the option.
inline void check(const spectral_options& o) {
    by_name(spectra_names, o.mode, "--spectra");
    by_name(axis_names, o.axis, "--axis");
    by_name(window_names, o.window, "--detector-window");
    const auto in_range = [](double value, double lowest, double highest, const char* option, const char* what) {
        if (!(value >= lowest && value <= highest))
            throw usage_error(std::string(option) + ": is " + stemfuse::to_string(value) + ", must be " + what);
    };
    in_range(o.beam_energy, 5, 1000, "--beam-energy", "in [5, 1000] keV");
    in_range(o.collection_angle, 0.1, 200, "--collection-angle", "in [0.1, 200] mrad");
    if (o.bins > 256)
        throw usage_error("--bins: is " + std::to_string(o.bins) + ", must be up to 256, or 0 for as many as suit");
}

// Checks what is said about axes and spectra. Throws usage_error that names the option.
inline void check(const input_options& o) {
    parse_pixel(o.pixel);
    const bool known = o.axes.find_first_not_of(stemfuse::io::axis_letters) == std::string::npos;
    const auto once = [&](char c) { return std::count(o.axes.begin(), o.axes.end(), c) == 1; };
    const bool twice =
        std::count(o.axes.begin(), o.axes.end(), 'n') > 1 || std::count(o.axes.begin(), o.axes.end(), 'e') > 1;
    if (!o.axes.empty() && (!known || !once('y') || !once('x') || twice))
        throw usage_error("--axes: is \"" + o.axes +
                          "\", must be the axes of an array, the slowest first, as letters: y and x, and perhaps e "
                          "(energies), n (images) and 1 (of extent 1), such as xy or nyx");
    by_name(frame_names, o.frames, "--frames");
    check(o.spectral);
    if (identifies(o.elements) && o.spectral.mode == "windows")
        throw usage_error("--elements: is \"auto\", which --spectra windows has none of: name the elements");
    by_name(background_names, o.line_background, "--line-background");
    if (o.resolution != 0 && !(o.resolution >= 125 && o.resolution <= 500))
        throw usage_error("--resolution: is " + stemfuse::to_string(o.resolution) +
                          ", must be the width of Mn K alpha in [125, 500] eV");
    if (o.lines && o.elements.empty())
        throw usage_error("--lines: is given without elements, must have them by --elements");
}

// Checks every number and name. Throws usage_error that names the option.
inline void check(const recipe_options& o) {
    const auto checked = [](auto&& check) {
        try {
            check();
        } catch (const stemfuse::value_error& e) {
            throw usage_error(e.what());
        }
    };
    const auto in_range = [&](double value, double lowest, double highest, const char* option) {
        checked([&] { stemfuse::require_in_range(value, lowest, highest, option); });
    };
    in_range(o.gamma, 1, 3, "--gamma");
    checked([&] { stemfuse::require_non_negative(o.lambda_haadf.value_or(0), "--lambda-haadf"); });
    checked([&] { stemfuse::require_non_negative(o.lambda_chemical, "--lambda-chemical"); });
    checked([&] { stemfuse::require_non_negative(o.lambda_tv, "--lambda-tv"); });
    constexpr auto ceiling = static_cast<double>(stemfuse::iteration_ceiling);
    in_range(static_cast<double>(o.iterations), 1, ceiling, "--iterations");
    in_range(static_cast<double>(o.tv_iterations), 1, ceiling, "--tv-iterations");
    in_range(static_cast<double>(o.threads), 0, 1024, "--threads");
    in_range(o.start_threshold, 0, 1, "--start-threshold");
    if (!(o.background > 0 && std::isfinite(o.background))) {
        throw usage_error("--background: is " + stemfuse::to_string(o.background) +
                          ", must be above 0: maps scaled to [0, 1] have pixels without counts");
    }
    by_name(stemfuse::weighting_names, o.weights, "--weights");
    by_name(stemfuse::tv_algorithm_names, o.tv, "--tv");
    by_name(stemfuse::tv_norm_names, o.tv_norm, "--tv-norm");
    by_name(precision_names, o.precision, "--precision");
}

}  // namespace program
