// What the JSON of a zarr array (version 2, ".zarray") says, and its attributes (".zattrs").
// Format: zarr-specs.readthedocs.io, "Zarr storage specification version 2".
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <stemfuse/io/base/stored_numbers.hpp>
#include <stemfuse/io/numpy/npy_header.hpp>
#include <stemfuse/io/numpy/numpy_images.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// How the chunks of a zarr array are compressed.
enum class zarr_codec { none, deflate };

/// One array of a zarr store.
struct zarr_header {
    std::vector<std::size_t> shape;   ///< slowest axis first
    std::vector<std::size_t> chunks;  ///< the extents of one chunk, as many as of the shape, none of them 0
    stored_type type{'f', 4, std::endian::little};  ///< of one element
    bool column_major = false;                      ///< the first axis is the fastest in a chunk
    zarr_codec codec = zarr_codec::none;            ///< of every chunk
    double fill = 0;                                ///< the value of chunks that are not there
    char separator = '.';                           ///< between the numbers of a chunk's name
    std::string problem{};                          ///< why it is not read; else empty
};

namespace detail {

// Longer JSON belongs to no array or group of images.
inline constexpr std::size_t longest_zarr_text = 1 << 20;

inline nlohmann::json parse_zarr_json(std::string_view text) {
    if (text.size() > longest_zarr_text) return nlohmann::json::value_t::discarded;
    return nlohmann::json::parse(text, nullptr, false);
}

inline std::optional<std::vector<std::size_t>> zarr_extents(const nlohmann::json& object, const char* key) {
    constexpr std::size_t most_axes = 32;
    const auto found = object.find(key);
    if (found == object.end() || !found->is_array() || found->size() > most_axes) return std::nullopt;
    std::vector<std::size_t> extents;
    for (const nlohmann::json& n : *found) {
        if (!n.is_number_unsigned() || n.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
            return std::nullopt;
        extents.push_back(n.get<std::size_t>());
    }
    return extents;
}

inline std::string zarr_text(const nlohmann::json& object, const char* key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// A number, true or false, or the names that JSON has no numbers for.
inline double zarr_fill(const nlohmann::json& object) {
    const auto found = object.find("fill_value");
    if (found == object.end()) return 0;
    if (found->is_boolean()) return found->get<bool>() ? 1 : 0;
    if (found->is_number()) return found->get<double>();
    const std::string name = found->is_string() ? found->get<std::string>() : "";
    const double infinity = std::numeric_limits<double>::infinity();
    return name == "NaN" ? std::nan("") : name == "Infinity" ? infinity : name == "-Infinity" ? -infinity : 0;
}

// The codec by its name; the problem where it is none that is read.
inline void set_zarr_codec(const nlohmann::json& object, zarr_header& header) {
    const auto compressor = object.find("compressor"), filters = object.find("filters");
    const std::string way_out =
        ", which is not read: open it in HyperSpy and save as .hspy, or with compressor=numcodecs.Zlib()";
    if (compressor != object.end() && !compressor->is_null()) {
        std::string name = zarr_text(*compressor, "id");
        if (const std::string inner = zarr_text(*compressor, "cname"); !inner.empty()) name += " (" + inner + ")";
        header.codec = zarr_codec::deflate;
        if (name != "zlib" && name != "gzip")
            header.problem = "is compressed by " + (name.empty() ? "an unknown compressor" : name) + way_out;
    }
    if (filters != object.end() && filters->is_array() && !filters->empty() && header.problem.empty())
        header.problem = "is changed by the filter \"" + zarr_text(filters->front(), "id") + "\"" + way_out;
}

}  // namespace detail

/// Reads the text of a ".zarray". None for what is no array of version 2; a problem in words for one that is not read.
inline std::optional<zarr_header> read_zarr_header(std::string_view text) {
    const nlohmann::json object = detail::parse_zarr_json(text);
    if (!object.is_object()) return std::nullopt;
    const auto version = object.find("zarr_format");
    const auto shape = detail::zarr_extents(object, "shape"), chunks = detail::zarr_extents(object, "chunks");
    if (version == object.end() || *version != 2 || !shape || !chunks || shape->size() != chunks->size())
        return std::nullopt;
    zarr_header header;
    header.shape = *shape, header.chunks = *chunks;
    if (std::find(chunks->begin(), chunks->end(), std::size_t(0)) != chunks->end()) return std::nullopt;
    const std::string descr = detail::zarr_text(object, "dtype");
    if (const auto type = detail::parse_npy_type(descr)) {
        header.type = *type;
    } else {
        header.problem =
            descr.empty() ? "records of several numbers, must be one number a pixel" : detail::npy_foreign_type(descr);
    }
    header.column_major = detail::zarr_text(object, "order") == "F";
    if (detail::zarr_text(object, "dimension_separator") == "/") header.separator = '/';
    header.fill = detail::zarr_fill(object);
    if (header.problem.empty()) detail::set_zarr_codec(object, header);
    return header;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
