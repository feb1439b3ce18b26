// The report of a fusion: one HTML file that needs nothing else.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure_column.hpp>
#include <stemfuse/report/history_chart.hpp>
#include <stemfuse/report/html.hpp>
#include <stemfuse/report/report_holdout.hpp>
#include <stemfuse/report/report_residual.hpp>
#include <stemfuse/report/report_size.hpp>
#include <stemfuse/report/report_spectrum.hpp>
#include <stemfuse/report/report_style.hpp>
#include <stemfuse/report/report_trust.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The options of the report.
struct report_options {
    std::vector<std::pair<std::string, std::string>> figures_of_merit{};  ///< shown as name and value
    std::vector<std::string> warnings{};                                  ///< shown first
    std::vector<std::string> notes{};                                     ///< sentences, shown above the numbers
    figure_options figure{};                                              ///< limits, colours, overlay
};

namespace detail {

inline std::string scale_bar_html(std::size_t nx, const pixel_calibration& scale) {
    const double across = static_cast<double>(nx) * scale.pixel(), length = round_length(across / 3.5);
    if (!scale.known() && length < 1) return "";
    return "<span class=\"scale\" style=\"width:" + coordinate(100 * length / across) + "%\">" +
           escape_html(short_number(length) + " " + scale.shown_unit()) + "</span>";
}

// " of 0.5 nm", " of 0.5 nm by 0.7 nm", nothing where not known.
inline std::string pixel_html(const pixel_calibration& scale) {
    if (!scale.known()) return "";
    const auto shown = [](const axis_calibration& a) { return short_number(a.pixel) + " " + shown_unit(a); };
    const bool square = scale.x == scale.y || !scale.y.known();
    return " of " + escape_html(shown(scale.x) + (square ? "" : " by " + shown(scale.y)));
}

// "0 to 2.62 counts per pixel", and that it does not start at 0 where it does not.
inline std::string range_of(const display_limits& limits, const std::string& unit) {
    return short_number(limits.low) + " to " + short_number(limits.high) + " " + unit +
           (starts_beside_zero(limits) ? ", not from 0" : "");
}

// A colour bar between its limits.
inline std::string bar_html(const figure_column& c, const display_limits& limits) {
    rgb_image bar(1, 256);
    for (std::size_t x = 0; x < bar.width; ++x) bar(0, x) = c.colours(static_cast<double>(x) / 255);
    const bool broken = starts_beside_zero(limits);
    return "<div class=\"bar\"><span" + std::string(broken ? " class=\"offset\"" : "") + ">" + (broken ? "from " : "") +
           escape_html(short_number(limits.low)) + "</span>" +
           embedded_image(bar, "Colour bar of " + c.name + " from " + range_of(limits, c.unit)) + "<span>" +
           escape_html(short_number(limits.high) + " " + c.unit) + "</span></div>";
}

// The panels of a column side by side and their colour bar, or one for each.
inline std::string pair_html(const figure_column& c, const image_shape& shape, const std::string& scale_bar,
                             std::size_t enlarged) {
    std::string panels;
    const auto add = [&](const xt::xtensor<double, 2>& numbers, const display_limits& limits,
                         const std::string& state) {
        const std::string text = c.name + " " + state + ", " + std::to_string(shape[1]) + " by " +
                                 std::to_string(shape[0]) + " pixels, shown from " + range_of(limits, c.unit);
        panels += "<div>" + panel_html(colour(numbers, limits, c.colours), state, text, scale_bar, enlarged) +
                  (c.one_scale() ? "" : bar_html(c, limits)) + "</div>\n";
    };
    add(c.raw, c.raw_limits, c.before);
    add(c.fused, c.limits, c.after);
    if (c.truth.size() > 0) add(c.truth, c.limits, "truth");
    return "<section class=\"pair\"><h3>" + escape_html(c.name) + "</h3>\n<div class=\"panels\">\n" + panels +
           "</div>\n" + (c.one_scale() ? bar_html(c, c.limits) : "") + "</section>\n";
}

inline std::string overlay_html(const overlay_pictures& pictures, const std::string& scale_bar, std::size_t enlarged) {
    std::string names, legend;
    for (std::size_t i = 0; i < pictures.names.size(); ++i) {
        names += (i > 0 ? ", " : "") + pictures.names[i];
        legend += "<span>" + embedded_image(rgb_image(12, 12, pictures.hues[i]), "") + escape_html(pictures.names[i]) +
                  "</span>";
    }
    const auto panel = [&](const rgb_image& picture, const std::string& state) {
        if (picture.pixels.empty()) return std::string();
        return panel_html(picture, state, "Overlay of the " + state + " maps of " + names, scale_bar, enlarged);
    };
    return "<section class=\"pair\"><h3>Overlay</h3>\n<div class=\"panels\">\n" + panel(pictures.raw, "raw") +
           panel(pictures.fused, "fused") + panel(pictures.truth, "true") + "</div>\n<div class=\"legend\">" + legend +
           "</div></section>\n";
}

// What the reader must know to compare two panels.
inline std::string limits_in_words(limits_source limits) {
    if (limits == limits_source::each)
        return "Raw and fused maps each have a scale of their own: single counts of a raw map are far above what a "
               "fused map has in a pixel.";
    return "Measured and fused at the same limits.";
}

inline std::string show(const parameter_value& value) {
    return std::visit(
        [](const auto& v) -> std::string {
            using type = std::decay_t<decltype(v)>;
            if constexpr (std::is_same_v<type, bool>)
                return v ? "true" : "false";
            else if constexpr (std::is_same_v<type, std::string>)
                return v;
            else if constexpr (std::is_same_v<type, double>)
                return to_string(v);
            else
                return std::to_string(v);
        },
        value);
}

// Mean, lowest and highest of the finite values.
template <scalar T>
std::vector<std::string> summary(const image_view<const T>& map) {
    double sum = 0, lowest = INFINITY, highest = -INFINITY;
    std::size_t count = 0;
    stemfuse::detail::for_each_element(map, [&](std::size_t, T element) {
        const double v = static_cast<double>(element);
        if (!std::isfinite(v)) return;
        sum += v, ++count;
        lowest = std::min(lowest, v), highest = std::max(highest, v);
    });
    if (count == 0) return {"none finite", "", ""};
    return {short_number(sum / static_cast<double>(count)), short_number(lowest), short_number(highest)};
}

template <scalar T>
std::string elements_table(const fusion_record<T>& record, const std::vector<figure_column>& columns) {
    using stemfuse::detail::view_in_place;
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < record.elements.size(); ++i) {
        rows.push_back({record.elements[i]});
        for (const auto* maps : {&record.maps, &record.fused_maps}) {
            const auto cells = summary<T>(view_in_place<3>(*maps, "maps").image(i));
            rows.back().insert(rows.back().end(), cells.begin(), cells.end());
        }
        const display_limits& limits = columns[i + 1].limits;
        rows.back().push_back(short_number(limits.low) + " to " + short_number(limits.high));
    }
    return table_html("Element maps (" + record.unit + ")",
                      {"element", "raw mean", "min", "max", "fused mean", "min", "max", "shown"}, rows);
}

