#include <doctest/doctest.h>

#include <string>

#include <stemfuse/recipes/residue.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("below a limit nothing is left, above twice the limit everything", T, float, double) {
    // Of 20 values in order, the 99.5th percentile is the one at floor(0.995 * 19) = 18: 8; the limit is then 2.
    xt::xtensor<T, 2> map({4, 5});
    map.fill(T(8));
    map(0, 0) = 100;
    map(0, 1) = 0;
    map(1, 2) = 1;
    map(2, 4) = 2;
    map(3, 0) = 3;
    map(3, 4) = 4;
    xt::xtensor<T, 2> expected = map;
    expected(1, 2) = expected(2, 4) = 0;
    expected(3, 0) = T(1.5);
    remove_residue(as_view(map), 0.25);
    CHECK(map == expected);
}

TEST_CASE("a residue of 0 and a map of 0 change nothing") {
    xt::xtensor<double, 2> map{{0, 1, 2}, {1e-9, 5, 3}};
    const auto before = map;
    remove_residue(as_view(map), 0);
    CHECK(map == before);
    xt::xtensor<double, 2> nothing = xt::zeros<double>({3, 2});
    remove_residue(as_view(nothing), 0.5);
    CHECK(nothing == xt::zeros<double>({3, 2}));
}

TEST_CASE("a larger residue never leaves more, and no value grows") {
    const auto map = support::random_array<double, 2>({17, 13});
    auto last = map;
    for (const double fraction : {0.01, 0.1, 0.3, 0.7, 1.0}) {
        auto next = map;
        remove_residue(as_view(next), fraction);
        bool falls = true;
        for (std::size_t k = 0; k < map.size(); ++k)
            falls = falls && next.data()[k] <= last.data()[k] && next.data()[k] >= 0;
        CHECK(falls);
        last = next;
    }
}

TEST_CASE("a fraction outside of 0 to 1 is refused") {
    xt::xtensor<double, 2> map = xt::ones<double>({2, 2});
    for (const double fraction : {-0.1, 1.5}) {
        std::string message;
        try {
            remove_residue(as_view(map), fraction);
        } catch (const value_error& e) {
            message = e.what();
        }
        CHECK(message.find("fraction") != std::string::npos);
    }
}
