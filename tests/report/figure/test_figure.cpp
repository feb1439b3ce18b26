#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <stemfuse/report/figure/figure.hpp>

#include "io/scratch.hpp"
#include "report/figure/decode_png.hpp"

using namespace stemfuse;
using namespace stemfuse::io;

namespace {

const figure_options coarse{.dots_per_inch = 50};

template <class T>
fusion_record<T> record_of(std::size_t n, std::size_t ny, std::size_t nx) {
    fusion_record<T> r;
    for (std::size_t i = 0; i < n; ++i) r.elements.push_back("E" + std::to_string(i));
    r.haadf = r.fused_haadf = r.raw_haadf = support::random_array<T, 2>({ny, nx});
    r.maps = r.raw_maps = support::random_array<T, 3>({n, ny, nx}, 0, 5, 1);
    r.fused_maps = support::random_array<T, 3>({n, ny, nx}, 0, 2, 2);
    r.unit = "counts";
    return r;
}

int largest_difference(rgb a, rgb b) {
    return std::max({std::abs(a.r - b.r), std::abs(a.g - b.g), std::abs(a.b - b.b)});
}

std::size_t ink(const canvas& c) {
    return c.image().pixels.size() - static_cast<std::size_t>(count_colour(c.image(), white));
}

template <class T>
void check_limits(const std::vector<T>& values, double low, double high) {
    const image_view<const T> view{values.data(), {1, values.size()}, {static_cast<std::ptrdiff_t>(values.size()), 1}};
    const display_limits limits = limits_of<T>(view);
    CHECK(std::abs(limits.low - low) <= 1e-6);
    CHECK(std::abs(limits.high - high) <= 1e-6);
}

}  // namespace

TEST_CASE("every printable character has a glyph of its own, and text is as wide as its letters") {
    std::set<std::string_view> paths;
    for (char32_t code = ' '; code <= '~'; ++code) {
        const auto& glyph = io::detail::find_glyph(code);
        CHECK(glyph.code == code);
        CHECK(paths.insert(glyph.path).second);
    }
    const font_style style{.size = 20};
    double sum = 0;
    for (const char* letter : {"H", "A", "5", "\u00b5", "\u00c5", "\u03bb"}) sum += text_width(letter, style);
    CHECK(std::abs(text_width("HA5\u00b5\u00c5\u03bb", style) - sum) <= 1e-9);
    CHECK(std::abs(text_width("HA", {.size = 40}) - 2 * text_width("HA", style)) <= 1e-9);
    CHECK(text_width("\u03bcm", style) == text_width("\u00b5m", style));
    CHECK(text_width("\xff\xc3\xe2\x82", style) == text_width("????", style));
    CHECK(text_width("\u4e2d", style) == text_width("?", style));
}

TEST_CASE("letters stay within their advance and their height") {
    const font_style style{.size = 100};
    for (char32_t code = ' '; code <= '~'; ++code) {
        const std::string letter(1, static_cast<char>(code));
        CAPTURE(letter);
        for (const polyline& stroke : text_strokes(letter, {0, 0}, style)) {
            CHECK(!stroke.empty());
            for (const point p : stroke) {
                CHECK(p.x >= 0);
                CHECK(p.x <= text_width(letter, style));
                CHECK(p.y >= -79);
                CHECK(p.y <= 22);
            }
        }
    }
}

TEST_CASE("a line covers as much as its area, wherever it lies, and what is outside is cut off") {
    canvas c(40, 60);
    c.stroke({{{10.3, 20.4}, {50.3, 20.4}}}, 3, black);
    double covered = 0;
    for (const rgb p : c.image().pixels) covered += (255 - p.g) / 255.0;
    CHECK(std::abs(covered - (40 * 3 + 3.14159 * 1.5 * 1.5)) <= 2);
    CHECK(c.image()(20, 30) == black);
    CHECK(c.image()(10, 30) == white);

    canvas outside(10, 10);
    outside.stroke({{{-50, -50}, {-20, -30}}, {{300, 5}, {400, 5}}, {}}, 4, black);
    outside.text({-500, 5}, "left", {});
    outside.fill(-5, -5, 3, 100, black);
    outside.fill(20, 20, 5, 5, black);
    outside.place(rgb_image(5, 5, black), 10, 0);
    CHECK(ink(outside) == 0);
    outside.place(rgb_image(5, 5, black), 8, 9);
    CHECK(ink(outside) == 2);
}

