// Small whole files of every format that has a parser of ours or reads from memory: what fuzzers and the tests of
// damaged files start from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <tiffio.h>

#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/tiff/tiff.hpp>

#include "io/dm_writer.hpp"
#include "io/read_all.hpp"
#include "io/scratch.hpp"

namespace corpus {

struct sample {
    std::string name, bytes;
};

// A thumbnail, an image, a map with a brightness, a stack, a spectrum image, and tags of the other kinds.
inline std::string dm_file(const dm_writer::layout& layout) {
    const dm_writer::writer w(layout);
    const std::vector<std::uint16_t> counts{1, 2, 3, 4, 5, 65535};
    const std::vector<float> map{0.5f, -1, 2, 3, 4, 1e30f};
    const std::string one(1, '\1'), two(2, '\2'), four(4, '\4');
    return w.file({w.tag(21, "struct", w.data({15, 0, 2, 0, 3, 0, 2}, four + two)),
                   w.tag(21, "structs", w.data({20, 15, 0, 2, 0, 8, 0, 5, 2}, one + four + one + four)),
                   w.tag(21, "arrays", w.data({20, 20, 4, 2, 2}, four + four)),
                   w.tag(21, "text", w.data({18, 5}, "hello")), w.number("long", 11, std::int64_t(-5)),
                   w.group("ImageList",
                           {w.image(u"small", 23, 3, {1, 1}, std::vector<std::uint32_t>{7}, 1, 1, u""),
                            w.image(u"HAADF", 10, 4, {3, 2}, counts, 0.25f, 0.5f, u"nm"),
                            w.image(u"Fe K\u03b1", 2, 6, {3, 2}, map, 0.25f, 0.25f, u"\u00b5m",
                                    {w.number("Origin", 6, 1.0f), w.number("Scale", 6, 2.0f), w.text("Units", u"e-")}),
                            w.image(u"stack", 10, 4, {1, 2, 3}, counts, 1, 1, u"nm"),
                            w.image(u"EELS", 2, 6, {1, 2, 3}, map, 1, 1, u"nm", {}, {-100, 0.5f, u"eV"})}),
                   w.group("Thumbnails", {w.group("", {w.number("ImageIndex", 5, std::uint32_t(0))})})});
}

inline std::vector<sample> dm_files() {
    return {{"little.dm3", dm_file({3, std::endian::little})},
            {"big.dm3", dm_file({3, std::endian::big})},
            {"little.dm4", dm_file({4, std::endian::little})},
            {"big.dm4", dm_file({4, std::endian::big})}};
}

// An npy file, version 1 or 2, with this dictionary and `count` bytes 0, 1, ... of elements.
inline std::string npy_file(int version, const std::string& dictionary, std::size_t count) {
    std::string bytes = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
    bytes += static_cast<char>(dictionary.size());
    bytes.append(version == 1 ? 1 : 3, '\0');
    bytes += dictionary;
    for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(i);
    return bytes;
}

inline std::vector<sample> npy_files() {
    const xt::xtensor<float, 2> image{{1, 2, 3}, {4, 5, 6}};
    return {{"f4.npy", stemfuse::io::npy_bytes(image)},
            {"i2.npy", npy_file(1, "{'descr': '>i2', 'fortran_order': True, 'shape': (3, 2), }\n", 12)},
            {"stack.npy", npy_file(2, "{'descr': '|u1', 'fortran_order': True, 'shape': (3, 2, 2), }\n", 12)},
            {"half.npy", npy_file(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (2L, 2L, 1), }\n", 8)},
            {"record.npy", npy_file(1, "{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (1,), }\n", 8)}};
}

inline std::vector<sample> npz_files() {
    const scratch::folder dir;
    std::vector<sample> files;
    for (const auto storage : {stemfuse::io::npz_storage::stored, stemfuse::io::npz_storage::deflated}) {
        const std::string name = storage == stemfuse::io::npz_storage::stored ? "stored.npz" : "deflated.npz";
        stemfuse::io::npz_writer writer(dir / name, storage);
        writer.add("HAADF", xt::xtensor<float, 2>{{1, 2, 3}, {4, 5, 6}});
        writer.add("maps", xt::xtensor<double, 3>({2, 2, 1}, 7.0));
        writer.commit();
        files.push_back({name, scratch::read(dir / name)});
    }
    return files;
}

struct tiff_layout {
    std::string name;
    const char* mode;  // as TIFFOpen takes it: "b" big-endian, "8" BigTIFF
    std::uint16_t compression, bits, format;
    bool tiles;
};

// Two grey pages of 20 x 9 pixels (of 16 x 16 in tiles), their bytes 0, 1, 2, ...
inline void write_tiff_layout(const std::filesystem::path& path, const tiff_layout& l) {
    TIFF* const file = TIFFOpen(path.string().c_str(), l.mode);
    REQUIRE(file != nullptr);
    for (int page = 0; page < 2; ++page) {
        const std::uint32_t nx = 20, ny = 9;
        TIFFSetField(file, TIFFTAG_IMAGEWIDTH, nx);
        TIFFSetField(file, TIFFTAG_IMAGELENGTH, ny);
        TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, static_cast<int>(l.bits));
        TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, 1);
        TIFFSetField(file, TIFFTAG_SAMPLEFORMAT, static_cast<int>(l.format));
        TIFFSetField(file, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
        TIFFSetField(file, TIFFTAG_COMPRESSION, static_cast<int>(l.compression));
        std::string row;
        for (std::uint32_t i = 0; i < (l.tiles ? 256 : nx) * l.bits / 8; ++i) row += static_cast<char>(i);
        if (l.tiles) {
            TIFFSetField(file, TIFFTAG_TILEWIDTH, 16);
            TIFFSetField(file, TIFFTAG_TILELENGTH, 16);
            for (const std::uint32_t x : {0u, 16u}) REQUIRE(TIFFWriteTile(file, row.data(), x, 0, 0, 0) > 0);
        } else {
            TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, 4);
            for (std::uint32_t y = 0; y < ny; ++y) REQUIRE(TIFFWriteScanline(file, row.data(), y, 0) == 1);
        }
        REQUIRE(TIFFWriteDirectory(file) == 1);
    }
    TIFFClose(file);
}

