// Builds HDF5 files for the tests of the readers, groups on the way as needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_handle.hpp>

#include "support.hpp"

namespace h5_builder {

template <class Value>
hid_t type_of() {
    if constexpr (std::is_same_v<Value, double>) return H5T_NATIVE_DOUBLE;
    if constexpr (std::is_same_v<Value, float>) return H5T_NATIVE_FLOAT;
    if constexpr (std::is_same_v<Value, std::int32_t>) return H5T_NATIVE_INT32;
    if constexpr (std::is_same_v<Value, std::int64_t>) return H5T_NATIVE_INT64;
    if constexpr (std::is_same_v<Value, std::uint8_t>) return H5T_NATIVE_UINT8;
    if constexpr (std::is_same_v<Value, std::uint16_t>) return H5T_NATIVE_UINT16;
    if constexpr (std::is_same_v<Value, std::uint64_t>) return H5T_NATIVE_UINT64;
}

class file {
public:
    explicit file(const std::filesystem::path& path)
        : file_(H5Fcreate(path.string().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose),
          links_(H5Pcreate(H5P_LINK_CREATE), H5Pclose) {
        H5Pset_create_intermediate_group(links_.get(), 1);
        REQUIRE(file_);
    }

    hid_t id() const { return file_.get(); }

    void group(const std::string& path) const {
        const handle g(H5Gcreate2(id(), path.c_str(), links_.get(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
        REQUIRE(g);
    }

    // In chunks where there are some, and then extendible.
    template <class Value>
    void data(const std::string& path, const std::vector<hsize_t>& shape, const std::vector<Value>& values,
              const std::vector<hsize_t>& chunk = {}) const {
        const std::vector<hsize_t> most = chunk.empty() ? shape : std::vector<hsize_t>(shape.size(), H5S_UNLIMITED);
        const handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), most.data()), H5Sclose);
        const handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
        if (!chunk.empty()) {
            H5Pset_chunk(layout.get(), static_cast<int>(chunk.size()), chunk.data());
            H5Pset_deflate(layout.get(), 4);
        }
        const handle set(
            H5Dcreate2(id(), path.c_str(), type_of<Value>(), space.get(), links_.get(), layout.get(), H5P_DEFAULT),
            H5Dclose);
        REQUIRE(set);
        if (!values.empty())
            REQUIRE(H5Dwrite(set.get(), type_of<Value>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
    }

    // Announces more of a data set in chunks than is stored.
    void extend(const std::string& path, const std::vector<hsize_t>& shape) const {
        const handle set(H5Dopen2(id(), path.c_str(), H5P_DEFAULT), H5Dclose);
        REQUIRE(H5Dset_extent(set.get(), shape.data()) >= 0);
    }

    // A data set of one variable-length string in one dimension, or of several.
    void texts(const std::string& path, const std::vector<std::string>& texts) const {
        const hsize_t count = texts.size();
        const handle space(H5Screate_simple(1, &count, nullptr), H5Sclose), type(H5Tcopy(H5T_C_S1), H5Tclose);
        H5Tset_size(type.get(), H5T_VARIABLE);
        H5Tset_cset(type.get(), H5T_CSET_UTF8);
        const handle set(
            H5Dcreate2(id(), path.c_str(), type.get(), space.get(), links_.get(), H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
        REQUIRE(set);
        std::vector<const char*> pointers;
        for (const auto& t : texts) pointers.push_back(t.c_str());
        REQUIRE(H5Dwrite(set.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()) >= 0);
    }
    void text(const std::string& path, const std::string& value) const { texts(path, {value}); }

    void attribute(const std::string& path, const std::string& name, const std::string& value) const {
        const handle type(H5Tcopy(H5T_C_S1), H5Tclose);
        H5Tset_size(type.get(), H5T_VARIABLE);
        H5Tset_cset(type.get(), H5T_CSET_UTF8);
        const char* const start = value.c_str();
        write_attribute(path, name, type.get(), &start);
    }
    void attribute(const std::string& path, const std::string& name, const char* value) const {
        attribute(path, name, std::string(value));
    }
    void attribute(const std::string& path, const std::string& name, double value) const {
        write_attribute(path, name, H5T_NATIVE_DOUBLE, &value);
    }
    void attribute(const std::string& path, const std::string& name, std::int64_t value) const {
        write_attribute(path, name, H5T_NATIVE_INT64, &value);
    }
    // As h5py writes Booleans.
    void attribute(const std::string& path, const std::string& name, bool value) const {
        const handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
        for (const std::int8_t member : {std::int8_t{0}, std::int8_t{1}})
            H5Tenum_insert(type.get(), member ? "TRUE" : "FALSE", &member);
        const std::int8_t stored = value;
        write_attribute(path, name, type.get(), &stored);
    }

private:
    using handle = stemfuse::io::hdf5_handle;

    void write_attribute(const std::string& path, const std::string& name, hid_t type, const void* value) const {
        const handle object(H5Oopen(id(), path.c_str(), H5P_DEFAULT), H5Oclose), space(H5Screate(H5S_SCALAR), H5Sclose);
        const handle a(H5Acreate2(object.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
        REQUIRE(a);
        REQUIRE(H5Awrite(a.get(), type, value) >= 0);
    }

    handle file_, links_;
};

}  // namespace h5_builder
