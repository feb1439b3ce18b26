// Which axes of an array are y, x, energies and a stack of images, by what a file says about them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/base/element_label.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What a file says about one axis of an array; all of it may be missing.
struct array_axis {
    std::string name{};                 ///< "y", "Energy loss"; empty where the file gives none
    std::string unit{};                 ///< plain, see plain_unit
    double step = 0;                    ///< from one coordinate to the next, in `unit`; 0: not known
    double first = 0;                   ///< the first coordinate, in `unit`
    bool uniform = true;                ///< whether all steps are alike
    std::optional<bool> navigates{};    ///< HyperSpy: whether the axis is of the scan, not of the signal
    std::vector<std::string> labels{};  ///< of its places, such as element symbols

    /// The size of a pixel along the axis; not known where the steps differ.
    axis_calibration scale() const { return {uniform ? std::abs(step) : 0, unit}; }
};

/// The letters of --axes: y, x, e (energies), n (a stack of images), 1 (left out, at its first place).
inline constexpr std::string_view axis_letters = "yxen1";

/// How arrays are laid out where they say nothing themselves.
struct layout_hints {
    bool x_first = false;                 ///< x before y, as MATLAB and older NCEM files have it
    bool stack_last = false;              ///< a stack is along the last axis, not the first, where nothing tells
    std::string energy_unit{};            ///< of an energy axis that names none: the file says EDS (keV) or EELS (eV)
    std::string axes{};                   ///< letters as the user gives them, see axis_letters; empty: not given
    std::vector<image_shape> images{};    ///< shapes of two-dimensional arrays beside
    std::vector<std::string> elements{};  ///< names of a stack's images, beside
};

/// Numbers of axes. Every other axis has the extent 1, or only its first place is read.
struct array_layout {
    std::size_t y = 0;                    ///< rows of an image
    std::size_t x = 1;                    ///< columns of an image
    std::optional<std::size_t> energy{};  ///< channels of spectra; none for images
    std::optional<std::size_t> stack{};   ///< one place an image; none for a single image
    std::string problem{};  ///< why the array is neither an image, nor a stack of them, nor spectra; else empty
};

/// Whether energies are in this unit: eV, keV or meV.
inline bool is_energy_unit(std::string_view unit) { return unit == "eV" || unit == "keV" || unit == "meV"; }

namespace detail {

inline bool is_energy_axis(const array_axis& a) {
    const std::string name = lower_case(a.name);
    return is_energy_unit(a.unit) || name.find("energy") != std::string::npos || name == "e" || name == "eloss" ||
           name == "kev" || name == "ev";
}

// 'y', 'x' or ' ' by the name of an axis.
inline char letter_of_axis(const array_axis& a) {
    std::string name = lower_case(a.name);
    name.resize(std::min(name.find_first_of("[("), name.size()));  // "x [nm]"
    while (name.ends_with(' ')) name.pop_back();
    for (const std::string_view y : {"y", "height", "row", "rows", "y axis", "y_axis", "axis_y", "y-axis", "scan_y"}) {
        if (name == y) return 'y';
    }
    for (const std::string_view x :
         {"x", "width", "column", "columns", "col", "cols", "x axis", "x_axis", "axis_x", "x-axis", "scan_x"}) {
        if (name == x) return 'x';
    }
    return ' ';
}

inline void remove_axis(std::vector<std::size_t>& axes, std::size_t axis) { std::erase(axes, axis); }

// The axes that letters name; a problem where they do not fit.
inline array_layout layout_by_letters(const std::vector<std::size_t>& shape, const std::string& letters) {
    array_layout layout;
    const auto place = [&](char c) -> std::optional<std::size_t> {
        const auto at = letters.find(c);
        return at == std::string::npos ? std::nullopt : std::optional(at);
    };
    for (std::size_t d = 0; d < shape.size(); ++d) {
        if (letters[d] == '1' && shape[d] != 1)
            layout.problem =
                "axis " + std::to_string(d) + " is 1 by --axes, has " + std::to_string(shape[d]) + " places";
    }
    layout.y = place('y').value_or(0), layout.x = place('x').value_or(0);
    layout.energy = place('e'), layout.stack = place('n');
    if (layout.energy && layout.stack) layout.problem = "a stack of spectra, left out";
    return layout;
}

// Of three axes that are left, the one along which images are stacked.
inline std::size_t stack_axis(const std::vector<std::size_t>& shape, const std::vector<array_axis>& axes,
                              const std::vector<std::size_t>& three, const layout_hints& hints) {
    for (const std::size_t d : three) {
        if (!axes[d].labels.empty() && axes[d].labels.size() == shape[d]) return d;
    }
    for (const std::size_t d : three) {
        if (!hints.elements.empty() && hints.elements.size() == shape[d]) return d;
    }
    std::vector<std::size_t> unnamed, navigating;
    for (const std::size_t d : three) {
        if (letter_of_axis(axes[d]) == ' ') unnamed.push_back(d);
        if (axes[d].navigates == true) navigating.push_back(d);
    }
    if (unnamed.size() == 1) return unnamed[0];
    if (navigating.size() == 1) return navigating[0];
    for (const std::size_t d : three) {  // the one beside which a shape is left that images of the file have
        std::vector<std::size_t> rest;
        for (const std::size_t other : three) {
            if (other != d) rest.push_back(shape[other]);
        }
        const image_shape left{rest[hints.x_first ? 1 : 0], rest[hints.x_first ? 0 : 1]};
        if (std::find(hints.images.begin(), hints.images.end(), left) != hints.images.end()) return d;
    }
    return hints.stack_last ? three.back() : three.front();
}

}  // namespace detail

