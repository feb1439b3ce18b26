// Images of .npz files, listed and read as those of any other format.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/numpy/numpy_images.hpp>

namespace stemfuse::io {

/// Reads an npz file: its two-dimensional arrays, and three-dimensional ones as their slices "name[0]", "name[1]", ...
/// Throws read_error.
class npz_images {
public:
    explicit npz_images(npz_reader reader) : reader_(std::move(reader)) {
        contents_.format = "npz";
        for (const array_info& a : reader_.arrays()) {
            detail::add_array_images(contents_, a,
                                     [&](std::size_t k) { return a.name + "[" + std::to_string(k) + "]"; });
        }
    }

    const file_contents& contents() const { return contents_; }

    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice = frame_choice::mean) const {
        return reader_.read_image<T>(image.place, image.index);
    }

private:
    npz_reader reader_;
    file_contents contents_;
};

}  // namespace stemfuse::io
