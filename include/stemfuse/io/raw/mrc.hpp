// Images of MRC files, as CCP4 and electron tomography have them.
// Format: Cheng et al., J. Struct. Biol. 192, 146 (2015), doi 10.1016/j.jsb.2015.04.002: a header of 1024 bytes, one
// that its word 24 announces, then the numbers, x fastest.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/base/stored_numbers.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

inline std::optional<stored_type> mrc_type(std::int32_t mode, std::endian order) {
    constexpr std::array<std::pair<std::int32_t, std::pair<char, std::size_t>>, 5> modes{
        {{0, {'i', 1}}, {1, {'i', 2}}, {2, {'f', 4}}, {6, {'u', 2}}, {12, {'f', 2}}}};
    for (const auto& [number, type] : modes) {
        if (number == mode) return stored_type{type.first, type.second, order};
    }
    return std::nullopt;
}

}  // namespace detail

/// Reads an MRC file: one image by the file's name, or slices "<name>[0]", "<name>[1]", ... with the size of a pixel by
/// the cell, in angstrom. Throws read_error for what is no whole file, and for complex numbers.
template <class Input = file_input>
class mrc_reader {
public:
    /// Reads the header and lists the images. Throws read_error.
    explicit mrc_reader(Input input) : input_(std::move(input)) {
        auto source = input_.open();
        std::array<std::byte, header_bytes> raw{};
        if (source.read(raw) < raw.size()) source.fail("is truncated: ends within its MRC header");
        const bool big = raw[212] == std::byte{0x11};
        order_ = big ? std::endian::big : std::endian::little;
        const auto word = [&](std::size_t number) { return static_cast<std::int32_t>(bits(raw, number)); };
        const auto real = [&](std::size_t number) {
            return static_cast<double>(std::bit_cast<float>(bits(raw, number)));
        };
        const auto type = detail::mrc_type(word(4), order_);
        if (!type) source.fail("has MRC mode " + std::to_string(word(4)) + ", must be 0, 1, 2, 6 or 12: real numbers");
        type_ = *type;
        const std::int32_t behind = word(24);
        if (word(1) < 1 || word(2) < 1 || word(3) < 1 || behind < 0)
            source.fail("is damaged: its MRC header announces " + std::to_string(word(1)) + " x " +
                        std::to_string(word(2)) + " x " + std::to_string(word(3)) + " numbers");
        const std::size_t nx = count(word(1)), ny = count(word(2)), nz = count(word(3));
        offset_ = header_bytes + count(behind);
        const std::uint64_t there =
            source.remaining() < count(behind) ? 0 : (source.remaining() - count(behind)) / type->size;
        if (there / nx / ny < nz)
            source.fail("is truncated: announces " + to_string(std::array<std::size_t, 3>{nz, ny, nx}) +
                        " numbers, has " + std::to_string(there));
        const auto axis = [&](std::size_t cell, std::size_t intervals) {
            const double n = word(intervals) > 0 ? word(intervals) : 1;
            return array_axis{"", "A", real(cell) / n};
        };
        list({nz, ny, nx}, {array_axis{}, axis(12, 9), axis(11, 8)});
    }

    /// The file's images.
    const file_contents& contents() const { return contents_; }

    /// An image of contents(), shape (n_y, n_x). Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        return combine_frames(image.frames, frames, [&](std::size_t k) {
            xt::xtensor<T, 2> out(image.shape);
            auto source = input_.open();
            source.skip(offset_ + (image.index + k) * out.size() * type_.size);
            read_numbers<T>(source, type_, out.size(), [&](std::uint64_t i, T v) { out.data()[i] = v; });
            return out;
        });
    }

private:
    static constexpr std::size_t header_bytes = 1024;

    static std::size_t count(std::int32_t n) { return static_cast<std::size_t>(n); }

    // Word `number` of the header, counted from 1.
    std::uint32_t bits(const std::array<std::byte, header_bytes>& raw, std::size_t number) const {
        std::array<std::byte, 4> four;
        std::memcpy(four.data(), raw.data() + 4 * (number - 1), 4);
        if (order_ != std::endian::native) std::swap(four[0], four[3]), std::swap(four[1], four[2]);
        return std::bit_cast<std::uint32_t>(four);
    }

    void list(const std::vector<std::size_t>& shape, std::vector<array_axis> axes) {
        contents_.format = std::string("MRC") + (order_ == std::endian::big ? ", big-endian" : ", little-endian");
        image_info like;
        like.name = like.label = one_line(input_.stem());
        array_content content =
            content_of(contents_, {like.label, shape, type_name(type_), ""}, std::move(axes), {}, like);
        if (!content.reason.empty()) contents_.others.push_back({like.label, content.reason, shape});
        contents_.images = std::move(content.images);
        for (std::size_t k = 0; k < contents_.images.size(); ++k) contents_.images[k].index = k;
    }

    Input input_;
    std::endian order_ = std::endian::little;
    stored_type type_{};
    std::uint64_t offset_ = 0;
    file_contents contents_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
