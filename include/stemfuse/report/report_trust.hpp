// The section of a report that shows how far maps rest on averaging, and where they disagree with their counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/report/figure/figure_parts.hpp>
#include <stemfuse/report/figure/map_image.hpp>
#include <stemfuse/report/html.hpp>
#include <stemfuse/report/report_size.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

inline std::string trust_pair(const trust_record& trust, const std::string& element, std::size_t i,
                              const report_size& size, const std::string& scale_bar) {
    const auto share = as_view(trust.nonlocal_fraction).image(i), deviation = as_view(trust.deviation).image(i);
    double most = 1.5 * trust.threshold;
    stemfuse::detail::for_each_element(deviation, [&](std::size_t, double z) { most = std::max(most, std::abs(z)); });
    const auto shown = [&](const image_view<const double>& numbers, const display_limits& limits,
                           const colormap& colours) { return colour(size.resampled(numbers), limits, colours); };
    const std::string range = short_number(most);
    return "<section class=\"pair\"><h3>" + escape_html(element) + "</h3>\n<div class=\"panels\">\n" +
           panel_html(shown(share, {0, 1}, grey_map()), "nonlocal fraction, 0 to 1",
                      element + ": fraction of the weights that lies more than 3 pixels away", scale_bar,
                      size.enlarged) +
           panel_html(shown(deviation, {-most, most}, diverging_map()),
                      "counts \u2212 map, \u00b1" + range + " std. dev.",
                      element + ": deviation of the counts from the map, from -" + range + " to " + range +
                          " standard deviations",
                      scale_bar, size.enlarged) +
           "</div></section>\n";
}

}  // namespace detail

/// The section as HTML, for each element two pictures of that size with the scale bar over them.
inline std::string trust_html(const trust_record& section, const std::vector<std::string>& elements,
                              const report_size& size, const std::string& scale_bar) {
    std::string sentences, maps;
    for (const auto& sentence : section.sentences) sentences += "<li>" + escape_html(sentence) + "</li>\n";
    for (std::size_t i = 0; i < elements.size(); ++i)
        maps += detail::trust_pair(section, elements[i], i, size, scale_bar);
    return "<h2>How far to trust the maps</h2>\n<p>Averaging takes counts from places that look alike. What the image "
           "does not show may be copied with them. Left: the fraction of a pixel's weights that lies more than 3 "
           "pixels away. Right: where the counts around a pixel are fewer (blue) or more (red) than the map says; over "
           "wide windows the map before it was balanced with the counts, over small windows the map as it is. Beyond " +
           short_number(section.threshold) + " standard deviations, either way, chance is no explanation.</p>\n<ul>\n" +
           sentences + "</ul>\n<div class=\"maps\">\n" + maps + "</div>\n";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
