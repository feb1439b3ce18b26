// Images that lie in an HDF5 file as planes of data sets, whatever the layout around them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/hdf5/hdf5.hpp>
#include <stemfuse/io/hdf5/hdf5_spectra.hpp>

namespace stemfuse::io {

/// The images of an HDF5 file: a layout's list_ function fills it, then they are read.
class hdf5_images {
public:
    /// Throws read_error for what the HDF5 library cannot open.
    explicit hdf5_images(const std::filesystem::path& path) : file_(path) {}

    const hdf5_reader& file() const noexcept { return file_; }
    const file_contents& contents() const noexcept { return contents_; }
    file_contents& contents() noexcept { return contents_; }

    /// Lists the image that is this plane of the data set info.place; with its frames along an axis of their own, if
    /// any.
    void add(image_info info, hdf5_plane plane, std::optional<std::size_t> frame_axis = {}) {
        info.index = planes_.size();
        contents_.images.push_back(std::move(info));
        planes_.push_back({std::move(plane), frame_axis});
    }

    /// Lists a spectrum image, the data set places[0] of shape (n_y, n_x, energy).
    void add(spectrum_info info) {
        info.index = contents_.spectra.size();
        contents_.spectra.push_back(std::move(info));
    }

    void other(const std::string& path, const std::string& what) { contents_.others.push_back(path + ": " + what); }

    /// An image of contents(), shape (n_y, n_x), its frames as chosen. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        auto [plane, axis] = planes_.at(image.index);
        auto sum = file_.read_plane<T>(image.place, plane);
        if (axis && frames != frame_choice::first) {
            file_.require_plausible(image.place);
            for (std::size_t frame = 1; frame < image.frames; ++frame) {
                plane.at[*axis] = frame;
                const auto next = file_.read_plane<T>(image.place, plane);
                for (std::size_t k = 0; k < sum.size(); ++k) sum.data()[k] += next.data()[k];
            }
        }
        const bool summed = axis && frames == frame_choice::sum;
        const double n = axis && frames == frame_choice::mean ? static_cast<double>(image.frames) : 1;
        const double scale = image.intensity.scale / n;
        apply({scale, image.intensity.offset * static_cast<double>(summed ? image.frames : 1)}, sum);
        return sum;
    }

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(). Throws value_error for windows
    /// that are none, read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        return read_hdf5_windows<T>(file_, spectrum, windows);
    }

private:
    struct located {
        hdf5_plane plane;
        std::optional<std::size_t> frame_axis;
    };

    hdf5_reader file_;
    file_contents contents_;
    std::vector<located> planes_;  // by image_info::index
};

namespace detail {

inline constexpr std::size_t most_slices = 10000;

inline std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Pixel sizes as fused.h5 has them (pixel_size_x, pixel_unit_x, ...), or as one number, pixel_size_nm.
inline pixel_calibration plain_hdf5_calibration(hid_t set) {
    for (const std::string unit : {"pm", "A", "nm", "um", "mm"}) {
        if (const auto size = hdf5_number_attribute(set, "pixel_size_" + unit)) return {*size, unit};
    }
    const auto axis = [&](const std::string& name) {
        return axis_calibration(hdf5_number_attribute(set, "pixel_size_" + name).value_or(0),
                                hdf5_text_attribute(set, "pixel_unit_" + name));
    };
    return {axis("x"), axis("y")};
}

// A spectrum image: three dimensions, with the energies of the channels of the last one as the attributes
// energy_offset_keV and energy_scale_keV.
inline std::optional<spectrum_info> plain_hdf5_spectrum(const array_info& a, hid_t set) {
    const auto step = hdf5_number_attribute(set, "energy_scale_keV");
    if (!step || !(*step > 0) || a.shape.size() != 3 || a.shape[2] < 2) return std::nullopt;
    spectrum_info s;
    s.name = a.name, s.unit = "keV", s.type = a.type;
    s.first = hdf5_number_attribute(set, "energy_offset_keV").value_or(0);
    s.last = s.first + static_cast<double>(a.shape[2] - 1) * *step;
    s.channels = a.shape[2], s.shape = {a.shape[0], a.shape[1]};
    s.scale = plain_hdf5_calibration(set);
    s.resolution = hdf5_number_attribute(set, "resolution_eV").value_or(0);
    s.places = {a.name};
    return s;
}

}  // namespace detail

/// Lists a plain HDF5 file: its two-dimensional data sets, and three-dimensional ones as their slices along the first
/// axis (of up to 10000), or as spectra where attributes give the energies along the last one. Throws read_error.
inline void list_plain_hdf5(hdf5_images& images) {
    images.contents().format = "HDF5";
    for (const array_info& a : images.file().arrays()) {
        const std::size_t rank = a.shape.size();
        const hdf5_handle set = images.file().object(a.name);
        if (auto spectrum = detail::plain_hdf5_spectrum(a, set.get())) {
            images.add(*std::move(spectrum));
            continue;
        }
        if ((rank != 2 && rank != 3) || (rank == 3 && a.shape[0] > detail::most_slices)) {
            images.other(a.name, to_string(a.shape) + " " + a.type + ", no image");
            continue;
        }
        image_info image;
        image.shape = {a.shape[rank - 2], a.shape[rank - 1]};
        image.type = a.type;
        image.intensity.unit = a.unit;
        image.scale = detail::plain_hdf5_calibration(set.get());
        image.background = hdf5_number_attribute(set.get(), "background").value_or(0);
        image.place = a.name;
        if (rank == 2) image.element = element_of(detail::last_part(a.name));
        if (!has_room(images.contents(), image, rank == 2 ? 1 : a.shape[0])) {
            images.other(a.name.substr(0, 100), "too many images to list, left out");
            continue;
        }
        for (std::size_t k = 0; k < (rank == 2 ? 1 : a.shape[0]); ++k) {
            const std::string slice = rank == 2 ? "" : "[" + std::to_string(k) + "]";
            image.name = a.name + slice;
            image.label = detail::last_part(a.name) + slice;
            if (rank == 2) {
                images.add(image, {0, 1, {0, 0}});
            } else {
                images.add(image, {1, 2, {k, 0, 0}});
            }
        }
    }
}

}  // namespace stemfuse::io
