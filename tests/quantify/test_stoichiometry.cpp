#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/quantify/stoichiometry.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("stoichiometry compares shares of the total", T, float, double) {
    // Truth 1 : 1 : 3; fused amounts 2 : 1 : 2, in another unit and elsewhere in the image.
    xt::xtensor<T, 3> truth = xt::zeros<T>({3, 2, 5}), fused = xt::zeros<T>({3, 2, 5});
    const double amounts[] = {1, 1, 3}, found[] = {20, 10, 20};
    for (std::size_t i = 0; i < 3; ++i) {
        truth(i, 0, i) = static_cast<T>(amounts[i]);
        fused(i, 1, 4 - i) = static_cast<T>(found[i]);
    }
    const auto error = stoichiometry_error(fused, truth);
    const double expected[] = {0.4 / 0.2 - 1, 0.2 / 0.2 - 1, 0.4 / 0.6 - 1};
    REQUIRE(error.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(error[i] - expected[i]) <= 1e-14);
    for (const double e : stoichiometry_error(truth, truth)) CHECK(e == 0);
}

TEST_CASE("stacks without amounts are refused") {
    const auto maps = support::random_array<float, 3>({2, 3, 4}, 0.1);
    auto zero_element = maps;
    xt::view(zero_element, 0) = 0.0f;
    CHECK(stoichiometry_error(zero_element, maps)[0] == -1);
    support::check_throws<value_error>([&] { stoichiometry_error(maps, zero_element); }, "truth: element 0",
                                       "sum above 0");
    support::check_throws<value_error>([&] { stoichiometry_error(maps * 0.0f, maps); }, "fused: has the total 0");
    support::check_throws<shape_error>([&] { stoichiometry_error(xt::view(maps, xt::range(0, 1)), maps); },
                                       "fused: has shape (1, 3, 4), must have shape (2, 3, 4)");
    support::check_throws<shape_error>(
        [] { stoichiometry_error(xt::xtensor<float, 3>({0, 3, 4}), xt::xtensor<float, 3>({0, 3, 4})); },
        "truth: is empty");
    auto infinite = maps;
    infinite(1, 2, 3) = std::numeric_limits<float>::infinity();
    support::check_throws<value_error>([&] { stoichiometry_error(infinite, maps); },
                                       "fused: has inf at element 1, row 2, column 3");
}
