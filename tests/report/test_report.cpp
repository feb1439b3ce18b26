#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <stemfuse/report/report.hpp>

#include "io/scratch.hpp"
#include "report/figure/decode_png.hpp"

using namespace stemfuse;
using namespace stemfuse::io;

namespace {

template <class T>
fusion_record<T> record_of(std::size_t n, std::size_t ny, std::size_t nx) {
    fusion_record<T> r;
    r.title = "scan <7> & \"more\"";
    for (std::size_t i = 0; i < n; ++i) r.elements.emplace_back(1, static_cast<char>('A' + i));
    r.haadf = r.fused_haadf = r.raw_haadf = support::random_array<T, 2>({ny, nx});
    r.maps = r.raw_maps = support::random_array<T, 3>({n, ny, nx}, 0, 5, 1);
    r.fused_maps = support::random_array<T, 3>({n, ny, nx}, 0, 2, 2);
    r.unit = "counts";
    r.history = {{100, 10, 1}, {-5, -6, -7}, {9, 8, 7}, {1234.5, 700, 650.25}};
    r.parameters = {{"gamma", 1.6}, {"iterations", std::int64_t{30}}, {"tv", std::string("f<g>p")}, {"warm", true}};
    return r;
}

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string decode_base64(std::string_view text) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t bits = 0;
    int n = 0;
    for (const char c : text.substr(0, text.find('='))) {
        bits = bits << 6 | static_cast<std::uint32_t>(alphabet.find(c));
        if ((n += 6) >= 8) bytes += static_cast<char>(bits >> (n -= 8) & 255);
    }
    return bytes;
}

}  // namespace

TEST_CASE("base64 as in RFC 4648, section 10") {
    CHECK(base64("") == "");
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(base64("foob") == "Zm9vYg==");
    CHECK(base64("fooba") == "Zm9vYmE=");
    CHECK(base64("foobar") == "Zm9vYmFy");
    CHECK(base64("\xff\xfe\xfd") == "//79");
}

TEST_CASE("a report shows title, parameters, figures of merit and warnings, escaped") {
    const std::string html = report_html(
        record_of<float>(2, 20, 30), {.figures_of_merit = {{"SNR <gain>", "4 & more"}}, .warnings = {"few <counts>"}});
    CHECK(count(html, "scan &lt;7&gt; &amp; &quot;more&quot;") == 2);
    CHECK_FALSE(has(html, "<7>"));
    for (const std::string_view row :
         {"gamma</th><td>1.6</td>", "iterations</th><td>30</td>", "tv</th><td>f&lt;g&gt;p</td>",
          "warm</th><td>true</td>", "SNR &lt;gain&gt;</th><td>4 &amp; more</td>", "few &lt;counts&gt;</li>",
          "30 \u00d7 20 pixels"}) {
        CAPTURE(row);
        CHECK(has(html, row));
    }
}

TEST_CASE("a report loads nothing and runs nothing") {
    const std::string html = report_html(record_of<double>(3, 20, 30));
    for (const std::string_view load : {"http://", "https://", "<script", "<link", "@import", "url(", "javascript:"}) {
        CAPTURE(load);
        CHECK_FALSE(has(html, load));
    }
    CHECK(count(html, "src=\"") == count(html, "src=\"data:image/png;base64,"));
    CHECK(has(html, "default-src 'none'"));
}

TEST_CASE("a report has its panels, each with words for those who cannot see it, at stated limits") {
    auto r = record_of<double>(2, 16, 16);
    for (std::size_t k = 0; k < 256; ++k) r.maps.data()[k] = k % 2 == 0 ? 0 : 4;
    std::fill_n(r.fused_maps.data(), 256, 1.0);
    const std::string html = report_html(r);
    CHECK(count(html, "<img ") == count(html, " alt=\""));
    // HAADF, two elements and the overlay, before and after; two residuals
    CHECK(count(html, "<figure>") == 8 + 2);
    CHECK(count(html, "class=\"profile\"") == 1);
    CHECK(has(html, "HAADF re-projected, 16 by 16 pixels, shown from"));
    CHECK(has(html, "alt=\"A raw, 16 by 16 pixels, shown from 0 to 4 counts\""));

    const auto end = html.find("alt=\"A fused, 16 by 16 pixels, shown from 0 to 4 counts\"");
    REQUIRE(end != std::string::npos);
    const auto begin = html.rfind("base64,", end) + 7;
    const auto picture = decode_png(decode_base64(html.substr(begin, html.find('"', begin) - begin)));
    CHECK(picture.width == 16);
    CHECK(count_colour(picture, hue_map(default_hue(0))(64 / 254.0)) == 16 * 16);
    CHECK(has(html.substr(begin), "width=\"512\" height=\"512\" alt=\"A fused"));
    const std::string bare = report_html(r, {.figure = {.overlay = overlay_mode::none, .profile = false}});
    CHECK(count(bare, "<figure>") == 6 + 2);
    CHECK(count(bare, "class=\"profile\"") == 0);
    // A scale for each map has two bars, unless the fused map is flat; three panels where the truth is known.
    CHECK(count(report_html(r, {.figure = {.limits = limits_source::each}}), "class=\"bar\"") == 1 + 1 + 2);
    auto known = r;
    known.truth = truth_record<double>{r.haadf, r.fused_maps};
    CHECK(count(report_html(known), "<figure>") == 12 + 2);
    // 0 and 4 at a mean of 2, where the fused map is 1 everywhere: 1 / sqrt(2) and -3 / sqrt(4).
    CHECK(has(html, "Residual of A, \u00b11.5"));
}

