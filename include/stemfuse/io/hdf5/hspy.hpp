// Images of HyperSpy's .hspy files (HDF5).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::io {

inline bool is_hspy(const hdf5_reader& file) { return hdf5_text_attribute(file.root(), "file_format") == "HyperSpy"; }

namespace detail {

struct hspy_axis {
    axis_calibration scale{};
    bool navigates = false, energy = false;
    double offset = 0, step = 0;
};

inline hspy_axis read_hspy_axis(const hdf5_reader& file, const std::string& path) {
    const hdf5_handle group = file.object(path);
    if (!group) return {};
    const std::string unit = hdf5_text_attribute(group.get(), "units");
    const double scale = hdf5_number_attribute(group.get(), "scale").value_or(0);
    return {{scale < 0 ? -scale : scale, unit == "<undefined>" || unit == "_None_" ? "" : unit},
            hdf5_flag_attribute(group.get(), "navigate").value_or(false),
            unit == "eV" || unit == "keV",
            hdf5_number_attribute(group.get(), "offset").value_or(0),
            scale};
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

inline void list_hspy_spectra(hdf5_images& images, const std::string& path, const array_info& array,
                              const std::vector<hspy_axis>& axes) {
    const hspy_axis& energies = axes[2];
    spectrum_info s;
    s.name = last_part(path), s.unit = energies.scale.unit, s.type = array.type;
    s.channels = array.shape[2], s.shape = {array.shape[0], array.shape[1]};
    s.first = energies.offset;
    s.last = s.first + static_cast<double>(s.channels - 1) * energies.step;
    s.scale = {axes[1].scale, axes[0].scale};
    for (const char* const microscope : {"TEM", "SEM"}) {
        const hdf5_handle detector =
            images.file().object(path + "/metadata/Acquisition_instrument/" + microscope + "/Detector/EDS");
        if (detector)
            s.resolution = hdf5_number_attribute(detector.get(), "energy_resolution_MnKa").value_or(s.resolution);
    }
    s.places = {array.name};
    images.add(s);
}

inline void list_hspy_experiment(hdf5_images& images, const std::string& path) {
    const hdf5_reader& file = images.file();
    const std::string place = path + "/data", metadata = path + "/metadata";
    const auto array = file.describe(place);
    if (!array) return images.other(path, "has no numeric data");
    const std::size_t rank = array->shape.size();
    std::vector<hspy_axis> axes;
    for (std::size_t d = 0; d < rank; ++d) axes.push_back(read_hspy_axis(file, path + "/axis-" + std::to_string(d)));
    bool spectra = rank == 3 && axes[0].navigates && axes[1].navigates && !axes[2].navigates;
    for (const hspy_axis& axis : axes) spectra = spectra || axis.energy;
    if (rank == 3 && axes[2].energy && axes[2].step > 0 && array->shape[2] > 1)
        return list_hspy_spectra(images, path, *array, axes);
    if (spectra) return images.other(path, to_string(array->shape) + " " + array->type + ", spectra, left out");
    if (rank < 2 || rank > 3 || (rank == 3 && array->shape[0] > most_slices))
        return images.other(path, to_string(array->shape) + " " + array->type + ", no image");

    image_info image;
    std::string label = hspy_attribute(file, metadata + "/General", "title");
    if (label.empty()) label = last_part(path);
    if (label == "__unnamed__") label = file.path().stem().string();
    const auto elements = read_hspy_list(file, metadata + "/Sample", "elements");
    if (rank == 2) image.element = element_of(label);
    if (rank == 2 && image.element.empty() && elements.size() == 1) image.element = element_of(elements[0]);
    image.shape = {array->shape[rank - 2], array->shape[rank - 1]};
    image.type = array->type;
    image.scale = {axes[rank - 1].scale, axes[rank - 2].scale};
    image.intensity.unit = hspy_intensity_unit(hspy_attribute(file, metadata + "/Signal", "quantity"));
    image.place = place, image.label = label;
    if (!has_room(images.contents(), image, rank == 2 ? 1 : array->shape[0]))
        return images.other(path.substr(0, 100), "too many images to list, left out");
    for (std::size_t k = 0; k < (rank == 2 ? 1 : array->shape[0]); ++k) {
        image.label = label + (rank == 2 ? "" : "[" + std::to_string(k) + "]");
        if (rank == 2) {
            images.add(image, {0, 1, {0, 0}});
        } else {
            images.add(image, {1, 2, {k, 0, 0}});
        }
    }
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
    name_by_labels(images.contents().images);
}

}  // namespace stemfuse::io
