// The terms and the prior of tilt series: gradients, proximal operator, differences.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/testing/properties.hpp>
#include <stemfuse/tomography/tilt_counts.hpp>
#include <stemfuse/tomography/tilt_haadf.hpp>
#include <stemfuse/tomography/volume_variation.hpp>

#include "support.hpp"

using namespace stemfuse;

static_assert(smooth_term<tilt_haadf<float>, float> && smooth_term<tilt_counts<double>, double>);
static_assert(prior<volume_variation, float> && linear_operator<volume_differences, float>);

TEST_CASE("gradients of the terms") {
    const tilt_geometry g(4, 5, 7, radians({-60, 5, 80}), {0, 0.4, 0});
    const auto b = support::random_array<double, 3>({2, 21, 6}, 0, 8);
    const auto h = support::random_array<double, 3>({1, 21, 6}, 0, 8);
    for (const double gamma : {1.0, 1.6, 2.0}) {
        CAPTURE(gamma);
        const auto report =
            check_gradient<double>(tilt_haadf<double>(h, g, haadf_response::from_weights({0.5, 1.5}, gamma)));
        CHECK(report.difference < support::tolerance<double>::difference);
        CHECK(report.slope > 1.9);
    }
    const auto report = check_gradient<double>(tilt_counts<double>(b, g));
    CHECK(report.difference < support::tolerance<double>::difference);
    CHECK(report.slope > 1.8);
}

TEST_CASE("differences of volumes, their adjoint and norm") {
    const volume_differences k(2, 5, 4, 6);
    CHECK(adjoint_mismatch<double>(k) < support::tolerance<double>::adjoint);
    const double norm = operator_norm<double>(volume_differences(1, 9, 9, 9));
    CHECK(norm * norm < 12);
    CHECK(norm * norm > 11);
    xt::xtensor<double, 3> x(stack_shape{1, 6, 2}), out(stack_shape{3, 6, 2});  // 2 z, 3 y
    for (std::size_t r = 0; r < 6; ++r) {
        for (std::size_t c = 0; c < 2; ++c) x(0, r, c) = 100 * double(r / 3) + 10 * double(r % 3) + double(c);
    }
    volume_differences(1, 2, 3, 2).apply(x, out);
    CHECK(out(0, 1, 1) == 100);
    CHECK(out(0, 4, 1) == 0);
    CHECK(out(1, 1, 0) == 10);
    CHECK(out(1, 2, 0) == 0);
    CHECK(out(2, 5, 0) == 1);
    CHECK(out(2, 5, 1) == 0);
}

TEST_CASE("the variation of volumes is a prior, joint and separate") {
    for (const auto coupling : {variation_coupling::joint, variation_coupling::separate}) {
        volume_variation r(3, 4, {0.7, 1.9}, coupling);
        r.iterations = 800;
        const auto report = check_prox<double>(r, {2, 12, 5}, 0.3, support::seed());
        CHECK(report.descent < support::tolerance<double>::prox);
        CHECK(report.expansion < support::tolerance<double>::prox);
    }
    // A step of height 2 in element 0 and of 1 in element 1, at the same face of 4 x 5 pixels.
    xt::xtensor<double, 3> x = xt::zeros<double>(stack_shape{2, 12, 5});
    xt::view(x, 0, xt::range(8, 12), xt::all()) = 2.0;
    xt::view(x, 1, xt::range(8, 12), xt::all()) = 1.0;
    const std::vector<double> t{3, 8};
    CHECK(std::abs(volume_variation(3, 4, t).value(x) - 20 * std::hypot(6, 8)) < 1e-10);
    CHECK(std::abs(volume_variation(3, 4, t, variation_coupling::separate).value(x) - 20 * (6 + 8)) < 1e-10);
    support::check_throws<shape_error>([&] { volume_variation(4, 4, t).value(x); }, "volume", "(2, 12, 5)",
                                       "(2, 16, n_x)");
}