TEST_CASE("text is aligned at its point") {
    const text_style style{.font = {.size = 20}, .align = 1};
    canvas c(40, 200);
    c.text({100, 30}, "HAADF", style);
    for (std::size_t y = 0; y < 40; ++y) {
        for (std::size_t x = 101; x < 200; ++x) CHECK(c.image()(y, x) == white);
    }
    CHECK(ink(c) > 100);
}

TEST_CASE("colour maps are near the published tables") {
    CHECK(viridis_map()(0) == rgb{68, 1, 84});
    CHECK(viridis_map()(1) == rgb{253, 231, 37});
    CHECK(largest_difference(viridis_map()(0.5), {33, 145, 140}) <= 5);
    CHECK(largest_difference(viridis_map()(0.25), {59, 82, 139}) <= 5);
    CHECK(largest_difference(magma_map()(0.5), {183, 55, 121}) <= 5);
    CHECK(largest_difference(magma_map()(0.75), {252, 137, 97}) <= 5);
    CHECK(grey_map()(0.2) == rgb{51, 51, 51});
    CHECK(hue_map({200, 100, 50})(0.5) == rgb{100, 50, 25});
    CHECK(grey_map()(-1) == black);
    CHECK(grey_map()(2) == white);
    CHECK(grey_map()(NAN) == black);
}

TEST_CASE("eight elements have eight hues, all of them visible on white") {
    for (std::size_t i = 0; i < 8; ++i) {
        for (std::size_t j = 0; j < i; ++j) CHECK(largest_difference(default_hue(i), default_hue(j)) > 60);
        CHECK(1.05 / (luminance(on_white(default_hue(i))) + 0.05) >= 3);
    }
    CHECK(default_hue(8) == default_hue(0));
    CHECK(std::abs(luminance(white) - 1) <= 1e-12);
    CHECK(std::abs(luminance({119, 119, 119}) - 0.1845) <= 1e-3);  // 4.48 : 1 on white
    CHECK(on_white({0, 0, 120}) == rgb{0, 0, 120});
}

TEST_CASE("limits are percentiles with linear interpolation, of the finite values") {
    std::vector<float> ramp(101);
    for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(100 - i);
    check_limits(ramp, 0.5, 99.5);
    ramp[3] = NAN, ramp[50] = INFINITY, ramp[70] = -INFINITY;  // 97, 50 and 30 are gone: 97 intervals
    check_limits(ramp, 0.485, 99.515);
    check_limits<double>({7, 1}, 1.03, 6.97);
    std::vector<double> sparse(1000, 0.0);
    sparse[5] = 2;
    check_limits(sparse, 0, 2);
    check_limits<double>({3, 3, 3}, 0, 3);
    check_limits<double>({-3}, -3, 0);
    check_limits<double>({0, 0}, 0, 1);
    check_limits<double>({NAN}, 0, 1);
    const double one = 1;
    const image_view<const double> pixel{&one, {1, 1}, {1, 1}};
    support::check_throws<value_error>([&] { limits_of(pixel, 60, 40); }, "low_percentile: is 60", "40");
    support::check_throws<value_error>([&] { limits_of(pixel, -1, 40); }, "low_percentile: is -1");
    support::check_throws<value_error>([&] { limits_of(pixel, 1, 101); }, "high_percentile: is 101");
}

TEST_CASE("resampling repeats pixels for integer factors, and keeps the mean otherwise") {
    const auto map = support::random_array<double, 2>({6, 10});
    const image_view<const double> view{map.data(), {6, 10}, {10, 1}};
    const auto larger = resample(view, 18, 20);
    for (std::size_t y = 0; y < 18; ++y) {
        for (std::size_t x = 0; x < 20; ++x) CHECK(std::abs(larger(y, x) - map(y / 3, x / 2)) <= 1e-14);
    }
    const auto halved = resample(view, 3, 5);
    CHECK(std::abs(halved(1, 2) - (map(2, 4) + map(2, 5) + map(3, 4) + map(3, 5)) / 4) <= 1e-14);
    const double mean = std::accumulate(map.begin(), map.end(), 0.0) / 60;
    for (const auto& size : {image_shape{7, 13}, image_shape{1, 1}, image_shape{4, 3}, image_shape{6, 10}}) {
        const auto other = resample(view, size[0], size[1]);
        const double n = static_cast<double>(other.size());
        CHECK(std::abs(std::accumulate(other.begin(), other.end(), 0.0) / n - mean) <= 1e-13);
    }
    support::check_throws<shape_error>([&] { resample(view, 0, 3); }, "size: is empty", "(0, 3)");
}

