// Images of EMD files (HDF5) as NCEM, HyperSpy and py4DSTEM write them. Velox files of that name are another format.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::io {

inline bool is_emd(const hdf5_reader& file) {
    return H5Aexists(file.root(), "version_major") > 0 && H5Aexists(file.root(), "version_minor") > 0;
}

namespace detail {

inline std::string emd_version(const hdf5_reader& file, const char* name) {
    const auto number = hdf5_number_attribute(file.root(), name);
    return number ? to_string(*number) : hdf5_text_attribute(file.root(), name);
}

// The calibration of one axis from its coordinates: all of them or the first two.
inline axis_calibration emd_axis(const hdf5_reader& file, const std::string& path) {
    const auto array = file.describe(path);
    if (!array || array->shape.size() != 1 || array->shape[0] < 2) return {};
    const hsize_t last = array->shape[0] - 1;
    const double first = file.read_block<double>(path, {0}, {1})[0],
                 end = file.read_block<double>(path, {last}, {1})[0];
    const double step = (end - first) / static_cast<double>(last);
    return {step < 0 ? -step : step, array->unit};
}

// The array of a signal group: its data set that is none of the axes.
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
    const std::size_t rank = array.shape.size();
    // dim0, dim1, ... along the axes as they lie; dim1, dim2, ... is the older layout, x first.
    const bool x_first = !file.describe(group + "/dim0");
    const std::size_t count = rank != 3 ? 1 : array.shape[x_first ? 2 : 0];
    if (rank < 2 || rank > 3 || count > most_slices)
        return images.other(group, to_string(array.shape) + " " + array.type + ", no image");
    const std::size_t y = x_first ? 1 : rank - 2, x = x_first ? 0 : rank - 1, k_axis = x_first ? 2 : 0;
    const auto axis = [&](std::size_t d) {
        return emd_axis(file, group + "/dim" + std::to_string(d + (x_first ? 1 : 0)));
    };
    image_info image;
    const std::string part = last_part(group), label = part == "__unnamed__" ? file.path().stem().string() : part;
    if (rank == 2) image.element = element_of(label);
    image.shape = {array.shape[y], array.shape[x]};
    image.type = array.type;
    image.scale = {axis(x), axis(y)};
    image.intensity.unit = array.unit;
    image.place = place;
    if (image.scale.x.unit == "eV" || image.scale.y.unit == "eV" || (rank == 3 && axis(k_axis).unit.ends_with("eV")))
        return images.other(group, to_string(array.shape) + " " + array.type + ", spectra, left out");
    if (!has_room(images.contents(), image, count))
        return images.other(group.substr(0, 100), "too many images to list, left out");
    for (std::size_t k = 0; k < count; ++k) {
        image.label = label + (rank == 2 ? "" : "[" + std::to_string(k) + "]");
        std::vector<hsize_t> at(rank, 0);
        if (rank == 3) at[k_axis] = k;
        images.add(image, {y, x, at});
    }
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
    name_by_labels(images.contents().images);
}

}  // namespace stemfuse::io
