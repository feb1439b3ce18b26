#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/disagreement.hpp>
#include <stemfuse/counts/local_balance.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

xt::xtensor<double, 3> poisson(const xt::xtensor<double, 3>& rates, std::uint64_t seed) {
    xt::xtensor<double, 3> counts(rates.shape());
    for (std::size_t i = 0; i < rates.shape(0); ++i) {
        for (std::size_t y = 0; y < rates.shape(1); ++y) {
            for (std::size_t x = 0; x < rates.shape(2); ++x)
                counts(i, y, x) = static_cast<double>(
                    random_stream(seed, static_cast<std::uint32_t>(i), y, x).poisson(rates(i, y, x)));
        }
    }
    return counts;
}

// Columns of 4 pixels' width on a grid of 16.
xt::xtensor<double, 3> columns(std::size_t n, std::size_t size, double dose) {
    xt::xtensor<double, 3> maps({n, size, size});
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t y = 0; y < size; ++y) {
            for (std::size_t x = 0; x < size; ++x) {
                const double dy = static_cast<double>(y % 16) - 7.5, dx = static_cast<double>((x + 8 * i) % 16) - 7.5;
                maps(i, y, x) = dose * (0.1 + std::exp(-(dy * dy + dx * dx) / 8));
            }
        }
    }
    return maps;
}

double mean_within(const xt::xtensor<double, 3>& maps, std::size_t cy, std::size_t cx, double radius) {
    double sum = 0;
    for (std::size_t y = 0; y < maps.shape(1); ++y) {
        for (std::size_t x = 0; x < maps.shape(2); ++x) {
            const double dy = static_cast<double>(y) - static_cast<double>(cy),
                         dx = static_cast<double>(x) - static_cast<double>(cx);
            if (std::hypot(dy, dx) < radius) sum += maps(0, y, x);
        }
    }
    return sum;
}

// The first map times the level within 14 pixels of (40, 40).
xt::xtensor<double, 3> with_spot(xt::xtensor<double, 3> maps, double level) {
    for (std::size_t y = 26; y < 55; ++y) {
        for (std::size_t x = 26; x < 55; ++x) {
            if (std::hypot(static_cast<double>(y) - 40, static_cast<double>(x) - 40) < 14) maps(0, y, x) *= level;
        }
    }
    return maps;
}

}  // namespace

TEST_CASE("variance of the mean in a window, at the borders too") {
    const xt::xtensor<double, 3> rates = 4 * xt::ones<double>({400, 12, 15});
    const auto counts = poisson(rates, 7);
    const auto local = measure_local_excess<double>(as_view(rates), as_view(counts), as_view(rates), 2.5);
    for (const auto& [y, x] : {std::pair<std::size_t, std::size_t>{0, 0}, {6, 7}, {11, 3}}) {
        double variance = 0;
        for (std::size_t i = 0; i < 400; ++i) variance += std::pow(local.counted(i, y, x) - 4, 2) / 400;
        // 400 samples: a standard error of 7%.
        CHECK(variance / (4 * local.power(y, x)) > 0.75);
        CHECK(variance / (4 * local.power(y, x)) < 1.3);
    }
}

TEST_CASE("maps that are right are flagged as seldom as is stated") {
    for (const double dose : {0.3, 3.0, 50.0}) {
        CAPTURE(dose);
        const auto maps = columns(200, 64, dose);
        const xt::xtensor<double, 3> background = 0.02 * dose * xt::ones<double>(maps.shape());
        const auto counts = poisson(maps + background, 11);
        for (const double rate : {0.05, 0.3}) {
            const disagreement_options options{.fine_tolerance = 0, .tolerance = 0, .false_alarms = rate};
            auto found = find_disagreement<double>(as_view(maps), as_view(counts), as_view(background), options);
            add_fine_disagreement<double>(found, as_view(maps), as_view(counts), as_view(background), options);
            int alarms = 0;
            for (std::size_t i = 0; i < 200; ++i) {
                bool any = false;
                for (std::size_t p = 0; p < 64 * 64; ++p) any = any || found.flagged(i, p / 64, p % 64);
                alarms += any;
            }
            // Three standard errors of 200 trials above; some chance of it at all, as the bound is near. Where a pixel
            // has a third of a count there are hardly any to be missed: only more than expected is ever flagged.
            CHECK(alarms <= 200 * rate + 3 * std::sqrt(200 * rate * (1 - rate)));
            CHECK(alarms >= 200 * rate / (dose < 1 ? 10 : 5) - 1);
        }
    }
}

