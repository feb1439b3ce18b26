// Images of EMD files (HDF5) as NCEM, HyperSpy and py4DSTEM write them. Velox files of that name are another format.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_axes.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Whether the file has the version attributes of an NCEM EMD file.
inline bool is_emd(const hdf5_reader& file) {
    return H5Aexists(file.root(), "version_major") > 0 && H5Aexists(file.root(), "version_minor") > 0;
}

namespace detail {

inline std::string emd_version(const hdf5_reader& file, const char* name) {
    const auto number = hdf5_number_attribute(file.root(), name);
    return number ? to_string(*number) : hdf5_text_attribute(file.root(), name);
}

// One axis from its coordinates: all of them or the first two.
inline array_axis emd_axis(const hdf5_reader& file, const std::string& path, bool with_name) {
    const hdf5_handle set = file.object(path);
    if (!set) return {};
    std::string unit = hdf5_text_attribute(set.get(), "units");
    if (unit.empty()) unit = hdf5_text_attribute(set.get(), "unit");
    array_axis axis = axis_of(with_name ? hdf5_text_attribute(set.get(), "name") : "", unit, file.numbers(path));
    axis.labels = file.texts(path);
    return axis;
}

// The array of a signal group: the data set that is not one of the axes.
inline std::string emd_data(const hdf5_reader& file, const std::string& group) {
    for (const char* const name : {"data", "datacube", "realslice", "diffractionslice"}) {
        if (file.describe(group + "/" + name)) return group + "/" + name;
    }
    return "";
}

inline void list_emd_group(hdf5_images& images, const std::string& group) {
    const hdf5_reader& file = images.file();
    const std::string place = emd_data(file, group);
    if (place.empty()) return images.other(group, "has no numeric data");
    const auto array = file.describe(place).value();
    // dim0, dim1, ... along the axes as they lie, whatever they are called; dim1, dim2, ... is the older layout, x
    // first where the names do not say otherwise.
    const bool old = !file.object(group + "/dim0");
    std::vector<array_axis> axes;
    for (std::size_t d = 0; d < array.shape.size(); ++d)
        axes.push_back(emd_axis(file, group + "/dim" + std::to_string(d + (old ? 1 : 0)), old));
    layout_hints hints;
    hints.x_first = hints.stack_last = old;
    hints.energy_unit = energy_unit_of(last_part(group));
    hints.elements = names_of_stack(file, array);
    image_info like;
    const std::string part = last_part(group);
    like.label = part == "__unnamed__" ? file.path().stem().string() : part;
    like.intensity.unit = array.unit;
    images.add(array, axes, hints, like);
}

}  // namespace detail

/// Lists the signal groups of an EMD file (emd_group_type is 1, or "array"). Throws read_error.
inline void list_emd(hdf5_images& images) {
    const hdf5_reader& file = images.file();
    const std::string version =
        detail::emd_version(file, "version_major") + "." + detail::emd_version(file, "version_minor");
    images.contents().format = "EMD, version " + version;
    if (hdf5_text_attribute(file.root(), "version_major") > "1" ||
        hdf5_number_attribute(file.root(), "version_major").value_or(0) > 1)
        images.contents().warnings.push_back("EMD version " + version + " is newer than 1.0, read as 1.0");
    for (const std::string& link : file.links()) {
        const hdf5_handle object = file.object(link);
        if (!object || H5Iget_type(object.get()) != H5I_GROUP) continue;
        if (hdf5_number_attribute(object.get(), "emd_group_type") == 1.0 ||
            hdf5_text_attribute(object.get(), "emd_group_type") == "array")
            detail::list_emd_group(images, link);
    }
    images.list_unread();
    name_by_labels(images.contents().images);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
