// One quantity over the iterations, as inline SVG.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/report/figure/figure_parts.hpp>
#include <stemfuse/report/html.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Finite, with room for arithmetic.
inline bool fits_in_chart(double value) { return std::abs(value) < 1e300; }

// The vertical axis of a chart: logarithmic where all values are positive and spread over more than a factor of 5.
struct chart_axis {
    bool logarithmic = false;
    double low = 0, high = 1;
    std::vector<double> ticks;

    explicit chart_axis(const std::vector<double>& values) {
        std::vector<double> finite;
        std::ranges::copy_if(values, std::back_inserter(finite), fits_in_chart);
        if (finite.empty()) return;
        const auto [lowest, highest] = std::ranges::minmax(finite);
        logarithmic = lowest > 0 && highest / lowest > 5;
        logarithmic ? take_decades(lowest, highest) : take_steps(lowest, highest);
    }

    // 0 at the lower end, 1 at the upper one.
    double part(double value) const {
        return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    }

private:
    void take_decades(double lowest, double highest) {
        low = lowest / 1.1, high = highest * 1.1;
        const bool fine = high / low < 2000;
        for (double decade = std::pow(10.0, std::floor(std::log10(low))); decade <= high; decade *= 10) {
            for (const double factor : {1.0, 2.0, 5.0}) {
                const double tick = decade * factor;
                if (tick >= low && tick <= high && (factor == 1 || fine)) ticks.push_back(tick);
            }
        }
        const std::size_t every = ticks.size() / 8 + 1;
        for (std::size_t i = 0; i * every < ticks.size(); ++i) ticks[i] = ticks[i * every];
        ticks.resize((ticks.size() + every - 1) / every);
    }

    void take_steps(double lowest, double highest) {
        double span = highest - lowest;
        if (!(span > 1e-9 * std::abs(highest))) span = std::max(1.0, std::abs(highest)) * 1e-3;
        low = lowest - 0.06 * span, high = std::max(highest, lowest + span) + 0.06 * span;
        const double step = round_length((high - low) / 3);
        for (int i = 0; i < 20; ++i) {
            const double tick = (std::ceil(low / step) + i) * step;
            if (tick <= high) ticks.push_back(std::abs(tick) < step / 2 ? 0 : tick);
        }
    }
};

inline std::string coordinate(double value) { return fixed_text(value, 1); }

struct chart_point {
    double x, y;
};

// A grid line, or a mark below the axis, with its number.
inline std::string chart_tick(chart_point from, chart_point to, double value, chart_point text,
                              std::string_view anchor) {
    return "<path class=\"grid\" d=\"M" + coordinate(from.x) + " " + coordinate(from.y) + "L" + coordinate(to.x) + " " +
           coordinate(to.y) + "\"/><text x=\"" + coordinate(text.x) + "\" y=\"" + coordinate(text.y) +
           "\" text-anchor=\"" + std::string(anchor) + "\">" + to_string(value) + "</text>\n";
}

}  // namespace detail

/// A chart of values[k] after k iterations; values that are not finite, or above 1e300, are left out. `title` is
/// escaped.
inline std::string history_chart(std::string_view title, const std::vector<double>& values) {
    using detail::coordinate;
    constexpr double width = 280, height = 200, left = 56, right = 272, top = 28, bottom = 164;
    const detail::chart_axis axis(values);
    const double last = std::max<double>(1, static_cast<double>(values.size()) - 1);
    const auto x_of = [&](double k) { return left + (right - left) * k / last; };
    const auto y_of = [&](double v) { return bottom - (bottom - top) * axis.part(v); };
    std::string description = std::string(title) + " over the iterations";
    if (!values.empty()) {
        description += ": " + to_string(values.front()) + " at the start, " + to_string(values.back()) + " after " +
                       std::to_string(values.size() - 1);
    }
    std::string svg = "<svg viewBox=\"0 0 " + coordinate(width) + " " + coordinate(height) +
                      "\" role=\"img\" aria-label=\"" + escape_html(description) +
                      "\">\n<text class=\"name\" x=\"0\" y=\"14\">" + escape_html(title) + "</text><text x=\"" +
                      coordinate(right) + "\" y=\"14\" text-anchor=\"end\">" + (axis.logarithmic ? "log scale" : "") +
                      "</text>\n";
    for (const double tick : axis.ticks) {
        svg += detail::chart_tick({left, y_of(tick)}, {right, y_of(tick)}, tick, {left - 6, y_of(tick) + 4}, "end");
    }
    const double step = std::max(1.0, round_length(last / 3));
    for (double k = 0; k <= last; k += step) {
        svg += detail::chart_tick({x_of(k), bottom}, {x_of(k), bottom + 4}, k, {x_of(k), bottom + 17}, "middle");
    }
    std::string path;
    bool drawing = false;
    for (std::size_t k = 0; k < values.size(); ++k) {
        if (detail::fits_in_chart(values[k])) {
            path +=
                (drawing ? "L" : "M") + coordinate(x_of(static_cast<double>(k))) + " " + coordinate(y_of(values[k]));
        }
        drawing = detail::fits_in_chart(values[k]);
    }
    return svg + "<path class=\"axis\" d=\"M" + coordinate(left) + " " + coordinate(top) + "V" + coordinate(bottom) +
           "H" + coordinate(right) + "\"/>\n<path class=\"curve\" d=\"" + path + "\"/>\n<text x=\"" +
           coordinate((left + right) / 2) + "\" y=\"" + coordinate(height - 1) +
           "\" text-anchor=\"middle\">iteration</text>\n</svg>\n";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
