#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/counts_per_unit.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// Poisson counts of a smooth specimen, brighter to the right, with a disc of twice the mean.
xt::xtensor<double, 2> specimen_counts(double dose, std::uint64_t seed, std::size_t side = 160) {
    xt::xtensor<double, 2> counts({side, side});
    for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
            const double fy = static_cast<double>(y) / static_cast<double>(side),
                         fx = static_cast<double>(x) / static_cast<double>(side);
            const double disc = std::hypot(fy - 0.5, fx - 0.5) < 0.3 ? 1 : 0;
            counts(y, x) = random_stream(seed, 3, y, x).poisson(dose * (0.1 + fx + disc));
        }
    }
    return counts;
}

// Uniform noise far below a count, so that nothing is a multiple of anything.
xt::xtensor<double, 2> without_steps(xt::xtensor<double, 2> map, double size) {
    for (std::size_t k = 0; k < map.size(); ++k) map.data()[k] += size * random_stream(9, 9, 0, k).uniform();
    return map;
}

}  // namespace

TEST_CASE_TEMPLATE("the step of scaled counts is exact", T, float, double) {
    for (const double dose : {0.05, 2.0, 200.0}) {
        const auto counts = specimen_counts(dose, 21);
        for (const double unit : {1.0, 0.013, 4.7e5}) {
            CAPTURE(dose);
            CAPTURE(unit);
            const auto found = counts_per_unit(xt::xtensor<T, 2>(xt::cast<T>(counts * unit)));
            REQUIRE(found.certainty == count_certainty::exact);
            CHECK(std::abs(found.counts_per_unit * unit - 1) < (std::is_same_v<T, float> ? 1e-5 : 1e-12));
            CHECK(found.standard_error == 0);
            CHECK(found.zero_level == 0);
            CHECK(std::abs(found.dispersion - 1) < 0.15);
        }
        const auto shifted = counts_per_unit(xt::xtensor<T, 2>(xt::cast<T>(counts * 0.25 + 3.1)));
        REQUIRE(shifted.certainty == count_certainty::exact);
        CHECK(std::abs(shifted.zero_level - 3.1 - 0.25 * xt::amin(counts)()) < 1e-5);
    }
}

TEST_CASE("the step is the largest that fits, and no step is found where none is") {
    const auto step_of = [](const xt::xtensor<double, 2>& map) { return detail::find_count_step(as_view(map)); };
    const auto by_euclid = step_of({{0, 1700, 3500, 17}});
    REQUIRE(by_euclid);
    CHECK(by_euclid->step == 1);
    const auto sixes = step_of({{-12, 0.0, 18, 30}});
    REQUIRE(sixes);
    CHECK(sixes->step == 6);
    CHECK(sixes->lowest == -12);
    // Differences of two and three steps, rounded to float.
    const auto tenths = step_of({{double(0.2f), double(0.5f), double(0.7f), double(1.2f)}});
    REQUIRE(tenths);
    CHECK(std::abs(tenths->step - 0.1) < 1e-7);
    CHECK(!step_of({{4, 4, 4}}));
    CHECK(!step_of({{0.0, 1, std::sqrt(2.0), std::sqrt(3.0), 5}}));
    CHECK(!step_of(xt::xtensor<double, 2>(support::random_array<double, 2>({50, 50}))));
}

TEST_CASE("digitised images and masks are no counts") {
    // Whole numbers with the noise of 40 a count, as a detector's: the noise gives the scale, with its error.
    const xt::xtensor<double, 2> detector = xt::round(40 * without_steps(specimen_counts(30, 22), 1));
    const auto found = counts_per_unit(detector);
    REQUIRE(found.certainty == count_certainty::estimated);
    CHECK(std::abs(found.counts_per_unit * 40 - 1) < 0.15);
    // A ramp in steps without noise, and a mask.
    xt::xtensor<double, 2> ramp({64, 64}), mask({64, 64});
    for (std::size_t y = 0; y < 64; ++y) {
        for (std::size_t x = 0; x < 64; ++x) {
            ramp(y, x) = static_cast<double>(x + y);
            mask(y, x) = x > 30 && y > 20 ? 255 : 0;
        }
    }
    CHECK(counts_per_unit(ramp).certainty == count_certainty::none);
    CHECK(counts_per_unit(mask).certainty == count_certainty::none);
    CHECK(counts_per_unit(xt::xtensor<float, 2>(xt::ones<float>({20, 20}))).certainty == count_certainty::none);
}

