#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include <stemfuse/data/min_max.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("min_max maps the range of an image onto [0, 1] and leaves the image alone", T, float, double) {
    const auto image = support::random_array<T, 2>({7, 11}, -3, 8);
    const auto before = image;
    const auto scaled = min_max(image);
    static_assert(std::is_same_v<decltype(scaled), const xt::xtensor<T, 2>>);
    CHECK(image == before);
    const auto [lowest, highest] = std::minmax_element(image.begin(), image.end());
    for (std::size_t p = 0; p < image.size(); ++p) {
        const double expected =
            (static_cast<double>(image.data()[p]) - *lowest) / (static_cast<double>(*highest) - *lowest);
        CHECK(std::abs(scaled.data()[p] - expected) <= std::numeric_limits<T>::epsilon());
    }
    CHECK(scaled.data()[lowest - image.begin()] == 0);
    CHECK(scaled.data()[highest - image.begin()] == 1);
    CHECK(min_max(scaled) == scaled);
}

TEST_CASE("min_max takes integers, other scalar types, views and run-time ranks") {
    const xt::xtensor<std::uint16_t, 2> counts{{2, 4, 6}, {10, 2, 3}};
    const xt::xtensor<double, 2> expected{{0, 0.25, 0.5}, {1, 0, 0.125}};
    const auto scaled = min_max(counts);
    static_assert(std::is_same_v<decltype(scaled), const xt::xtensor<double, 2>>);
    CHECK(scaled == expected);
    const auto single = min_max<float>(counts);
    static_assert(std::is_same_v<decltype(single), const xt::xtensor<float, 2>>);
    CHECK(single == expected);
    CHECK(min_max(xt::xarray<int>(counts)) == expected);
    CHECK(min_max(xt::transpose(counts)) == xt::transpose(expected));
    CHECK(min_max(counts * 3.0 - 7.0) == expected);
    std::vector<float> foreign{2, 4, 6, 10, 2, 3};
    CHECK(min_max(array_view<float, 2>{foreign.data(), {2, 3}, {3, 1}}) == expected);
}

TEST_CASE("min_max_each scales every map by itself") {
    auto maps = support::random_array<float, 3>({3, 5, 6}, 1, 4);
    xt::view(maps, 1) *= 100.0f;
    const auto scaled = min_max_each(maps, {"Sc", "Dy", "O"});
    static_assert(std::is_same_v<decltype(scaled), const xt::xtensor<float, 3>>);
    for (std::size_t i = 0; i < 3; ++i) CHECK(xt::view(scaled, i) == min_max(xt::view(maps, i)));
    const auto wide = min_max_each<double>(maps);
    static_assert(std::is_same_v<decltype(wide), const xt::xtensor<double, 3>>);
    CHECK(min_max_each(xt::xarray<float>(maps)) == scaled);
}

TEST_CASE("images that have no scale are refused by name") {
    xt::xtensor<float, 2> image = xt::ones<float>({3, 4}) * 2.5f;
    support::check_throws<value_error>([&] { min_max(image); }, "image: ", "2.5 everywhere");
    support::check_throws<value_error>([&] { min_max(image, "HAADF"); }, "HAADF: ", "contrast");
    support::check_throws<value_error>([] { min_max(xt::xtensor<int, 2>{{7}}); }, "7 everywhere");
    image(1, 2) = std::numeric_limits<float>::quiet_NaN();
    support::check_throws<value_error>([&] { min_max(image, "Dy"); }, "Dy: has ", "nan", "row 1, column 2");
    image(1, 2) = std::numeric_limits<float>::infinity();
    support::check_throws<value_error>([&] { min_max(image, "Dy"); }, "Dy: has inf");
    const xt::xtensor<double, 2> far{{-1.7e308, 1.7e308}};
    support::check_throws<value_error>([&] { min_max(far); }, "-1.7e+308 to 1.7e+308");
    support::check_throws<shape_error>([] { min_max(xt::xtensor<float, 2>({0, 4})); }, "image: is empty");
    support::check_throws<shape_error>([] { min_max(xt::xarray<float>::from_shape({2, 3, 4})); },
                                       "image: has 3 dimensions");
}

TEST_CASE("stacks name the map that has no scale") {
    auto maps = support::random_array<double, 3>({3, 2, 4});
    xt::view(maps, 1) = 3.0;
    support::check_throws<value_error>([&] { min_max_each(maps, {"Sc", "Dy", "O"}); }, "Dy: is 3 everywhere");
    support::check_throws<value_error>([&] { min_max_each(maps); }, "maps, element 1: is 3 everywhere");
    support::check_throws<shape_error>([&] { min_max_each(maps, {"Sc", "Dy"}); }, "names: has 2", "must have 3");
    support::check_throws<shape_error>([] { min_max_each(xt::xtensor<float, 3>({0, 2, 2})); }, "maps: is empty");
}
