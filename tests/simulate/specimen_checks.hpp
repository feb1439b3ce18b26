// What every specimen of ours keeps to.
#pragma once

#include <cmath>
#include <cstddef>

#include <doctest/doctest.h>

#include <stemfuse/simulate/specimen.hpp>

#include "checksum.hpp"

namespace specimen_checks {

// Any size makes maps of that size with amounts of 0 to 1 that float and double share, the same twice. make(T, ny, nx)
// makes the specimen in the type of its first argument.
template <class Make>
void any_size(const Make& make) {
    constexpr std::size_t sizes[][2] = {{64, 80}, {1, 1}, {1, 90}, {90, 1}, {3, 7}, {128, 128}};
    for (const auto& size : sizes) {
        const std::size_t ny = size[0], nx = size[1];
        CAPTURE(ny);
        CAPTURE(nx);
        const auto s = make(double(), ny, nx);
        CHECK(s.truth.shape() == stemfuse::stack_shape{s.elements.size(), ny, nx});
        CHECK(s.haadf.shape() == stemfuse::image_shape{ny, nx});
        for (const double v : s.truth) REQUIRE((v >= 0 && v <= 1 && v * 65536 == std::round(v * 65536)));
        for (const double v : s.haadf) REQUIRE((v >= 0 && v <= 1 && v * 65536 == std::round(v * 65536)));
        const auto single = make(float(), ny, nx);
        CHECK(single.truth == s.truth);
        CHECK(single.haadf == s.haadf);
        CHECK(checksum(make(double(), ny, nx).truth) == checksum(s.truth));
    }
}

// The HAADF image is that of `response`, which takes the amounts of one pixel, element by element, divided by its
// maximum.
template <class Response>
void haadf_is(const xt::xtensor<double, 2>& haadf, const xt::xtensor<double, 3>& maps, const Response& response) {
    const std::size_t pixels = haadf.size();
    double highest = 0;
    xt::xtensor<double, 1> expected = xt::zeros<double>({pixels});
    for (std::size_t p = 0; p < pixels; ++p) {
        for (std::size_t i = 0; i < maps.shape(0); ++i) expected(p) += response(i, maps.data()[i * pixels + p]);
        highest = std::max(highest, expected(p));
    }
    for (std::size_t p = 0; p < pixels; ++p) REQUIRE(std::abs(haadf.data()[p] - expected(p) / highest) <= 0x1.01p-17);
}

// The sum of one map in rows [y0, y1) and columns [x0, x1).
inline double amount(const xt::xtensor<double, 3>& maps, std::size_t i, std::size_t y0, std::size_t y1, std::size_t x0,
                     std::size_t x1) {
    double sum = 0;
    for (std::size_t y = y0; y < y1; ++y) {
        for (std::size_t x = x0; x < x1; ++x) sum += maps(i, y, x);
    }
    return sum;
}

}  // namespace specimen_checks
