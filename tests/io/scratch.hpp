// Shared by the tests of io: scratch folders, bytes of files, and what a failing disk or a chatty library does.
#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include <csignal>

#include <sys/resource.h>
#include <unistd.h>

#include "support.hpp"

namespace scratch {

// A folder of its own, removed at the end.
class folder {
public:
    folder() {
        static int counter = 0;
        path_ = std::filesystem::temp_directory_path() /
                ("stemfuse-test-" + std::to_string(getpid()) + "-" + std::to_string(counter++));
        std::filesystem::create_directories(path_);
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() { std::filesystem::remove_all(path_); }

    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

    // How many files there are, hidden ones too.
    long count() const { return std::distance(std::filesystem::directory_iterator(path_), {}); }

private:
    std::filesystem::path path_;
};

inline void write(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// While it lives no file grows beyond `bytes`: writing fails as on a full disk.
class file_size_limit {
public:
    explicit file_size_limit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~file_size_limit() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int);
};

// What `call` prints to stderr, from C libraries as well.
template <class F>
std::string printed_to_stderr(const folder& where, F&& call) {
    const auto path = where / "stderr.txt";
    std::fflush(stderr);
    const int before = dup(STDERR_FILENO);
    std::FILE* const file = std::fopen(path.string().c_str(), "wb");
    dup2(fileno(file), STDERR_FILENO);
    call();
    std::fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    std::fclose(file);
    return read(path);
}

// Checks that a writer refuses folders that are not there or are files, and fails on a full disk, without a trace.
template <class F>
void check_refusals(F&& write_to, rlim_t enough_for_less) {
    const folder dir;
    write(dir / "file", "x");
    using stemfuse::write_error;
    support::check_throws<write_error>([&] { write_to(dir / "missing/out"); }, "missing/out", "folder does not exist");
    support::check_throws<write_error>([&] { write_to(dir / "file/out"); }, "file/out", "folder");
    support::check_throws<write_error>([&] { write_to(dir / ""); }, "is a folder");
    const std::string printed = printed_to_stderr(dir, [&] {
        const file_size_limit limit(enough_for_less);
        support::check_throws<write_error>([&] { write_to(dir / "out"); }, "/out: cannot be written");
    });
    CHECK(printed == "");
    std::filesystem::remove(dir / "stderr.txt");
    CHECK(dir.count() == 1);
}

}  // namespace scratch
