#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <stemfuse/io/tiff/tiff.hpp>
#include <stemfuse/io/tiff/tiff_reader.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

struct how {
    const char* mode = "wl";  // "b" big-endian, "8" BigTIFF
    std::uint16_t compression = COMPRESSION_NONE, samples = 1;
    bool tiles = false;
    std::size_t pages = 1;
};

// Writes pages of the same pixels, every page 1 more than the last.
template <class Value>
void write(const std::filesystem::path& path, const std::vector<Value>& pixels, std::uint32_t nx, std::uint16_t format,
           const how& h = {}) {
    TIFF* const file = TIFFOpen(path.string().c_str(), h.mode);
    REQUIRE(file != nullptr);
    const auto ny = static_cast<std::uint32_t>(pixels.size() / nx / h.samples);
    for (std::size_t page = 0; page < h.pages; ++page) {
        TIFFSetField(file, TIFFTAG_IMAGEWIDTH, nx);
        TIFFSetField(file, TIFFTAG_IMAGELENGTH, ny);
        TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, static_cast<int>(8 * sizeof(Value)));
        TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, static_cast<int>(h.samples));
        TIFFSetField(file, TIFFTAG_SAMPLEFORMAT, static_cast<int>(format));
        TIFFSetField(file, TIFFTAG_PHOTOMETRIC, h.samples == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
        TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
        TIFFSetField(file, TIFFTAG_COMPRESSION, static_cast<int>(h.compression));
        std::vector<Value> copy = pixels;
        for (Value& v : copy) v = static_cast<Value>(v + static_cast<Value>(page));
        if (h.tiles) {
            TIFFSetField(file, TIFFTAG_TILEWIDTH, 16);
            TIFFSetField(file, TIFFTAG_TILELENGTH, 16);
            for (std::uint32_t y = 0; y < ny; y += 16) {
                for (std::uint32_t x = 0; x < nx; x += 16) {
                    std::vector<Value> tile(256, Value(99));
                    for (std::uint32_t k = 0; k < 256; ++k) {
                        if (y + k / 16 < ny && x + k % 16 < nx) tile[k] = copy[(y + k / 16) * nx + x + k % 16];
                    }
                    REQUIRE(TIFFWriteTile(file, tile.data(), x, y, 0, 0) > 0);
                }
            }
        } else {
            TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, 2);
            for (std::uint32_t y = 0; y < ny; ++y)
                REQUIRE(TIFFWriteScanline(file, copy.data() + y * nx * h.samples, y, 0) == 1);
        }
        REQUIRE(TIFFWriteDirectory(file) == 1);
    }
    TIFFClose(file);
}

template <class Value>
void check_type(const scratch::folder& dir, std::uint16_t format, const char* name, const std::vector<Value>& pixels) {
    for (const how& h :
         {how{}, how{.mode = "wb"}, how{.mode = "w8"}, how{.mode = "wb8"},
          how{.mode = "wb", .compression = COMPRESSION_ADOBE_DEFLATE}, how{.compression = COMPRESSION_LZW},
          how{.mode = "wb", .tiles = true}, how{.compression = COMPRESSION_PACKBITS, .tiles = true}}) {
        CAPTURE(std::string(name));
        CAPTURE(std::string(h.mode));
        write(dir / "a.tif", pixels, 3, format, h);
        const io::tiff_reader<> reader(io::file_input{dir / "a.tif"});
        REQUIRE(reader.contents().images.size() == 1);
        const auto& image = reader.contents().images[0];
        CHECK(image.type == name);
        CHECK(image.shape == image_shape{2, 3});
        const auto read = reader.read<double>(image);
        for (std::size_t k = 0; k < 6; ++k) CHECK(read.data()[k] == static_cast<double>(pixels[k]));
        CHECK(reader.contents().format.find(std::string(h.mode).find('b') != std::string::npos
                                                ? "big-endian"
                                                : "little-endian") != std::string::npos);
    }
}

}  // namespace

TEST_CASE("grey pages of every number type, in both byte orders, strips and tiles, compressed or not") {
    const scratch::folder dir;
    check_type<std::uint8_t>(dir, SAMPLEFORMAT_UINT, "uint8", {0, 1, 2, 3, 4, 255});
    check_type<std::uint16_t>(dir, SAMPLEFORMAT_UINT, "uint16", {0, 1, 2, 3, 4, 65535});
    check_type<std::uint32_t>(dir, SAMPLEFORMAT_UINT, "uint32", {0, 1, 2, 3, 4, 4294967295u});
    check_type<std::int8_t>(dir, SAMPLEFORMAT_INT, "int8", {0, -1, 2, 3, -128, 127});
    check_type<std::int16_t>(dir, SAMPLEFORMAT_INT, "int16", {0, -1, 2, 3, -32768, 32767});
    check_type<std::int32_t>(dir, SAMPLEFORMAT_INT, "int32", {0, -1, 2, 3, 4, -2147483647});
    check_type<float>(dir, SAMPLEFORMAT_IEEEFP, "float32", {0.5f, -1, 2, 3, 1e30f, -1e-30f});
    check_type<double>(dir, SAMPLEFORMAT_IEEEFP, "float64", {0.5, -1, 2, 3, 1e300, -1e-300});
}

