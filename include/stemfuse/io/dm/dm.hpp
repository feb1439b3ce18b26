// Images of Gatan DM3 and DM4 files.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/dm/dm_tags.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// The numbers of an image by its DataType; none for complex, colour and packed ones.
inline std::optional<stored_type> dm_image_type(double data_type, std::endian order) {
    constexpr std::array<std::pair<int, std::uint64_t>, 9> codes{
        {{1, 2}, {2, 6}, {6, 10}, {7, 3}, {9, 9}, {10, 4}, {11, 5}, {12, 7}, {14, 8}}};
    for (const auto& [image_type, tag_type] : codes) {
        if (data_type == image_type) return dm_type(tag_type, order);
    }
    return std::nullopt;
}

inline std::string dm_foreign_type(double data_type) {
    for (const int complex : {3, 5, 13, 27, 28}) {
        if (data_type == complex) return "complex numbers";
    }
    for (const int colour : {8, 23}) {
        if (data_type == colour) return "colours";
    }
    return "numbers of the unknown type " + to_string(data_type);
}

// The extents of an item of the image list, fastest first; empty where one of them is none.
inline std::vector<std::size_t> dm_extents(const dm_tag& item) {
    std::vector<std::size_t> extents;
    const dm_tag* const dimensions = item.find("ImageData/Dimensions");
    if (dimensions == nullptr || dimensions->tags.size() > 8) return {};
    for (const dm_tag& d : dimensions->tags) {
        if (!d.number || !(*d.number >= 1 && *d.number <= 4294967295.0)) return {};
        extents.push_back(static_cast<std::size_t>(*d.number));
    }
    return extents;
}

}  // namespace detail

/// Reads the images of a DM3 or DM4 file; a stack is listed as its slices, a spectrum image among the spectra,
/// whichever axis is that of energies. Left out, and listed as such: colours, complex numbers, spectra without
/// energies; thumbnails are not listed. Throws read_error for what is no whole file.
template <class Input = file_input>
class dm_reader {
public:
    /// Lists the images and spectra; pixels are read later. Throws read_error.
    explicit dm_reader(Input input) : input_(std::move(input)) {
        auto source = input_.open();
        const dm_file file = read_dm_tags(source);
        contents_.format = "Gatan DM" + std::to_string(file.version) +
                           (file.order == std::endian::big ? ", big-endian" : ", little-endian");
        const std::set<double> thumbnails = thumbnails_of(file.root);
        const dm_tag* const list = file.root.find("ImageList");
        for (std::size_t i = 0; list != nullptr && i < list->tags.size(); ++i) {
            if (!thumbnails.contains(static_cast<double>(i))) add(list->tags[i], i, file.order);
        }
        name_by_labels(contents_.images);
    }

    /// What the file holds, in its order.
    const file_contents& contents() const { return contents_; }

