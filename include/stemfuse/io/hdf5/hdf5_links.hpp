// What an HDF5 file says lies in other files: external links and the sources of virtual data sets.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_handle.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// A file name without any folder, which can only lie beside the file that names it.
inline bool is_plain_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find_first_of("/\\") == std::string_view::npos;
}

// Where an external link leads.
struct external_place {
    std::string file, object;
};

inline std::optional<external_place> external_target(hid_t file, const std::string& link) {
    H5L_info_t info;
    if (H5Lget_info(file, link.c_str(), &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_EXTERNAL) return std::nullopt;
    std::string to(std::min<std::size_t>(info.u.val_size, 8192), '\0');
    const char *other = nullptr, *object = nullptr;
    if (H5Lget_val(file, link.c_str(), to.data(), to.size(), H5P_DEFAULT) < 0 ||
        H5Lunpack_elink_val(to.data(), to.size(), nullptr, &other, &object) < 0)
        return external_place{"nothing", ""};
    return external_place{other, object};
}

// Whether a link leads to a file of another folder, which is not followed.
inline bool leaves_folder(hid_t file, const std::string& link) {
    const auto target = external_target(file, link);
    return target && !is_plain_name(target->file);
}

// The file and the data set of one source of a virtual data set, by its creation properties.
inline external_place virtual_source(hid_t layout, std::size_t index) {
    std::array<char, 4096> file{}, object{};
    H5Pget_virtual_filename(layout, index, file.data(), file.size());
    H5Pget_virtual_dsetname(layout, index, object.data(), object.size());
    return {file.data(), object.data()};
}

// The sources that are looked at: more belong to no measurement.
inline std::size_t virtual_sources(hid_t layout) {
    constexpr std::size_t most = 4096;
    std::size_t count = 0;
    if (H5Pget_layout(layout) != H5D_VIRTUAL || H5Pget_virtual_count(layout, &count) < 0) return 0;
    return std::min(count, most);
}

// Adds the names of the files beside this one that it speaks of, each once.
inline void add_files_beside(hid_t file, std::vector<std::string>& names) {
    struct search {
        hid_t file;
        std::vector<std::string>& names;

        void add(const std::string& name) const {
            if (is_plain_name(name) && std::find(names.begin(), names.end(), name) == names.end())
                names.push_back(name);
        }
        void look_at(const char* link, const H5L_info_t* info) const {
            if (info->type == H5L_TYPE_EXTERNAL) {
                if (const auto target = external_target(file, link)) add(target->file);
                return;
            }
            if (info->type != H5L_TYPE_HARD) return;
            const hdf5_handle set(H5Oopen(file, link, H5P_DEFAULT), H5Oclose);
            if (!set || H5Iget_type(set.get()) != H5I_DATASET) return;
            const hdf5_handle layout(H5Dget_create_plist(set.get()), H5Pclose);
            for (std::size_t i = 0; i < virtual_sources(layout.get()); ++i) add(virtual_source(layout.get(), i).file);
        }
    } found{file, names};
    H5Lvisit(
        file, H5_INDEX_NAME, H5_ITER_INC,
        [](hid_t, const char* link, const H5L_info_t* info, void* to) -> herr_t {
            constexpr int deepest = 64;  // the library takes some stack for every group
            if (std::count(link, link + std::char_traits<char>::length(link), '/') > deepest) return -1;
            try {
                static_cast<const search*>(to)->look_at(link, info);
                return 0;
            } catch (...) {
                return -1;
            }
        },
        &found);
}

// Why the parts of a virtual data set of `file`, which lies at `path`, cannot all be read; empty where they can. The
// library gives the fill value for what is not there, and says nothing.
inline std::string missing_source(hid_t layout, const std::filesystem::path& path) {
    external_place opened;
    hdf5_handle other;
    for (std::size_t i = 0; i < virtual_sources(layout); ++i) {
        const external_place source = virtual_source(layout, i);
        const std::string part = "is made of data of " + source.file + ":" + source.object;
        if (source.file.find('%') != std::string::npos)
            return part + ", names of a pattern: must be named one by one, or saved as one file";
        const bool own = source.file == "." || source.file == path.filename();
        if (!own && !is_plain_name(source.file)) return part + ", which is not read: must lie in the same folder";
        if (!other || opened.file != source.file)
            other = {
                H5Fopen((own ? path : path.parent_path() / source.file).string().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT),
                H5Fclose};
        opened = source;
        const hdf5_handle set(other ? H5Dopen2(other.get(), source.object.c_str(), H5P_DEFAULT) : H5I_INVALID_HID,
                              H5Dclose);
        if (!set) return part + ", which is not there";
    }
    return "";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
