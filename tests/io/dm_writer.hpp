// Writes DM3 and DM4 files in both byte orders, tag by tag, for the tests of their reader.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace dm_writer {

// How a file is written: version 3 has 4-byte lengths, version 4 8-byte ones and a length in every tag.
struct layout {
    int version = 3;
    std::endian order = std::endian::little;
};

template <class Number>
std::string bytes_of(Number value, std::endian order) {
    std::string bytes(sizeof(Number), '\0');
    std::memcpy(bytes.data(), &value, sizeof(Number));
    return order == std::endian::native ? bytes : std::string(bytes.rbegin(), bytes.rend());
}

class writer {
public:
    explicit writer(layout l) : layout_(l) {}

    std::string length(std::uint64_t n) const {
        return layout_.version == 3 ? bytes_of(static_cast<std::uint32_t>(n), std::endian::big)
                                    : bytes_of(n, std::endian::big);
    }
    std::string data(const std::vector<std::uint64_t>& info, const std::string& payload) const {
        std::string text = "%%%%" + length(info.size());
        for (const auto word : info) text += length(word);
        return text + payload;
    }
    std::string tag(char kind, const std::string& name, const std::string& body) const {
        std::string text(1, kind);
        text += bytes_of(static_cast<std::uint16_t>(name.size()), std::endian::big) + name;
        if (layout_.version == 4) text += bytes_of(static_cast<std::uint64_t>(body.size()), std::endian::big);
        return text + body;
    }
    std::string group_body(const std::vector<std::string>& tags) const {
        std::string text(std::string("\1\0", 2) + length(tags.size()));
        for (const auto& t : tags) text += t;
        return text;
    }
    std::string group(const std::string& name, const std::vector<std::string>& tags) const {
        return tag(20, name, group_body(tags));
    }
    template <class Number>
    std::string number(const std::string& name, std::uint64_t code, Number value) const {
        return tag(21, name, data({code}, bytes_of(value, layout_.order)));
    }
    template <class Number>
    std::string array(const std::string& name, std::uint64_t code, const std::vector<Number>& values) const {
        std::string payload;
        for (const Number v : values) payload += bytes_of(v, layout_.order);
        return tag(21, name, data({20, code, values.size()}, payload));
    }
    std::string text(const std::string& name, const std::u16string& value) const {
        std::vector<std::uint16_t> units(value.begin(), value.end());
        return array(name, 4, units);
    }
    std::string file(const std::vector<std::string>& tags) const {
        const std::string body = group_body(tags);
        const auto big = [](std::uint32_t v) { return bytes_of(v, std::endian::big); };
        return big(static_cast<std::uint32_t>(layout_.version)) + length(body.size()) +
               big(layout_.order == std::endian::little ? 1 : 0) + body + std::string(8, '\0');
    }

    // An item of the image list; `third` calibrates a third dimension.
    struct third_axis {
        float origin, scale;
        std::u16string unit;
    };
    template <class Number>
    std::string image(const std::u16string& name, std::uint32_t data_type, std::uint64_t code,
                      const std::vector<std::uint32_t>& dimensions, const std::vector<Number>& values, float pixel_x,
                      float pixel_y, const std::u16string& unit, const std::vector<std::string>& brightness = {},
                      const third_axis& third = {0, 1, u""}) const {
        std::vector<std::string> extents, axes;
        for (const std::uint32_t d : dimensions) {
            extents.push_back(number("", 5, d));
            const bool in_plane = axes.size() < 2;
            const float pixel = axes.empty() ? pixel_x : in_plane ? pixel_y : third.scale;
            axes.push_back(group("", {number("Origin", 6, in_plane ? 0.0f : third.origin), number("Scale", 6, pixel),
                                      text("Units", in_plane ? unit : third.unit)}));
        }
        return group(
            "", {group("ImageData",
                       {group("Calibrations", {group("Brightness", brightness), group("Dimension", axes)}),
                        array("Data", code, values), number("DataType", 5, data_type), group("Dimensions", extents),
                        number("PixelDepth", 5, static_cast<std::uint32_t>(sizeof(Number)))}),
                 text("Name", name)});
    }

private:
    layout layout_;
};

}  // namespace dm_writer
