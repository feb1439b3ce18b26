// The JSON texts in Velox files, read leniently: numbers come as strings, and any part may be missing.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A parsed text; asked for what is not there, or is of another kind, it answers with nothing.
class velox_json {
public:
    /// Text that is no JSON, or longer than 4 MiB, is like an empty object.
    explicit velox_json(std::string_view text)
        : root_(nlohmann::json::parse(text.substr(0, text.size() > longest ? 0 : longest), nullptr, false)) {
        if (root_.is_discarded()) root_ = nlohmann::json::object();
    }

    /// What lies at the path of keys; nullptr where there is nothing. It lives as long as this object.
    const nlohmann::json* find(std::initializer_list<std::string_view> keys) const {
        const nlohmann::json* at = &root_;
        for (const std::string_view key : keys) {
            const auto next = at->is_object() ? at->find(key) : at->end();
            if (next == at->end()) return nullptr;
            at = &*next;
        }
        return at;
    }
    /// The text at the path of keys; empty where there is none.
    std::string text(std::initializer_list<std::string_view> keys) const {
        const nlohmann::json* const found = find(keys);
        return found != nullptr && found->is_string() ? found->get<std::string>() : "";
    }
    /// A number, or a string that is one as a whole; none for what is not finite.
    std::optional<double> number(std::initializer_list<std::string_view> keys) const {
        const nlohmann::json* const found = find(keys);
        if (found == nullptr) return std::nullopt;
        if (found->is_number()) return found->get<double>();
        if (!found->is_string()) return std::nullopt;
        const auto& written = found->get_ref<const std::string&>();
        const std::optional<double> value = parse_number(written);
        return value && std::isfinite(*value) ? value : std::nullopt;
    }

private:
    static constexpr std::size_t longest = 1 << 22;  // what it is parsed into takes some 60 times as much

    nlohmann::json root_;
};

/// The text in a column of a metadata table: its bytes up to the first 0.
inline std::string_view velox_text(std::span<const std::uint8_t> column) {
    const std::string_view text(reinterpret_cast<const char*>(column.data()), column.size());
    return text.substr(0, text.find('\0'));
}

/// What the metadata of an image or a spectrum say.
struct velox_metadata {
    pixel_calibration scale{};          ///< size of a pixel
    intensity_calibration intensity{};  ///< the identity where the file names no unit
    std::string detector;               ///< "HAADF", "SuperXG21"; empty where not named
    bool measured = false;              ///< by a detector, not computed
    double energy_offset = 0;           ///< of the detector's channel 0, in eV
    double energy_step = 0;             ///< from channel to channel, in eV; 0: not known
};

/// Reads the JSON of an image or a spectrum; what it does not say, or is damaged, counts as not known.
inline velox_metadata read_velox_metadata(std::string_view text) {
    const velox_json json(text);
    velox_metadata m;
    m.scale = {
        {json.number({"BinaryResult", "PixelSize", "width"}).value_or(0), json.text({"BinaryResult", "PixelUnitX"})},
        {json.number({"BinaryResult", "PixelSize", "height"}).value_or(0), json.text({"BinaryResult", "PixelUnitY"})}};
    const std::string unit = json.text({"BinaryResult", "IntensityUnit"});
    const double scale = json.number({"BinaryResult", "IntensityScale"}).value_or(0);
    if (!unit.empty() && scale != 0)
        m.intensity = {scale, json.number({"BinaryResult", "IntensityOffset"}).value_or(0), unit};
    m.detector = json.text({"BinaryResult", "Detector"});
    const auto index = json.number({"BinaryResult", "DetectorIndex"});
    m.measured = index.has_value();
    if (index && *index >= 0 && *index < 1e6) {
        const std::string key = "Detector-" + std::to_string(static_cast<int>(*index));
        m.energy_offset = json.number({"Detectors", key, "OffsetEnergy"}).value_or(0);
        m.energy_step = json.number({"Detectors", key, "Dispersion"}).value_or(0);
    } else if (const nlohmann::json* const all = json.find({"Detectors"}); all != nullptr && all->is_object()) {
        // Streams of version 4 name the whole detector, "SuperXG2", whose segments are SuperXG21 to SuperXG24.
        for (const auto& entry : all->items()) {
            const std::string name = json.text({"Detectors", entry.key(), "DetectorName"});
            if (m.energy_step != 0 || m.detector.empty() || !name.starts_with(m.detector)) continue;
            m.energy_offset = json.number({"Detectors", entry.key(), "OffsetEnergy"}).value_or(0);
            m.energy_step = json.number({"Detectors", entry.key(), "Dispersion"}).value_or(0);
        }
    }
    return m;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
