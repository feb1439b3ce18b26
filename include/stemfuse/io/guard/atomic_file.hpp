// Files that appear whole or not at all.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/guard/file_lock.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The name of a file or folder in the making: remove_leftovers() knows it again.
inline std::filesystem::path temporary_name() {
    std::random_device random;
    return ".stemfuse-" + std::to_string(random()) + ".part";
}

/// Removes what writers that were killed have left in a folder. What a living one makes is locked, and stays.
inline void remove_leftovers(const std::filesystem::path& folder) {
    std::error_code failure;
    std::filesystem::directory_iterator entry(folder, failure);
    for (; !failure && entry != std::filesystem::directory_iterator(); entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with(".stemfuse-") || !name.ends_with(".part")) continue;
        const file_lock dead(entry->path());
        if (!dead.held()) continue;
        std::error_code ignored;
        if (entry->is_directory(ignored)) {
            for (const auto& file : std::filesystem::directory_iterator(entry->path(), ignored)) {
                if (file.is_regular_file(ignored)) std::filesystem::remove(file.path(), ignored);
            }
        }
        std::filesystem::remove(entry->path(), ignored);
    }
}

/// Asks the system to bring a file or folder to the disk. False where it cannot.
inline bool sync_to_disk(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    const int failed = ::fsync(descriptor);
    const int reason = errno;
    ::close(descriptor);
    errno = reason;
    return failed == 0 || reason == EINVAL || reason == ENOTSUP;  // some file systems sync no folders
}

/// Reserves a temporary file beside `target`, for a writer to fill; commit() renames it to the target. Without a commit
/// the destructor removes it, and a target that was there before stays as it was. Of a killed process it stays behind,
/// for remove_leftovers().
class atomic_file {
public:
    /// Throws write_error where the folder does not exist or cannot be written, and where the target is a folder.
    explicit atomic_file(const std::filesystem::path& target) : target_(target) {
        std::error_code ignored;
        const auto folder = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
        if (std::filesystem::is_directory(target, ignored)) fail("is a folder, must be a file name");
        if (!target.has_filename()) fail("must be a file name");
        if (!std::filesystem::exists(folder, ignored)) fail("its folder does not exist");
        if (!std::filesystem::is_directory(folder, ignored)) fail("its folder is a file");
        for (;;) {
            temporary_ = folder / temporary_name();
            errno = 0;
            const file_handle created(std::fopen(temporary_.string().c_str(), "wbx"));
            if (!created && errno != EEXIST) fail_with_errno("cannot be written");
            if (!created) continue;
            lock_ = file_lock(temporary_);
            // Another process may take a new file for a leftover before it is locked.
            if (lock_.held() || std::filesystem::exists(temporary_, ignored)) return;
        }
    }

    atomic_file(const atomic_file&) = delete;
    atomic_file& operator=(const atomic_file&) = delete;

    ~atomic_file() {
        std::error_code ignored;
        if (!committed_) std::filesystem::remove(temporary_, ignored);
    }

    /// Where the content is until it is renamed to the target: in the same folder.
    const std::filesystem::path& temporary() const noexcept { return temporary_; }

    /// Fills the temporary file. Throws write_error, e.g. for a full disk.
    void write(std::string_view content) {
        write_parts([&](auto&& put) { put(content); });
    }

    /// The same part by part: write(put) calls put(std::string_view) for every part in turn.
    template <class Write>
    void write_parts(Write&& write) {
        errno = 0;
        file_handle file(std::fopen(temporary_.string().c_str(), "wb"));
        bool good = file != nullptr;
        if (good) {
            write([&](std::string_view part) {
                good = good && std::fwrite(part.data(), 1, part.size(), file.get()) == part.size();
            });
        }
        if (!good || std::fflush(file.get()) != 0 || std::fclose(file.release()) != 0)
            fail_with_errno("cannot be written");
    }

    /// The bytes are on the disk before the name is. Throws write_error.
    void commit() {
        errno = 0;
        if (!sync_to_disk(temporary_)) fail_with_errno("cannot be written");
        std::error_code code;
        std::filesystem::rename(temporary_, target_, code);
        if (code) fail("cannot be written: " + code.message());
        committed_ = true;
        sync_to_disk(target_.has_parent_path() ? target_.parent_path() : std::filesystem::path("."));
    }

    /// Throws write_error that names the target.
    [[noreturn]] void fail(std::string_view message) const { throw write_error(target_.string(), message); }

    /// The same with the reason that the system gave last.
    [[noreturn]] void fail_with_errno(const std::string& message) const {
        fail(errno == 0 ? message : message + ": " + std::generic_category().message(errno));
    }

private:
    struct close_file {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    using file_handle = std::unique_ptr<std::FILE, close_file>;

    std::filesystem::path target_, temporary_;
    file_lock lock_;
    bool committed_ = false;
};

/// Writes a whole file. Throws write_error; the file is whole or not there.
inline void write_file(const std::filesystem::path& path, std::string_view content) {
    atomic_file file(path);
    file.write(content);
    file.commit();
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
