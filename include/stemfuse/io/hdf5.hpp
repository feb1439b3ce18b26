// Numeric data sets of an HDF5 file, read by name or path.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/array_info.hpp>
#include <stemfuse/io/byte_source.hpp>
#include <stemfuse/io/hdf5_handle.hpp>

namespace stemfuse::io {

namespace detail {

// "float32", "uint16"; none for what is no plain number.
inline std::optional<std::string> hdf5_type_name(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_INTEGER && kind != H5T_FLOAT) return std::nullopt;
    const std::string base = kind == H5T_FLOAT ? "float" : H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int";
    return base + std::to_string(8 * H5Tget_size(type));
}

// The text of a scalar string attribute; empty where there is none.
inline std::string hdf5_text_attribute(hid_t object, const char* name) {
    if (H5Aexists(object, name) <= 0) return "";
    const hdf5_handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
    const hdf5_handle stored(H5Aget_type(attribute.get()), H5Tclose);
    const hdf5_handle space(H5Aget_space(attribute.get()), H5Sclose);
    constexpr std::size_t longest = 4096;
    if (!stored || H5Tget_class(stored.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1)
        return "";
    const hdf5_handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_cset(type.get(), H5Tget_cset(stored.get()));
    if (H5Tis_variable_str(stored.get()) > 0) {
        char* text = nullptr;
        H5Tset_size(type.get(), H5T_VARIABLE);
        if (H5Aread(attribute.get(), type.get(), &text) < 0 || text == nullptr) return "";
        const std::string copy(text);
        H5free_memory(text);
        return copy;
    }
    std::array<char, longest + 1> text{};
    const std::size_t size = H5Tget_size(stored.get());
    if (size == 0 || size > longest) return "";
    H5Tset_size(type.get(), size + 1);
    return H5Aread(attribute.get(), type.get(), text.data()) < 0 ? "" : text.data();
}

}  // namespace detail

// Reads an HDF5 file. Throws read_error for what the HDF5 library cannot open.
class hdf5_reader {
public:
    explicit hdf5_reader(const std::filesystem::path& path) : path_(path), file_size_(input_file_size(path)) {
        file_ = {H5Fopen(path.string().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose};
        if (!file_) fail("cannot be read as HDF5");
    }

    // The numeric data sets of any rank, in the order of their paths. Links are followed to data sets, not into groups,
    // so loops of links end. Throws read_error where an object is damaged.
    std::vector<array_info> arrays() const {
        std::vector<std::string> links;
        const auto collect = [](hid_t, const char* name, const auto*, void* list) -> herr_t {
            try {
                static_cast<std::vector<std::string>*>(list)->emplace_back(name);
                return 0;
            } catch (...) {
                return -1;
            }
        };
        if (H5Lvisit(file_.get(), H5_INDEX_NAME, H5_ITER_INC, collect, &links) < 0) fail("cannot be listed");
        std::vector<array_info> found;
        for (const std::string& link : links) {
            if (auto info = describe(link)) found.push_back(*std::move(info));
        }
        return found;
    }

    // The two-dimensional data set at `path`, or slice number `slice` along the first axis of a three-dimensional one,
    // converted to T. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read_image(const std::string& path, std::size_t slice = 0) const {
        const hdf5_handle set(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
        if (!set) fail("has no data set \"" + path + "\"");
        const hdf5_handle type(H5Dget_type(set.get()), H5Tclose), space(H5Dget_space(set.get()), H5Sclose);
        const auto shape = extents(space.get());
        const std::size_t rank = shape.size();
        if (!detail::hdf5_type_name(type.get())) refuse(path, "holds no plain numbers, takes integers or floats");
        if (rank != 2 && rank != 3) refuse(path, "has shape " + to_string(shape) + ", takes 2 or 3 dimensions");
        if (rank == 3 && slice >= shape[0]) {
            refuse(path, "has shape " + to_string(shape) + ", no slice " + std::to_string(slice));
        }
        const hsize_t ny = shape[rank - 2], nx = shape[rank - 1];
        require_plausible(path, ny, nx);
        xt::xtensor<T, 2> image(std::array<std::size_t, 2>{ny, nx});
        const std::array<hsize_t, 3> start{slice, 0, 0}, count{1, ny, nx};
        const hdf5_handle memory(H5Screate_simple(2, count.data() + 1, nullptr), H5Sclose);
        if (rank == 3) H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
        if (H5Dread(set.get(), hdf5_type<T>(), memory.get(), space.get(), H5P_DEFAULT, image.data()) < 0) {
            fail("cannot read data set \"" + path + "\"");
        }
        return image;
    }

private:
    static std::vector<hsize_t> extents(hid_t space) {
        const int rank = H5Sget_simple_extent_ndims(space);
        std::vector<hsize_t> shape(rank > 0 ? static_cast<std::size_t>(rank) : 0);
        if (rank > 0) H5Sget_simple_extent_dims(space, shape.data(), nullptr);
        return shape;
    }

    std::optional<array_info> describe(const std::string& link) const {
        const hdf5_handle object(H5Oopen(file_.get(), link.c_str(), H5P_DEFAULT), H5Oclose);
        if (!object) {
            if (is_hard_link(link)) fail("cannot read \"" + link + "\"");
            return std::nullopt;  // a soft or external link to nothing
        }
        if (H5Iget_type(object.get()) != H5I_DATASET) return std::nullopt;
        const hdf5_handle type(H5Dget_type(object.get()), H5Tclose), space(H5Dget_space(object.get()), H5Sclose);
        const auto type_name = detail::hdf5_type_name(type.get());
        if (!type_name) return std::nullopt;
        const auto shape = extents(space.get());
        std::string unit = detail::hdf5_text_attribute(object.get(), "unit");
        if (unit.empty()) unit = detail::hdf5_text_attribute(object.get(), "units");
        return array_info{link, {shape.begin(), shape.end()}, *type_name, unit};
    }

    bool is_hard_link(const std::string& link) const {
        H5L_info_t info;
        return H5Lget_info(file_.get(), link.c_str(), &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
    }

    // Sizes in a damaged file must not decide how much memory is taken: deflate shrinks at most 1032-fold.
    void require_plausible(const std::string& path, hsize_t ny, hsize_t nx) const {
        const std::uint64_t most = std::max<std::uint64_t>(std::uint64_t(1) << 26, 1032 * file_size_);
        if (ny > 0 && nx > most / ny) {
            refuse(path, "announces " + std::to_string(ny) + " x " + std::to_string(nx) +
                             " pixels, more than a file of " + std::to_string(file_size_) + " bytes can hold");
        }
    }

    [[noreturn]] void refuse(const std::string& path, const std::string& message) const {
        throw read_error(path_.string(), "data set \"" + path + "\" " + message);
    }
    [[noreturn]] void fail(const std::string& message) const {
        throw read_error(path_.string(), message + " (" + hdf5_reason() + ")");
    }

    hdf5_silence silence_;
    std::filesystem::path path_;
    std::uint64_t file_size_;
    hdf5_handle file_;
};

}  // namespace stemfuse::io
