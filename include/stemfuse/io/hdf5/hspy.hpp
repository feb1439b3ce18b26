// Images of HyperSpy's .hspy files (HDF5).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Whether HyperSpy wrote the file, by its attribute file_format.
inline bool is_hspy(const hdf5_reader& file) { return hdf5_text_attribute(file.root(), "file_format") == "HyperSpy"; }

namespace detail {

inline array_axis read_hspy_axis(const hdf5_reader& file, const std::string& path) {
    const hdf5_handle group = file.object(path);
    if (!group) return {};
    const std::string unit = hdf5_text_attribute(group.get(), "units"), name = hdf5_text_attribute(group.get(), "name");
    const bool listed = file.object(path + "/axis") ? true : false;  // a DataAxis: coordinates one by one
    array_axis axis = listed ? axis_of("", "", file.numbers(path + "/axis")) : array_axis{};
    if (name != "<undefined>" && name != "_None_") axis.name = name;
    if (unit != "<undefined>" && unit != "_None_") axis.unit = plain_unit(unit);
    if (!listed) {
        axis.step = hdf5_number_attribute(group.get(), "scale").value_or(0);
        axis.first = hdf5_number_attribute(group.get(), "offset").value_or(0);
        axis.uniform = !file.object(path + "/x");  // a FunctionalDataAxis: an expression of others
    }
    axis.navigates = hdf5_flag_attribute(group.get(), "navigate");
    return axis;
}

// The texts of a list that HyperSpy keeps as a data set _list_<key> or as attributes 0, 1, ... of _list_<n>_<key>.
inline std::vector<std::string> read_hspy_list(const hdf5_reader& file, const std::string& group,
                                               const std::string& key) {
    std::vector<std::string> list;
    for (const std::string& member : file.members(group)) {
        if (!member.starts_with("_list_") || !member.ends_with("_" + key)) continue;
        list = file.texts(group + "/" + member);
        const hdf5_handle object = file.object(group + "/" + member);
        for (std::size_t i = 0; list.size() == i && object; ++i) {
            const std::string entry = hdf5_text_attribute(object.get(), std::to_string(i));
            if (!entry.empty()) list.push_back(entry);
        }
        return list;
    }
    const hdf5_handle object = file.object(group);
    return object ? hdf5_text_attributes(object.get(), key) : list;
}

// "Counts" of "Intensity (Counts)".
inline std::string hspy_intensity_unit(const std::string& quantity) {
    const auto open = quantity.rfind('('), close = quantity.rfind(')');
    return open == std::string::npos || close == std::string::npos || close < open
               ? ""
               : quantity.substr(open + 1, close - open - 1);
}

inline std::string hspy_attribute(const hdf5_reader& file, const std::string& group, const char* name) {
    const hdf5_handle object = file.object(group);
    return object ? hdf5_text_attribute(object.get(), name) : "";
}

inline double hspy_resolution(const hdf5_reader& file, const std::string& metadata) {
    double resolution = 0;
    for (const char* const microscope : {"TEM", "SEM"}) {
        const hdf5_handle detector = file.object(metadata + "/Acquisition_instrument/" + microscope + "/Detector/EDS");
        if (detector) resolution = hdf5_number_attribute(detector.get(), "energy_resolution_MnKa").value_or(resolution);
    }
    return resolution;
}

// The element of an image by its title, else the only line or element that its sample is said to have.
inline std::string hspy_element(const hdf5_reader& file, const std::string& metadata, const std::string& label) {
    std::string element = element_of(label);
    for (const char* const key : {"xray_lines", "elements"}) {
        const auto names = read_hspy_list(file, metadata + "/Sample", key);
        if (element.empty() && names.size() == 1 && haadf_rank(label) == 0) element = element_of(names[0]);
    }
    return element;
}

inline void list_hspy_experiment(hdf5_images& images, const std::string& path) {
    const hdf5_reader& file = images.file();
    const std::string place = path + "/data", metadata = path + "/metadata";
    const auto array = file.describe(place);
    if (!array) {
        const std::string reason = file.why_not(place);
        return images.other(path, reason.empty() ? "has no numeric data" : reason, file.shape_of(place));
    }
    std::vector<array_axis> axes;
    for (std::size_t d = 0; d < array->shape.size(); ++d)
        axes.push_back(read_hspy_axis(file, path + "/axis-" + std::to_string(d)));
    layout_hints hints;
    const std::string kind = hspy_attribute(file, metadata + "/Signal", "signal_type");
    hints.energy_unit = energy_unit_of(kind);
    hints.elements = read_hspy_list(file, metadata + "/Sample", "elements");
    image_info like;
    like.label = hspy_attribute(file, metadata + "/General", "title");
    if (like.label.empty()) like.label = last_part(path);
    if (like.label == "__unnamed__") like.label = file.path().stem().string();
    like.element = hspy_element(file, metadata, like.label);
    like.intensity.unit = hspy_intensity_unit(hspy_attribute(file, metadata + "/Signal", "quantity"));
    images.add(*array, axes, hints, like, hspy_resolution(file, metadata));
}

}  // namespace detail

/// Lists the experiments of a HyperSpy file: maps, stacks as their slices, and spectra of every pixel of a map. Other
/// spectra are left out. Throws read_error.
inline void list_hspy(hdf5_images& images) {
    const hdf5_reader& file = images.file();
    std::string version = hdf5_text_attribute(file.root(), "file_format_version");
    if (version.empty()) {
        if (const auto number = hdf5_number_attribute(file.root(), "file_format_version")) version = to_string(*number);
    }
    images.contents().format = "HyperSpy" + (version.empty() ? "" : ", version " + version);
    // "3.1", of "3.1.2" the first number
    if (parse_number(version.substr(0, version.find('.'))).value_or(0) >= 4)
        images.contents().warnings.push_back("HyperSpy version " + version + " is newer than 3, read as 3");
    for (const std::string& name : file.members("Experiments"))
        detail::list_hspy_experiment(images, "Experiments/" + name);
    for (const std::string& link : file.members("Experiments")) {
        const std::string reason = file.why_not("Experiments/" + link);
        if (!reason.empty()) images.other("Experiments/" + link, reason);
    }
    name_by_labels(images.contents().images);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
