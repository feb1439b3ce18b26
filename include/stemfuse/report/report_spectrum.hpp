// The section of a report with the sum spectrum that maps came from.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/report/figure/spectrum_figure.hpp>
#include <stemfuse/report/html.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// The figure, the counts of every element, and what should be known of them.
inline std::string spectrum_html(const spectrum_record& s) {
    constexpr double dots_per_inch = 144;
    std::string sentences;
    for (const std::string& text : s.sentences) sentences += "<li>" + escape_html(text) + "</li>\n";
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i <= s.elements.size(); ++i) {
        const std::string kept =
            i < s.information.size() ? short_number(100 * s.information[i]) + " %" : std::string("\u2013");
        rows.push_back({i < s.elements.size() ? s.elements[i] : "background", short_number(s.counts[i]),
                        i < s.errors.size() ? short_number(s.errors[i]) : "", kept});
    }
    return "<h2>Spectrum</h2>\n" +
           panel_html(spectrum_figure(s, dots_per_inch).picture(), "",
                      "Sum spectrum with its fit, the part of every element and the residual", "") +
           (sentences.empty() ? "" : "<ul>\n" + sentences + "</ul>\n") +
           table_html("Counts in the sum spectrum", {"element", "counts", "\u00b1 by counting", "kept by bins"}, rows);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
