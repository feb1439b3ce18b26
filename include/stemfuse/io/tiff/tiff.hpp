// Images as 32-bit float TIFF, calibrated and labelled as ImageJ and Fiji read it. Needs no library.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

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

// The bytes of a little-endian TIFF file, classic or, beyond 4 GiB, BigTIFF.
class tiff_layout {
public:
    explicit tiff_layout(bool big) : big_(big) {}

    void number(std::uint64_t value, std::size_t bytes) {
        for (std::size_t k = 0; k < bytes; ++k) bytes_ += static_cast<char>(value >> 8 * k & 0xff);
    }
    // Places in the file, and how many of something there are.
    void offset(std::uint64_t value) { number(value, big_ ? 8 : 4); }

    void header(std::uint64_t first_directory) {
        bytes_ += "II";
        number(big_ ? 43 : 42, 2);
        if (big_) number(8, 2), number(0, 2);
        offset(first_directory);
    }
    static std::uint64_t header_bytes(bool big) { return big ? 16 : 8; }

    // An entry of the directory; what does not fit into it follows behind the directory.
    void entry(std::uint16_t tag, std::uint16_t type, std::uint64_t count, const std::string& value) {
        entries_.push_back({tag, type, count, value});
    }
    void entry(std::uint16_t tag, std::uint64_t value) {
        const bool wide = big_ && value > 0xffffffff;
        tiff_layout text(big_);
        text.number(value, wide ? 8 : 4);
        entry(tag, wide ? 16 : 4, 1, text.bytes_);
    }
    void text_entry(std::uint16_t tag, const std::string& text) {
        if (!text.empty()) entry(tag, 2, text.size() + 1, text + '\0');
    }

    // The directory of the entries so far, which lies `at` this place of the file; another follows where `more`.
    void close_directory(std::uint64_t at, bool more) {
        std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.tag < b.tag; });
        const std::size_t word = big_ ? 8 : 4;
        const std::uint64_t before = (big_ ? 8 : 2) + entries_.size() * (4 + 2 * word) + word;
        std::string behind;
        number(entries_.size(), big_ ? 8 : 2);
        for (auto& e : entries_) {
            number(e.tag, 2), number(e.type, 2);
            offset(e.count);
            if (e.value.size() > word) {
                offset(at + before + behind.size());
                behind += e.value;
                behind.resize((behind.size() + 7) / 8 * 8, '\0');
            } else {
                e.value.resize(word, '\0');
                bytes_ += e.value;
            }
        }
        offset(more ? at + before + behind.size() : 0);
        bytes_ += behind;
        entries_.clear();
    }

    const std::string& bytes() const { return bytes_; }

private:
    struct directory_entry {
        std::uint16_t tag, type;
        std::uint64_t count;
        std::string value;
    };

    bool big_;
    std::string bytes_;
    std::vector<directory_entry> entries_;
};

// A positive number as a fraction of 32-bit integers, to single precision and better: by its continued fraction.
inline std::string tiff_fraction(double value) {
    std::uint64_t p = 1, q = 0, before_p = 0, before_q = 1;
    double rest = value;
    for (int i = 0; i < 32; ++i) {
        const double whole = std::floor(rest);
        const double next_p = whole * static_cast<double>(p) + static_cast<double>(before_p),
                     next_q = whole * static_cast<double>(q) + static_cast<double>(before_q);
        if (next_p > 4294967295.0 || next_q > 4294967295.0) break;
        before_p = std::exchange(p, static_cast<std::uint64_t>(next_p));
        before_q = std::exchange(q, static_cast<std::uint64_t>(next_q));
        if (rest == whole || std::abs(static_cast<double>(p) / static_cast<double>(q) / value - 1) < 1e-12) break;
        rest = 1 / (rest - whole);
    }
    tiff_layout fraction(false);
    fraction.number(p, 4), fraction.number(q, 4);
    return fraction.bytes();
}

// ImageJ's list of labels (tags 50838 and 50839): its kind and how many, then each in 16-bit units.
inline void add_imagej_labels(tiff_layout& file, const std::vector<std::string>& labels) {
    tiff_layout sizes(false), texts(false);
    constexpr std::uint32_t magic = 0x494a494a, label_kind = 0x6c61626c;
    texts.number(magic, 4), texts.number(label_kind, 4), texts.number(labels.size(), 4);
    sizes.number(texts.bytes().size(), 4);
    for (const std::string& label : labels) {
        for (const char c : label)
            texts.number(static_cast<unsigned char>(c) < 0x80 ? static_cast<unsigned char>(c) : '?', 2);
        sizes.number(2 * label.size(), 4);
    }
    file.entry(50838, 4, labels.size() + 1, sizes.bytes());
    file.entry(50839, 1, texts.bytes().size(), texts.bytes());
}