inline std::vector<sample> tiff_files() {
    const scratch::folder dir;
    std::vector<sample> files;
    for (const tiff_layout& l : {tiff_layout{"u8.tif", "wl", COMPRESSION_NONE, 8, SAMPLEFORMAT_UINT, false},
                                 {"u16.tif", "wb", COMPRESSION_LZW, 16, SAMPLEFORMAT_UINT, false},
                                 {"i32.tif", "wl", COMPRESSION_ADOBE_DEFLATE, 32, SAMPLEFORMAT_INT, false},
                                 {"i8.tif", "wb", COMPRESSION_PACKBITS, 8, SAMPLEFORMAT_INT, false},
                                 {"f64.tif", "w8", COMPRESSION_NONE, 64, SAMPLEFORMAT_IEEEFP, false},
                                 {"tiles.tif", "wl", COMPRESSION_ADOBE_DEFLATE, 16, SAMPLEFORMAT_UINT, true},
                                 {"tiles8.tif", "wb", COMPRESSION_LZW, 8, SAMPLEFORMAT_UINT, true}}) {
        write_tiff_layout(dir / l.name, l);
        files.push_back({l.name, scratch::read(dir / l.name)});
    }
    stemfuse::io::write_tiff_stack(dir / "f32.tif", xt::xtensor<float, 3>({2, 2, 3}, 1.5f), {0.25, "nm"});
    files.push_back({"f32.tif", scratch::read(dir / "f32.tif")});
    return files;
}

inline std::vector<sample> velox_texts() {
    return {{"image.json",
             R"({"BinaryResult": {"Detector": "HAADF", "DetectorIndex": "7", "PixelSize": {"width": "2e-09", )"
             R"("height": "4.0e-09"}, "PixelUnitX": "m", "PixelUnitY": "m", "IntensityUnit": "A", )"
             R"("IntensityScale": "2", "IntensityOffset": "-1"}, "Detectors": {"Detector-7": {"DetectorName": "X", )"
             R"("Dispersion": "10", "OffsetEnergy": "-20"}}})"},
            {"loss.json", R"({"Data": {"offset": 100, "dispersion": 0.25, "intensityScale": "2", )"
                          R"("intensityOffset": -1e-3}, "other": [null, true, {"a": "\u00e9\ud83d\ude00"}]})"}};
}

inline std::vector<sample> mrc_files() {
    std::vector<sample> files;
    for (const bool big : {false, true}) {
        std::string bytes;
        const auto word = [&](std::uint32_t value) {
            for (int k = 0; k < 4; ++k) bytes += static_cast<char>(value >> 8 * (big ? 3 - k : k) & 0xff);
        };
        const std::uint32_t ten_as_float = 0x41200000;
        for (const std::uint32_t w : {3u, 2u, 2u, 6u, 0u, 0u, 0u, 3u, 2u, 2u, ten_as_float, ten_as_float}) word(w);
        while (bytes.size() < 92) word(0);
        word(8);  // bytes of a second header
        bytes.resize(208);
        bytes += std::string("MAP ") + (big ? "\x11\x11" : "DD");
        bytes.resize(1032);
        for (int i = 0; i < 12; ++i) bytes += {static_cast<char>(i), static_cast<char>(i + 1)};
        files.push_back({big ? "big.mrc" : "little.mrc", bytes});
    }
    return files;
}

inline std::vector<sample> rpl_files() {
    const std::string numbers("\0\1\0\2\0\3\0\4\0\5\0\6\0\7\1\0\2\0\3\0\4\0\5\0\6", 24);
    const std::string text = "key\tvalue\nwidth\t3\nheight\t2\ndepth\t2\ndata-length\t2\nbyte-order\tbig-endian\n";
    return {
        {"image", text + "data-type\tunsigned\nrecord-by\timage\nwidth-scale\t0.5\nwidth-units\tnm\n" + '\0' + numbers},
        {"vector", text + "data-type\tsigned\nrecord-by\tvector\nev-per-chan\t10\n" + '\0' + numbers}};
}

