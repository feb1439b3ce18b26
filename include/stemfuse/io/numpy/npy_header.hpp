// The header of a .npy array: what is stored, in which order and shape.
// Format: numpy.lib.format, versions 1.0, 2.0 and 3.0.
#pragma once

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/stored_numbers.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What the header of an npy file says.
struct npy_header {
    std::string descr;                ///< as written, e.g. "<f8"
    std::optional<stored_type> type;  ///< none for what is not read: complex numbers, objects, text, records
    bool fortran_order = false;       ///< the first axis is the fastest
    std::vector<std::size_t> shape;   ///< empty for a single number

    /// The product of the extents; none where it is more than memory can index.
    std::optional<std::uint64_t> count() const {
        constexpr std::uint64_t most = std::numeric_limits<std::ptrdiff_t>::max() / sizeof(double);
        std::uint64_t product = 1;
        bool empty = false;
        for (const std::uint64_t extent : shape) {
            if (extent == 0) {
                empty = true;
            } else if (product > most / extent) {
                return std::nullopt;
            } else {
                product *= extent;
            }
        }
        return empty ? 0 : product;
    }
};

/// "float64", "uint16", "bool"; a type that is not read as it was written.
inline std::string type_name(const npy_header& header) { return header.type ? type_name(*header.type) : header.descr; }

namespace detail {

inline std::optional<stored_type> parse_npy_type(std::string_view descr) {
    stored_type type{0, 0, std::endian::native};
    if (!descr.empty() && std::string_view("<>=|").find(descr[0]) != std::string_view::npos) {
        if (descr[0] == '<') type.order = std::endian::little;
        if (descr[0] == '>') type.order = std::endian::big;
        descr.remove_prefix(1);
    }
    if (descr == "?") descr = "b1";
    if (descr.size() != 2) return std::nullopt;
    type.kind = descr[0];
    type.size = static_cast<std::size_t>(descr[1] - '0');
    const bool power = type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8;
    const bool known = type.kind == 'b'   ? type.size == 1
                       : type.kind == 'f' ? power && type.size > 1
                                          : power && (type.kind == 'i' || type.kind == 'u');
    return known ? std::optional(type) : std::nullopt;
}

// Reads the Python literals that a header consists of. Every take_ function moves past what it took.
class npy_scanner {
public:
    explicit npy_scanner(std::string_view text) : rest_(text) {}

    bool at_end() {
        skip_space();
        return rest_.empty();
    }
    bool next_is(char c) {
        skip_space();
        return rest_.starts_with(c);
    }
    bool take(char c) {
        if (!next_is(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::string_view rest() const { return rest_; }

    std::optional<std::string> take_string() {
        skip_space();
        if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return std::nullopt;
        const std::size_t end = rest_.find(rest_[0], 1);
        if (end == std::string_view::npos) return std::nullopt;
        std::string text(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        return text;
    }

    std::optional<bool> take_bool() {
        skip_space();
        for (const bool value : {false, true}) {
            const std::string_view word = value ? "True" : "False";
            if (rest_.starts_with(word)) {
                rest_.remove_prefix(word.size());
                return value;
            }
        }
        return std::nullopt;
    }

    // "()", "(5,)", "(3, 4)"; Python 2 wrote "(3L, 4L)".
    std::optional<std::vector<std::size_t>> take_shape() {
        std::vector<std::size_t> shape;
        if (!take('(')) return std::nullopt;
        while (!take(')')) {
            skip_space();
            std::size_t extent = 0;
            const auto [end, failure] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
            if (failure != std::errc() || shape.size() == 64) return std::nullopt;
            rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
            take('L');
            shape.push_back(extent);
            if (!take(',') && !next_is(')')) return std::nullopt;
        }
        return shape;
    }

private:
    void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

    std::string_view rest_;
};

// The dictionary of a header: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }; none where it is not one.
inline std::optional<npy_header> parse_npy_dictionary(std::string_view text) {
    npy_scanner scanner(text);
    npy_header header;
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::size_t>> shape;
    if (!scanner.take('{')) return std::nullopt;
    while (!scanner.take('}')) {
        const auto key = scanner.take_string();
        if (!key || !scanner.take(':')) return std::nullopt;
        if (*key == "descr" && scanner.next_is('[')) {
            header.descr = scanner.rest().substr(0, 40);
            return header;  // a record type, which is not read: nothing more to learn
        }
        bool taken = false;
        if (*key == "descr") taken = (descr = scanner.take_string()).has_value();
        if (*key == "fortran_order") taken = (fortran_order = scanner.take_bool()).has_value();
        if (*key == "shape") taken = (shape = scanner.take_shape()).has_value();
        if (!taken || (!scanner.take(',') && !scanner.next_is('}'))) return std::nullopt;
    }
    if (!descr || !fortran_order || !shape || !scanner.at_end()) return std::nullopt;
    return npy_header{*descr, parse_npy_type(*descr), *fortran_order, *shape};
}

// Text from a file as a message can show it: printable and short.
inline std::string shown_text(std::string_view text) {
    std::string shown;
    for (const char c : text.substr(0, 100)) shown += c >= ' ' && c <= '~' ? c : '?';
    return "\"" + shown + (text.size() > 100 ? "...\"" : "\"");
}

}  // namespace detail

/// Reads the header at the start of `source` and leaves it at the first element. The elements that it announces, where
/// of a numeric type, are no more than the source can still give. Throws read_error.
template <byte_source S>
npy_header read_npy_header(S& source) {
    constexpr std::string_view magic = "\x93NUMPY";
    constexpr std::uint64_t longest = 1 << 20;  // of its text, which may announce 4 GiB
    std::array<std::byte, 12> start{};
    const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(start[i]); };
    const std::size_t got = source.read(std::span(start).first(10));
    for (std::size_t i = 0; i < magic.size(); ++i) {
        if (i < got && static_cast<char>(byte(i)) != magic[i])
            source.fail("is no npy array: does not begin with \\x93NUMPY");
    }
    if (got < 10) source.fail("is truncated: ends after " + std::to_string(got) + " bytes, within its npy header");
    if (byte(6) < 1 || byte(6) > 3) {
        source.fail("has npy version " + std::to_string(byte(6)) + "." + std::to_string(byte(7)) +
                    ", must have 1.0, 2.0 or 3.0");
    }
    std::size_t length = byte(8) | byte(9) << 8;
    if (byte(6) > 1) {
        if (source.read(std::span(start).subspan(10)) < 2) source.fail("is truncated: ends within its npy header");
        length |= byte(10) << 16 | byte(11) << 24;
    }
    if (length > longest)
        source.fail("announces an npy header of " + std::to_string(length) + " bytes, must be 1 MiB or less");
    if (length > source.remaining()) source.fail("is truncated: ends within its npy header");
    const auto bytes = read_exactly(source, length);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto header = detail::parse_npy_dictionary(text);
    if (!header) source.fail("has an npy header that is none: " + detail::shown_text(text));
    if (header->type) {
        const auto count = header->count();
        if (!count || *count > source.remaining() / header->type->size) {
            source.fail("is truncated: announces " + type_name(*header) + " of shape " + to_string(header->shape) +
                        ", has " + std::to_string(source.remaining()) + " bytes of them");
        }
    }
    return *header;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
