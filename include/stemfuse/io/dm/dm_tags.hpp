// The tag tree of Gatan DM3 and DM4 files, in both byte orders: numbers, texts, and where the arrays lie.
// Format: a header and nested groups of tags; see the reader's tests for a writer of the same layout.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/stored_numbers.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A tag: a group of tags, or one of number, text and array. Of structs only their place is known.
struct dm_tag {
    std::string name;                   ///< empty in lists
    std::vector<dm_tag> tags{};         ///< of a group; empty for a value
    std::optional<double> number{};     ///< the value, where it is one number
    std::string text{};                 ///< UTF-8, of strings and of short arrays of 16-bit units
    std::optional<stored_type> type{};  ///< of an array's elements
    std::uint64_t count = 0;            ///< of an array: its elements
    std::uint64_t offset = 0;           ///< of an array: the first element's place in the file, in bytes

    /// The tag at a path like "ImageData/Calibrations", a "#3" in it being item 3; nullptr where there is none.
    const dm_tag* find(std::string_view path) const {
        const std::string_view first = path.substr(0, path.find('/'));
        const dm_tag* found = nullptr;
        if (first.starts_with('#')) {
            std::size_t k = 0;
            for (const char c : first.substr(1)) k = 10 * k + static_cast<std::size_t>(c - '0');
            if (k < tags.size()) found = &tags[k];
        } else {
            const auto named = std::find_if(tags.begin(), tags.end(), [&](const dm_tag& t) { return t.name == first; });
            if (named != tags.end()) found = &*named;
        }
        return found == nullptr || first.size() == path.size() ? found : found->find(path.substr(first.size() + 1));
    }
    /// The number of the tag at a path; none where there is no tag, or one without a number.
    std::optional<double> number_at(std::string_view path) const {
        const dm_tag* const tag = find(path);
        return tag == nullptr ? std::nullopt : tag->number;
    }
    /// The text of the tag at a path; empty where there is no tag, or one without a text.
    std::string text_at(std::string_view path) const {
        const dm_tag* const tag = find(path);
        return tag == nullptr ? "" : tag->text;
    }
};

/// A parsed DM file.
struct dm_file {
    int version;        ///< 3 or 4
    std::endian order;  ///< of the values; the tree itself is big-endian
    dm_tag root;        ///< without a name; all others are below it
};

