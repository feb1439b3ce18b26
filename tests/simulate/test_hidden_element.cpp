#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/simulate/hidden_element.hpp>

#include "map_statistics.hpp"
#include "specimen_checks.hpp"
#include "support.hpp"

using namespace stemfuse;

TEST_CASE("the hidden element's specimen is the same in float and double, at any size") {
    specimen_checks::any_size(
        [](auto zero, std::size_t ny, std::size_t nx) { return hidden_element<decltype(zero)>({.ny = ny, .nx = nx}); });
    const auto s = hidden_element();
    CHECK(s.elements == std::vector<std::string>{"La", "Ni", "Li"});
    CHECK(s.truth.shape() == stack_shape{3, 128, 128});
    CHECK(checksum(s.truth) == 0x8855a6d6fa394ede);
    CHECK(checksum(s.haadf) == 0x9e4a17356526b17a);
    CHECK(hidden_element({.seed = 2}).truth != s.truth);
}

TEST_CASE("neither the HAADF image nor the other maps know of Li") {
    const auto s = hidden_element(), other = hidden_element({.precipitate_radius = 9});
    CHECK(xt::view(s.truth, 2) != xt::view(other.truth, 2));
    CHECK(s.haadf == other.haadf);
    CHECK(xt::view(s.truth, xt::range(0, 2)) == xt::view(other.truth, xt::range(0, 2)));
    constexpr double z[] = {57, 28, 0};
    specimen_checks::haadf_is(s.haadf, s.truth, [&](std::size_t i, double v) { return std::pow(z[i] * v, 1.6); });
    // By chance alone, for about 120 precipitates and as many columns near one another.
    auto large = hidden_element({.ny = 512, .nx = 512});
    CHECK(std::abs(map_statistics::correlation(large.truth, 0, 2)) < 0.05);
    CHECK(std::abs(map_statistics::correlation(large.truth, 1, 2)) < 0.05);
    xt::view(large.truth, 0) = large.haadf;
    CHECK(std::abs(map_statistics::correlation(large.truth, 0, 2)) < 0.05);
}

TEST_CASE("Li lies in round precipitates of the radius asked for, one in a square of seven") {
    const auto s = hidden_element({.ny = 910, .nx = 910, .precipitate_radius = 6.5});  // 400 squares
    // The integral of exp(-log(2) (r / R)^4) is pi R^2 sqrt(pi / log(2)) / 2, some of it shared.
    const double alone = std::acos(-1.0) * std::sqrt(std::acos(-1.0) / std::log(2.0)) / 2 / 49;
    const double mean = map_statistics::mean(s.truth, 2);
    CHECK((mean < 1.02 * alone && mean > 0.9 * alone));
    const double half = map_statistics::mean(s.truth, 2, [](double v) { return v >= 0.5 ? 1.0 : 0.0; });
    CHECK((half < 1.02 * std::acos(-1.0) / 49 && half > 0.9 * std::acos(-1.0) / 49));
    CHECK(xt::amax(xt::view(s.truth, 2))() > 0.999);
}

TEST_CASE("options of the hidden element out of range are refused by name") {
    support::check_throws<value_error>([] { hidden_element({.ny = 0}); }, "ny: is 0", "[1, 65536]");
    support::check_throws<value_error>([] { hidden_element({.cell = 1}); }, "cell: is 1", "[4, 1024]");
    support::check_throws<value_error>([] { hidden_element({.precipitate_radius = 0}); }, "precipitate_radius: is 0",
                                       "[1, 100]");
}
