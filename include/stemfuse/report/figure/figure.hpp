// The comparison figure of a fusion: measured and re-projected HAADF, raw and fused maps, and the truth of simulations.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure_column.hpp>
#include <stemfuse/report/figure/figure_layout.hpp>
#include <stemfuse/report/figure/figure_parts.hpp>
#include <stemfuse/report/figure/png.hpp>
#include <stemfuse/report/figure/profile_plot.hpp>
#include <stemfuse/report/figure/svg.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A figure, with its resolution.
struct figure {
    drawing marks;         ///< all panels, in pixels
    double dots_per_inch;  ///< of its pixels, see figure_options

    /// As pixels, on white.
    rgb_image picture() const { return paint(marks); }
    /// As a file of SVG, of the same size in millimetres.
    std::string svg() const { return svg_file(marks, dots_per_inch); }
};

/// Writes a figure: as SVG where the name ends in .svg, else as PNG with its resolution. Throws write_error; the file
/// is whole or not there.
inline void write_figure(const std::filesystem::path& path, const figure& drawn) {
    write_file(path, path.extension() == ".svg" ? drawn.svg() : encode_png(drawn.picture(), drawn.dots_per_inch));
}

namespace detail {

struct panel_title {
    std::string_view name, rest;
};

inline void draw_panel(figure_page& page, const figure_layout& l, point at, const panel_title& title, rgb_image picture,
                       const pixel_calibration& scale) {
    if (l.title > 0) draw_title(page, {at.x, at.y + page.pt(7)}, l.cell, title.name, title.rest);
    const double x = std::floor(at.x), y = std::round(at.y + l.title);
    const auto width = static_cast<double>(l.panel_width), height = static_cast<double>(l.panel_height);
    page.drawing.place(std::move(picture), x, y, width, height);
    draw_scale_bar(page, {x, y, width, height}, l.n_x, scale);
}

// Below a panel at (x, y).
inline void draw_bar(figure_page& page, const figure_layout& l, point at, const figure_column& c,
                     const display_limits& limits) {
    const double bar_y = std::round(at.y + l.title + static_cast<double>(l.panel_height) + l.bar() * 0.8);
    draw_colour_bar(page, {at.x, bar_y, std::floor(std::max(static_cast<double>(l.panel_width), l.cell / 2)), l.bar()},
                    c.colours, limits, c.unit, l.unit_below(page));
}

inline void draw_columns(figure_page& page, const figure_layout& l, const std::vector<figure_column>& columns,
                         const pixel_calibration& scale) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const figure_column& c = columns[i];
        const double x = l.cell_x(i % l.per_block), y = l.block_y(i / l.per_block);
        draw_panel(page, l, {x, y}, {c.name, c.before}, colour(c.raw, c.raw_limits, c.colours), scale);
        if (l.bar_below_raw && !c.one_scale()) draw_bar(page, l, {x, y}, c, c.raw_limits);
        draw_panel(page, l, {x, y + l.row_y(1)}, {c.name, c.after}, colour(c.fused, c.limits, c.colours), scale);
        if (c.truth.size() > 0) {
            const std::string state = i == 0 ? "without noise" : "truth";
            draw_panel(page, l, {x, y + l.row_y(2)}, {c.name, state}, colour(c.truth, c.limits, c.colours), scale);
        }
        draw_bar(page, l, {x, y + l.row_y(l.rows - 1)}, c, c.limits);
    }
}

// Raw and fused overlay with their legend, in the first two cells, and that of the truth in the third.
inline void draw_overlays(figure_page& page, const figure_layout& l, overlay_pictures pictures, double y,
                          const pixel_calibration& scale) {
    draw_panel(page, l, {l.cell_x(0), y}, {"Overlay", "raw"}, std::move(pictures.raw), scale);
    draw_panel(page, l, {l.cell_x(1), y}, {"Overlay", "fused"}, std::move(pictures.fused), scale);
    if (!pictures.truth.pixels.empty() && l.per_block > 2)
        draw_panel(page, l, {l.cell_x(2), y}, {"Overlay", "truth"}, std::move(pictures.truth), scale);
    draw_legend(page, {l.cell_x(0), y + l.panel_row() - l.gap + page.pt(9)}, pictures.names, pictures.hues);
}

inline void check(const figure_options& options) {
    require_in_range(options.width_mm, 40, 1000, "width_mm");
    require_in_range(options.dots_per_inch, 50, 1200, "dots_per_inch");
}