inline std::vector<sample> csv_files() {
    return {{"aztec.csv", "Title,Fe\r\n1,2,3,\r\n4,5.5,-6e2,\r\n"}, {"plain.csv", "1;2\n3;4\n+5;6"}};
}

inline std::vector<sample> lzf_streams() {
    // "abc" as it is, 6 bytes from 3 back, 20 bytes from 1 back.
    return {{"lzf", std::string("\2abc\x80\2\xe0\x0b\0\0d", 11)}, {"plain", std::string("\3wxyz", 5)}};
}

inline std::vector<sample> zarr_stores() {
    const auto header = [](const std::string& shape, const std::string& type, const std::string& more) {
        return R"({"zarr_format": 2, "shape": [)" + shape + R"(], "chunks": [)" + shape + R"(], "dtype": ")" + type +
               R"(", "fill_value": 0, "filters": null, )" + more + "}" + '\0';
    };
    std::string packed(64, '\0');
    uLongf size = packed.size();
    const std::string numbers("\0\1\0\2\0\3\0\4\0\5\0\6", 12);
    REQUIRE(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(numbers.data()),
                     numbers.size()) == Z_OK);
    packed.resize(size);
    const std::string dims = R"({"_ARRAY_DIMENSIONS": ["y", "x"]})" + std::string(1, '\0');
    return {
        {"plain", header("2, 3", ">u2", R"("compressor": null, "order": "F")") + dims + numbers},
        {"zlib", header("2, 3", "<i2", R"("compressor": {"id": "zlib", "level": 1}, "order": "C")") + dims + packed}};
}

// As Nion Swift's library keeps it, and as it exports it.
inline std::vector<sample> nion_texts() {
    return {{"library.json",
             R"({"title": "Fe", "data_source": {"dimensional_calibrations": [{"offset": -1.5, "scale": 0.25, )"
             R"("units": "nm"}, {"offset": 0, "scale": 2e-1, "units": "\u00b5m"}], "intensity_calibration": )"
             R"({"offset": 1, "scale": -2, "units": "e"}}})"},
            {"exported.json", R"({"spatial_calibrations": [{"scale": null}, {}, {"units": 5}], "data_sources": []})"}};
}

inline std::vector<sample> parameters_texts() {
    return {{"parameters.json",
             R"({"title": "a", "inputs": [{"file": "a.h5", "sha256": "00ff"}], "parameters": {"gamma": 1.6}, )"
             R"("request": "x", "outputs": [{"file": "fused.h5", "sha256": "0f"}, {"file": "fused.png"}]})"}};
}

inline std::vector<sample> tilt_texts() {
    return {{"a.rawtlt", "# degrees\n-60.5\n 0 \n\n+1.5e1\r\n"},
            {"a.mdoc", "[T = a]\nPixelSpacing = 3\n[ZValue = 0]\nTiltAngle = -60.01\n[ZValue = 1]\nTiltAngle = 3\n"}};
}

// Two images with their angles among the tags, and one with its stage's.
inline std::vector<sample> dm_tilt_files() {
    const dm_writer::writer w({4, std::endian::little});
    const auto item = [&](double angle) { return w.group("", {w.number("stage angle (degree)", 7, angle)}); };
    return {
        {"tracked.dm4", w.file({w.group("ImageList", {w.group("", {w.group("Tracking", {item(-10), item(12)})})})})}};
}

inline std::vector<sample> wire_messages() {
    stemfuse::io::file_contents contents{"EMD", {}, {}, {}, {"a warning"}};
    stemfuse::io::image_info image;
    image.name = "HAADF", image.shape = {2, 3};
    stemfuse::io::spectrum_info spectrum;
    spectrum.name = "EDX", spectrum.places = {"a", "b"};
    contents.images.assign(2, image), contents.spectra = {spectrum}, contents.others = {{"x", "is a curve", {5}}};
    stemfuse::io::wire_writer wire;
    wire(contents);
    return {{"contents", wire.bytes}};
}

// A format's whole files, and how all of one is read.
struct format {
    std::string_view name;
    std::vector<sample> (*files)();
    bool knows_its_end = true;  // so that a part of a file is told from a whole one
    std::vector<double> (*read)(read_all::bytes) =
        std::ranges::find(read_all::readers, name, &read_all::named_reader::format)->read;
};

inline const format formats[] = {{"dm", dm_files},
                                 {"npy", npy_files},
                                 {"npz", npz_files},
                                 {"tiff", tiff_files},
                                 {"velox_json", velox_texts},
                                 {"mrc", mrc_files},
                                 {"rpl", rpl_files, false},
                                 {"csv", csv_files, false},
                                 {"lzf", lzf_streams, false},
                                 {"zarr", zarr_stores, false},
                                 {"nion", nion_texts},
                                 {"parameters_json", parameters_texts},
                                 {"tilt_angles", tilt_texts, false},
                                 {"dm_tilts", dm_tilt_files},
                                 {"wire", wire_messages}};

}  // namespace corpus