namespace detail {

// Text in 16-bit units as UTF-8, up to the first 0; what is no text becomes "?".
template <class Unit>
std::string utf8_of_utf16(std::size_t count, Unit&& unit) {
    std::string text;
    for (std::size_t i = 0; i < count && unit(i) != 0; ++i) {
        std::uint32_t c = unit(i);
        if (c >= 0xd800 && c < 0xdc00 && i + 1 < count && unit(i + 1) >= 0xdc00 && unit(i + 1) < 0xe000)
            c = 0x10000 + ((c - 0xd800) << 10) + (unit(++i) - 0xdc00u);
        if (c >= 0xd800 && c < 0xe000) c = '?';
        const auto low_six = [&](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
        if (c < 0x80) {
            text += static_cast<char>(c);
        } else if (c < 0x800) {
            text += {static_cast<char>(0xc0 | c >> 6), low_six(0)};
        } else if (c < 0x10000) {
            text += {static_cast<char>(0xe0 | c >> 12), low_six(6), low_six(0)};
        } else {
            text += {static_cast<char>(0xf0 | c >> 18), low_six(12), low_six(6), low_six(0)};
        }
    }
    return text;
}

// The numeric type of a DM type code in data of this byte order; none for structs, strings and arrays.
inline std::optional<stored_type> dm_type(std::uint64_t code, std::endian order) {
    constexpr std::array<std::pair<char, std::size_t>, 11> types{
        {{'i', 2}, {'i', 4}, {'u', 2}, {'u', 4}, {'f', 4}, {'f', 8}, {'b', 1}, {'i', 1}, {'u', 1}, {'i', 8}, {'u', 8}}};
    if (code < 2 || code > 12) return std::nullopt;
    return stored_type{types[code - 2].first, types[code - 2].second, order};
}

// Walks through a DM file from its first byte.
template <byte_source S>
class dm_parser {
public:
    explicit dm_parser(S& source) : source_(source), size_(source.remaining()) {}

    dm_file parse() {
        const std::uint64_t version = big_endian(4);
        if (version != 3 && version != 4)
            source_.fail("is no DM3 or DM4 file: has version " + std::to_string(version) + ", must have 3 or 4");
        long_size_ = version == 3 ? 4 : 8;
        big_endian(long_size_);  // the file's size less a constant that programs disagree about
        const std::uint64_t order = big_endian(4);
        if (order > 1) source_.fail("is no DM file: has byte order " + std::to_string(order) + ", must have 0 or 1");
        order_ = order == 1 ? std::endian::little : std::endian::big;
        dm_file file{static_cast<int>(version), order_, {}};
        group(file.root, 0);
        return file;
    }

private:
    // Bounds for what a damaged file can take of the stack, of memory and of time.
    static constexpr int deepest = 64;
    static constexpr std::uint64_t longest_text = 4096, most_tags = 1 << 20;

    std::uint64_t big_endian(std::size_t bytes) {
        std::array<std::byte, 8> raw{};
        if (source_.read(std::span(raw).first(bytes)) < bytes) source_.fail("is truncated: ends within its tags");
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | std::to_integer<std::uint64_t>(raw[i]);
        return value;
    }
    std::uint64_t long_word() { return big_endian(long_size_); }

    std::string characters(std::uint64_t count) {
        const auto bytes = read_exactly(source_, count);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    void group(dm_tag& into, int depth) {
        if (depth > deepest) source_.fail("has groups of tags nested deeper than " + std::to_string(deepest));
        big_endian(2);  // whether it is sorted and open
        const std::uint64_t count = long_word();
        for (std::uint64_t i = 0; i < count; ++i) entry(into, depth);
    }

    void entry(dm_tag& into, int depth) {
        const std::uint64_t kind = big_endian(1);
        if (kind != 20 && kind != 21) source_.fail("has a damaged tag: of kind " + std::to_string(kind));
        if (++tags_ > most_tags) source_.fail("has more than " + std::to_string(most_tags) + " tags");
        std::string name = characters(big_endian(2));
        if (long_size_ == 8) big_endian(8);  // the length of what follows
        dm_tag& tag = into.tags.emplace_back();
        tag.name = std::move(name);
        if (kind == 20) {
            group(tag, depth + 1);
        } else {
            data(tag);
        }
    }

    void data(dm_tag& tag) {
        if (big_endian(4) != 0x25252525) source_.fail("has a damaged tag \"" + printable(tag.name) + "\"");
        constexpr std::uint64_t most_words = 3 + 2 * 1024;  // of a struct with 1024 members
        const std::uint64_t words = long_word();
        if (words == 0 || words > most_words || words > source_.remaining() / long_size_)
            source_.fail("has a damaged tag \"" + printable(tag.name) + "\": of " + std::to_string(words) + " words");
        std::vector<std::uint64_t> info;
        for (std::uint64_t i = 0; i < words; ++i) info.push_back(long_word());
        if (info[0] == 18 && words == 2) {
            text(tag, info[1]);
        } else if (info[0] == 20 && words == 3) {
            array(tag, info[1], info[2]);
        } else if (info[0] == 15 || info[0] == 20) {
            skip(tag, product(tag, element_bytes(tag, info, info[0] == 20), info[0] == 20 ? info.back() : 1));
        } else {
            number(tag, info[0]);
        }
    }

    // Bytes of a struct, or of one element of an array of structs or arrays.
    std::uint64_t element_bytes(const dm_tag& tag, const std::vector<std::uint64_t>& info, bool array) {
        const std::size_t at = array ? 1 : 0;  // [15, name length, fields, (length, type) x fields]
        if (array && info.size() == 5 && info[1] == 20) return product(tag, type(tag, info[2]).size, info[3]);
        const std::size_t around = array ? 2 : 0;  // the array's type and its count
        if (info.size() < 3 + around || info[at] != 15 || info[at + 2] > 1024 ||
            info.size() != 3 + around + 2 * info[at + 2])
            source_.fail("has a tag \"" + printable(tag.name) + "\" of an unknown type");
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < info[at + 2]; ++i) bytes += type(tag, info[at + 4 + 2 * i]).size;
        return bytes;
    }

    stored_type type(const dm_tag& tag, std::uint64_t code) {
        const auto known = dm_type(code, order_);
        if (!known)
            source_.fail("has a tag \"" + printable(tag.name) + "\" of the unknown type " + std::to_string(code));
        return *known;
    }

    std::uint64_t product(const dm_tag& tag, std::uint64_t bytes, std::uint64_t count) {
        if (bytes > 0 && count > source_.remaining() / bytes)
            source_.fail("is truncated: its tag \"" + printable(tag.name) + "\" announces " + std::to_string(count) +
                         " elements of " + std::to_string(bytes) + " bytes, " + std::to_string(source_.remaining()) +
                         " bytes are left");
        return bytes * count;
    }

    void skip(const dm_tag& tag, std::uint64_t bytes) { source_.skip(product(tag, 1, bytes)); }

    void number(dm_tag& tag, std::uint64_t code) {
        const stored_type stored = type(tag, code);
        read_numbers<double>(source_, stored, 1, [&](std::uint64_t, double v) { tag.number = v; });
    }

    void text(dm_tag& tag, std::uint64_t bytes) {
        product(tag, 1, bytes);
        tag.text = characters(std::min(bytes, longest_text));
        source_.skip(bytes - tag.text.size());
    }

    void array(dm_tag& tag, std::uint64_t code, std::uint64_t count) {
        tag.type = type(tag, code);
        tag.count = count;
        tag.offset = size_ - source_.remaining();
        const std::uint64_t bytes = product(tag, tag.type->size, count);
        if (code != 4 || count > longest_text) return source_.skip(bytes);
        std::vector<std::uint32_t> units(static_cast<std::size_t>(count));
        read_numbers<float>(source_, *tag.type, count,
                            [&](std::uint64_t i, float v) { units[i] = static_cast<std::uint32_t>(v); });
        tag.text = utf8_of_utf16(units.size(), [&](std::size_t i) { return units[i]; });
    }

    static std::string printable(std::string_view text) {
        std::string shown;
        for (const char c : text.substr(0, 40)) shown += c >= ' ' && c <= '~' ? c : '?';
        return shown;
    }

    S& source_;
    std::uint64_t size_, tags_ = 0;
    std::size_t long_size_ = 4;
    std::endian order_ = std::endian::little;
};

}  // namespace detail

/// Parses the tags of a whole DM3 or DM4 file. Arrays are not read, but lie within the source. Throws read_error for
/// anything else than a whole file.
template <byte_source S>
dm_file read_dm_tags(S& source) {
    return detail::dm_parser<S>(source).parse();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
