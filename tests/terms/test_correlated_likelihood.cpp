// The likelihood of maps with correlated errors: against its formula and, for a diagonal covariance, against the
// Gaussian one.
#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/terms/correlated_likelihood.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>

#include "support.hpp"
#include "terms/check_term.hpp"

using namespace stemfuse;

namespace {

// L L^T of a random lower triangle L in every pixel, as the lower half.
xt::xtensor<double, 3> random_covariance(std::size_t n, const image_shape& image) {
    const auto l = support::random_array<double, 3>({n * (n + 1) / 2, image[0], image[1]}, -0.5, 0.5, 7);
    xt::xtensor<double, 3> c(l.shape());
    const auto place = [](std::size_t i, std::size_t j) { return i * (i + 1) / 2 + j; };
    for (std::size_t y = 0; y < image[0]; ++y) {
        for (std::size_t x = 0; x < image[1]; ++x) {
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t j = 0; j <= i; ++j) {
                    double sum = i == j ? 0.3 : 0;
                    for (std::size_t k = 0; k <= j; ++k) sum += l(place(i, k), y, x) * l(place(j, k), y, x);
                    c(place(i, j), y, x) = sum;
                }
            }
        }
    }
    return c;
}

}  // namespace

TEST_CASE("correlated likelihood: a smooth pixel-local term on every shape") {
    for (const image_shape& image : terms::image_shapes) {
        CAPTURE(to_string(image));
        const correlated_likelihood term(terms::random_maps<double>(3, image, 1), random_covariance(3, image));
        terms::check_term<double>(term);
        terms::check_curvature(term);
    }
}

TEST_CASE("correlated likelihood: C times its gradient is x - b, and d is nowhere below its Hessian") {
    const image_shape image{4, 5};
    const std::size_t n = 3;
    const auto b = support::random_array<double, 3>({n, 4, 5}, -1, 1, 2),
               x = support::random_array<double, 3>({n, 4, 5}, 0, 2, 3);
    const auto c = random_covariance(n, image);
    const correlated_likelihood term(b, c);
    xt::xtensor<double, 3> g({n, 4, 5}), d = xt::zeros<double>({n, std::size_t{4}, std::size_t{5}}), lowest = d,
                                         slope = d;
    double value = term.value_and_gradient(x, g), expected = 0;
    const auto at = [&](std::size_t i, std::size_t j) { return i > j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i; };
    for (std::size_t y = 0; y < 4; ++y) {
        row_pointers<const double> xs(as_view(x));
        row_pointers<double> gs(as_view(slope)), ds(as_view(d)), ls(as_view(lowest));
        term.row_newton({y, 0, 5}, xs.at(y), gs.at(y), ds.at(y), ls.at(y), 1.0);
        for (std::size_t p = 0; p < 5; ++p) {
            for (std::size_t i = 0; i < n; ++i) {
                double sum = 0;
                for (std::size_t j = 0; j < n; ++j) sum += c(at(i, j), y, p) * g(j, y, p);
                CHECK(std::abs(sum - (x(i, y, p) - b(i, y, p))) <= 1e-12);
                expected += 0.5 * g(i, y, p) * (x(i, y, p) - b(i, y, p));
            }
        }
    }
    CHECK(std::abs(value - expected) <= 1e-12 * value);
    CHECK(support::relative_difference(slope, g) <= 1e-14);
    // f(x + s) <= f(x) + g s + 1/2 s^T d s for every s.
    for (std::uint32_t stream = 8; stream < 20; ++stream) {
        const auto s = support::random_array<double, 3>({n, 4, 5}, -2, 2, stream);
        const xt::xtensor<double, 3> moved = x + s;
        double bound = value;
        for (std::size_t k = 0; k < s.size(); ++k)
            bound += g.data()[k] * s.data()[k] + 0.5 * d.data()[k] * s.data()[k] * s.data()[k];
        CHECK(term.value(moved) <= bound + 1e-9);
    }
}

TEST_CASE("correlated likelihood: without correlations it is the Gaussian one; pixels of weight 0 are left out") {
    const auto b = support::random_array<double, 3>({2, 3, 4}, -1, 1, 4),
               x = support::random_array<double, 3>({2, 3, 4}, 0, 2, 5);
    xt::xtensor<double, 3> c = xt::zeros<double>({3, 3, 4});
    xt::view(c, 0) = 0.25;
    xt::view(c, 2) = 4;
    const correlated_likelihood term(b, c);
    CHECK(term.value(x) ==
          doctest::Approx(gaussian_likelihood(b, std::vector<double>{0.5, 2.0}).value(x)).epsilon(1e-12));
    CHECK(term.mean_precision(0) == doctest::Approx(4));
    CHECK(term.curvature_bound() == doctest::Approx(4));
    xt::xtensor<double, 2> weights = xt::ones<double>({3, 4});
    weights(1, 2) = 0;
    const double left_out = 0.5 * (std::pow(x(0, 1, 2) - b(0, 1, 2), 2) * 4 + std::pow(x(1, 1, 2) - b(1, 1, 2), 2) / 4);
    CHECK(term.weighted(weights).value(x) == doctest::Approx(term.value(x) - left_out).epsilon(1e-12));
    c(0, 2, 1) = -1;
    support::check_throws<value_error>([&] { correlated_likelihood(b, c); }, "covariance", "row 2, column 1");
    support::check_throws<shape_error>([&] { correlated_likelihood(b, xt::xtensor<double, 3>({2, 3, 4}, 1.0)); },
                                       "covariance");
}
