// One data set of an HDF5 file: what it holds, and how much of it there can be.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_attributes.hpp>
#include <stemfuse/io/hdf5/hdf5_handle.hpp>

namespace stemfuse::io {

/// An open data set; false where there is none at the path.
class hdf5_data_set {
public:
    hdf5_data_set(hid_t file, const std::string& path) : set_(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose) {
        if (!set_) return;
        const hdf5_handle type(H5Dget_type(id()), H5Tclose);
        type_name_ = hdf5_type_name(type.get());
        element_bytes_ = std::max<std::size_t>(H5Tget_size(type.get()), 1);
        space_ = {H5Dget_space(id()), H5Sclose};
        const int rank = H5Sget_simple_extent_ndims(space());
        shape_.resize(rank > 0 ? static_cast<std::size_t>(rank) : 0);
        if (rank > 0) H5Sget_simple_extent_dims(space(), shape_.data(), nullptr);
        layout_ = {H5Dget_create_plist(id()), H5Pclose};
        chunked_ = H5Pget_layout(layout_.get()) == H5D_CHUNKED;
        chunk_.resize(shape_.size(), 1);
        if (chunked_ && !chunk_.empty()) H5Pget_chunk(layout_.get(), static_cast<int>(chunk_.size()), chunk_.data());
    }

    explicit operator bool() const noexcept { return static_cast<bool>(set_); }
    hid_t id() const { return set_.get(); }
    hid_t space() const { return space_.get(); }
    const std::vector<hsize_t>& shape() const { return shape_; }

    /// Plain integers or floats, "uint16".
    bool holds_numbers() const { return type_name_.has_value(); }
    std::string type_name() const { return type_name_.value_or(""); }

    /// Whether its bytes are said to be in other files.
    bool lies_elsewhere() const { return H5Pget_external_count(layout_.get()) > 0; }

    /// Of a data set in chunks at most 1032 times what is stored can come (deflate's best), of any other no more than
    /// is stored.
    std::uint64_t most_elements(std::uint64_t file_size) const {
        const std::uint64_t stored = std::min<std::uint64_t>(H5Dget_storage_size(id()), file_size);
        return (chunked_ ? 1032 * stored : stored) / element_bytes_;
    }
    /// Whether all that the shape announces can be there.
    bool plausible(std::uint64_t file_size) const {
        std::uint64_t left = most_elements(file_size);
        if (std::find(shape_.begin(), shape_.end(), hsize_t(0)) != shape_.end()) return true;
        if (chunk_elements() > left) return false;
        for (const hsize_t extent : shape_) left /= extent;
        return left > 0;
    }
    /// The elements of one chunk, or as many as can be counted.
    std::uint64_t chunk_elements() const {
        std::uint64_t elements = 1;
        for (const std::uint64_t extent : chunk_)
            elements = elements > UINT64_MAX / std::max<std::uint64_t>(extent, 1) ? UINT64_MAX : elements * extent;
        return elements;
    }
    /// `extent` along an axis, rounded up to whole chunks.
    hsize_t in_whole_chunks(std::size_t axis, hsize_t extent) const {
        const hsize_t step = std::max<hsize_t>(chunk_[axis], 1);
        return (std::max<hsize_t>(extent, 1) + step - 1) / step * step;
    }

private:
    hdf5_handle set_, space_, layout_;
    std::optional<std::string> type_name_;
    std::vector<hsize_t> shape_, chunk_;
    std::size_t element_bytes_ = 1;
    bool chunked_ = false;
};

}  // namespace stemfuse::io
