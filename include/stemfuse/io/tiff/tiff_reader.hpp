// Grey images of TIFF files, through libtiff: 8, 16 and 32 bits, float, either byte order, with ImageJ's calibration.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tiffio.h>

#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/base/stored_numbers.hpp>
#include <stemfuse/io/tiff/tiff_input.hpp>

namespace stemfuse::io {

namespace detail {

template <class Value>
std::optional<Value> tiff_field(TIFF* file, std::uint32_t tag) {
    Value value{};
    return TIFFGetFieldDefaulted(file, tag, &value) != 0 ? std::optional(value) : std::nullopt;
}

// What follows "key=" on a line of ImageJ's description; empty where there is none.
inline std::string imagej_value(std::string_view description, const std::string& key) {
    if (!description.starts_with("ImageJ=")) return "";
    const auto at = description.find("\n" + key + "=");
    if (at == std::string_view::npos) return "";
    description.remove_prefix(at + key.size() + 2);
    return std::string(description.substr(0, description.find_first_of("\r\n")));
}

// Pixels per unit as ImageJ writes them, or per centimetre where a microscope's program says so; dots per inch are
// those of a printer and count for nothing.
inline pixel_calibration tiff_calibration(TIFF* file) {
    const char* text = nullptr;
    TIFFGetField(file, TIFFTAG_IMAGEDESCRIPTION, &text);
    const std::string description = text == nullptr ? "" : text;
    float x = 0, y = 0;
    TIFFGetField(file, TIFFTAG_XRESOLUTION, &x);
    TIFFGetField(file, TIFFTAG_YRESOLUTION, &y);
    const auto unit_tag = tiff_field<std::uint16_t>(file, TIFFTAG_RESOLUTIONUNIT).value_or(RESUNIT_INCH);
    std::string unit_x = imagej_value(description, "unit"), unit_y = imagej_value(description, "yunit");
    if (unit_x.empty() && unit_tag == RESUNIT_CENTIMETER) unit_x = "cm";
    if (unit_x == "inch") unit_x.clear();
    const auto axis = [](float per_unit, const std::string& unit) {
        return per_unit > 0 ? axis_calibration(1 / static_cast<double>(per_unit), unit) : axis_calibration();
    };
    return {axis(x, unit_x), axis(y, unit_y.empty() ? unit_x : unit_y)};
}

}  // namespace detail

/// Reads a TIFF file; its pages are images 0, 1, ... Colour pages, complex ones and those of 1 or 4 bits are left out.
/// Throws read_error for what libtiff cannot read.
template <class Input = file_input>
class tiff_reader {
public:
    explicit tiff_reader(Input input) : input_(std::move(input)) {
        detail::open_tiff<Input> file(input_);
        if (file.get() == nullptr) fail(file);
        contents_.format = std::string(TIFFIsBigTIFF(file.get()) ? "BigTIFF" : "TIFF") +
                           (TIFFIsBigEndian(file.get()) ? ", big-endian" : ", little-endian");
        constexpr std::size_t most_pages = 10000;
        std::size_t page = 0;
        do {
            add_page(file, page);
            if (TIFFLastDirectory(file.get()) && file.ends_before_link())
                input_.open().fail("is truncated: ends within the directory of page " + std::to_string(page));
        } while (++page < most_pages && TIFFReadDirectory(file.get()));
        if (file.failed()) fail(file);
        const bool one = contents_.images.size() == 1;
        for (image_info& image : contents_.images) {
            image.name = image.label = one ? input_.stem() : std::to_string(image.index);
            image.element = one ? element_of(image.label) : "";
        }
    }

    const file_contents& contents() const { return contents_; }

    /// An image of contents(), shape (n_y, n_x). Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice = frame_choice::mean) const {
        const detail::open_tiff<Input> file(input_);
        if (file.get() == nullptr || !TIFFSetDirectory(file.get(), static_cast<tdir_t>(image.index))) fail(file);
        const auto type = page_type(file.get());
        const std::size_t ny = image.shape[0], nx = image.shape[1];
        if (!type) fail(file);
        xt::xtensor<T, 2> out(image.shape);
        if (TIFFIsTiled(file.get())) {
            read_tiles(file, *type, out);
            return out;
        }
        if (TIFFScanlineSize64(file.get()) != nx * type->size) fail(file);
        std::vector<std::byte> row(nx * type->size);
        for (std::size_t y = 0; y < ny; ++y) {
            if (TIFFReadScanline(file.get(), row.data(), static_cast<std::uint32_t>(y), 0) != 1) fail(file);
            detail::decode<T>(row.data(), *type, nx, [&](std::size_t x, T v) { out(y, x) = v; });
        }
        return out;
    }

private:
    [[noreturn]] void fail(const detail::open_tiff<Input>& file) const {
        input_.open().fail("cannot be read as TIFF: " + file.reason());
    }

