#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <stemfuse/data/drift.hpp>
#include <stemfuse/elements/elements.hpp>
#include <stemfuse/simulate/catalogue.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// Smooth spots at pseudo-random places, moved by (y, x): exact at any shift.
xt::xtensor<double, 2> spots(std::size_t n, double y, double x) {
    const auto places = support::random_array<double, 2>({40, 2}, -10, static_cast<double>(n) + 10, 3);
    xt::xtensor<double, 2> image = xt::zeros<double>({n, n});
    for (std::size_t k = 0; k < 40; ++k) {
        for (std::size_t r = 0; r < n; ++r) {
            for (std::size_t c = 0; c < n; ++c) {
                const double dy = static_cast<double>(r) - places(k, 0) - y,
                             dx = static_cast<double>(c) - places(k, 1) - x;
                image(r, c) += std::exp(-(dy * dy + dx * dx) / 18);
            }
        }
    }
    return image;
}

struct measured {
    xt::xtensor<double, 2> haadf, map;
};

measured acquire_sum(const catalogue_entry<double>& entry, const specimen<double>& sample, double dose,
                     std::uint64_t seed) {
    const auto acquired = acquire(sample, at_dose(entry.usual, dose, seed));
    xt::xtensor<double, 2> sum = xt::zeros<double>(acquired.haadf.shape());
    for (std::size_t i = 0; i < sample.elements.size(); ++i)
        sum += atomic_number(sample.elements[i]) * xt::view(acquired.maps, i);
    return {acquired.haadf, sum};
}

}  // namespace

TEST_CASE("a shift of images without noise is measured to a fraction of a pixel") {
    const auto map = spots(96, 0, 0);
    for (const double y : {0.0, 0.2, -1.75, 4.0}) {
        for (const double x : {0.0, -0.3, 2.25, -6.4}) {
            CAPTURE(y);
            CAPTURE(x);
            // Gain and offset of the HAADF image do not matter.
            const auto d = measure_drift(xt::xtensor<double, 2>(900 + 40 * spots(96, y, x)), map);
            REQUIRE(d.known);
            CHECK(std::abs(d.y - y) <= 0.15);
            CHECK(std::abs(d.x - x) <= 0.15);
            CHECK(d.significant() == (std::hypot(y, x) > 0.5));
        }
    }
}

TEST_CASE_TEMPLATE("drift at low dose is found, with an error that says how well", T, float, double) {
    for (const std::string name : {"core-shell", "particles-on-carbon"}) {
        CAPTURE(name);
        const auto entry = specimen_by_name<double>(name);
        const auto sample = entry.make(128, 128);
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            const auto m = acquire_sum(entry, sample, 2, seed);
            const xt::xtensor<T, 2> haadf = shifted(m.haadf, -1.8, 1.1), map = m.map;
            const auto d = measure_drift(haadf, map);
            REQUIRE(d.known);
            CHECK(d.significant());
            CHECK(std::abs(d.y - 1.8) <= 5 * d.sigma_y);
            CHECK(std::abs(d.x + 1.1) <= 5 * d.sigma_x);
            CHECK(std::hypot(d.sigma_y, d.sigma_x) <= 0.8);
        }
    }
}

TEST_CASE("false alarms are rare, at any dose and for every specimen but one") {
    int alarms = 0, measurements = 0;
    for (const auto& entry : specimen_catalogue<double>()) {
        // Its pairs of columns are brighter on the other side in the image than in the sum: see the next case.
        if (entry.name == "dumbbells") continue;
        const auto sample = entry.make(96, 96);
        for (const double dose : {0.2, 1.0, 5.0}) {
            for (std::uint64_t seed = 1; seed <= 10; ++seed, ++measurements) {
                const auto m = acquire_sum(entry, sample, dose, seed);
                alarms += measure_drift(m.haadf, m.map).significant() ? 1 : 0;
            }
        }
    }
    MESSAGE(alarms, " false alarms in ", measurements, " measurements without drift");
    CHECK(alarms <= 3);
}

TEST_CASE("pairs of columns that the image weighs otherwise than the sum look like half a pixel of drift") {
    const auto entry = specimen_by_name<double>("dumbbells");
    const auto m = acquire_sum(entry, entry.make(96, 96), 50, 1);
    const auto d = measure_drift(m.haadf, m.map);
    CHECK(std::abs(d.y) <= 4 * d.sigma_y);
    CHECK(d.x > 0.2);
    CHECK(d.x < 0.8);
}

