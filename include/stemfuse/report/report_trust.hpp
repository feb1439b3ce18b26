// The section of a report that shows how far maps rest on averaging, and where they disagree with their counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/report/figure/figure_parts.hpp>
#include <stemfuse/report/figure/map_image.hpp>
#include <stemfuse/report/html.hpp>

namespace stemfuse::io {

/// Of one element, shape (n_y, n_x): the share of a pixel's counts that is from elsewhere, and the deviation of the
/// counts from the map in standard deviations.
struct trust_map {
    std::string name;
    xt::xtensor<double, 2> nonlocal_fraction, deviation;
};

/// What the report says about how far to trust the maps.
struct trust_section {
    std::vector<std::string> sentences;  ///< the worst places
    std::vector<trust_map> maps;
    double threshold = 0;  ///< beyond which a deviation is flagged
};

namespace detail {

inline std::string trust_pair(const trust_map& map, double threshold, const image_shape& size,
                              const std::string& scale_bar) {
    double most = 1.5 * threshold;
    for (const double z : map.deviation) most = std::max(most, std::abs(z));
    const auto shown = [&](const xt::xtensor<double, 2>& numbers, const display_limits& limits,
                           const colormap& colours) {
        return colour(resample(as_view(numbers), size[0], size[1]), limits, colours);
    };
    const std::string range = short_number(most);
    return "<section class=\"pair\"><h3>" + escape_html(map.name) + "</h3>\n<div class=\"panels\">\n" +
           panel_html(shown(map.nonlocal_fraction, {0, 1}, grey_map()), "share from elsewhere, 0 to 1",
                      map.name + ": share of the counts that averaging brought from elsewhere", scale_bar) +
           panel_html(shown(map.deviation, {-most, most}, diverging_map()),
                      "counts \u2212 map, \u00b1" + range + " std. dev.",
                      map.name + ": deviation of the counts from the map, from -" + range + " to " + range +
                          " standard deviations",
                      scale_bar) +
           "</div></section>\n";
}

}  // namespace detail

/// The section as HTML, pictures of `size`; nothing without maps.
inline std::string trust_html(const trust_section& section, const image_shape& size, const std::string& scale_bar) {
    if (section.maps.empty()) return "";
    std::string sentences, maps;
    for (const auto& sentence : section.sentences) sentences += "<li>" + escape_html(sentence) + "</li>\n";
    for (const auto& map : section.maps) maps += detail::trust_pair(map, section.threshold, size, scale_bar);
    return "<h2>How far to trust the maps</h2>\n<p>Averaging takes counts from places that look alike. What the image "
           "does not show may be copied with them: left, how much of a pixel comes from more than 3 pixels away; "
           "right, "
           "where the counts around a pixel are fewer (blue) or more (red) than the map expected before it was "
           "balanced with them. Beyond " +
           short_number(section.threshold) + " standard deviations, either way, chance is no explanation.</p>\n<ul>\n" +
           sentences + "</ul>\n<div class=\"maps\">\n" + maps + "</div>\n";
}

}  // namespace stemfuse::io
