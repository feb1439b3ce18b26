// Element maps as a file that HyperSpy opens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/hdf5/hdf5_writer.hpp>
#include <stemfuse/io/record/record.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Builds the experiments of a HyperSpy file, format 3.1: data, one group of attributes an axis, metadata in groups.
class hspy_builder {
public:
    explicit hspy_builder(const atomic_file& target) : file_(target) {
        file_.text(file_.root(), "file_format", "HyperSpy");
        file_.text(file_.root(), "file_format_version", "3.1");
    }

    // An experiment that is images (n_y, n_x), or a stack of them along an axis of elements.
    template <scalar T>
    void add(const std::string& title, const T* values, const std::vector<std::size_t>& shape,
             const fusion_record<T>& record, const std::string& unit) {
        const std::string path = "Experiments/" + title;
        const hdf5_handle group = file_.group(path);
        const bool stacked = shape.size() == 3;
        if (stacked) {
            file_.stack(group.get(), "data", values, {shape[0], shape[1], shape[2]});
            axis(path, 0, "element", {}, shape[0], true);
        } else {
            file_.image(group.get(), "data", values, image_shape{shape[0], shape[1]}, "");
        }
        axis(path, stacked ? 1 : 0, "y", record.scale.y, shape[stacked ? 1 : 0], false);
        axis(path, stacked ? 2 : 1, "x", record.scale.x, shape[stacked ? 2 : 1], false);
        file_.group(path + "/original_metadata");
        const hdf5_handle general = file_.group(path + "/metadata/General");
        file_.text(general.get(), "title", title);
        file_.text(general.get(), "original_filename", record.title);
        const hdf5_handle signal = file_.group(path + "/metadata/Signal");
        file_.text(signal.get(), "signal_type", "");
        file_.text(signal.get(), "quantity", unit.empty() ? "Intensity" : "Intensity (" + unit + ")");
        const hdf5_handle folding = file_.group(path + "/metadata/_HyperSpy/Folding");
        for (const char* const none : {"original_axes_manager", "original_shape"})
            file_.text(folding.get(), none, "_None_");
        for (const char* const no : {"signal_unfolded", "unfolded"}) file_.parameter(folding.get(), no, false);
        const hdf5_handle sample = file_.group(path + "/metadata/Sample");
        file_.texts(sample.get(), "_list_elements", record.elements);
        const hdf5_handle parameters = file_.group(path + "/metadata/stemfuse");
        for (const auto& [name, value] : record.parameters) file_.parameter(parameters.get(), name, value);
    }

    std::string bytes() const { return file_.bytes(); }

private:
    void axis(const std::string& path, std::size_t number, const std::string& name, const axis_calibration& scale,
              std::size_t size, bool navigate) const {
        const hdf5_handle group = file_.group(path + "/axis-" + std::to_string(number));
        file_.text(group.get(), "name", name);
        if (scale.known()) file_.text(group.get(), "units", shown_unit(scale));
        file_.parameter(group.get(), "scale", scale.known() ? scale.pixel : 1.0);
        file_.parameter(group.get(), "offset", 0.0);
        file_.parameter(group.get(), "size", static_cast<std::int64_t>(size));
        file_.parameter(group.get(), "navigate", navigate);
        file_.parameter(group.get(), "is_binned", false);
    }

    hdf5_writer file_;
};

}  // namespace detail

/// Writes four signals: "fused" and "raw", stacks (n_elements, n_y, n_x) whose first axis navigates through the
/// elements in the order of metadata.Sample.elements, "HAADF" as measured and "HAADF fused", the re-projected one; all
/// with their pixel size, and the parameters in metadata.stemfuse. Throws shape_error for an empty record, write_error;
/// the file is whole or not there.
template <scalar T>
void write_hspy(const std::filesystem::path& path, const fusion_record<T>& record) {
    require_not_empty(stemfuse::detail::view_in_place<3>(record.fused_maps, "fused_maps"), "fused_maps");
    atomic_file target(path);
    const hdf5_silence silence;
    detail::hspy_builder file(target);
    const auto& s = record.fused_maps.shape();
    file.add("fused", record.fused_maps.data(), {s[0], s[1], s[2]}, record, record.unit);
    file.add("raw", record.raw_maps.data(), {s[0], s[1], s[2]}, record, "");
    file.add("HAADF", record.raw_haadf.data(), {s[1], s[2]}, record, "");
    file.add("HAADF fused", record.fused_haadf.data(), {s[1], s[2]}, record, record.unit);
    target.write(file.bytes());
    target.commit();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
