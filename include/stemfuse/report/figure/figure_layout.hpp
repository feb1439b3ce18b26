// Where the parts of a figure lie.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <stemfuse/core/array.hpp>
#include <stemfuse/report/figure/figure_column.hpp>
#include <stemfuse/report/figure/figure_parts.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// Sizes in pixels. Columns of two rows (raw, fused) or three (truth) stand in blocks below one another, at most five
// side by side.
struct figure_layout {
    std::size_t n_y, n_x, blocks, per_block, panel_height, panel_width, rows;
    double dots_per_inch, cell, margin, gap, title, bar_text;
    bool bar_below_raw;

    double width() const { return 2 * margin + static_cast<double>(per_block) * (cell + gap) - gap; }
    double panel_row() const { return title + static_cast<double>(panel_height) + gap; }
    double bar() const { return dots_per_inch / 72 * 5; }
    // A bar and its numbers, from the lower edge of a panel to the gap below.
    double bar_row() const { return bar() * 1.8 + bar_text; }
    // From the upper edge of a block to that of a row in it.
    double row_y(std::size_t row) const {
        return static_cast<double>(row) * panel_row() + (row > 0 && bar_below_raw ? bar_row() : 0);
    }
    double block() const { return row_y(rows) + bar_row(); }
    double block_y(std::size_t number) const { return margin + static_cast<double>(number) * block(); }
    double cell_x(std::size_t column) const { return std::round(margin + static_cast<double>(column) * (cell + gap)); }
    bool unit_below(const figure_page& page) const { return bar_text > page.pt(10); }

    // The size at which panels are coloured: the maps' own where panels repeat every pixel so many times.
    image_shape picture_shape() const {
        const bool repeats = panel_height % n_y == 0 && panel_width % n_x == 0;
        return repeats ? image_shape{n_y, n_x} : image_shape{panel_height, panel_width};
    }
};

inline figure_layout lay_out(std::size_t n_columns, const image_shape& shape, const figure_options& options) {
    figure_layout l{};
    l.n_y = shape[0], l.n_x = shape[1], l.rows = 2;
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
    l.margin = margin_mm * mm, l.gap = gap_mm * mm, l.title = options.titles ? 11 * pt : 0;
    l.cell = std::max(cell * density, static_cast<double>(l.panel_width));
    return l;
}

// Where the overlays and the profiles lie below the columns: side by side where there is room for both.
struct lower_part {
    bool overlay, profile;
    double overlay_y, profile_y, bottom;
    box area;

    lower_part(const figure_layout& l, std::size_t n_elements, bool with_overlay, bool with_profile)
        : overlay(with_overlay), profile(with_profile && l.n_x > 1), area{} {
        const double pt = l.dots_per_inch / 72, n = static_cast<double>(n_elements);
        const double overlay_height = l.panel_row() + 12 * pt;
        overlay_y = profile_y = bottom = l.block_y(l.blocks);
        if (overlay) bottom += overlay_height;
        if (!profile) return;
        const std::size_t overlays = l.rows;
        const double x = overlay && l.per_block > overlays ? l.cell_x(overlays) : l.margin;
        const bool beside = overlay && l.per_block > overlays && l.width() - l.margin - x > 160 * pt;
        double height = n * 26 * pt + 11 * pt;
        if (beside) height = std::max(static_cast<double>(l.panel_height) + 10 * pt, n * 19 * pt + 11 * pt);
        if (!beside) profile_y = bottom;
        const double heading = l.title > 0 ? l.title : 4 * pt;
        area = {beside ? x : l.margin, profile_y + heading, l.width() - l.margin - (beside ? x : l.margin), height};
        bottom = std::max(bottom, area.y + height + l.gap);
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
