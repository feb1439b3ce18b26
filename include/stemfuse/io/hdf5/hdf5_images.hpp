// Images that lie in an HDF5 file as planes of data sets, whatever the layout around them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/array_paths.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/hdf5/hdf5.hpp>
#include <stemfuse/io/hdf5/hdf5_spectra.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The images of an HDF5 file: a layout's list_ function fills it, then they are read.
class hdf5_images {
public:
    /// Arrays that say nothing of their axes are laid out by `axes`, see layout_hints. Throws read_error for what the
    /// HDF5 library cannot open.
    explicit hdf5_images(const std::filesystem::path& path, std::string axes = "")
        : file_(path), axes_(std::move(axes)) {
        contents_.beside = file_.files_beside();
    }

    /// The letters given by the user, see layout_hints; empty: none.
    const std::string& axes() const noexcept { return axes_; }

    /// The open file.
    const hdf5_reader& file() const noexcept { return file_; }
    /// What was listed so far.
    const file_contents& contents() const noexcept { return contents_; }
    /// The same, for layouts that name the format and add warnings.
    file_contents& contents() noexcept { return contents_; }

    /// Lists the image that is this plane of the data set info.place; with its frames along an axis of their own, if
    /// any.
    void add(image_info info, hdf5_plane plane, std::optional<std::size_t> frame_axis = {}) {
        info.index = planes_.size();
        contents_.images.push_back(std::move(info));
        planes_.push_back({std::move(plane), frame_axis, false});
    }

    /// Lists the image that a one-dimensional data set info.place is, row after row.
    void add_flat(image_info info) {
        if (!has_room(contents_, info)) return other(info.label, "too many images to list");
        info.index = planes_.size();
        contents_.images.push_back(std::move(info));
        planes_.push_back({{}, {}, true});
    }

    /// Lists a spectrum image, the data set places[0].
    void add(spectrum_info info, const hdf5_spectrum_axes& axes = {}) {
        info.index = spectra_.size();
        contents_.spectra.push_back(std::move(info));
        spectra_.push_back(axes);
    }

    /// Lists what array `a` holds, see content_of.
    void add(const array_info& a, const std::vector<array_axis>& axes, layout_hints hints, image_info like,
             double resolution = 0) {
        if (const std::string reason = file_.why_not(a.name); !reason.empty())
            return other(like.label, reason, a.shape);
        like.place = a.name;
        if (hints.axes.empty()) hints.axes = axes_;
        array_content content = content_of(contents_, a, axes, hints, std::move(like));
        const array_layout& layout = content.layout;
        if (!content.reason.empty()) return other(a.name.substr(0, 100), content.reason, a.shape);
        std::vector<hsize_t> at(a.shape.size(), 0);
        for (image_info& image : content.images) {
            add(std::move(image), {layout.y, layout.x, at}, layout.stack);
            if (layout.stack) ++at[*layout.stack];
        }
        for (spectrum_info& s : content.spectra) {
            s.resolution = resolution;
            add(std::move(s), {layout.y, layout.x, *layout.energy});
        }
    }

    /// Lists what is not read, with the reason for people.
    void other(const std::string& name, const std::string& reason, std::vector<std::size_t> shape = {}) {
        contents_.others.push_back({one_line(name), reason, std::move(shape)});
    }

    /// Says of every link below `group` (all, by default) that leads nowhere, and of every data set of two and more
    /// dimensions that holds no numbers or is not read, why.
    void list_unread(const std::string& group = "") {
        for (const std::string& link : file_.links()) {
            if (!link.starts_with(group) || file_.describe(link)) continue;
            const std::string reason = file_.why_not(link);
            if (reason.empty()) continue;
            auto shape = file_.shape_of(link);
            if (file_.object(link) && shape.size() < 2) continue;
            other(link, reason, std::move(shape));
        }
    }

    /// An image of contents(), shape (n_y, n_x), its frames as chosen. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        auto [plane, axis, flat] = planes_.at(image.index);
        if (flat) return read_flat<T>(image);
        if (image.frames > 1 && axis) file_.require_plausible(image.place);
        const std::size_t first = axis ? plane.at[*axis] : 0;
        auto sum = combine_frames(image.frames, frames, [&, &of = axis, &at = plane](std::size_t k) {
            if (of) at.at[*of] = first + k;
            return file_.read_plane<T>(image.place, at);
        });
        const bool summed = image.frames > 1 && frames == frame_choice::sum;
        const double offset = image.intensity.offset * static_cast<double>(summed ? image.frames : 1);
        apply({image.intensity.scale, offset}, sum);
        return sum;
    }

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(). Throws value_error for invalid
    /// windows (see require_windows()), and read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        require_windows(windows);
        return read_hdf5_windows<T>(file_, spectrum, windows, spectra_.at(spectrum.index));
    }

    /// See spectrum_reader.
    template <class F>
    void for_spectra(const spectrum_info& spectrum, F&& f) const {
        for_hdf5_spectra(file_, spectrum, spectra_.at(spectrum.index), f);
    }

private:
    struct located {
        hdf5_plane plane;
        std::optional<std::size_t> frame_axis;
        bool flat = false;
    };

    template <scalar T>
    xt::xtensor<T, 2> read_flat(const image_info& image) const {
        std::vector<hsize_t> start(file_.shape_of(image.place).size(), 0), count(start.size(), 1);
        if (!count.empty()) count[0] = image.shape[0] * image.shape[1];
        const auto values = file_.read_block<T>(image.place, start, count);
        xt::xtensor<T, 2> pixels(image.shape);
        std::copy(values.begin(), values.end(), pixels.begin());
        return pixels;
    }

    hdf5_reader file_;
    std::string axes_;
    file_contents contents_;
    std::vector<located> planes_;              // by image_info::index
    std::vector<hdf5_spectrum_axes> spectra_;  // by spectrum_info::index
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
