// Named images in one HDF5 file: a measurement, or the known truth of a specimen.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/hdf5/hdf5_writer.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Writes the images of `maps`, shape (n, n_y, n_x), to the root of an HDF5 file, as /<names[i]>. Throws shape_error
/// for an empty stack and another number of names, value_error for names that are empty, repeated or have a "/",
/// write_error; the file is whole or not there.
template <stack Maps>
void write_image_set(const std::filesystem::path& path, const std::vector<std::string>& names, const Maps& maps) {
    using T = value_type_t<Maps>;
    const readable<T, 3> in(maps, "maps");
    require_not_empty(in.view(), "maps");
    require_count(names.size(), in.view().shape[0], "names", "names", "one for each image");
    std::set<std::string> seen{"", "."};
    for (const std::string& name : names) {
        if (name.find('/') != std::string::npos || !seen.insert(name).second) {
            throw value_error("names", is_but_must_be(name, "distinct names without \"/\""));
        }
    }
    atomic_file target(path);
    const hdf5_silence silence;
    const detail::hdf5_writer file(target);
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto view = in.view().image(i);
        const auto packed = stemfuse::detail::packed_copy<T, 2>(view, names[i]);
        file.image(file.root(), names[i], packed.data(), view.shape, "");
    }
    target.write(file.bytes());
    target.commit();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
