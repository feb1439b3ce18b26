// Colour images as PNG, through libpng: by a palette where a picture has up to 256 colours.
#pragma once

#include <array>
#include <cmath>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <png.h>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/report/figure/rgb_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// What libpng's callbacks see. No exception may pass through libpng, so failures are kept and thrown afterwards.
struct png_sink {
    std::string bytes;
    std::array<char, 128> reason{};
};

inline void png_append(png_structp png, png_bytep data, std::size_t size) {
    bool appended = true;
    try {
        static_cast<png_sink*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(data), size);
    } catch (...) {
        appended = false;
    }
    if (!appended) png_error(png, "out of memory");
}

[[noreturn]] inline void png_fail(png_structp png, png_const_charp message) {
    auto& reason = static_cast<png_sink*>(png_get_error_ptr(png))->reason;
    std::snprintf(reason.data(), reason.size(), "%s", message);
    png_longjmp(png, 1);
}

// A picture of up to 256 colours: the colours in the order in which they first appear, and a number a pixel.
struct indexed_image {
    std::vector<rgb> colours;
    std::vector<std::uint8_t> pixels;
};

// Nothing where there are more. The table is open: a colour lies at its hash or at one of the next places.
inline std::optional<indexed_image> indexed(const rgb_image& image) {
    constexpr std::size_t places = 1024;
    std::array<std::int16_t, places> place_of;
    place_of.fill(-1);
    indexed_image result;
    result.pixels.resize(image.pixels.size());
    rgb last = image.pixels[0];
    std::uint8_t last_index = 0;
    result.colours.push_back(last);
    const auto hash = [](rgb c) {
        return (static_cast<std::size_t>(c.r) * 7 + static_cast<std::size_t>(c.g) * 31 + c.b * std::size_t{127}) %
               places;
    };
    place_of[hash(last)] = 0;
    for (std::size_t k = 0; k < image.pixels.size(); ++k) {
        const rgb colour = image.pixels[k];
        if (!(colour == last)) {
            std::size_t h = hash(colour);
            while (place_of[h] >= 0 && !(result.colours[static_cast<std::size_t>(place_of[h])] == colour))
                h = (h + 1) % places;
            if (place_of[h] < 0) {
                if (result.colours.size() == 256) return {};
                place_of[h] = static_cast<std::int16_t>(result.colours.size());
                result.colours.push_back(colour);
            }
            last = colour;
            last_index = static_cast<std::uint8_t>(place_of[h]);
        }
        result.pixels[k] = last_index;
    }
    return result;
}

// What libpng is to write: rows of `bytes` bytes, and the palette where it is not empty.
struct png_rows {
    std::size_t height, width, bytes;
    const std::uint8_t* first;
    const std::vector<rgb>& palette;
};

// False after an error. libpng jumps back here, so nothing in this function has a destructor. Figures repeat rows: the
// difference from the row above is little work and packs as well as the choice among all five filters, in a tenth of
// the time; numbers of a palette have no differences.
inline bool run_png(png_structp png, png_infop info, const png_rows& rows, double dots_per_inch, png_sink& sink) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_write_fn(png, &sink, png_append, nullptr);
    const bool indexed = !rows.palette.empty();
    png_set_IHDR(png, info, static_cast<png_uint_32>(rows.width), static_cast<png_uint_32>(rows.height), 8,
                 indexed ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, indexed ? PNG_FILTER_NONE : PNG_FILTER_UP);
    png_set_compression_level(png, 3);
    png_set_compression_strategy(png, 0);
    if (indexed) {
        static_assert(sizeof(rgb) == sizeof(png_color));
        png_set_PLTE(png, info, reinterpret_cast<png_const_colorp>(rows.palette.data()),
                     static_cast<int>(rows.palette.size()));
    }
    if (dots_per_inch > 0) {
        const auto per_metre = static_cast<png_uint_32>(std::lround(dots_per_inch / 0.0254));
        png_set_pHYs(png, info, per_metre, per_metre, PNG_RESOLUTION_METER);
    }
    png_write_info(png, info);
    for (std::size_t y = 0; y < rows.height; ++y) png_write_row(png, rows.first + y * rows.bytes);
    png_write_end(png, info);
    return true;
}

}  // namespace detail

/// The bytes of a PNG file, by a palette where there are up to 256 colours; its resolution is stated where it is above
/// 0. Throws shape_error for an empty image or one of more than a million rows or columns, value_error for a resolution
/// outside of [0, 1e6].
inline std::string encode_png(const rgb_image& image, double dots_per_inch = 0) {
    static_assert(sizeof(rgb) == 3, "rows of rgb are rows of bytes");
    constexpr std::size_t most = 1000000;  // libpng's own limit
    if (image.pixels.empty() || image.width > most || image.height > most) {
        throw shape_error("image", "has shape " + to_string(std::array{image.height, image.width}) +
                                       ", must have 1 to 1000000 rows and columns");
    }
    require_in_range(dots_per_inch, 0, 1e6, "dots_per_inch");
    const auto few = detail::indexed(image);
    const std::vector<rgb> none;
    const detail::png_rows rows{image.height, image.width, few ? image.width : 3 * image.width,
                                few ? few->pixels.data() : reinterpret_cast<const std::uint8_t*>(image.pixels.data()),
                                few ? few->colours : none};
    detail::png_sink sink;
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, detail::png_fail, [](png_structp, png_const_charp) {});
    png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
    const bool good = info != nullptr && detail::run_png(png, info, rows, dots_per_inch, sink);
    png_destroy_write_struct(&png, &info);
    if (!good) throw error("PNG cannot be encoded: " + std::string(sink.reason.data()));
    return std::move(sink.bytes);
}

/// Writes a PNG file. Throws what encode_png throws, and write_error; the file is whole or not there.
inline void write_png(const std::filesystem::path& path, const rgb_image& image, double dots_per_inch = 0) {
    write_file(path, encode_png(image, dots_per_inch));
}

/// Bytes as base64 text (RFC 4648, section 4), for pictures within HTML and SVG.
inline std::string base64(std::string_view bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += i + k <= bytes.size() ? alphabet[group >> (18 - 6 * k) & 63] : '=';
        }
    }
    return text;
}

/// A picture as an address that carries it: "data:image/png;base64,...".
inline std::string png_address(const rgb_image& picture) {
    return "data:image/png;base64," + base64(encode_png(picture));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
