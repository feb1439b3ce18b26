// Lines of numbers in text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <stemfuse/core/number_text.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Whether commas stand in numbers and not between them: where semicolons or tabs do that, or spaces that follow no
// comma.
inline bool has_decimal_commas(std::string_view line) {
    if (line.find_first_of(";\t") != std::string_view::npos) return true;
    const auto digit = [&](std::size_t at) { return at < line.size() && line[at] >= '0' && line[at] <= '9'; };
    bool between_digits = false, bare_space = false;
    for (std::size_t k = 1; k < line.size(); ++k) {
        between_digits = between_digits || (line[k] == ',' && digit(k - 1) && digit(k + 1));
        bare_space = bare_space || (line[k] == ' ' && digit(k - 1));
    }
    return between_digits && bare_space;
}

// The numbers of a line, with commas, semicolons, tabs or spaces between them and perhaps at its end; none where
// anything else is in it. Where `put` is empty they are only counted.
template <class Put>
std::optional<std::size_t> numbers_of_line(std::string_view line, Put&& put) {
    line = line.substr(0, line.find_last_not_of(" \r") + 1);
    const bool decimal_commas = has_decimal_commas(line);
    const std::string_view separators = decimal_commas ? ";\t \r" : ",;\t \r";
    std::size_t count = 0;
    std::string with_point;
    for (std::size_t at = 0; (at = line.find_first_not_of(separators, at)) != std::string_view::npos;) {
        const std::size_t end = std::min(line.find_first_of(separators, at), line.size());
        std::string_view word = line.substr(at, end - at);
        if (word[0] == '+') word.remove_prefix(1);
        if (decimal_commas && word.ends_with(',')) word.remove_suffix(1);  // "1,<tab>2": between them after all
        if (const auto comma = word.find(','); decimal_commas && comma != std::string_view::npos) {
            with_point = word;
            with_point[comma] = '.';  // a second one, or a point, makes it no number
            word = with_point;
        }
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
