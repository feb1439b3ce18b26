// Colour images as PNG, through libpng.
#pragma once

#include <array>
#include <cmath>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

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

// False after an error. libpng jumps back here, so nothing in this function has a destructor.
inline bool run_png(png_structp png, png_infop info, const rgb_image& image, double dots_per_inch, png_sink& sink) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_write_fn(png, &sink, png_append, nullptr);
    png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (dots_per_inch > 0) {
        const auto per_metre = static_cast<png_uint_32>(std::lround(dots_per_inch / 0.0254));
        png_set_pHYs(png, info, per_metre, per_metre, PNG_RESOLUTION_METER);
    }
    png_write_info(png, info);
    for (std::size_t y = 0; y < image.height; ++y) {
        png_write_row(png, reinterpret_cast<png_const_bytep>(image.pixels.data() + y * image.width));
    }
    png_write_end(png, info);
    return true;
}

}  // namespace detail

/// The bytes of a PNG file; its resolution is stated where it is above 0. Throws shape_error for an empty image or one
/// of more than a million rows or columns, value_error for a resolution outside of [0, 1e6].
inline std::string encode_png(const rgb_image& image, double dots_per_inch = 0) {
    static_assert(sizeof(rgb) == 3, "rows of rgb are rows of bytes");
    constexpr std::size_t most = 1000000;  // libpng's own limit
    if (image.pixels.empty() || image.width > most || image.height > most) {
        throw shape_error("image", "has shape " + to_string(std::array{image.height, image.width}) +
                                       ", must have 1 to 1000000 rows and columns");
    }
    require_in_range(dots_per_inch, 0, 1e6, "dots_per_inch");
    detail::png_sink sink;
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, detail::png_fail, [](png_structp, png_const_charp) {});
    png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
    const bool good = info != nullptr && detail::run_png(png, info, image, dots_per_inch, sink);
    png_destroy_write_struct(&png, &info);
    if (!good) throw error("PNG cannot be encoded: " + std::string(sink.reason.data()));
    return std::move(sink.bytes);
}

/// Writes a PNG file. Throws what encode_png throws, and write_error; the file is whole or not there.
inline void write_png(const std::filesystem::path& path, const rgb_image& image, double dots_per_inch = 0) {
    write_file(path, encode_png(image, dots_per_inch));
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
