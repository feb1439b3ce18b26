// What attributes and neighbours of an HDF5 data set say of its axes and of the names along them: NeXus' NXdata,
// dimension scales, MATLAB, and attributes as fused.h5 and plain files have them.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// "y" and "x" of "y:x", "[y,x]" and "y x".
inline std::vector<std::string> split_names(const std::string& text) {
    constexpr std::string_view separators = ":,; []";
    std::vector<std::string> names;
    for (std::size_t at = 0; (at = text.find_first_not_of(separators, at)) != std::string::npos;) {
        const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
        names.push_back(text.substr(at, end - at));
        at = end;
    }
    return names;
}

// An axis by a one-dimensional data set of its coordinates.
inline array_axis axis_at(const hdf5_reader& file, const std::string& path) {
    const hdf5_handle set = file.object(path);
    if (!set) return {.name = last_part(path)};
    std::string name = hdf5_text_attribute(set.get(), "long_name"), unit = hdf5_text_attribute(set.get(), "units");
    if (unit.empty()) unit = hdf5_text_attribute(set.get(), "unit");
    array_axis axis = axis_of(last_part(path), unit, file.numbers(path));
    if (letter_of_axis(axis) == ' ' && !is_energy_axis(axis) && !name.empty()) axis.name = name;
    axis.labels = file.texts(path);
    return axis;
}

// The axes of a signal of a NeXus group NXdata: by the attribute "axes" of the group or, as of old, of the signal.
inline std::vector<array_axis> nexus_axes(const hdf5_reader& file, const array_info& a) {
    const std::string group = parent_of(a.name);
    const hdf5_handle parent = file.object(group.empty() ? "/" : group), set = file.object(a.name);
    if (!parent || !set) return {};
    std::vector<std::string> names = hdf5_text_attributes(parent.get(), "axes");
    if (names.empty()) names = hdf5_text_attributes(set.get(), "axes");
    if (names.size() == 1) names = split_names(names[0]);
    if (names.size() != a.shape.size()) return {};
    std::vector<array_axis> axes;
    for (const std::string& name : names) axes.push_back(axis_at(file, (group.empty() ? "" : group + "/") + name));
    return axes;
}

// The names of HDF5's dimensions, and the coordinates that its dimension scales give (netCDF4, xarray and h5py write
// them). What cannot be read counts as not there.
inline std::vector<array_axis> dimension_scales(const hdf5_reader& file, const array_info& a) {
    const hdf5_handle set = file.object(a.name);
    if (!set) return {};
    std::vector<array_axis> axes(a.shape.size());
    const auto labels = hdf5_text_attributes(set.get(), "DIMENSION_LABELS");
    for (std::size_t d = 0; d < std::min(labels.size(), axes.size()); ++d) axes[d].name = labels[d];
    if (H5Aexists(set.get(), "DIMENSION_LIST") <= 0) return labels.empty() ? std::vector<array_axis>() : axes;
    const hdf5_handle attribute(H5Aopen(set.get(), "DIMENSION_LIST", H5P_DEFAULT), H5Aclose);
    const hdf5_handle space(H5Aget_space(attribute.get()), H5Sclose), stored(H5Aget_type(attribute.get()), H5Tclose);
    if (H5Tget_class(stored.get()) != H5T_VLEN || hdf5_count(space.get()) != axes.size()) return axes;
    const hdf5_handle base(H5Tget_super(stored.get()), H5Tclose);
    if (H5Tequal(base.get(), H5T_STD_REF_OBJ) <= 0) return axes;
    const hdf5_handle type(H5Tvlen_create(H5T_STD_REF_OBJ), H5Tclose);
    std::vector<hvl_t> lists(axes.size(), hvl_t{0, nullptr});
    if (H5Aread(attribute.get(), type.get(), lists.data()) < 0) return axes;
    for (std::size_t d = 0; d < axes.size(); ++d) {
        if (lists[d].len == 0 || lists[d].p == nullptr) continue;
        const hdf5_handle scale(H5Rdereference2(set.get(), H5P_DEFAULT, H5R_OBJECT, lists[d].p), H5Oclose);
        std::array<char, 1024> path{};
        if (!scale || H5Iget_name(scale.get(), path.data(), path.size()) <= 1) continue;
        array_axis axis = axis_at(file, path.data() + 1);
        if (!axes[d].name.empty()) axis.name = axes[d].name;
        axes[d] = std::move(axis);
    }
    H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, lists.data());
    return axes;
}

