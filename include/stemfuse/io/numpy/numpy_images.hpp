// Images of .npy files, and what they share with those of .npz files: listed and read as those of any other format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/numpy/npy.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Where in a stored array the elements of its axes lie: place d of element i is i / stride % extent.
class npy_places {
public:
    explicit npy_places(const npy_header& header) : shape_(header.shape), strides_(header.shape.size(), 1) {
        std::size_t stride = 1;
        for (std::size_t k = 0; k < shape_.size(); ++k) {
            const std::size_t d = header.fortran_order ? k : shape_.size() - 1 - k;
            strides_[d] = stride, stride *= shape_[d];
        }
    }
    std::size_t operator()(std::uint64_t element, std::size_t axis) const {
        return static_cast<std::size_t>(element / strides_[axis] % shape_[axis]);
    }

private:
    std::vector<std::size_t> shape_, strides_;
};

// Image `place` of an array's stack, or the only one.
template <scalar T, byte_source S>
xt::xtensor<T, 2> read_npy_plane(S& source, const array_layout& layout, std::size_t place) {
    const npy_header header = read_npy_header(source);
    require_numbers(source, header);
    const std::size_t ny = header.shape.at(layout.y), nx = header.shape.at(layout.x);
    xt::xtensor<T, 2> out(image_shape{ny, nx});
    const bool rows = !header.fortran_order && layout.y < layout.x && (!layout.stack || *layout.stack < layout.y);
    if (rows) {  // of the others all have the extent 1: the image lies in one piece
        source.skip(place * ny * nx * header.type->size);
        read_numbers<T>(source, *header.type, out.size(), [&](std::uint64_t i, T v) { out.data()[i] = v; });
        if (place + 1 == (layout.stack ? header.shape[*layout.stack] : 1)) source.finish();
        return out;
    }
    const npy_places at(header);
    read_numbers<T>(source, *header.type, header.count().value(), [&](std::uint64_t i, T v) {
        if (!layout.stack || at(i, *layout.stack) == place) out(at(i, layout.y), at(i, layout.x)) = v;
    });
    source.finish();
    return out;
}

// Maps of energy windows of an array that is spectra.
template <scalar T, byte_source S>
xt::xtensor<T, 3> read_npy_windows(S& source, const array_layout& layout, const spectrum_info& spectrum,
                                   const std::vector<energy_window>& windows) {
    require_windows(windows);
    const npy_header header = read_npy_header(source);
    require_numbers(source, header);
    xt::xtensor<T, 3> maps({windows.size(), spectrum.shape[0], spectrum.shape[1]}, T(0));
    std::vector<channel_range> ranges;
    for (const energy_window& w : windows) ranges.push_back(channels_in(w, spectrum));
    const npy_places at(header);
    read_numbers<T>(source, *header.type, header.count().value(), [&](std::uint64_t i, T v) {
        const std::size_t e = at(i, layout.energy.value());
        for (std::size_t w = 0; w < windows.size(); ++w) {
            if (e >= ranges[w].first && e < ranges[w].last) maps(w, at(i, layout.y), at(i, layout.x)) += v;
        }
    });
    source.finish();
    return maps;
}

// Calls f(pixel, channel, value) for the numbers of an array that is spectra, but for those that are 0.
template <byte_source S, class F>
void for_npy_spectra(S& source, const array_layout& layout, const spectrum_info& spectrum, F&& f) {
    const npy_header header = read_npy_header(source);
    require_numbers(source, header);
    const npy_places at(header);
    const std::size_t energy = layout.energy.value(), nx = spectrum.shape[1];
    read_numbers<double>(source, *header.type, header.count().value(), [&](std::uint64_t i, double v) {
        if (v != 0) f(at(i, layout.y) * nx + at(i, layout.x), at(i, energy), v);
    });
    source.finish();
}

// Why the elements of an array are no numbers that are read.
inline std::string npy_foreign_type(const std::string& descr) {
    const auto kind = descr.find_first_not_of("<>=|");
    switch (kind == std::string::npos ? ' ' : descr[kind]) {
        case 'c':
            return "complex numbers (" + shown_text(descr) + "), must be real: save their magnitude";
        case 'O':
            return "Python objects, must be numbers: save with astype(float)";
        case 'f':
            return "floats of the type " + shown_text(descr) + ", must have 16, 32 or 64 bits: save with astype(float)";
        case 'U':
        case 'S':
            return "texts";
        default:
            return "dtype " + shown_text(descr) + ", must be bool, integers or floats";
    }
}

}  // namespace detail

/// Reads an npy file: one image by the file's name, or slices "0", "1", ... Throws read_error.
template <class Input = file_input>
class npy_reader {
public:
    /// Lists what the array holds, laid out by `axes` where they are given, see layout_hints. Throws read_error.
    explicit npy_reader(Input input, std::string axes = "") : input_(std::move(input)) {
        auto source = input_.open();
        const npy_header header = read_npy_header(source);
        detail::require_numbers(source, header);
        contents_.format = "npy";
        image_info like;
        like.name = like.label = like.place = one_line(input_.stem());
        const array_info a{like.label, header.shape, type_name(header), ""};
        layout_hints hints;
        hints.axes = std::move(axes);
        array_content content = content_of(contents_, a, {}, hints, like);
        layout_ = content.layout;
        contents_.images = std::move(content.images);
        contents_.spectra = std::move(content.spectra);
        if (!content.reason.empty()) contents_.others.push_back({a.name, content.reason, a.shape});
        for (std::size_t k = 0; k < contents_.images.size(); ++k) {
            image_info& image = contents_.images[k];
            image.index = k;
            if (layout_.stack && image.frames == 1) image.name = image.label = std::to_string(k);
        }
    }

    /// The array's images or spectra.
    const file_contents& contents() const { return contents_; }

    /// An image of contents(), shape (n_y, n_x), its frames as chosen. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        return combine_frames(image.frames, frames, [&](std::size_t k) {
            auto source = input_.open();
            return detail::read_npy_plane<T>(source, layout_, image.index + k);
        });
    }

private:
    Input input_;
    array_layout layout_;
    file_contents contents_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
