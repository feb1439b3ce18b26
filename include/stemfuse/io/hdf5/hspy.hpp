// Images of HyperSpy's .hspy files (HDF5).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/io/base/hspy_layout.hpp>
#include <stemfuse/io/hdf5/hdf5_images.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Whether HyperSpy wrote the file, by its attribute file_format.
inline bool is_hspy(const hdf5_reader& file) { return hdf5_text_attribute(file.root(), "file_format") == "HyperSpy"; }

namespace detail {

// An HDF5 file as an hspy_tree.
class hdf5_tree {
public:
    explicit hdf5_tree(const hdf5_reader& file) : file_(file) {}

    bool has(const std::string& path) const { return static_cast<bool>(file_.object(path)); }
    std::vector<std::string> members(const std::string& group) const { return file_.members(group); }
    std::string text(const std::string& path, const std::string& name) const {
        const auto texts = text_list(path, name);
        return texts.empty() ? "" : texts[0];
    }
    std::vector<std::string> text_list(const std::string& path, const std::string& name) const {
        return of_object(path, [&](hid_t object) { return hdf5_text_attributes(object, name); });
    }
    std::optional<double> number(const std::string& path, const std::string& name) const {
        return of_object(path, [&](hid_t object) { return hdf5_number_attribute(object, name); });
    }
    std::optional<bool> flag(const std::string& path, const std::string& name) const {
        return of_object(path, [&](hid_t object) { return hdf5_flag_attribute(object, name); });
    }
    std::vector<double> numbers(const std::string& path) const { return file_.numbers(path); }
    std::vector<std::string> texts(const std::string& path) const { return file_.texts(path); }
    std::optional<array_info> describe(const std::string& path) const { return file_.describe(path); }
    std::string why_not(const std::string& path) const { return file_.why_not(path); }
    std::vector<std::size_t> shape_of(const std::string& path) const { return file_.shape_of(path); }

private:
    template <class Read>
    auto of_object(const std::string& path, Read&& read) const -> decltype(read(hid_t())) {
        const hdf5_handle object = file_.object(path.empty() ? "/" : path);
        if (!object) return {};
        return read(object.get());
    }

    const hdf5_reader& file_;
};

}  // namespace detail

/// Lists the experiments of a HyperSpy file, see list_hspy_experiments. Throws read_error.
inline void list_hspy(hdf5_images& images) {
    const hdf5_reader& file = images.file();
    list_hspy_experiments(detail::hdf5_tree(file), images, file.path().stem().string());
    for (const std::string& link : file.members("Experiments")) {
        const std::string reason = file.why_not("Experiments/" + link);
        if (!reason.empty()) images.other("Experiments/" + link, reason);
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