// Pixel sizes as fused.h5 has them (pixel_size_x, pixel_unit_x, ...), or as one number or two (y, x): pixel_size_nm, or
// pixel_size with pixel_unit.
inline pixel_calibration attribute_calibration(hid_t set) {
    if (set < 0) return {};
    const auto both = [&](const std::string& name, const std::string& unit) -> pixel_calibration {
        const auto numbers = hdf5_number_attributes(set, name);
        if (numbers.size() == 1) return {numbers[0], unit};
        return numbers.size() == 2 ? pixel_calibration{{numbers[1], unit}, {numbers[0], unit}} : pixel_calibration();
    };
    for (const std::string unit : {"pm", "A", "nm", "um", "mm"}) {
        const pixel_calibration scale = both("pixel_size_" + unit, unit);
        if (scale.known()) return scale;
    }
    std::string unit = hdf5_text_attribute(set, "pixel_unit");
    if (unit.empty()) unit = hdf5_text_attribute(set, "pixel_units");
    if (const pixel_calibration scale = both("pixel_size", unit); scale.known()) return scale;
    const auto axis = [&](const std::string& name) {
        const std::string own = hdf5_text_attribute(set, "pixel_unit_" + name);
        return axis_calibration(hdf5_number_attribute(set, "pixel_size_" + name).value_or(0), own.empty() ? unit : own);
    };
    return {axis("x"), axis("y")};
}

// The same for all images of a group: by its attributes, or by a data set of one number or two, pixel_size_<unit>.
inline pixel_calibration group_calibration(const hdf5_reader& file, const std::string& group) {
    const hdf5_handle parent = file.object(group.empty() ? "/" : group);
    if (const pixel_calibration scale = attribute_calibration(parent.get()); scale.known()) return scale;
    for (const std::string unit : {"pm", "A", "nm", "um", "mm"}) {
        const auto numbers = file.numbers((group.empty() ? "" : group + "/") + "pixel_size_" + unit, 2);
        if (numbers.size() == 1) return {numbers[0], unit};
        if (numbers.size() == 2) return {{numbers[1], unit}, {numbers[0], unit}};
    }
    return {};
}

// The last axis of a spectrum image by the attributes energy_offset_keV and energy_scale_keV (or in eV).
inline std::optional<array_axis> attribute_energies(hid_t set) {
    for (const std::string unit : {"keV", "eV"}) {
        if (const auto step = hdf5_number_attribute(set, "energy_scale_" + unit))
            return array_axis{"energy", unit, *step, hdf5_number_attribute(set, "energy_offset_" + unit).value_or(0)};
    }
    return std::nullopt;
}

// The names of a stack's images: an attribute of it or of its group (texts, or atomic numbers as elements), or an array
// of texts beside it.
inline std::vector<std::string> names_of_stack(const hdf5_reader& file, const array_info& a) {
    const std::string group = parent_of(a.name);
    const hdf5_handle set = file.object(a.name), parent = file.object(group.empty() ? "/" : group);
    for (const std::string name :
         {"elements", "element", "labels", "channels", "channel_names", "names", "lines", "xray_lines"}) {
        const std::string beside = (group.empty() ? "" : group + "/") + name;
        for (const hid_t object : {set.get(), parent.get()}) {
            auto texts = hdf5_text_attributes(object, name);
            if (texts.size() == 1) texts = split_names(texts[0]);
            if (texts.empty() && name.starts_with("element")) texts = symbols_of(hdf5_number_attributes(object, name));
            if (!texts.empty()) return texts;
        }
        auto texts = file.texts(beside);
        if (texts.empty() && name.starts_with("element")) texts = symbols_of(file.numbers(beside, 1024));
        if (!texts.empty()) return texts;
    }
    return {};
}

// What a file says of the axes of an array, and how it is laid out where it says nothing.
struct described_axes {
    std::vector<array_axis> axes{};
    layout_hints hints{};
};

inline described_axes axes_of_array(const hdf5_reader& file, const array_info& a) {
    const hdf5_handle set = file.object(a.name);
    described_axes found{nexus_axes(file, a), {}};
    if (found.axes.empty()) found.axes = dimension_scales(file, a);
    found.axes.resize(a.shape.size());
    if (const auto energies = attribute_energies(set.get()); energies && a.shape.size() > 2)
        found.axes.back() = *energies;
    found.hints.x_first = !hdf5_text_attribute(set.get(), "MATLAB_class").empty();
    found.hints.elements = names_of_stack(file, a);
    return found;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
