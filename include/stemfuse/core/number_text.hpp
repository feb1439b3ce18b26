// Numbers as text for people and files: the same in every locale.
#pragma once

#include <array>
#include <charconv>
#include <string>

namespace stemfuse {

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

}  // namespace stemfuse
