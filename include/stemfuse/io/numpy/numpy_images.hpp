// Images of .npy and .npz files, listed and read as those of any other format.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/numpy/npy.hpp>

namespace stemfuse::io {

namespace detail {

// Adds the images of an array: itself, or its slices along the first axis (up to 10000) named by name(k).
template <class Name>
void add_array_images(file_contents& contents, const array_info& a, Name&& name) {
    constexpr std::size_t longest_stack = 10000;
    const std::size_t rank = a.shape.size();
    if ((rank != 2 && rank != 3) || (rank == 3 && a.shape[0] > longest_stack)) {
        contents.others.push_back(a.name + ": " + to_string(a.shape) + " " + a.type + ", no image");
        return;
    }
    image_info image;
    image.shape = {a.shape[rank - 2], a.shape[rank - 1]};
    image.type = a.type;
    image.place = a.name;
    if (rank == 2) image.element = element_of(a.name);
    if (!has_room(contents, image, rank == 2 ? 1 : a.shape[0])) {
        contents.others.push_back(one_line(image.place.substr(0, 100)) + ": too many images to list, left out");
        return;
    }
    for (std::size_t k = 0; k < (rank == 2 ? 1 : a.shape[0]); ++k) {
        image.name = image.label = rank == 2 ? a.name : name(k);
        image.index = k;
        contents.images.push_back(image);
    }
}

}  // namespace detail

/// Reads an npy file: one image by the file's name, or slices "0", "1", ... Throws read_error.
template <class Input = file_input>
class npy_reader {
public:
    explicit npy_reader(Input input) : input_(std::move(input)) {
        auto source = input_.open();
        const npy_header header = read_npy_header(source);
        detail::require_numbers(source, header);
        contents_.format = "npy";
        detail::add_array_images(contents_, {input_.stem(), header.shape, type_name(header), ""},
                                 [](std::size_t k) { return std::to_string(k); });
    }

    const file_contents& contents() const { return contents_; }

    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice = frame_choice::mean) const {
        auto source = input_.open();
        return read_npy_image<T>(source, image.index);
    }

private:
    Input input_;
    file_contents contents_;
};

}  // namespace stemfuse::io
