// The section of a report that shows how settings were chosen by counts held out.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <stemfuse/io/record/record.hpp>
#include <stemfuse/recipes/count_reasons.hpp>
#include <stemfuse/report/history_chart.hpp>
#include <stemfuse/report/html.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A fit, and how much worse than the best one it predicts the counts held out.
struct holdout_point {
    double smoothing = 0;       ///< see count_setting
    double deficit = 0;         ///< log-likelihood below that of the best fit; 0: the best
    double standard_error = 0;  ///< of the deficit
};

/// The fits that differ by their smoothing alone.
struct holdout_curve {
    std::string variant;                ///< in words: what the fits have in common
    std::vector<holdout_point> points;  ///< by smoothing
};

/// The deficits for one element, or for all together; `curves[chosen_curve].points[chosen_point]` was taken.
struct holdout_panel {
    std::string name;                   ///< a symbol, or "all elements"
    std::vector<holdout_curve> curves;  ///< one a variant
    std::size_t chosen_curve = 0;       ///< of `curves`
    std::size_t chosen_point = 0;       ///< of the points of that curve
};

namespace detail {

// The fit of a curve that predicts best. The curve must have one.
inline const holdout_point& best_point(const holdout_curve& curve) {
    return *std::min_element(curve.points.begin(), curve.points.end(),
                             [](const auto& a, const auto& b) { return a.deficit < b.deficit; });
}

// Where points lie in a panel's chart: the logarithm of the smoothing to the right, the square root of the deficit
// upwards, up to one half more than the best fit of the worst variant has.
struct holdout_axes {
    static constexpr double width = 280, height = 214, left = 56, right = 272, top = 28, bottom = 172;
    double narrow = std::numeric_limits<double>::infinity(), wide = 0, most = 1;
    std::vector<double> smoothings;

    explicit holdout_axes(const holdout_panel& panel) {
        for (const auto& curve : panel.curves) {
            for (const auto& p : curve.points) {
                narrow = std::min(narrow, p.smoothing);
                wide = std::max(wide, p.smoothing);
                smoothings.push_back(p.smoothing);
            }
            if (!curve.points.empty()) most = std::max(most, 1.5 * best_point(curve).deficit);
        }
        std::sort(smoothings.begin(), smoothings.end());
        smoothings.erase(std::unique(smoothings.begin(), smoothings.end()), smoothings.end());
    }

    double x(double smoothing) const {
        const double span = std::log(wide / narrow);
        const double part = span > 0 ? std::log(smoothing / narrow) / span : 0.5;
        return left + 10 + (right - left - 20) * part;
    }
    double y(double deficit) const { return bottom - (bottom - top) * std::sqrt(std::clamp(deficit / most, 0.0, 1.0)); }
};

inline std::string holdout_curve_svg(const holdout_curve& curve, const holdout_axes& axes, bool chosen) {
    std::string path, bars;
    bool drawing = false;
    for (const auto& p : curve.points) {
        const bool inside = p.deficit <= axes.most;
        const std::string x = coordinate(axes.x(p.smoothing));
        if (inside) path += (drawing ? "L" : "M") + x + " " + coordinate(axes.y(p.deficit));
        if (inside && chosen) {
            bars += "M" + x + " " + coordinate(axes.y(p.deficit - p.standard_error)) + "V" +
                    coordinate(axes.y(p.deficit + p.standard_error));
        }
        drawing = inside;
    }
    const std::string title = "<title>" + escape_html(curve.variant) + "</title></path>\n";
    std::string svg = "<path class=\"" + std::string(chosen ? "curve" : "other") + "\" d=\"" + path + "\">" + title;
    if (!bars.empty()) svg += "<path class=\"error\" d=\"" + bars + "\"/>\n";
    return svg;
}

inline std::string holdout_chart(const holdout_panel& panel) {
    const holdout_axes axes(panel);
    const auto& chosen = panel.curves.at(panel.chosen_curve);
    const auto& taken = chosen.points.at(panel.chosen_point);
    std::string svg =
        "<svg viewBox=\"0 0 " + coordinate(axes.width) + " " + coordinate(axes.height) +
        "\" role=\"img\" aria-label=\"" +
        escape_html("Deficit of " + panel.name + " against smoothing for " + std::to_string(panel.curves.size()) +
                    " variants: taken is " + chosen.variant + ", smoothing " + to_string(taken.smoothing)) +
        "\">\n<text class=\"name\" x=\"0\" y=\"14\">" + escape_html(panel.name) + "</text>\n";
    for (const double part : {0.0, 0.36, 0.6, 0.8, 0.97}) {
        const double tick = part > 0 ? round_length(axes.most * part * part) : 0, y = axes.y(tick);
        svg += chart_tick({axes.left, y}, {axes.right, y}, tick, {axes.left - 6, y + 4}, "end");
    }
    const std::size_t every = axes.smoothings.size() / 8 + 1;
    for (std::size_t k = 0; k < axes.smoothings.size(); k += every) {
        const double x = axes.x(axes.smoothings[k]);
        svg += chart_tick({x, axes.bottom}, {x, axes.bottom + 4}, axes.smoothings[k], {x, axes.bottom + 17}, "middle");
    }
    svg += "<path class=\"axis\" d=\"M" + coordinate(axes.left) + " " + coordinate(axes.top) + "V" +
           coordinate(axes.bottom) + "H" + coordinate(axes.right) + "\"/>\n";
    for (std::size_t k = 0; k < panel.curves.size(); ++k) {
        if (k != panel.chosen_curve) svg += holdout_curve_svg(panel.curves[k], axes, false);
    }
    return svg + holdout_curve_svg(chosen, axes, true) + "<circle class=\"taken\" cx=\"" +
           coordinate(axes.x(taken.smoothing)) + "\" cy=\"" + coordinate(axes.y(taken.deficit)) +
           "\" r=\"5\"/>\n<text x=\"" + coordinate((axes.left + axes.right) / 2) + "\" y=\"" +
           coordinate(axes.height - 6) + "\" text-anchor=\"middle\">smoothing</text>\n</svg>\n";
}

inline std::string with_error(const holdout_point& p) {
    return short_number(p.deficit) + " \u00b1 " + short_number(p.standard_error);
}

// Every variant at its best smoothing, the best first.
inline std::string holdout_table(const holdout_panel& panel) {
    std::vector<const holdout_curve*> curves;
    for (const auto& curve : panel.curves) {
        if (!curve.points.empty()) curves.push_back(&curve);
    }
    std::stable_sort(curves.begin(), curves.end(),
                     [](const auto* a, const auto* b) { return best_point(*a).deficit < best_point(*b).deficit; });
    std::vector<std::vector<std::string>> rows;
    for (const auto* curve : curves) {
        const holdout_point& best = best_point(*curve);
        rows.push_back({curve->variant, short_number(best.smoothing), with_error(best)});
    }
    return table_html("Held-out counts, " + panel.name, {"variant", "best smoothing", "deficit"}, rows);
}

}  // namespace detail

