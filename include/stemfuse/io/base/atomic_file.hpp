// Files that appear whole or not at all.
#pragma once

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include <stemfuse/core/error.hpp>

namespace stemfuse::io {

/// Reserves a temporary file beside `target`, for a writer to fill; commit() renames it to the target. Without a commit
/// the destructor removes it, and a target that was there before stays as it was.
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
        std::random_device random;
        do {
            temporary_ = folder / (".stemfuse-" + std::to_string(random()) + ".part");
            errno = 0;
            const file_handle created(std::fopen(temporary_.string().c_str(), "wbx"));
            if (created) return;
        } while (errno == EEXIST);
        fail_with_errno("cannot be written");
    }

    atomic_file(const atomic_file&) = delete;
    atomic_file& operator=(const atomic_file&) = delete;

    ~atomic_file() {
        std::error_code ignored;
        if (!committed_) std::filesystem::remove(temporary_, ignored);
    }

    const std::filesystem::path& temporary() const noexcept { return temporary_; }

    /// Fills the temporary file. Throws write_error, e.g. for a full disk.
    void write(std::string_view content) {
        errno = 0;
        file_handle file(std::fopen(temporary_.string().c_str(), "wb"));
        if (!file || std::fwrite(content.data(), 1, content.size(), file.get()) != content.size() ||
            std::fflush(file.get()) != 0 || std::fclose(file.release()) != 0) {
            fail_with_errno("cannot be written");
        }
    }

    /// Throws write_error.
    void commit() {
        std::error_code code;
        std::filesystem::rename(temporary_, target_, code);
        if (code) fail("cannot be written: " + code.message());
        committed_ = true;
    }

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
    bool committed_ = false;
};

/// Writes a whole file. Throws write_error; the file is whole or not there.
inline void write_file(const std::filesystem::path& path, std::string_view content) {
    atomic_file file(path);
    file.write(content);
    file.commit();
}

}  // namespace stemfuse::io
