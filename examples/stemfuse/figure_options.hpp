// What the command line says of figures.
#pragma once

#include <CLI/App.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure_column.hpp>

#include "options.hpp"

namespace program {

struct figure_request {
    std::string width = "180mm", overlay_mode = "add", colours = "hue", limits;
    std::vector<std::string> overlay, element_colours;
    std::optional<std::size_t> profile_row;
    std::size_t profile_rows = 0;
    bool profile = true, titles = true, panels = false;
};

// Where results go, and how they look.
struct output_options {
    std::string folder;
    bool quiet = false, overwrite = false;
    figure_request figures{};
    std::size_t threads = 0;  // that write them; 0: one for each core
};

inline constexpr std::array<std::pair<std::string_view, stemfuse::io::overlay_mode>, 3> overlay_names{
    {{"add", stemfuse::io::overlay_mode::add},
     {"lighten", stemfuse::io::overlay_mode::lighten},
     {"none", stemfuse::io::overlay_mode::none}}};

inline constexpr std::array<std::pair<std::string_view, stemfuse::io::map_colours>, 4> colour_names{
    {{"hue", stemfuse::io::map_colours::hue},
     {"grey", stemfuse::io::map_colours::grey},
     {"viridis", stemfuse::io::map_colours::viridis},
     {"magma", stemfuse::io::map_colours::magma}}};

inline constexpr std::array<std::pair<std::string_view, stemfuse::io::limits_source>, 4> limits_names{
    {{"each", stemfuse::io::limits_source::each},
     {"both", stemfuse::io::limits_source::both},
     {"raw", stemfuse::io::limits_source::raw},
     {"fused", stemfuse::io::limits_source::fused}}};

inline void add_figure_options(CLI::App& command, figure_request& o) {
    command.option_defaults()->group("Figures");
    const auto choice = [&](const char* name, std::string& value, const auto& names, const char* description) {
        return command.add_option(name, value, description)->type_name(joined_names(names, "|"));
    };
    const auto list = [&](const char* name, std::vector<std::string>& values, const char* description) {
        command.add_option(name, values, description)->type_name("LIST")->delimiter(',')->allow_extra_args(false);
    };
    command.add_option("--figure-width", o.width, "Width of the figures, as 180mm, 8.5cm or 3.35in")
        ->type_name("LENGTH")
        ->capture_default_str();
    list("--overlay", o.overlay, "Elements in the overlay, Fe,Pt; by default the first three; none for no overlay");
    choice("--overlay-mode", o.overlay_mode, overlay_names,
           "How elements come together in it; lighten has colours for colour-blind readers")
        ->capture_default_str();
    choice("--colours,--colors", o.colours, colour_names, "Colours of element maps")->capture_default_str();
    list("--element-colours,--element-colors", o.element_colours, "Hues by element, Fe=#ff8800,Pt=#00aaff");
    choice("--limits", o.limits, limits_names,
           "Whose values set the limits of colours; by default each for counts, both for other maps");
    command.add_option("--profile-row", o.profile_row, "Row that the line profile lies on; by default the middle");
    command.add_option("--profile-rows", o.profile_rows, "Rows that it averages; by default one in 32");
    command.add_flag("!--no-profile", o.profile, "No line profile in the figure");
    command.add_flag("!--no-titles", o.titles, "No titles above the panels");
    command.add_flag("--panels", o.panels, "Also every panel by itself, as PNG and SVG, to be put together by hand");
}

// "85mm", "8.5cm", "3.35in"; a number alone is in mm. Throws usage_error.
inline double parse_width(const std::string& text) {
    const auto unit = std::min(text.find_first_not_of("0123456789.eE+-"), text.size());
    const auto number = stemfuse::parse_number(std::string_view(text).substr(0, unit));
    const std::string_view name = std::string_view(text).substr(unit);
    const double mm = name == "" || name == "mm" ? 1 : name == "cm" ? 10 : name == "in" ? 25.4 : 0;
    const double width = number.value_or(0) * mm;
    if (!(width >= 40 && width <= 1000))
        throw usage_error("--figure-width: is \"" + text +
                          "\", must be a width in [40, 1000] mm, as 85mm, 8.5cm or 3.35in");
    return width;
}

// "Fe=#ff8800". Throws usage_error.
inline std::pair<std::string, stemfuse::io::rgb> parse_element_colour(const std::string& entry) {
    const auto equals = std::min(entry.find('='), entry.size());
    std::string_view digits = std::string_view(entry).substr(std::min(equals + 1, entry.size()));
    if (digits.starts_with('#')) digits.remove_prefix(1);
    std::uint32_t code = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 6 || failure != std::errc() || end != digits.data() + digits.size())
        throw usage_error("--element-colours: is \"" + entry + "\", must be Symbol=#RRGGBB, separated by commas");
    return {entry.substr(0, equals),
            {static_cast<std::uint8_t>(code >> 16), static_cast<std::uint8_t>(code >> 8 & 255),
             static_cast<std::uint8_t>(code & 255)}};
}

