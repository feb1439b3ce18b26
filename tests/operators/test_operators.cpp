#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/operators/mixing.hpp>
#include <stemfuse/testing/properties.hpp>

#include "support.hpp"

using namespace stemfuse;

static_assert(linear_operator<finite_differences, float> && linear_operator<mixing_operator<double>, double>);

TEST_CASE_TEMPLATE("adjoints", T, float, double) {
    for (const stack_shape shape :
         {stack_shape{1, 1, 1}, {1, 1, 9}, {2, 9, 1}, {3, 2, 2}, {3, 17, 33}, {1, 130, 250}}) {
        CAPTURE(to_string(shape));
        CHECK(adjoint_mismatch<T>(finite_differences(shape)) <= support::tolerance<T>::adjoint);
        const auto matrix = support::random_array<T, 2>({4, shape[0]}, -1, 1);
        CHECK(adjoint_mismatch<T>(mixing_operator<T>(matrix, {shape[1], shape[2]})) <= support::tolerance<T>::adjoint);
    }
    // Longer than one segment of a row.
    CHECK(adjoint_mismatch<T>(mixing_operator<T>(support::random_array<T, 2>({2, 3}), {2, 2500})) <=
          support::tolerance<T>::adjoint);
}

TEST_CASE("a wrong adjoint is caught") {
    struct wrong {
        finite_differences right;
        stack_shape domain_shape() const { return right.domain_shape(); }
        stack_shape range_shape() const { return right.range_shape(); }
        void apply(stack_view<const double> x, stack_view<double> out, execution e) const { right.apply(x, out, e); }
        void adjoint(stack_view<const double> y, stack_view<double> out, execution e) const {
            right.adjoint(y, out, e);
            out.row(0, 0)[0] += 1;
        }
    };
    CHECK(adjoint_mismatch<double>(wrong{finite_differences({1, 8, 8})}) > 1e-3);
}

TEST_CASE("forward differences of a plane are its slopes, zero past the border") {
    xt::xtensor<double, 3> plane({1, 4, 5}), out({2, 4, 5});
    for (std::size_t y = 0; y < 4; ++y) {
        for (std::size_t x = 0; x < 5; ++x)
            plane(0, y, x) = 3.0 * static_cast<double>(y) - 2.0 * static_cast<double>(x);
    }
    finite_differences({1, 4, 5}).apply(as_view(std::as_const(plane)), as_view(out));
    for (std::size_t y = 0; y < 4; ++y) {
        for (std::size_t x = 0; x < 5; ++x) {
            CHECK(out(0, y, x) == (y < 3 ? 3.0 : 0.0));
            CHECK(out(1, y, x) == (x < 4 ? -2.0 : 0.0));
        }
    }
}

TEST_CASE_TEMPLATE("norms", T, float, double) {
    // K^T K of differences on n points has the eigenvalues 4 sin^2(pi k / 2n), k < n.
    const auto largest = [](std::size_t n) {
        return 4 *
               std::pow(std::sin(std::numbers::pi * static_cast<double>(n - 1) / (2.0 * static_cast<double>(n))), 2);
    };
    const double exact = std::sqrt(largest(7) + largest(10));
    CHECK(std::abs(operator_norm<T>(finite_differences({2, 7, 10}), 5000, 1e-10) - exact) <= 1e-4 * exact);
    CHECK(std::abs(finite_differences({2, 7, 10}).norm_bound() - exact) <= 1e-12);
    CHECK(operator_norm<T>(finite_differences({1, 1, 1})) == 0);
    CHECK(finite_differences({1, 1, 1}).norm_bound() == 0);
    // Rows (3, 4) and (-4, 3) times 2: orthogonal, so every singular value is 10.
    const xt::xtensor<T, 2> rotation{{6, 8}, {-8, 6}};
    CHECK(std::abs(operator_norm<T>(mixing_operator<T>(rotation, {3, 5})) - 10) <= 1e-4);
    CHECK(std::abs(mixing_operator<T>(rotation, {3, 5}).norm_bound() - 10) <= 1e-5);
}

TEST_CASE("mixing multiplies pixel by pixel and refuses other shapes") {
    const xt::xtensor<double, 2> matrix{{1, 2}, {3, 4}, {5, 6}};
    const mixing_operator<double> mix(matrix, {2, 3});
    const auto x = support::random_array<double, 3>({2, 2, 3});
    xt::xtensor<double, 3> out({3, 2, 3});
    mix.apply(as_view(x), as_view(out));
    CHECK(std::abs(out(2, 1, 2) - (5 * x(0, 1, 2) + 6 * x(1, 1, 2))) <= 1e-14);
    support::check_throws<shape_error>([&] { mix.adjoint(as_view(x), as_view(out)); }, "input", "(2, 2, 3)",
                                       "(3, 2, 3)");
    support::check_throws<shape_error>([&] { finite_differences({3, 2, 3}).apply(as_view(x), as_view(out)); }, "input",
                                       "(2, 2, 3)", "(3, 2, 3)");
}
