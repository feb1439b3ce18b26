#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <stemfuse/report/figure/residual_figure.hpp>

#include "io/scratch.hpp"
#include "report/figure/decode_png.hpp"

using namespace stemfuse;
using namespace stemfuse::io;

namespace {

const figure_options coarse{.dots_per_inch = 50};

template <class T>
fusion_record<T> record_of(std::size_t n, std::size_t ny, std::size_t nx) {
    fusion_record<T> r;
    for (std::size_t i = 0; i < n; ++i) r.elements.emplace_back("E").append(std::to_string(i));
    r.haadf = r.fused_haadf = r.raw_haadf = support::random_array<T, 2>({ny, nx});
    r.maps = r.raw_maps = support::random_array<T, 3>({n, ny, nx}, 0, 5, 1);
    r.fused_maps = support::random_array<T, 3>({n, ny, nx}, 0, 2, 2);
    r.history = {{100, 10, 1}, {-5, -6, -7}, {9, 8, 7}, {1234.5, 700, 650.25}};
    return r;
}

}  // namespace

TEST_CASE_TEMPLATE("a residual by hand", T, float, double) {
    auto r = record_of<T>(2, 2, 2);
    r.maps = r.raw_maps = xt::xtensor<T, 3>{{{1, 1}, {1, 1}}, {{0, 4}, {9, 3}}};  // the second has a mean of 4
    r.fused_maps = xt::xtensor<T, 3>{{{1, 1}, {1, 1}}, {{2, 6}, {3, 3}}};
    CHECK(residual_of(r, 0) == xt::xtensor<double, 2>({2, 2}, 0.0));
    CHECK(residual_of(r, 1) == xt::xtensor<double, 2>{{1, 1}, {-2, 0}});
    // Background is part of raw counts and not of fused ones.
    r.raw_background = xt::xtensor<T, 3>({2, 2, 2}, 2);
    r.kind = map_kind::counts;
    CHECK(residual_of(r, 1) == xt::xtensor<double, 2>{{2, 2}, {-4.0 / 3, 1}});
}

TEST_CASE("the residual of Poisson counts about their truth has a variance near 1") {
    auto r = record_of<double>(1, 200, 200);
    std::mt19937 random(support::seed());
    std::poisson_distribution<int> counts(50);
    for (double& v : r.maps) v = counts(random);
    r.raw_maps = r.maps;
    r.fused_maps.fill(50);
    double sum = 0, squares = 0;
    for (const double v : residual_of(r, 0)) sum += v, squares += v * v;
    CHECK(std::abs(sum / 40000) <= 0.1);
    CHECK(std::abs(squares / 40000 - 1) <= 0.1);
}

TEST_CASE("limits of a residual lie symmetrically about 0") {
    xt::xtensor<double, 2> residual({1, 1001});
    for (std::size_t k = 0; k <= 1000; ++k) residual(0, k) = k % 2 == 0 ? 0.001 * static_cast<double>(k) : -0.5;
    residual(0, 1000) = -1e6;
    residual(0, 1) = NAN;
    const auto limits = limits_of_residual(residual);
    CHECK(limits.low == -limits.high);
    CHECK(limits.high > 0.98);
    CHECK(limits.high < 1);
}

TEST_CASE("a map that is its measurement has the middle colour alone, one above it the last") {
    auto r = record_of<float>(3, 20, 20);
    r.fused_maps = r.maps;
    xt::view(r.maps, 1).fill(4);
    xt::view(r.fused_maps, 1).fill(6);
    const auto layout = io::detail::lay_out(3, {20, 20}, coarse);
    const auto area = static_cast<std::ptrdiff_t>(layout.panel_height * layout.panel_width);
    const auto drawn = residual_figure(r, coarse);
    CHECK(count_colour(drawn.picture(), diverging_map()(0.5)) >= 2 * area * 8 / 10);
    CHECK(count_colour(drawn.picture(), diverging_map()(1)) >= area * 8 / 10);
    auto without = r;
    without.history = {};
    CHECK(residual_figure(without, coarse).picture().height < drawn.picture().height);
}

TEST_CASE_TEMPLATE("residuals are drawn of any number of elements, shape and value", T, float, double) {
    for (std::size_t n = 1; n <= 9; ++n) CHECK(residual_figure(record_of<T>(n, 5, 4), coarse).picture().width > 100);
    for (const auto& shape : {image_shape{1, 1}, image_shape{1, 300}, image_shape{300, 1}, image_shape{700, 650}}) {
        auto r = record_of<T>(2, shape[0], shape[1]);
        r.scale = {0.0123, "nm"};
        r.history.tv = {0, NAN, 1};
        r.history.haadf = {3};
        const auto drawn = residual_figure(r, coarse);
        CHECK(drawn.picture().pixels.size() > 1000);
        CHECK(drawn.picture().pixels.size() < 2000000);
    }
    auto r = record_of<T>(3, 6, 6);
    std::fill(r.maps.begin(), r.maps.end(), static_cast<T>(0));
    std::fill_n(r.maps.data(), 36, static_cast<T>(NAN));
    CHECK(std::isnan(residual_of(r, 0)(2, 2)));
    CHECK(std::isnan(residual_of(r, 1)(2, 2)));
    CHECK(residual_figure(r, coarse).picture().width > 100);
}

TEST_CASE("a residual's file decodes to its pixels; what does not fit together is refused") {
    const scratch::folder dir;
    auto r = record_of<float>(2, 8, 9);
    write_residual_figure(dir / "residual.png", r, coarse);
    CHECK(decode_png(scratch::read(dir / "residual.png")).pixels == residual_figure(r, coarse).picture().pixels);
    scratch::check_refusals([&](const auto& path) { write_residual_figure(path, r, coarse); }, 1000);
    support::check_throws<value_error>([&] { residual_figure(r, {.width_mm = 20}); }, "width_mm: is 20");
    r.fused_maps.resize({2, 9, 8});
    support::check_throws<shape_error>([&] { residual_of(r, 0); }, "fused_maps: ", "(2, 9, 8)", "(2, 8, 9)");
}
