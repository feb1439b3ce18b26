// The comparison figure of a fusion: measured and re-projected HAADF, raw and fused maps at the same limits.
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
#include <stemfuse/report/figure/figure_parts.hpp>
#include <stemfuse/report/figure/map_image.hpp>
#include <stemfuse/report/figure/png.hpp>
#include <stemfuse/report/figure/profile_plot.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A figure as an image, with its resolution.
struct figure {
    rgb_image picture;     ///< all panels, on white
    double dots_per_inch;  ///< of the picture as it was made, see figure_options
};

namespace detail {

// Sizes in pixels. Columns stand in blocks below one another, at most five side by side.
struct figure_layout {
    std::size_t n_x, blocks, per_block, panel_height, panel_width;
    double dots_per_inch, cell, margin, gap, title, bar_text;

    double width() const { return 2 * margin + static_cast<double>(per_block) * (cell + gap) - gap; }
    double panel_row() const { return title + static_cast<double>(panel_height) + gap; }
    double bar() const { return dots_per_inch / 72 * 5; }
    double block() const { return 2 * panel_row() - gap + bar() * 1.8 + bar_text + gap; }
    double cell_x(std::size_t column) const { return std::round(margin + static_cast<double>(column) * (cell + gap)); }
};

inline figure_layout lay_out(std::size_t n_columns, const image_shape& shape, const figure_options& options) {
    figure_layout l{};
    l.n_x = shape[1];
    l.blocks = (n_columns + 4) / 5;
    l.per_block = (n_columns + l.blocks - 1) / l.blocks;
    constexpr double margin_mm = 2, gap_mm = 2.4, widest_mm = 58;
    const double n = static_cast<double>(l.per_block), ny = static_cast<double>(shape[0]),
                 nx = static_cast<double>(shape[1]);
    const double cell_mm = std::min(widest_mm, (options.width_mm - 2 * margin_mm - (n - 1) * gap_mm) / n);
    const double cell = cell_mm / 25.4 * options.dots_per_inch;
    const double scale = std::min(cell / nx, 1.5 * cell / ny);
    const double density = scale < 0.5 ? 1 : std::ceil(scale - 1e-9) / scale;
    const auto pixels = [&](double count) {
        return static_cast<std::size_t>(std::max(std::round(count * scale * density), std::ceil(cell * density / 12)));
    };
    l.panel_height = pixels(ny), l.panel_width = pixels(nx);
    l.dots_per_inch = options.dots_per_inch * density;
    const double mm = l.dots_per_inch / 25.4, pt = l.dots_per_inch / 72;
    l.margin = margin_mm * mm, l.gap = gap_mm * mm, l.title = 11 * pt;
    l.cell = std::max(cell * density, static_cast<double>(l.panel_width));
    return l;
}

struct panel_title {
    std::string_view name, rest;
};

inline void draw_panel(figure_page& page, const figure_layout& l, point at, const panel_title& title,
                       const rgb_image& picture, const pixel_calibration& scale) {
    draw_title(page, {at.x, at.y + page.pt(7)}, l.cell, title.name, title.rest);
    const double y = std::round(at.y + l.title);
    page.drawing.place(picture, static_cast<std::size_t>(at.x), static_cast<std::size_t>(y));
    draw_scale_bar(page, {at.x, y, static_cast<double>(picture.width), static_cast<double>(picture.height)}, l.n_x,
                   scale);
}

inline void draw_columns(figure_page& page, const figure_layout& l, const std::vector<figure_column>& columns,
                         const pixel_calibration& scale) {
    const bool unit_below = l.bar_text > page.pt(10);
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const figure_column& c = columns[i];
        const double x = l.cell_x(i % l.per_block), y = l.margin + static_cast<double>(i / l.per_block) * l.block();
        draw_panel(page, l, {x, y}, {c.name, c.before}, colour(c.raw, c.limits, c.colours), scale);
        draw_panel(page, l, {x, y + l.panel_row()}, {c.name, c.after}, colour(c.fused, c.limits, c.colours), scale);
        const double bar_y = std::round(y + 2 * l.panel_row() - l.gap + l.bar() * 0.8);
        draw_colour_bar(page, {x, bar_y, std::floor(std::max(static_cast<double>(l.panel_width), l.cell / 2)), l.bar()},
                        c.colours, c.limits, c.unit, unit_below);
    }
}