// Counts of each element, and the composition where it is known.
inline std::string amounts_table(const amounts_record& amounts, const std::vector<std::string>& elements) {
    std::string caption = "Amounts: relative, per element only, as no k-factors were given";
    std::vector<std::string> header{"element", "counts", "of them background", "net counts"};
    if (amounts.has_composition()) {
        caption = "Composition, with the standard errors of counting";
        header.insert(header.end(), {"atomic %", "weight %"});
    }
    const auto percent = [&](const composition& whole, std::size_t i) {
        return fixed_text(100 * whole.fractions[i], 2) + " \u00b1 " + fixed_text(100 * whole.standard_errors[i], 2);
    };
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const count_totals& totals = amounts.totals;
        rows.push_back({elements[i], fixed_text(totals.counts[i], 0), fixed_text(totals.background[i], 0),
                        fixed_text(totals.net(i), 0)});
        if (amounts.has_composition())
            rows.back().insert(rows.back().end(), {percent(amounts.atomic, i), percent(amounts.weight, i)});
    }
    return table_html(caption, header, rows);
}

inline std::string history_html(const fusion_history& history) {
    const std::vector<std::pair<std::string, const std::vector<double>*>> terms{{"HAADF term", &history.haadf},
                                                                                {"Chemical term", &history.chemical},
                                                                                {"Total variation", &history.tv},
                                                                                {"Weighted total", &history.total}};
    std::string charts;
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, values] : terms) {
        if (values->empty()) continue;
        charts += history_chart(name, *values);
        const double first = values->front(), last = values->back();
        rows.push_back({name, to_string(first), to_string(last),
                        first != 0 ? short_number(100 * (last - first) / std::abs(first)) + " %" : "\u2013"});
    }
    if (rows.empty()) return "<p>No history was recorded.</p>\n";
    return "<div class=\"charts\">\n" + charts + "</div>\n" +
           table_html("Unweighted terms, weighted total", {"term", "start", "end", "change"}, rows);
}

}  // namespace detail

