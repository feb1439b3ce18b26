// Colour images of 8 bits a channel, sRGB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A colour: red, green, blue, 0 to 255.
struct rgb {
    std::uint8_t r = 0, g = 0, b = 0;

    friend bool operator==(const rgb&, const rgb&) = default;
};

inline constexpr rgb black{0, 0, 0}, white{255, 255, 255};

/// Pixels in rows from the top.
struct rgb_image {
    std::size_t height = 0, width = 0;
    std::vector<rgb> pixels;

    rgb_image() = default;
    rgb_image(std::size_t rows, std::size_t columns, rgb colour = black)
        : height(rows), width(columns), pixels(rows * columns, colour) {}

    rgb& operator()(std::size_t y, std::size_t x) { return pixels[y * width + x]; }
    const rgb& operator()(std::size_t y, std::size_t x) const { return pixels[y * width + x]; }
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
