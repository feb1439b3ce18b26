// Pieces of HTML: escaped text, embedded pictures, tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/report/figure/png.hpp>
#include <stemfuse/report/figure/rgb_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// An HTML image that carries its picture, shown so many times as large.
inline std::string embedded_image(const rgb_image& picture, std::string_view alternative_text,
                                  std::size_t enlarged = 1) {
    return "<img src=\"" + png_address(picture) + "\" width=\"" + std::to_string(enlarged * picture.width) +
           "\" height=\"" + std::to_string(enlarged * picture.height) + "\" alt=\"" + escape_html(alternative_text) +
           "\">";
}

/// A picture, shown so many times as large, what lies over it and what is below it.
inline std::string panel_html(const rgb_image& picture, std::string_view caption, std::string_view alternative_text,
                              const std::string& scale_bar, std::size_t enlarged = 1) {
    return "<figure><div class=\"picture\">" + embedded_image(picture, alternative_text, enlarged) + scale_bar +
           "</div><figcaption>" + escape_html(caption) + "</figcaption></figure>\n";
}

/// A table with a caption; the first cell of every row is its heading. The cells are text and become escaped.
inline std::string table_html(std::string_view caption, const std::vector<std::string>& header,
                              const std::vector<std::vector<std::string>>& rows) {
    std::string html = "<table><caption>" + escape_html(caption) + "</caption>\n";
    if (!header.empty()) {
        html += "<thead><tr>";
        for (const auto& cell : header) html += "<th scope=\"col\">" + escape_html(cell) + "</th>";
        html += "</tr></thead>\n";
    }
    html += "<tbody>\n";
    for (const auto& row : rows) {
        html += "<tr>";
        for (std::size_t i = 0; i < row.size(); ++i) {
            html += (i == 0 ? "<th scope=\"row\">" : "<td>") + escape_html(row[i]) + (i == 0 ? "</th>" : "</td>");
        }
        html += "</tr>\n";
    }
    return html + "</tbody></table>\n";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
