// What HyperSpy writes into HDF5 (.hspy) and zarr (.zspy): experiments of an array, its axes and its metadata.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/array_paths.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Groups, arrays and attributes of a file, by path: what list_hspy_experiments needs of one. What is not there, or not
/// of the kind, is empty.
template <class T>
concept hspy_tree = requires(const T& tree, const std::string& path) {
    { tree.has(path) } -> std::same_as<bool>;
    { tree.members(path) } -> std::same_as<std::vector<std::string>>;
    { tree.text(path, "attribute") } -> std::same_as<std::string>;
    { tree.text_list(path, "attribute") } -> std::same_as<std::vector<std::string>>;
    { tree.number(path, "attribute") } -> std::same_as<std::optional<double>>;
    { tree.flag(path, "attribute") } -> std::same_as<std::optional<bool>>;
    { tree.numbers(path) } -> std::same_as<std::vector<double>>;
    { tree.texts(path) } -> std::same_as<std::vector<std::string>>;
    { tree.describe(path) } -> std::same_as<std::optional<array_info>>;
    { tree.why_not(path) } -> std::same_as<std::string>;
    { tree.shape_of(path) } -> std::same_as<std::vector<std::size_t>>;
};

namespace detail {

template <hspy_tree Tree>
array_axis read_hspy_axis(const Tree& tree, const std::string& path) {
    if (!tree.has(path)) return {};
    const std::string unit = tree.text(path, "units"), name = tree.text(path, "name");
    const bool listed = tree.has(path + "/axis");  // a DataAxis: coordinates one by one
    array_axis axis = listed ? axis_of("", "", tree.numbers(path + "/axis")) : array_axis{};
    if (name != "<undefined>" && name != "_None_") axis.name = name;
    if (unit != "<undefined>" && unit != "_None_") axis.unit = plain_unit(unit);
    if (!listed) {
        axis.step = tree.number(path, "scale").value_or(0);
        axis.first = tree.number(path, "offset").value_or(0);
        axis.uniform = !tree.has(path + "/x");  // a FunctionalDataAxis: an expression of others
    }
    axis.navigates = tree.flag(path, "navigate");
    return axis;
}

// The texts of a list that HyperSpy keeps as an array _list_<key> or as attributes 0, 1, ... of _list_<n>_<key>.
template <hspy_tree Tree>
std::vector<std::string> read_hspy_list(const Tree& tree, const std::string& group, const std::string& key) {
    for (const std::string& member : tree.members(group)) {
        if (!member.starts_with("_list_") || !member.ends_with("_" + key)) continue;
        const std::string place = group + "/" + member;
        std::vector<std::string> list = tree.texts(place);
        for (std::size_t i = 0; list.size() == i; ++i) {
            const std::string entry = tree.text(place, std::to_string(i));
            if (!entry.empty()) list.push_back(entry);
        }
        return list;
    }
    return tree.text_list(group, key);
}

// "Counts" of "Intensity (Counts)".
inline std::string hspy_intensity_unit(const std::string& quantity) {
    const auto open = quantity.rfind('('), close = quantity.rfind(')');
    return open == std::string::npos || close == std::string::npos || close < open
               ? ""
               : quantity.substr(open + 1, close - open - 1);
}

template <hspy_tree Tree>
double hspy_resolution(const Tree& tree, const std::string& metadata) {
    double resolution = 0;
    for (const char* const microscope : {"TEM", "SEM"}) {
        const std::string detector = metadata + "/Acquisition_instrument/" + microscope + "/Detector/EDS";
        resolution = tree.number(detector, "energy_resolution_MnKa").value_or(resolution);
    }
    return resolution;
}

// The element of an image by its title, else the only line or element that its sample is said to have.
template <hspy_tree Tree>
std::string hspy_element(const Tree& tree, const std::string& metadata, const std::string& label) {
    std::string element = element_of(label);
    for (const char* const key : {"xray_lines", "elements"}) {
        const auto names = read_hspy_list(tree, metadata + "/Sample", key);
        if (element.empty() && names.size() == 1 && haadf_rank(label) == 0) element = element_of(names[0]);
    }
    return element;
}

template <hspy_tree Tree, class Images>
void list_hspy_experiment(const Tree& tree, Images& images, const std::string& path, const std::string& stem) {
    const std::string place = path + "/data", metadata = path + "/metadata";
    const auto array = tree.describe(place);
    if (!array) {
        const std::string reason = tree.why_not(place);
        return images.other(path, reason.empty() ? "has no numeric data" : reason, tree.shape_of(place));
    }
    std::vector<array_axis> axes;
    for (std::size_t d = 0; d < array->shape.size(); ++d)
        axes.push_back(read_hspy_axis(tree, path + "/axis-" + std::to_string(d)));
    layout_hints hints;
    hints.energy_unit = energy_unit_of(tree.text(metadata + "/Signal", "signal_type"));
    hints.elements = read_hspy_list(tree, metadata + "/Sample", "elements");
    if (hints.elements.empty()) hints.elements = read_hspy_list(tree, metadata + "/Sample", "xray_lines");
    image_info like;
    like.label = tree.text(metadata + "/General", "title");
    if (like.label.empty()) like.label = last_part(path);
    if (like.label == "__unnamed__") like.label = stem;
    like.element = hspy_element(tree, metadata, like.label);
    like.intensity.unit = hspy_intensity_unit(tree.text(metadata + "/Signal", "quantity"));
    images.add(*array, axes, hints, like, hspy_resolution(tree, metadata));
}

}  // namespace detail

/// Lists the experiments of a file of HyperSpy into `images`, which has contents(), other() and add(): maps, stacks as
/// their slices, and spectra of every pixel of a map. Other spectra are left out. Throws read_error.
template <hspy_tree Tree, class Images>
void list_hspy_experiments(const Tree& tree, Images& images, const std::string& stem) {
    std::string version = tree.text("", "file_format_version");
    if (version.empty()) {
        if (const auto number = tree.number("", "file_format_version")) version = to_string(*number);
    }
    images.contents().format = "HyperSpy" + (version.empty() ? "" : ", version " + version);
    // "3.1", of "3.1.2" the first number
    if (parse_number(version.substr(0, version.find('.'))).value_or(0) >= 4)
        images.contents().warnings.push_back("HyperSpy version " + version + " is newer than 3, read as 3");
    for (const std::string& name : tree.members("Experiments"))
        detail::list_hspy_experiment(tree, images, "Experiments/" + name, stem);
    name_by_labels(images.contents().images);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
