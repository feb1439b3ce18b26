// Files that appear in a folder together or not at all.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/guard/file_lock.hpp>
#include <stemfuse/io/guard/sha256.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A file that was written, with its SHA-256 in hexadecimal digits.
struct output_record {
    std::string file;    ///< its name, without a folder
    std::string sha256;  ///< 64 digits

    /// Same name and same content.
    bool operator==(const output_record&) const = default;
};

/// The file that is written last: where it is, the set is whole. It names the others with their hashes.
inline constexpr const char* output_mark = "parameters.json";

namespace detail {

// A whole set inside its folder, about to be moved to its place; and in it the names of the files that go.
inline constexpr const char* output_ready = ".stemfuse-ready";
inline constexpr const char* output_removals = ".remove";

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code failure;
    std::filesystem::directory_iterator entry(folder, failure);
    for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure))
        names.push_back(entry->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

inline bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

inline void move_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code code;
    std::filesystem::rename(from, to, code);
    if (code) throw write_error(to.string(), "cannot be written: " + code.message());
}

// Moves a whole set to its place, the mark last. What was killed on the way is taken up where it stopped.
inline void finish_outputs(const std::filesystem::path& folder) {
    std::error_code ignored;
    const auto ready = folder / output_ready;
    if (!std::filesystem::is_directory(ready, ignored)) return;
    const auto names = names_in(ready);
    if (contains(names, output_mark)) {
        std::filesystem::remove(folder / output_mark, ignored);
        std::ifstream removals(ready / output_removals);
        for (std::string name; std::getline(removals, name, '\0');) std::filesystem::remove(folder / name, ignored);
        for (const auto& name : names) {
            if (name != output_mark && name != output_removals) move_file(ready / name, folder / name);
        }
        sync_to_disk(folder);
        move_file(ready / output_mark, folder / output_mark);
    }
    std::filesystem::remove(ready / output_removals, ignored);
    std::filesystem::remove(ready, ignored);
    sync_to_disk(folder);
}

}  // namespace detail

/// Names in a folder of results that are plain: no path, nothing hidden, no control characters.
inline bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() < 256 && name[0] != '.' &&
           std::none_of(name.begin(), name.end(), [](char c) { return c == '/' || (c >= 0 && c < ' ') || c == 127; });
}

/// A folder that results go to, held by this process alone.
class held_folder {
public:
    /// Does not wait for another process. What a killed process left there is removed, or finished where it was whole.
    /// Throws write_error where another process writes there, and for what is no folder.
    explicit held_folder(const std::filesystem::path& folder) {
        std::error_code code;
        path_ = std::filesystem::canonical(folder, code);
        if (code) throw write_error(folder.string(), "cannot be written: " + code.message());
        lock_ = file_lock(path_);
        if (lock_.state() == file_lock::outcome::busy)
            throw write_error(folder.string(), "another stemfuse writes there now: wait for it or name another folder");
        if (!lock_.held()) throw write_error(folder.string(), "cannot be written");
        remove_leftovers(path_);
        remove_leftovers(path_.parent_path());
        detail::finish_outputs(path_);
    }

    /// The folder, absolute and without links.
    const std::filesystem::path& path() const noexcept { return path_; }

    /// Holds the folder that lies at the path after an exchange, by its lock `now`. Returns the lock of the old one.
    [[nodiscard]] file_lock hold(file_lock now) { return std::exchange(lock_, std::move(now)); }

private:
    std::filesystem::path path_;
    file_lock lock_;
};

/// A new set of files for a folder. They are written to staging(), the mark last, and appear at once by commit().
///
/// A folder that holds nothing but what the set replaces is exchanged as a whole, by one rename. Where that cannot be
/// (files of the user's own lie there, it is where the user works, or a disk of its own) the whole set is moved into
/// the folder by one rename, then file by file, the mark last; what is killed on the way is finished by the next
/// held_folder. Without a commit the destructor removes the set.
class output_transaction {
public:
    /// Throws write_error where nothing can be written there.
    explicit output_transaction(held_folder& folder) : folder_(folder) {
        const auto parent = folder.path().parent_path();
        exchanges_ = !works_there() && make_staging(parent) && same_owner();
        if (exchanges_) return;
        discard();
        if (!make_staging(folder.path()))
            throw write_error(folder.path().string(), "cannot be written: " + std::generic_category().message(errno));
    }
    output_transaction(const output_transaction&) = delete;
    output_transaction& operator=(const output_transaction&) = delete;
    ~output_transaction() { discard(); }

