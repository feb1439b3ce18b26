// Shared by the tests of pictures: PNG back to pixels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <doctest/doctest.h>
#include <png.h>

#include <stemfuse/report/figure/rgb_image.hpp>

inline stemfuse::io::rgb_image decode_png(std::string_view bytes) {
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    REQUIRE(png_image_begin_read_from_memory(&header, bytes.data(), bytes.size()));
    header.format = PNG_FORMAT_RGB;
    stemfuse::io::rgb_image image(header.height, header.width);
    REQUIRE(png_image_finish_read(&header, nullptr, image.pixels.data(), 0, nullptr));
    return image;
}

inline std::ptrdiff_t count_colour(const stemfuse::io::rgb_image& image, stemfuse::io::rgb colour) {
    return std::count(image.pixels.begin(), image.pixels.end(), colour);
}
