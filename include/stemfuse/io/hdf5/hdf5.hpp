// Data sets of an HDF5 file, read by path.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/hdf5/hdf5_attributes.hpp>
#include <stemfuse/io/hdf5/hdf5_data_set.hpp>
#include <stemfuse/io/hdf5/hdf5_handle.hpp>
#include <stemfuse/io/hdf5/hdf5_links.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Which two axes of a data set are y and x of an image, and where it is cut along the others.
struct hdf5_plane {
    std::size_t axis_y;       ///< number of the axis of rows
    std::size_t axis_x;       ///< number of the axis of columns
    std::vector<hsize_t> at;  ///< one for each axis; those of y and x do not count
};

/// Reads an HDF5 file. Throws read_error for what the HDF5 library cannot open.
class hdf5_reader {
public:
    /// Opens the file for reading. Throws read_error, also for a missing or empty file.
    explicit hdf5_reader(const std::filesystem::path& path) : path_(path), file_size_(input_file_size(path)) {
        file_ = {H5Fopen(path.string().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose};
        if (!file_) fail("cannot be read as HDF5");
        find_files_beside();
    }

    /// The path as it was given.
    const std::filesystem::path& path() const noexcept { return path_; }
    /// The files in the same folder that its links and virtual data sets name, and those that these name; whether they
    /// are there or not. Links out of the folder are not followed.
    const std::vector<std::string>& files_beside() const noexcept { return beside_; }
    /// The open file, for calls of the HDF5 library; it stays this object's.
    hid_t root() const { return file_.get(); }

    /// The numeric data sets of any rank, in the order of their paths. Links are followed to data sets, not into
    /// groups, so loops of links end. Throws read_error where an object is damaged.
    std::vector<array_info> arrays() const {
        std::vector<array_info> found;
        for (const std::string& link : links()) {
            if (auto info = describe(link)) found.push_back(*std::move(info));
        }
        return found;
    }

    /// The paths of all that the file has, in their order; also what lies in groups of files beside, one link far.
    /// Throws read_error for groups nested deeper than 64: the HDF5 library takes some stack for every one.
    std::vector<std::string> links() const {
        std::vector<std::string> paths;
        if (H5Lvisit(root(), H5_INDEX_NAME, H5_ITER_INC, collect, &paths) < 0) {
            if (!paths.empty() && too_deep(paths.back()))
                throw read_error(path_.string(), "has groups nested deeper than 64");
            fail("cannot be listed");
        }
        const std::size_t own = beside_.empty() ? 0 : paths.size();
        for (std::size_t i = 0; i < own; ++i) {
            if (!is_external(paths[i])) continue;
            const hdf5_handle group = object(paths[i]);
            std::vector<std::string> members;
            if (!group || H5Iget_type(group.get()) != H5I_GROUP ||
                H5Lvisit(group.get(), H5_INDEX_NAME, H5_ITER_INC, collect, &members) < 0)
                continue;
            for (const std::string& member : members) paths.push_back(paths[i] + "/" + member);
        }
        return paths;
    }

    /// The names in a group, in their order; none where there is no group. Throws read_error where it is damaged.
    std::vector<std::string> members(const std::string& group) const {
        const hdf5_handle g(H5Gopen2(root(), group.c_str(), H5P_DEFAULT), H5Gclose);
        std::vector<std::string> names;
        if (g && H5Literate(g.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names) < 0)
            fail("cannot list \"" + group + "\"");
        return names;
    }

    /// A group or data set, for its attributes; an empty handle where there is none, and for a link out of the folder.
    hdf5_handle object(const std::string& path) const {
        if (detail::leaves_folder(root(), path)) return {};
        return {H5Oopen(root(), path.c_str(), H5P_DEFAULT), H5Oclose};
    }

    /// What a numeric data set says about itself; none for any other object. Throws read_error where the object or the
    /// list of its attributes is damaged.
    std::optional<array_info> describe(const std::string& path) const {
        const hdf5_handle found = object(path);
        if (!found) {
            if (is_hard_link(path)) fail("cannot read \"" + path + "\"");
            return std::nullopt;  // a soft or external link to nothing
        }
        const auto ignore = [](hid_t, const char*, const H5A_info_t*, void*) -> herr_t { return 0; };
        if (H5Aiterate2(found.get(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, ignore, nullptr) < 0)
            fail("cannot read the attributes of \"" + path + "\"");
        const hdf5_data_set set(root(), path);
        if (H5Iget_type(found.get()) != H5I_DATASET || !set || !set.holds_numbers()) return std::nullopt;
        std::string unit = hdf5_text_attribute(found.get(), "unit");
        if (unit.empty()) unit = hdf5_text_attribute(found.get(), "units");
        return array_info{path, {set.shape().begin(), set.shape().end()}, set.type_name(), unit};
    }

    /// Why no numbers can be read at `path`: a link to nothing, or a type, filter or place of numbers that is not
    /// supported. Empty where they can, and for groups and types.
    std::string why_not(const std::string& path) const {
        const hdf5_handle found = object(path);
        if (!found) return dead_link(path);
        if (H5Iget_type(found.get()) != H5I_DATASET) return "";
        const hdf5_data_set set(root(), path);
        if (!set) return "cannot be opened (" + hdf5_reason() + ")";
        std::string reason = set.why_not(path_);
        if (reason.empty() && !set.plausible(file_size_))
            reason = "announces more than a file of " + std::to_string(file_size_) + " bytes can hold";
        return reason;
    }

    /// The shape of what lies at `path`; empty where that is no data set.
    std::vector<std::size_t> shape_of(const std::string& path) const {
        const hdf5_data_set set(root(), path);
        return {set.shape().begin(), set.shape().end()};
    }

    /// The numbers of a one-dimensional data set of up to `most`; empty where there is none.
    std::vector<double> numbers(const std::string& path, std::size_t most = 1 << 20) const {
        const auto array = describe(path);
        if (!array || array->shape.size() > 1 || (array->shape.size() == 1 && array->shape[0] > most)) return {};
        if (!why_not(path).empty()) return {};
        const std::vector<hsize_t> start(array->shape.size(), 0), count(array->shape.begin(), array->shape.end());
        return read_block<double>(path, start, count);
    }

    /// The strings of a data set of strings; empty where there is none.
    std::vector<std::string> texts(const std::string& path) const {
        const hdf5_handle found = object(path);
        if (!found || H5Iget_type(found.get()) != H5I_DATASET) return {};
        const hdf5_handle type(H5Dget_type(found.get()), H5Tclose), space(H5Dget_space(found.get()), H5Sclose);
        return detail::hdf5_texts(type.get(), detail::hdf5_count(space.get()), [&](hid_t memory_type, void* memory) {
            return H5Dread(found.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, memory);
        });
    }

    /// The two-dimensional data set at `path`, or slice number `slice` along the first axis of a three-dimensional one,
    /// converted to T. Throws read_error.
    template <scalar T>
    xt::xtensor<T, 2> read_image(const std::string& path, std::size_t slice = 0) const {
        const hdf5_data_set set = open(path);
        const std::size_t rank = set.shape().size();
        if (rank != 2 && rank != 3)
            refuse(path, "has shape " + to_string(set.shape()) + ", must have 2 or 3 dimensions");
        if (rank == 3 && slice >= set.shape()[0]) {
            refuse(path, "has shape " + to_string(set.shape()) + ", no slice " + std::to_string(slice));
        }
        std::vector<hsize_t> at(rank, 0);
        if (rank == 3) at[0] = slice;
        return read_plane<T>(path, {rank - 2, rank - 1, at});
    }

    /// A plane of a data set, shape (n_y, n_x). Axes in the order x, y are transposed on the way, in blocks. Throws
    /// read_error, also where the plane is not within the data set.
    template <scalar T>
    xt::xtensor<T, 2> read_plane(const std::string& path, const hdf5_plane& plane) const {
        const hdf5_data_set set = open(path);
        bool within = plane.axis_y != plane.axis_x && plane.at.size() == set.shape().size() &&
                      std::max(plane.axis_y, plane.axis_x) < set.shape().size();
        for (std::size_t d = 0; within && d < plane.at.size(); ++d)
            within = d == plane.axis_y || d == plane.axis_x || plane.at[d] < set.shape()[d];
        if (!within) refuse(path, "has shape " + to_string(set.shape()) + ", not the plane that is asked for");
        const hsize_t ny = set.shape()[plane.axis_y], nx = set.shape()[plane.axis_x];
        require_plausible(path, set, ny, nx);
        xt::xtensor<T, 2> image(image_shape{ny, nx});
        if (image.size() == 0) return image;
        std::vector<hsize_t> start = plane.at, count(start.size(), 1);
        start[plane.axis_y] = start[plane.axis_x] = 0;
        count[plane.axis_y] = ny;
        if (plane.axis_y < plane.axis_x) {
            count[plane.axis_x] = nx;
            read_part(path, set, start, count, image.data());
            return image;
        }
        const hsize_t columns = set.in_whole_chunks(plane.axis_x, (hsize_t(1) << 22) / (ny * sizeof(T)));
        std::vector<T> block;
        for (hsize_t x = 0; x < nx; x += columns) {
            const hsize_t width = std::min(columns, nx - x);
            start[plane.axis_x] = x, count[plane.axis_x] = width;
            block.resize(width * ny);
            read_part(path, set, start, count, block.data());
            for (hsize_t k = 0; k < block.size(); ++k) image(k % ny, x + k / ny) = block[k];
        }
        return image;
    }

    /// A part of a data set in C order; an element of it is one of Value. Throws read_error where the part is not
    /// within the data set, and where that announces more than it can hold.
    template <class Value>
    std::vector<Value> read_block(const std::string& path, const std::vector<hsize_t>& start,
                                  const std::vector<hsize_t>& count) const {
        const hdf5_data_set set = open(path);
        bool within = start.size() == set.shape().size() && count.size() == set.shape().size();
        hsize_t size = 1;
        for (std::size_t d = 0; within && d < start.size(); ++d) {
            within = start[d] <= set.shape()[d] && count[d] <= set.shape()[d] - start[d];
            require_plausible(path, set, size, count[d]);
            size *= count[d];
        }
        if (!within) refuse(path, "has shape " + to_string(set.shape()) + ", not the part that is asked for");
        std::vector<Value> values(size);
        if (size > 0) read_part(path, set, start, count, values.data());
        return values;
    }

    /// The first column of a table of bytes; empty where there is none.
    std::vector<std::uint8_t> read_column(const std::string& path) const {
        const auto array = describe(path);
        if (!array || array->type != "uint8" || array->shape.size() != 2 || array->shape[1] == 0) return {};
        return read_block<std::uint8_t>(path, {0, 0}, {array->shape[0], 1});
    }

    /// Whether there is a data set of numbers at `path`, in this file, that can hold all that its shape announces.
    bool plausible(const std::string& path) const {
        const hdf5_data_set set(root(), path);
        return set && set.why_not(path_).empty() && set.plausible(file_size_);
    }

    /// Throws read_error where a data set announces more than the file can hold.
    void require_plausible(const std::string& path) const {
        if (!plausible(path))
            refuse(path, "has shape " + to_string(open(path).shape()) + ", more than a file of " +
                             std::to_string(file_size_) + " bytes can hold");
    }

    /// Throws read_error that names the file and the data set at `path`.
    [[noreturn]] void refuse(const std::string& path, const std::string& message) const {
        throw read_error(path_.string(), "data set \"" + path + "\" " + message);
    }

private:
    static bool too_deep(std::string_view path) { return std::count(path.begin(), path.end(), '/') > 64; }

    template <class Info>
    static herr_t collect(hid_t, const char* name, const Info*, void* list) {
        try {
            static_cast<std::vector<std::string>*>(list)->emplace_back(name);
            return too_deep(name) ? -1 : 0;
        } catch (...) {
            return -1;
        }
    }

    template <class Value>
    static hid_t memory_type() {
        if constexpr (std::same_as<Value, std::uint8_t>)
            return H5T_NATIVE_UINT8;
        else if constexpr (std::same_as<Value, std::uint16_t>)
            return H5T_NATIVE_UINT16;
        else
            return hdf5_type<Value>();
    }

    hdf5_data_set open(const std::string& path) const {
        hdf5_data_set set(root(), path);
        if (!set) fail("has no data set \"" + path + "\"");
        if (!set.holds_numbers()) refuse(path, "holds " + set.why_not(path_));
        return set;
    }

    template <class Value>
    void read_part(const std::string& path, const hdf5_data_set& set, const std::vector<hsize_t>& start,
                   const std::vector<hsize_t>& count, Value* out) const {
        hsize_t size = 1;
        for (const hsize_t n : count) size *= n;
        const hdf5_handle memory(H5Screate_simple(1, &size, nullptr), H5Sclose);
        if (!count.empty())
            H5Sselect_hyperslab(set.space(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr);
        if (set.holds_booleans()) {  // which the library converts to no number
            std::vector<std::uint8_t> bytes(size);
            if (H5Dread(set.id(), set.type(), memory.get(), set.space(), H5P_DEFAULT, bytes.data()) < 0)
                fail("cannot read data set \"" + path + "\"");
            std::transform(bytes.begin(), bytes.end(), out, [](std::uint8_t b) { return static_cast<Value>(b != 0); });
            return;
        }
        if (H5Dread(set.id(), memory_type<Value>(), memory.get(), set.space(), H5P_DEFAULT, out) < 0)
            fail("cannot read data set \"" + path + "\"");
    }

    // Sizes in a damaged file must not decide how much memory is taken.
    void require_plausible(const std::string& path, const hdf5_data_set& set, hsize_t ny, hsize_t nx) const {
        if (const std::string reason = set.why_not(path_); !reason.empty()) refuse(path, reason);
        const std::uint64_t most = set.most_elements(file_size_);
        if ((ny > 0 && nx > most / ny) || (ny > 0 && nx > 0 && set.chunk_elements() > most)) {
            refuse(path, "announces " + std::to_string(ny) + " x " + std::to_string(nx) +
                             " pixels, more than a file of " + std::to_string(file_size_) + " bytes can hold");
        }
    }

    bool is_hard_link(const std::string& link) const {
        H5L_info_t info;
        return H5Lget_info(root(), link.c_str(), &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
    }

    bool is_external(const std::string& link) const { return detail::external_target(root(), link).has_value(); }

    // Where a soft or external link leads that leads to nothing.
    std::string dead_link(const std::string& link) const {
        if (const auto target = detail::external_target(root(), link))
            return "is a link to " + target->file + ":" + target->object +
                   (detail::is_plain_name(target->file) ? ", which is not there"
                                                        : ", which is not read: must lie in the same folder");
        H5L_info_t info;
        if (H5Lget_info(root(), link.c_str(), &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_SOFT) return "";
        std::string to(std::min<std::size_t>(info.u.val_size, 4096), '\0');
        if (H5Lget_val(root(), link.c_str(), to.data(), to.size(), H5P_DEFAULT) < 0) return "";
        return "is a link to " + std::string(to.c_str()) + ", which is not there";
    }

    // Of this file, and of those that are there in turn; their bytes count as those of this file.
    void find_files_beside() {
        constexpr std::size_t most_files = 64;
        detail::add_files_beside(root(), beside_);
        for (std::size_t i = 0; i < beside_.size() && beside_.size() < most_files; ++i) {
            const auto other = path_.parent_path() / beside_[i];
            std::error_code absent;
            if (beside_[i] == path_.filename() || !std::filesystem::is_regular_file(other, absent)) continue;
            const hdf5_handle file(H5Fopen(other.string().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
            if (!file) continue;
            file_size_ += input_file_size(other);
            detail::add_files_beside(file.get(), beside_);
        }
        std::erase(beside_, path_.filename().string());
    }

    [[noreturn]] void fail(const std::string& message) const {
        throw read_error(path_.string(), message + " (" + hdf5_reason() + ")");
    }

    hdf5_silence silence_;
    std::filesystem::path path_;
    std::uint64_t file_size_;
    hdf5_handle file_;
    std::vector<std::string> beside_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
