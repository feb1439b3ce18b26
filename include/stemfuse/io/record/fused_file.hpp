// fused.h5: what one fusion read and made, with its history and all of its parameters.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/hdf5/hdf5_writer.hpp>
#include <stemfuse/io/record/record.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The root attributes file_format and version of a fused file.
inline constexpr std::string_view fused_file_format = "stemfuse", fused_file_version = "1";

namespace detail {

template <scalar T>
void require_writable(const fusion_record<T>& record) {
    const auto image = stemfuse::detail::shape_of<2>(record.raw_haadf, "raw_haadf");
    const stack_shape stack{record.elements.size(), image[0], image[1]};
    if (stack[0] * image[0] * image[1] == 0)
        throw shape_error("record", "is empty, maps of shape " + to_string(stack) + ", must have one pixel or more");
    require_shape(stemfuse::detail::shape_of<2>(record.fused_haadf, "fused_haadf"), image, "fused_haadf", "raw_haadf");
    require_shape(stemfuse::detail::shape_of<3>(record.raw_maps, "raw_maps"), stack, "raw_maps",
                  "elements and raw_haadf say");
    if (record.raw_background.size() > 0)
        require_shape(stemfuse::detail::shape_of<3>(record.raw_background, "raw_background"), stack, "raw_background",
                      "elements and raw_haadf say");
    require_shape(stemfuse::detail::shape_of<3>(record.fused_maps, "fused_maps"), stack, "fused_maps",
                  "elements and raw_haadf say");
    if (record.raw_errors.size() > 0)
        require_shape(stemfuse::detail::shape_of<3>(record.raw_errors, "raw_errors"), stack, "raw_errors",
                      "elements and raw_haadf say");
    const auto require_stack = [&](const xt::xtensor<double, 3>& a, const char* name) {
        require_shape(stemfuse::detail::shape_of<3>(a, name), stack, name, "elements and raw_haadf say");
    };
    if (record.amounts && record.amounts->has_composition()) {
        require_stack(record.amounts->fractions, "fractions");
        require_stack(record.amounts->errors, "errors");
    }
    if (record.errors.size() > 0) require_stack(record.errors, "errors");
    if (record.trust) {
        require_stack(record.trust->nonlocal_fraction, "nonlocal_fraction");
        require_stack(record.trust->deviation, "deviation");
    }
    std::set<std::string> names{"", ".", "HAADF"};
    for (const std::string& name : record.elements) {
        if (name.find('/') != std::string::npos || !names.insert(name).second) {
            throw value_error("elements",
                              "is \"" + name + "\", must be distinct names without \"/\", none of them HAADF");
        }
    }
    names = {"", "file_format", "version"};
    for (const auto& [name, value] : record.parameters) {
        if (!names.insert(name).second) {
            throw value_error("parameters", "is \"" + name + "\", must be distinct names, not file_format nor version");
        }
    }
}

// /holdout: a number for each setting that was tried, in the same order.
inline void add_holdout(const hdf5_writer& file, const holdout_record& holdout,
                        const std::vector<std::string>& elements) {
    const hdf5_handle group = file.group("holdout");
    const auto column = [&](const std::string& name, auto&& value_of) {
        std::vector<double> values;
        for (const auto& t : holdout.tried) values.push_back(value_of(t));
        file.curve(group.get(), name.c_str(), values);
    };
    column("directed", [](const auto& t) { return t.setting.directed ? 1.0 : 0.0; });
    column("haadf_weight", [](const auto& t) { return t.setting.haadf_weight; });
    column("gamma", [](const auto& t) { return t.setting.gamma; });
    column("smoothing", [](const auto& t) { return t.setting.smoothing; });
    column("blur", [](const auto& t) { return t.setting.blur; });
    column("averaged", [](const auto& t) { return static_cast<double>(t.setting.averaged); });
    column("deficit", [](const auto& t) { return t.deficit.value; });
    column("standard_error", [](const auto& t) { return t.deficit.standard_error; });
    for (std::size_t i = 0; i < elements.size(); ++i) {
        column(elements[i] + "_deficit", [i](const auto& t) { return t.by_element[i].value; });
        column(elements[i] + "_standard_error", [i](const auto& t) { return t.by_element[i].standard_error; });
    }
}

// /spectra: energies, sum, fit, and what of the fit is the background's, a number a channel; the counts and shapes of
// all elements, by name; bins.
inline void add_spectrum(const hdf5_writer& file, const spectrum_record& s) {
    const hdf5_handle group = file.group("spectra");
    const std::size_t channels = s.sum.size();
    std::vector<double> energies;
    for (std::size_t c = 0; c < channels; ++c) energies.push_back(s.energy(c));
    file.curve(group.get(), "energy", energies);
    file.text(group.get(), "energy_unit", s.unit);
    file.curve(group.get(), "sum", s.sum);
    file.curve(group.get(), "fit", s.fit);
    file.curve(group.get(), "counts", s.counts);
    file.curve(group.get(), "counts_error", s.errors);
    std::vector<std::string> names = s.elements;
    names.push_back("background");
    file.texts(group.get(), "elements", names);
    for (std::size_t i = 0; i < names.size(); ++i) {
        const double* const shape = s.signatures.data() + i * channels;
        std::vector<double> part(shape, shape + channels);
        for (double& v : part) v *= s.counts[i];
        file.curve(group.get(), names[i].c_str(), part);
    }
    if (s.bin_of.empty()) return;
    file.curve(group.get(), "bin", s.bin_of);
    file.curve(group.get(), "information_kept", s.information);
}

// /composition: of the whole image, a number for each element, and atomic fractions of every pixel; /averaging: how far
// the map of each element rests on averaging, and where counts disagree with it.
template <scalar T>
void add_sections(const hdf5_writer& file, const fusion_record<T>& record, const image_shape& shape) {
    const std::size_t pixels = shape[0] * shape[1];
    const auto images = [&](const hdf5_handle& group, const std::string& ending, const xt::xtensor<double, 3>& stack) {
        for (std::size_t i = 0; i < record.elements.size(); ++i)
            file.image(group.get(), record.elements[i] + ending, stack.data() + i * pixels, shape, "");
    };
    if (record.spectrum) add_spectrum(file, *record.spectrum);
    if (record.holdout) add_holdout(file, *record.holdout, record.elements);
    if (record.amounts && record.amounts->has_composition()) {
        const hdf5_handle group = file.group("composition");
        const amounts_record& a = *record.amounts;
        file.curve(group.get(), "atomic_fraction", a.atomic.fractions);
        file.curve(group.get(), "atomic_fraction_error", a.atomic.standard_errors);
        file.curve(group.get(), "weight_fraction", a.weight.fractions);
        file.curve(group.get(), "weight_fraction_error", a.weight.standard_errors);
        images(group, "", a.fractions);
        images(group, "_error", a.errors);
    }
    if (record.errors.size() > 0) images(file.group("errors"), "", record.errors);
    if (record.trust) {
        const hdf5_handle group = file.group("averaging");
        images(group, "_share", record.trust->nonlocal_fraction);
        images(group, "_deviation", record.trust->deviation);
    }
}

template <scalar T>
std::string fused_file_bytes(const atomic_file& target, const fusion_record<T>& record) {
    const hdf5_silence silence;
    const hdf5_writer file(target);
    const auto shape = stemfuse::detail::shape_of<2>(record.raw_haadf, "raw_haadf");
    const std::size_t pixels = shape[0] * shape[1];
    const auto add_group = [&](const char* name, const auto& haadf, const auto& maps, const std::string& unit) {
        hdf5_handle group = file.group(name);
        file.image(group.get(), "HAADF", haadf.data(), shape, unit, record.scale);
        for (std::size_t i = 0; i < record.elements.size(); ++i) {
            file.image(group.get(), record.elements[i], maps.data() + i * pixels, shape, unit, record.scale);
        }
        return group;
    };
    const hdf5_handle raw = add_group("raw", record.raw_haadf, record.raw_maps, "");
    for (std::size_t i = 0; record.raw_background.size() > 0 && i < record.elements.size(); ++i) {
        file.image(raw.get(), record.elements[i] + "_background", record.raw_background.data() + i * pixels, shape, "",
                   record.scale);
    }
    for (std::size_t i = 0; record.raw_errors.size() > 0 && i < record.elements.size(); ++i) {
        file.image(raw.get(), record.elements[i] + "_error", record.raw_errors.data() + i * pixels, shape, "",
                   record.scale);
    }
    add_group("fused", record.fused_haadf, record.fused_maps, record.unit);
    const hdf5_handle history = file.group("history");
    file.curve(history.get(), "haadf", record.history.haadf);
    file.curve(history.get(), "chemical", record.history.chemical);
    file.curve(history.get(), "tv", record.history.tv);
    file.curve(history.get(), "total", record.history.total);
    add_sections(file, record, shape);
    file.text(file.root(), "file_format", std::string(fused_file_format));
    file.text(file.root(), "version", std::string(fused_file_version));
    for (const auto& [name, value] : record.parameters) file.parameter(name, value);
    return file.bytes();
}

}  // namespace detail

/// Writes /raw/HAADF and /raw/ELEMENT as they were read, /fused/HAADF (re-projected) and /fused/ELEMENT with their
/// unit as the attribute "unit", /raw/ELEMENT_background where there is one, all (n_y, n_x) in T and with
/// pixel_size_x, pixel_unit_x, pixel_size_y and pixel_unit_y where known, /raw/ELEMENT_error (standard errors) and
/// /spectra (the sum spectrum and its fit) where maps came from spectra, /history/{haadf,chemical,tv,total}, every
/// parameter as a root attribute, and /holdout, /composition, /errors (standard errors of /fused) and /averaging where
/// the record has them. Throws shape_error and value_error for a record whose parts do not fit together, write_error;
/// the file is whole or not there.
template <scalar T>
void write_fused_file(const std::filesystem::path& path, const fusion_record<T>& record) {
    detail::require_writable(record);
    atomic_file target(path);
    target.write(detail::fused_file_bytes(target, record));
    target.commit();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
