#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/simulate/atomic_columns.hpp>

using namespace stemfuse;

TEST_CASE("a column's integral, place and width are those asked for, also across the border") {
    xt::xtensor<double, 2> image = xt::zeros<double>({std::size_t{60}, std::size_t{70}});
    const auto view = as_view(image, "image");
    detail::add_column(view, {30.3, 40.8, 2.5, 0.7});
    double sum = 0, y_mean = 0, x_mean = 0, x_square = 0;
    for (std::size_t y = 0; y < 60; ++y) {
        for (std::size_t x = 0; x < 70; ++x) {
            const double v = image(y, x), row = static_cast<double>(y) + 0.5, column = static_cast<double>(x) + 0.5;
            sum += v, y_mean += v * row, x_mean += v * column, x_square += v * (column - 40.8) * (column - 40.8);
        }
    }
    CHECK(std::abs(sum - 0.7 * 2 * std::numbers::pi * 2.5 * 2.5) < 1e-3);
    CHECK(std::abs(y_mean / sum - 30.3) < 1e-3);
    CHECK(std::abs(x_mean / sum - 40.8) < 1e-3);
    CHECK(std::abs(x_square / sum - 2.5 * 2.5) < 1e-3);

    // Corners, which four images share, and columns that reach none of them.
    xt::xtensor<double, 2> corner = xt::zeros<double>({std::size_t{20}, std::size_t{30}});
    for (const double y : {0.0, 20.0}) {
        for (const double x : {0.0, 30.0}) detail::add_column(as_view(corner, "image"), {y, x, 2, 1});
    }
    CHECK(std::abs(xt::sum(corner)() - 2 * std::numbers::pi * 4) < 1e-3);
    const xt::xtensor<double, 2> before = corner;
    for (const double y : {-500.0, 900.0}) detail::add_column(as_view(corner, "image"), {y, 10, 2, 1});
    CHECK(corner == before);
}

TEST_CASE("cells cover the image and a margin, each once") {
    std::vector<double> ys, xs;
    detail::for_each_cell(100, 40, 16, 9, [&](std::size_t j, std::size_t i, double y, double x) {
        if (i == 0) ys.push_back(y);
        if (j == 0) xs.push_back(x);
        CHECK(std::abs(y - (static_cast<double>(j) - 0.8) * 16) < 1e-12);
        CHECK(std::abs(x - (static_cast<double>(i) - 0.7) * 9) < 1e-12);
    });
    CHECK((ys.front() < 0 && ys.front() > -16 && ys.back() > 100 && ys.back() < 132));
    CHECK((xs.front() < 0 && xs.front() > -9 && xs.back() > 40 && xs.back() < 58));
}

TEST_CASE("displacements have the length asked for, and an interface its width") {
    double squares = 0;
    for (std::size_t k = 0; k < 4000; ++k) {
        random_stream random(3, 5, k);
        const auto c = detail::displaced({1, 2, 3, 4}, 0.25, random);
        squares += (c.y - 1) * (c.y - 1) + (c.x - 2) * (c.x - 2);
        REQUIRE((c.sigma == 3 && c.peak == 4));
    }
    CHECK(std::abs(squares / 8000 - 0.0625) < 0.004);  // four standard deviations of the mean
    CHECK(detail::diffuse_step(7, 7, 2) == 0.5);
    CHECK(std::abs(detail::diffuse_step(7 + 0.906 * 2, 7, 2) - 0.9) < 1e-3);
    CHECK(std::abs(detail::diffuse_step(7 - 0.906 * 2, 7, 2) - 0.1) < 1e-3);
}
