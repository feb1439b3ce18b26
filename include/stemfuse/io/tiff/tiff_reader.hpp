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
#include <stemfuse/io/tiff/tiff_metadata.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Reads a TIFF file; its pages are images by their labels, else 0, 1, ...; samples of a page that are no colours are
/// images of their own, and so are the slices of an ImageJ stack that has one directory for all. Where white is 0,
/// unsigned numbers are turned round. Colours, complex numbers and those of 1 or 4 bits are left out. Throws read_error
/// for what libtiff cannot read.
template <class Input = file_input>
class tiff_reader {
public:
    /// Walks through the pages and lists their images. Throws read_error.
    explicit tiff_reader(Input input) : input_(std::move(input)) {
        detail::open_tiff<Input> file(input_);
        if (file.get() == nullptr) fail(file);
        contents_.format = std::string(TIFFIsBigTIFF(file.get()) ? "BigTIFF" : "TIFF") +
                           (TIFFIsBigEndian(file.get()) ? ", big-endian" : ", little-endian");
        const detail::tiff_description description = detail::read_tiff_description(
            file.get(), [&](std::uint64_t offset, std::size_t count) { return file.bytes_at(offset, count); });
        constexpr std::size_t most_pages = 10000;
        std::size_t page = 0;
        do {
            add_page(file, page, description);
            if (TIFFLastDirectory(file.get()) && file.ends_before_link())
                input_.open().fail("is truncated: ends within the directory of page " + std::to_string(page));
        } while (++page < most_pages && TIFFReadDirectory(file.get()));
        if (file.failed()) fail(file);
        name_images(description);
    }

    /// The file's images, in the order of its pages.
    const file_contents& contents() const { return contents_; }

    /// An image of contents(), shape (n_y, n_x). Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        return combine_frames(image.frames, frames,
                              [&](std::size_t k) { return read_one<T>(image, images_.at(image.index + k)); });
    }

