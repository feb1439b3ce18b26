// Images of .npz files and of Nion Swift's .ndata, listed and read as those of any other format.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/numpy/numpy_images.hpp>
#if __has_include(<nlohmann/json.hpp>)
#include <stemfuse/io/base/nion.hpp>
#endif

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Reads an npz file: its two-dimensional arrays, and three-dimensional ones as their slices "name[0]", "name[1]", ...,
/// by element symbols where an array of texts called elements or labels has one for each; pixel_size_<unit>, one number
/// or [y, x], is the size of a pixel of all. A zip archive of data.npy and metadata.json is one of Nion Swift. Throws
/// read_error.
class npz_images {
public:
    /// Lists the members; those that say nothing of their axes are laid out by `axes`, see layout_hints. Throws
    /// read_error.
    explicit npz_images(npz_reader reader, std::string axes = "") : reader_(std::move(reader)) {
        contents_.format = "npz";
        layout_hints hints;
        hints.axes = std::move(axes);
        const auto members = reader_.members();
        for (const auto& [name, header] : members) {
            const bool names = name == "elements" || name == "labels" || name == "names";
            if (names && !header.type && header.shape.size() == 1) hints.elements = reader_.read_texts(name);
            constexpr std::size_t most_elements = 1024;
            if (name == "elements" && header.type && header.shape.size() == 1)
                hints.elements = detail::symbols_of(reader_.read_numbers_of(name, most_elements));
            if (header.type && header.shape.size() == 2) hints.images.push_back({header.shape[0], header.shape[1]});
        }
        const pixel_calibration scale = pixel_size(members);
        for (const auto& [name, header] : members) add(name, header, hints, scale);
    }

    /// What the archive holds.
    const file_contents& contents() const { return contents_; }

    /// An image of contents(), shape (n_y, n_x), its frames as chosen. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        const located& found = images_.at(image.index);
        return combine_frames(image.frames, frames, [&](std::size_t k) {
            auto source = reader_.open(image.place);
            auto frame = detail::read_npy_plane<T>(source, found.layout, found.place + k);
            apply(image.intensity, frame);
            return frame;
        });
    }

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(). Throws value_error for invalid
    /// windows (see require_windows()), and read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        require_windows(windows);
        auto source = reader_.open(spectrum.places.at(0));
        return detail::read_npy_windows<T>(source, spectra_.at(spectrum.index), spectrum, windows);
    }

    /// See spectrum_reader.
    template <class F>
    void for_spectra(const spectrum_info& spectrum, F&& f) const {
        auto source = reader_.open(spectrum.places.at(0));
        detail::for_npy_spectra(source, spectra_.at(spectrum.index), spectrum, f);
    }

private:
    struct located {
        array_layout layout;
        std::size_t place;
    };

    pixel_calibration pixel_size(const std::vector<npz_reader::member_header>& members) const {
        constexpr std::string_view key = "pixel_size_";
        for (const auto& [name, header] : members) {
            const std::string unit = name.starts_with(key) ? plain_unit(name.substr(key.size())) : "";
            if (!header.type || header.shape.size() > 1 || !length_exponent(unit)) continue;
            const auto numbers = reader_.read_numbers_of(name, 2);
            if (numbers.size() == 1) return {numbers[0], unit};
            if (numbers.size() == 2) return {{numbers[1], unit}, {numbers[0], unit}};
        }
        return {};
    }

    void add(const std::string& name, const npy_header& header, const layout_hints& hints,
             const pixel_calibration& scale) {
        const auto other = [&](const std::string& reason) {
            contents_.others.push_back({one_line(name.substr(0, 100)), reason, header.shape});
        };
        if (!header.type) {
            const std::string reason = detail::npy_foreign_type(header.descr);
            if (reason != "texts" || header.shape.size() > 1) other(reason);
            return;
        }
        if (header.shape.size() < 2) {
            if (header.shape.size() == 1 && !name.starts_with("pixel_size_") && name != "elements")
                other("1 dimension, no image");
            return;
        }
        image_info like;
        like.name = like.label = like.place = name;
        like.scale = scale;
        std::vector<array_axis> axes;
#if __has_include(<nlohmann/json.hpp>)
        if (const auto nion = name == "data" ? read_nion(reader_.text_of("metadata.json")) : std::nullopt) {
            axes = nion->axes, like.intensity = nion->intensity;
            if (!nion->title.empty()) like.name = like.label = one_line(nion->title);
            contents_.format = "Nion Swift ndata";
        }
#endif
        array_content content = content_of(contents_, {name, header.shape, type_name(header), ""}, axes, hints, like);
        if (!content.reason.empty()) return other(content.reason);
        for (std::size_t k = 0; k < content.images.size(); ++k) {
            image_info& image = contents_.images.emplace_back(std::move(content.images[k]));
            image.index = images_.size();
            images_.push_back({content.layout, k});
        }
        for (spectrum_info& s : content.spectra) {
            s.index = spectra_.size(), s.places = {name};
            contents_.spectra.push_back(std::move(s));
            spectra_.push_back(content.layout);
        }
    }

    npz_reader reader_;
    file_contents contents_;
    std::vector<located> images_;        // by image_info::index
    std::vector<array_layout> spectra_;  // by spectrum_info::index
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
