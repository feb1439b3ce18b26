// Numbers as text for people and files: the same in every locale.
#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <stemfuse/core/abi.hpp>

#if !defined(__cpp_lib_to_chars)
#include <locale>
#include <sstream>
#endif

namespace stemfuse::inline STEMFUSE_ABI {

/// A number with at most so many significant digits and no trailing zeros: 0.25, 1e+06, nan.
inline std::string to_string(double value, int digits = 6) {
    std::array<char, 64> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, digits);
    return {text.data(), end.ptr};
}

/// A number with so many digits after the point: 1.50. As to_string() from 1e15 on.
inline std::string fixed_text(double value, int decimals) {
    if (!(value < 1e15 && value > -1e15)) return to_string(value);
    std::array<char, 64> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
    return {text.data(), end.ptr};
}

/// The shortest text that is read back as the same number.
inline std::string exact_text(double value) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// The number that all of a text is, in the usual way of writing, whatever the locale; none for any other text.
inline std::optional<double> parse_number(std::string_view text) {
    double value = 0;
#if defined(__cpp_lib_to_chars)
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
#else
    // libc++ 19 reads no floating-point numbers by from_chars.
    std::istringstream stream{std::string(text)};
    stream.imbue(std::locale::classic());
    if (!(stream >> std::noskipws >> value) || stream.peek() != std::istringstream::traits_type::eof())
        return std::nullopt;
#endif
    return value;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
