#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/simulate/catalogue.hpp>
#include <stemfuse/simulate/dumbbells.hpp>

#include "specimen_checks.hpp"
#include "support.hpp"

using namespace stemfuse;
using specimen_checks::amount;

TEST_CASE("dumbbells are the same in float and double, at any size") {
    specimen_checks::any_size(
        [](auto zero, std::size_t ny, std::size_t nx) { return dumbbells<decltype(zero)>({.ny = ny, .nx = nx}); });
    const auto s = dumbbells();
    CHECK(s.elements == std::vector<std::string>{"Ga", "In", "As"});
    CHECK(s.truth.shape() == stack_shape{3, 128, 128});
    CHECK(checksum(s.truth) == 0x748c173591a0514c);
    CHECK(checksum(s.haadf) == 0x1168ed746cf59d17);
    CHECK(dumbbells({.seed = 2}).truth != s.truth);
    constexpr double z[] = {31, 49, 33};
    specimen_checks::haadf_is(s.haadf, s.truth, [&](std::size_t i, double v) { return std::pow(z[i], 1.7) * v; });
}

TEST_CASE("As stands beside Ga, in a wedge") {
    const auto s = dumbbells({.ny = 120, .nx = 100, .separation = 8, .displacement = 0, .indium = 0});
    const auto thickness = [](std::size_t x) { return 0.5 + 0.5 * static_cast<double>(x) / 100; };
    for (std::size_t y = 60; y < 120; ++y) {
        for (std::size_t x = 0; x < 92; ++x)
            REQUIRE(std::abs(s.truth(2, y, x + 8) / thickness(x + 8) - s.truth(0, y, x) / thickness(x)) < 1e-4);
    }
    CHECK(xt::sum(xt::view(s.truth, 1))() == 0);
}

TEST_CASE("In takes its share of the Ga sites in the well and none beside it") {
    const auto s = dumbbells({.ny = 260, .nx = 400});
    const auto share = [&](std::size_t x0, std::size_t x1) {
        const double indium = amount(s.truth, 1, 0, 260, x0, x1);
        return indium / (indium + amount(s.truth, 0, 0, 260, x0, x1));
    };
    CHECK(share(0, 160) == 0);
    CHECK(std::abs(share(195, 295) - 0.45) < 1e-3);
    CHECK(share(330, 400) == 0);
    const double arsenic = amount(s.truth, 2, 0, 260, 0, 400);
    CHECK(std::abs((amount(s.truth, 0, 0, 260, 0, 400) + amount(s.truth, 1, 0, 260, 0, 400)) / arsenic - 1) < 0.03);
}

TEST_CASE("there is vacuum above the edge, and the wedge doubles the thickness") {
    const auto s = dumbbells({.ny = 520, .nx = 920});  // 20 cells high, 50 wide
    for (std::size_t i = 0; i < 3; ++i) CHECK(amount(s.truth, i, 0, 80, 0, 920) == 0);
    CHECK(amount(s.truth, 2, 130, 150, 0, 920) > 0);
    const double left = amount(s.truth, 2, 156, 520, 0, 92), right = amount(s.truth, 2, 156, 520, 828, 920);
    CHECK(std::abs(right / left - 0.975 / 0.525) < 0.05);
}

TEST_CASE("the HAADF image of the dumbbells has an offset and noise of 3%") {
    const auto& entry = specimen_by_name("dumbbells");
    const auto a = acquire(entry.make(520, 128), at_dose(entry.usual, 10, 1));
    double mean = 0, squares = 0;
    constexpr std::size_t pixels = 80 * 128;
    for (std::size_t p = 0; p < pixels; ++p) mean += a.haadf.data()[p] / pixels;
    for (std::size_t p = 0; p < pixels; ++p) squares += std::pow(a.haadf.data()[p] - mean, 2) / pixels;
    CHECK(std::abs(mean - 130) < 1.5);
    CHECK(std::abs(std::sqrt(squares) - 27) < 1);
}

TEST_CASE("options of the dumbbells out of range are refused by name") {
    support::check_throws<value_error>([] { dumbbells({.ny = 0}); }, "ny: is 0", "[1, 65536]");
    support::check_throws<value_error>([] { dumbbells({.separation = 0.5}); }, "separation: is 0.5", "[1, 300]");
    support::check_throws<value_error>([] { dumbbells({.displacement = -0.1}); }, "displacement: is -0.1");
    support::check_throws<value_error>([] { dumbbells({.indium = 2}); }, "indium: is 2", "[0, 1]");
}
