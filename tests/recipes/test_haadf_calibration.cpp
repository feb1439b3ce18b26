#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/recipes/haadf_calibration.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

template <class T>
xt::xtensor<T, 2> image_of(const xt::xtensor<T, 3>& maps, const std::vector<double>& responses, double gamma,
                           double offset) {
    xt::xtensor<T, 2> image({maps.shape(1), maps.shape(2)});
    for (std::size_t y = 0; y < image.shape(0); ++y) {
        for (std::size_t x = 0; x < image.shape(1); ++x) {
            double sum = offset;
            for (std::size_t i = 0; i < responses.size(); ++i)
                sum += responses[i] * std::pow(static_cast<double>(maps(i, y, x)), gamma);
            image(y, x) = static_cast<T>(sum);
        }
    }
    return image;
}

}  // namespace

TEST_CASE_TEMPLATE("response, exponent and offset come back from an image made of them", T, float, double) {
    const double tolerance = std::same_as<T, float> ? 2e-4 : 1e-7;
    const auto maps = support::random_array<T, 3>({3, 40, 37}, 0, 1, 4);
    for (const double gamma : {1.0, 1.4, 1.8}) {
        for (const double offset : {0.0, -0.4, 30.0}) {
            const std::vector<double> responses{0.7, 0.0, 0.2};
            const auto image = image_of(maps, responses, gamma, offset);
            const auto found = calibrate_haadf(maps, image);
            CHECK(found.gamma == gamma);
            CHECK(found.sees_any());
            CHECK(std::abs(found.offset - offset) <= tolerance * (1 + std::abs(offset)));
            for (std::size_t i = 0; i < 3; ++i) {
                CAPTURE(i);
                CHECK(std::abs(found.responses[i] - responses[i]) <= tolerance * (1 + std::abs(offset)));
            }
            CHECK(found.misfit <= tolerance * (1 + std::abs(offset)));
        }
    }
}

TEST_CASE("gain, offset and the order of elements drop out") {
    const auto maps = support::random_array<double, 3>({3, 40, 37}, 0, 1, 4);
    const auto noise = support::random_array<double, 2>({40, 37}, -0.1, 0.1, 5);
    const xt::xtensor<double, 2> image = image_of(maps, {0.7, 0.1, 0.2}, 1.5, 0.1) + noise;
    const xt::xtensor<double, 2> other = 900 * image + 130;
    xt::xtensor<double, 3> turned(maps.shape());
    for (std::size_t i = 0; i < 3; ++i) xt::view(turned, i) = xt::view(maps, 2 - i);
    const auto found = calibrate_haadf(maps, image), scaled = calibrate_haadf(maps, other),
               reversed = calibrate_haadf(turned, image);
    CHECK(scaled.gamma == found.gamma);
    CHECK(std::abs(scaled.offset - (900 * found.offset + 130)) <= 1e-7 * 900);
    CHECK(std::abs(scaled.misfit - 900 * found.misfit) <= 1e-7 * 900);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(std::abs(scaled.responses[i] - 900 * found.responses[i]) <= 1e-7 * 900);
        CHECK(std::abs(reversed.responses[2 - i] - found.responses[i]) <= 1e-8);
    }
}

TEST_CASE("a tenth of the pixels may be anything") {
    const auto maps = support::random_array<double, 3>({2, 50, 50}, 0, 1, 4);
    auto image = image_of(maps, {0.7, 0.3}, 1.6, 0.2);
    image += support::random_array<double, 2>({50, 50}, -0.01, 0.01, 5);
    for (std::size_t k = 0; k < image.size(); k += 10) image.data()[k] += 5;
    const haadf_calibration_options plain{.gammas = {1.6}, .reweightings = 0},
        robust{.gammas = {1.6}, .reweightings = 6};
    const auto error = [&](const haadf_calibration& c) { return std::abs(c.offset - 0.2); };
    CHECK(error(calibrate_haadf(maps, image, plain)) >= 0.3);
    CHECK(error(calibrate_haadf(maps, image, robust)) <= 0.01);
}

TEST_CASE("an image that no map explains, and maps that are 0") {
    const auto maps = support::random_array<double, 3>({2, 20, 20}, 0, 1, 4);
    const xt::xtensor<double, 2> flat = xt::ones<double>({20, 20}) * 3.0;
    const auto found = calibrate_haadf(maps, flat);
    CHECK(std::abs(found.offset - 3) <= 1e-9);
    for (const double a : found.responses) CHECK(std::abs(a) <= 1e-9);
    const xt::xtensor<double, 3> dark = xt::zeros<double>({2, 20, 20});
    const auto image = support::random_array<double, 2>({20, 20}, 0, 1, 5);
    const auto nothing = calibrate_haadf(dark, image);
    CHECK(!nothing.sees_any());
    CHECK(std::isfinite(nothing.misfit));
    CHECK(nothing.misfit > 0);
}

TEST_CASE("what a calibration does not take") {
    const xt::xtensor<double, 3> maps = xt::ones<double>({2, 5, 6});
    const xt::xtensor<double, 2> image = xt::ones<double>({5, 6}), other = xt::ones<double>({6, 5});
    xt::xtensor<double, 2> bad = image;
    bad(1, 2) = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH_AS(calibrate_haadf(maps, other),
                         doctest::Contains("maps: has shape (5, 6), must have shape (6, 5)"), shape_error);
    CHECK_THROWS_WITH_AS(calibrate_haadf(maps, bad), doctest::Contains("row 1, column 2"), value_error);
    CHECK_THROWS_WITH_AS(calibrate_haadf(maps, image, {.gammas = {}}), doctest::Contains("gammas"), value_error);
    CHECK_THROWS_WITH_AS(calibrate_haadf(maps, image, {.gammas = {2.5}}), doctest::Contains("2.5"), value_error);
}
