// What the panels of a figure carry: titles, scale bars, colour bars, legends.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/report/figure/drawing.hpp>
#include <stemfuse/report/figure/map_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The longest of ... 0.1, 0.2, 0.5, 1, 2, 5, 10 ... that is not above `most`, which is above 0.
inline double round_length(double most) {
    const double decade = std::pow(10.0, std::floor(std::log10(most)));
    for (const double step : {5.0, 2.0}) {
        if (step * decade <= most * (1 + 1e-9)) return step * decade;
    }
    return decade;
}

/// Three significant digits, no trailing zeros, a true minus sign; -0 is 0.
inline std::string short_number(double value) {
    const double size = std::abs(value);
    std::string text = value < 0 ? "\u2212" : "";
    if (!(size >= 999.5 && size < 99950)) return text.append(to_string(size, 3));
    const double unit = size < 9995 ? 10 : 100;
    return text.append(fixed_text(std::round(size / unit) * unit, 0));  // 1000, where three digits are 1e+03
}

/// A rectangle of a figure, in pixels.
struct box {
    double x;       ///< left edge
    double y;       ///< upper edge
    double width;   ///< to the right
    double height;  ///< downwards
};

/// A drawing with lengths in points, and the styles of one figure.
class figure_page {
public:
    /// A white page; sizes in pixels.
    figure_page(std::size_t height, std::size_t width, double dots_per_inch)
        : drawing(height, width), point_size(dots_per_inch / 72) {}

    io::drawing drawing;  ///< in pixels
    double point_size;    ///< pixels in a point

    /// Points as pixels.
    double pt(double points) const { return points * point_size; }
    /// Text of this height in points; strokes are 9 % of it wide.
    text_style regular(double points) const { return {.font = {.size = pt(points), .weight = 0.09}}; }
    /// The same with strokes of 14 %.
    text_style bold(double points) const { return {.font = {.size = pt(points), .weight = 0.14}}; }
};

/// A heading, its first part bold, on a baseline; letters shrink where it is wider than `width`.
inline void draw_title(figure_page& page, point at, double width, std::string_view name, std::string_view rest,
                       double points = 8) {
    text_style first = page.bold(points), second = page.regular(points);
    const double gap = page.pt(points) * 0.28;
    const double wanted = text_width(name, first.font) + gap + text_width(rest, second.font);
    const double shrink = std::min(1.0, width / wanted);
    first.font.size *= shrink, second.font.size *= shrink;
    text_mark title{at, {{std::string(name), first}}, gap * shrink};
    if (!rest.empty()) title.runs.push_back({std::string(rest), second});
    page.drawing.text(std::move(title));
}

/// A scale bar of a round length in the lower left corner of a panel that shows n_x pixels side by side. Left out where
/// the panel is too small for it.
inline void draw_scale_bar(figure_page& page, const box& panel, std::size_t nx, const pixel_calibration& scale) {
    const double across = static_cast<double>(nx) * scale.pixel();
    const double length = round_length(across / 3.5);
    if (!scale.known() && length < 1) return;
    const std::string label = short_number(length) + " " + scale.shown_unit();
    text_style style = page.regular(7);
    style.colour = white;
    const double width = length / across * panel.width, inset = page.pt(4), thickness = page.pt(1.8);
    const double needed = 2 * inset + std::max(width, text_width(label, style.font));
    if (panel.width < needed || panel.height < 2 * inset + page.pt(12)) return;
    const double x = panel.x + inset, y = panel.y + panel.height - inset - thickness, rim = page.pt(0.5);
    page.drawing.text_on_image({x, y - page.pt(2.6)}, label, style, black);
    page.drawing.fill(x - rim, y - rim, width + 2 * rim, thickness + 2 * rim, {40, 40, 40});
    page.drawing.fill(x, y, width, thickness, white);
}

/// Whether the unit fits between the two numbers below a colour bar of this width in pixels.
inline bool unit_fits_between_limits(const figure_page& page, double width, const display_limits& limits,
                                     std::string_view unit) {
    const font_style font = page.regular(6.5).font;
    const double numbers = text_width(short_number(limits.low), font) + text_width(short_number(limits.high), font);
    return numbers + text_width(unit, font) + page.pt(8) <= width;
}

/// Whether a colour bar must be marked as one that does not start at 0: contrast looks larger than it is.
inline bool starts_beside_zero(const display_limits& limits) { return limits.low > 0 || limits.high < 0; }

/// A horizontal colour bar with its limits below, and the unit between them or on a line of its own. Where it does not
/// start at 0 it has a break, and its first number is bold.
inline void draw_colour_bar(figure_page& page, const box& bar, const colormap& colours, const display_limits& limits,
                            std::string_view unit, bool unit_below) {
    rgb_image steps(1, 256);
    for (std::size_t k = 0; k < steps.width; ++k) steps(0, k) = colours(static_cast<double>(k) / 255);
    const double left = std::floor(bar.x), top = std::floor(bar.y);
    page.drawing.place(std::move(steps), left, top, std::floor(bar.width), std::ceil(bar.height));
    text_style style = page.regular(6.5);
    const double baseline = bar.y + bar.height + page.pt(7);
    const bool broken = starts_beside_zero(limits);
    if (broken) {
        const double reach = page.pt(1);
        for (const double at : {2.5, 4.5}) {
            const double x = left + page.pt(at);
            page.drawing.stroke({{{x + reach, top - reach}, {x - reach, top + bar.height + reach}}}, page.pt(0.9),
                                white);
        }
    }
    page.drawing.text({bar.x, baseline}, short_number(limits.low), broken ? page.bold(6.5) : style);
    style.align = 1;
    page.drawing.text({bar.x + bar.width, baseline}, short_number(limits.high), style);
    style.align = 0.5;
    style.font.size *= std::min(1.0, bar.width / std::max(1.0, text_width(unit, style.font)));
    if (!unit.empty())
        page.drawing.text({bar.x + bar.width / 2, baseline + (unit_below ? page.pt(8) : 0)}, unit, style);
}

/// Names in boxes of their hues, side by side.
inline void draw_legend(figure_page& page, point at, const std::vector<std::string>& names,
                        const std::vector<rgb>& hues) {
    const text_style style = page.regular(7);
    for (std::size_t i = 0; i < names.size(); ++i) {
        page.drawing.fill(at.x, at.y - page.pt(5.2), page.pt(5.5), page.pt(5.5), hues[i]);
        at.x += page.pt(8);
        page.drawing.text(at, names[i], style);
        at.x += text_width(names[i], style.font) + page.pt(7);
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