// Throws usage_error for what is wrong whatever the measurement.
inline void check(const figure_request& o) {
    parse_width(o.width);
    by_name(overlay_names, o.overlay_mode, "--overlay-mode");
    by_name(colour_names, o.colours, "--colours");
    if (!o.limits.empty()) by_name(limits_names, o.limits, "--limits");
    for (const auto& entry : o.element_colours) parse_element_colour(entry);
    if (o.overlay.size() > 8)
        throw usage_error("--overlay: has " + std::to_string(o.overlay.size()) + " elements, must have up to 8");
}

// The same for these elements and this number of rows. Throws usage_error.
inline void check(const figure_request& o, const std::vector<std::string>& elements, std::size_t n_y) {
    const auto require_fused = [&](const std::string& element, const char* option) {
        if (std::find(elements.begin(), elements.end(), element) == elements.end())
            throw usage_error(std::string(option) + ": is " + element +
                              ", must be of the elements that are fused: " + stemfuse::io::joined(elements));
    };
    if (!(o.overlay.size() == 1 && o.overlay[0] == "none")) {
        for (const auto& element : o.overlay) require_fused(element, "--overlay");
    }
    for (const auto& entry : o.element_colours) require_fused(parse_element_colour(entry).first, "--element-colours");
    if (o.profile_row && *o.profile_row >= n_y)
        throw usage_error("--profile-row: is " + std::to_string(*o.profile_row) + ", must be in [0, " +
                          std::to_string(n_y - 1) + "]");
}

// Of a request that was checked.
inline stemfuse::io::figure_options library_options(const figure_request& o, const std::vector<std::string>& elements,
                                                    stemfuse::io::map_kind kind) {
    using stemfuse::io::limits_source;
    stemfuse::io::figure_options f;
    f.limits = !o.limits.empty()                        ? by_name(limits_names, o.limits, "--limits")
               : kind == stemfuse::io::map_kind::scaled ? limits_source::both
                                                        : limits_source::each;
    f.colours = by_name(colour_names, o.colours, "--colours");
    f.overlay = by_name(overlay_names, o.overlay_mode, "--overlay-mode");
    f.overlay_elements = o.overlay;
    if (o.overlay.size() == 1 && o.overlay[0] == "none") f.overlay = stemfuse::io::overlay_mode::none;
    for (std::size_t i = 0; i < elements.size() && !o.element_colours.empty(); ++i) {
        f.hues.push_back(f.hue(i));
        for (const auto& entry : o.element_colours) {
            const auto [element, hue] = parse_element_colour(entry);
            if (element == elements[i]) f.hues[i] = hue;
        }
    }
    f.haadf_unit = "scaled to [0, 1]";
    f.profile = o.profile;
    f.profile_row = o.profile_row;
    f.profile_rows = o.profile_rows;
    f.titles = o.titles;
    f.width_mm = parse_width(o.width);
    return f;
}

}  // namespace program
