// Text of files and users on its way out: one function for each place that it goes to.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Takes the next code point of UTF-8 off the text; 0xffffffff for a byte that begins none.
inline std::uint32_t take_code_point(std::string_view& text) {
    constexpr std::uint32_t none = 0xffffffff;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xc2 ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    std::uint32_t code = length < 2 ? first : first & (0x7fu >> length);
    bool good = length > 0 && length <= text.size();
    for (std::size_t i = 1; good && i < length; ++i) {
        good = (byte(i) & 0xc0) == 0x80;
        code = code << 6 | (byte(i) & 0x3fu);
    }
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    good = good && code >= least[length] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    text.remove_prefix(good ? length : 1);
    return good ? code : none;
}

// Code points that stand for themselves: no controls (C0, DEL, C1), nothing that changes the direction of text, breaks
// lines, joins or hides; no private use.
inline bool is_visible(std::uint32_t code) {
    struct range {
        std::uint32_t first, last;
    };
    constexpr std::array<range, 14> hidden{{{0, 0x1f},
                                            {0x7f, 0x9f},
                                            {0xad, 0xad},
                                            {0x61c, 0x61c},
                                            {0x180e, 0x180e},
                                            {0x200b, 0x200f},
                                            {0x2028, 0x202e},
                                            {0x2060, 0x206f},
                                            {0xe000, 0xf8ff},
                                            {0xfe00, 0xfe0f},
                                            {0xfeff, 0xfeff},
                                            {0xfff0, 0xfffb},
                                            {0xe0000, 0xe0fff},
                                            {0xf0000, 0xffffffff}}};
    return std::none_of(hidden.begin(), hidden.end(),
                        [=](const range& r) { return code >= r.first && code <= r.last; });
}

// The text with every part that is not visible, or that `allowed` refuses, as `stand_in`.
template <class Allowed>
std::string visible_text(std::string_view text, std::string_view stand_in, Allowed&& allowed) {
    std::string visible;
    while (!text.empty()) {
        const std::string_view before = text;
        const std::uint32_t code = take_code_point(text);
        visible += is_visible(code) && allowed(code) ? before.substr(0, before.size() - text.size()) : stand_in;
    }
    return visible;
}

}  // namespace detail

/// For a terminal or a log: one line, in which escape sequences, controls, marks of writing direction, invisible
/// characters and bytes that are no UTF-8 become "?".
inline std::string terminal_text(std::string_view text) {
    return detail::visible_text(text, "?", [](std::uint32_t) { return true; });
}

/// One word of a command for a POSIX shell, quoted where it needs it; with invisible characters as bash, zsh and ksh
/// read them, $'\033', so that it can be printed. A word that begins with "-" is taken for an option all the same: see
/// shell_path().
inline std::string shell_word(std::string_view text) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_./:,+@%-").find(c) != std::string_view::npos;
    };
    const auto equals_inside = [&](std::size_t i) { return text[i] == '=' && i > 0; };
    bool is_plain = !text.empty();
    for (std::size_t i = 0; i < text.size(); ++i) is_plain = is_plain && (plain(text[i]) || equals_inside(i));
    if (is_plain) return std::string(text);
    const bool visible = terminal_text(text) == text;
    std::string word = visible ? "'" : "$'";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (visible) {
            word += c == '\'' ? std::string("'\\''") : std::string(1, c);
        } else if (c == '\'' || c == '\\') {
            word += {'\\', c};
        } else if (byte < ' ' || byte >= 0x7f) {
            word += {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
                     static_cast<char>('0' + (byte & 7))};
        } else {
            word += c;
        }
    }
    return word + "'";
}

/// The path of a file as a word of a command: never an option.
inline std::string shell_path(std::string_view path) {
    return shell_word((path.starts_with('-') ? "./" : "") + std::string(path));
}

/// One field of comma-separated values (RFC 4180) on one line. What a spreadsheet would take for a formula begins with
/// an apostrophe; quoted where it has a separator of any country.
inline std::string csv_field(std::string_view text) {
    std::string field = terminal_text(text);
    const auto first = field.find_first_not_of(" '\"");
    constexpr std::string_view wide[] = {"\uff1d", "\uff0b", "\uff0d", "\uff20"};  // = + - @ in full width
    const std::string_view rest = std::string_view(field).substr(std::min(first, field.size()));
    if ((!rest.empty() && std::string_view("=+-@|%").find(rest[0]) != std::string_view::npos) ||
        std::any_of(std::begin(wide), std::end(wide), [&](std::string_view w) { return rest.starts_with(w); }))
        field.insert(0, "'");
    if (field.find_first_of(",;\"|") == std::string::npos) return field;
    std::string quoted = "\"";
    for (const char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

/// Text that stands for itself in HTML, between tags and in quoted attributes. Lines stay; other controls, marks of
/// writing direction and bytes that are no UTF-8 become U+FFFD.
inline std::string escape_html(std::string_view text) {
    std::string escaped;
    while (!text.empty()) {
        const std::string_view before = text;
        const std::uint32_t code = detail::take_code_point(text);
        if (code == '&') {
            escaped += "&amp;";
        } else if (code == '<') {
            escaped += "&lt;";
        } else if (code == '>') {
            escaped += "&gt;";
        } else if (code == '"') {
            escaped += "&quot;";
        } else if (code == '\'') {
            escaped += "&#39;";
        } else if (detail::is_visible(code) || code == '\n' || code == '\t') {
            escaped += before.substr(0, before.size() - text.size());
        } else {
            escaped += "\ufffd";
        }
    }
    return escaped;
}

/// A name for a file or folder made from any text: no path, not hidden, no option, none that Windows keeps for devices,
/// at most 100 bytes.
inline std::string file_name(std::string_view text) {
    std::string name = detail::visible_text(text, "_", [](std::uint32_t code) {
        return code >= 0x80 || std::string_view("/\\:*?\"<>|").find(static_cast<char>(code)) == std::string_view::npos;
    });
    constexpr std::size_t most = 100;  // file systems take 255: room for what is added to the name
    if (name.size() > most) {
        std::size_t end = most;
        while ((static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
        name.resize(end);
    }
    while (!name.empty() && (name.back() == '.' || name.back() == ' ')) name.pop_back();
    const auto first = name.find_first_not_of(' ');
    name.erase(0, first);
    if (name.starts_with('.') || name.starts_with('-') || name.starts_with('~')) name[0] = '_';
    std::string stem = name.substr(0, name.find('.'));
    std::transform(stem.begin(), stem.end(), stem.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    const bool numbered =
        stem.size() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")) && stem[3] >= '0' && stem[3] <= '9';
    if (stem == "CON" || stem == "PRN" || stem == "AUX" || stem == "NUL" || numbered) name.insert(0, "_");
    return name.empty() ? "unnamed" : name;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
