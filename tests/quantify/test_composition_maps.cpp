#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/quantify/composition_maps.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

k_factors cobalt_oxygen() { return {{"Co", "O"}, {{"Co", 1.5}, {"O", 3.0}}}; }

xt::xtensor<double, 3> poisson_maps(const std::vector<double>& rates, std::size_t side, std::uint64_t seed) {
    xt::xtensor<double, 3> maps({rates.size(), side, side});
    for (std::size_t i = 0; i < rates.size(); ++i) {
        for (std::size_t y = 0; y < side; ++y) {
            for (std::size_t x = 0; x < side; ++x) {
                maps(i, y, x) = random_stream(seed, static_cast<std::uint32_t>(i), y, x).poisson(rates[i]);
            }
        }
    }
    return maps;
}

}  // namespace

TEST_CASE_TEMPLATE("fractions by hand", T, float, double) {
    // Amounts by weight: (2 * 1.5, 1 * 3) = (3, 3); (0, 6); (60, 0); and 0.03, less than a twentieth of the largest.
    const xt::xtensor<T, 3> maps{{{2, 0, 40, T(0.02)}}, {{1, 2, 0, 0}}};
    const auto weight = composition_maps(maps, cobalt_oxygen(),
                                         {.kind = fraction_kind::weight, .least_matter = 0.04, .window_radius = 1});
    const xt::xtensor<double, 3> expected{{{0.5, 0, 1, 0}}, {{0.5, 1, 0, 0}}};
    CHECK(support::relative_difference(weight, expected) < 1e-7);
    const auto atomic = composition_maps(maps, cobalt_oxygen(), {.least_matter = 0});
    const double co = 3 / 58.933, o = 3 / 15.999;
    CHECK(std::abs(atomic(0, 0, 0) - co / (co + o)) < 1e-7);
    CHECK(std::abs(atomic(1, 0, 0) - o / (co + o)) < 1e-7);
    CHECK(atomic(0, 0, 3) == 1);
    const auto nothing = composition_maps(xt::xtensor<T, 3>(0 * maps), cobalt_oxygen());
    CHECK(xt::sum(nothing)() == 0);
}

TEST_CASE("fractions add up, and agree with the composition of the whole") {
    const auto maps = poisson_maps({30, 12, 55}, 40, 3);
    const k_factors factors({"Sc", "Dy", "O"}, {{"Sc", 1.1}, {"Dy", 2.2}, {"O", 2.9}});
    thread_pool pool(2);
    const auto fractions = composition_maps(maps, factors, {}, pool);
    const xt::xtensor<double, 2> sums = xt::sum(fractions, {0});
    for (const double s : sums) CHECK(std::abs(s - 1) < 1e-14);
    const xt::xtensor<double, 3> whole =
        xt::reshape_view(xt::xtensor<double, 1>(xt::sum(maps, {1, 2})), std::array<std::size_t, 3>{3, 1, 1});
    const auto one_pixel = composition_maps(whole, factors);
    const auto global = global_composition(factors, total_counts(maps, {0}));
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(one_pixel(i, 0, 0) - global.fractions[i]) < 1e-14);
}

TEST_CASE("errors by hand, where the halves differ and where they end") {
    // Weight fractions of Co: halves 0.5 and 0.9 in the first pixel, the same in the second, no matter in the last two.
    const k_factors factors({"Co", "O"}, {{"Co", 1.0}, {"O", 1.0}});
    const xt::xtensor<double, 3> half{{{5, 4, 0, 0}}, {{5, 6, 0, 0}}}, other{{{9, 4, 0, 0}}, {{1, 6, 0, 0}}};
    const auto alone = composition_errors(half, other, factors, {.kind = fraction_kind::weight, .window_radius = 0});
    const xt::xtensor<double, 3> expected{{{0.2, 0, 0, 0}}, {{0.2, 0, 0, 0}}};
    CHECK(xt::amax(xt::abs(alone - expected))() < 1e-15);
    const auto wide = composition_errors(half, other, factors, {.kind = fraction_kind::weight, .window_radius = 1});
    const double rms = 0.5 * std::sqrt(0.16 / 2);
    CHECK(std::abs(wide(0, 0, 0) - rms) < 1e-15);
    CHECK(std::abs(wide(1, 0, 1) - rms) < 1e-15);
    CHECK(wide(0, 0, 2) == 0);
    CHECK(composition_errors(half, half, factors)(0, 0, 0) == 0);
}

TEST_CASE("errors from two thinned halves are the spread of whole measurements") {
    const std::vector<double> rates{200, 300};
    const composition_options options{.window_radius = 4};
    const auto counts = poisson_maps(rates, 120, 8);
    const auto halves = thin_counts(counts, 0.5, 8);
    const auto errors = composition_errors(halves.kept, halves.rest, cobalt_oxygen(), options);
    const auto fractions = composition_maps(counts, cobalt_oxygen(), options);
    const double pixels = 120.0 * 120, mean = xt::mean(xt::view(fractions, 0))();
    const double spread = std::sqrt(xt::mean(xt::square(xt::view(fractions, 0) - mean))());
    // Both are estimates from as many independent pixels: each of relative error 1 / sqrt(2 n). Half the data are less
    // linear than the whole: 2% is granted.
    const double rms = std::sqrt(xt::mean(xt::square(xt::view(errors, 0)))());
    CHECK(std::abs(rms / spread - 1) < 4.5 / std::sqrt(pixels) + 0.02);
    // Locally within the error of a window of 81.
    double scatter = 0;
    for (const double e : xt::view(errors, 0)) scatter += (e / rms - 1) * (e / rms - 1) / pixels;
    CHECK(std::sqrt(scatter) < 1.5 / std::sqrt(2 * 81.0));
    // Two elements: what one has more, the other has less.
    CHECK(xt::amax(xt::abs(xt::view(errors, 0) - xt::view(errors, 1)))() < 1e-12);
}

TEST_CASE("what is refused") {
    auto maps = poisson_maps({3, 4}, 6, 1);
    const auto factors = cobalt_oxygen();
    support::check_throws<shape_error>([&] { composition_maps(poisson_maps({1, 2, 3}, 4, 1), factors); },
                                       "maps: has 3 maps, must have 2");
    support::check_throws<shape_error>([&] { composition_errors(maps, poisson_maps({3, 4}, 5, 1), factors); },
                                       "other_half: has shape (2, 5, 5), must have shape (2, 6, 6)");
    support::check_throws<value_error>([&] { composition_maps(maps, factors, {.least_matter = 2}); },
                                       "least_matter: is 2");
    support::check_throws<value_error>([&] { composition_maps(maps, factors, {.window_radius = 5000}); },
                                       "window_radius: is 5000");
    support::check_throws<shape_error>([&] { composition_maps(xt::xtensor<float, 3>({2, 0, 3}), factors); },
                                       "maps: is empty");
    maps(1, 2, 3) = -1;
    support::check_throws<value_error>([&] { composition_maps(maps, factors); }, "maps, O: has -1 at row 2, column 3");
    support::check_throws<value_error>([&] { composition_errors(poisson_maps({3, 4}, 6, 1), maps, factors); },
                                       "other_half, O: has -1");
}
