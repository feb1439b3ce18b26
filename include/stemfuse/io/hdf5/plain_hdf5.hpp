// Images of HDF5 files of no format of their own, of NeXus files, and of MATLAB's (version 7.3).
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_axes.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>
#if __has_include(<nlohmann/json.hpp>)
#include <stemfuse/io/base/nion.hpp>
#endif

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

inline std::string plain_format(const hdf5_reader& file, const std::vector<array_info>& arrays) {
    for (const array_info& a : arrays) {
        const hdf5_handle set = file.object(a.name),
                          group = file.object(parent_of(a.name).empty() ? "/" : parent_of(a.name));
        if (!hdf5_text_attribute(set.get(), "MATLAB_class").empty()) return "MATLAB, version 7.3";
        if (group && hdf5_text_attribute(group.get(), "NX_class") == "NXdata") return "NeXus";
    }
    if (hdf5_text_attribute(file.root(), "file_format") == "stemfuse") return "stemfuse";
    return "HDF5";
}

// Whether an array is a text of MATLAB, or lies where MATLAB keeps what is no variable.
inline bool is_matlab_internal(const hdf5_reader& file, const array_info& a) {
    const std::string kind = hdf5_text_attribute(file.object(a.name).get(), "MATLAB_class");
    return kind == "char" || kind == "cell" || a.name.starts_with("#refs#") || a.name.starts_with("#subsystem#");
}

}  // namespace detail

/// Lists a plain HDF5 file: its two-dimensional data sets, three-dimensional ones as their slices, or as spectra where
/// the file gives energies along one of the axes. Axes of extent 1 count for nothing. Names, units and order of axes
/// come from NXdata groups, dimension scales and attributes, where there are any. Throws read_error.
inline void list_plain_hdf5(hdf5_images& images) {
    const hdf5_reader& file = images.file();
    const auto arrays = file.arrays();
    images.contents().format = detail::plain_format(file, arrays);
    std::vector<image_shape> flat;
    for (const array_info& a : arrays) {
        if (a.shape.size() == 2) flat.push_back({a.shape[0], a.shape[1]});
    }
    for (const array_info& a : arrays) {
        if (detail::is_matlab_internal(file, a) || a.shape.empty()) continue;
        if (a.shape.size() == 1) {
            const hdf5_handle set = file.object(a.name);
            const hdf5_handle group = file.object(detail::parent_of(a.name).empty() ? "/" : detail::parent_of(a.name));
            const bool coordinates =
                a.name.find("pixel_size") != std::string::npos || detail::last_part(a.name) == "elements" ||
                !hdf5_text_attribute(set.get(), "CLASS").empty() || H5Aexists(group.get(), "axes") > 0 ||
                hdf5_text_attribute(group.get(), "NX_class") == "NXdata" || H5Aexists(set.get(), "axis") > 0;
            if (!coordinates) images.other(a.name, a.type + ", 1 dimension, no image", a.shape);
            continue;
        }
        auto [axes, hints] = detail::axes_of_array(file, a);
        hints.images = flat;
        const hdf5_handle set = file.object(a.name);
        image_info like;
        like.intensity.unit = a.unit;
        like.scale = detail::attribute_calibration(set.get());
        if (!like.scale.known()) like.scale = detail::group_calibration(file, detail::parent_of(a.name));
        if (!like.scale.known()) like.scale = detail::group_calibration(file, "");
        like.background = hdf5_number_attribute(set.get(), "background").value_or(0);
        like.label = detail::telling_name(a.name);
        like.name = like.label == detail::last_part(a.name) ? a.name : detail::parent_of(a.name);
#if __has_include(<nlohmann/json.hpp>)
        if (const auto nion = read_nion(hdf5_text_attribute(set.get(), "properties"))) {
            axes = nion->axes, like.intensity = nion->intensity;
            if (!nion->title.empty()) like.label = like.name = one_line(nion->title);
            images.contents().format = "Nion Swift h5";
        }
#endif
        images.add(a, axes, hints, like, hdf5_number_attribute(set.get(), "resolution_eV").value_or(0));
    }
    images.list_unread();
    std::set<std::string> taken;
    for (image_info& image : images.contents().images) {
        const std::string slice = image.name.ends_with(']') ? image.name.substr(image.name.rfind('[')) : "";
        if (!taken.insert(image.name).second) image.name = image.place + slice;
        taken.insert(image.name);
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
