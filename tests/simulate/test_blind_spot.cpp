#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/simulate/blind_spot.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// `even` times `share` within the spot.
xt::xtensor<double, 2> cut(const xt::xtensor<double, 2>& even, const blind_spot& spot, double share) {
    auto map = even;
    for (std::size_t y = 0; y < map.shape(0); ++y) {
        for (std::size_t x = 0; x < map.shape(1); ++x) map(y, x) *= spot.distance(y, x) < spot.radius ? share : 1;
    }
    return map;
}

}  // namespace

TEST_CASE("the level of a spot is its share of what would be there, whatever the structure and the units") {
    const auto even = support::random_array<double, 2>({70, 90});
    for (const blind_spot spot : {blind_spot{30, 40, 9}, {2.5, 88, 12}, {69, 1, 3}, {35, 45, 14}}) {
        CAPTURE(spot.y);
        CHECK(std::abs(spot_level(even, even, spot) - 1) < 1e-12);
        for (const double share : {0.0, 0.6, 2.5}) {
            const xt::xtensor<double, 2> map = 17 * cut(even, spot, share);
            CHECK(std::abs(spot_level(map, even, spot) - share) < 1e-12);
            CHECK(std::abs(spot_level(xt::xtensor<float, 2>(map), even, spot) - share) < 1e-5);
        }
    }
}

TEST_CASE("what lies between the spot and its surroundings, or further away, does not count") {
    const blind_spot spot{32, 32, 6};
    const xt::xtensor<double, 2> even = xt::ones<double>({std::size_t{64}, std::size_t{64}});
    auto map = cut(even, spot, 0.6);
    for (std::size_t y = 0; y < 64; ++y) {
        for (std::size_t x = 0; x < 64; ++x) {
            const double d = spot.distance(y, x);
            if ((d > 6.01 && d < 8.99) || d > 15.01) map(y, x) = 100;
        }
    }
    CHECK(std::abs(spot_level(map, even, spot) - 0.6) < 1e-12);
}

TEST_CASE("maps that do not fit a spot are refused by name") {
    const xt::xtensor<double, 2> even = xt::ones<double>({std::size_t{20}, std::size_t{30}});
    const xt::xtensor<double, 2> other = xt::ones<double>({std::size_t{30}, std::size_t{20}});
    support::check_throws<shape_error>([&] { spot_level(other, even, {10, 10, 3}); }, "map: has shape (30, 20)",
                                       "(20, 30)");
    auto holed = even;
    holed(3, 4) = std::numeric_limits<double>::quiet_NaN();
    support::check_throws<value_error>([&] { spot_level(holed, even, {10, 10, 3}); }, "map: has nan",
                                       "row 3, column 4");
    support::check_throws<value_error>([&] { spot_level(even, holed, {10, 10, 3}); }, "even: has nan");
    support::check_throws<value_error>([&] { spot_level(even, even, {10, 10, 90}); }, "even: holds nothing",
                                       "row 10, column 10");
    support::check_throws<value_error>([&] { spot_level(even, even, {200, 10, 3}); }, "even: holds nothing", "row 200");
}
