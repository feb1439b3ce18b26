// The sections of a report with line profiles and with what the maps leave unexplained.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <stemfuse/report/figure/figure_column.hpp>
#include <stemfuse/report/figure/residual.hpp>
#include <stemfuse/report/figure/svg.hpp>
#include <stemfuse/report/html.hpp>
#include <stemfuse/report/report_size.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// The profiles of the figure, as a picture; nothing of a single column of pixels.
template <scalar T>
std::string profile_html(const fusion_record<T>& record, const figure_options& options) {
    const std::size_t ny = record.haadf.shape(0), nx = record.haadf.shape(1);
    if (!options.profile || nx < 2) return "";
    const row_range rows = profile_rows(ny, options);
    constexpr double width = 1000, dots_per_inch = 144;
    const double strips = 90 * static_cast<double>(record.elements.size());
    figure_page page(static_cast<std::size_t>(strips + 40), static_cast<std::size_t>(width), dots_per_inch);
    draw_profiles(page, {10, 10, width - 20, strips + 20}, profiles_of(record, options, rows),
                  record.scale.in_shown_unit(nx));
    const std::string heading = profile_heading(rows, record.truth.has_value());
    return "<h2>Line profile</h2>\n<p>Along x, " + heading +
           "; every element on its own scale.</p>\n<div class=\"profile\">" + svg_element(page.drawing, dots_per_inch) +
           "</div>\n";
}

// The residual of every element with its limits.
template <scalar T>
std::string residual_html(const fusion_record<T>& record, const report_size& size, const std::string& scale_bar) {
    std::string panels;
    for (std::size_t i = 0; i < record.elements.size(); ++i) {
        const auto residual = residual_of(record, i);
        const display_limits limits = limits_of_residual(residual);
        const std::string caption = record.elements[i] + ", \u00b1" + short_number(limits.high);
        panels += panel_html(colour(size.resampled(as_view(residual)), limits, diverging_map()), caption,
                             "Residual of " + caption, scale_bar, size.enlarged);
    }
    return "<h2>Residuals</h2>\n<p>(fused \u2212 raw) / \u221araw, with at least the mean of raw under the root: red "
           "where "
           "the fused map is above the raw one, blue where it is below. Grain about a mean of 0 is noise that was "
           "removed; where the mean is red or blue, the fusion changed the level.</p>\n<div class=\"charts\">\n" +
           panels + "</div>\n";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
