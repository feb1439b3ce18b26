// Numbers as they lie in files, in either byte order, converted to float or double without a second copy of them all.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/byte_source.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A numeric type as stored: kind 'b' (bool), 'i', 'u' or 'f' as in numpy, of 1, 2, 4 or 8 bytes.
struct stored_type {
    char kind;          ///< 'b', 'i', 'u' or 'f'
    std::size_t size;   ///< bytes of one element
    std::endian order;  ///< of the bytes of one element
};

/// The name of a type, as numpy has it: "float64", "uint16", "bool".
inline std::string type_name(const stored_type& type) {
    if (type.kind == 'b') return "bool";
    const std::string base = type.kind == 'f' ? "float" : type.kind == 'u' ? "uint" : "int";
    return base + std::to_string(8 * type.size);
}

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

template <class Stored, scalar T, class Put>
void decode_as(const std::byte* in, std::endian order, std::size_t count, Put&& put) {
    std::array<std::byte, sizeof(Stored)> raw;
    for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(raw.data(), in + i * sizeof(Stored), sizeof(Stored));
        if (order != std::endian::native) std::reverse(raw.begin(), raw.end());
        put(i, static_cast<T>(std::bit_cast<Stored>(raw)));
    }
}

// Calls put(i, value) for each of the numbers at `in`.
template <scalar T, class Put>
void decode(const std::byte* in, const stored_type& type, std::size_t count, Put&& put) {
    const auto as = [&]<class Stored>(std::type_identity<Stored>) { decode_as<Stored, T>(in, type.order, count, put); };
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

}  // namespace detail

/// Calls put(i, value) for the next `count` numbers of the source, which passes through a buffer of 1 MiB. Throws
/// read_error where fewer come.
template <scalar T, byte_source S, class Put>
void read_numbers(S& source, const stored_type& type, std::uint64_t count, Put&& put) {
    constexpr std::uint64_t buffer_bytes = 1 << 20;
    std::vector<std::byte> buffer;
    for (std::uint64_t done = 0; done < count;) {
        const std::uint64_t step = std::min(count - done, buffer_bytes / type.size);
        buffer.resize(static_cast<std::size_t>(step * type.size));
        if (source.read(buffer) < buffer.size()) {
            source.fail("is truncated: ends after " + std::to_string(done) + " to " + std::to_string(done + step) +
                        " of " + std::to_string(count) + " numbers that it announces");
        }
        detail::decode<T>(buffer.data(), type, static_cast<std::size_t>(step),
                          [&](std::size_t i, T value) { put(done + i, value); });
        done += step;
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
