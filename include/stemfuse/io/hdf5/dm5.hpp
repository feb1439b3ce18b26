// Images of Gatan's .dm5 files: the tags of DM4 as groups and attributes of HDF5.
#pragma once

#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <stemfuse/io/dm/dm.hpp>
#include <stemfuse/io/hdf5/hdf5_axes.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Whether the file has the groups of a Gatan DM5 file.
inline bool is_dm5(const hdf5_reader& file) { return file.object("ImageList") && file.object("DocumentObjectList"); }

namespace detail {

inline double dm5_number(const hdf5_reader& file, const std::string& group, const char* name, double otherwise) {
    const hdf5_handle object = file.object(group);
    return object ? hdf5_number_attribute(object.get(), name).value_or(otherwise) : otherwise;
}

inline std::string dm5_text(const hdf5_reader& file, const std::string& group, const char* name) {
    const hdf5_handle object = file.object(group);
    return object ? hdf5_text_attribute(object.get(), name) : "";
}

// Dimension [0] is the fastest axis; coordinate = (index - Origin) Scale.
inline array_axis dm5_axis(const hdf5_reader& file, const std::string& calibrations, std::size_t k) {
    const std::string group = calibrations + "/Dimension/[" + std::to_string(k) + "]";
    array_axis axis{"", plain_unit(dm5_text(file, group, "Units")), dm5_number(file, group, "Scale", 0)};
    axis.first = -dm5_number(file, group, "Origin", 0) * axis.step;
    return axis;
}

inline void list_dm5_item(hdf5_images& images, const std::string& item) {
    const hdf5_reader& file = images.file();
    const std::string place = item + "/ImageData/Data", calibrations = item + "/ImageData/Calibrations";
    const auto array = file.describe(place);
    std::string label = dm5_text(file, item, "Name");
    if (label.empty() || label == "/") label = file.path().stem().string();
    const double type = dm5_number(file, item + "/ImageData", "DataType", 0);
    if (!array) {
        const std::string reason = file.why_not(place);
        return images.other(label, reason.empty() ? "has no data" : reason, file.shape_of(place));
    }
    if (!dm_image_type(type, std::endian::little))
        return images.other(label, dm_foreign_type(type) + ", must be one real number a pixel", array->shape);
    std::vector<array_axis> axes;
    for (std::size_t d = 0; d < array->shape.size(); ++d)
        axes.push_back(dm5_axis(file, calibrations, array->shape.size() - 1 - d));
    layout_hints hints;
    hints.energy_unit = energy_unit_of(dm5_text(file, item + "/ImageTags/Meta Data", "Signal"));
    image_info like;
    like.label = label;
    const std::string unit = dm5_text(file, calibrations + "/Brightness", "Units");
    const double scale = dm5_number(file, calibrations + "/Brightness", "Scale", 1),
                 origin = dm5_number(file, calibrations + "/Brightness", "Origin", 0);
    if (!unit.empty() && std::isfinite(scale) && scale != 0 && std::isfinite(origin))
        like.intensity = {scale, -origin * scale, unit};
    images.add(*array, axes, hints, like);
}

}  // namespace detail

/// Lists the images of a dm5 file as the reader of DM3 and DM4 does. Throws read_error.
inline void list_dm5(hdf5_images& images) {
    const hdf5_reader& file = images.file();
    images.contents().format = "Gatan DM5";
    std::set<std::string> thumbnails;
    for (const std::string& k : file.members("Thumbnails"))
        thumbnails.insert("[" + to_string(detail::dm5_number(file, "Thumbnails/" + k, "ImageIndex", -1)) + "]");
    for (const std::string& item : file.members("ImageList")) {
        if (!thumbnails.contains(item)) detail::list_dm5_item(images, "ImageList/" + item);
    }
    name_by_labels(images.contents().images);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
