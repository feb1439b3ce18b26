#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <stemfuse/core/random.hpp>
#include <stemfuse/data/bad_pixels.hpp>
#include <stemfuse/data/image_faults.hpp>

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

TEST_CASE("an image: pixels that stand out are found, columns of atoms and noise are not, and masked ones are mended") {
    xt::xtensor<double, 2> image({64, 56});
    const auto value = [](double y, double x) {
        const double dy = std::remainder(y, 8.0), dx = std::remainder(x, 8.0);
        return 1 + 10 * std::exp(-(dy * dy + dx * dx) / 2);
    };
    for (std::size_t y = 0; y < 64; ++y) {
        for (std::size_t x = 0; x < 56; ++x)
            image(y, x) = value(double(y), double(x)) + 0.2 * random_stream(7, stream_of("noise"), y, x).normal();
    }
    const auto clean = image;
    const auto none = find_image_faults(as_view(std::as_const(image)));
    CHECK((none.hot.empty() && none.dead.empty() && none.saturated == 0));
    image(20, 21) += 30, image(0, 3) += 25, image(41, 30) -= 20;
    const auto found = find_image_faults(as_view(std::as_const(image)));
    CHECK(found.hot == std::vector<std::array<std::size_t, 2>>{{0, 3}, {20, 21}});
    CHECK(found.dead == std::vector<std::array<std::size_t, 2>>{{41, 30}});
    const xt::xtensor<double, 2> clipped = xt::minimum(clean, 8.0);
    CHECK(saturated_pixels(as_view(clipped)) == std::size_t(std::count(clipped.begin(), clipped.end(), 8.0)));
    xt::xtensor<unsigned char, 2> bad = xt::zeros<unsigned char>({64, 56});
    bad(20, 21) = bad(41, 30) = 1;
    for (std::size_t y = 24; y < 34; ++y) bad(y, 12) = 1, image(y, 12) = NAN;
    mend_image(image, bad);
    CHECK(xt::all(xt::isfinite(image)));
    // Columns of one pixel width change by their height beside one: 3 is what a mean over the next pixels leaves.
    for (std::size_t k = 0; k < image.size(); ++k)
        CHECK(std::abs(image.data()[k] - clean.data()[k]) < (bad.data()[k] != 0 ? 3 : 26));
}

TEST_CASE("counts that a detector cannot exceed are saturated, Poisson counts are not") {
    for (std::uint64_t seed = 1; seed < 9; ++seed) {
        auto counts = good_counts(200, seed);
        for (std::size_t i = 0; i < 3; ++i) CHECK(saturated_pixels(as_view(std::as_const(counts)).image(i)) == 0);
        counts = xt::minimum(counts, 150.0f);
        CHECK(saturated_pixels(as_view(std::as_const(counts)).image(0)) > 50);
        CHECK(saturated_pixels(as_view(std::as_const(counts)).image(2)) == 0);
    }
}