TEST_CASE("a tiled image larger than its tiles") {
    const scratch::folder dir;
    std::vector<std::uint16_t> pixels;
    for (std::uint16_t i = 0; i < 37 * 21; ++i) pixels.push_back(i);
    write(dir / "a.tif", pixels, 37, SAMPLEFORMAT_UINT, {.tiles = true});
    const io::tiff_reader<> reader(io::file_input{dir / "a.tif"});
    const auto image = reader.read<float>(reader.contents().images.at(0));
    bool right = image.shape() == image_shape{21, 37};
    for (std::size_t k = 0; k < pixels.size(); ++k) right = right && image.data()[k] == static_cast<float>(k);
    CHECK(right);
}

TEST_CASE("what the writer writes is read back with its calibration") {
    const scratch::folder dir;
    const auto image = support::random_array<float, 2>({7, 5}, -3, 5);
    for (const io::pixel_calibration& scale :
         {io::pixel_calibration(), io::pixel_calibration(0.0125, "nm"), io::pixel_calibration(2, "um"),
          io::pixel_calibration(0.5, "A"), io::pixel_calibration({0.25, "nm"}, {0.5, "nm"}),
          io::pixel_calibration({0.25, "nm"}, {2, "eV"})}) {
        io::write_tiff(dir / "Fe.tif", image, scale);
        const io::tiff_reader<> reader(io::file_input{dir / "Fe.tif"});
        const auto& info = reader.contents().images.at(0);
        CHECK(info.name == "Fe");
        CHECK(info.element == "Fe");
        CHECK(info.scale.x.unit == scale.x.unit);
        CHECK(info.scale.y.unit == scale.y.unit);
        CHECK(std::abs(info.scale.x.pixel - scale.x.pixel) <= 1e-6 * scale.x.pixel);
        CHECK(std::abs(info.scale.y.pixel - scale.y.pixel) <= 1e-6 * scale.y.pixel);
        CHECK(reader.read<float>(info) == image);
    }
}