TEST_CASE("a number gets its colour, what is not finite grey") {
    xt::xtensor<double, 2> numbers({1, 6});
    numbers(0, 0) = 2, numbers(0, 1) = 3, numbers(0, 2) = 4, numbers(0, 3) = NAN, numbers(0, 4) = 9, numbers(0, 5) = -9;
    const rgb_image picture = colour(numbers, {2, 4}, viridis_map());
    CHECK(picture.pixels == std::vector<rgb>{viridis_map()(0), viridis_map()(0.5), viridis_map()(1), not_a_number,
                                             viridis_map()(1), viridis_map()(0)});
}

TEST_CASE("overlays add hues and dim what is too bright as a whole, or take the brightest of each channel") {
    xt::xtensor<double, 2> numbers({1, 5});
    numbers(0, 0) = 2, numbers(0, 1) = 3, numbers(0, 2) = 4, numbers(0, 3) = NAN, numbers(0, 4) = 9;
    const std::vector<display_limits> limits{{2, 4}, {3, 5}};
    const std::vector<rgb> hues{{200, 0, 0}, {100, 250, 0}};
    // At 9 both are full: (300, 250, 0) times 255 / 300.
    CHECK(overlay({numbers, numbers}, limits, hues).pixels ==
          std::vector<rgb>{black, {100, 0, 0}, {250, 125, 0}, black, {255, 213, 0}});
    CHECK(overlay({numbers, numbers}, limits, hues, overlay_mode::lighten).pixels ==
          std::vector<rgb>{black, {100, 0, 0}, {200, 125, 0}, black, {200, 250, 0}});
    // No mixture of the first three hues is white.
    const xt::xtensor<double, 2> full{{1.0}};
    const rgb all =
        overlay({full, full, full}, {{0, 1}, {0, 1}, {0, 1}}, {default_hue(0), default_hue(1), default_hue(2)})
            .pixels[0];
    CHECK(std::min({all.r, all.g, all.b}) < 215);
}

namespace {

using vec3 = std::array<double, 3>;

vec3 times(const std::array<vec3, 3>& m, const vec3& v) {
    vec3 r{};
    for (std::size_t i = 0; i < 3; ++i) r[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
    return r;
}

// CIELAB of an sRGB colour, as a viewer sees it whose cones are described by a matrix of linear RGB.
vec3 lab(rgb c, const std::array<vec3, 3>& viewer) {
    const auto linear = [](double v) {
        const double s = v / 255;
        return s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
    };
    vec3 seen = times(viewer, {linear(c.r), linear(c.g), linear(c.b)});
    for (double& v : seen) v = std::clamp(v, 0.0, 1.0);
    constexpr std::array<vec3, 3> to_xyz{
        {{0.4124, 0.3576, 0.1805}, {0.2126, 0.7152, 0.0722}, {0.0193, 0.1192, 0.9505}}};
    vec3 xyz = times(to_xyz, seen);
    for (std::size_t i = 0; i < 3; ++i) {
        const double t = xyz[i] / (to_xyz[i][0] + to_xyz[i][1] + to_xyz[i][2]);
        xyz[i] = t > 0.008856 ? std::cbrt(t) : 7.787 * t + 16.0 / 116;
    }
    return {116 * xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])};
}

// The least distance between any two of: three hues, their mixtures, and black.
double least_distance(const std::vector<rgb>& hues, overlay_mode mode, const std::array<vec3, 3>& viewer) {
    std::vector<vec3> seen;
    for (unsigned members = 0; members < 8; ++members) {
        std::vector<xt::xtensor<double, 2>> parts;
        for (unsigned i = 0; i < 3; ++i) parts.push_back({{members >> i & 1 ? 1.0 : 0.0}});
        seen.push_back(lab(overlay(parts, {{0, 1}, {0, 1}, {0, 1}}, hues, mode).pixels[0], viewer));
    }
    double least = INFINITY;
    for (std::size_t i = 0; i < seen.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j)
            least =
                std::min(least, std::hypot(seen[i][0] - seen[j][0], seen[i][1] - seen[j][1], seen[i][2] - seen[j][2]));
    }
    return least;
}

}  // namespace

