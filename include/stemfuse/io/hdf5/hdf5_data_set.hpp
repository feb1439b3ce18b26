// One data set of an HDF5 file: what it holds, how much of it there can be, and why it is not read.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_attributes.hpp>
#include <stemfuse/io/hdf5/hdf5_filters.hpp>
#include <stemfuse/io/hdf5/hdf5_handle.hpp>
#include <stemfuse/io/hdf5/hdf5_links.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

// Why values of a type are no numbers.
inline std::string hdf5_foreign_type(hid_t type) {
    switch (H5Tget_class(type)) {
        case H5T_COMPOUND: {
            const bool two = H5Tget_nmembers(type) == 2;
            const hdf5_handle first(two ? H5Tget_member_type(type, 0) : H5I_INVALID_HID, H5Tclose);
            return two && H5Tget_class(first.get()) == H5T_FLOAT
                       ? "complex numbers, must be real: save their magnitude"
                       : "records of several numbers, must be one number a pixel";
        }
        case H5T_STRING:
            return "texts";
        case H5T_REFERENCE:
            return "references to other data";
        case H5T_VLEN:
            return "lists of any length";
        case H5T_ENUM:
            return "values with names";
        default:
            return "values that are no plain numbers";
    }
}

// A Boolean as h5py writes it: an enumeration of one byte with two names.
inline bool is_hdf5_bool(hid_t type) {
    return H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1 && H5Tget_nmembers(type) == 2;
}

}  // namespace detail

/// An open data set; false where there is none at the path.
class hdf5_data_set {
public:
    /// Opens the data set at a path of the file, but none that a link finds in another folder; does not throw.
    hdf5_data_set(hid_t file, const std::string& path) {
        if (detail::leaves_folder(file, path)) return;
        set_ = {H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose};
        if (!set_) return;
        type_ = {H5Dget_type(id()), H5Tclose};
        type_name_ = detail::is_hdf5_bool(type_.get()) ? "bool" : hdf5_type_name(type_.get());
        element_bytes_ = std::max<std::size_t>(H5Tget_size(type_.get()), 1);
        space_ = {H5Dget_space(id()), H5Sclose};
        const int rank = H5Sget_simple_extent_ndims(space());
        shape_.resize(rank > 0 ? static_cast<std::size_t>(rank) : 0);
        if (rank > 0) H5Sget_simple_extent_dims(space(), shape_.data(), nullptr);
        layout_ = {H5Dget_create_plist(id()), H5Pclose};
        kind_ = H5Pget_layout(layout_.get());
        chunk_.resize(shape_.size(), 1);
        if (chunked() && !chunk_.empty()) H5Pget_chunk(layout_.get(), static_cast<int>(chunk_.size()), chunk_.data());
    }

    /// Whether the data set is there.
    explicit operator bool() const noexcept { return static_cast<bool>(set_); }
    /// The data set, for calls of the HDF5 library. These handles stay this object's.
    hid_t id() const { return set_.get(); }
    /// Its extents, as HDF5 has them.
    hid_t space() const { return space_.get(); }
    /// Its type, as the file stores it.
    hid_t type() const { return type_.get(); }
    /// The extents, slowest axis first; empty for a single value.
    const std::vector<hsize_t>& shape() const { return shape_; }

    /// Plain integers, floats or Booleans, "uint16".
    bool holds_numbers() const { return type_name_.has_value(); }
    /// "float32", "uint16", "bool"; empty where it holds no plain numbers.
    std::string type_name() const { return type_name_.value_or(""); }
    /// Whether its elements are Booleans as h5py writes them.
    bool holds_booleans() const { return type_name_ == "bool"; }

    /// Whether its bytes are said to be in other files.
    bool lies_elsewhere() const { return H5Pget_external_count(layout_.get()) > 0; }

    /// Why it cannot be read from this file; empty where it can.
    std::string why_not(const std::filesystem::path& file) const {
        if (!holds_numbers()) return detail::hdf5_foreign_type(type());
        if (lies_elsewhere()) {
            std::array<char, 1024> name{};
            H5Pget_external(layout_.get(), 0, name.size() - 1, name.data(), nullptr, nullptr);
            return "lies in another file, " + std::string(name.data()) + ", must be in this: save it as one file";
        }
        if (kind_ == H5D_VIRTUAL) return detail::missing_source(layout_.get(), file);
        return chunked() ? detail::missing_filter(layout_.get()) : "";
    }

    /// The most elements that a file of this size in bytes can give: those stored, in chunks 1032 times as many
    /// (deflate shrinks no further). Chunks that were never written, and what a virtual data set has in other files,
    /// are not stored: where there can be such, at least as many as an image of 4096 x 4096 pixels has.
    std::uint64_t most_elements(std::uint64_t file_size) const {
        constexpr std::uint64_t most_unwritten = 4096 * 4096;
        const bool is_virtual = kind_ == H5D_VIRTUAL;  // of the files beside, too
        const std::uint64_t stored =
            is_virtual ? file_size : std::min<std::uint64_t>(H5Dget_storage_size(id()), file_size);
        const std::uint64_t written = (chunked() || is_virtual ? 1032 * stored : stored) / element_bytes_;
        const bool unwritten = chunked() || is_virtual || stored == 0;
        return unwritten ? std::max(written, most_unwritten) : written;
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
    bool chunked() const { return kind_ == H5D_CHUNKED; }

    hdf5_handle set_, type_, space_, layout_;
    std::optional<std::string> type_name_;
    std::vector<hsize_t> shape_, chunk_;
    std::size_t element_bytes_ = 1;
    H5D_layout_t kind_ = H5D_LAYOUT_ERROR;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
