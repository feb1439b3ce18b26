// Which format a file is of, by its first bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/element_label.hpp>
#include <stemfuse/io/base/number_table.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What a file is read as. hdf5 is every layout on HDF5 (EMD, DM5, hspy, h5oina, ...), dm is DM3 and DM4, rpl is a
/// Lispix .raw with its .rpl, csv any table of numbers, zarr a folder (in a zip archive it is npz).
enum class file_format { npy, npz, hdf5, dm, tiff, mrc, rpl, csv, zarr };

namespace detail {

struct known_start {
    std::size_t offset;
    std::string_view bytes;
};

inline bool starts(std::string_view file, const known_start& start) {
    return start.offset < file.size() && file.substr(start.offset).starts_with(start.bytes);
}

inline constexpr std::array<std::pair<known_start, file_format>, 14> format_starts{{
    {{0, "\x93NUMPY"}, file_format::npy},
    {{0, "PK\3\4"}, file_format::npz},
    {{0, "PK\5\6"}, file_format::npz},
    {{0, "\x89HDF\r\n\x1a\n"}, file_format::hdf5},
    {{512, "\x89HDF\r\n\x1a\n"}, file_format::hdf5},
    {{1024, "\x89HDF\r\n\x1a\n"}, file_format::hdf5},
    {{2048, "\x89HDF\r\n\x1a\n"}, file_format::hdf5},
    {{0, {"\0\0\0\3", 4}}, file_format::dm},
    {{0, {"\0\0\0\4", 4}}, file_format::dm},
    {{0, {"II*\0", 4}}, file_format::tiff},
    {{0, {"MM\0*", 4}}, file_format::tiff},
    {{0, {"II+\0", 4}}, file_format::tiff},
    {{0, {"MM\0+", 4}}, file_format::tiff},
    {{208, "MAP "}, file_format::mrc},
}};

// Formats that other programs convert, by their first bytes.
inline constexpr std::array<std::pair<known_start, std::string_view>, 6> foreign_starts{{
    {{0, "AAMVHFSS"}, "Bruker bcf"},
    {{0, "II\x97\x01"}, "FEI ser"},
    {{0, "MAPSPECTRA_DATA"}, "EDAX spd"},
    {{0, {"0\1\0\0", 4}}, "JEOL pts"},
    {{1, "PNG"}, "PNG"},
    {{0, "\xff\xd8\xff"}, "JPEG"},
}};

inline constexpr std::string_view how_to_convert =
    "; must be Velox or NCEM EMD, DM3, DM4, DM5, hspy, zspy, HDF5 (also MATLAB 7.3, NeXus, h5oina), npy, npz, ndata, "
    "TIFF, "
    "MRC, "
    "rpl or a table of numbers: open other formats in HyperSpy and save as .hspy";

[[noreturn]] inline void throw_unknown_format(const std::filesystem::path& path, std::string_view start) {
    std::string seen = "starts with the bytes";
    for (const char c : start.substr(0, 8)) {
        std::array<char, 4> hex{};
        std::snprintf(hex.data(), hex.size(), " %02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        seen += hex.data();
    }
    for (const auto& [foreign, name] : foreign_starts) {
        if (starts(start, foreign)) seen = "is of the format " + std::string(name);
    }
    throw read_error(path.string(), seen + std::string(how_to_convert));
}

}  // namespace detail

/// Whether a folder is one of zarr, version 2 or 3.
inline bool is_zarr_folder(const std::filesystem::path& path) {
    std::error_code absent;
    for (const char* const name : {".zgroup", ".zarray", "zarr.json"}) {
        if (std::filesystem::is_regular_file(path / name, absent)) return true;
    }
    return false;
}

/// The format of a file: by its first bytes, else by its extension (rpl, MRC), else a table of numbers. Throws
/// read_error for a missing or empty file, a folder other than of zarr, and a format that is not read.
inline file_format recognise(const std::filesystem::path& path) {
    if (is_zarr_folder(path)) return file_format::zarr;
    file_source source(path);
    std::string start(4096, '\0');
    start.resize(source.read(std::as_writable_bytes(std::span(start))));
    for (const auto& [known, format] : detail::format_starts) {
        if (detail::starts(start, known)) return format;
    }
    const std::string extension = detail::lower_case(path.extension().string());
    for (const auto& [foreign, name] : detail::foreign_starts) {
        if (detail::starts(start, foreign)) detail::throw_unknown_format(path, start);
    }
    if (extension == ".rpl" || extension == ".raw") return file_format::rpl;
    if (extension == ".mrc" || extension == ".mrcs" || extension == ".rec" || extension == ".ali" || extension == ".st")
        return file_format::mrc;
    if (is_number_table(start)) return file_format::csv;
    detail::throw_unknown_format(path, start);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
