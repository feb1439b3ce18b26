// What the descriptions and the private tags of a TIFF file say of its pages: calibration and labels as ImageJ, OME,
// DigitalMicrograph, TVIPS and the microscopes of FEI and Thermo Fisher write them.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tiffio.h>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

template <class Value>
std::optional<Value> tiff_field(TIFF* file, std::uint32_t tag) {
    Value value{};
    return TIFFGetFieldDefaulted(file, tag, &value) != 0 ? std::optional(value) : std::nullopt;
}

// The elements of a tag that libtiff does not know; empty where the directory has none of that type. Value is char for
// texts.
template <class Value>
std::span<const Value> private_tag(TIFF* file, std::uint32_t tag, TIFFDataType type) {
    const TIFFField* const field = TIFFFindField(file, tag, TIFF_ANY);
    if (field == nullptr || TIFFFieldDataType(field) != type) return {};
    const void* values = nullptr;
    if (!TIFFFieldPassCount(field)) {
        if (type != TIFF_ASCII || TIFFGetField(file, tag, &values) == 0 || values == nullptr) return {};
        return {static_cast<const Value*>(values), std::char_traits<char>::length(static_cast<const char*>(values))};
    }
    std::uint32_t count = 0;
    if (TIFFFieldReadCount(field) == TIFF_VARIABLE2) {
        if (TIFFGetField(file, tag, &count, &values) == 0) return {};
    } else {
        std::uint16_t few = 0;
        if (TIFFGetField(file, tag, &few, &values) == 0) return {};
        count = few;
    }
    return values == nullptr ? std::span<const Value>() : std::span(static_cast<const Value*>(values), count);
}

inline std::string tiff_text(TIFF* file, std::uint32_t tag) {
    const auto characters = private_tag<char>(file, tag, TIFF_ASCII);
    const std::string_view text(characters.data(), characters.size());
    return std::string(text.substr(0, text.find('\0')));
}

// What follows "key=" on a line of ImageJ's description; empty where there is none.
inline std::string imagej_value(std::string_view description, const std::string& key) {
    if (!description.starts_with("ImageJ=")) return "";
    const auto at = description.find("\n" + key + "=");
    if (at == std::string_view::npos) return "";
    description.remove_prefix(at + key.size() + 2);
    return std::string(description.substr(0, description.find_first_of("\r\n")));
}

inline double number_in(std::string_view text) {
    while (!text.empty() && (text[0] == ' ' || text[0] == '+')) text.remove_prefix(1);
    const auto value = parse_number(text.substr(0, text.find_first_not_of("0123456789.eE+-")));
    return value && std::isfinite(*value) ? *value : 0;
}

// The labels of ImageJ's slices: its metadata are blocks of bytes, the first a list of kinds ("labl" and how many).
inline std::vector<std::string> imagej_labels(TIFF* file) {
    constexpr std::uint32_t byte_counts = 50838, metadata = 50839;
    const auto counts = private_tag<std::uint32_t>(file, byte_counts, TIFF_LONG);
    const auto bytes = private_tag<std::uint8_t>(file, metadata, TIFF_BYTE);
    if (counts.size() < 2 || counts[0] < 12 || counts[0] > bytes.size()) return {};
    const bool big = bytes[0] == 'I';  // "IJIJ" as it lies, else turned round
    const auto word = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t k = 0; k < 4; ++k) value |= std::uint32_t(bytes[at + k]) << 8 * (big ? 3 - k : k);
        return value;
    };
    std::vector<std::string> labels;
    std::size_t block = 1, at = counts[0];
    for (std::size_t entry = 4; entry + 8 <= counts[0]; entry += 8) {
        const bool names = word(entry) == 0x6c61626c;  // "labl"
        for (std::uint32_t k = 0; k < word(entry + 4) && block < counts.size(); ++k, ++block) {
            if (counts[block] > bytes.size() - at) return labels;
            std::string text;
            for (std::size_t c = 0; c + 1 < counts[block]; c += 2) {
                const unsigned high = bytes[at + c + (big ? 0 : 1)], low = bytes[at + c + (big ? 1 : 0)];
                const unsigned unit = high << 8 | low;
                if (unit < 0x80) text += static_cast<char>(unit);
                if (unit >= 0x80 && unit < 0x800)
                    text += {static_cast<char>(0xc0 | unit >> 6), static_cast<char>(0x80 | (unit & 0x3f))};
                if (unit >= 0x800) text += '?';
            }
            if (names) labels.push_back(std::move(text));
            at += counts[block];
        }
    }
    return labels;
}

