// One HDF5 file in the making.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/calibration.hpp>
#include <stemfuse/io/base/parameter.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/hdf5/hdf5_handle.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// Builds the groups, data sets and attributes of one HDF5 file in memory: where a disk is full, the HDF5 library (1.10)
// can neither close a file nor end the program cleanly. Every call throws write_error of the target where it fails.
class hdf5_writer {
public:
    explicit hdf5_writer(const atomic_file& target) : target_(target) {
        constexpr std::size_t growth = 1 << 20;
        const hdf5_handle access = opened(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
        require(H5Pset_fapl_core(access.get(), growth, false));
        file_ =
            opened(H5Fcreate(target.temporary().string().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose);
    }

    hid_t root() const { return file_.get(); }

    // A new group, those on the way to it as needed.
    hdf5_handle group(const std::string& path) const {
        const hdf5_handle links = opened(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
        require(H5Pset_create_intermediate_group(links.get(), 1));
        return opened(H5Gcreate2(root(), path.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    }

    template <scalar T>
    void image(hid_t group, const std::string& name, const T* pixels, const image_shape& shape, const std::string& unit,
               const pixel_calibration& scale = {}) const {
        const hdf5_handle set = packed(group, name, pixels, {shape[0], shape[1]});
        if (!unit.empty()) text(set.get(), "unit", unit);
        pixel_size(set.get(), "x", scale.x);
        pixel_size(set.get(), "y", scale.y);
    }

    template <scalar T>
    void stack(hid_t group, const std::string& name, const T* values, const stack_shape& shape) const {
        packed(group, name, values, {shape[0], shape[1], shape[2]});
    }

    // Spectra (n_y, n_x, n_channels) of counts, with the energies of their channels.
    void spectra(hid_t group, const std::string& name, const std::uint16_t* values, const stack_shape& shape,
                 double first_kev, double step_kev) const {
        const hdf5_handle set = packed(group, name, H5T_NATIVE_UINT16, values, {shape[0], shape[1], shape[2]});
        attribute(set.get(), "energy_offset_keV", H5T_NATIVE_DOUBLE, &first_kev);
        attribute(set.get(), "energy_scale_keV", H5T_NATIVE_DOUBLE, &step_kev);
    }

    void curve(hid_t group, const char* name, const std::vector<double>& values) const {
        const hsize_t extent = values.size();
        data_set(group, name, H5T_NATIVE_DOUBLE, values.data(), {extent}, H5P_DEFAULT);
    }

    void text(hid_t object, const std::string& name, const std::string& value) const {
        const hdf5_handle type = text_type();
        const char* const start = value.c_str();
        attribute(object, name, type.get(), &start);
    }

    // A data set of texts.
    void texts(hid_t group, const std::string& name, const std::vector<std::string>& values) const {
        const hdf5_handle type = text_type();
        const hsize_t extent = values.size();
        std::vector<const char*> starts;
        for (const std::string& value : values) starts.push_back(value.c_str());
        data_set(group, name, type.get(), starts.data(), {extent}, H5P_DEFAULT);
    }

    void parameter(hid_t object, const std::string& name, const parameter_value& value) const {
        std::visit([&](const auto& v) { write(object, name, v); }, value);
    }
    void parameter(const std::string& name, const parameter_value& value) const { parameter(root(), name, value); }

    // The bytes of the file.
    std::string bytes() const {
        require(H5Fflush(root(), H5F_SCOPE_GLOBAL));
        const ssize_t size = H5Fget_file_image(root(), nullptr, 0);
        require(size);
        std::string content(static_cast<std::size_t>(size), '\0');
        require(H5Fget_file_image(root(), content.data(), content.size()));
        return content;
    }

private:
    void pixel_size(hid_t set, const std::string& axis, const axis_calibration& scale) const {
        if (!scale.known()) return;
        attribute(set, "pixel_size_" + axis, H5T_NATIVE_DOUBLE, &scale.pixel);
        text(set, "pixel_unit_" + axis, scale.unit);
    }
    void write(hid_t object, const std::string& name, const std::string& value) const { text(object, name, value); }
    void write(hid_t object, const std::string& name, double value) const {
        attribute(object, name, H5T_NATIVE_DOUBLE, &value);
    }
    void write(hid_t object, const std::string& name, std::int64_t value) const {
        attribute(object, name, H5T_NATIVE_INT64, &value);
    }
    void write(hid_t object, const std::string& name, bool value) const {
        const hdf5_handle type = opened(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
        for (const std::int8_t member : {std::int8_t{0}, std::int8_t{1}})
            require(H5Tenum_insert(type.get(), member ? "TRUE" : "FALSE", &member));
        const std::int8_t stored = value;
        attribute(object, name, type.get(), &stored);
    }

    void attribute(hid_t object, const std::string& name, hid_t type, const void* value) const {
        const hdf5_handle space = opened(H5Screate(H5S_SCALAR), H5Sclose);
        const hdf5_handle a =
            opened(H5Acreate2(object, name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
        require(H5Awrite(a.get(), type, value));
    }

    hdf5_handle text_type() const {
        hdf5_handle type = opened(H5Tcopy(H5T_C_S1), H5Tclose);
        require(H5Tset_size(type.get(), H5T_VARIABLE));
        require(H5Tset_cset(type.get(), H5T_CSET_UTF8));
        return type;
    }

    // In deflated chunks of rows of one image.
    template <scalar T>
    hdf5_handle packed(hid_t group, const std::string& name, const T* values,
                       const std::vector<hsize_t>& extent) const {
        return packed(group, name, hdf5_type<T>(), values, extent);
    }

    hdf5_handle packed(hid_t group, const std::string& name, hid_t type, const void* values,
                       const std::vector<hsize_t>& extent) const {
        const std::size_t rank = extent.size();
        std::vector<hsize_t> chunk(rank, 1);
        chunk[rank - 1] = std::min<hsize_t>(extent[rank - 1], 65536);
        chunk[rank - 2] = std::clamp<hsize_t>(65536 / chunk[rank - 1], 1, extent[rank - 2]);
        const hdf5_handle layout = opened(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
        require(H5Pset_obj_track_times(layout.get(), false));
        if (H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0) {
            require(H5Pset_chunk(layout.get(), static_cast<int>(rank), chunk.data()));
            require(H5Pset_shuffle(layout.get()));
            require(H5Pset_deflate(layout.get(), 1));
        }
        return data_set(group, name, type, values, extent, layout.get());
    }

    hdf5_handle data_set(hid_t group, const std::string& name, hid_t type, const void* values,
                         const std::vector<hsize_t>& extent, hid_t layout) const {
        const hdf5_handle space =
            opened(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose);
        hdf5_handle set =
            opened(H5Dcreate2(group, name.c_str(), type, space.get(), H5P_DEFAULT, layout, H5P_DEFAULT), H5Dclose);
        require(H5Dwrite(set.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
        return set;
    }

    hdf5_handle opened(hid_t id, herr_t (*closing)(hid_t)) const {
        require(id);
        return {id, closing};
    }
    void require(std::int64_t status) const {
        if (status < 0) target_.fail("cannot be written (" + hdf5_reason() + ")");
    }

    const atomic_file& target_;
    hdf5_handle file_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
