// Tilt angles as files and users write them.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/byte_source.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

inline std::optional<double> number_of(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\"+");
    if (first == std::string_view::npos) return std::nullopt;
    text.remove_prefix(first);
    const auto end = text.find_last_not_of(" \t\r\",;");
    text = text.substr(0, end + 1);
    double value = 0;
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || stop != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

}  // namespace detail

/// The angles in a text file, in its unit (degrees by custom): one number a line, as .rawtlt, .tlt and .txt have them
/// (lines that begin with # are comments), or the TiltAngle of every section of SerialEM's .mdoc. Throws read_error
/// where a line is no number, where there is none, and for a file above 16 MiB.
inline std::vector<double> read_tilt_angles(const std::filesystem::path& path) {
    if (input_file_size(path) > (16u << 20)) throw read_error(path.string(), "is too large for a file of angles");
    std::ifstream file(path);
    const bool sections = path.extension() == ".mdoc";
    std::vector<double> angles;
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        std::string_view text = line;
        const auto first = text.find_first_not_of(" \t\r");
        if (first == std::string_view::npos || text[first] == '#') continue;
        if (sections) {
            const auto equals = text.find('=');
            if (equals == std::string_view::npos || !text.substr(first).starts_with("TiltAngle")) continue;
            text = text.substr(equals + 1);
        }
        const auto value = detail::number_of(text);
        if (!value) throw read_error(path.string(), "line " + std::to_string(number) + " is no angle");
        angles.push_back(*value);
    }
    if (angles.empty()) throw read_error(path.string(), "has no angles");
    return angles;
}

/// The file of angles beside a series: its name with .rawtlt, .tlt, .mdoc or .txt, in this order, in place of its
/// ending or behind it.
inline std::optional<std::filesystem::path> angles_beside(const std::filesystem::path& series) {
    for (const char* const ending : {".rawtlt", ".tlt", ".mdoc", ".txt"}) {
        for (std::filesystem::path path : {std::filesystem::path(series.string() + ending),
                                           std::filesystem::path(series).replace_extension(ending)}) {
            std::error_code ignored;
            if (path != series && std::filesystem::is_regular_file(path, ignored)) return path;
        }
    }
    return std::nullopt;
}

/// Throws value_error where there are not `tilts` angles, where one is beyond 180 degrees, and where they look like
/// radians: three or more different ones that all lie within 4 degrees of 0 and are no whole numbers.
inline void check_tilt_angles(const std::vector<double>& degrees, std::size_t tilts, std::string_view series) {
    const std::string of = " of " + std::string(series);
    if (degrees.size() != tilts) {
        throw value_error("angles" + of, "are " + std::to_string(degrees.size()) + ", must be " +
                                             std::to_string(tilts) + ", one for each tilt");
    }
    double most = 0;
    bool whole = true;
    std::vector<double> different = degrees;
    std::sort(different.begin(), different.end());
    different.erase(std::unique(different.begin(), different.end()), different.end());
    for (const double a : degrees) {
        if (!(std::abs(a) <= 180)) {
            throw value_error("angles" + of, "has " + to_string(a) + ", must be in [-180, 180] degrees");
        }
        most = std::max(most, std::abs(a));
        whole = whole && a == std::round(a);
    }
    if (different.size() >= 3 && most < 3.1416 && !whole) {
        throw value_error("angles" + of, "are at most " + to_string(most) +
                                             ", must be in degrees; these look like radians (--radians)");
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