// The value of an attribute of an XML element's text, as "0.25" of PhysicalSizeX="0.25".
inline std::string xml_attribute(std::string_view element, const std::string& name) {
    const std::string key = " " + name + "=\"";
    const auto at = element.find(key);
    if (at == std::string_view::npos) return "";
    element.remove_prefix(at + key.size());
    return std::string(element.substr(0, element.find('"')));
}

// The texts between "<name " and ">" of all elements of that name.
inline std::vector<std::string_view> xml_elements(std::string_view xml, const std::string& name) {
    std::vector<std::string_view> found;
    for (std::size_t at = 0; (at = xml.find("<" + name, at)) != std::string_view::npos && found.size() < 4096;) {
        const std::size_t end = std::min(xml.find('>', at), xml.size()), after = at + name.size() + 1;
        if (after < xml.size() && (xml[after] == ' ' || xml[after] == '\n')) found.push_back(xml.substr(at, end - at));
        at = end;
    }
    return found;
}

// What the first page says of all of them.
struct tiff_description {
    pixel_calibration scale{};
    std::vector<std::string> labels{};  // of the images, in their order; empty where they have none
    std::size_t images = 1;             // of ImageJ's stack in one directory
};

inline tiff_description ome_description(std::string_view xml) {
    tiff_description d;
    const auto pixels = xml_elements(xml, "Pixels");
    if (pixels.empty()) return d;
    const auto axis = [&](const std::string& letter) {
        const std::string unit = xml_attribute(pixels[0], "PhysicalSize" + letter + "Unit");
        return axis_calibration(number_in(xml_attribute(pixels[0], "PhysicalSize" + letter)),
                                unit.empty() ? "um" : unit);
    };
    d.scale = {axis("X"), axis("Y")};
    std::vector<std::string> names;
    for (const std::string_view channel : xml_elements(xml, "Channel")) names.push_back(xml_attribute(channel, "Name"));
    const auto extent = [&](const char* name) {
        return std::clamp(number_in(xml_attribute(pixels[0], name)), 1.0, 10000.0);
    };
    // Channels are pages where they are the first of the further axes; else every name stands for several pages.
    const std::string order = xml_attribute(pixels[0], "DimensionOrder");
    const auto before = order == "XYZCT"                       ? extent("SizeZ")
                        : order == "XYTCZ"                     ? extent("SizeT")
                        : order == "XYTZC" || order == "XYZTC" ? extent("SizeT") * extent("SizeZ")
                                                               : 1;
    for (const std::string& name : names) {
        for (double k = 0; k < std::min(before, 10000.0); ++k) d.labels.push_back(name);
    }
    if (std::all_of(names.begin(), names.end(), [](const std::string& n) { return n.empty(); })) d.labels.clear();
    const auto all = xml_elements(xml, "Image");  // of one channel each
    if (d.labels.empty() && all.size() > 1) {
        for (const std::string_view image : all) d.labels.push_back(xml_attribute(image, "Name"));
    }
    return d;
}

// "PixelWidth=3.37e-06" of the section [Scan], in metres, as FEI's and Thermo Fisher's microscopes write it.
inline pixel_calibration fei_calibration(TIFF* file) {
    for (const std::uint32_t tag : {34680u, 34682u}) {
        const std::string text = tiff_text(file, tag);
        for (const char* const section : {"[Scan]", "[EScan]", "[IScan]", ""}) {
            const auto at = text.find(section);
            if (text.empty() || at == std::string::npos) continue;
            const std::string part = text.substr(at);
            const auto value = [&](const std::string& key) {
                const auto found = part.find("\n" + key + "=");
                return found == std::string::npos ? 0
                                                  : number_in(std::string_view(part).substr(found + key.size() + 2));
            };
            const pixel_calibration scale{{value("PixelWidth"), "m"}, {value("PixelHeight"), "m"}};
            if (scale.known()) return scale;
        }
    }
    return {};
}

// The private tags of DigitalMicrograph: 65003 and 65004 units, 65009 and 65010 sizes along x and y.
inline pixel_calibration dm_tiff_calibration(TIFF* file) {
    const auto axis = [&](std::uint32_t unit, std::uint32_t size) {
        const auto value = private_tag<double>(file, size, TIFF_DOUBLE);
        return axis_calibration(value.empty() ? 0 : std::abs(value[0]), tiff_text(file, unit));
    };
    return {axis(65003, 65009), axis(65004, 65010)};
}

