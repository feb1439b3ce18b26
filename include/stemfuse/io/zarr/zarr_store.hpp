// Where the files of a zarr store lie: in a folder or in a zip archive.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zip.h>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/numpy/npz.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// read(key, most) gives the bytes of a key, none where it is not there, and throws read_error where they are more than
/// `most`; members(group) the names of groups and arrays in a group, in their order; size() the bytes of all.
template <class S>
concept zarr_store = requires(const S& store, const std::string& key, std::uint64_t most) {
    { store.read(key, most) } -> std::same_as<std::optional<std::vector<std::byte>>>;
    { store.members(key) } -> std::same_as<std::vector<std::string>>;
    { store.size() } -> std::same_as<std::uint64_t>;
    { store.stem() } -> std::same_as<std::string>;
    store.fail(std::string_view());
};

/// A store in a folder, a file a key.
class zarr_folder {
public:
    /// The folder must stay as long as it is read.
    explicit zarr_folder(std::filesystem::path root) : root_(std::move(root)) {
        std::error_code failed;
        using walk = std::filesystem::recursive_directory_iterator;
        for (walk at(root_, failed), end; !failed && at != end; at.increment(failed)) {
            if (at->is_regular_file(failed)) size_ += at->file_size(failed);
        }
        if (failed) throw read_error(root_.string(), "cannot be read: " + failed.message());
    }

    /// The bytes of a key; none where it is not there. Throws read_error for more than `most`.
    std::optional<std::vector<std::byte>> read(const std::string& key, std::uint64_t most) const {
        std::error_code absent;
        if (!std::filesystem::is_regular_file(root_ / key, absent)) return std::nullopt;
        if (std::filesystem::file_size(root_ / key, absent) == 0) return std::vector<std::byte>();
        file_source source(root_ / key);
        if (source.remaining() > most) source.fail("has more bytes than the array announces for it");
        return read_exactly(source, source.remaining());
    }

    /// The names in a group; none where it is not there.
    std::vector<std::string> members(const std::string& group) const {
        std::vector<std::string> names;
        std::error_code absent;
        for (const auto& entry : std::filesystem::directory_iterator(root_ / group, absent)) {
            if (entry.is_directory(absent)) names.push_back(entry.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }

    /// The bytes of all files.
    std::uint64_t size() const { return size_; }
    /// The folder's name without its extension.
    std::string stem() const { return root_.stem().string(); }
    /// Throws read_error that names the folder.
    [[noreturn]] void fail(std::string_view message) const { throw read_error(root_.string(), message); }

private:
    std::filesystem::path root_;
    std::uint64_t size_ = 0;
};

/// A store in a zip archive, a member a key.
class zarr_zip {
public:
    /// Opens a file. Throws read_error for what is no zip archive.
    explicit zarr_zip(std::filesystem::path path) : path_(std::move(path)), size_(input_file_size(path_)) {
        std::string reason;
        archive_ = detail::open_zip(path_, ZIP_RDONLY, reason);
        if (!archive_) fail("cannot be read as a zip archive: " + reason);
        const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
        for (zip_int64_t i = 0; i < count; ++i) {
            const char* const name = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), 0);
            if (name != nullptr)
                keys_[name] = static_cast<zip_uint64_t>(i);  // what was written again is the last of its name
        }
    }

    /// Whether the archive is one of zarr.
    bool is_zarr() const {
        return keys_.contains(".zgroup") || keys_.contains(".zarray") || keys_.contains("zarr.json");
    }

    /// The bytes of a key; none where it is not there. Throws read_error for more than `most`.
    std::optional<std::vector<std::byte>> read(const std::string& key, std::uint64_t most) const {
        const auto found = keys_.find(key);
        if (found == keys_.end()) return std::nullopt;
        npz_member_source source(archive_.get(), found->second, size_, path_);
        if (source.remaining() > most) source.fail("has more bytes than the array announces for it");
        auto bytes = read_exactly(source, source.remaining());
        source.finish();
        return bytes;
    }

    /// The names in a group; none where it is not there.
    std::vector<std::string> members(const std::string& group) const {
        const std::string prefix = group.empty() ? "" : group + "/";
        std::set<std::string> names;
        for (auto at = keys_.lower_bound(prefix); at != keys_.end() && at->first.starts_with(prefix); ++at) {
            const auto slash = at->first.find('/', prefix.size());
            if (slash != std::string::npos) names.insert(at->first.substr(prefix.size(), slash - prefix.size()));
        }
        return {names.begin(), names.end()};
    }

    /// The bytes of the archive.
    std::uint64_t size() const { return size_; }
    /// The file's name without its extension.
    std::string stem() const { return path_.stem().string(); }
    /// Throws read_error that names the archive.
    [[noreturn]] void fail(std::string_view message) const { throw read_error(path_.string(), message); }

private:
    std::filesystem::path path_;
    std::uint64_t size_;
    detail::zip_handle archive_;
    std::map<std::string, zip_uint64_t> keys_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