private:
    [[noreturn]] void fail(const detail::open_tiff<Input>& file) const {
        input_.open().fail("cannot be read as TIFF: " + file.reason());
    }

    // Where an image lies: a page, which of its samples, and of a slice behind the first one of a page its first byte.
    struct located {
        std::size_t page, sample = 0, samples = 1;
        bool separate = false, white_is_0 = false;  // samples in planes of their own; 0 is white
        std::uint64_t offset = 0;
    };

    template <scalar T>
    xt::xtensor<T, 2> read_one(const image_info& image, const located& place) const {
        const detail::open_tiff<Input> file(input_);
        if (file.get() == nullptr || !TIFFSetDirectory(file.get(), static_cast<tdir_t>(place.page))) fail(file);
        const auto type = page_type(file.get());
        if (!type) fail(file);
        xt::xtensor<T, 2> out(image.shape);
        if (place.offset > 0) {
            read_slice(file, place, *type, out);
        } else if (TIFFIsTiled(file.get())) {
            read_tiles(file, place, *type, out);
        } else {
            read_rows(file, place, *type, out);
        }
        if (place.white_is_0 && type->kind == 'u') {
            const double full_scale = std::ldexp(1.0, static_cast<int>(8 * type->size)) - 1;
            for (T& v : out) v = static_cast<T>(full_scale - static_cast<double>(v));
        }
        return out;
    }

    // A slice of a stack that has one directory, uncompressed behind the first.
    template <scalar T>
    void read_slice(const detail::open_tiff<Input>& file, const located& place, stored_type type,
                    xt::xtensor<T, 2>& out) const {
        type.order = TIFFIsBigEndian(file.get()) ? std::endian::big : std::endian::little;
        auto source = input_.open();
        source.skip(place.offset);
        read_numbers<T>(source, type, out.size(), [&](std::uint64_t i, T v) { out.data()[i] = v; });
    }

    template <scalar T>
    void read_rows(const detail::open_tiff<Input>& file, const located& place, const stored_type& type,
                   xt::xtensor<T, 2>& out) const {
        const std::size_t ny = out.shape(0), nx = out.shape(1), step = place.separate ? 1 : place.samples;
        if (TIFFScanlineSize64(file.get()) != nx * step * type.size) fail(file);
        std::vector<std::byte> row(nx * step * type.size);
        const auto plane = static_cast<std::uint16_t>(place.separate ? place.sample : 0);
        const std::size_t first = place.separate ? 0 : place.sample;
        for (std::size_t y = 0; y < ny; ++y) {
            if (TIFFReadScanline(file.get(), row.data(), static_cast<std::uint32_t>(y), plane) != 1) fail(file);
            detail::decode<T>(row.data(), type, nx * step, [&](std::size_t i, T v) {
                if (i % step == first) out(y, i / step) = v;
            });
        }
    }

    template <scalar T>
    void read_tiles(const detail::open_tiff<Input>& file, const located& place, const stored_type& type,
                    xt::xtensor<T, 2>& out) const {
        const std::uint64_t height = detail::tiff_field<std::uint32_t>(file.get(), TIFFTAG_TILELENGTH).value_or(0);
        const std::uint64_t width = detail::tiff_field<std::uint32_t>(file.get(), TIFFTAG_TILEWIDTH).value_or(0);
        const std::uint64_t bytes = TIFFTileSize64(file.get()), step = place.separate ? 1 : place.samples;
        if (height == 0 || width == 0 || bytes / width / step / type.size != height ||
            bytes > static_cast<std::uint64_t>(file.most_memory(file.size())))
            fail(file);
        std::vector<std::byte> tile(bytes);
        const auto plane = static_cast<std::uint16_t>(place.separate ? place.sample : 0);
        const std::size_t first = place.separate ? 0 : place.sample;
        for (std::uint64_t y = 0; y < out.shape(0); y += height) {
            for (std::uint64_t x = 0; x < out.shape(1); x += width) {
                if (TIFFReadTile(file.get(), tile.data(), static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                                 0, plane) < 0)
                    fail(file);
                const std::size_t columns = std::min(width, out.shape(1) - x);
                for (std::uint64_t row = 0; row < std::min(height, out.shape(0) - y); ++row) {
                    detail::decode<T>(tile.data() + row * width * step * type.size, type, columns * step,
                                      [&](std::size_t i, T v) {
                                          if (i % step == first) out(y + row, x + i / step) = v;
                                      });
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

    void add_page(const detail::open_tiff<Input>& file, std::size_t page, const detail::tiff_description& all) {
        using detail::tiff_field;
        TIFF* const tiff = file.get();
        const std::size_t ny = tiff_field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH).value_or(0);
        const std::size_t nx = tiff_field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH).value_or(0);
        const std::size_t samples = tiff_field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL).value_or(1);
        const auto photometric = tiff_field<std::uint16_t>(tiff, TIFFTAG_PHOTOMETRIC).value_or(PHOTOMETRIC_MINISBLACK);
        const auto type = page_type(tiff);
        const std::string place = "page " + std::to_string(page);
        const auto other = [&](const std::string& what) { contents_.others.push_back({place, what, {ny, nx}}); };
        if (photometric > PHOTOMETRIC_MINISBLACK) return other("colours, must be one real number a pixel");
        if (!type) return other("numbers of a type that is not read, must be integers or floats of 8 to 64 bits");
        const bool plain =
            tiff_field<std::uint16_t>(tiff, TIFFTAG_COMPRESSION).value_or(COMPRESSION_NONE) == COMPRESSION_NONE;
        const std::uint64_t most = plain ? file.size() : static_cast<std::uint64_t>(file.most_memory(file.size()));
        if (nx == 0 || ny == 0 || samples == 0 || nx > most / ny / type->size / samples) {
            input_.open().fail("is damaged: its " + place + " announces " + std::to_string(ny) + " x " +
                               std::to_string(nx) + " pixels, more than a file of " + std::to_string(file.size()) +
                               " bytes can hold");
        }
        image_info image;
        image.shape = {ny, nx};
        image.type = type_name(*type);
        image.scale = own_scale(tiff, all);
        image.place = place;
        image.label = detail::page_label(tiff);
        const bool separate = tiff_field<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG).value_or(PLANARCONFIG_CONTIG) ==
                              PLANARCONFIG_SEPARATE;
        if (!has_room(contents_, image, samples)) return other("too many images to list");
        for (std::size_t k = 0; k < samples; ++k)
            add(image, {page, k, samples, separate, photometric == PHOTOMETRIC_MINISWHITE, 0});
        if (page == 0 && all.images > 1 && samples == 1 && TIFFLastDirectory(tiff) != 0)
            add_slices(file, image, all.images, *type, photometric == PHOTOMETRIC_MINISWHITE);
    }

    void add(image_info image, const located& place) {
        image.index = images_.size();
        contents_.images.push_back(std::move(image));
        images_.push_back(place);
    }

    // ImageJ's stacks beyond 4 GiB, and those of other programs, have one directory: the slices lie one behind another.
    void add_slices(const detail::open_tiff<Input>& file, image_info image, std::size_t count, const stored_type& type,
                    bool white_is_0) {
        using detail::tiff_field;
        TIFF* const tiff = file.get();
        std::uint64_t* offsets = nullptr;
        const bool plain =
            tiff_field<std::uint16_t>(tiff, TIFFTAG_COMPRESSION).value_or(COMPRESSION_NONE) == COMPRESSION_NONE;
        if (!plain || TIFFIsTiled(tiff) || TIFFGetField(tiff, TIFFTAG_STRIPOFFSETS, &offsets) == 0 ||
            offsets == nullptr)
            return contents_.warnings.push_back("page 0: the description tells of " + std::to_string(count) +
                                                " images, there is one");
        const std::uint64_t bytes = image.shape[0] * image.shape[1] * type.size;
        for (std::size_t k = 1; k < count; ++k) {
            const std::uint64_t offset = offsets[0] + k * bytes;
            if (offset > file.size() || bytes > file.size() - offset || !has_room(contents_, image)) {
                return contents_.warnings.push_back("page 0: the description tells of " + std::to_string(count) +
                                                    " images, the file has " + std::to_string(k));
            }
            image.place = "page 0, slice " + std::to_string(k);
            add(image, {0, 0, 1, false, white_is_0, offset});
        }
    }

    // The calibration of a page: its own, in the unit that the first page names.
    static pixel_calibration own_scale(TIFF* tiff, const detail::tiff_description& all) {
        const pixel_calibration of_tags = detail::dm_tiff_calibration(tiff);
        return of_tags.known() ? of_tags : all.scale;
    }

    void name_images(const detail::tiff_description& all) {
        auto& images = contents_.images;
        const bool of_all = all.labels.size() == images.size();
        const bool one = images.size() == 1;
        const bool frames = images.size() > 1 && detail::haadf_rank(input_.stem()) > 0 &&
                            std::all_of(images.begin(), images.end(), [&](const image_info& i) {
                                return i.label.empty() && i.shape == images[0].shape;
                            });
        if (frames && all.labels.empty()) {  // of one scan, by the file's name
            images[0].frames = images.size();
            images.resize(1);
            images[0].label = input_.stem();
            return name_by_labels(images);
        }
        for (std::size_t i = 0; i < images.size(); ++i) {
            if (of_all && !all.labels[i].empty()) images[i].label = all.labels[i];
            if (one && (images[i].label.empty() || !says_what(images[i].label))) images[i].label = input_.stem();
            if (images[i].label.empty()) images[i].label = std::to_string(i);
            images[i].element = element_of(images[i].label);
        }
        name_by_labels(images);
    }

    static bool says_what(const std::string& label) {
        return !element_of(label).empty() || detail::haadf_rank(label) > 0;
    }

    std::vector<located> images_;  // by image_info::index
    Input input_;
    file_contents contents_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
