#include <doctest/doctest.h>

#include <limits>

#include <stemfuse/data/threshold_start.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("pixels below the threshold start at 0, the others as measured", T, float, double) {
    const xt::xtensor<T, 3> maps{{{T(0.1), T(0.25), T(0.5)}}, {{T(1), T(0), T(0.24)}}};
    const auto before = maps;
    const auto start = threshold_start(maps, 0.25);
    static_assert(std::is_same_v<decltype(start), const xt::xtensor<T, 3>>);
    CHECK(start == xt::xtensor<T, 3>{{{T(0), T(0.25), T(0.5)}}, {{T(1), T(0), T(0)}}});
    CHECK(maps == before);
    CHECK(threshold_start(maps, 0) == maps);
}

TEST_CASE("threshold_start takes integers and views") {
    const xt::xtensor<int, 3> counts{{{1, 2}, {3, 4}}};
    const auto start = threshold_start(counts, 3);
    static_assert(std::is_same_v<decltype(start), const xt::xtensor<double, 3>>);
    CHECK(start == xt::xtensor<double, 3>{{{0, 0}, {3, 4}}});
    CHECK(threshold_start(xt::view(counts, xt::all(), xt::all(), xt::range(1, 2)), 3) ==
          xt::xtensor<double, 3>{{{0}, {4}}});
}

TEST_CASE("threshold_start refuses what has no start") {
    auto maps = support::random_array<float, 3>({2, 3, 4});
    support::check_throws<value_error>([&] { threshold_start(maps, -0.1); }, "threshold: is -0.1", "0 or more");
    support::check_throws<value_error>([&] { threshold_start(maps, std::numeric_limits<double>::quiet_NaN()); },
                                       "threshold: is ", "nan");
    maps(1, 2, 3) = std::numeric_limits<float>::quiet_NaN();
    support::check_throws<value_error>([&] { threshold_start(maps, 0.1); }, "maps: has ", "element 1, row 2, column 3");
    support::check_throws<shape_error>([] { threshold_start(xt::xtensor<float, 3>({1, 0, 2}), 0.1); },
                                       "maps: is empty");
}
