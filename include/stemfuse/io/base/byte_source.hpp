// Where the bytes of an input come from: memory or a file, read forwards, with what is left known before it is read.
#pragma once

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// read fills the buffer with the next bytes and returns how many there were; remaining is how many can still come at
/// most; finish checks what can only be checked at the end; fail throws a read_error that names the input.
template <class S>
concept byte_source = requires(S& source, std::span<std::byte> buffer, std::uint64_t n) {
    { source.read(buffer) } -> std::same_as<std::size_t>;
    { source.remaining() } -> std::same_as<std::uint64_t>;
    source.skip(n);
    source.finish();
    source.fail(std::string_view());
};

/// Bytes in memory, which must outlive the source; `name` stands for the path in messages.
class memory_source {
public:
    /// A source at the first byte.
    explicit memory_source(std::span<const std::byte> bytes, std::string name = "memory")
        : rest_(bytes), name_(std::move(name)) {}

    /// The next bytes; fewer than the buffer holds only at the end. Returns how many.
    std::size_t read(std::span<std::byte> buffer) {
        const auto part = rest_.first(std::min(buffer.size(), rest_.size()));
        std::copy(part.begin(), part.end(), buffer.begin());
        rest_ = rest_.subspan(part.size());
        return part.size();
    }
    /// How many bytes are left.
    std::uint64_t remaining() const { return rest_.size(); }
    /// Passes over n bytes, or all that are left.
    void skip(std::uint64_t n) { rest_ = rest_.subspan(std::min<std::size_t>(n, rest_.size())); }
    /// Nothing is left to check.
    void finish() {}
    /// Throws read_error that names the source.
    [[noreturn]] void fail(std::string_view message) const { throw read_error(name_, message); }

private:
    std::span<const std::byte> rest_;
    std::string name_;
};

/// The size of an input file in bytes. Throws read_error where there is none, where it is no regular file, and where it
/// is empty.
inline std::uint64_t input_file_size(const std::filesystem::path& path) {
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    if (status.type() == std::filesystem::file_type::not_found) throw read_error(path.string(), "no such file");
    if (std::filesystem::is_directory(status)) throw read_error(path.string(), "is a folder, must be a file");
    if (code) throw read_error(path.string(), "cannot be read: " + code.message());
    if (!std::filesystem::is_regular_file(status)) throw read_error(path.string(), "is no regular file");
    const std::uint64_t size = std::filesystem::file_size(path, code);
    if (code) throw read_error(path.string(), "cannot be read: " + code.message());
    if (size == 0) throw read_error(path.string(), "is empty (0 bytes)");
    return size;
}

/// A file. Throws read_error where input_file_size does, and where it cannot be opened.
class file_source {
public:
    /// Opens the file. Throws read_error, see the class.
    explicit file_source(const std::filesystem::path& path) : path_(path), remaining_(input_file_size(path)) {
        errno = 0;
        stream_.open(path, std::ios::binary);
        if (!stream_) fail("cannot be opened: " + std::generic_category().message(errno));
    }

    /// The next bytes; fewer than the buffer holds at the end, or where the disk fails. Returns how many.
    std::size_t read(std::span<std::byte> buffer) {
        stream_.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(buffer.size()));
        const auto count = static_cast<std::size_t>(stream_.gcount());
        remaining_ -= std::min<std::uint64_t>(count, remaining_);
        return count;
    }
    /// How many bytes are left, by the size that the file had when it was opened.
    std::uint64_t remaining() const { return remaining_; }
    /// Passes over n bytes, or all that are left, without reading them.
    void skip(std::uint64_t n) {
        n = std::min(n, remaining_);
        stream_.seekg(static_cast<std::streamoff>(n), std::ios::cur);
        remaining_ -= n;
    }
    /// Nothing is left to check.
    void finish() {}
    /// Throws read_error that names the path.
    [[noreturn]] void fail(std::string_view message) const { throw read_error(path_.string(), message); }

private:
    std::filesystem::path path_;
    std::uint64_t remaining_;
    std::ifstream stream_;
};

/// A file that a reader opens as often as it needs: open() gives a source at the first byte, stem() a name for an image
/// that has none in the file.
struct file_input {
    std::filesystem::path path;  ///< of a regular file

    /// Opens the file anew. Throws read_error as file_source does.
    file_source open() const { return file_source(path); }
    /// The file's name without its folder and extension.
    std::string stem() const { return path.stem().string(); }
};

/// A file in memory, for the readers.
struct memory_input {
    std::span<const std::byte> bytes;  ///< must outlive the reader
    std::string name = "memory";       ///< stands for a path in messages

    /// A new source at the first byte.
    memory_source open() const { return memory_source(bytes, name); }
    /// The name as it is.
    std::string stem() const { return name; }
};

/// The next `count` bytes. Memory grows with what has arrived, not with what was announced. Throws read_error where
/// fewer come.
template <byte_source S>
std::vector<std::byte> read_exactly(S& source, std::uint64_t count) {
    constexpr std::uint64_t step = 1 << 20;
    std::vector<std::byte> bytes;
    while (bytes.size() < count) {
        const std::size_t had = bytes.size();
        bytes.resize(had + static_cast<std::size_t>(std::min(step, count - had)));
        const auto buffer = std::span(bytes).subspan(had);
        if (source.read(buffer) < buffer.size()) {
            source.fail("is truncated: ends within the next " + std::to_string(count) + " bytes that it announces");
        }
    }
    return bytes;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
