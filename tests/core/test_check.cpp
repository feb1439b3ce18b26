#include <doctest/doctest.h>

#include <limits>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("messages name the argument, what it is and what it must be") {
    support::check_throws<shape_error>([] { require_shape<3>({3, 4, 5}, {3, 4, 6}, "maps", "the HAADF image"); },
                                       "maps: ", "(3, 4, 5)", "(3, 4, 6)", "the HAADF image");
    support::check_throws<value_error>([] { require_in_range(0.5, 1, 3, "gamma"); }, "gamma: ", "0.5", "[1, 3]");
    support::check_throws<value_error>(
        [] { require_in_range(std::numeric_limits<double>::quiet_NaN(), 1, 3, "gamma"); }, "nan");
    support::check_throws<value_error>([] { require_non_negative(-2, "weights"); }, "weights: ", "-2", "0 or more");
    xt::xtensor<float, 3> a = xt::zeros<float>({2, 3, 4});
    const readable<float, 3> in(a);
    require_finite(in.view(), "maps");
    a(1, 2, 3) = -1;
    require_finite(in.view(), "maps");
    support::check_throws<value_error>([&] { require_counts(in.view(), "maps"); },
                                       "maps: has -1 at element 1, row 2, column 3");
    a(1, 0, 2) = std::numeric_limits<float>::infinity();
    support::check_throws<value_error>([&] { require_finite(in.view(), "maps"); },
                                       "maps: has inf at element 1, row 0, column 2");
    const xt::xtensor<float, 3> none({2, 0, 4});
    support::check_throws<shape_error>([&] { require_not_empty(readable<float, 3>(none).view(), "maps"); },
                                       "maps: is empty", "(2, 0, 4)");
}

TEST_CASE("the hierarchy can be caught by kind") {
    CHECK_THROWS_AS(throw shape_error("a", "b"), argument_error);
    CHECK_THROWS_AS(throw value_error("a", "b"), argument_error);
    CHECK_THROWS_AS(throw read_error("a", "b"), file_error);
    CHECK_THROWS_AS(throw divergence_error("b"), error);
    CHECK(value_error("gamma", "x").argument() == "gamma");
    CHECK(write_error("/a/b", "x").path() == "/a/b");
}
