// What a file holds, as a table for people.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/image_choice.hpp>
#include <stemfuse/io/image_file.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What to do about a file without images.
inline constexpr const char* without_image =
    "; must have images (y, x) of one number a pixel, stacks of them and spectra of every pixel: make such images of "
    "other "
    "data in HyperSpy or py4DSTEM and save as .hspy or .h5";

namespace detail {

// Rows of cells in columns as wide as their widest, columns without any text left out.
inline std::string text_table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths(rows.at(0).size(), 0);
    for (std::size_t r = 0; r < rows.size(); ++r) {
        for (std::size_t c = 0; c < widths.size(); ++c) {
            const bool heading = r == 0;
            if (!heading || std::any_of(rows.begin() + 1, rows.end(), [&](const auto& row) { return !row[c].empty(); }))
                widths[c] = std::max(widths[c], rows[r][c].size());
        }
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) {
            if (widths[c] > 0) line += "  " + row[c] + std::string(widths[c] - row[c].size(), ' ');
        }
        text += one_line(line.substr(0, line.find_last_not_of(' ') + 1)) + "\n";
    }
    return text;
}

inline std::string show(const axis_calibration& axis) { return to_string(axis.pixel) + " " + axis.unit; }

// "3.6 nm", "3.6 x 4 nm", empty where not known.
inline std::string show(const pixel_calibration& scale) {
    if (!scale.x.known() && !scale.y.known()) return "";
    if (scale.x == scale.y) return show(scale.x);
    if (!scale.x.known() || !scale.y.known())
        return (scale.x.known() ? show(scale.x) : "?") + " x " + (scale.y.known() ? show(scale.y) : "?");
    return (scale.x.unit == scale.y.unit ? to_string(scale.x.pixel) : show(scale.x)) + " x " + show(scale.y);
}

inline std::string show(const spectrum_info& s) {
    return s.name + ": " + std::to_string(s.channels) + " channels from " + to_string(s.first + 0.0) + " to " +
           to_string(s.last) + " " + s.unit + " by " + to_string(channel_step(s)) + ", raster " + to_string(s.shape) +
           (s.scale.known() ? " of " + show(s.scale.in_shown_unit(1)) : "") +
           (s.detectors > 1 ? ", " + std::to_string(s.detectors) + " detectors" : "") +
           (s.frames > 1 ? ", " + std::to_string(s.frames) + " frames" : "") +
           (s.elements.empty() ? "" : ", of a sample of " + joined(s.elements)) +
           (s.unit == "keV" ? ", maps by --elements or --windows" : ", maps by --windows");
}

inline std::string image_table(const std::vector<image_info>& images) {
    std::vector<std::vector<std::string>> rows{
        {"image", "element", "shape", "frames", "type", "pixel", "unit", "place in the file"}};
    for (std::size_t i = 0; i < images.size(); ++i) {
        const image_info& image = images[i];
        std::size_t last = i;
        while (last + 1 < images.size() && images[last + 1].place == image.place) ++last;
        rows.push_back({image.name + (last > i ? " to " + images[last].name : ""), image.element,
                        to_string(image.shape), image.frames > 1 ? std::to_string(image.frames) : "", image.type,
                        show(image.scale.in_shown_unit(1)), image.intensity.unit,
                        image.place == image.name ? "" : image.place});
        i = last;
    }
    return images.empty() ? "" : text_table(rows);
}

}  // namespace detail

/// The format, a line for each image, spectrum and other content, warnings, and which images share a shape. Control
/// characters of the file become "?".
inline std::string describe(const image_file& file) {
    const file_contents& contents = file.contents();
    const std::size_t n = contents.images.size();
    std::string text = file.path().filename().string() + ": " + contents.format + ", " +
                       (n == 0 ? "no image" : std::to_string(n) + (n == 1 ? " image" : " images")) + "\n";
    text += detail::image_table(contents.images);
    for (const auto& source : file.sources()) {
        if (source != file.path()) text += "read with it: " + one_line(source.filename().string()) + "\n";
    }
    for (const spectrum_info& spectrum : contents.spectra) text += "spectra " + one_line(detail::show(spectrum)) + "\n";
    for (const left_out& other : contents.others) text += "not read: " + one_line(other.line()) + "\n";
    for (const std::string& warning : contents.warnings) text += "warning: " + one_line(warning) + "\n";
    std::vector<image_reference> all;
    for (const image_info& image : contents.images) all.push_back({0, image});
    for (const auto& group : detail::by_shape(all)) {
        std::vector<image_info> same;
        for (const image_reference& i : group) same.push_back(i.image);
        if (n > 1)
            text += "images of shape " + to_string(group[0].image.shape) + ": " + one_line(joined(short_names(same))) +
                    "\n";
    }
    return text;
}

/// describe() of the file at a path. Throws read_error for a file that is not read.
inline std::string describe_file(const std::filesystem::path& path) { return describe(image_file(path)); }

}  // namespace stemfuse::inline STEMFUSE_ABI::io
