// parameters.json: what was fused, and with which parameters.
#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include <nlohmann/json.hpp>

#include <stemfuse/io/base/atomic_file.hpp>
#include <stemfuse/io/record/record.hpp>

namespace stemfuse::io {

/// Writes {"title", "elements", "shape": [n_y, n_x], "unit", "inputs": [{"file", "sha256"}, ...], "parameters": {...}}
/// and "request", if there is one, in the order of the record. Bytes that are no UTF-8 are replaced, numbers that are
/// not finite become null. Throws write_error; the file is whole or not there.
template <scalar T>
void write_parameters(const std::filesystem::path& path, const fusion_record<T>& record) {
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
    write_file(path, document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace stemfuse::io
