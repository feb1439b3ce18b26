// What fused.h5 holds more after a fusion of counts.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <stemfuse/io/base/atomic_file.hpp>
#include <stemfuse/io/hdf5/hdf5_handle.hpp>
#include <stemfuse/io/record/fused_file.hpp>

#include "count_details.hpp"

namespace program {

// An HDF5 file in memory that data sets are added to. Throws write_error of the target.
class hdf5_addition {
public:
    hdf5_addition(const stemfuse::io::atomic_file& target, const std::string& bytes) : target_(target) {
        constexpr std::size_t growth = 1 << 20;
        const handle access = opened(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
        require(H5Pset_fapl_core(access.get(), growth, false));
        // The library copies the image.
        require(H5Pset_file_image(access.get(), const_cast<char*>(bytes.data()), bytes.size()));
        // It wants a name that no file has.
        const std::string name = target.temporary().string() + ".image";
        file_ = opened(H5Fopen(name.c_str(), H5F_ACC_RDWR, access.get()), H5Fclose);
    }

    // Groups on the way to the data set are made.
    void add(const std::string& path, const double* values, const std::vector<hsize_t>& extent) const {
        const handle links = opened(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
        require(H5Pset_create_intermediate_group(links.get(), 1));
        const handle space =
            opened(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose);
        const handle set = opened(H5Dcreate2(file_.get(), path.c_str(), H5T_NATIVE_DOUBLE, space.get(), links.get(),
                                             H5P_DEFAULT, H5P_DEFAULT),
                                  H5Dclose);
        require(H5Dwrite(set.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    }

    std::string bytes() const {
        require(H5Fflush(file_.get(), H5F_SCOPE_GLOBAL));
        const ssize_t size = H5Fget_file_image(file_.get(), nullptr, 0);
        require(size);
        std::string content(static_cast<std::size_t>(size), '\0');
        require(H5Fget_file_image(file_.get(), content.data(), content.size()));
        return content;
    }

private:
    using handle = stemfuse::io::hdf5_handle;

    handle opened(hid_t id, herr_t (*closing)(hid_t)) const {
        require(id);
        return {id, closing};
    }
    void require(std::int64_t status) const {
        if (status < 0) target_.fail("cannot be written (" + stemfuse::io::hdf5_reason() + ")");
    }

    const stemfuse::io::atomic_file& target_;
    handle file_;
};

// /holdout: a number for each setting that was tried, in the same order.
inline void add_holdout(const hdf5_addition& file, const count_details& d, const std::vector<std::string>& symbols) {
    const auto column = [&](const std::string& name, auto&& value_of) {
        std::vector<double> values;
        for (const auto& t : d.tried) values.push_back(value_of(t));
        file.add("holdout/" + name, values.data(), {values.size()});
    };
    column("directed", [](const auto& t) { return t.setting.directed ? 1.0 : 0.0; });
    column("haadf_weight", [](const auto& t) { return t.setting.haadf_weight; });
    column("gamma", [](const auto& t) { return t.setting.gamma; });
    column("smoothing", [](const auto& t) { return t.setting.smoothing; });
    column("blur", [](const auto& t) { return t.setting.blur; });
    column("averaged", [](const auto& t) { return static_cast<double>(t.setting.averaged); });
    column("deficit", [](const auto& t) { return t.deficit.value; });
    column("standard_error", [](const auto& t) { return t.deficit.standard_error; });
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        column(symbols[i] + "_deficit", [i](const auto& t) { return t.by_element[i].value; });
        column(symbols[i] + "_standard_error", [i](const auto& t) { return t.by_element[i].standard_error; });
    }
}

// /composition: of the whole image, a number for each element, and atomic fractions of every pixel.
inline void add_composition(const hdf5_addition& file, const count_composition& c,
                            const std::vector<std::string>& symbols) {
    if (!c.known()) return;
    const hsize_t n = symbols.size(), ny = c.fractions.shape(1), nx = c.fractions.shape(2);
    file.add("composition/atomic_fraction", c.atomic.fractions.data(), {n});
    file.add("composition/atomic_fraction_error", c.atomic.standard_errors.data(), {n});
    file.add("composition/weight_fraction", c.weight.fractions.data(), {n});
    file.add("composition/weight_fraction_error", c.weight.standard_errors.data(), {n});
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        file.add("composition/" + symbols[i], c.fractions.data() + i * ny * nx, {ny, nx});
        file.add("composition/" + symbols[i] + "_error", c.errors.data() + i * ny * nx, {ny, nx});
    }
}

// /averaging: of every element how far its map rests on averaging, and where counts disagree with it.
inline void add_trust(const hdf5_addition& file, const stemfuse::io::trust_section& trust) {
    for (const auto& map : trust.maps) {
        file.add("averaging/" + map.name + "_share", map.nonlocal_fraction.data(),
                 {map.nonlocal_fraction.shape(0), map.nonlocal_fraction.shape(1)});
        file.add("averaging/" + map.name + "_deviation", map.deviation.data(),
                 {map.deviation.shape(0), map.deviation.shape(1)});
    }
}

// Writes fused.h5 as write_fused_file() does, with /holdout, /composition and /averaging. Throws what it throws; the
// file is whole or not there.
template <class T>
void write_count_file(const std::filesystem::path& path, const stemfuse::io::fusion_record<T>& record,
                      const count_details& d) {
    stemfuse::io::detail::require_writable(record);
    stemfuse::io::atomic_file target(path);
    const stemfuse::io::hdf5_silence silence;
    const hdf5_addition file(target, stemfuse::io::detail::fused_file_bytes(target, record));
    add_holdout(file, d, record.elements);
    add_composition(file, d.composition, record.elements);
    add_trust(file, d.trust);
    target.write(file.bytes());
    target.commit();
}

}  // namespace program