/// The report as text; how settings were chosen stands in place of a history where there is none. Throws shape_error
/// where the images do not fit together, value_error for percentiles.
template <scalar T>
std::string report_html(const fusion_record<T>& record, const report_options& options = {}) {
    detail::require_drawable(record);
    const image_shape shape{record.haadf.shape(0), record.haadf.shape(1)};
    const report_size size(shape);
    const std::string scale_bar = detail::scale_bar_html(shape[1], record.scale.in_shown_unit(shape[1]));
    std::vector<detail::figure_column> columns;
    std::string maps, names;
    for (std::size_t i = 0; i <= record.elements.size(); ++i) {
        columns.push_back(detail::column_of(record, i, size.pixels[0], size.pixels[1], options.figure));
        maps += detail::pair_html(columns.back(), shape, scale_bar, size.enlarged);
        if (i > 0) names += (i > 1 ? ", " : "") + columns.back().name;
    }
    const auto places = detail::overlay_places(record.elements, options.figure);
    if (!places.empty())
        maps += detail::overlay_html(detail::overlays_of(columns, places, options.figure.overlay), scale_bar,
                                     size.enlarged);

    std::string warnings, tables;
    if (record.amounts) tables += detail::amounts_table(*record.amounts, record.elements);
    tables += detail::elements_table(record, columns);
    for (const auto& warning : options.warnings) warnings += "<li>" + escape_html(warning) + "</li>\n";
    if (!warnings.empty())
        warnings = "<div class=\"warnings\" role=\"note\"><h2>Warnings</h2><ul>" + warnings + "</ul></div>\n";
    std::vector<std::vector<std::string>> merits, parameters;
    for (const auto& [name, value] : options.figures_of_merit) merits.push_back({name, value});
    for (const auto& [name, value] : record.parameters) parameters.push_back({name, detail::show(value)});
    if (!merits.empty()) tables += table_html("Figures of merit", {}, merits);
    if (!parameters.empty()) tables += table_html("Parameters", {}, parameters);

    std::string choice, trust, spectrum, notes;
    if (record.spectrum) spectrum = detail::spectrum_html(*record.spectrum);
    for (const auto& note : options.notes) notes += "<li>" + escape_html(note) + "</li>\n";
    if (!notes.empty()) notes = "<ul>\n" + notes + "</ul>\n";
    if (record.holdout) choice = holdout_html(*record.holdout, record.elements);
    if (record.trust) trust = trust_html(*record.trust, record.elements, size, scale_bar);
    if ((choice.empty() && spectrum.empty()) || !record.history.total.empty())
        choice += "<h2>Convergence</h2>\n" + detail::history_html(record.history);

    const std::string title = escape_html(record.title);
    return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" + title +
           " \u2013 stemfuse</title>\n" + std::string(report_head) +
           "</head>\n<body>\n<header><p>Fused multi-modal "
           "electron microscopy</p><h1>" +
           title + "</h1><p>" + escape_html(names) + " \u00b7 " + std::to_string(shape[1]) + " \u00d7 " +
           std::to_string(shape[0]) + " pixels" + detail::pixel_html(record.scale.in_shown_unit(shape[1])) +
           " \u00b7 " + escape_html(record.unit) + "</p></header>\n<main>\n" + warnings + "<h2>Maps</h2>\n<p>" +
           detail::limits_in_words(options.figure.limits) + "</p>\n<div class=\"maps\">\n" + maps + "</div>\n" +
           detail::profile_html(record, options.figure) + spectrum + trust +
           detail::residual_html(record, size, scale_bar) + choice + "<h2>Numbers</h2>\n" + notes +
           "<div class=\"tables\">\n" + tables +
           "</div>\n</main>\n<footer>Written by stemfuse.</footer>\n</body>\n</html>\n";
}

/// Writes the report. Throws what report_html throws, and write_error; the file is whole or not there.
template <scalar T>
void write_report(const std::filesystem::path& path, const fusion_record<T>& record,
                  const report_options& options = {}) {
    write_file(path, report_html(record, options));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