TEST_CASE("a report draws the history of every term and states its ends") {
    auto r = record_of<float>(1, 8, 8);
    const std::string html = report_html(r);
    CHECK(count(html, "<svg ") == 4 + 1);  // and the profile
    CHECK(count(html, "log scale") == 1);  // the HAADF term alone spreads over more than a factor of 5
    CHECK(has(html, "Weighted total</th><td>1234.5</td><td>650.25</td><td>\u221247.3 %</td>"));
    CHECK(has(html, "HAADF term over the iterations: 100 at the start, 1 after 2"));
    r.history = {};
    CHECK(has(report_html(r), "No history was recorded"));
}

TEST_CASE("charts take any values") {
    for (const std::vector<double>& values : {std::vector<double>{},
                                              {5},
                                              {0, 0, 0},
                                              {1e-300, 1e300},
                                              {NAN, NAN},
                                              {1, NAN, 3},
                                              {-1e308, 1e308},
                                              {1e9, 1e9 + 1},
                                              {INFINITY, 2, 1},
                                              {1e-3, 1e5, 1}}) {
        const std::string svg = history_chart("a & b", values);
        CAPTURE(svg);
        CHECK(has(svg, "a &amp; b"));
        CHECK_FALSE(has(svg.substr(svg.find("<text")), "nan"));
        CHECK_FALSE(has(svg.substr(svg.find("<text")), "inf"));
        CHECK(count(svg, "<text") <= 24);
    }
    // Two decades: the middle of the axis is their geometric mean.
    const std::string svg = history_chart("total", {100, 10, 1});
    std::array<double, 3> y{};
    std::array<double, 3> x{};
    const auto curve = svg.find("class=\"curve\" d=\"M");
    REQUIRE(std::sscanf(svg.c_str() + curve + 17, "M%lf %lfL%lf %lfL%lf %lf", &x[0], &y[0], &x[1], &y[1], &x[2],
                        &y[2]) == 6);
    CHECK(std::abs(y[1] - (y[0] + y[2]) / 2) <= 0.11);
    CHECK(y[0] < y[2]);
    CHECK(std::abs(x[1] - (x[0] + x[2]) / 2) <= 0.11);
}

TEST_CASE_TEMPLATE("reports are written of any shape", T, float, double) {
    for (const auto& shape :
         {image_shape{1, 1}, image_shape{1, 90}, image_shape{90, 1}, image_shape{3, 2}, image_shape{1100, 40}}) {
        auto scaled = record_of<T>(2, shape[0], shape[1]);
        scaled.scale = {0.5, "A"};
        const std::string html = report_html(scaled);
        CHECK(html.find("</html>") == html.size() - 8);
    }
    auto r = record_of<T>(1, 4, 4);
    std::fill(r.maps.begin(), r.maps.end(), static_cast<T>(NAN));
    CHECK(has(report_html(r), "none finite"));
}

TEST_CASE("a report is whole or not there") {
    const scratch::folder dir;
    const auto r = record_of<float>(1, 6, 6);
    write_report(dir / "report.html", r);
    CHECK(scratch::read(dir / "report.html") == report_html(r));
    scratch::check_refusals([&](const auto& path) { write_report(path, r); }, 1000);
    auto bad = r;
    bad.maps.resize({1, 2, 3});
    support::check_throws<shape_error>([&] { write_report(dir / "bad.html", bad); }, "maps: ", "(1, 2, 3)");
    CHECK(dir.count() == 1);
}
