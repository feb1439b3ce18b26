#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <stemfuse/report/figure/png.hpp>

#include "io/scratch.hpp"
#include "report/figure/decode_png.hpp"

using namespace stemfuse;
using namespace stemfuse::io;

namespace {

rgb_image noise(std::size_t height, std::size_t width) {
    rgb_image image(height, width);
    std::mt19937 engine(support::seed());
    for (rgb& p : image.pixels) {
        const auto bits = engine();
        p = {static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8),
             static_cast<std::uint8_t>(bits >> 16)};
    }
    return image;
}

std::uint32_t big_endian(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

}  // namespace

TEST_CASE("libpng decodes the pixels that were encoded") {
    for (const rgb_image& image : {noise(1, 1), noise(1, 7), noise(7, 1), noise(33, 50)}) {
        const rgb_image decoded = decode_png(encode_png(image));
        CHECK(decoded.height == image.height);
        CHECK(decoded.width == image.width);
        CHECK(decoded.pixels == image.pixels);
    }
}

TEST_CASE("up to 256 colours become a palette, and decode to themselves") {
    for (const std::size_t colours : {1u, 2u, 255u, 256u, 257u}) {
        rgb_image image(30, 40);
        for (std::size_t k = 0; k < image.pixels.size(); ++k) {
            const std::size_t c = k * 7 % colours;
            image.pixels[k] = {static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c / 256 * 50),
                               static_cast<std::uint8_t>(255 - c)};
        }
        const std::string bytes = encode_png(image);
        CHECK((bytes.find("PLTE") != std::string::npos) == (colours <= 256));
        CHECK(decode_png(bytes).pixels == image.pixels);
    }
}

TEST_CASE("a PNG states its resolution in pixels a metre where one is given") {
    const std::string bytes = encode_png(noise(2, 2), 300);
    const auto chunk = bytes.find("pHYs");
    REQUIRE(chunk != std::string::npos);
    CHECK(big_endian(std::string_view(bytes).substr(chunk + 4)) == 11811);  // 300 / 0.0254
    CHECK(big_endian(std::string_view(bytes).substr(chunk + 8)) == 11811);
    CHECK(bytes[chunk + 12] == 1);
    CHECK(encode_png(noise(2, 2)).find("pHYs") == std::string::npos);
}

TEST_CASE("a PNG file holds what is encoded, and is whole or not there") {
    const scratch::folder dir;
    const rgb_image image = noise(40, 40);
    write_png(dir / "a.png", image, 150);
    CHECK(scratch::read(dir / "a.png") == encode_png(image, 150));
    CHECK(dir.count() == 1);
    scratch::check_refusals([&](const auto& path) { write_png(path, image); }, 1000);
}

TEST_CASE("images and resolutions that PNG cannot take are refused") {
    support::check_throws<shape_error>([] { encode_png(rgb_image{}); }, "image: ", "(0, 0)", "1 to 1000000");
    support::check_throws<shape_error>([] { encode_png(rgb_image(1, 1000001)); }, "image: ", "(1, 1000001)");
    support::check_throws<value_error>([] { encode_png(rgb_image(1, 1), -1); }, "dots_per_inch: is -1");
    support::check_throws<value_error>([] { encode_png(rgb_image(1, 1), NAN); }, "dots_per_inch: is nan");
}