    /// An image of contents(), shape (n_y, n_x). Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        return combine_frames(image.frames, frames, [&](std::size_t k) { return read_frame<T>(image, k); });
    }

    /// Frame k of an image of contents(), k < frames. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read_frame(const image_info& image, std::size_t k) const {
        const stored& data = data_.at(image.index);
        xt::xtensor<T, 2> out(image.shape);
        auto source = input_.open();
        source.skip(data.offset + k * out.size() * data.type.size);
        read_numbers<T>(source, data.type, out.size(), [&](std::uint64_t i, T v) { out.data()[i] = v; });
        apply(image.intensity, out);
        return out;
    }

    /// Maps of energy windows, shape (n_windows, n_y, n_x), of a spectrum of contents(). Throws value_error for invalid
    /// windows (see require_windows()), and read_error.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        require_windows(windows);
        const stored& data = spectra_.at(spectrum.index);
        const std::size_t energy = data.layout.energy.value();
        xt::xtensor<T, 3> maps({windows.size(), spectrum.shape[0], spectrum.shape[1]}, T(0));
        std::vector<std::size_t> strides(data.shape.size(), 1);
        for (std::size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * data.shape[d];
        const auto at = [&](std::uint64_t i, std::size_t d) { return i / strides[d] % data.shape[d]; };
        const std::uint64_t plane = strides[energy],
                            before = energy == 0 ? plane : 0;  // of one channel, if in one piece
        for (std::size_t w = 0; w < windows.size(); ++w) {
            const auto channels = channels_in(windows[w], spectrum);
            const std::uint64_t first = channels.first, last = channels.last;
            const std::uint64_t begin = first * before, end = before > 0 ? last * before : strides[0] * data.shape[0];
            auto source = input_.open();
            source.skip(data.offset + begin * data.type.size);
            read_numbers<T>(source, data.type, end - begin, [&](std::uint64_t k, T v) {
                const std::uint64_t i = begin + k, e = at(i, energy);
                if (e >= first && e < last) maps(w, at(i, data.layout.y), at(i, data.layout.x)) += v;
            });
        }
        return maps;
    }

    /// See spectrum_reader.
    template <class F>
    void for_spectra(const spectrum_info& spectrum, F&& f) const {
        const stored& data = spectra_.at(spectrum.index);
        const std::size_t energy = data.layout.energy.value(), nx = spectrum.shape[1];
        std::vector<std::size_t> strides(data.shape.size(), 1);
        for (std::size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * data.shape[d];
        const auto at = [&](std::uint64_t i, std::size_t d) { return i / strides[d] % data.shape[d]; };
        auto source = input_.open();
        source.skip(data.offset);
        read_numbers<double>(source, data.type, strides[0] * data.shape[0], [&](std::uint64_t i, double v) {
            if (v != 0) f(at(i, data.layout.y) * nx + at(i, data.layout.x), at(i, energy), v);
        });
    }

private:
    struct stored {
        stored_type type;
        std::uint64_t offset;
        std::vector<std::size_t> shape;
        array_layout layout;
    };

    // The items that only show others in small; the first where the file does not say.
    static std::set<double> thumbnails_of(const dm_tag& root) {
        std::set<double> items;
        const dm_tag* const list = root.find("Thumbnails");
        for (std::size_t k = 0; list != nullptr && k < list->tags.size(); ++k) {
            if (const auto index = list->tags[k].number_at("ImageIndex"); index >= 0) items.insert(*index);
        }
        return items;
    }

    void add(const dm_tag& item, std::size_t i, std::endian order) {
        const std::string place = "ImageList/" + std::to_string(i);
        std::string label = item.text_at("Name");
        if (label.empty()) label = input_.stem();
        const auto extents = detail::dm_extents(item);
        const double data_type = item.number_at("ImageData/DataType").value_or(0);
        const dm_tag* const data = item.find("ImageData/Data");
        if (extents.empty() || data == nullptr || !data->type) {
            contents_.others.push_back({one_line(label + " (" + place + ")"), "has no data"});
            return;
        }
        const std::vector<std::size_t> shape(extents.rbegin(), extents.rend());
        const auto other = [&](const std::string& reason) {
            contents_.others.push_back({one_line(label + " (" + place + ")"), reason, shape});
        };
        const auto type = detail::dm_image_type(data_type, order);
        if (!type) return other(detail::dm_foreign_type(data_type) + ", must be one real number a pixel");
        if (extents.size() == 2 || extents.size() == 3) require_numbers(label, shape, *type, *data);
        std::vector<array_axis> axes;
        for (std::size_t k = extents.size(); k-- > 0;) axes.push_back(axis(item, k));
        layout_hints hints;
        hints.energy_unit = detail::energy_unit_of(item.text_at("ImageTags/Meta Data/Signal"));
        image_info like;
        like.label = label, like.place = place, like.intensity = brightness(item);
        const array_content content =
            content_of(contents_, {label, shape, type_name(*type), ""}, axes, hints, std::move(like));
        if (!content.reason.empty()) return other(content.reason);
        list(content, place, {*type, data->offset, shape, content.layout});
    }

    // Throws read_error where `shape` announces more numbers than there are.
    void require_numbers(const std::string& label, const std::vector<std::size_t>& shape, const stored_type& type,
                         const dm_tag& data) const {
        std::uint64_t there = data.count * data.type->size / type.size;
        const std::uint64_t all = there;
        for (const std::size_t extent : shape) there /= extent;
        if (there == 0) {
            input_.open().fail("is damaged: its image \"" + label + "\" announces " + to_string(shape) + ", has " +
                               std::to_string(all) + " numbers");
        }
    }

    void list(const array_content& content, const std::string& place, stored data) {
        for (image_info image : content.images) {
            image.index = data_.size();
            contents_.images.push_back(std::move(image));
            data_.push_back(data);
            data.offset += content.images[0].shape[0] * content.images[0].shape[1] * data.type.size;
        }
        for (spectrum_info s : content.spectra) {
            s.places = {place};
            s.index = spectra_.size();
            contents_.spectra.push_back(std::move(s));
            spectra_.push_back(data);
        }
    }

    // Dimension #0 is the fastest axis; coordinate = (index - Origin) Scale.
    static array_axis axis(const dm_tag& item, std::size_t k) {
        const dm_tag* const d = item.find("ImageData/Calibrations/Dimension/#" + std::to_string(k));
        if (d == nullptr) return {};
        array_axis axis{"", plain_unit(d->text_at("Units")), d->number_at("Scale").value_or(0)};
        axis.first = -d->number_at("Origin").value_or(0) * axis.step;
        return axis;
    }

    // (stored - Origin) Scale, in Units.
    static intensity_calibration brightness(const dm_tag& item) {
        const dm_tag* const b = item.find("ImageData/Calibrations/Brightness");
        if (b == nullptr || b->text_at("Units").empty()) return {};
        const double scale = b->number_at("Scale").value_or(1), origin = b->number_at("Origin").value_or(0);
        if (!std::isfinite(scale) || scale == 0 || !std::isfinite(origin)) return {};
        return {scale, -origin * scale, b->text_at("Units")};
    }

    Input input_;
    file_contents contents_;
    std::vector<stored> data_;     // by image_info::index
    std::vector<stored> spectra_;  // by spectrum_info::index
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
