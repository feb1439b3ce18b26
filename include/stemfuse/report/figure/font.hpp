// Letters drawn as strokes: a sans serif of one line width, for labels in figures.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <numbers>
#include <string_view>
#include <vector>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Pixels; x to the right, y down.
struct point {
    double x;  ///< from the left
    double y;  ///< from the top
};

/// Points joined by straight lines: one stroke of the pen.
using polyline = std::vector<point>;

namespace detail {

// Hundredths of the font size: x to the right, y up from the baseline, capitals 70 high, small letters 50. A path is a
// row of points "x,y" and arcs "(centre x,centre y,radius x,radius y,from,to)" in degrees, joined by straight lines;
// ";" lifts the pen.
struct glyph {
    char32_t code;
    int advance;
    std::string_view path;
};

inline constexpr glyph glyphs[] = {
    {' ', 26, ""},
    {'!', 18, "9,70 9,23;(9,1,1,1,0,360)"},
    {'"', 32, "9,70 9,54;23,70 23,54"},
    {'#', 58, "15,0 23,70;36,0 44,70;6,23 50,23;9,47 53,47"},
    {'$', 56, "(28,52,19,14,25,255)(28,19,20,15,75,-155);28,-8 28,78"},
    {'%', 78, "(17,54,11,16,0,360);(61,16,11,16,0,360);58,70 20,0"},
    {'&', 64, "57,0 18,47 (29,56,13,14,205,-50) 15,31 (25,17,19,17,130,320) 55,36"},
    {'\'', 18, "9,70 9,54"},
    {'(', 28, "(40,28,31,62,130,230)"},
    {')', 28, "(-12,28,31,62,50,-50)"},
    {'*', 36, "18,70 18,42;6,63 30,49;30,63 6,49"},
    {'+', 54, "6,34 48,34;27,13 27,55"},
    {',', 20, "11,3 6,-12"},
    {'-', 34, "6,27 28,27"},
    {'.', 20, "(10,1,1,1,0,360)"},
    {'/', 36, "4,-8 32,76"},
    {'0', 54, "(27,35,20,35,0,360)"},
    {'1', 54, "13,57 31,70 31,0"},
    {'2', 54, "(26,50,19,20,165,-45) 7,0 47,0"},
    {'3', 54, "(25,53,17,17,150,-90) 19,36;25,36 (25,18,20,18,90,-150)"},
    {'4', 54, "38,0 38,70 6,20 50,20"},
    {'5', 54, "43,70 14,70 11,37 (26,23,20,23,140,-150)"},
    {'6', 54, "(41,22,34,48,95,180);(27,22,20,22,0,360)"},
    {'7', 54, "7,70 47,70 20,0"},
    {'8', 54, "(27,53,17,17,0,360);(27,18,20,18,0,360)"},
    {'9', 54, "(13,48,34,48,-85,0);(27,48,20,22,0,360)"},
    {':', 20, "(10,1,1,1,0,360);(10,44,1,1,0,360)"},
    {';', 20, "11,3 6,-12;(10,44,1,1,0,360)"},
    {'<', 54, "46,56 9,34 46,12"},
    {'=', 54, "6,24 48,24;6,44 48,44"},
    {'>', 54, "8,56 45,34 8,12"},
    {'?', 46, "(22,53,16,17,160,-55) 22,30 22,21;(22,1,1,1,0,360)"},
    {'@', 78, "(38,29,14,16,0,360);52,45 52,24 (60,24,8,10,180,360)(38,29,30,38,0,300)"},
    {'A', 60, "3,0 30,70 57,0;12,23 48,23"},
    {'B', 57, "9,0 9,70 30,70 (30,53,17,17,90,-90) 9,36;30,36 (30,18,21,18,90,-90) 9,0"},
    {'C', 64, "(36,35,29,35,45,315)"},
    {'D', 65, "9,0 9,70 29,70 (29,35,30,35,90,-90) 9,0"},
    {'E', 53, "47,70 9,70 9,0 47,0;9,36 42,36"},
    {'F', 50, "46,70 9,70 9,0;9,34 40,34"},
    {'G', 71, "(36,35,29,35,45,360) 39,35"},
    {'H', 64, "9,0 9,70;55,0 55,70;9,36 55,36"},
    {'I', 18, "9,0 9,70"},
    {'J', 46, "37,70 37,18 (20,18,17,18,0,-160)"},
    {'K', 54, "9,0 9,70;49,70 9,26;23,41 51,0"},
    {'L', 47, "9,70 9,0 44,0"},
    {'M', 74, "9,0 9,70 37,20 65,70 65,0"},
    {'N', 64, "9,0 9,70 55,0 55,70"},
    {'O', 72, "(36,35,29,35,0,360)"},
    {'P', 54, "9,0 9,70 30,70 (30,52,19,18,90,-90) 9,34"},
    {'Q', 72, "(36,35,29,35,0,360);43,17 63,-5"},
    {'R', 57, "9,0 9,70 30,70 (30,52,19,18,90,-90) 9,34;30,34 52,0"},
    {'S', 57, "(29,52,20,18,28,252)(28,18,22,18,72,-152)"},
    {'T', 54, "3,70 51,70;27,70 27,0"},
    {'U', 64, "9,70 9,25 (32,25,23,25,180,360) 55,70"},
    {'V', 58, "3,70 29,0 55,70"},
    {'W', 84, "3,70 22,0 42,70 62,0 81,70"},
    {'X', 56, "4,0 52,70;4,70 52,0"},
    {'Y', 56, "3,70 28,34 53,70;28,34 28,0"},
    {'Z', 56, "6,70 50,70 5,0 51,0"},
    {'[', 30, "24,76 10,76 10,-12 24,-12"},
    {'\\', 36, "4,76 32,-8"},
    {']', 30, "6,76 20,76 20,-12 6,-12"},
    {'^', 46, "7,40 23,70 39,40"},
    {'_', 50, "0,-12 50,-12"},
    {'`', 24, "4,74 14,62"},
    {'a', 51, "(25,33,17,17,150,0) 42,0;42,28 23,28 (23,14,16,14,90,270)(26,16,16,16,270,360)"},
    {'b', 56, "9,0 9,72;(29,25,20,25,0,360)"},
    {'c', 48, "(28,25,21,25,45,315)"},
    {'d', 56, "47,0 47,72;(27,25,20,25,0,360)"},
    {'e', 55, "7,26 48,26 (28,25,21,25,0,312)"},
    {'f', 31, "(28,57,13,15,75,180) 15,0;4,50 28,50"},
    {'g', 56, "47,50 47,-3 (28,-3,19,17,0,-150);(27,25,20,25,0,360)"},
    {'h', 55, "9,0 9,72;(28,30,18,20,180,0) 46,0"},
    {'i', 18, "9,0 9,50;(9,67,1,1,0,360)"},
    {'j', 20, "11,50 11,-6 (0,-6,11,14,0,-80);(11,67,1,1,0,360)"},
    {'k', 47, "9,0 9,72;41,50 9,19;21,31 44,0"},
    {'l', 18, "9,0 9,72"},
    {'m', 84, "9,0 9,50;(25,32,16,18,180,0) 42,0;(58,32,16,18,180,0) 75,0"},
    {'n', 55, "9,0 9,50;(28,30,18,20,180,0) 46,0"},
    {'o', 56, "(28,25,21,25,0,360)"},
    {'p', 56, "9,50 9,-20;(29,25,20,25,0,360)"},
    {'q', 56, "47,50 47,-20;(27,25,20,25,0,360)"},
    {'r', 34, "9,0 9,50;(26,31,17,19,180,75)"},
    {'s', 46, "(23,37,15,13,28,252)(23,13,17,13,72,-152)"},
    {'t', 34, "15,66 15,15 (28,15,13,15,180,285);4,50 28,50"},
    {'u', 55, "9,50 9,20 (27,20,18,20,180,360);46,50 46,0"},
    {'v', 50, "4,50 25,0 46,50"},
    {'w', 70, "4,50 19,0 35,50 51,0 66,50"},
    {'x', 48, "5,0 43,50;5,50 43,0"},
    {'y', 50, "4,50 25,0;46,50 17,-20"},
    {'z', 46, "6,50 40,50 5,0 41,0"},
    {'{', 34, "(28,66,10,10,90,180) 18,44 (8,42,10,10,0,-90);(8,22,10,10,90,0) 18,-2 (28,-2,10,10,180,270)"},
    {'|', 24, "12,76 12,-16"},
    {'}', 34, "(6,66,10,10,90,0) 16,42 (26,42,10,10,180,270);(26,22,10,10,90,180) 16,-2 (6,-2,10,10,0,-90)"},
    {'~', 54, "(16,32,10,9,180,40)(38,37,10,9,220,360)"},
    {U'\u00b1', 54, "6,40 48,40;27,20 27,60;6,2 48,2"},
    {U'\u00b5', 55, "9,50 9,-20;9,20 (27,20,18,20,180,360);46,50 46,0"},
    {U'\u00b7', 20, "(10,33,1,1,0,360)"},
    {U'\u00c5', 60, "3,0 30,66 57,0;12,22 48,22;(30,79,8,8,0,360)"},
    {U'\u00d7', 54, "9,16 45,52;9,52 45,16"},
    {U'\u03b3', 50, "4,50 25,2;46,50 25,2 25,-20"},
    {U'\u03b5', 46, "(24,37,15,13,40,270) 30,24;24,24 (24,12,17,12,90,322)"},
    {U'\u03bb', 50, "5,71 13,71 45,0;26,42 6,0"},
    {U'\u03c3', 56, "53,50 28,50 (28,25,21,25,90,450)"},
    {U'\u2013', 52, "6,27 46,27"},
    {U'\u2212', 54, "6,34 48,34"},
};

inline const glyph& find_glyph(char32_t code) {
    if (code == U'\u03bc') code = U'\u00b5';
    if (code == U'\u212b') code = U'\u00c5';
    const auto found = std::ranges::find(glyphs, code, &glyph::code);
    return found != std::end(glyphs) ? *found : *std::ranges::find(glyphs, U'?', &glyph::code);
}

// The next code point of UTF-8 text, which is removed from its front; U'?' for malformed bytes.
inline char32_t next_code_point(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    bool good = length > 0 && length <= text.size();
    char32_t code = length < 2 ? first : first & (0x7fu >> length);
    for (std::size_t i = 1; good && i < length; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        good = (byte & 0xc0) == 0x80;
        code = code << 6 | (byte & 0x3f);
    }
    text.remove_prefix(good ? length : 1);
    return good ? code : U'?';
}

// Arcs are superellipses, a little squarer than ellipses, as the curves of letters are.
inline void append_arc(polyline& path, const int (&arc)[6], double size) {
    constexpr double radian = std::numbers::pi / 180, exponent = 2 / 2.25;
    const double radius = std::max(arc[2], arc[3]) * size / 100, sweep = arc[5] - arc[4];
    const int steps = std::max(2, static_cast<int>(std::ceil(std::abs(sweep) * radian * std::sqrt(8 * radius))));
    const auto bend = [](double c) { return std::copysign(std::pow(std::abs(c), exponent), c); };
    for (int i = 0; i <= steps; ++i) {
        const double angle = (arc[4] + sweep * i / steps) * radian;
        path.push_back({arc[0] + arc[2] * bend(std::cos(angle)), arc[1] + arc[3] * bend(std::sin(angle))});
    }
}

inline std::vector<polyline> glyph_paths(std::string_view path, double size) {
    std::vector<polyline> paths(1);
    const char *at = path.data(), *const end = at + path.size();
    const auto number = [&] {
        int value = 0;
        while (at < end && (*at == ' ' || *at == ',')) ++at;
        at = std::from_chars(at, end, value).ptr;
        return value;
    };
    while (at < end) {
        if (*at == ';') {
            paths.emplace_back();
            ++at;
        } else if (*at == '(') {
            ++at;
            int arc[6];
            for (int& v : arc) v = number();
            append_arc(paths.back(), arc, size);
            ++at;
        } else if (*at == ' ') {
            ++at;
        } else {
            const int x = number();
            paths.back().push_back({static_cast<double>(x), static_cast<double>(number())});
        }
    }
    return paths;
}

}  // namespace detail

