// Images as 32-bit float TIFF, calibrated as ImageJ and Fiji read it, through libtiff.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <tiffio.h>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/io/base/atomic_file.hpp>
#include <stemfuse/io/base/calibration.hpp>

namespace stemfuse::io {

namespace detail {

// ImageJ takes ASCII alone: micron for the micrometre, and escapes for other letters.
inline std::string imagej_unit(const std::string& unit) {
    if (unit == "um") return "micron";
    return unit == "A" ? "\\u00C5" : unit;
}

inline std::string imagej_description(const stack_view<const float>& images, const pixel_calibration& pixel) {
    float lowest = INFINITY, highest = -INFINITY;
    stemfuse::detail::for_each_element(images, [&](std::size_t, float v) {
        if (!std::isfinite(v)) return;
        lowest = std::min(lowest, v);
        highest = std::max(highest, v);
    });
    std::string text = "ImageJ=1.51a\n";
    if (const std::string n = std::to_string(images.shape[0]); n != "1")
        text += "images=" + n + "\nslices=" + n + "\nloop=false\n";
    if (pixel.known()) text += "unit=" + imagej_unit(pixel.x.unit) + "\n";
    if (pixel.known() && pixel.y.known() && pixel.y.unit != pixel.x.unit)
        text += "yunit=" + imagej_unit(pixel.y.unit) + "\n";
    if (lowest > highest) return text;
    std::array<char, 64> limits{};
    std::snprintf(limits.data(), limits.size(), "min=%.9g\nmax=%.9g\n", static_cast<double>(lowest),
                  static_cast<double>(highest));
    return text + limits.data();
}

struct close_tiff {
    void operator()(TIFF* file) const { TIFFClose(file); }
};
using tiff_handle = std::unique_ptr<TIFF, close_tiff>;

// Opens for writing; the first message of libtiff goes to `reason`, which must outlive the handle, and none to stderr.
inline tiff_handle create_tiff(const std::filesystem::path& path, bool beyond_4_gib, std::string& reason) {
    const auto keep = [](TIFF*, void* first, const char*, const char* format, va_list values) -> int {
        std::array<char, 256> text{};
        std::vsnprintf(text.data(), text.size(), format, values);
        if (static_cast<std::string*>(first)->empty()) *static_cast<std::string*>(first) = text.data();
        return 1;
    };
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                               TIFFOpenOptionsFree);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep, &reason);
    return tiff_handle(TIFFOpenExt(path.string().c_str(), beyond_4_gib ? "w8" : "w", options.get()));
}

inline bool set_tiff_tags(TIFF* file, const stack_view<const float>& images, const pixel_calibration& pixel,
                          std::uint32_t rows_per_strip, const std::string& description) {
    bool good = TIFFSetField(file, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(images.shape[2])) &&
                TIFFSetField(file, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(images.shape[1])) &&
                TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, 32) && TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, 1) &&
                TIFFSetField(file, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP) &&
                TIFFSetField(file, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK) &&
                TIFFSetField(file, TIFFTAG_COMPRESSION, COMPRESSION_NONE) &&
                TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
                TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, rows_per_strip) &&
                (description.empty() || TIFFSetField(file, TIFFTAG_IMAGEDESCRIPTION, description.c_str()));
    if (pixel.known()) {
        good = good && TIFFSetField(file, TIFFTAG_RESOLUTIONUNIT, RESUNIT_NONE) &&
               TIFFSetField(file, TIFFTAG_XRESOLUTION, 1 / pixel.x.pixel) &&
               TIFFSetField(file, TIFFTAG_YRESOLUTION, 1 / (pixel.y.known() ? pixel.y : pixel.x).pixel);
    }
    return good;
}

// Images of one shape as the pages of a file, the description at the first.
inline void write_tiff_pages(const std::filesystem::path& path, const stack_view<const float>& images,
                             const pixel_calibration& pixel) {
    atomic_file file(path);
    const std::size_t ny = images.shape[1], row_bytes = images.shape[2] * sizeof(float);
    const std::size_t rows_per_strip = std::clamp<std::size_t>((std::size_t(1) << 20) / row_bytes, 1, ny);
    const bool beyond_4_gib = images.shape[0] * ny * row_bytes > 4'000'000'000;
    std::string reason, description = imagej_description(images, pixel);
    const auto fail = [&] { file.fail_with_errno("cannot be written: " + reason); };

    errno = 0;
    auto tiff = create_tiff(file.temporary(), beyond_4_gib, reason);
    if (!tiff) fail();
    std::vector<float> row(images.shape[2]);  // libtiff takes no pointer to const
    for (std::size_t i = 0; i < images.shape[0]; ++i) {
        if (!set_tiff_tags(tiff.get(), images, pixel, static_cast<std::uint32_t>(rows_per_strip), description)) fail();
        for (std::size_t y = 0; y < ny; ++y) {
            std::copy_n(images.row(i, y), row.size(), row.begin());
            if (TIFFWriteScanline(tiff.get(), row.data(), static_cast<std::uint32_t>(y)) < 0) fail();
        }
        if (!TIFFWriteDirectory(tiff.get())) fail();
        description.clear();
    }
    tiff.reset();
    if (!reason.empty()) fail();
    file.commit();
}

}  // namespace detail

/// What TIFF's fractions can hold, in any unit.
inline constexpr double smallest_tiff_pixel = 1e-6, largest_tiff_pixel = 1e6;

/// Writes a stack (n, n_y, n_x) as the pages of a 32-bit float TIFF, uncompressed, with their range as ImageJ's display
/// range and, where known, the size of a pixel (stored to single precision). Throws shape_error for an empty stack,
/// value_error for a pixel outside of [1e-6, 1e6] units, write_error; the file is whole or not there.
template <stack A>
void write_tiff_stack(const std::filesystem::path& path, const A& images, const pixel_calibration& pixel = {}) {
    const readable<float, 3> pixels(images, "images");
    require_not_empty(pixels.view(), "images");
    if (pixel.x.known()) require_in_range(pixel.x.pixel, smallest_tiff_pixel, largest_tiff_pixel, "pixel.x");
    if (pixel.y.known()) require_in_range(pixel.y.pixel, smallest_tiff_pixel, largest_tiff_pixel, "pixel.y");
    detail::write_tiff_pages(path, pixels.view(), pixel);
}

/// Writes an image (n_y, n_x), as write_tiff_stack does a stack.
template <image A>
void write_tiff(const std::filesystem::path& path, const A& image, const pixel_calibration& pixel = {}) {
    const readable<float, 2> pixels(image, "image");
    const auto& view = pixels.view();
    require_not_empty(view, "image");
    write_tiff_stack(
        path, stack_view<const float>{view.data, {1, view.shape[0], view.shape[1]}, {0, view.strides[0], 1}}, pixel);
}

}  // namespace stemfuse::io
