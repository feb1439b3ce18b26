// What every smooth pixel-local term has to pass.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/terms/term.hpp>
#include <stemfuse/testing/properties.hpp>

#include "support.hpp"

namespace terms {

using namespace stemfuse;

inline const std::vector<image_shape> image_shapes{{1, 1}, {1, 31}, {29, 1}, {16, 17}, {5, 1300}};

template <class T>
xt::xtensor<T, 3> random_maps(std::size_t n, const image_shape& s, std::uint32_t stream = 0) {
    return support::random_array<T, 3>({n, s[0], s[1]}, 0.3, 1.2, stream);
}

template <class T, class Term>
void check_term(const Term& term) {
    static_assert(smooth_term<Term, T> && pixel_local_term<Term, T>);
    const auto report = check_gradient<T>(term);
    CHECK(std::abs(report.slope - 2) <= 0.05);
    CHECK(report.difference <= support::tolerance<T>::difference);

    // The single calls agree with the fused one, and rows in pieces with whole rows.
    const auto x = random_maps<T>(term.shape()[0], {term.shape()[1], term.shape()[2]}, 5);
    xt::xtensor<T, 3> g(x.shape()), alone(x.shape());
    const double value = term.value_and_gradient(x, g);
    term.gradient(x, alone);
    CHECK(g == alone);
    CHECK(std::abs(value - term.value(x)) <= support::tolerance<T>::rounding * std::abs(value));
    thread_pool pool(3);
    CHECK(term.value_and_gradient(x, alone, pool) == value);
    CHECK(g == alone);
    const auto view = as_view(x);
    row_pointers<const T> rows(view);
    const std::size_t nx = term.shape()[2], split = nx / 3;
    const double whole = term.row_value({0, 0, nx}, rows.at(0));
    const double left = term.row_value({0, 0, split}, rows.at(0));
    const double right = term.row_value({0, split, nx - split}, rows.at(0, split));
    CHECK(std::abs(left + right - whole) <= 10 * support::tolerance<T>::rounding * (std::abs(left) + std::abs(right)));
}

// The diagonal of the Hessian against central differences of the gradient, in double.
template <class Term>
void check_curvature(const Term& term) {
    auto x = random_maps<double>(term.shape()[0], {term.shape()[1], term.shape()[2]}, 6);
    xt::xtensor<double, 3> c(x.shape()), up(x.shape()), down(x.shape());
    term.curvature(x, c);
    for (std::size_t k = 0; k < x.size(); k += 1 + x.size() / 20) {
        const double h = 1e-5, centre = x.data()[k];
        x.data()[k] = centre + h;
        term.gradient(x, up);
        x.data()[k] = centre - h;
        term.gradient(x, down);
        x.data()[k] = centre;
        const double expected = (up.data()[k] - down.data()[k]) / (2 * h);
        CHECK(std::abs(c.data()[k] - expected) <= 1e-6 * (1 + std::abs(expected)));
    }
}

}  // namespace terms
