// parameters.json: what was fused, and with which parameters.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include <stemfuse/io/guard/output_transaction.hpp>
#include <stemfuse/io/record/record.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Writes {"title", "elements", "shape": [n_y, n_x], "unit", "inputs": [{"file", "sha256"}, ...], "parameters": {...}},
/// "request", if there is one, and "outputs": [{"file", "sha256"}, ...], if any are given, in the order of the record.
/// Bytes that are no UTF-8 are replaced, numbers that are not finite become null. Throws write_error; the file is whole
/// or not there.
template <scalar T>
void write_parameters(const std::filesystem::path& path, const fusion_record<T>& record,
                      const std::vector<output_record>& outputs = {}) {
    nlohmann::ordered_json parameters = nlohmann::ordered_json::object();
    for (const auto& [name, value] : record.parameters) {
        std::visit([&, &key = name](const auto& v) { parameters[key] = v; }, value);
    }
    nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
    for (const input_record& input : record.inputs) {
        inputs.push_back({{"file", input.file}});
        if (!input.sha256.empty()) inputs.back()["sha256"] = input.sha256;
    }
    nlohmann::ordered_json document{{"title", record.title},
                                    {"elements", record.elements},
                                    {"shape", {record.raw_haadf.shape(0), record.raw_haadf.shape(1)}},
                                    {"unit", record.unit},
                                    {"inputs", inputs},
                                    {"parameters", parameters}};
    if (!record.request.empty()) document["request"] = record.request;
    for (const output_record& output : outputs)
        document["outputs"].push_back({{"file", output.file}, {"sha256", output.sha256}});
    write_file(path, document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

/// What parameters.json says of the results beside it.
struct recorded_results {
    std::string title;                   ///< what was fused
    std::string request;                 ///< see fusion_record; empty where none is recorded
    std::vector<input_record> inputs;    ///< the files that were read
    std::vector<output_record> outputs;  ///< the files that were written, with their hashes

    /// Whether they are of the same measurement: files of the same bytes; of none, the same title.
    bool same_measurement(const std::string& other_title, const std::vector<input_record>& others) const {
        if (inputs.size() != others.size() || (inputs.empty() && title != other_title)) return false;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (inputs[i].sha256.empty() || inputs[i].sha256 != others[i].sha256) return false;
        }
        return true;
    }
};

/// What the text of a parameters.json says; nothing where it is damaged or does not name outputs by plain names.
inline std::optional<recorded_results> results_in(std::string_view document) {
    const auto found = nlohmann::json::parse(document, nullptr, false);
    if (!found.is_object()) return std::nullopt;
    const auto text = [](const nlohmann::json& object, const char* key) {
        const auto at = object.find(key);
        return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    const auto files = [&](const char* key, auto&& add) {
        const auto list = found.find(key);
        if (list == found.end() || !list->is_array()) return false;
        for (const auto& entry : *list) {
            if (!entry.is_object()) return false;
            add(text(entry, "file"), text(entry, "sha256"));
        }
        return true;
    };
    recorded_results results{text(found, "title"), text(found, "request"), {}, {}};
    bool plain = true;
    if (!files("inputs", [&](auto&& name, auto&& sum) { results.inputs.push_back({name, sum}); })) return std::nullopt;
    const bool listed = files("outputs", [&](auto&& name, auto&& sum) {
        plain = plain && is_plain_name(name) && name != output_mark;
        results.outputs.push_back({name, sum});
    });
    if (!listed || !plain || results.outputs.empty()) return std::nullopt;
    return results;
}

/// Reads parameters.json of a folder; nothing where there is none, and as results_in() says.
inline std::optional<recorded_results> read_results(const std::filesystem::path& folder) {
    std::ifstream file(folder / output_mark, std::ios::binary);
    if (!file) return std::nullopt;
    return results_in(std::string{std::istreambuf_iterator<char>(file), {}});
}

/// The outputs that are not there as they were written. Throws nothing: what cannot be read is one of them.
inline std::vector<std::string> changed_outputs(const std::filesystem::path& folder, const recorded_results& results) {
    std::vector<std::string> changed;
    for (const auto& output : results.outputs) {
        try {
            if (sha256_of_file(folder / output.file) == output.sha256) continue;
        } catch (const read_error&) {  // absent, or a folder by now
        }
        changed.push_back(output.file);
    }
    return changed;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
