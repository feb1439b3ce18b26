// Line profiles of element maps, one strip an element above a shared axis of lengths.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/report/figure/figure_parts.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// One element along x: a value a pixel.
struct element_profile {
    std::string name;             ///< a symbol
    rgb hue;                      ///< colour of its curves
    std::vector<double> raw;      ///< before the fusion
    std::vector<double> fused;    ///< after it, as many values
    std::vector<double> truth{};  ///< as many where it is known; else none
};

namespace detail {

inline display_limits profile_limits(const element_profile& profile) {
    display_limits limits{0, 0};
    for (const auto* values : {&profile.raw, &profile.fused, &profile.truth}) {
        for (const double v : *values) {
            if (!std::isfinite(v)) continue;
            limits = {std::min(limits.low, v), std::max(limits.high, v)};
        }
    }
    if (limits.low == limits.high) limits.high = 1;
    return limits;
}

// A little space stays above the highest value.
inline double height_in_strip(double value, const display_limits& limits, const box& strip) {
    return strip.y + strip.height * (1 - limits.part(value) * 0.96);
}

// The curve inside the strip, in pieces where values are not finite.
inline std::vector<polyline> profile_lines(const std::vector<double>& values, const display_limits& limits,
                                           const box& strip) {
    std::vector<polyline> lines(1);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double part = (static_cast<double>(i) + 0.5) / static_cast<double>(values.size());
        const point p{strip.x + part * strip.width, height_in_strip(values[i], limits, strip)};
        if (std::isfinite(p.y)) {
            lines.back().push_back(p);
        } else if (!lines.back().empty()) {
            lines.emplace_back();
        }
    }
    return lines;
}

inline void draw_strip(figure_page& page, const box& strip, const element_profile& profile) {
    const display_limits limits = profile_limits(profile);
    const rgb line{110, 110, 110}, hue = on_white(profile.hue);
    text_style number = page.regular(6);
    number.align = 1;
    for (const double tick : {0.0, round_length(limits.high > 0 ? limits.high : 1)}) {
        if (tick > limits.high) continue;
        const double y = height_in_strip(tick, limits, strip);
        if (tick > 0 && height_in_strip(0, limits, strip) - y < page.pt(6)) continue;
        page.drawing.stroke({{{strip.x, y}, {strip.x + strip.width, y}}}, page.pt(0.4), {215, 215, 215});
        page.drawing.text({strip.x - page.pt(3), y + page.pt(2)}, short_number(tick), number);
    }
    page.drawing.stroke(profile_lines(profile.raw, limits, strip), page.pt(0.5), mix(hue, black, 0.35), 0.75);
    page.drawing.stroke(profile_lines(profile.fused, limits, strip), page.pt(1.3), hue);
    if (!profile.truth.empty()) page.drawing.stroke(profile_lines(profile.truth, limits, strip), page.pt(0.5), black);
    page.drawing.stroke({{{strip.x, strip.y}, {strip.x, strip.y + strip.height}}}, page.pt(0.5), line);
    text_style name = page.bold(7);
    name.colour = hue;
    page.drawing.text({strip.x + strip.width + page.pt(4), strip.y + strip.height / 2 + page.pt(2.5)}, profile.name,
                      name);
}

}  // namespace detail

/// Draws raw curves thin and fused ones bold, in the elements' hues, with lengths below. Every strip has a scale of its
/// own.
inline void draw_profiles(figure_page& page, const box& area, const std::vector<element_profile>& profiles,
                          const pixel_calibration& scale) {
    double names = page.pt(8);
    for (const auto& p : profiles) names = std::max(names, text_width(p.name, page.bold(7).font));
    const box plot{area.x + page.pt(22), area.y, area.width - page.pt(22 + 5) - names, area.height - page.pt(11)};
    const double gap = page.pt(6), n = static_cast<double>(profiles.size());
    const double height = (plot.height - gap * (n - 1)) / n;
    for (std::size_t i = 0; i < profiles.size(); ++i) {
        detail::draw_strip(page, {plot.x, plot.y + static_cast<double>(i) * (height + gap), plot.width, height},
                           profiles[i]);
    }
    const double bottom = plot.y + plot.height;
    const rgb line{110, 110, 110};
    page.drawing.stroke({{{plot.x, bottom}, {plot.x + plot.width, bottom}}}, page.pt(0.5), line);
    const double length = static_cast<double>(profiles.at(0).raw.size()) * scale.pixel();
    const double step = std::max(round_length(length / 4), scale.known() ? 0.0 : 1.0);
    text_style number = page.regular(6.5);
    number.align = 0.5;
    for (int i = 0; i * step <= length * (1 + 1e-9); ++i) {
        const double x = plot.x + i * step / length * plot.width;
        page.drawing.stroke({{{x, bottom}, {x, bottom + page.pt(2)}}}, page.pt(0.5), line);
        page.drawing.text({x, bottom + page.pt(9)}, short_number(i * step), number);
    }
    page.drawing.text({plot.x + plot.width + page.pt(7), bottom + page.pt(9)}, scale.shown_unit(), page.regular(6.5));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
