#include <doctest/doctest.h>

#include <limits>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/raw_counts.hpp>
#include <stemfuse/counts/what_is_counted.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

xt::xtensor<double, 2> counts_of(double mean) {
    xt::xtensor<double, 2> map({64, 64});
    for (std::size_t y = 0; y < 64; ++y) {
        for (std::size_t x = 0; x < 64; ++x) {
            const double rate = mean * (1 + std::sin(0.1 * double(y)) * std::cos(0.13 * double(x)));
            map(y, x) = random_stream(4, stream_of("what"), y, x).poisson(rate);
        }
    }
    return map;
}

}  // namespace

TEST_CASE("counts are counts, also where none is above 1; a mask of 0 and 1 is not") {
    CHECK(inspect_counts(counts_of(4)).kind == counted_as::counts);
    xt::xtensor<double, 2> sparse = xt::minimum(counts_of(0.05), 1.0), mask = xt::zeros<double>({64, 64});
    CHECK(inspect_counts(sparse).kind == counted_as::counts);
    for (std::size_t y = 10; y < 50; ++y) {
        for (std::size_t x = 20; x < 60; ++x) mask(y, x) = 1;
    }
    CHECK(inspect_counts(mask).kind == counted_as::no_counts);
    CHECK(describe(inspect_counts(mask), "Fe") == "Fe holds no counts.");
    CHECK(describe(inspect_counts(sparse), "Fe").empty());
}

TEST_CASE("counts times a factor, and with a few pixels below 0, are recognised and said") {
    const xt::xtensor<float, 2> tenths = xt::cast<float>(0.1 * counts_of(4));
    const auto found = inspect_counts(tenths);
    CHECK(found.kind == counted_as::scaled_counts);
    CHECK(std::abs(found.unit - 0.1) < 1e-5);
    auto below = counts_of(4);
    below(3, 4) = -2;
    below(50, 4) = -1;
    const auto few = inspect_counts(below);
    CHECK(few.kind == counted_as::counts);
    CHECK(few.negative == 2);
    CHECK(describe(few, "Fe") == "Fe holds counts but for 2 pixels below 0.");
    for (std::size_t y = 0; y < 64; ++y) below(y, 9) = std::numeric_limits<double>::quiet_NaN();
    CHECK(inspect_counts(below).kind == counted_as::no_counts);
}

TEST_CASE("smooth maps and maps of unequal weights are no counts") {
    auto weighted = counts_of(0.4);
    for (std::size_t k = 0; k < weighted.size(); ++k) weighted.data()[k] *= random_stream(4, 9, 0, k).uniform(0.2, 2);
    CHECK(inspect_counts(weighted).kind == counted_as::no_counts);
}

TEST_CASE("sparse counts are raw counts; maps that could be fused as counts say so") {
    xt::xtensor<double, 3> maps = xt::zeros<double>({2, 64, 64});
    xt::view(maps, 0) = xt::minimum(counts_of(0.05), 1.0);
    xt::view(maps, 1) = xt::view(maps, 0);
    CHECK_FALSE(why_no_raw_counts(maps));
    xt::view(maps, 0) = 0.1 * counts_of(4);
    xt::view(maps, 1) = counts_of(4);
    maps(1, 2, 3) = -1;
    const auto why = why_no_raw_counts(maps);
    REQUIRE(why);
    CHECK(countable_in_words(*why, {"Fe", "O"}) ==
          "Fe holds counts times 0.1. O holds counts but for 1 pixel below 0.");
    maps(1, 2, 3) = 0.3;
    const auto other = why_no_raw_counts(maps);
    REQUIRE(other);
    CHECK(countable_in_words(*other, {"Fe", "O"}).empty());
}
