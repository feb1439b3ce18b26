#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <utility>

#include <stemfuse/priors/directional_field.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

template <class T>
xt::xtensor<double, 3> values(const directional_field<T>& q) {
    const stack_shape shape = q.shape();
    xt::xtensor<double, 3> all(shape);
    for (std::size_t part = 0; part < 2; ++part)
        for (std::size_t y = 0; y < shape[1]; ++y)
            for (std::size_t x = 0; x < shape[2]; ++x) all(part, y, x) = q.row(part, y)[x];
    return all;
}

// The smoothed guide by the definition: a sum over the window, the image mirrored beyond its borders.
double smoothed(const xt::xtensor<double, 2>& h, double deviation, std::ptrdiff_t y, std::ptrdiff_t x) {
    const auto mirror = [](std::ptrdiff_t k, std::size_t extent) {
        const auto n = static_cast<std::ptrdiff_t>(extent);
        while (k < 0 || k >= n) k = k < 0 ? -1 - k : 2 * n - 1 - k;
        return static_cast<std::size_t>(k);
    };
    const auto reach = static_cast<std::ptrdiff_t>(4 * deviation + 0.5);
    double sum = 0, weights = 0;
    for (std::ptrdiff_t j = -reach; j <= reach; ++j) {
        for (std::ptrdiff_t i = -reach; i <= reach; ++i) {
            const double w = std::exp(-static_cast<double>(i * i + j * j) / (2 * deviation * deviation));
            sum += w * h(mirror(y + j, h.shape(0)), mirror(x + i, h.shape(1)));
            weights += w;
        }
    }
    return sum / weights;
}

}  // namespace

TEST_CASE_TEMPLATE("the field of an image by its definition", T, float, double) {
    for (const image_shape& shape : {image_shape{11, 14}, {1, 9}, {9, 1}, {2, 3}, {1, 1}}) {
        const auto guide = support::random_array<T, 2>(shape, -2, 5, 1);
        const xt::xtensor<double, 2> h = guide;
        for (const double smoothing : {0.5, 1.0, 1.7}) {
            const double sigma = 0.4, strength = 0.9;
            const auto q =
                values(directional_field(guide, sigma, {.strength = strength, .smoothing = smoothing, .threshold = 2}));
            const double eta = 2 * sigma / (2 * std::sqrt(std::numbers::pi) * smoothing * smoothing);
            for (std::size_t y = 0; y < shape[0]; ++y) {
                for (std::size_t x = 0; x < shape[1]; ++x) {
                    const auto r = static_cast<std::ptrdiff_t>(y), c = static_cast<std::ptrdiff_t>(x);
                    const double at = smoothed(h, smoothing, r, c);
                    const double dy = y + 1 < shape[0] ? smoothed(h, smoothing, r + 1, c) - at : 0;
                    const double dx = x + 1 < shape[1] ? smoothed(h, smoothing, r, c + 1) - at : 0;
                    const double scale = std::sqrt(strength / (dy * dy + dx * dx + eta * eta));
                    CHECK(std::abs(q(0, y, x) - scale * dy) <= 1e-6);
                    CHECK(std::abs(q(1, y, x) - scale * dx) <= 1e-6);
                    CHECK(std::hypot(q(0, y, x), q(1, y, x)) <= std::sqrt(strength));
                }
            }
        }
    }
}

TEST_CASE("a constant guide has no direction, with noise or without; gain and offset do not matter") {
    for (const double sigma : {0.0, 0.1}) {
        for (const double level : {0.0, 0.1, -3e7}) {
            const xt::xtensor<double, 2> guide = level * xt::ones<double>({13, 17});
            for (const double part : values(directional_field(guide, sigma))) CHECK(part == 0);
        }
    }
    const auto guide = support::random_array<double, 2>({13, 17}, 0, 1, 2);
    const xt::xtensor<double, 2> scaled = 900 * guide + 130;
    CHECK(support::relative_difference(values(directional_field(scaled, 90)), values(directional_field(guide, 0.1))) <=
          1e-12);
}

TEST_CASE("white noise alone keeps far from the strength, a clear edge reaches it") {
    std::mt19937 engine(support::seed());
    std::normal_distribution<double> normal(0, 0.3);
    xt::xtensor<double, 2> guide({100, 120});
    for (std::size_t y = 0; y < 100; ++y)
        for (std::size_t x = 0; x < 120; ++x) guide(y, x) = normal(engine) + (x < 60 ? 0 : 50);
    const auto q = values(directional_field(guide, 0.3));
    double squares = 0;
    for (std::size_t y = 0; y < 100; ++y) {
        CHECK(q(1, y, 59) * q(1, y, 59) > 0.94);
        for (std::size_t x = 0; x < 50; ++x) squares += std::pow(q(0, y, x), 2) + std::pow(q(1, y, x), 2);
    }
    CHECK(squares / 5000 < 0.15);  // |grad|^2 is eta^2 / 9 on average
    CHECK(squares / 5000 > 0.05);
}

TEST_CASE("a field of one's own loses what differences never have, and halves by block means") {
    xt::xtensor<float, 3> own = 0.5f * xt::ones<float>({2, 4, 6});
    own(0, 0, 0) = 0.1f;
    const directional_field q(own);
    const auto held = values(q);
    for (std::size_t y = 0; y < 4; ++y) {
        for (std::size_t x = 0; x < 6; ++x) {
            CHECK(held(0, y, x) == (y == 3 ? 0 : static_cast<double>(own(0, y, x))));
            CHECK(held(1, y, x) == (x == 5 ? 0 : 0.5));
        }
    }
    const directional_field copy = q;
    CHECK(copy.row(0, 0) == q.row(0, 0));
    const auto half = values(q.coarser());
    CHECK(half.shape(1) == 2);
    CHECK(half.shape(2) == 3);
    CHECK(std::abs(half(0, 0, 0) - 0.4) <= 1e-7);
    CHECK(half(0, 1, 0) == 0);
    CHECK(half(1, 0, 1) == 0.5);
    CHECK(half(1, 0, 2) == 0);
    CHECK(directional_field<float>().coarser().empty());
    CHECK(directional_field<float>().shape() == stack_shape{});
}

TEST_CASE("what makes no field is refused by name") {
    xt::xtensor<double, 2> guide = xt::ones<double>({4, 5});
    support::check_throws<value_error>([&] { directional_field(guide, -1.0); }, "sigma", "-1");
    support::check_throws<value_error>([&] { directional_field(guide, 1, {.strength = 1.5}); }, "strength", "1.5");
    support::check_throws<value_error>([&] { directional_field(guide, 1, {.smoothing = 0.1}); }, "smoothing", "0.1");
    support::check_throws<value_error>([&] { directional_field(guide, 1, {.threshold = -2}); }, "threshold", "-2");
    guide(2, 3) = std::numeric_limits<double>::quiet_NaN();
    support::check_throws<value_error>([&] { directional_field(guide, 1.0); }, "guide", "row 2", "column 3");
    support::check_throws<shape_error>([&] { directional_field(xt::xtensor<double, 2>({0, 5}), 1.0); }, "guide",
                                       "empty");
    xt::xtensor<double, 3> q = xt::zeros<double>({3, 4, 5});
    support::check_throws<shape_error>([&] { directional_field<double> made(q); }, "q", "(3, 4, 5)", "(2, 4, 5)");
    q = xt::zeros<double>({2, 4, 5});
    q(0, 1, 2) = 0.9;
    q(1, 1, 2) = -0.9;
    support::check_throws<value_error>([&] { directional_field<double> made(q); }, "q", "row 1", "column 2", "1.27",
                                       "length 1 or less");
}
