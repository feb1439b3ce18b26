// A raster to draw figures on: rectangles, images, anti-aliased lines and text.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/report/figure/font.hpp>
#include <stemfuse/report/figure/rgb_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// How a text is drawn.
struct text_style {
    font_style font{};       ///< height and line width
    rgb colour{32, 32, 32};  ///< nearly black by default
    double align = 0;        ///< which part of the width lies left of the given point: 0, 0.5 or 1
};

/// Coordinates are pixels from the top left corner; what lies outside is cut off.
class canvas {
public:
    /// A page of one colour; sizes in pixels.
    canvas(std::size_t height, std::size_t width, rgb background = white) : image_(height, width, background) {}

    /// What was drawn so far.
    const rgb_image& image() const& noexcept { return image_; }
    /// Gives the drawing away.
    rgb_image image() && noexcept { return std::move(image_); }

    /// Fills a rectangle with a colour; its edges are rounded to whole pixels.
    void fill(double x, double y, double width, double height, rgb colour) {
        const auto [left, right] = covered(x, x + width, image_.width);
        const auto [top, bottom] = covered(y, y + height, image_.height);
        for (std::size_t row = top; row < bottom; ++row) {
            std::fill_n(image_.pixels.begin() + static_cast<std::ptrdiff_t>(row * image_.width + left), right - left,
                        colour);
        }
    }

    /// Copies an image, pixel for pixel, with its upper left corner at (x, y).
    void place(const rgb_image& source, std::size_t x, std::size_t y) {
        if (x >= image_.width) return;
        const std::size_t width = std::min(source.width, image_.width - x);
        for (std::size_t row = 0; row < source.height && y + row < image_.height; ++row) {
            std::copy_n(&source.pixels[row * source.width], width, &image_(y + row, x));
        }
    }

    /// The same, stretched over a rectangle: a pixel of it takes the colour of the source pixel that it lies in.
    void place(const rgb_image& source, std::size_t x, std::size_t y, std::size_t width, std::size_t height) {
        if (width == source.width && height == source.height) return place(source, x, y);
        if (x >= image_.width) return;
        const std::size_t shown = std::min(width, image_.width - x);
        for (std::size_t row = 0; row < height && y + row < image_.height; ++row) {
            rgb* const to = &image_(y + row, x);
            const std::size_t from = row * source.height / height;
            if (row > 0 && from == (row - 1) * source.height / height) {
                std::copy_n(&image_(y + row - 1, x), shown, to);
                continue;
            }
            const rgb* const pixels = &source.pixels[from * source.width];
            for (std::size_t k = 0; k < shown; ++k) to[k] = pixels[k * source.width / width];
        }
    }

    /// Lines of the given width with round ends and corners. Where they cross, nothing is painted twice.
    void stroke(const std::vector<polyline>& lines, double width, rgb colour, double opacity = 1) {
        double x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
        for (const polyline& line : lines) {
            for (const point p : line) {
                x0 = std::min(x0, p.x), x1 = std::max(x1, p.x);
                y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
            }
        }
        const double reach = width / 2 + 1;
        const auto [left, right] = covered(x0 - reach, x1 + reach, image_.width);
        const auto [top, bottom] = covered(y0 - reach, y1 + reach, image_.height);
        if (left == right || top == bottom) return;
        mask coverage{left, right, top, bottom, std::vector<float>((right - left) * (bottom - top))};
        for (const polyline& line : lines) {
            for (std::size_t i = 0; i < line.size(); ++i) coverage.add(line[i > 0 ? i - 1 : 0], line[i], width / 2);
        }
        const float* share = coverage.values.data();
        for (std::size_t y = top; y < bottom; ++y) {
            for (std::size_t x = left; x < right; ++x, ++share) {
                if (*share > 0) image_(y, x) = mix(image_(y, x), colour, opacity * static_cast<double>(*share));
            }
        }
    }

    /// UTF-8 text with its baseline at `at`.
    void text(point at, std::string_view text, const text_style& style) {
        stroke(placed(at, text, style), style.font.weight * style.font.size, style.colour);
    }

    /// The same with a rim around the letters, to be read on any picture.
    void text_on_image(point at, std::string_view text, const text_style& style, rgb rim) {
        const auto strokes = placed(at, text, style);
        stroke(strokes, (style.font.weight + 0.14) * style.font.size, rim, 0.75);
        stroke(strokes, style.font.weight * style.font.size, style.colour);
    }

private:
    // How far pixels are covered by strokes, 0 to 1, from their centres' distance to the nearest line.
    struct mask {
        std::size_t left, right, top, bottom;
        std::vector<float> values;

        void add(point a, point b, double half_width) {
            const double reach = half_width + 1, dx = b.x - a.x, dy = b.y - a.y, squared = dx * dx + dy * dy;
            const auto columns = within(std::min(a.x, b.x) - reach, std::max(a.x, b.x) + reach, left, right);
            const auto rows = within(std::min(a.y, b.y) - reach, std::max(a.y, b.y) + reach, top, bottom);
            for (std::size_t y = rows.first; y < rows.second; ++y) {
                float* const row = &values[(y - top) * (right - left)];
                for (std::size_t x = columns.first; x < columns.second; ++x) {
                    const double px = static_cast<double>(x) + 0.5 - a.x, py = static_cast<double>(y) + 0.5 - a.y;
                    const double t = squared > 0 ? std::clamp((px * dx + py * dy) / squared, 0.0, 1.0) : 0;
                    const double ex = px - t * dx, ey = py - t * dy, distance = std::sqrt(ex * ex + ey * ey);
                    const auto share = static_cast<float>(std::clamp(half_width + 0.5 - distance, 0.0, 1.0));
                    row[x - left] = std::max(row[x - left], share);
                }
            }
        }
    };

    static std::pair<std::size_t, std::size_t> within(double from, double to, std::size_t low, std::size_t high) {
        const auto bound = [&](double v) {
            return v > static_cast<double>(low) ? static_cast<std::size_t>(std::min(v, static_cast<double>(high)))
                                                : low;
        };
        return {bound(std::floor(from)), std::max(bound(std::floor(from)), bound(std::ceil(to)))};
    }

    static std::pair<std::size_t, std::size_t> covered(double from, double to, std::size_t size) {
        if (!(from < to)) return {0, 0};
        return within(from, to, 0, size);
    }

    static std::vector<polyline> placed(point at, std::string_view text, const text_style& style) {
        return text_strokes(text, {at.x - style.align * text_width(text, style.font), at.y}, style.font);
    }

    rgb_image image_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
