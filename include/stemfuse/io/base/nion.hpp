// What the JSON of Nion Swift says of an array: its axes, its title, and the unit of its numbers.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <stemfuse/io/base/array_layout.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What the JSON of Nion Swift says of an array, as in .ndata, .h5 and exported files.
struct nion_description {
    std::string title;                  ///< empty where there is none
    std::vector<array_axis> axes;       ///< slowest first, without names: units, steps and first coordinates
    intensity_calibration intensity{};  ///< the identity where the file gives none
};

namespace detail {

inline const nlohmann::json* nion_member(const nlohmann::json& object, const char* key) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

inline std::string nion_text(const nlohmann::json& object, const char* key) {
    const nlohmann::json* const found = nion_member(object, key);
    return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

inline double nion_number(const nlohmann::json& object, const char* key, double otherwise) {
    const nlohmann::json* const found = nion_member(object, key);
    if (found == nullptr || !found->is_number()) return otherwise;
    const auto value = found->get<double>();
    return std::isfinite(value) ? value : otherwise;
}

}  // namespace detail

/// The description in `text`; none for what is no JSON of Nion Swift. Files of its library keep it in "data_source",
/// exported ones at the top; the calibrations of the axes are called dimensional or spatial.
inline std::optional<nion_description> read_nion(std::string_view text) {
    using namespace detail;
    constexpr std::size_t longest = 1 << 22;  // bytes; the metadata of an image are some kilobytes
    if (text.size() > longest) return std::nullopt;
    const nlohmann::json root = nlohmann::json::parse(text, nullptr, false);
    const nlohmann::json* source = nion_member(root, "data_source");
    if (const nlohmann::json* const list = nion_member(root, "data_sources");
        list != nullptr && list->is_array() && !list->empty())
        source = &list->front();
    for (const nlohmann::json* const at : {&root, source}) {
        if (at == nullptr) continue;
        const nlohmann::json* axes = nion_member(*at, "dimensional_calibrations");
        if (axes == nullptr) axes = nion_member(*at, "spatial_calibrations");
        if (axes == nullptr || !axes->is_array() || axes->size() > 8) continue;
        nion_description found{nion_text(root, "title"), {}, {}};
        if (found.title.empty()) found.title = nion_text(*at, "title");
        for (const nlohmann::json& axis : *axes) {
            array_axis& a = found.axes.emplace_back();
            a.unit = plain_unit(nion_text(axis, "units"));
            a.step = nion_number(axis, "scale", 0), a.first = nion_number(axis, "offset", 0);
        }
        if (const nlohmann::json* const numbers = nion_member(*at, "intensity_calibration")) {
            const double scale = nion_number(*numbers, "scale", 1);
            if (scale != 0) found.intensity = {scale, nion_number(*numbers, "offset", 0), nion_text(*numbers, "units")};
        }
        return found;
    }
    return std::nullopt;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