/// Lays out an array: energies by unit or name (or because only that axis belongs to the signal), x and y by name, else
/// in the order of the file; axes of extent 1 are left out; a third axis is one of images, by its labels, its name, or
/// the shape of the images beside it.
inline array_layout lay_out(const std::vector<std::size_t>& shape, std::vector<array_axis> axes,
                            const layout_hints& hints = {}) {
    using detail::letter_of_axis;
    array_layout layout;
    axes.resize(shape.size());
    const bool named = std::any_of(axes.begin(), axes.end(), [](const array_axis& a) {
        return letter_of_axis(a) != ' ' || detail::is_energy_axis(a);
    });
    if (!named && !hints.axes.empty() && hints.axes.size() == shape.size())
        return detail::layout_by_letters(shape, hints.axes);
    std::vector<std::size_t> rest, energies;
    for (std::size_t d = 0; d < shape.size(); ++d) {
        const bool energy = detail::is_energy_axis(axes[d]);
        if (energy && shape[d] > 1) energies.push_back(d);
        if (!energy || shape[d] > 1) rest.push_back(d);
    }
    if (energies.empty()) {  // spectra where the two axes of the scan navigate, the third does not
        std::vector<std::size_t> of_signal;
        std::size_t of_scan = 0;
        for (const std::size_t d : rest) {
            of_scan += axes[d].navigates == true;
            if (axes[d].navigates == false && shape[d] > 1) of_signal.push_back(d);
        }
        const bool spectra = of_scan == 2 || (of_scan == 1 && !hints.energy_unit.empty());
        if (spectra && of_signal.size() == 1 && rest.size() > 2) energies = of_signal;
    }
    if (energies.size() > 1) {
        layout.problem = "has several axes of energies";
        return layout;
    }
    if (!energies.empty()) layout.energy = energies[0], detail::remove_axis(rest, energies[0]);
    for (const bool with_names : {false, true}) {
        for (std::size_t k = 0; k < rest.size() && rest.size() > 2;) {
            const bool single = shape[rest[k]] == 1 && (with_names || letter_of_axis(axes[rest[k]]) == ' ');
            if (single) {
                detail::remove_axis(rest, rest[k]);
            } else {
                ++k;
            }
        }
    }
    if (rest.size() == 3 && !layout.energy) {
        layout.stack = detail::stack_axis(shape, axes, rest, hints);
        detail::remove_axis(rest, *layout.stack);
    }
    if (rest.size() != 2) {
        layout.problem =
            !layout.energy
                ? std::to_string(shape.size()) + (shape.size() == 1 ? " dimension" : " dimensions") + ", no image"
            : rest.empty()     ? "one spectrum, must be spectra of every pixel"
            : rest.size() == 1 ? "spectra along a line, must be of every pixel"
                               : "spectra of " + std::to_string(rest.size()) + " further axes, must be y and x";
        return layout;
    }
    layout.y = rest[0], layout.x = rest[1];
    const char first = letter_of_axis(axes[rest[0]]), second = letter_of_axis(axes[rest[1]]);
    const bool swapped = first == 'x' || second == 'y', kept = first == 'y' || second == 'x';
    if (swapped != kept ? swapped : hints.x_first) std::swap(layout.y, layout.x);
    return layout;
}

/// The name of place k along a stack: its label, else its number.
inline std::string place_name(const std::vector<std::string>& labels, std::size_t count, std::size_t k) {
    return labels.size() == count && !labels[k].empty() ? labels[k] : std::to_string(k);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
