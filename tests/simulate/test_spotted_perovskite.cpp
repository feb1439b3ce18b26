#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/spotted_perovskite.hpp>

#include "map_statistics.hpp"
#include "specimen_checks.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

using specimen_checks::amount;

xt::xtensor<double, 2> oxygen(const specimen<double>& s) { return xt::view(s.truth, 2); }

specimen<double> without_spot(spotted_perovskite_options options = {}) {
    options.spot_oxygen = 1;
    return spotted_perovskite(options);
}

}  // namespace

TEST_CASE("the spotted perovskite is the same in float and double, at any size") {
    specimen_checks::any_size([](auto zero, std::size_t ny, std::size_t nx) {
        return spotted_perovskite<decltype(zero)>({.ny = ny, .nx = nx});
    });
    const auto s = spotted_perovskite();
    CHECK(s.truth.shape() == stack_shape{3, 128, 128});
    CHECK(checksum(s.truth) == 0xc57cc3a3b75fa152);
    CHECK(checksum(s.haadf) == 0xe435c2cb59458024);
    CHECK(spotted_perovskite({.seed = 2}).truth != s.truth);
    // A larger image shows more of the columns, not larger ones.
    CHECK(without_spot({.ny = 40}).truth == xt::view(without_spot().truth, xt::all(), xt::range(0, 40)));
}

TEST_CASE("only O differs in the spot: 0.6 within its radius, the same four pixels beyond, and no HAADF") {
    const spotted_perovskite_options options{.ny = 150, .nx = 170};
    const auto s = spotted_perovskite(options), even = without_spot(options);
    const auto spot = spot_of(options);
    CHECK(spot.radius == 14);
    CHECK(s.haadf == even.haadf);
    CHECK(xt::view(s.truth, xt::range(0, 2)) == xt::view(even.truth, xt::range(0, 2)));
    std::size_t inside = 0;
    for (std::size_t y = 0; y < 150; ++y) {
        for (std::size_t x = 0; x < 170; ++x) {
            const double d = spot.distance(y, x), share = d < 14 ? 0.6 : 1;
            inside += d < 14;
            if (d < 14 || d > 24) REQUIRE(std::abs(s.truth(2, y, x) - share * even.truth(2, y, x)) <= 0x1.01p-17);
            REQUIRE(s.truth(2, y, x) <= even.truth(2, y, x));
            if (d > 18) REQUIRE(s.truth(2, y, x) >= 0.94 * even.truth(2, y, x) - 0x1p-17);
        }
    }
    CHECK(std::abs(static_cast<double>(inside) - std::numbers::pi * 14 * 14) < 15);
    CHECK(std::abs(spot_level(oxygen(s), oxygen(even), spot) - 0.6) < 2e-3);
    specimen_checks::haadf_is(even.haadf, even.truth, [](std::size_t i, double v) {
        return std::pow((i == 0 ? 21 : i == 1 ? 66 : 8) * v, 1.6);
    });
}

TEST_CASE("the HAADF image and the spot do not go together, while the map of O and the spot do") {
    const auto spot = spot_of({});
    auto s = spotted_perovskite();
    for (std::size_t y = 0; y < 128; ++y) {
        for (std::size_t x = 0; x < 128; ++x) s.truth(0, y, x) = spot.distance(y, x) < spot.radius;
    }
    xt::view(s.truth, 1) = s.haadf;
    // The film alone: the substrate is darker.
    const xt::xtensor<double, 3> film = xt::view(s.truth, xt::all(), xt::all(), xt::range(75, 128));
    CHECK(std::abs(map_statistics::correlation(film, 0, 1)) < 0.03);
    CHECK(map_statistics::correlation(film, 0, 2) < -0.1);
}

TEST_CASE("amounts of the perovskite are those of its columns") {
    const auto s = without_spot({.ny = 320, .nx = 640, .cell = 16});
    CHECK(s.elements == std::vector<std::string>{"Sc", "Dy", "O"});
    const auto column = [](double width) { return 2 * std::numbers::pi * std::pow(width * 16, 2) * 160; };
    const auto is = [&](std::size_t i, std::size_t x0, double expected) {
        CAPTURE(i);
        CAPTURE(x0);
        CHECK(std::abs(amount(s.truth, i, 80, 240, x0, x0 + 256) / expected - 1) < 0.02);
    };
    // Sixteen by ten cells on either side.
    is(0, 32, column(0.12));
    is(1, 32, column(0.14) * 0.15);
    is(2, 32, column(0.145) * 0.6 * 3);
    is(0, 352, column(0.12) * 0.75);
    is(1, 352, column(0.14));
    is(2, 352, column(0.145) * 0.6 * 3);
}

TEST_CASE("counts show the spot on average") {
    const auto s = spotted_perovskite(), even = without_spot();
    const auto spot = spot_of({});
    double sum = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const auto a = acquire(s, {.dose = 10, .background = 0, .seed = seed});
        const xt::xtensor<double, 2> counts = xt::view(a.maps, 2);
        sum += spot_level(counts, oxygen(even), spot) / 20;
    }
    CHECK(std::abs(sum - 0.6) < 0.02);  // about 900 counts in the spot at a time: four standard deviations
}

TEST_CASE("options of the spotted perovskite out of range are refused by name") {
    support::check_throws<value_error>([] { spotted_perovskite({.ny = 0}); }, "ny: is 0", "[1, 65536]");
    support::check_throws<value_error>([] { spotted_perovskite({.cell = 3}); }, "cell: is 3", "[4, 1024]");
    support::check_throws<value_error>([] { spotted_perovskite({.displacement = -1}); }, "displacement: is -1",
                                       "[0, 100]");
    support::check_throws<value_error>([] { spotted_perovskite({.spot_radius = 0}); }, "spot_radius: is 0",
                                       "[0.5, 65536]");
    support::check_throws<value_error>([] { spotted_perovskite({.spot_oxygen = 1.5}); }, "spot_oxygen: is 1.5",
                                       "[0, 1]");
}
