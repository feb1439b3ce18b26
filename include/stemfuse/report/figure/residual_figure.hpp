// The second figure of a fusion: what the maps leave unexplained, and how the objective fell.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/report/figure/figure.hpp>
#include <stemfuse/report/figure/residual.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// One term over the iterations, between its lowest and its highest value; on a logarithmic scale where these are
// positive and more than a factor of 5 apart.
inline void draw_history(figure_page& page, const box& area, const std::string& name,
                         const std::vector<double>& values) {
    const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
    const bool finite = std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
    const bool logarithmic = finite && *lowest > 0 && *highest > 5 * *lowest;
    draw_title(page, {area.x, area.y + page.pt(7)}, area.width, name, logarithmic ? "log scale" : "");
    const box plot{area.x + page.pt(2), area.y + page.pt(20), area.width - page.pt(6), area.height - page.pt(30)};
    const rgb line{110, 110, 110};
    const double bottom = plot.y + plot.height + page.pt(2);
    page.drawing.stroke({{{plot.x, plot.y}, {plot.x, bottom}, {plot.x + plot.width, bottom}}}, page.pt(0.5), line);
    text_style number = page.regular(6.5);
    const std::string last = std::to_string(values.size() - 1);
    page.drawing.text({plot.x, bottom + page.pt(8)}, "iteration 0", number);
    number.align = 1;
    page.drawing.text({plot.x + plot.width, bottom + page.pt(8)}, last, number);
    if (!finite) return;
    number.align = 0;
    page.drawing.text({plot.x, plot.y - page.pt(4)}, to_string(*lowest) + " to " + to_string(*highest), number);
    const auto scaled = [&](double v) { return logarithmic ? std::log(v) : v; };
    const double low = scaled(*lowest), range = std::max(scaled(*highest) - low, 1e-300);
    polyline curve;
    for (std::size_t k = 0; k < values.size(); ++k) {
        const double x = static_cast<double>(k) / static_cast<double>(std::max<std::size_t>(values.size() - 1, 1));
        curve.push_back(
            {plot.x + x * plot.width, plot.y + plot.height - (scaled(values[k]) - low) / range * plot.height});
    }
    page.drawing.stroke({curve}, page.pt(1.1), {31, 78, 140});
}

inline void draw_residual(figure_page& page, const figure_layout& l, point at, const std::string& name,
                          const xt::xtensor<double, 2>& residual, const pixel_calibration& scale) {
    const display_limits limits = limits_of_residual(residual);
    draw_panel(page, l, at, {name, "(fused \u2212 raw) / sqrt(raw)"},
               colour(resample(as_view(residual), l.picture_shape()[0], l.picture_shape()[1]), limits, diverging_map()),
               scale);
    const double bar_y = std::round(at.y + l.title + static_cast<double>(l.panel_height) + l.bar() * 0.8);
    draw_colour_bar(page, {at.x, bar_y, std::floor(std::max(static_cast<double>(l.panel_width), l.cell / 2)), l.bar()},
                    diverging_map(), limits, "", false);
}

}  // namespace detail

/// Draws the residual of every element (see residual_of) between limits that stand at its colour bar, and below, where
/// the record has a history, the unweighted terms and the weighted total over the iterations. Takes and throws what
/// fusion_figure does.
template <scalar T>
figure residual_figure(const fusion_record<T>& record, const figure_options& options = {}) {
    detail::require_drawable(record);
    detail::check(options);
    const std::size_t n = record.elements.size();
    const auto layout =
        detail::lay_out(std::max<std::size_t>(n, 3), {record.haadf.shape(0), record.haadf.shape(1)}, options);
    const double pt = layout.dots_per_inch / 72;
    const double row = layout.panel_row() + layout.bar() * 1.8 + 9 * pt;
    const std::size_t rows = (n + layout.per_block - 1) / layout.per_block;
    const fusion_history& h = record.history;
    const double charts_y = layout.margin + static_cast<double>(rows) * row, charts = h.total.empty() ? 0 : 100 * pt;
    figure_page page(static_cast<std::size_t>(charts_y + charts + layout.margin),
                     static_cast<std::size_t>(layout.width()), layout.dots_per_inch);
    const pixel_calibration scale = record.scale.in_shown_unit(layout.n_x);
    for (std::size_t i = 0; i < n; ++i) {
        detail::draw_residual(
            page, layout,
            {layout.cell_x(i % layout.per_block), layout.margin + static_cast<double>(i / layout.per_block) * row},
            record.elements[i], residual_of(record, i), scale);
    }
    const std::vector<std::pair<std::string, const std::vector<double>*>> terms{{"HAADF term", &h.haadf},
                                                                                {"Chemical term", &h.chemical},
                                                                                {"Total variation", &h.tv},
                                                                                {"Weighted total", &h.total}};
    const double width = (layout.width() - 2 * layout.margin) / 4;
    for (std::size_t k = 0; k < terms.size() && charts > 0; ++k) {
        if (terms[k].second->empty()) continue;
        detail::draw_history(page, {layout.margin + static_cast<double>(k) * width, charts_y, width, charts},
                             terms[k].first, *terms[k].second);
    }
    return {std::move(page.drawing), layout.dots_per_inch};
}

/// Writes residual_figure() as PNG or SVG, see write_figure(path, figure). Throws what these throw.
template <scalar T>
void write_residual_figure(const std::filesystem::path& path, const fusion_record<T>& record,
                           const figure_options& options = {}) {
    write_figure(path, residual_figure(record, options));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