// The layout of a record's columns, and the columns.
template <scalar T>
std::pair<figure_layout, std::vector<figure_column>> columns_in_layout(const fusion_record<T>& record,
                                                                       const figure_options& options) {
    const std::size_t n = record.elements.size() + 1;
    auto layout = lay_out(n, {record.haadf.shape(0), record.haadf.shape(1)}, options);
    layout.rows = record.truth ? 3 : 2;
    const auto [rows, columns_of_pixels] = layout.picture_shape();
    std::vector<figure_column> columns;
    for (std::size_t i = 0; i < n; ++i) columns.push_back(column_of(record, i, rows, columns_of_pixels, options));
    const figure_page ruler(1, 1, layout.dots_per_inch);
    const auto fits = [&](const figure_column& c, const display_limits& limits) {
        return unit_fits_between_limits(ruler, static_cast<double>(layout.panel_width), limits, c.unit);
    };
    const bool all_fit = std::all_of(columns.begin(), columns.end(),
                                     [&](const auto& c) { return fits(c, c.limits) && fits(c, c.raw_limits); });
    layout.bar_text = ruler.pt(all_fit ? 9 : 17);
    layout.bar_below_raw = std::any_of(columns.begin(), columns.end(), [](const auto& c) { return !c.one_scale(); });
    return {layout, std::move(columns)};
}

}  // namespace detail

/// Draws the HAADF image (measured, re-projected) and every element's map (raw, fused, the truth where the record has
/// it) in columns, with their limits at colour bars; below, where asked for, overlays and line profiles. Takes any
/// shape but empty ones and any number of elements. Throws shape_error where the images do not fit together,
/// value_error for percentiles, width_mm outside of [40, 1000], dots_per_inch outside of [50, 1200], overlay_elements
/// that are not there and a profile_row outside.
template <scalar T>
figure fusion_figure(const fusion_record<T>& record, const figure_options& options = {}) {
    detail::require_drawable(record);
    detail::check(options);
    const auto [layout, columns] = detail::columns_in_layout(record, options);
    const auto places = detail::overlay_places(record.elements, options);
    const detail::lower_part lower(layout, record.elements.size(), !places.empty(), options.profile);
    figure_page page(static_cast<std::size_t>(lower.bottom - layout.gap + layout.margin),
                     static_cast<std::size_t>(layout.width()), layout.dots_per_inch);
    const pixel_calibration scale = record.scale.in_shown_unit(layout.n_x);
    detail::draw_columns(page, layout, columns, scale);
    if (lower.overlay)
        detail::draw_overlays(page, layout, detail::overlays_of(columns, places, options.overlay), lower.overlay_y,
                              scale);
    if (lower.profile) {
        const auto rows = detail::profile_rows(record.haadf.shape(0), options);
        if (options.titles)
            draw_title(page, {lower.area.x, lower.profile_y + page.pt(7)}, lower.area.width, "Profile",
                       detail::profile_heading(rows, record.truth.has_value()));
        draw_profiles(page, lower.area, detail::profiles_of(record, options, rows), scale);
    }
    return {std::move(page.drawing), layout.dots_per_inch};
}

/// A panel of a figure by itself.
struct named_figure {
    std::string name;  ///< for a file: "Co_raw", "Co_fused", "overlay_fused"
    figure drawn;      ///< as large as in the whole figure, without title and colour bar
};

/// Every panel of fusion_figure() by itself, to be put together by hand: with its scale bar, as wide as in the whole
/// figure. Throws what fusion_figure() does.
template <scalar T>
std::vector<named_figure> figure_panels(const fusion_record<T>& record, const figure_options& options = {}) {
    detail::require_drawable(record);
    detail::check(options);
    auto [layout, columns] = detail::columns_in_layout(record, options);
    layout.title = 0;
    const pixel_calibration scale = record.scale.in_shown_unit(layout.n_x);
    std::vector<named_figure> panels;
    const auto add = [&](const std::string& name, rgb_image picture) {
        figure_page page(layout.panel_height, layout.panel_width, layout.dots_per_inch);
        detail::draw_panel(page, layout, {0, 0}, {}, std::move(picture), scale);
        panels.push_back({name, {std::move(page.drawing), layout.dots_per_inch}});
    };
    for (const auto& c : columns) {
        add(c.name + "_raw", colour(c.raw, c.raw_limits, c.colours));
        add(c.name + "_fused", colour(c.fused, c.limits, c.colours));
        if (c.truth.size() > 0) add(c.name + "_truth", colour(c.truth, c.limits, c.colours));
    }
    const auto places = detail::overlay_places(record.elements, options);
    if (places.empty()) return panels;
    auto pictures = detail::overlays_of(columns, places, options.overlay);
    add("overlay_raw", std::move(pictures.raw));
    add("overlay_fused", std::move(pictures.fused));
    if (!pictures.truth.pixels.empty()) add("overlay_truth", std::move(pictures.truth));
    return panels;
}

/// Writes fusion_figure() as PNG or SVG, see write_figure(path, figure). Throws what these throw.
template <scalar T>
void write_figure(const std::filesystem::path& path, const fusion_record<T>& record,
                  const figure_options& options = {}) {
    write_figure(path, fusion_figure(record, options));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
