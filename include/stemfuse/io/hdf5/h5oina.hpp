// Maps, electron images and spectra of Oxford Instruments' .h5oina files: HDF5 whose data sets have one place a pixel.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_axes.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Whether the file is one of Oxford Instruments, by its maker and format version.
inline bool is_h5oina(const hdf5_reader& file) {
    if (!file.object("Format Version") || !file.object("Manufacturer")) return false;
    const auto maker = file.texts("Manufacturer");
    return !maker.empty() && maker[0].starts_with("Oxford");
}

namespace detail {

// The raster of one technique: "<slice>/<technique>/Header".
struct oxford_header {
    std::size_t ny = 0, nx = 0;
    pixel_calibration scale{};
    double first_energy = 0, channel_width = 0;  // in eV
};

inline oxford_header read_oxford_header(const hdf5_reader& file, const std::string& group) {
    const auto number = [&](const std::string& name) {
        const auto values = file.numbers(group + "/" + name, 64);
        return values.empty() ? 0 : values[0];
    };
    const auto cells = [&](const char* name) {
        const double n = number(name);
        return n >= 1 && n <= 1e6 ? static_cast<std::size_t>(n) : 0;
    };
    const auto step = [&](const std::string& name) {
        const auto array = file.describe(group + "/" + name);
        const hdf5_handle set = file.object(group + "/" + name);
        if (!array || !set) return axis_calibration();
        const std::string unit = hdf5_text_attribute(set.get(), "Unit");
        return axis_calibration(number(name), unit.empty() ? array->unit : unit);
    };
    return {cells("Y Cells"),
            cells("X Cells"),
            {step("X Step"), step("Y Step")},
            number("Start Channel"),
            number("Channel Width")};
}

inline void add_oxford_spectra(hdf5_images& images, const array_info& a, const oxford_header& header) {
    if (!(header.channel_width > 0) || a.shape[1] < 2)
        return images.other(a.name, "spectra without the energies of their channels", a.shape);
    spectrum_info s;
    s.name = last_part(a.name), s.type = a.type, s.unit = "keV", s.channels = a.shape[1];
    s.shape = {header.ny, header.nx}, s.scale = header.scale, s.places = {a.name};
    s.first = header.first_energy / 1000;
    s.last = s.first + static_cast<double>(s.channels - 1) * header.channel_width / 1000;
    images.add(s, {0, 0, 1, true});
}

}  // namespace detail

/// Lists the maps and spectra of X-rays and the electron images of all slices. Throws read_error.
inline void list_h5oina(hdf5_images& images) {
    const hdf5_reader& file = images.file();
    const auto version = file.texts("Format Version");
    images.contents().format = "Oxford h5oina" + (version.empty() ? "" : ", version " + version[0]);
    for (const array_info& a : file.arrays()) {
        const auto data = a.name.find("/Data/");
        if (data == std::string::npos || a.shape.empty()) continue;
        const std::string technique = a.name.substr(0, data), kind = detail::last_part(technique);
        if (kind != "EDS" && kind != "Electron Image") continue;
        const auto header = detail::read_oxford_header(file, technique + "/Header");
        const std::size_t pixels = header.ny * header.nx;
        const std::string name = detail::last_part(a.name);
        if (name == "X" || name == "Y" || name.starts_with("Beam Position") || name == "Z") continue;
        if (const std::string reason = file.why_not(a.name); !reason.empty()) {
            images.other(a.name, reason, a.shape);
        } else if (pixels == 0 || a.shape[0] != pixels || a.shape.size() > 2) {
            images.other(
                a.name,
                "has no place for each of " + std::to_string(header.ny) + " x " + std::to_string(header.nx) + " cells",
                a.shape);
        } else if (a.shape.size() == 2 && a.shape[1] > 1) {
            detail::add_oxford_spectra(images, a, header);
        } else {
            image_info image;
            image.label = name, image.element = element_of(name), image.place = a.name, image.type = a.type;
            image.shape = {header.ny, header.nx}, image.scale = header.scale, image.intensity.unit = a.unit;
            if (image.intensity.unit.empty())
                image.intensity.unit = hdf5_text_attribute(file.object(a.name).get(), "Unit");
            images.add_flat(std::move(image));
        }
    }
    images.list_unread();
    name_by_labels(images.contents().images);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