TEST_CASE("images without anything in common have no known drift, or a very uncertain one") {
    int alarms = 0;
    for (std::uint32_t k = 0; k < 40; ++k) {
        const auto a = support::random_array<double, 2>({64, 64}, 0, 1, 2 * k + 10);
        const auto b = support::random_array<double, 2>({64, 64}, 0, 1, 2 * k + 11);
        alarms += measure_drift(a, b).significant() ? 1 : 0;
    }
    CHECK(alarms <= 1);
    CHECK(!measure_drift(xt::xtensor<double, 2>({64, 64}, 3.0), xt::xtensor<double, 2>({64, 64}, 2.0)).known);
    CHECK(!measure_drift(spots(9, 0, 0), spots(9, 0, 0)).known);  // too small
    // A lattice repeats itself: the nearest of its peaks is taken.
    xt::xtensor<double, 2> lattice({80, 80});
    for (std::size_t y = 0; y < 80; ++y) {
        for (std::size_t x = 0; x < 80; ++x)
            lattice(y, x) = std::cos(1.2 * static_cast<double>(y)) + std::cos(1.2 * static_cast<double>(x));
    }
    const auto d = measure_drift(lattice, lattice);
    CHECK(std::abs(d.y) <= 0.05);
    CHECK(std::abs(d.x) <= 0.05);
}

TEST_CASE("the result does not depend on when it is asked for, and large images are sampled") {
    const auto haadf = support::random_array<float, 2>({1300, 1300}, 0, 1, 1);
    const auto moved = shifted(haadf, -2, 3);
    const auto d = measure_drift(moved, haadf), again = measure_drift(moved, haadf);
    CHECK(std::abs(d.y - 2) <= 0.05);
    CHECK(std::abs(d.x + 3) <= 0.05);
    CHECK(d.sigma_x == again.sigma_x);
}

TEST_CASE_TEMPLATE("shifted: whole pixels exactly, parabolas exactly, borders repeated", T, float, double) {
    const auto image = support::random_array<T, 2>({7, 9});
    const auto moved = shifted(image, 2, -3);
    static_assert(std::is_same_v<typename decltype(moved)::value_type, T>);
    for (std::size_t r = 0; r < 7; ++r) {
        for (std::size_t c = 0; c < 9; ++c)
            CHECK(moved(r, c) == image(std::min<std::size_t>(r + 2, 6), c < 3 ? 0 : c - 3));
    }
    CHECK(shifted(image, 0, 0) == image);
    // Cubic convolution with a = -1/2 reproduces second-degree polynomials away from the border.
    xt::xtensor<T, 2> parabola(image_shape{12, 12});
    const auto f = [](double y, double x) {
        return 1 + 0.5 * y - 0.25 * x + 0.05 * y * y - 0.02 * x * y + 0.03 * x * x;
    };
    for (std::size_t r = 0; r < 12; ++r) {
        for (std::size_t c = 0; c < 12; ++c)
            parabola(r, c) = static_cast<T>(f(static_cast<double>(r), static_cast<double>(c)));
    }
    const auto between = shifted(parabola, 0.3, -0.7);
    for (std::size_t r = 3; r < 9; ++r) {
        for (std::size_t c = 3; c < 9; ++c)
            CHECK(std::abs(static_cast<double>(between(r, c)) -
                           f(static_cast<double>(r) + 0.3, static_cast<double>(c) - 0.7)) <=
                  10 * support::tolerance<T>::rounding);
    }
    const xt::xtensor<T, 2> flat({5, 6}, T(3));
    for (const T v : shifted(flat, 1.37, 20.0 / 9)) CHECK(std::abs(v - 3) <= support::tolerance<T>::rounding);
}

TEST_CASE("what cannot be compared or shifted") {
    const auto a = support::random_array<double, 2>({32, 32});
    support::check_throws<shape_error>([&] { measure_drift(a, support::random_array<double, 2>({32, 31})); },
                                       "map: has shape (32, 31)", "as haadf");
    auto bad = a;
    bad(3, 4) = std::numeric_limits<double>::quiet_NaN();
    support::check_throws<value_error>([&] { measure_drift(bad, a); }, "haadf: has nan at row 3, column 4");
    support::check_throws<value_error>([&] { measure_drift(a, bad); }, "map: has nan");
    support::check_throws<value_error>([&] { shifted(a, 40, 0); }, "y: is 40, must be in [-32, 32]");
    support::check_throws<value_error>([&] { shifted(a, 0, std::numeric_limits<double>::quiet_NaN()); }, "x: is nan");
    support::check_throws<shape_error>([&] { shifted(xt::xtensor<double, 2>(image_shape{0, 4}), 0, 0); },
                                       "image: is empty");
}