TEST_CASE("the scale of maps without steps is within its standard error") {
    // 30 measurements of two doses: the error over its standard error beyond 4 in one of 10^4 (normal), and a bias of
    // 3% that the estimate is granted.
    for (const double dose : {8.0, 100.0}) {
        double sum = 0, pull = 0;
        for (std::uint64_t seed = 30; seed < 45; ++seed) {
            const auto map = without_steps(0.02 * specimen_counts(dose, seed) + 1.5, 1e-4);
            const auto found = counts_per_unit(map);
            REQUIRE(found.certainty == count_certainty::estimated);
            CHECK(found.standard_error * 0.02 < 0.25);
            CHECK(std::abs(found.counts_per_unit * 0.02 - 1) < 4 * found.standard_error * 0.02);
            CHECK(std::abs(found.whiteness - 1) < 0.15);
            sum += found.counts_per_unit * 0.02 / 15;
            pull += std::pow((found.counts_per_unit * 0.02 - 1) / (found.standard_error * 0.02), 2) / 15;
            // With the zero level given, surer.
            const auto anchored = counts_per_unit(map, {.zero_level = 1.5});
            CHECK(anchored.standard_error < found.standard_error);
            CHECK(std::abs(anchored.counts_per_unit * 0.02 - 1) < 0.1);
            CHECK(anchored.zero_level == 1.5);
        }
        CHECK(std::abs(sum - 1) < 0.05);
        CHECK(pull < 2);
    }
}

TEST_CASE("no contrast, no scale, unless the zero level is given") {
    xt::xtensor<double, 2> flat({128, 128});
    for (std::size_t k = 0; k < flat.size(); ++k) flat.data()[k] = random_stream(4, 4, 0, k).poisson(20) / 50;
    flat = without_steps(flat, 1e-4);
    CHECK(counts_per_unit(flat).certainty == count_certainty::none);
    const auto anchored = counts_per_unit(flat, {.zero_level = 0});
    REQUIRE(anchored.certainty == count_certainty::estimated);
    CHECK(std::abs(anchored.counts_per_unit / 50 - 1) < 0.1);
}

TEST_CASE("smoothed maps, and noise that falls with the signal, give no scale") {
    const auto counts = specimen_counts(50, 23);
    xt::xtensor<double, 2> smooth({158, 158});
    for (std::size_t y = 0; y < 158; ++y) {
        for (std::size_t x = 0; x < 158; ++x) {
            smooth(y, x) = xt::mean(xt::view(counts, xt::range(y, y + 3), xt::range(x, x + 3)))();
        }
    }
    const auto found = counts_per_unit(without_steps(smooth, 1e-3));
    CHECK(found.certainty == count_certainty::none);
    CHECK(found.counts_per_unit == 0);
    CHECK(std::isinf(found.standard_error));
    CHECK(found.whiteness < 0.5);
    CHECK(counts_per_unit(without_steps(7 - 0.01 * counts, 1e-5)).certainty == count_certainty::none);
}

TEST_CASE("stacks, types and flips") {
    const auto counts = specimen_counts(5, 24, 96);
    xt::xtensor<float, 3> maps({2, 96, 96});
    xt::view(maps, 0) = xt::cast<float>(counts);
    xt::view(maps, 1) = xt::cast<float>(counts / 8);
    const auto each = counts_per_unit_each(maps);
    REQUIRE(each.size() == 2);
    CHECK(each[0].counts_per_unit == 1);
    CHECK(each[1].counts_per_unit == 8);
    CHECK(counts_per_unit(xt::xtensor<int, 2>(xt::cast<int>(counts))).counts_per_unit == 1);
    const auto map = without_steps(counts, 1e-3);
    const auto flipped = counts_per_unit(xt::xtensor<double, 2>(xt::flip(map, 1)));
    CHECK(std::abs(flipped.counts_per_unit / counts_per_unit(map).counts_per_unit - 1) < 0.05);
}

TEST_CASE("what is refused") {
    const xt::xtensor<float, 2> small({15, 40});
    support::check_throws<shape_error>([&] { counts_per_unit(small, {}, "Sc"); }, "Sc: has shape (15, 40)", "16 x 16");
    auto maps = support::random_array<float, 3>({2, 20, 20});
    maps(1, 3, 4) = std::numeric_limits<float>::quiet_NaN();
    support::check_throws<value_error>([&] { counts_per_unit_each(maps); }, "maps, element 1: has nan at row 3");
    const auto map = support::random_array<double, 2>({20, 20});
    support::check_throws<value_error>([&] { counts_per_unit(map, {.zero_level = INFINITY}); }, "zero_level: is inf");
    support::check_throws<value_error>([&] { counts_per_unit(map, {.least_whiteness = 2}); }, "least_whiteness: is 2");
    support::check_throws<value_error>([&] { counts_per_unit(map, {.largest_error = -1}); }, "largest_error: is -1");
    support::check_throws<value_error>([&] { counts_per_unit(map, {.largest_dispersion = 0.5}); },
                                       "largest_dispersion: is 0.5");
}
