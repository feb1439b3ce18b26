// Images of any file that is read: the format is recognised by content, the images are listed and read by name.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/array_info.hpp>
#include <stemfuse/io/byte_source.hpp>
#include <stemfuse/io/hdf5.hpp>
#include <stemfuse/io/npy.hpp>
#include <stemfuse/io/npz.hpp>

namespace stemfuse::io {

enum class file_format { npy, npz, hdf5 };

inline std::string format_name(file_format format) {
    return format == file_format::npy ? "npy" : format == file_format::npz ? "npz" : "HDF5";
}

// An image of a file: a two-dimensional array, or slice number `slice` along the first axis of a three-dimensional one.
struct image_info {
    std::string name;  // of the array, with "[0]", "[1]", ... for slices; "0", "1", ... for those of an npy file
    image_shape shape;
    std::string type;  // as stored: "float32", "uint16"
    std::string unit;  // empty where the file has none
    std::string array;
    std::size_t slice = 0;
};

namespace detail {

struct foreign_format {
    std::size_t offset;
    std::string_view magic, name;
};

// Formats that other programs convert, by their first bytes.
inline constexpr std::array<foreign_format, 8> foreign_formats{{
    {0, {"\0\0\0\3", 4}, "Gatan DM3"},
    {0, {"\0\0\0\4", 4}, "Gatan DM4"},
    {0, "AAMVHFSS", "Bruker bcf"},
    {0, "II\x97\x01", "FEI ser"},
    {0, {"II*\0", 4}, "TIFF"},
    {0, {"MM\0*", 4}, "TIFF"},
    {1, "PNG", "PNG"},
    {208, "MAP ", "MRC"},
}};

[[noreturn]] inline void throw_unknown_format(const std::filesystem::path& path, std::string_view start) {
    std::string seen = "starts with the bytes";
    for (const char c : start.substr(0, 8)) {
        std::array<char, 4> hex{};
        std::snprintf(hex.data(), hex.size(), " %02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        seen += hex.data();
    }
    for (const auto& [offset, magic, name] : foreign_formats) {
        if (start.substr(std::min(offset, start.size())).starts_with(magic))
            seen = "is a " + std::string(name) + " file";
    }
    throw read_error(path.string(),
                     seen + "; takes npy, npz and HDF5: open other formats in HyperSpy and save as .hspy");
}

}  // namespace detail

// Throws read_error for a missing or empty file, a folder, and a format that is not read.
inline file_format recognise(const std::filesystem::path& path) {
    file_source source(path);
    std::string start(4096, '\0');
    start.resize(source.read(std::as_writable_bytes(std::span(start))));
    if (start.starts_with("\x93NUMPY")) return file_format::npy;
    if (start.starts_with("PK\3\4") || start.starts_with("PK\5\6")) return file_format::npz;
    constexpr std::string_view hdf5 = "\x89HDF\r\n\x1a\n";
    for (const std::size_t user_block : {0u, 512u, 1024u, 2048u}) {
        if (user_block < start.size() && std::string_view(start).substr(user_block).starts_with(hdf5))
            return file_format::hdf5;
    }
    detail::throw_unknown_format(path, start);
}

// The numeric arrays of any rank in a file. Throws read_error.
inline std::vector<array_info> list_arrays(const std::filesystem::path& path) {
    switch (recognise(path)) {
        case file_format::npz:
            return npz_reader(path).arrays();
        case file_format::hdf5:
            return hdf5_reader(path).arrays();
        case file_format::npy:
            break;
    }
    file_source source(path);
    const npy_header header = read_npy_header(source);
    detail::require_numbers(source, header);
    return {{path.stem().string(), header.shape, type_name(header), ""}};
}

namespace detail {

// How many images an array is: 1, its number of slices, or none.
inline std::size_t image_count(const array_info& a) {
    constexpr std::size_t most_slices = 10000;
    const std::size_t rank = a.shape.size();
    return rank == 2 ? 1 : rank == 3 && a.shape[0] <= most_slices ? a.shape[0] : 0;
}

inline image_info image_of(const array_info& a, std::size_t k, file_format format) {
    const std::size_t rank = a.shape.size();
    const std::string slice = format == file_format::npy ? std::to_string(k) : a.name + "[" + std::to_string(k) + "]";
    return {rank == 2 ? a.name : slice, {a.shape[rank - 2], a.shape[rank - 1]}, a.type, a.unit, a.name, k};
}

// The names of an array's images, in short: "HAADF", "EDS[0] to EDS[63]".
inline std::string image_names(const array_info& a, file_format format) {
    const std::size_t count = image_count(a);
    const std::string first = image_of(a, 0, format).name;
    return count == 1 ? first : first + " to " + image_of(a, count - 1, format).name;
}

}  // namespace detail

// The images of a file: its two-dimensional arrays, and three-dimensional ones as their slices along the first axis
// (of up to 10000). Throws read_error.
inline std::vector<image_info> list_images(const std::filesystem::path& path) {
    const file_format format = recognise(path);
    std::vector<image_info> images;
    for (const array_info& a : list_arrays(path)) {
        for (std::size_t k = 0; k < detail::image_count(a); ++k) images.push_back(detail::image_of(a, k, format));
    }
    return images;
}

// The image that `name` means: the one of that name, else the only one whose path ends in it ("HAADF" for
// "Data/HAADF"). Throws read_error, naming the images that are there, where there is none or several.
inline image_info find_image(const std::filesystem::path& path, std::string_view name) {
    const file_format format = recognise(path);
    if (name.starts_with('/')) name.remove_prefix(1);
    const std::string ending = "/" + std::string(name);
    std::vector<std::string> there;
    std::vector<image_info> matches;
    for (const array_info& a : list_arrays(path)) {
        if (detail::image_count(a) > 0) there.push_back(detail::image_names(a, format));
        for (std::size_t k = 0; k < detail::image_count(a); ++k) {
            const image_info image = detail::image_of(a, k, format);
            if (image.name == name) return image;
            if (image.name.ends_with(ending)) matches.push_back(image);
        }
    }
    if (matches.size() == 1) return matches[0];
    const std::string wanted = "\"" + std::string(name) + "\"";
    if (matches.empty()) throw read_error(path.string(), "has no image " + wanted + ", has " + joined(there));
    there.clear();
    for (const image_info& match : matches) there.push_back(match.name);
    throw read_error(path.string(), "has several images " + wanted + ", takes one of " + joined(there));
}

// The image `name` (see find_image), shape (n_y, n_x), converted to T. Throws read_error.
template <scalar T>
xt::xtensor<T, 2> read_image(const std::filesystem::path& path, std::string_view name) {
    const image_info image = find_image(path, name);
    switch (recognise(path)) {
        case file_format::npz:
            return npz_reader(path).read_image<T>(image.array, image.slice);
        case file_format::hdf5:
            return hdf5_reader(path).read_image<T>(image.array, image.slice);
        case file_format::npy:
            break;
    }
    file_source source(path);
    return read_npy_image<T>(source, image.slice);
}

// What a file holds, for people: its format, a line for each array, and which images share a shape. Throws read_error.
inline std::string describe_file(const std::filesystem::path& path) {
    const file_format format = recognise(path);
    const auto arrays = list_arrays(path);
    std::string text = path.filename().string() + ": " + format_name(format) + ", " + std::to_string(arrays.size()) +
                       (arrays.size() == 1 ? " numeric array\n" : " numeric arrays\n");
    std::size_t width = 0;
    for (const array_info& a : arrays) width = std::max(width, a.name.size());
    for (const array_info& a : arrays) {
        text += "  " + a.name + std::string(width - a.name.size() + 2, ' ') + to_string(a.shape) + "  " + a.type +
                (a.unit.empty() ? "" : "  unit: " + a.unit) + "\n";
    }
    std::vector<std::pair<image_shape, std::vector<std::string>>> by_shape;
    for (const array_info& a : arrays) {
        if (detail::image_count(a) == 0) continue;
        const image_shape shape = detail::image_of(a, 0, format).shape;
        auto group = std::find_if(by_shape.begin(), by_shape.end(), [&](const auto& g) { return g.first == shape; });
        if (group == by_shape.end()) group = by_shape.insert(group, {shape, {}});
        group->second.push_back(detail::image_names(a, format));
    }
    for (const auto& [shape, names] : by_shape) {
        text += "images of shape " + to_string(shape) + ": " + joined(names) + "\n";
    }
    return by_shape.empty() ? text + "no images: none of the arrays has 2 or 3 dimensions\n" : text;
}

}  // namespace stemfuse::io
