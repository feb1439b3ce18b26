// Arrays in numpy's .npy format, in and out.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/atomic_file.hpp>
#include <stemfuse/io/byte_source.hpp>
#include <stemfuse/io/npy_header.hpp>

namespace stemfuse::io {

namespace detail {

struct half {
    std::uint16_t bits;
    explicit operator float() const {
        const int exponent = bits >> 10 & 31, fraction = bits & 1023;
        const float magnitude = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                                : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                                : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
        return bits >> 15 ? -magnitude : magnitude;
    }
    explicit operator double() const { return static_cast<float>(*this); }
};

struct truth {
    std::uint8_t byte;
    template <scalar T>
    explicit operator T() const {
        return byte != 0 ? 1 : 0;
    }
};

template <class Stored, scalar T>
void decode(const std::byte* in, std::endian order, std::size_t count, T* out) {
    std::array<std::byte, sizeof(Stored)> raw;
    for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(raw.data(), in + i * sizeof(Stored), sizeof(Stored));
        if (order != std::endian::native) std::reverse(raw.begin(), raw.end());
        out[i] = static_cast<T>(std::bit_cast<Stored>(raw));
    }
}

template <scalar T>
void decode(const std::vector<std::byte>& in, const npy_type& type, T* out) {
    const std::size_t count = in.size() / type.size;
    const auto as = [&]<class Stored>(std::type_identity<Stored>) {
        decode<Stored>(in.data(), type.order, count, out);
    };
    switch (type.kind * 16 + static_cast<int>(type.size)) {
        case 'b' * 16 + 1:
            return as(std::type_identity<truth>());
        case 'i' * 16 + 1:
            return as(std::type_identity<std::int8_t>());
        case 'i' * 16 + 2:
            return as(std::type_identity<std::int16_t>());
        case 'i' * 16 + 4:
            return as(std::type_identity<std::int32_t>());
        case 'i' * 16 + 8:
            return as(std::type_identity<std::int64_t>());
        case 'u' * 16 + 1:
            return as(std::type_identity<std::uint8_t>());
        case 'u' * 16 + 2:
            return as(std::type_identity<std::uint16_t>());
        case 'u' * 16 + 4:
            return as(std::type_identity<std::uint32_t>());
        case 'u' * 16 + 8:
            return as(std::type_identity<std::uint64_t>());
        case 'f' * 16 + 2:
            return as(std::type_identity<half>());
        case 'f' * 16 + 4:
            return as(std::type_identity<float>());
        case 'f' * 16 + 8:
            return as(std::type_identity<double>());
    }
}

template <byte_source S>
void require_numbers(S& source, const npy_header& header) {
    if (!header.type) {
        source.fail("holds dtype " + shown_text(header.descr) +
                    ", takes bool, integers, and floats of 16, 32 or 64 bits");
    }
}

// The elements after a header as an array of the header's shape.
template <scalar T, std::size_t N, byte_source S>
xt::xtensor<T, N> read_npy_elements(S& source, const npy_header& header) {
    require_numbers(source, header);
    if (header.shape.size() != N) {
        source.fail("has shape " + to_string(header.shape) + ", takes " + std::to_string(N) + " dimensions");
    }
    std::array<std::size_t, N> shape;
    for (std::size_t d = 0; d < N; ++d) shape[d] = header.shape[d];
    const auto bytes = read_exactly(source, header.count().value() * header.type->size);
    source.finish();
    if (header.fortran_order) {
        xt::xtensor<T, N, xt::layout_type::column_major> stored(shape);
        decode(bytes, *header.type, stored.data());
        return stored;
    }
    xt::xtensor<T, N> out(shape);
    decode(bytes, *header.type, out.data());
    return out;
}

}  // namespace detail

// The array of N dimensions at the start of `source`, converted to T (integers above 2^53, and what float cannot hold,
// are rounded). Bytes after it are ignored, as numpy does, which lets several arrays follow one another in a file.
// Throws read_error for anything but a whole numeric array of N dimensions; NaN and infinity are let through.
template <scalar T, std::size_t N, byte_source S>
xt::xtensor<T, N> read_npy(S& source) {
    const npy_header header = read_npy_header(source);
    return detail::read_npy_elements<T, N>(source, header);
}

template <scalar T, std::size_t N>
xt::xtensor<T, N> read_npy(const std::filesystem::path& path) {
    file_source source(path);
    return read_npy<T, N>(source);
}

// The image (n_y, n_x) in a two-dimensional array, or slice number `slice` along the first axis of a three-dimensional
// one. Throws read_error as read_npy, and where there is no such slice.
template <scalar T, byte_source S>
xt::xtensor<T, 2> read_npy_image(S& source, std::size_t slice = 0) {
    npy_header header = read_npy_header(source);
    const std::size_t rank = header.shape.size();
    if (rank != 3) return detail::read_npy_elements<T, 2>(source, header);
    detail::require_numbers(source, header);
    if (slice >= header.shape[0]) {
        source.fail("has shape " + to_string(header.shape) + ", no slice " + std::to_string(slice));
    }
    if (header.fortran_order) {
        return xt::view(detail::read_npy_elements<T, 3>(source, header), slice, xt::all(), xt::all());
    }
    header.shape.erase(header.shape.begin());
    source.skip(slice * header.count().value() * header.type->size);
    return detail::read_npy_elements<T, 2>(source, header);
}

// An array of float or double of any rank as the bytes of a .npy file, version 1.0, in C order.
template <class A>
requires stemfuse::detail::xexpression<A> && scalar<value_type_t<A>> std::string npy_bytes(const A& array) {
    using T = value_type_t<A>;
    std::string shape;
    for (const auto extent : array.shape()) shape += std::to_string(extent) + ", ";
    shape.resize(shape.size() - std::min<std::size_t>(array.dimension(), 2));  // "(2,)", "(2, 3)"
    const std::string order = std::endian::native == std::endian::little ? "<" : ">";
    std::string header = "{'descr': '" + order + "f" + std::to_string(sizeof(T)) +
                         "', 'fortran_order': False, 'shape': (" + shape + "), }";
    constexpr std::size_t before = 10, alignment = 64;
    header.append(alignment - (before + header.size() + 1) % alignment, ' ');
    header += '\n';
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size() & 255);
    bytes += static_cast<char>(header.size() >> 8);
    bytes += header;
    bytes.reserve(bytes.size() + array.size() * sizeof(T));
    const auto last = array.template end<xt::layout_type::row_major>();
    for (auto it = array.template begin<xt::layout_type::row_major>(); it != last; ++it) {
        const T value = *it;
        bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
    }
    return bytes;
}

// Writes an array of float or double of any rank. Throws write_error; the file is whole or not there.
template <class A>
void write_npy(const std::filesystem::path& path, const A& array) {
    write_file(path, npy_bytes(array));
}

}  // namespace stemfuse::io