// The directories of all pages, of a file whose pixels lie one behind another after the header.
inline std::string tiff_directories(const stack_view<const float>& images, const pixel_calibration& pixel,
                                    const std::vector<std::string>& labels, bool big) {
    const std::uint64_t ny = images.shape[1], nx = images.shape[2], page_bytes = ny * nx * sizeof(float);
    const std::uint64_t pixels = tiff_layout::header_bytes(big), begin = pixels + images.shape[0] * page_bytes;
    tiff_layout file(big);
    for (std::size_t i = 0; i < images.shape[0]; ++i) {
        const std::string label = i < labels.size() ? labels[i] : "";
        file.entry(256, nx), file.entry(257, ny), file.entry(258, 32), file.entry(259, 1), file.entry(262, 1);
        if (i == 0) file.text_entry(270, imagej_description(images, pixel));
        file.entry(273, pixels + i * page_bytes), file.entry(277, 1), file.entry(278, ny), file.entry(279, page_bytes);
        if (pixel.known()) {
            file.entry(282, 5, 1, tiff_fraction(1 / pixel.x.pixel));
            file.entry(283, 5, 1, tiff_fraction(1 / (pixel.y.known() ? pixel.y : pixel.x).pixel));
            file.entry(296, 1);
        }
        file.entry(284, 1), file.text_entry(285, label), file.entry(339, 3);
        if (i == 0 && labels.size() == images.shape[0]) add_imagej_labels(file, labels);
        file.close_directory(begin + file.bytes().size(), i + 1 < images.shape[0]);
    }
    return file.bytes();
}

// Images of one shape as the pages of a file, the description at the first.
inline void write_tiff_pages(const std::filesystem::path& path, const stack_view<const float>& images,
                             const pixel_calibration& pixel, const std::vector<std::string>& labels) {
    atomic_file file(path);
    const std::uint64_t bytes = images.shape[0] * images.shape[1] * images.shape[2] * sizeof(float);
    const bool big = bytes > 4'000'000'000;
    file.write_parts([&](auto&& put) {
        tiff_layout header(big);
        header.header(tiff_layout::header_bytes(big) + bytes);
        put(header.bytes());
        for (std::size_t i = 0; i < images.shape[0]; ++i) {
            for (std::size_t y = 0; y < images.shape[1]; ++y) {
                const float* const from = images.row(i, y);
                if constexpr (std::endian::native == std::endian::little) {
                    put({reinterpret_cast<const char*>(from), images.shape[2] * sizeof(float)});
                } else {
                    tiff_layout numbers(big);
                    for (std::size_t x = 0; x < images.shape[2]; ++x)
                        numbers.number(std::bit_cast<std::uint32_t>(from[x]), 4);
                    put(numbers.bytes());
                }
            }
        }
        put(tiff_directories(images, pixel, labels, big));
    });
    file.commit();
}

}  // namespace detail

/// What TIFF's fractions can hold, in any unit.
inline constexpr double smallest_tiff_pixel = 1e-6, largest_tiff_pixel = 1e6;

/// Writes a stack (n, n_y, n_x) as the pages of a 32-bit float TIFF, uncompressed, with their range as ImageJ's display
/// range, their labels, and where known the size of a pixel (stored as a fraction). The pixels of all pages lie one
/// behind another, as ImageJ expects of a stack. Throws shape_error for an empty stack and for labels of another
/// number, value_error for a pixel outside of [1e-6, 1e6] units, write_error; the file is whole or not there.
template <stack A>
void write_tiff_stack(const std::filesystem::path& path, const A& images, const pixel_calibration& pixel = {},
                      const std::vector<std::string>& labels = {}) {
    const readable<float, 3> pixels(images, "images");
    require_not_empty(pixels.view(), "images");
    if (!labels.empty() && labels.size() != pixels.view().shape[0])
        throw shape_error("labels", "are " + std::to_string(labels.size()) + ", must be " +
                                        std::to_string(pixels.view().shape[0]) + ", one for each image");
    if (pixel.x.known()) require_in_range(pixel.x.pixel, smallest_tiff_pixel, largest_tiff_pixel, "pixel.x");
    if (pixel.y.known()) require_in_range(pixel.y.pixel, smallest_tiff_pixel, largest_tiff_pixel, "pixel.y");
    detail::write_tiff_pages(path, pixels.view(), pixel, labels);
}

/// Writes an image (n_y, n_x), as write_tiff_stack does a stack.
template <image A>
void write_tiff(const std::filesystem::path& path, const A& image, const pixel_calibration& pixel = {},
                const std::string& label = "") {
    const readable<float, 2> pixels(image, "image");
    const auto& view = pixels.view();
    require_not_empty(view, "image");
    const std::vector<std::string> labels(label.empty() ? 0 : 1, label);
    write_tiff_stack(path,
                     stack_view<const float>{view.data, {1, view.shape[0], view.shape[1]}, {0, view.strides[0], 1}},
                     pixel, labels);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
