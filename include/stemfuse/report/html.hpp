// Pieces of HTML: escaped text, embedded pictures, tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/report/figure/png.hpp>
#include <stemfuse/report/figure/rgb_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Bytes as base64 text (RFC 4648, section 4), for pictures within HTML.
inline std::string base64(std::string_view bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += i + k <= bytes.size() ? alphabet[group >> (18 - 6 * k) & 63] : '=';
        }
    }
    return text;
}

/// An HTML image that carries its picture.
inline std::string embedded_image(const rgb_image& picture, std::string_view alternative_text) {
    return "<img src=\"data:image/png;base64," + base64(encode_png(picture)) + "\" width=\"" +
           std::to_string(picture.width) + "\" height=\"" + std::to_string(picture.height) + "\" alt=\"" +
           escape_html(alternative_text) + "\">";
}

/// A picture, what lies over it and what is below it.
inline std::string panel_html(const rgb_image& picture, std::string_view caption, std::string_view alternative_text,
                              const std::string& scale_bar) {
    return "<figure><div class=\"picture\">" + embedded_image(picture, alternative_text) + scale_bar +
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