// Raw and fused overlay with their legend, in the first two cells.
inline void draw_overlays(figure_page& page, const figure_layout& l, const std::vector<figure_column>& columns,
                          double y, const pixel_calibration& scale) {
    std::vector<xt::xtensor<double, 2>> raw, fused;
    std::vector<display_limits> limits;
    std::vector<std::string> names;
    std::vector<rgb> hues;
    for (std::size_t i = 1; i < columns.size() && i <= 4; ++i) {
        raw.push_back(columns[i].raw), fused.push_back(columns[i].fused), limits.push_back(columns[i].limits);
        names.push_back(columns[i].name), hues.push_back(columns[i].hue);
    }
    draw_panel(page, l, {l.cell_x(0), y}, {"Overlay", "raw"}, overlay(raw, limits, hues), scale);
    draw_panel(page, l, {l.cell_x(1), y}, {"Overlay", "fused"}, overlay(fused, limits, hues), scale);
    draw_legend(page, {l.cell_x(0), y + l.panel_row() - l.gap + page.pt(9)}, names, hues);
}

// Where the overlays and the profiles lie below the columns: side by side where there is room for both.
struct lower_part {
    bool overlay, profile;
    double overlay_y, profile_y, bottom;
    box area;

    lower_part(const figure_layout& l, std::size_t n_elements, const figure_options& options)
        : overlay(options.overlay && n_elements > 1), profile(options.profile && l.n_x > 1) {
        const double pt = l.dots_per_inch / 72, n = static_cast<double>(n_elements);
        const double overlay_height = l.panel_row() + 12 * pt;
        overlay_y = profile_y = bottom = l.margin + static_cast<double>(l.blocks) * l.block();
        if (overlay) bottom += overlay_height;
        if (!profile) return;
        const double x = overlay && l.per_block > 2 ? l.cell_x(2) : l.margin;
        const bool beside = overlay && l.per_block > 2 && l.width() - l.margin - x > 160 * pt;
        double height = n * 26 * pt + 11 * pt;
        if (beside) height = std::max(static_cast<double>(l.panel_height) + 10 * pt, n * 19 * pt + 11 * pt);
        if (!beside) profile_y = bottom;
        area = {beside ? x : l.margin, profile_y + l.title, l.width() - l.margin - (beside ? x : l.margin), height};
        bottom = std::max(bottom, area.y + height + l.gap);
    }
};

}  // namespace detail

/// Draws the HAADF image (measured, re-projected) and every element's map (raw, fused) in columns: both at the same
/// limits, which stand at the colour bar; below, where asked for, overlays and line profiles. Takes any shape but empty
/// ones and any number of elements. Throws shape_error where the images do not fit together, value_error for
/// percentiles, width_mm outside of [60, 1000] or dots_per_inch outside of [50, 1200].
template <scalar T>
figure fusion_figure(const fusion_record<T>& record, const figure_options& options = {}) {
    detail::require_drawable(record);
    require_in_range(options.width_mm, 60, 1000, "width_mm");
    require_in_range(options.dots_per_inch, 50, 1200, "dots_per_inch");
    const std::size_t n_elements = record.elements.size(), ny = record.haadf.shape(0);
    auto layout = detail::lay_out(n_elements + 1, {ny, record.haadf.shape(1)}, options);
    std::vector<detail::figure_column> columns;
    for (std::size_t i = 0; i <= n_elements; ++i) {
        columns.push_back(detail::column_of(record, i, layout.panel_height, layout.panel_width, options));
    }
    const figure_page ruler(1, 1, layout.dots_per_inch);
    const bool fits = std::all_of(columns.begin(), columns.end(), [&](const auto& c) {
        return unit_fits_between_limits(ruler, static_cast<double>(layout.panel_width), c.limits, c.unit);
    });
    layout.bar_text = ruler.pt(fits ? 9 : 17);
    const detail::lower_part lower(layout, n_elements, options);
    figure_page page(static_cast<std::size_t>(lower.bottom - layout.gap + layout.margin),
                     static_cast<std::size_t>(layout.width()), layout.dots_per_inch);
    const pixel_calibration scale = record.scale.in_shown_unit(layout.n_x);
    detail::draw_columns(page, layout, columns, scale);
    if (lower.overlay) detail::draw_overlays(page, layout, columns, lower.overlay_y, scale);
    if (lower.profile) {
        const std::size_t rows = detail::profile_rows(ny, options.profile_rows);
        draw_title(page, {lower.area.x, lower.profile_y + page.pt(7)}, lower.area.width, "Profile",
                   detail::profile_heading(ny, rows));
        draw_profiles(page, lower.area, detail::profiles_of(record, columns, rows), scale);
    }
    return {std::move(page.drawing).image(), layout.dots_per_inch};
}

/// Writes fusion_figure as PNG with its resolution. Throws what it throws, and write_error; the file is whole or not
/// there.
template <scalar T>
void write_figure(const std::filesystem::path& path, const fusion_record<T>& record,
                  const figure_options& options = {}) {
    const figure drawn = fusion_figure(record, options);
    write_png(path, drawn.picture, drawn.dots_per_inch);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
