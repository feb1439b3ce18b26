// Lines of numbers in text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include <stemfuse/core/number_text.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// The numbers of a line, with commas, semicolons, tabs or spaces between them and perhaps at its end; none where
// anything else is in it. Where `put` is empty they are only counted.
template <class Put>
std::optional<std::size_t> numbers_of_line(std::string_view line, Put&& put) {
    constexpr std::string_view separators = ",;\t \r";
    std::size_t count = 0;
    for (std::size_t at = 0; (at = line.find_first_not_of(separators, at)) != std::string_view::npos;) {
        const std::size_t end = std::min(line.find_first_of(separators, at), line.size());
        std::string_view word = line.substr(at, end - at);
        if (word[0] == '+') word.remove_prefix(1);
        const auto value = parse_number(word);
        if (!value) return std::nullopt;
        put(count++, *value);
        at = end;
    }
    return count;
}

}  // namespace detail

/// Whether a text begins like a table of numbers: one of its first lines has two or more, and all of it is text.
inline bool is_number_table(std::string_view start) {
    const bool text = std::all_of(start.begin(), start.end(), [](char c) {
        return static_cast<unsigned char>(c) >= ' ' || c == '\t' || c == '\r' || c == '\n';
    });
    if (!text) return false;
    for (std::size_t at = 0; at < start.size();) {
        const std::size_t end = start.find('\n', at);
        std::string_view line = start.substr(at, end - at);
        if (end == std::string_view::npos) line = line.substr(0, line.find_last_of(",;\t ") + 1);  // cut perhaps
        const auto count = detail::numbers_of_line(line, [](std::size_t, double) {});
        if (count && *count > 1) return true;
        if (end == std::string_view::npos) break;
        at = end + 1;
    }
    return false;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