    /// Where the files are written to, before they are moved to the folder.
    const std::filesystem::path& staging() const noexcept { return staging_; }

    /// Brings all that was written to the disk; its names, in order, and hashes. Throws write_error.
    std::vector<output_record> seal() const {
        std::vector<output_record> all;
        for (const auto& name : detail::names_in(staging_)) {
            sync(staging_ / name);
            all.push_back({name, sha256_of_file(staging_ / name)});
        }
        return all;
    }

    /// The set, with its mark, takes the place of `replaced`, names of an earlier set. Throws write_error; then all is
    /// as it was, or the next held_folder finishes it.
    void commit(const std::vector<std::string>& replaced) {
        sync(staging_ / output_mark);
        sync(staging_);
        auto gone = detail::names_in(staging_);
        const auto written = gone;
        gone.insert(gone.end(), replaced.begin(), replaced.end());
        if (exchanges_ && exchange(gone)) return;
        std::string removals;
        for (const auto& name : replaced) {
            if (!detail::contains(written, name)) removals += name + '\0';
        }
        write_file(staging_ / detail::output_removals, removals);
        const auto ready = folder_.path() / detail::output_ready;
        detail::move_file(staging_, ready);
        staging_.clear();
        sync_to_disk(folder_.path());
        detail::finish_outputs(folder_.path());
    }

private:
    static void sync(const std::filesystem::path& path) {
        errno = 0;
        if (!sync_to_disk(path))
            throw write_error(path.string(), "cannot be written: " + std::generic_category().message(errno));
    }

    // Whoever stands in a folder that is exchanged stands in a removed one.
    bool works_there() const {
        std::error_code failure;
        return std::filesystem::equivalent(folder_.path(), ".", failure);
    }

    bool make_staging(const std::filesystem::path& where) {
        for (;;) {
            staging_ = where / temporary_name();
            errno = 0;
            if (::mkdir(staging_.c_str(), 0777) != 0) {
                if (errno == EEXIST) continue;
                staging_.clear();
                return false;
            }
            lock_ = file_lock(staging_);
            std::error_code ignored;
            if (lock_.held() || std::filesystem::exists(staging_, ignored)) return true;
        }
    }

    // Gives staging() the folder's mode.
    bool same_owner() const {
        struct stat old{}, fresh{};
        return ::stat(folder_.path().c_str(), &old) == 0 && ::stat(staging_.c_str(), &fresh) == 0 &&
               old.st_uid == fresh.st_uid && old.st_gid == fresh.st_gid && old.st_dev == fresh.st_dev &&
               ::chmod(staging_.c_str(), old.st_mode & 07777) == 0;
    }

    bool exchange(const std::vector<std::string>& gone) {
        const auto there = detail::names_in(folder_.path());
        for (const auto& name : there) {
            if (!detail::contains(gone, name)) return false;
        }
        if (there.empty()) {
            if (::rename(staging_.c_str(), folder_.path().c_str()) != 0) return false;
            staging_.clear();
        } else {
#if defined(__linux__) && defined(RENAME_EXCHANGE)
            if (::renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, folder_.path().c_str(), RENAME_EXCHANGE) != 0)
                return false;
#else
            return false;
#endif
        }
        const file_lock old = folder_.hold(std::move(lock_));
        sync_to_disk(folder_.path().parent_path());
        if (staging_.empty()) return true;
        std::error_code ignored;
        for (const auto& name : detail::names_in(staging_)) {  // now the folder as it was
            if (detail::contains(gone, name)) {
                std::filesystem::remove(staging_ / name, ignored);
            } else if (!std::filesystem::exists(folder_.path() / name, ignored)) {  // the user's, of this moment
                std::filesystem::rename(staging_ / name, folder_.path() / name, ignored);
            }
        }
        std::filesystem::remove(staging_, ignored);
        staging_.clear();
        return true;
    }

    void discard() {
        if (staging_.empty()) return;
        std::error_code ignored;
        for (const auto& name : detail::names_in(staging_)) std::filesystem::remove(staging_ / name, ignored);
        std::filesystem::remove(staging_, ignored);
        staging_.clear();
        lock_ = {};
    }

    held_folder& folder_;
    std::filesystem::path staging_;
    file_lock lock_;
    bool exchanges_ = false;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
