// What a file holds, as bytes from one process to another, and back with every length checked.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/channel_sums.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Bytes that are no message of wire_writer's.
class wire_error : public error {
public:
    wire_error() : error("the message is damaged") {}
};

/// Builds a message of numbers, texts, arrays, lists and structs that have a transfer(). Numbers have the machine's own
/// bytes: it is for two processes on one machine.
class wire_writer {
public:
    /// Appends the values, in order.
    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }

    std::string bytes;  ///< the message so far

private:
    template <class N>
        requires std::is_arithmetic_v<N>
    void put(N number) {
        bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    void put(const std::string& text) {
        put(static_cast<std::uint64_t>(text.size()));
        bytes += text;
    }
    template <class V, std::size_t N>
    void put(const std::array<V, N>& values) {
        for (const V& v : values) put(v);
    }
    template <class V>
    void put(const std::vector<V>& values) {
        put(static_cast<std::uint64_t>(values.size()));
        for (const V& v : values) put(v);
    }
    template <class S>
        requires std::is_class_v<S>
    void put(const S& parts) {
        transfer(*this, parts);
    }
};

/// Throws wire_error where the bytes end too early; takes memory for what is there, not for what is announced.
class wire_reader {
public:
    /// Reads from the first byte; the message must outlive the reader.
    explicit wire_reader(std::string_view bytes) : rest_(bytes) {}

    /// Fills the values, in the order in which they were written. Throws wire_error.
    template <class... Values>
    void operator()(Values&... values) {
        (take(values), ...);
    }

    /// Whether all bytes are used.
    bool at_end() const { return rest_.empty(); }

private:
    std::string_view next(std::uint64_t count) {
        if (count > rest_.size()) throw wire_error();
        const auto part = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return part;
    }
    std::uint64_t length() {
        std::uint64_t count = 0;
        take(count);
        if (count > rest_.size()) throw wire_error();  // everything takes a byte at least
        return count;
    }
    template <class N>
        requires std::is_arithmetic_v<N>
    void take(N& number) {
        const auto bytes = next(sizeof number);
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(&number));
    }
    void take(std::string& text) { text = next(length()); }
    template <class V, std::size_t N>
    void take(std::array<V, N>& values) {
        for (V& v : values) take(v);
    }
    template <class V>
    void take(std::vector<V>& values) {
        values.clear();
        for (std::uint64_t left = length(); left > 0; --left) take(values.emplace_back());
    }
    template <class S>
        requires std::is_class_v<S>
    void take(S& parts) {
        transfer(*this, parts);
    }

    std::string_view rest_;
};

namespace detail {

template <class Part, class... Wholes>
concept is_one_of = (std::same_as<std::remove_const_t<Part>, Wholes> || ...);

}  // namespace detail

/// @name Structs on the wire
/// transfer(wire, parts) sends the members of a struct by a wire_writer, or fills them by a wire_reader (then it throws
/// wire_error). The bindings name every member: a new one does not compile until it is here, too.
/// @{
template <class Wire, detail::is_one_of<axis_calibration, pixel_calibration, energy_window, channel_weights> P>
void transfer(Wire& wire, P& parts) {
    auto& [first, second] = parts;
    wire(first, second);
}

template <class Wire, detail::is_one_of<intensity_calibration, left_out> P>
void transfer(Wire& wire, P& parts) {
    auto& [first, second, third] = parts;
    wire(first, second, third);
}

template <class Wire, detail::is_one_of<image_info> P>
void transfer(Wire& wire, P& parts) {
    auto& [name, label, element, shape, frames, type, scale, intensity, place, index, background] = parts;
    wire(name, label, element, shape, frames, type, scale, intensity, place, index, background);
}

template <class Wire, detail::is_one_of<spectrum_info> P>
void transfer(Wire& wire, P& parts) {
    auto& [name, unit, first, last, channels, detectors, frames, shape, type, scale, places, resolution, index,
           elements] = parts;
    wire(name, unit, first, last, channels, detectors, frames, shape, type, scale, places, resolution, index, elements);
}

template <class Wire, detail::is_one_of<file_contents> P>
void transfer(Wire& wire, P& parts) {
    auto& [format, images, spectra, others, warnings, beside] = parts;
    wire(format, images, spectra, others, warnings, beside);
}
/// @}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
