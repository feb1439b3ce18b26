// What an image's pixels measure: their size along each axis, with units as they are shown.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

struct unit_spelling {
    std::string_view spelling, plain;
};

// Names without capitals and without the "s" of a plural.
inline constexpr std::array<unit_spelling, 24> unit_names{
    {{"nm", "nm"},         {"n_m", "nm"},        {"um", "um"},           {"u_m", "um"},
     {"p_m", "pm"},        {"micron", "um"},     {"nanometer", "nm"},    {"nanometre", "nm"},
     {"micrometer", "um"}, {"micrometre", "um"}, {"picometer", "pm"},    {"picometre", "pm"},
     {"millimeter", "mm"}, {"millimetre", "mm"}, {"centimeter", "cm"},   {"centimetre", "cm"},
     {"meter", "m"},       {"metre", "m"},       {"angstrom", "A"},      {"ang", "A"},
     {"ev", "eV"},         {"kev", "keV"},       {"electronvolt", "eV"}, {"kiloelectronvolt", "keV"}}};

// The same in letters that are not ASCII, or as escapes.
inline constexpr std::array<unit_spelling, 12> unit_signs{{{"\u00b5m", "um"},
                                                           {"\u03bcm", "um"},
                                                           {"\xb5m", "um"},
                                                           {"\\u00B5m", "um"},
                                                           {"\\u00b5m", "um"},
                                                           {"mum", "um"},
                                                           {"\\mum", "um"},
                                                           {"\u00c5", "A"},
                                                           {"\u212b", "A"},
                                                           {"\xc5", "A"},
                                                           {"\\u00C5", "A"},
                                                           {"\u00c5ngstr\u00f6m", "A"}}};

inline std::string spelled_plainly(const std::string& unit) {
    for (const auto& [sign, plain] : unit_signs) {
        if (unit == sign) return std::string(plain);
    }
    std::string name = unit;
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    for (const bool singular : {false, true}) {
        if (singular && !(name.size() > 4 && name.ends_with('s'))) break;
        if (singular) name.pop_back();
        for (const auto& [spelling, plain] : unit_names) {
            if (name == spelling) return std::string(plain);
        }
    }
    return unit;
}

}  // namespace detail

/// A unit as it is compared and shown: the micro sign, brackets, underscores and long names of the file formats are
/// gone. "[n_m]", "n_m", "NM" and "nanometers" are "nm", "micron" and "\u00b5m" are "um", "\u00c5" and "Angstrom" are
/// "A", "KeV" is "keV", "nm/px" is "nm"; other text stays as it is.
inline std::string plain_unit(std::string_view text) {
    std::string unit(text.substr(0, text.find('\0')));
    const auto trim = [&] {
        while (!unit.empty() && (unit.back() == ' ' || unit.back() == '\t')) unit.pop_back();
        unit.erase(0, std::min(unit.find_first_not_of(" \t"), unit.size()));
    };
    trim();
    for (const auto& [open, close] : {std::pair{'[', ']'}, {'(', ')'}, {'$', '$'}}) {
        if (unit.size() >= 2 && unit.front() == open && unit.back() == close) {
            unit = unit.substr(1, unit.size() - 2);
            if (open == '[') std::erase(unit, '_');
            trim();
        }
    }
    for (const std::string_view of_each :
         {"/px", "/pix", "/pixel", " per pixel"}) {  // the size of a pixel all the same
        if (unit.size() > of_each.size() && unit.ends_with(of_each)) unit.erase(unit.size() - of_each.size());
    }
    return detail::spelled_plainly(unit);
}

/// The exponent n of a plain unit of length of 10^n m, -9 for nm; none for any other unit.
inline std::optional<int> length_exponent(std::string_view plain) {
    constexpr std::array<std::pair<std::string_view, int>, 7> lengths{
        {{"m", 0}, {"cm", -2}, {"mm", -3}, {"um", -6}, {"nm", -9}, {"A", -10}, {"pm", -12}}};
    for (const auto& [unit, exponent] : lengths) {
        if (unit == plain) return exponent;
    }
    return std::nullopt;
}

/// The size of a pixel along one axis; 0 where it is not known.
struct axis_calibration {
    double pixel;      ///< the size of a pixel in `unit`; 0: not known
    std::string unit;  ///< plain, see plain_unit

    /// No aggregate: g++ 12 warns of uninitialised strings where aggregates with default strings nest. Known is a
    /// positive, finite number that has a unit other than pixels.
    axis_calibration(double size = 0, std::string_view of = "") : pixel(size), unit(plain_unit(of)) {
        if (!std::isfinite(size) || size <= 0 || unit == "px" || unit == "pixel" || unit == "pixels") unit.clear();
        if (unit.empty()) pixel = 0;
    }

    /// Whether the size is known; the unit may be any, not only one of length.
    bool known() const { return pixel > 0; }
    /// Same number and same unit: 1000 nm is not 1 um here.
    bool operator==(const axis_calibration&) const = default;

    /// The same length in another unit; unchanged where one of the two is no unit of length.
    axis_calibration in(std::string_view other) const {
        const auto from = length_exponent(unit), to = length_exponent(other);
        if (!from || !to || *from == *to) return *this;
        const double power = std::pow(10.0, std::abs(*from - *to));  // exact: one rounding in all
        return {*from > *to ? pixel * power : pixel / power, other};
    }
};

/// The unit as text for people shows it.
inline std::string shown_unit(const axis_calibration& axis) {
    if (axis.unit == "um") return "\u00b5m";
    return axis.unit == "A" ? "\u00c5" : axis.unit;
}

/// The size of a pixel along x and y.
struct pixel_calibration {
    axis_calibration x;  ///< width of a pixel
    axis_calibration y;  ///< height of a pixel

    pixel_calibration() = default;
    /// Pixels that may be wider than high.
    pixel_calibration(axis_calibration along_x, axis_calibration along_y)
        : x(std::move(along_x)), y(std::move(along_y)) {}
    /// Square pixels of this size and unit (see axis_calibration for what counts as known).
    pixel_calibration(double square_pixel, std::string_view unit) : x(square_pixel, unit), y(square_pixel, unit) {}

    /// Whether the size along x is known.
    bool known() const { return x.known(); }
    /// Same numbers and same units.
    bool operator==(const pixel_calibration&) const = default;

    /// Lengths along x for a scale bar: in pixels where the size of one is not known.
    double pixel() const { return known() ? x.pixel : 1; }
    /// The unit of pixel() as readers see it; "px" where the size is not known.
    std::string shown_unit() const { return known() ? io::shown_unit(x) : "px"; }

    /// In nm, or in um from 5000 nm on (where a scale bar has 1 um), of a length of n pixels; pm, A and units that are
    /// no lengths stay.
    pixel_calibration in_shown_unit(std::size_t n) const {
        if (!known() || !length_exponent(x.unit) || x.unit == "A" || x.unit == "pm") return *this;
        const axis_calibration nm = x.in("nm");
        const char* const unit = nm.pixel * static_cast<double>(std::max<std::size_t>(n, 1)) < 5000 ? "nm" : "um";
        return {x.in(unit), y.in(unit)};
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
