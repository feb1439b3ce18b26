// The projector against its adjoint, the mass of volumes, the numpy reference, and sums along axes.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <stemfuse/testing/properties.hpp>
#include <stemfuse/tomography/tilt_projector.hpp>

#include "reference_case.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

static_assert(linear_operator<tilt_projector, float> && linear_operator<tilt_projector, double>);

// Tilts at 0 and +-90 degrees, repeated, almost 0, and beyond 90.
const std::vector<double> many_angles{-90, -70, -45, -3, 0, 0, 5.7e-6, 45, 60, 60, 90, 135};

template <class T>
xt::xtensor<T, 3> projected(const tilt_projector& a, const xt::xtensor<T, 3>& x, const execution& exec = {}) {
    xt::xtensor<T, 3> y(a.range_shape());
    a.apply(x, y, exec);
    return y;
}

}  // namespace

TEST_CASE("the back projection is the adjoint, whatever the detector sees") {
    const std::vector<double> shifts{0.3, -2.7, 0, 11, 0.5, 0, 0, -40, 1e5, 3.25, -0.01, 1};
    for (const std::size_t bins : std::array<std::size_t, 4>{1, 7, 24, 43}) {
        const tilt_projector a(tilt_geometry(13, 22, bins, radians(many_angles), shifts), 2, 19);
        CHECK(adjoint_mismatch<double>(a, support::seed()) < support::tolerance<double>::adjoint);
        CHECK(adjoint_mismatch<float>(a, support::seed()) < support::tolerance<float>::adjoint);
    }
    const tilt_projector thin(tilt_geometry(1, 1, 1, {0.4}), 1, 1);
    CHECK(adjoint_mismatch<double>(thin) < support::tolerance<double>::adjoint);
}

TEST_CASE("every tilt keeps the mass of what the detector sees, and tilts 0 and 90 sum along the axes") {
    const auto x = support::random_array<double, 3>({1, 20 * 24, 3});
    const std::size_t tilts = many_angles.size(), bins = 40;
    const auto y = projected(tilt_projector(tilt_geometry(20, 24, bins, radians(many_angles)), 1, 3), x);
    for (std::size_t c = 0; c < 3; ++c) {
        double mass = 0;
        for (std::size_t r = 0; r < 20 * 24; ++r) mass += x(0, r, c);
        for (std::size_t a = 0; a < tilts; ++a) {
            double seen = 0;
            for (std::size_t t = 0; t < bins; ++t) seen += y(0, a * bins + t, c);
            CHECK(std::abs(seen - mass) <= 1e-12 * mass);
        }
    }
    const auto along = projected(tilt_projector(tilt_geometry(20, 24, 24, radians({0, 90}), {0, 2}), 1, 3), x);
    for (std::size_t y_at = 0; y_at < 24; ++y_at) {
        double z_sum = 0, y_sum = 0;  // at 90 degrees bin t sees z = t, here 2 in and 2 of shift further
        for (std::size_t z = 0; z < 20; ++z) z_sum += x(0, z * 24 + y_at, 1);
        if (y_at >= 4) {
            for (std::size_t y2 = 0; y2 < 24; ++y2) y_sum += x(0, (y_at - 4) * 24 + y2, 1);
        }
        CHECK(std::abs(along(0, y_at, 1) - z_sum) < 1e-12 * 20);
        CHECK(std::abs(along(0, 24 + y_at, 1) - y_sum) < 1e-12 * 20);
    }
}

TEST_CASE("projections of the numpy reference, with shifts and a wider detector") {
    const auto reference = support::tilt_reference();
    if (!reference) return;
    const auto angles = reference->read<double, 1>("haadf_angles"), shifts = reference->read<double, 1>("test_shifts");
    auto volume = reference->read<double, 3>("test_volume");
    auto expected = reference->read<double, 3>("test_projection");
    auto back = reference->read<double, 3>("test_back_projection");
    volume.reshape({1, 24 * 28, 3});
    expected.reshape({1, 24 * 34, 3});
    back.reshape({1, 24 * 28, 3});
    const tilt_projector a(tilt_geometry(24, 28, 34, {angles.begin(), angles.end()}, {shifts.begin(), shifts.end()}), 1,
                           3);
    const auto y = projected(a, volume);
    CHECK(support::relative_difference(y, expected) < 1e-14);
    xt::xtensor<double, 3> x(a.domain_shape());
    a.adjoint(y, x);
    CHECK(support::relative_difference(x, back) < 1e-14);
    const xt::xtensor<float, 3> single = xt::cast<float>(volume);
    CHECK(support::relative_difference(projected(a, single), expected) < 1e-6);
}

TEST_CASE("the bits depend neither on the threads nor on the columns computed together") {
    const tilt_geometry g(9, 12, 13, radians({-64, -10, 0, 33, 71}), {0.1, 0, -2, 0.7, 0});
    const auto x = support::random_array<float, 3>({3, 9 * 12, 150});
    thread_pool pool(3);
    const auto y = projected(tilt_projector(g, 3, 150), x);
    CHECK(projected(tilt_projector(g, 3, 150), x, pool) == y);
    const tilt_projector part(g, 3, 41);
    xt::xtensor<float, 3> some(part.range_shape());
    part.apply(xt::view(x, xt::all(), xt::all(), xt::range(30, 71)), some);
    CHECK(some == xt::xtensor<float, 3>(xt::view(y, xt::all(), xt::all(), xt::range(30, 71))));
    xt::xtensor<float, 3> one({3, 9 * 12, 150}), other({3, 9 * 12, 150});
    tilt_projector(g, 3, 150).adjoint(y, one);
    tilt_projector(g, 3, 150).adjoint(y, other, pool);
    CHECK(one == other);
}

TEST_CASE("a geometry that cannot be is refused") {
    using support::check_throws;
    check_throws<shape_error>([] { tilt_geometry(0, 4, 4, {0}); }, "volume", "0 x 4");
    check_throws<shape_error>([] { tilt_geometry(4, 4, 0, {0}); }, "bins");
    check_throws<shape_error>([] { tilt_geometry(4, 4, 4, {}); }, "angles", "at least one");
    check_throws<shape_error>([] { tilt_geometry(4, 4, 4, {0, 1}, {0}); }, "shifts", "must be 2");
    check_throws<value_error>([] { tilt_geometry(4, 4, 4, {0, -69}); }, "angles", "-69 at tilt 1", "radians");
    check_throws<value_error>([] { tilt_geometry(4, 4, 4, {std::nan("")}); }, "angles", "nan");
    check_throws<value_error>([] { tilt_geometry(4, 4, 4, {0}, {std::numeric_limits<double>::infinity()}); }, "shifts");
    const tilt_projector a(tilt_geometry(4, 4, 4, {0}), 1, 3);
    xt::xtensor<double, 3> x(stack_shape{1, 16, 3}), wrong(stack_shape{1, 5, 3});
    check_throws<shape_error>([&] { a.apply(x, wrong); }, "projections", "(1, 5, 3)", "(1, 4, 3)");
}
