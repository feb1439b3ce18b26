#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/core/random.hpp>
#include <stemfuse/data/bad_pixels.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// Poisson counts of columns of atoms over a background, of one pixel wide lines, and of next to nothing.
xt::xtensor<float, 3> good_counts(double dose, std::uint64_t seed) {
    xt::xtensor<float, 3> counts({3, 48, 40});
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t y = 0; y < 48; ++y) {
            for (std::size_t x = 0; x < 40; ++x) {
                const double column = std::pow(std::cos(0.4 * double(y)) * std::cos(0.4 * double(x)), 2);
                const double rate = i == 0 ? 0.1 + column : i == 1 ? (x == 17 ? 0.6 : 0.3) : 0.004;
                counts(i, y, x) = float(random_stream(seed, stream_of("good"), y + 100 * i, x).poisson(dose * rate));
            }
        }
    }
    return counts;
}

}  // namespace

TEST_CASE("nothing is found in good counts at any dose") {
    for (const double dose : {0.3, 3.0, 30.0, 1000.0}) {
        CAPTURE(dose);
        for (std::uint64_t seed = 1; seed < 6; ++seed) {
            const auto counts = good_counts(dose, seed);
            CHECK(find_bad_pixels(as_view(counts)).found.empty());
        }
    }
}

TEST_CASE("hot pixels, also two side by side, and dead lines are found, and no others") {
    auto counts = good_counts(20, 1);
    counts(0, 0, 0) += 120;
    counts(1, 30, 12) += 80;
    counts(1, 31, 12) += 85;
    counts(2, 5, 39) += 60;
    for (std::size_t x = 0; x < 40; ++x) counts(1, 20, x) = 0;
    for (std::size_t y = 0; y < 48; ++y) counts(1, y, 8) = counts(1, y, 9) = 0;
    const auto bad = find_bad_pixels(as_view(std::as_const(counts)));
    CHECK(bad.count(0) == 1);
    CHECK(bad.bad(0, 0, 0) == 1);
    CHECK(bad.count(1) == 2 + 40 + 2 * 48 - 2);
    CHECK((bad.bad(1, 30, 12) == 1 && bad.bad(1, 31, 12) == 1 && bad.bad(1, 20, 39) == 1 && bad.bad(1, 47, 9) == 1));
    CHECK(bad.count(2) == 1);
    const auto lines = describe_bad_pixels(bad, {"Fe", "O", "Hf"});
    REQUIRE(lines.size() == 3);
    CHECK(lines[1] == "O: 2 hot pixels, 1 dead row, 2 dead columns left out, 136 pixels in all");
    CHECK(find_bad_pixels(as_view(std::as_const(counts)), {}, {.find = false}).bad.size() == 0);
}

TEST_CASE("masked pixels may hold anything, others may not") {
    auto counts = good_counts(5, 2);
    counts(1, 3, 4) = std::numeric_limits<float>::quiet_NaN();
    support::check_throws<value_error>([&] { find_bad_pixels(as_view(std::as_const(counts))); }, "counts", "element 1",
                                       "row 3");
    xt::xtensor<unsigned char, 3> mask = xt::zeros<unsigned char>(counts.shape());
    mask(1, 3, 4) = 1;
    const auto bad = find_bad_pixels(as_view(std::as_const(counts)), mask);
    CHECK(bad.count(1) == 1);
    CHECK((bad.found.size() == 1 && bad.found[0].kind == bad_pixel_kind::masked));
    const xt::xtensor<unsigned char, 3> other = xt::zeros<unsigned char>({3, 48, 41});
    CHECK_THROWS_AS(find_bad_pixels(as_view(std::as_const(counts)), other), shape_error);
}
