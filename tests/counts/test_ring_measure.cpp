#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/core/random.hpp>
#include <stemfuse/core/thread_pool.hpp>
#include <stemfuse/counts/ring_measure.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

constexpr std::size_t size = 96;

// Two particles, with noise.
xt::xtensor<double, 2> image_of(std::uint64_t seed) {
    xt::xtensor<double, 2> image({size, size});
    for (std::size_t y = 0; y < size; ++y) {
        for (std::size_t x = 0; x < size; ++x) {
            const double a = std::hypot(double(y) - 30, double(x) - 34), b = std::hypot(double(y) - 66, double(x) - 60);
            image(y, x) = std::exp(-a * a / 300) + 0.8 * std::exp(-b * b / 200) +
                          0.01 * random_stream(seed, stream_of("image"), y, x).normal();
        }
    }
    return image;
}

// Noise, more of it where the image is bright, and a wave of this amplitude along the image's levels or across them.
xt::xtensor<double, 2> error_of(const xt::xtensor<double, 2>& image, double rings, std::uint64_t seed) {
    xt::xtensor<double, 2> error = image;
    for (std::size_t y = 0; y < size; ++y) {
        for (std::size_t x = 0; x < size; ++x) {
            const double level = image(y, x);
            error(y, x) =
                std::sqrt(0.3 + std::max(0.0, level)) * random_stream(seed, stream_of("error"), y, x).normal() +
                rings * std::sin(25 * level);
        }
    }
    return error;
}

}  // namespace

TEST_CASE(
    "an error that follows the levels of the image is told from one that does not, at any strength of its noise") {
    int rings = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const auto image = image_of(seed);
        const auto noise = error_of(image, 0, seed), with_rings = error_of(image, 0.5, seed);
        const auto none = measure_rings(as_view(noise), as_view(image)),
                   found = measure_rings(as_view(with_rings), as_view(image));
        CHECK_FALSE(none.rings());
        CHECK(std::abs(std::log(none.ratio)) < 0.5);
        CHECK(found.ratio > none.ratio);
        CHECK((none.area > 0.1 && none.area < 1));
        rings += found.rings();
    }
    CHECK(rings >= 38);
}

TEST_CASE("the measure is the same for a turned image, any scale and any number of threads; without slopes it is 1") {
    const auto image = image_of(1), error = error_of(image, 0.5, 1);
    const auto found = measure_rings(as_view(error), as_view(image));
    const xt::xtensor<double, 2> turned = xt::transpose(image), turned_error = -3 * xt::transpose(error);
    CHECK(measure_rings(as_view(turned_error), as_view(turned)).ratio == doctest::Approx(found.ratio).epsilon(1e-9));
    thread_pool pool(3);
    CHECK(measure_rings(as_view(error), as_view(image), 1.5, pool).ratio == found.ratio);
    const xt::xtensor<double, 2> flat = xt::ones<double>({size, size});
    CHECK(measure_rings(as_view(error), as_view(flat)).ratio == 1);
    const xt::xtensor<double, 2> other = xt::ones<double>({size, size - 1});
    CHECK_THROWS_AS(measure_rings(as_view(error), as_view(other)), shape_error);
}