TEST_CASE("an area that differs is flagged, one within the tolerance is not") {
    const auto maps = columns(1, 96, 8);
    const xt::xtensor<double, 3> background = 0.1 * xt::ones<double>(maps.shape());
    const auto counts = poisson(with_spot(maps, 0.6) + background, 3);
    const auto found = find_disagreement<double>(as_view(maps), as_view(counts), as_view(background));
    const auto places = worst_places(found, 3);
    REQUIRE(places.size() == 1);
    CHECK(std::hypot(static_cast<double>(places[0].y) - 40, static_cast<double>(places[0].x) - 40) < 8);
    CHECK(places[0].deviation < -found.threshold);
    CHECK(std::abs(places[0].ratio - 0.6) < 0.15);

    const xt::xtensor<double, 3> many = 100 * maps, less = 96 * maps, of_many = 100 * background;
    const auto counted = poisson(less + of_many, 4);
    CHECK(worst_places(find_disagreement<double>(as_view(many), as_view(counted), as_view(of_many))).empty());
    CHECK_FALSE(
        worst_places(find_disagreement<double>(as_view(many), as_view(counted), as_view(of_many), {.tolerance = 0.01}))
            .empty());
    CHECK_THROWS_WITH_AS(
        find_disagreement<double>(as_view(maps), as_view(counts), as_view(background), {.windows = {}}),
        doctest::Contains("windows"), value_error);
    CHECK_THROWS_WITH_AS(
        find_disagreement<double>(as_view(maps), as_view(counts), as_view(background), {.false_alarms = 0}),
        doctest::Contains("false_alarms"), value_error);
}

TEST_CASE("the balance returns an area to its counts and leaves what chance explains") {
    const auto maps = columns(1, 96, 8);
    const xt::xtensor<double, 3> background = 0.1 * xt::ones<double>(maps.shape());
    const auto truth = with_spot(maps, 0.6);
    auto balanced = maps;
    const auto counts = poisson(truth + background, 5);
    balance_locally<double>(balanced, as_view(counts), as_view(background));
    CHECK(mean_within(balanced, 40, 40, 12) < 0.7 * mean_within(maps, 40, 40, 12));
    CHECK(mean_within(balanced, 40, 40, 12) > 0.5 * mean_within(maps, 40, 40, 12));

    // Nothing to mend: the error that is added is small beside that of the counts.
    auto same = maps;
    const auto noise = poisson(maps + background, 6);
    balance_locally<double>(same, as_view(noise), as_view(background));
    const double raw = support::relative_difference(noise - background, maps);
    CHECK(support::relative_difference(same, maps) < 0.1 * raw);

    auto none = maps;
    balance_locally<double>(none, as_view(counts), as_view(background), {});
    CHECK(none == maps);
    thread_pool pool(3);
    auto threads = maps;
    balance_locally<double>(threads, as_view(counts), as_view(background), default_balance, pool);
    CHECK(threads == balanced);
    CHECK_THROWS_WITH_AS(balance_locally<double>(none, as_view(counts), as_view(background), {{5, -1}}),
                         doctest::Contains("threshold"), value_error);
}

TEST_CASE("one empty column of atoms is flagged by the windows of its size") {
    const auto maps = columns(1, 96, 20);
    const xt::xtensor<double, 3> background = 0.1 * xt::ones<double>(maps.shape());
    auto emptied = maps;
    std::size_t row = 0, column = 0;
    for (std::size_t y = 40; y < 56; ++y) {
        for (std::size_t x = 40; x < 56; ++x) {
            if (maps(0, y, x) > maps(0, row, column) || row == 0) row = y, column = x;
        }
    }
    for (std::size_t y = row - 3; y < row + 4; ++y) {
        for (std::size_t x = column - 3; x < column + 4; ++x) emptied(0, y, x) *= 0.03;
    }
    const auto counts = poisson(emptied + background, 3);
    auto found = find_disagreement<double>(as_view(maps), as_view(counts), as_view(background));
    const double wide = std::abs(found.deviation(0, row, column));
    add_fine_disagreement<double>(found, as_view(maps), as_view(counts), as_view(background));
    CHECK(found.flagged(0, row, column));
    CHECK(std::abs(found.deviation(0, row, column)) > wide);
    CHECK(found.ratio(0, row, column) < 0.7);
}