TEST_CASE("mixtures in an overlay can be told apart, by colour-blind readers where they lighten") {
    const std::array<vec3, 3> usual{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    const std::array<vec3, 3> no_red{
        {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}};
    const std::array<vec3, 3> no_green{
        {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}};
    std::vector<rgb> added, lightened;
    for (std::size_t i = 0; i < 3; ++i) added.push_back(default_hue(i)), lightened.push_back(lightening_hue(i));
    CHECK(least_distance(added, overlay_mode::add, usual) > 57);
    for (const auto& viewer : {usual, no_red, no_green})
        CHECK(least_distance(lightened, overlay_mode::lighten, viewer) > 13);
}

TEST_CASE("lengths and numbers are round") {
    CHECK(round_length(1) == 1);
    CHECK(round_length(4.99) == 2);
    CHECK(round_length(73.1) == 50);
    CHECK(std::abs(round_length(0.0021) - 0.002) <= 1e-15);
    CHECK(short_number(-0.0) == "0");
    CHECK(short_number(-1.2345) == "\u22121.23");
    CHECK(short_number(0.5) == "0.5");
    CHECK(short_number(1000) == "1000");
    CHECK(short_number(-5634) == "\u22125630");
    CHECK(short_number(99940) == "99900");
    CHECK(short_number(1e5) == "1e+05");
    CHECK(pixel_calibration{0.1, "um"}.shown_unit() == "\u00b5m");
    CHECK(pixel_calibration{0.1, "A"}.shown_unit() == "\u00c5");
    CHECK(pixel_calibration{}.shown_unit() == "px");
}

TEST_CASE("raw and fused are drawn at the limits of the raw map") {
    auto r = record_of<double>(2, 40, 40);
    for (std::size_t y = 0; y < 40; ++y) {
        for (std::size_t x = 0; x < 40; ++x) r.maps(0, y, x) = x < 20 ? 0 : 4;
    }
    std::fill_n(r.fused_maps.data(), 1600, 1.0);
    figure_options options = coarse;
    options.overlay = overlay_mode::none, options.profile = false;
    for (const map_colours colours : {map_colours::hue, map_colours::viridis}) {
        options.colours = colours;
        const auto layout = io::detail::lay_out(3, {40, 40}, options);
        const auto area = static_cast<std::ptrdiff_t>(layout.panel_height * layout.panel_width);
        const auto drawn = fusion_figure(r, options);
        const colormap map = map_of(colours, default_hue(0));
        CHECK(count_colour(drawn.picture(), map(64 / 254.0)) >= area * 8 / 10);
        CHECK(count_colour(drawn.picture(), map(1)) >= area * 4 / 10);
    }
    for (double& v : r.fused_maps) v *= 8;
    options.limits = limits_source::both;
    const auto wide = io::detail::column_of(r, 1, 40, 40, options);
    CHECK(wide.one_scale());
    CHECK(wide.limits.low == 0);
    CHECK(wide.limits.high == 8);
    for (const auto source : {limits_source::fused, limits_source::each}) {
        options.limits = source;
        CHECK(io::detail::column_of(r, 1, 40, 40, options).limits.high == 4);  // of the raw map: the fused one is flat
    }
}

TEST_CASE("with limits of their own neither the raw nor the fused map saturates; bars start at 0 where they can") {
    auto r = record_of<double>(1, 40, 40);
    for (std::size_t k = 0; k < 1600; ++k) {
        r.maps.data()[k] = k % 50 == 0 ? 7 : 0;  // 2% of the pixels have counts
        r.fused_maps.data()[k] = 0.1 + 1e-4 * static_cast<double>(k);
        r.haadf.data()[k] = 2 + 1e-3 * static_cast<double>(k);
    }
    r.fused_haadf = r.haadf;
    figure_options options = coarse;
    const auto high = [&](limits_source source) {
        options.limits = source;
        const auto c = io::detail::column_of(r, 1, 40, 40, options);
        return std::array{c.raw_limits.high, c.limits.high};
    };
    CHECK(high(limits_source::fused)[0] < 0.26);  // the raw panel has two colours
    const auto each = high(limits_source::each);
    CHECK(each[0] == 7);
    CHECK(each[1] < 0.26);
    CHECK(each[1] > 0.25);
    CHECK(high(limits_source::both) == std::array{7.0, 7.0});
    options.limits = limits_source::each;
    // The fused map begins at 0.1, 40% of its highest value; the image at 2, 56% of it.
    CHECK(io::detail::column_of(r, 1, 40, 40, options).limits.low == 0);
    const auto haadf = io::detail::column_of(r, 0, 40, 40, options);
    CHECK(haadf.one_scale());
    CHECK(haadf.limits.low > 2);
    CHECK(starts_beside_zero(haadf.limits));
    CHECK(!starts_beside_zero({-1, 1}));
    CHECK(starts_beside_zero({-2, -1}));
    // A scale for each row takes room for its bar.
    const auto height = [&](limits_source source) {
        options.limits = source;
        return fusion_figure(r, options).marks.height();
    };
    CHECK(height(limits_source::each) > height(limits_source::both));
}

TEST_CASE("an overlay has the first three elements, or those that are named") {
    const std::vector<std::string> elements{"Fe", "Co", "O", "Pt", "C"};
    const auto places = [&](figure_options o) { return io::detail::overlay_places(elements, o); };
    CHECK(places({}) == std::vector<std::size_t>{0, 1, 2});
    CHECK(places({.overlay_elements = {"Pt", "Fe"}}) == std::vector<std::size_t>{3, 0});
    CHECK(places({.overlay = overlay_mode::none}).empty());
    support::check_throws<value_error>([&] { places({.overlay_elements = {"Ni"}}); }, "overlay_elements: is \"Ni\"");
    CHECK(figure_options{.overlay = overlay_mode::lighten}.hue(1) == lightening_hue(1));
}

TEST_CASE("a profile lies on the row that is asked for, inside the image") {
    const auto rows = [](std::size_t n_y, std::optional<std::size_t> row, std::size_t n) {
        const auto range = io::detail::profile_rows(n_y, {.profile_row = row, .profile_rows = n});
        return std::array{range.first, range.count};
    };
    CHECK(rows(256, {}, 0) == std::array<std::size_t, 2>{123, 9});
    CHECK(rows(100, 40, 5) == std::array<std::size_t, 2>{38, 5});
    CHECK(rows(100, 0, 5) == std::array<std::size_t, 2>{0, 5});
    CHECK(rows(100, 99, 5) == std::array<std::size_t, 2>{95, 5});
    CHECK(rows(3, 1, 50) == std::array<std::size_t, 2>{0, 3});
    support::check_throws<value_error>([&] { rows(100, 100, 1); }, "profile_row: is 100", "[0, 99]");
}

namespace {

std::size_t occurrences(std::string_view text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
    return n;
}

std::string unpacked_base64(std::string_view text) {
    const auto value = [](char c) -> std::uint32_t {
        return static_cast<std::uint32_t>(
            std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").find(c));
    };
    std::string bytes;
    for (std::size_t i = 0; i + 3 < text.size(); i += 4) {
        std::uint32_t group = 0;
        int pad = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            pad += text[i + k] == '=';
            group = group << 6 | (text[i + k] == '=' ? 0 : value(text[i + k]));
        }
        for (int k = 0; k < 3 - pad; ++k) bytes += static_cast<char>(group >> (16 - 8 * k) & 255);
    }
    return bytes;
}

}  // namespace

TEST_CASE("as SVG a figure has its width in mm, texts as text, and maps at their own resolution") {
    auto r = record_of<float>(2, 20, 24);
    r.elements = {"Fe", "<O>"};
    r.scale = {0.5, "nm"};
    const figure drawn = fusion_figure(r, {.overlay = overlay_mode::none, .width_mm = 85});
    const std::string svg = drawn.svg();
    const double width = std::stod(svg.substr(svg.find("width=\"") + 7));
    CHECK(width > 83);
    CHECK(width <= 85.1);
    CHECK(std::abs(std::stod(svg.substr(svg.find("viewBox=\"0 0 ") + 13)) - width / 25.4 * 72) <= 0.02);
    CHECK(occurrences(svg, "<image ") == 3 * 2 + 3);  // panels and colour bars
    CHECK(svg.find(">Fe</tspan>") != std::string::npos);
    CHECK(svg.find(">&lt;O&gt;</tspan>") != std::string::npos);
    CHECK(occurrences(svg, " nm</tspan>") >= 6);  // at the scale bars
    const auto begin = svg.find("base64,", svg.find("<image ")) + 7;
    const rgb_image first = decode_png(unpacked_base64(svg.substr(begin, svg.find('"', begin) - begin)));
    CHECK(first.height == 20);
    CHECK(first.width == 24);
    const auto limits = io::detail::column_of(r, 0, 20, 24, {}).raw_limits;
    const image_view<const float> haadf{r.haadf.data(), {20, 24}, {24, 1}};
    CHECK(first.pixels == colour(resample(haadf, 20, 24), limits, grey_map()).pixels);
    // Every pixel of it is a square of equal pixels in the picture.
    const auto layout = io::detail::lay_out(3, {20, 24}, {.width_mm = 85});
    CHECK(layout.panel_height % 20 == 0);
    CHECK(layout.picture_shape() == image_shape{20, 24});
    const scratch::folder dir;
    write_figure(dir / "a.svg", drawn);
    CHECK(scratch::read(dir / "a.svg") == svg);
}

TEST_CASE("panels by themselves are the panels of the figure, without titles; truth where it is known") {
    auto r = record_of<float>(2, 20, 24);
    r.truth = truth_record<float>{r.haadf, r.fused_maps};
    const auto panels = figure_panels(r, coarse);
    std::vector<std::string> names;
    for (const auto& p : panels) names.push_back(p.name);
    CHECK(names == std::vector<std::string>{"HAADF_raw", "HAADF_fused", "HAADF_truth", "E0_raw", "E0_fused", "E0_truth",
                                            "E1_raw", "E1_fused", "E1_truth", "overlay_raw", "overlay_fused",
                                            "overlay_truth"});
    const auto layout = io::detail::lay_out(3, {20, 24}, coarse);
    for (const auto& p : panels) {
        CHECK(p.drawn.marks.height() == layout.panel_height);
        CHECK(p.drawn.marks.width() == layout.panel_width);
    }
    CHECK(panels[4].drawn.picture().pixels == panels[5].drawn.picture().pixels);  // at the same limits
    const auto height = [&] { return fusion_figure(r, coarse).marks.height(); };
    const std::size_t with = height();
    r.truth.reset();
    CHECK(height() + layout.panel_height <= with);
    r.truth = truth_record<float>{r.haadf, xt::xtensor<float, 3>(stack_shape{1, 20, 24})};
    support::check_throws<shape_error>([&] { fusion_figure(r, coarse); }, "truth.maps: ");
}

TEST_CASE("the figure is 180 mm wide at 300 dots an inch or more, its maps scaled by whole numbers") {
    for (const std::size_t n : {1u, 3u, 4u, 8u}) {
        const auto layout = io::detail::lay_out(n + 1, {100, 120}, {});
        CHECK(layout.panel_width % 120 == 0);
        CHECK(layout.panel_height % 100 == 0);
        CHECK(layout.dots_per_inch >= 300);
        CHECK(layout.dots_per_inch < 600);
        CHECK(layout.width() / layout.dots_per_inch * 25.4 <= 180.1);
        if (n >= 3) CHECK(layout.width() / layout.dots_per_inch * 25.4 >= 179);
    }
    const auto large = io::detail::lay_out(4, {4096, 2048}, {});
    CHECK(std::abs(static_cast<double>(large.panel_height) / static_cast<double>(large.panel_width) - 2) <= 0.01);
    CHECK(large.dots_per_inch == 300);
}

TEST_CASE("an element has one hue in map, overlay, profile and legend") {
    auto r = record_of<float>(2, 16, 16);
    figure_options options = coarse;
    options.hues = {{10, 220, 130}};
    const auto with = fusion_figure(r, options).picture();
    CHECK(count_colour(with, {10, 220, 130}) > 0);
    CHECK(count_colour(with, on_white({10, 220, 130})) > 0);
    CHECK(count_colour(with, default_hue(0)) == 0);
    CHECK(count_colour(with, default_hue(1)) > 0);
}

TEST_CASE_TEMPLATE("figures are drawn of 1 to 9 elements and of any shape", T, float, double) {
    for (std::size_t n = 1; n <= 9; ++n) CHECK(fusion_figure(record_of<T>(n, 5, 4), coarse).picture().width > 100);
    for (const auto& shape : {image_shape{1, 1}, image_shape{1, 2}, image_shape{2, 1}, image_shape{1, 300},
                              image_shape{300, 1}, image_shape{31, 77}, image_shape{700, 650}}) {
        CAPTURE(shape[0]);
        CAPTURE(shape[1]);
        for (const std::size_t n : {1u, 2u, 4u}) {
            figure_options options = coarse;
            options.profile_rows = 1000;
            auto r = record_of<T>(n, shape[0], shape[1]);
            r.scale = {0.0123, "nm"};
            const auto drawn = fusion_figure(r, options);
            CHECK(drawn.picture().pixels.size() > 1000);
            CHECK(drawn.picture().pixels.size() < 2000000);
        }
    }
}

TEST_CASE("constant maps, maps without a number, and odd names are drawn") {
    auto r = record_of<double>(3, 6, 6);
    std::fill(r.maps.begin(), r.maps.end(), 0);
    std::fill_n(r.maps.data(), 36, NAN);
    std::fill_n(r.fused_maps.data(), 36, -INFINITY);
    std::fill(r.haadf.begin(), r.haadf.end(), 1e300);
    r.fused_maps(2, 2, 3) = std::numeric_limits<double>::max();
    r.fused_maps(2, 2, 2) = std::numeric_limits<double>::lowest();
    r.elements = {"", std::string(300, 'W'), "\xff\u4e2d"};
    r.unit = std::string(200, 'u');
    CHECK(fusion_figure(r, coarse).picture().width > 100);
}

TEST_CASE("a figure's file decodes to its pixels and states its resolution") {
    const scratch::folder dir;
    const auto r = record_of<float>(2, 8, 9);
    write_figure(dir / "fused.png", r, coarse);
    const std::string bytes = scratch::read(dir / "fused.png");
    const auto made = fusion_figure(r, coarse);
    CHECK(decode_png(bytes).pixels == made.picture().pixels);
    const auto chunk = bytes.find("pHYs");
    REQUIRE(chunk != std::string::npos);
    std::uint32_t per_metre = 0;  // the highest byte first
    for (std::size_t k = 4; k < 8; ++k) per_metre = per_metre << 8 | static_cast<unsigned char>(bytes[chunk + k]);
    CHECK(std::abs(per_metre - made.dots_per_inch / 0.0254) <= 0.5);
    scratch::check_refusals([&](const auto& path) { write_figure(path, r, coarse); }, 1000);
}

TEST_CASE("records that do not fit together, and options out of range, are refused") {
    auto r = record_of<double>(2, 4, 5);
    r.fused_maps.resize({2, 5, 4});
    support::check_throws<shape_error>([&] { fusion_figure(r); }, "fused_maps: ", "(2, 5, 4)", "(2, 4, 5)");
    r = record_of<double>(2, 4, 5);
    r.elements.pop_back();
    support::check_throws<shape_error>([&] { fusion_figure(r); }, "maps: ", "(2, 4, 5)", "(1, 4, 5)");
    r = record_of<double>(2, 4, 5);
    r.fused_haadf.resize({4, 4});
    support::check_throws<shape_error>([&] { fusion_figure(r); }, "fused_haadf: ", "(4, 4)", "(4, 5)");
    support::check_throws<shape_error>([] { fusion_figure(fusion_record<float>{}); }, "record: is empty");
    r = record_of<double>(2, 4, 5);
    support::check_throws<value_error>([&] { fusion_figure(r, {.width_mm = 20}); }, "width_mm: is 20");
    support::check_throws<value_error>([&] { fusion_figure(r, {.dots_per_inch = 5000}); }, "dots_per_inch: is 5000");
    support::check_throws<value_error>([&] { fusion_figure(r, {.low_percentile = 99.9}); }, "low_percentile: is 99.9");
}
