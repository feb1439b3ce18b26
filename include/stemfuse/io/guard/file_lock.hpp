// A file or folder that one process at a time works on.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Holds a file or folder by an advisory lock (flock), until the object goes or the process ends. It leaves nothing on
/// the disk.
class file_lock {
public:
    /// What came of the attempt: the lock is held; another process has it; the path could not be opened.
    enum class outcome { held, busy, absent };

    file_lock() = default;
    /// Does not wait: state() says what came of it. A file system without such locks counts as held.
    explicit file_lock(const std::filesystem::path& path) {
        for (;;) {
            descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
            if (descriptor_ < 0) return;
            if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
                close();
                state_ = outcome::busy;
                return;
            }
            if (leads_here(path)) break;  // else it was renamed between the two calls
            close();
        }
        state_ = outcome::held;
    }
    /// Takes over the lock; the other one holds nothing.
    file_lock(file_lock&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)), state_(std::exchange(other.state_, outcome::absent)) {}
    /// Exchanges the two locks.
    file_lock& operator=(file_lock&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        std::swap(state_, other.state_);
        return *this;
    }
    ~file_lock() { close(); }

    /// absent by default, before any path is given.
    outcome state() const noexcept { return state_; }
    /// Whether this object has the lock.
    bool held() const noexcept { return state_ == outcome::held; }
    /// Of the open file or folder; -1 where none is held. It stays this object's.
    int descriptor() const noexcept { return descriptor_; }

    /// Whether the path leads to what is held.
    bool leads_here(const std::filesystem::path& path) const {
        struct stat own{}, found{};
        return descriptor_ >= 0 && ::fstat(descriptor_, &own) == 0 && ::stat(path.c_str(), &found) == 0 &&
               own.st_dev == found.st_dev && own.st_ino == found.st_ino;
    }

private:
    void close() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }

    int descriptor_ = -1;
    outcome state_ = outcome::absent;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
