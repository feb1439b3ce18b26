// Tilt angles as files and users write them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/base/byte_source.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

inline std::optional<double> number_of(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\"+");
    if (first == std::string_view::npos) return std::nullopt;
    text.remove_prefix(first);
    const auto end = text.find_last_not_of(" \t\r\",;");
    text = text.substr(0, end + 1);
    const auto value = parse_number(text);
    return value && std::isfinite(*value) ? value : std::nullopt;
}

}  // namespace detail

/// What tilt angles are written as: one number a line, lines that begin with # being comments, as .rawtlt, .tlt and
/// .txt have them; or the TiltAngle of every section of SerialEM's .mdoc.
enum class angle_text { lines, sections };

/// The angles in a text, in its unit (degrees by custom). `name` is the file's. Throws read_error where a line is no
/// number, and where there is none.
inline std::vector<double> tilt_angles_in(std::string_view text, angle_text kind, const std::string& name) {
    std::vector<double> angles;
    for (std::size_t number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t\r")));
        if (line.empty() || line[0] == '#') continue;
        if (kind == angle_text::sections) {
            const auto equals = line.find('=');
            if (equals == std::string_view::npos || !line.starts_with("TiltAngle")) continue;
            line = line.substr(equals + 1);
        }
        const auto value = detail::number_of(line);
        if (!value) throw read_error(name, "line " + std::to_string(number) + " is no angle");
        angles.push_back(*value);
    }
    if (angles.empty()) throw read_error(name, "has no angles");
    return angles;
}

/// The angles in a text file: of sections in files that end in .mdoc, else one a line. Throws read_error as
/// tilt_angles_in() does, and for a file above 16 MiB.
inline std::vector<double> read_tilt_angles(const std::filesystem::path& path) {
    if (input_file_size(path) > (16u << 20)) throw read_error(path.string(), "is too large for a file of angles");
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return tilt_angles_in(text, path.extension() == ".mdoc" ? angle_text::sections : angle_text::lines, path.string());
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