/// The deficits of element i, or of all together for i = elements.size(). Of fits that differ in blur alone, the best
/// one counts.
inline holdout_panel panel_of(const holdout_record& holdout, const std::vector<std::string>& elements, std::size_t i) {
    const bool all = i == elements.size();
    holdout_panel panel{all ? "all elements" : elements[i], {}, 0, 0};
    const count_setting& taken = all ? holdout.tried[common_place(holdout.tried)].setting : holdout.chosen.at(i);
    std::vector<count_setting> variants;
    for (const auto& t : holdout.tried) {
        const auto at =
            std::find_if(variants.begin(), variants.end(), [&](const auto& v) { return same_variant(v, t.setting); });
        const auto k = static_cast<std::size_t>(at - variants.begin());
        if (k == variants.size()) {
            variants.push_back(t.setting);
            panel.curves.push_back({variant_in_words(t.setting), {}});
        }
        const auto& deficit = all ? t.deficit : t.by_element.at(i);
        auto& points = panel.curves[k].points;
        const auto same = std::find_if(points.begin(), points.end(),
                                       [&](const auto& p) { return p.smoothing == t.setting.smoothing; });
        if (same == points.end()) {
            points.push_back({t.setting.smoothing, deficit.value, deficit.standard_error});
        } else if (deficit.value < same->deficit) {
            *same = {t.setting.smoothing, deficit.value, deficit.standard_error};
        }
        if (same_variant(taken, t.setting)) panel.chosen_curve = k;
    }
    for (auto& curve : panel.curves) {
        std::sort(curve.points.begin(), curve.points.end(),
                  [](const auto& a, const auto& b) { return a.smoothing < b.smoothing; });
    }
    const auto& points = panel.curves[panel.chosen_curve].points;
    panel.chosen_point = static_cast<std::size_t>(
        std::find_if(points.begin(), points.end(), [&](const auto& p) { return p.smoothing == taken.smoothing; }) -
        points.begin());
    return panel;
}

/// The section as HTML; nothing where no setting was tried. Throws std::out_of_range where a choice is none of those
/// tried.
inline std::string holdout_html(const holdout_record& holdout, const std::vector<std::string>& elements) {
    if (holdout.tried.empty()) return "";
    std::vector<holdout_panel> panels{panel_of(holdout, elements, elements.size())};
    for (std::size_t i = 0; i < elements.size() && elements.size() > 1; ++i)
        panels.push_back(panel_of(holdout, elements, i));
    std::string sentences, charts;
    for (const auto& sentence : holdout.sentences) sentences += "<li>" + escape_html(sentence) + "</li>\n";
    for (const auto& panel : panels) charts += detail::holdout_chart(panel);
    return "<h2>Choice of the settings</h2>\n<ul>\n" + sentences +
           "</ul>\n<p>Fits to a random part of the counts predict the other part. Shown is by how much a fit's "
           "log-likelihood of the counts held out is below that of the best one: 0 is best. A line is a variant, bold "
           "and with its standard errors the one taken; the circle is the choice.</p>\n<div class=\"charts\">\n" +
           charts + "</div>\n<div class=\"tables\">\n" + detail::holdout_table(panels.front()) + "</div>\n";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