// The header of TVIPS' EM-MENU, version 2, as the bytes of tag 37706 or at the place in the file that this tag gives:
// sizes of a pixel in nm. bytes_at(offset, count) reads the file. Not known for diffraction patterns, and for
// version 1.
template <class BytesAt>
pixel_calibration tvips_calibration(TIFF* file, BytesAt&& bytes_at) {
    constexpr std::uint32_t tag = 37706;
    constexpr std::size_t size_x = 2968, size_y = 2972, mode = 3532, magic = 6308, end = magic + 4;
    std::vector<std::uint8_t> header;
    for (const TIFFDataType type : {TIFF_BYTE, TIFF_UNDEFINED}) {
        const auto bytes = private_tag<std::uint8_t>(file, tag, type);
        if (bytes.size() >= end) header.assign(bytes.begin(), bytes.begin() + end);
    }
    if (const auto place = private_tag<std::uint32_t>(file, tag, TIFF_LONG); place.size() == 1)
        header = bytes_at(place[0], end);
    if (header.size() < end) return {};
    const auto word = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t k = 0; k < 4; ++k)
            value |= std::uint32_t(header[at + k]) << 8 * (TIFFIsBigEndian(file) != 0 ? 3 - k : k);
        return value;
    };
    constexpr std::uint32_t version = 2, end_mark = 0xaaaaaaaa, diffraction = 3;
    if (word(0) != version || word(magic) != end_mark || word(mode) == diffraction) return {};
    const auto size = [&](std::size_t at) {
        return axis_calibration(static_cast<double>(std::bit_cast<float>(word(at))), "nm");
    };
    return {size(size_x), size(size_y)};
}

// Pixels per unit, or per centimetre where a microscope's program says so; dots per inch are those of a printer and
// count for nothing.
inline pixel_calibration resolution_calibration(TIFF* file, std::string unit_x, const std::string& unit_y) {
    float x = 0, y = 0;
    TIFFGetField(file, TIFFTAG_XRESOLUTION, &x);
    TIFFGetField(file, TIFFTAG_YRESOLUTION, &y);
    const auto unit_tag = tiff_field<std::uint16_t>(file, TIFFTAG_RESOLUTIONUNIT).value_or(RESUNIT_INCH);
    if (unit_x.empty() && unit_tag == RESUNIT_CENTIMETER) unit_x = "cm";
    if (unit_x == "inch") unit_x.clear();
    const auto axis = [](float per_unit, const std::string& unit) {
        return per_unit > 0 ? axis_calibration(1 / static_cast<double>(per_unit), unit) : axis_calibration();
    };
    return {axis(x, unit_x), axis(y, unit_y.empty() ? unit_x : unit_y)};
}

inline std::string image_description(TIFF* file) {
    const char* text = nullptr;
    TIFFGetField(file, TIFFTAG_IMAGEDESCRIPTION, &text);
    return text == nullptr ? "" : text;
}

// bytes_at(offset, count) reads the file.
template <class BytesAt>
tiff_description read_tiff_description(TIFF* file, BytesAt&& bytes_at) {
    const std::string text = image_description(file);
    if (text.find("<OME") != std::string::npos) return ome_description(text);
    tiff_description d;
    d.scale = dm_tiff_calibration(file);
    if (!d.scale.known()) d.scale = fei_calibration(file);
    if (!d.scale.known()) d.scale = tvips_calibration(file, bytes_at);
    if (!d.scale.known())
        d.scale = resolution_calibration(file, imagej_value(text, "unit"), imagej_value(text, "yunit"));
    d.labels = imagej_labels(file);
    const double images = number_in(imagej_value(text, "images"));
    if (images >= 1 && images <= 1e6) d.images = static_cast<std::size_t>(images);
    return d;
}

// The label of one page: its name (tag 285), or a description of one short line.
inline std::string page_label(TIFF* file) {
    const char* name = nullptr;
    if (TIFFGetField(file, TIFFTAG_PAGENAME, &name) != 0 && name != nullptr && *name != '\0') return name;
    const std::string text = image_description(file);
    const bool plain = text.size() <= 100 && text.find_first_of("\n\r{}<>=") == std::string::npos;
    return plain ? text : "";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
