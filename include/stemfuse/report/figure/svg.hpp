// Drawings as SVG 1.1: text stays text, lines stay lines, maps are embedded as PNG at their own resolution.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/report/figure/drawing.hpp>
#include <stemfuse/report/figure/png.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Writes marks in points: `point_size` is the length of a point in the drawing's unit.
class svg_writer {
public:
    explicit svg_writer(double point_size) : point_size_(point_size) {}

    void operator()(const rectangle_mark& m) {
        body_ += "<rect " + corner_and_size(m.x, m.y, m.width, m.height) + " fill=\"" + colour(m.colour) + "\"/>\n";
    }
    void operator()(const image_mark& m) {
        body_ += "<image " + corner_and_size(m.x, m.y, m.width, m.height) +
                 " preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" xlink:href=\"" +
                 png_address(m.pixels) + "\"/>\n";
    }
    void operator()(const line_mark& m) {
        std::string path;
        for (const polyline& line : m.lines) {
            for (const point& p : line) path.append(&p == &line.front() ? "M" : "L").append(pair(p.x, p.y));
        }
        body_ += "<path d=\"" + path + "\" style=\"fill:none;stroke:" + colour(m.colour) +
                 ";stroke-width:" + length(m.width) + ";stroke-linecap:round;stroke-linejoin:round" +
                 (m.opacity < 1 ? ";stroke-opacity:" + fixed_text(m.opacity, 2) : "") + "\"/>\n";
    }
    void operator()(const text_mark& m) {
        const text_style& first = m.runs.at(0).style;
        const char* const anchor = first.align == 0 ? "start" : first.align == 1 ? "end" : "middle";
        std::string runs;
        for (const auto& run : m.runs) {
            const bool bold = run.style.font.weight > 0.12;
            runs += std::string("<tspan") + (&run == &m.runs.front() ? "" : " dx=\"" + length(m.gap) + "\"") +
                    " style=\"font-size:" + length(run.style.font.size) +
                    "px;font-weight:" + (bold ? "bold" : "normal") + ";fill:" + colour(run.style.colour) + "\">" +
                    escape_html(run.text) + "</tspan>";
        }
        const std::string rim =
            m.rim ? ";paint-order:stroke;stroke-opacity:0.75;stroke-linejoin:round;stroke:" + colour(*m.rim) +
                        ";stroke-width:" + length(0.14 * first.font.size)
                  : "";
        body_ += "<text x=\"" + length(m.at.x) + "\" y=\"" + length(m.at.y) +
                 "\" style=\"font-family:" + std::string(family) + ";text-anchor:" + anchor + rim + "\">" + runs +
                 "</text>\n";
    }

    std::string length(double pixels) const { return fixed_text(pixels / point_size_, 2); }
    std::string take() { return std::move(body_); }

private:
    static constexpr std::string_view family = "Helvetica,Arial,'Liberation Sans',sans-serif";

    std::string pair(double x, double y) const { return length(x) + " " + length(y); }
    std::string corner_and_size(double x, double y, double width, double height) const {
        return "x=\"" + length(x) + "\" y=\"" + length(y) + "\" width=\"" + length(width) + "\" height=\"" +
               length(height) + "\"";
    }
    static std::string colour(rgb c) {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string text = "#";
        for (const unsigned v : {c.r, c.g, c.b}) text += {digits[v >> 4], digits[v & 15]};
        return text;
    }

    double point_size_;
    std::string body_;
};

}  // namespace detail

/// A drawing as an element `svg` for HTML, as wide and high as at `dots_per_inch`; `attributes` are added to it.
inline std::string svg_element(const drawing& d, double dots_per_inch, const std::string& attributes = "") {
    detail::svg_writer writer(dots_per_inch / 72);
    for (const auto& mark : d.marks()) std::visit(writer, mark);
    const double mm = 25.4 / dots_per_inch, width = static_cast<double>(d.width()),
                 height = static_cast<double>(d.height());
    return "<svg " + attributes + "width=\"" + fixed_text(width * mm, 2) + "mm\" height=\"" +
           fixed_text(height * mm, 2) + "mm\" viewBox=\"0 0 " + writer.length(width) + " " + writer.length(height) +
           "\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + writer.take() + "</svg>\n";
}

/// The same as a file of its own.
inline std::string svg_file(const drawing& d, double dots_per_inch) {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" +
           svg_element(d, dots_per_inch,
                       "xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" ");
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
