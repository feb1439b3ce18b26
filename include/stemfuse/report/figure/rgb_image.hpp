// Colour images of 8 bits a channel, sRGB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A colour: red, green, blue, 0 to 255.
struct rgb {
    std::uint8_t r = 0;  ///< red
    std::uint8_t g = 0;  ///< green
    std::uint8_t b = 0;  ///< blue

    /// Same red, green and blue.
    friend bool operator==(const rgb&, const rgb&) = default;
};

inline constexpr rgb black{0, 0, 0};        ///< all three 0
inline constexpr rgb white{255, 255, 255};  ///< all three 255

/// Pixels in rows from the top.
struct rgb_image {
    std::size_t height = 0;   ///< rows
    std::size_t width = 0;    ///< columns
    std::vector<rgb> pixels;  ///< height x width

    rgb_image() = default;
    /// An image of one colour.
    rgb_image(std::size_t rows, std::size_t columns, rgb colour = black)
        : height(rows), width(columns), pixels(rows * columns, colour) {}

    /// The pixel of row y and column x, which must be inside: nothing is checked.
    rgb& operator()(std::size_t y, std::size_t x) { return pixels[y * width + x]; }
    /// The same for reading.
    const rgb& operator()(std::size_t y, std::size_t x) const { return pixels[y * width + x]; }
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