    template <scalar T>
    void read_tiles(const detail::open_tiff<Input>& file, const stored_type& type, xt::xtensor<T, 2>& out) const {
        const std::uint64_t height = detail::tiff_field<std::uint32_t>(file.get(), TIFFTAG_TILELENGTH).value_or(0);
        const std::uint64_t width = detail::tiff_field<std::uint32_t>(file.get(), TIFFTAG_TILEWIDTH).value_or(0);
        const std::uint64_t bytes = TIFFTileSize64(file.get());
        if (height == 0 || width == 0 || bytes / width / type.size != height ||
            bytes > static_cast<std::uint64_t>(file.most_memory(file.size())))
            fail(file);
        std::vector<std::byte> tile(bytes);
        for (std::uint64_t y = 0; y < out.shape(0); y += height) {
            for (std::uint64_t x = 0; x < out.shape(1); x += width) {
                if (TIFFReadTile(file.get(), tile.data(), static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                                 0, 0) < 0)
                    fail(file);
                const std::size_t columns = std::min(width, out.shape(1) - x);
                for (std::uint64_t row = 0; row < std::min(height, out.shape(0) - y); ++row) {
                    detail::decode<T>(tile.data() + row * width * type.size, type, columns,
                                      [&](std::size_t k, T v) { out(y + row, x + k) = v; });
                }
            }
        }
    }

    // libtiff gives numbers in the order of this machine.
    static std::optional<stored_type> page_type(TIFF* file) {
        using detail::tiff_field;
        const auto bits = tiff_field<std::uint16_t>(file, TIFFTAG_BITSPERSAMPLE).value_or(1);
        const auto format = tiff_field<std::uint16_t>(file, TIFFTAG_SAMPLEFORMAT).value_or(SAMPLEFORMAT_UINT);
        const char kind = format == SAMPLEFORMAT_IEEEFP ? 'f' : format == SAMPLEFORMAT_INT ? 'i' : 'u';
        const bool known = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_INT || format == SAMPLEFORMAT_IEEEFP;
        const bool size =
            kind == 'f' ? bits == 16 || bits == 32 || bits == 64 : bits == 8 || bits == 16 || bits == 32 || bits == 64;
        if (!known || !size) return std::nullopt;
        return stored_type{kind, static_cast<std::size_t>(bits / 8), std::endian::native};
    }

    void add_page(const detail::open_tiff<Input>& file, std::size_t page) {
        using detail::tiff_field;
        TIFF* const tiff = file.get();
        const std::size_t ny = tiff_field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH).value_or(0);
        const std::size_t nx = tiff_field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH).value_or(0);
        const auto samples = tiff_field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL).value_or(1);
        const auto photometric = tiff_field<std::uint16_t>(tiff, TIFFTAG_PHOTOMETRIC).value_or(PHOTOMETRIC_MINISBLACK);
        const auto type = page_type(tiff);
        const std::string place = "page " + std::to_string(page);
        const auto other = [&](const std::string& what) { contents_.others.push_back(place + ": " + what); };
        if (samples != 1 || photometric == PHOTOMETRIC_PALETTE || photometric == PHOTOMETRIC_RGB)
            return other("colours, left out");
        if (!type) return other("numbers of a type that is not read, left out");
        const bool plain =
            tiff_field<std::uint16_t>(tiff, TIFFTAG_COMPRESSION).value_or(COMPRESSION_NONE) == COMPRESSION_NONE;
        const std::uint64_t most = plain ? file.size() : static_cast<std::uint64_t>(file.most_memory(file.size()));
        if (nx == 0 || ny == 0 || nx > most / ny / type->size) {
            input_.open().fail("is damaged: its " + place + " announces " + std::to_string(ny) + " x " +
                               std::to_string(nx) + " pixels, more than a file of " + std::to_string(file.size()) +
                               " bytes can hold");
        }
        image_info image;
        image.shape = {ny, nx};
        image.type = type_name(*type);
        image.scale = detail::tiff_calibration(tiff);
        image.place = place;
        image.index = page;
        if (!has_room(contents_, image)) return other("too many images to list, left out");
        contents_.images.push_back(image);
    }

    Input input_;
    file_contents contents_;
};

}  // namespace stemfuse::io