/// Printable ASCII, the micro sign, Angstrom, times, plus-minus, minus, en dash, middle dot, and gamma, epsilon,
/// lambda, sigma as strokes; a question mark for anything else. `size` is the height of the font in pixels (capitals
/// are 0.7 of it), `weight` the line width as a part of it.
struct font_style {
    double size = 24;      ///< pixels
    double weight = 0.09;  ///< line width as a part of `size`
};

namespace detail {

// Space between letters, more of it between bold ones.
inline double extra_advance(const font_style& style) { return (style.weight - 0.07) * style.size; }

}  // namespace detail

/// The width of UTF-8 text in pixels.
inline double text_width(std::string_view text, const font_style& style) {
    const double extra = detail::extra_advance(style);
    double width = 0;
    while (!text.empty()) {
        width += detail::find_glyph(detail::next_code_point(text)).advance * style.size / 100 + extra;
    }
    return width;
}

/// The strokes of UTF-8 text whose baseline begins at `start`.
inline std::vector<polyline> text_strokes(std::string_view text, point start, const font_style& style) {
    std::vector<polyline> strokes;
    const double extra = detail::extra_advance(style), scale = style.size / 100;
    while (!text.empty()) {
        const auto& glyph = detail::find_glyph(detail::next_code_point(text));
        for (polyline& path : detail::glyph_paths(glyph.path, style.size)) {
            for (point& p : path) p = {start.x + extra / 2 + p.x * scale, start.y - p.y * scale};
            if (!path.empty()) strokes.push_back(std::move(path));
        }
        start.x += glyph.advance * scale + extra;
    }
    return strokes;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
