// A figure as a list of marks, to be painted as pixels or written as SVG.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <stemfuse/report/figure/canvas.hpp>
#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/report/figure/font.hpp>
#include <stemfuse/report/figure/rgb_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A filled rectangle.
struct rectangle_mark {
    double x,      ///< left edge
        y,         ///< upper edge
        width,     ///< to the right
        height;    ///< downwards
    rgb colour{};  ///< of all of it
};

/// An image whose pixels are stretched to a rectangle, without smoothing.
struct image_mark {
    rgb_image pixels;  ///< at their own resolution
    double x,          ///< left edge, a whole number
        y,             ///< upper edge, a whole number
        width,         ///< of the rectangle
        height;        ///< of the rectangle
};

/// Lines of one width with round ends and corners.
struct line_mark {
    std::vector<polyline> lines;  ///< each a stroke of the pen
    double width;                 ///< of the pen
    rgb colour{};                 ///< of the pen
    double opacity = 1;           ///< 0 to 1
};

/// Text whose runs follow one another on a baseline.
struct text_mark {
    /// Text of one style.
    struct run {
        std::string text;  ///< UTF-8
        text_style style;  ///< of all of it; the first run's `align` counts for the whole
    };
    point at;                     ///< on the baseline
    std::vector<run> runs;        ///< from left to right
    double gap = 0;               ///< between two runs
    std::optional<rgb> rim = {};  ///< around the letters, to be read on any picture

    /// From the start of the first run to the end of the last, in this library's font.
    double width() const {
        double sum = gap * (static_cast<double>(runs.size()) - 1);
        for (const run& r : runs) sum += text_width(r.text, r.style.font);
        return sum;
    }
};

/// Marks that lie over one another in the order in which they were drawn. Coordinates are pixels from the top left
/// corner, as on a canvas.
class drawing {
public:
    /// What is drawn; painted from the first to the last.
    using mark = std::variant<rectangle_mark, image_mark, line_mark, text_mark>;

    /// A white page; sizes in pixels.
    drawing(std::size_t height, std::size_t width) : height_(height), width_(width) {}

    /// Rows of pixels.
    std::size_t height() const noexcept { return height_; }
    /// Columns of pixels.
    std::size_t width() const noexcept { return width_; }
    /// All marks so far.
    const std::vector<mark>& marks() const noexcept { return marks_; }

    /// Fills a rectangle with a colour.
    void fill(double x, double y, double width, double height, rgb colour) {
        marks_.push_back(rectangle_mark{x, y, width, height, colour});
    }
    /// Stretches an image over a rectangle.
    void place(rgb_image pixels, double x, double y, double width, double height) {
        marks_.push_back(image_mark{std::move(pixels), x, y, width, height});
    }
    /// Draws lines.
    void stroke(std::vector<polyline> lines, double width, rgb colour, double opacity = 1) {
        marks_.push_back(line_mark{std::move(lines), width, colour, opacity});
    }
    /// UTF-8 text with its baseline at `at`.
    void text(point at, std::string_view text, const text_style& style) {
        marks_.push_back(text_mark{at, {{std::string(text), style}}});
    }
    /// The same with a rim around the letters.
    void text_on_image(point at, std::string_view text, const text_style& style, rgb rim) {
        marks_.push_back(text_mark{at, {{std::string(text), style}}, 0, rim});
    }
    /// Text in several styles.
    void text(text_mark runs) { marks_.push_back(std::move(runs)); }

private:
    std::size_t height_, width_;
    std::vector<mark> marks_;
};

namespace detail {

struct mark_painter {
    canvas& page;

    void operator()(const rectangle_mark& m) const { page.fill(m.x, m.y, m.width, m.height, m.colour); }
    void operator()(const image_mark& m) const {
        page.place(m.pixels, static_cast<std::size_t>(m.x), static_cast<std::size_t>(m.y),
                   static_cast<std::size_t>(m.width), static_cast<std::size_t>(m.height));
    }
    void operator()(const line_mark& m) const { page.stroke(m.lines, m.width, m.colour, m.opacity); }
    void operator()(const text_mark& m) const {
        point at = m.at;
        at.x -= m.runs.at(0).style.align * m.width();
        for (const auto& run : m.runs) {
            text_style style = run.style;
            style.align = 0;
            if (m.rim) {
                page.text_on_image(at, run.text, style, *m.rim);
            } else {
                page.text(at, run.text, style);
            }
            at.x += text_width(run.text, style.font) + m.gap;
        }
    }
};

}  // namespace detail

/// The pixels of a drawing, on white.
inline rgb_image paint(const drawing& d) {
    canvas page(d.height(), d.width());
    for (const auto& mark : d.marks()) std::visit(detail::mark_painter{page}, mark);
    return std::move(page).image();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
