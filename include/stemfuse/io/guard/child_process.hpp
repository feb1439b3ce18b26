// A child process, as its parent sees it: what is said to it, what it answers, and how it ended.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/guard/sandbox.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io::detail {

// Writes all bytes; false where that fails.
inline bool write_fully(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

inline std::string framed(std::string_view bytes) {
    const std::uint64_t size = bytes.size();
    return std::string(reinterpret_cast<const char*>(&size), sizeof size).append(bytes);
}

// The pid of a child and the two ends of what is said to it and by it.
class child_process {
public:
    // Runs serve(in, out) in a child that has nothing open but these two and the file, and ends it after that.
    template <class Serve>
    child_process(const std::filesystem::path& path, Serve&& serve) : path_(path) {
        int down[2], up[2];
        if (::pipe2(down, O_CLOEXEC) != 0) fail("no pipe to it");
        if (::pipe2(up, O_CLOEXEC) != 0) {
            ::close(down[0]), ::close(down[1]);
            fail("no pipe to it");
        }
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(1);
            quieten();
            const int in = ::fcntl(down[0], F_DUPFD, 10), out = ::fcntl(up[1], F_DUPFD, 10);
            ::syscall(SYS_close_range, 3u, 9u, 0u);
            ::syscall(SYS_close_range, static_cast<unsigned>(std::max(in, out)) + 1, ~0u, 0u);
            serve(in, out);
            ::_exit(0);
        }
        ::close(down[0]), ::close(up[1]);
        to_ = down[1], from_ = up[0];
        if (pid_ < 0) {
            close();
            fail("no process for it");
        }
    }
    child_process(child_process&& other) noexcept
        : path_(std::move(other.path_)),
          pid_(std::exchange(other.pid_, -1)),
          to_(std::exchange(other.to_, -1)),
          from_(std::exchange(other.from_, -1)) {}
    child_process& operator=(child_process&&) = delete;
    ~child_process() { close(); }

    void allow(process_limits limits) const {
        const rlimit memory{limits.memory_bytes, RLIM_INFINITY}, time{limits.cpu_seconds, RLIM_INFINITY};
        ::prlimit(pid_, RLIMIT_AS, &memory, nullptr);
        ::prlimit(pid_, RLIMIT_CPU, &time, nullptr);
    }

    void send(std::string_view request) {
        const auto before = std::signal(SIGPIPE, SIG_IGN);
        const bool sent = to_ >= 0 && write_fully(to_, framed(request));
        std::signal(SIGPIPE, before);
        if (!sent) fail_for_good("it was not to be read before");
    }

    // The next answer; of up to `most` bytes. Throws read_error where none comes in time, and says why.
    std::string receive(std::uint64_t most, double seconds) {
        using clock = std::chrono::steady_clock;
        const auto end =
            clock::now() + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
        std::uint64_t size = 0;
        take(reinterpret_cast<char*>(&size), sizeof size, end);
        if (size > most) fail_for_good("its reader answers at too great a length");
        std::string bytes;
        while (bytes.size() < size) {  // memory for what has come
            const std::size_t had = bytes.size(), step = std::size_t{1} << 22;
            bytes.resize(had + std::min<std::uint64_t>(step, size - had));
            take(bytes.data() + had, bytes.size() - had, end);
        }
        return bytes;
    }

    [[noreturn]] void fail_for_good(const std::string& why) {
        close();
        fail(why);
    }

private:
    [[noreturn]] void fail(const std::string& why) const {
        throw read_error(path_.string(), "cannot be read as HDF5: " + why);
    }

    // The library prints nothing and leaves no core file. Signals of the user's keyboard are for the parent.
    static void quieten() {
        const int nothing = ::open("/dev/null", O_RDWR);
        for (int descriptor = 0; descriptor < 3; ++descriptor) ::dup2(nothing, descriptor);
        for (const int signal : {SIGINT, SIGHUP, SIGTERM, SIGTSTP}) std::signal(signal, SIG_IGN);
        for (const int signal : {SIGALRM, SIGPIPE, SIGXFSZ, SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL})
            std::signal(signal, SIG_DFL);
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_CORE, &none);
        ::setrlimit(RLIMIT_FSIZE, &none);
    }

    void take(char* to, std::size_t count, std::chrono::steady_clock::time_point end) {
        while (count > 0) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
            if (from_ < 0) fail("it was not to be read before");
            pollfd waiting{from_, POLLIN, 0};
            const int ready = left <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 1000)));
            if (ready < 0 && errno != EINTR) fail_for_good("nothing is heard of its reader");
            if (left <= 0) fail_for_good("takes too long");
            if (ready <= 0) continue;
            const ssize_t n = ::read(from_, to, count);
            if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
            if (n <= 0) fail_for_good(how_it_ended());
            to += n, count -= static_cast<std::size_t>(n);
        }
    }

    std::string how_it_ended() {
        int status = 0;
        if (pid_ > 0 && ::waitpid(std::exchange(pid_, -1), &status, 0) > 0 && WIFSIGNALED(status)) {
            if (WTERMSIG(status) == SIGXCPU) return "takes too long";
            return "its data break the HDF5 library (signal " + std::to_string(WTERMSIG(status)) + ")";
        }
        return "its reader has ended";
    }

    void close() {
        if (to_ >= 0) ::close(std::exchange(to_, -1));
        if (from_ >= 0) ::close(std::exchange(from_, -1));
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
    }

    std::filesystem::path path_;
    pid_t pid_ = -1;
    int to_ = -1, from_ = -1;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io::detail
