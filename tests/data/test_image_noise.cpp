#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/core/random.hpp>
#include <stemfuse/data/image_noise.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// White normal noise of standard deviation 1.
template <class T>
xt::xtensor<T, 2> noise_image(std::size_t ny, std::size_t nx, std::uint64_t seed) {
    xt::xtensor<T, 2> out({ny, nx});
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) out(y, x) = static_cast<T>(random_stream(seed, 1, y, x).normal());
    }
    return out;
}

}  // namespace

TEST_CASE_TEMPLATE("noise of a known standard deviation is found", T, float, double) {
    // The median of n independent magnitudes has the relative standard error 1.17 / sqrt(n). Neighbouring differences
    // share pixels: the spread over 600 images was 1.76 / sqrt(n).
    for (const double sigma : {1e-3, 1.0, 500.0}) {
        const xt::xtensor<T, 2> noise = noise_image<T>(200, 300, 11) * static_cast<T>(sigma);
        CHECK(std::abs(image_noise(noise) / sigma - 1) < 4.5 * 1.76 / std::sqrt(60000.0));
    }
}

TEST_CASE("smooth structure, edges and single spikes do not count as noise") {
    auto image = noise_image<double>(128, 128, 12);
    const double expected = image_noise(image);
    for (std::size_t y = 0; y < 128; ++y) {
        for (std::size_t x = 0; x < 128; ++x) {
            const double fy = static_cast<double>(y) / 128, fx = static_cast<double>(x) / 128;
            image(y, x) += 300 * fy + 50 * fx * fx + 100 * std::sin(4 * fx) + 20 * fx * fy;
        }
    }
    CHECK(std::abs(image_noise(image) - expected) < 1e-9);
    for (std::size_t y = 0; y < 128; ++y) {
        for (std::size_t x = 0; x < y; ++x) image(y, x) += 1000;
    }
    for (std::size_t k = 0; k < 128; k += 16) image(k, 127 - k / 2) += 1e5;
    CHECK(std::abs(image_noise(image) / expected - 1) < 0.05);
}

TEST_CASE("a difference computed by hand") {
    const xt::xtensor<double, 2> image{{1, 2, 3}, {6, 5, 12}, {7, 16, 10}};
    const double filtered = 1 - 2 * 2 + 3 - 2 * 6 + 4 * 5 - 2 * 12 + 7 - 2 * 16 + 10;
    CHECK(std::abs(image_noise(image) - std::abs(filtered) / 6 / 0.6744897501960817) <= 1e-14);
    // Two differences, 1 (the corner) and 2 (the edge's middle, of the other sign) sixths: the mean of both.
    const xt::xtensor<int, 2> corner{{1, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
    CHECK(std::abs(image_noise(corner) - 0.5 / 6 / 0.6744897501960817) <= 1e-14);
}

TEST_CASE("what has no noise to be seen") {
    CHECK(image_noise(xt::xtensor<float, 2>(7 * xt::ones<float>({3, 9}))) == 0);
    xt::xtensor<double, 2> lines = xt::zeros<double>({40, 40});
    for (std::size_t y = 0; y < 40; ++y) xt::view(lines, y) = static_cast<double>(y * y % 7);
    CHECK(image_noise(lines) == 0);
    // Independent pairs of equal columns are no white noise: less of it is seen than is there.
    const auto half = noise_image<double>(200, 100, 13);
    xt::xtensor<double, 2> doubled({200, 200});
    for (std::size_t x = 0; x < 200; ++x) xt::view(doubled, xt::all(), x) = xt::view(half, xt::all(), x / 2);
    CHECK(image_noise(doubled) < 0.8);
}

TEST_CASE("images that are refused") {
    support::check_throws<shape_error>([] { image_noise(xt::xtensor<float, 2>({2, 9}), "HAADF"); },
                                       "HAADF: has shape (2, 9)", "3 x 3");
    support::check_throws<shape_error>([] { image_noise(xt::xtensor<float, 2>({0, 0})); }, "image: has shape (0, 0)");
    auto image = noise_image<float>(8, 8, 1);
    image(3, 4) = std::numeric_limits<float>::quiet_NaN();
    support::check_throws<value_error>([&] { image_noise(image, "HAADF"); }, "HAADF: has nan at row 3, column 4");
}

TEST_CASE("the image's type and the threads change nothing") {
    const auto image = noise_image<float>(301, 97, 14);
    thread_pool pool(3);
    const double expected = image_noise(image);
    CHECK(image_noise(image, "image", pool) == expected);
    CHECK(image_noise(xt::xtensor<double, 2>(image)) == expected);
    CHECK(image_noise(xt::view(image, xt::range(5, 200), xt::range(3, 90))) ==
          image_noise(xt::xtensor<float, 2>(xt::view(image, xt::range(5, 200), xt::range(3, 90)))));
}