TEST_CASE("pages, colours, and the resolution of a printer") {
    const scratch::folder dir;
    write<std::uint8_t>(dir / "a.tif", {1, 2, 3, 4}, 2, SAMPLEFORMAT_UINT, {.pages = 3});
    const io::tiff_reader<> pages(io::file_input{dir / "a.tif"});
    REQUIRE(pages.contents().images.size() == 3);
    CHECK(pages.contents().images[2].name == "2");
    CHECK(pages.contents().images[2].place == "page 2");
    CHECK(pages.read<float>(pages.contents().images[2])(1, 1) == 6);
    write<std::uint8_t>(dir / "b.tif", {1, 2, 3, 4, 5, 6}, 2, SAMPLEFORMAT_UINT, {.samples = 3});
    const io::tiff_reader<> colours(io::file_input{dir / "b.tif"});
    CHECK(colours.contents().images.empty());
    CHECK(colours.contents().others.at(0).line() == "page 0 (1, 2): colours, must be one real number a pixel");
    TIFF* const file = TIFFOpen((dir / "a.tif").string().c_str(), "r+");
    TIFFSetField(file, TIFFTAG_XRESOLUTION, 300.0);
    TIFFSetField(file, TIFFTAG_YRESOLUTION, 300.0);
    TIFFSetField(file, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    TIFFRewriteDirectory(file);
    TIFFClose(file);
    const io::tiff_reader<> printed(io::file_input{dir / "a.tif"});
    CHECK(!printed.contents().images.at(0).scale.known());
}

namespace {

// Three pages of 2 x 3 float pixels in either byte order, all directories behind the pixels, with more entries on the
// first page: tag, type, count and bytes (numbers in the file's order).
struct entry {
    std::uint16_t tag, type;
    std::uint32_t count;
    std::string value;
};

std::string in_order(std::uint64_t value, std::size_t bytes, bool big) {
    std::string text;
    for (std::size_t k = 0; k < bytes; ++k) text += static_cast<char>(value >> 8 * (big ? bytes - 1 - k : k) & 0xff);
    return text;
}

std::string three_pages(bool big, const std::vector<entry>& of_first, const std::string& behind = "") {
    const auto word = [&](std::uint64_t value, std::size_t bytes) { return in_order(value, bytes, big); };
    std::string file = (big ? "MM" : "II") + word(42, 2) + word(8 + 3 * 24 + behind.size(), 4);
    for (std::uint32_t k = 0; k < 18; ++k) file += word(std::bit_cast<std::uint32_t>(static_cast<float>(k)), 4);
    file += behind;
    for (std::uint32_t page = 0; page < 3; ++page) {
        std::vector<entry> all{{256, 4, 1, word(3, 4)}, {257, 4, 1, word(2, 4)},  {258, 3, 1, word(32, 2)},
                               {259, 3, 1, word(1, 2)}, {262, 3, 1, word(1, 2)},  {273, 4, 1, word(8 + 24 * page, 4)},
                               {278, 4, 1, word(2, 4)}, {279, 4, 1, word(24, 4)}, {339, 3, 1, word(3, 2)}};
        if (page == 0) all.insert(all.end(), of_first.begin(), of_first.end());
        std::sort(all.begin(), all.end(), [](const entry& a, const entry& b) { return a.tag < b.tag; });
        const std::size_t end = file.size() + 2 + 12 * all.size() + 4;
        std::string directory = word(all.size(), 2), values;
        for (const entry& e : all) {
            directory += word(e.tag, 2) + word(e.type, 2) + word(e.count, 4);
            if (e.value.size() > 4) {
                directory += word(end + values.size(), 4);
                values += e.value + std::string(e.value.size() % 2, '\0');
            } else {
                directory += e.value + std::string(4 - e.value.size(), '\0');
            }
        }
        file += directory + word(page < 2 ? end + values.size() : 0, 4) + values;
    }
    return file;
}

}  // namespace

TEST_CASE(
    "private tags: a pixel of 0.25 x 0.5 on every page, as DigitalMicrograph, FEI, TVIPS, ImageJ and OME write it") {
    const scratch::folder dir;
    const auto text = [](const std::string& t) { return t + '\0'; };
    for (const bool big : {false, true}) {
        const auto number = [&](double v) { return in_order(std::bit_cast<std::uint64_t>(v), 8, big); };
        const auto ascii = [&](std::uint16_t tag, const std::string& t) {
            return entry{tag, 2, static_cast<std::uint32_t>(t.size() + 1), text(t)};
        };
        // EM-MENU's header as its documentation has it: version 2, the mode of the microscope, a mark at its end.
        const auto tvips = [&](std::uint32_t mode) {
            std::string h(6312, '\0');
            const auto set = [&](std::size_t at, std::uint32_t v) { h.replace(at, 4, in_order(v, 4, big)); };
            set(0, 2), set(3532, mode), set(6308, 0xaaaaaaaa);
            set(2968, std::bit_cast<std::uint32_t>(0.25f)), set(2972, std::bit_cast<std::uint32_t>(0.5f));
            return h;
        };
        const entry per_nm_x{282, 5, 1, in_order(4, 4, big) + in_order(1, 4, big)},
            per_nm_y{283, 5, 1, in_order(2, 4, big) + in_order(1, 4, big)};
        const std::string xml =
            "<OME><Image ID=\"0\"><Pixels SizeC=\"3\" PhysicalSizeX=\"0.25\" PhysicalSizeXUnit=\"nm\" "
            "PhysicalSizeY=\"0.5\" PhysicalSizeYUnit=\"nm\"/></Image></OME>";
        struct kind {
            std::string name, bytes, unit;
            double factor = 1;
        };
        for (const kind& k : std::vector<kind>{
                 {"DigitalMicrograph",
                  three_pages(big, {ascii(65003, "\xb5m"),
                                    ascii(65004, "\xb5m"),
                                    {65009, 12, 1, number(0.25)},
                                    {65010, 12, 1, number(0.5)}}),
                  "um"},
                 {"FEI",
                  three_pages(big, {ascii(34682, "[Beam]\r\n[Scan]\r\nPixelWidth=0.25e-9\r\nPixelHeight=5e-10\r\n")}),
                  "m", 1e-9},
                 {"FEI, other tag",
                  three_pages(big, {ascii(34680, "[EScan]\nPixelWidth=0.25e-9\nPixelHeight=5e-10\n")}), "m", 1e-9},
                 {"TVIPS, bytes", three_pages(big, {{37706, 1, 6312, tvips(1)}}), "nm"},
                 {"TVIPS, place", three_pages(big, {{37706, 4, 1, in_order(8 + 72, 4, big)}}, tvips(1)), "nm"},
                 {"TVIPS, diffraction", three_pages(big, {{37706, 1, 6312, tvips(3)}}), ""},
                 {"ImageJ",
                  three_pages(big, {ascii(270, "ImageJ=1.53t\nimages=3\nunit=\\u00B5m\n"), per_nm_x, per_nm_y}), "um"},
                 {"OME", three_pages(big, {ascii(270, xml)}), "nm"}}) {
            CAPTURE(k.name);
            CAPTURE(big);
            scratch::write(dir / "a.tif", k.bytes);
            const io::tiff_reader<> reader(io::file_input{dir / "a.tif"});
            REQUIRE(reader.contents().images.size() == 3);
            for (const auto& image : reader.contents().images) {
                CHECK(image.scale.x.unit == k.unit);
                CHECK(image.scale.known() == !k.unit.empty());
                if (k.unit.empty()) continue;
                CHECK(std::abs(image.scale.x.pixel / k.factor - 0.25) < 1e-7);
                CHECK(std::abs(image.scale.y.pixel / k.factor - 0.5) < 1e-7);
            }
            CHECK(reader.read<double>(reader.contents().images[2])(1, 2) == 17);
        }
    }
}

TEST_CASE("truncated at any length, in memory: read_error or the same data, and nothing on stderr") {
    const scratch::folder dir;
    std::vector<std::uint16_t> pixels(40 * 30);
    for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = static_cast<std::uint16_t>(k * 7);
    for (const how& h : {how{}, how{.mode = "wb", .compression = COMPRESSION_ADOBE_DEFLATE, .pages = 2},
                         how{.mode = "w8", .compression = COMPRESSION_LZW}, how{.tiles = true}}) {
        write(dir / "a.tif", pixels, 40, SAMPLEFORMAT_UINT, h);
        const std::string whole = scratch::read(dir / "a.tif");
        const std::string printed = scratch::printed_to_stderr(dir, [&] {
            for (std::size_t length = 0; length < whole.size(); ++length) {
                const std::string cut = whole.substr(0, length);
                try {
                    const io::tiff_reader<io::memory_input> reader({scratch::bytes_of(cut), "x.tif"});
                    for (const auto& info : reader.contents().images) {
                        const auto image = reader.read<double>(info);
                        bool same = true;
                        for (std::size_t k = 0; k < pixels.size(); ++k)
                            same = same && image.data()[k] == pixels[k] + static_cast<double>(info.index);
                        CHECK(same);
                    }
                } catch (const read_error& e) {
                    const std::string message = e.what();
                    const bool clear = message.starts_with("x.tif: ") && message.find('\n') == std::string::npos;
                    CHECK(clear);
                }
            }
        });
        CHECK(printed == "");
    }
}

TEST_CASE("random damage: read_error, or images that the bytes hold") {
    const scratch::folder dir;
    std::mt19937 random(support::seed());
    std::vector<float> pixels(20 * 10, 1.5f);
    for (const how& h : {how{}, how{.mode = "wb", .compression = COMPRESSION_ADOBE_DEFLATE, .pages = 2},
                         how{.compression = COMPRESSION_LZW, .tiles = true}}) {
        write(dir / "a.tif", pixels, 20, SAMPLEFORMAT_IEEEFP, h);
        const std::string whole = scratch::read(dir / "a.tif");
        for (int i = 0; i < 1500; ++i) {
            std::string bytes = whole;
            for (int k = 0; k < 3; ++k) {
                const std::size_t tags = i % 2 == 0 ? std::min<std::size_t>(bytes.size(), 250) : bytes.size();
                bytes[bytes.size() - 1 - random() % tags] = static_cast<char>(random());
            }
            try {
                const io::tiff_reader<io::memory_input> reader({scratch::bytes_of(bytes), "x.tif"});
                for (const auto& info : reader.contents().images) {
                    const bool plausible = reader.read<float>(info).size() <= 1032 * bytes.size() + 65536;
                    CHECK(plausible);
                }
            } catch (const read_error& e) {
                CHECK(std::string(e.what()).starts_with("x.tif: "));
            }
        }
    }
}

TEST_CASE("announced sizes are not trusted") {
    const scratch::folder dir;
    write<std::uint8_t>(dir / "a.tif", {1, 2, 3, 4}, 2, SAMPLEFORMAT_UINT);
    std::string bytes = scratch::read(dir / "a.tif");
    for (const int tag : {256, 257}) {  // width and length, of type 3 (16 bits) or 4
        const std::string entry{static_cast<char>(tag & 255), static_cast<char>(tag >> 8)};
        for (const char type : {'\3', '\4'}) {
            const auto at = bytes.find(entry + type + std::string("\0\1\0\0\0", 5));
            if (at != std::string::npos) bytes.replace(at, 12, entry + std::string("\4\0\1\0\0\0\xff\xff\xff\x7f", 10));
        }
    }
    support::check_throws<read_error>([&] { io::tiff_reader<io::memory_input>({scratch::bytes_of(bytes), "x.tif"}); },
                                      "x.tif: ");
    support::check_throws<read_error>(
        [&] { io::tiff_reader<io::memory_input>({scratch::bytes_of("II*\0 no directory"), "x.tif"}); },
        "x.tif: cannot be read as TIFF");
}
