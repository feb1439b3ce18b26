// A reader in a process of its own: a file that breaks its library breaks nothing else.
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
#include <concepts>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/base/sandbox.hpp>
#include <stemfuse/io/base/wire.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What a child process may take: `memory` bytes and `seconds` of processor time beyond what it does for every byte of
/// the file and of the result; `wall_factor` times as long in all.
struct child_limits {
    std::uint64_t memory = std::uint64_t{512} << 20;  ///< bytes: what libraries and metadata take beside pixels
    double seconds = 2;                               ///< of processor time, to open the file and for each request
    double wall_factor = 4;  ///< the time by the clock, as a multiple: a slow disk or a busy machine makes it wait
};

namespace detail {

enum class child_request : std::uint8_t { image, windows };
enum class child_answer : std::uint8_t { good, read_failure, value_failure, no_memory };

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

// In the child: waits for requests, and answers them, until the parent closes.
template <class Open>
void serve_reader(const std::filesystem::path& path, int in, int out, Open&& open) {
    const auto read_fully = [&](char* to, std::size_t count) {
        while (count > 0) {
            const ssize_t n = ::read(in, to, count);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return false;
            to += n, count -= static_cast<std::size_t>(n);
        }
        return true;
    };
    const auto answer = [&](auto&& work) {
        wire_writer wire;
        try {
            wire(static_cast<std::uint8_t>(child_answer::good));
            work(wire);
        } catch (const read_error& e) {
            const std::string text = e.what(), prefix = e.path() + ": ";
            wire.bytes.clear();
            wire(static_cast<std::uint8_t>(child_answer::read_failure),
                 text.starts_with(prefix) ? text.substr(prefix.size()) : text);
        } catch (const value_error& e) {
            wire.bytes.clear();
            wire(static_cast<std::uint8_t>(child_answer::value_failure), e.argument(),
                 std::string(e.what()).substr(e.argument().size() + 2));
        } catch (const std::bad_alloc&) {
            wire.bytes.clear();
            wire(static_cast<std::uint8_t>(child_answer::no_memory));
        } catch (const std::exception& e) {
            wire.bytes.clear();
            wire(static_cast<std::uint8_t>(child_answer::read_failure), std::string(e.what()));
        }
        return write_fully(out, framed(wire.bytes));
    };
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0) enter_sandbox(file, path.string());
    using reader_type = std::decay_t<decltype(open(path))>;
    std::unique_ptr<reader_type> reader;
    const bool listed = answer([&](wire_writer& wire) {
        // Opened twice: where the library wrote past its memory, the closing of the first one mostly shows it.
        {
            const reader_type trial = open(path);
        }
        reader = std::make_unique<reader_type>(open(path));
        std::visit([&](const auto& r) { wire(r.contents()); }, *reader);
    });
    if (!listed || !reader) return;
    for (std::uint64_t size = 0; read_fully(reinterpret_cast<char*>(&size), sizeof size);) {
        std::string bytes(size, '\0');
        if (!read_fully(bytes.data(), size)) return;
        const bool answered = answer([&](wire_writer& wire) {
            wire_reader request(bytes);
            std::uint8_t what = 0, scalar_size = 0;
            request(what, scalar_size);
            std::visit(
                [&](const auto& r) {
                    const auto send = [&](auto number) {
                        using T = decltype(number);
                        const auto add = [&](const auto& values) {
                            wire.bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
                        };
                        if (static_cast<child_request>(what) == child_request::image) {
                            image_info image;
                            std::uint8_t frames = 0;
                            request(image, frames);
                            add(r.template read<T>(image, static_cast<frame_choice>(frames)));
                            return;
                        }
                        spectrum_info spectrum;
                        std::vector<energy_window> windows;
                        request(spectrum, windows);
                        if constexpr (requires { r.template read_windows<T>(spectrum, windows); }) {
                            add(r.template read_windows<T>(spectrum, windows));
                        } else {
                            throw read_error(path.string(), "has no spectra that are read");
                        }
                    };
                    if (scalar_size == sizeof(float)) {
                        send(float());
                    } else {
                        send(double());
                    }
                },
                *reader);
        });
        if (!answered) return;
    }
}

}  // namespace detail

/// Lists and reads the images of one file in a process of its own: with limits on memory and time, without network, and
/// with no file but this one (enter_sandbox). A signal or a limit there becomes a read_error here, "cannot be read as
/// HDF5: ...". The constructor forks: threads of the caller do not matter, as long as none holds a lock of the library
/// that reads; the file's reader is made in the child alone. Calls may come from any thread, and wait for one another.
class child_reader {
public:
    /// open(path) gives a variant of readers. Throws read_error.
    template <class Open>
    child_reader(const std::filesystem::path& path, Open open, const child_limits& limits = {})
        : state_(std::make_unique<state>(path, limits, detail::child_process(path, [&](int in, int out) {
                                             detail::serve_reader(path, in, out, open);
                                         }))) {
        // Far more than has_room() lets a listing take.
        constexpr std::uint64_t most_contents = std::uint64_t{1} << 28;
        const std::string answer = wait(most_contents, 0);
        wire_reader wire(answer);
        check([&] {
            std::uint8_t kind = 0;
            wire(kind);
            refuse(kind, wire);
            wire(state_->contents);
        });
    }

    /// What the child listed when the file was opened.
    const file_contents& contents() const noexcept { return state_->contents; }

    /// As hdf5_images has it.
    template <scalar T>
    xt::xtensor<T, 2> read(const image_info& image, frame_choice frames = frame_choice::mean) const {
        wire_writer wire;
        wire(static_cast<std::uint8_t>(detail::child_request::image), static_cast<std::uint8_t>(sizeof(T)), image,
             static_cast<std::uint8_t>(frames));
        xt::xtensor<T, 2> result;
        ask(wire.bytes, image.shape, image_shape{image.shape[0], image.shape[1]}, result);
        return result;
    }

    /// As hdf5_images has it.
    template <scalar T>
    xt::xtensor<T, 3> read_windows(const spectrum_info& spectrum, const std::vector<energy_window>& windows) const {
        wire_writer wire;
        wire(static_cast<std::uint8_t>(detail::child_request::windows), static_cast<std::uint8_t>(sizeof(T)), spectrum,
             windows);
        xt::xtensor<T, 3> result;
        ask(wire.bytes, spectrum.shape, stack_shape{windows.size(), spectrum.shape[0], spectrum.shape[1]}, result);
        return result;
    }

private:
    struct state {
        state(const std::filesystem::path& of, const child_limits& given, detail::child_process running)
            : path(of), limits(given), child(std::move(running)) {}

        std::filesystem::path path;
        child_limits limits;
        detail::child_process child;
        std::uint64_t file_size = input_file_size(path), address_space = address_space_bytes();
        double seconds_given = 0;
        file_contents contents{};
        std::mutex mutex{};
    };

    // Allows what the next answer may take, and waits for it.
    std::string wait(std::uint64_t most, std::uint64_t result_bytes) const {
        auto& s = *state_;
        constexpr double bytes_a_second = 2e7;  // below the pace of any format: only what hangs meets the limit
        const double seconds = s.limits.seconds + static_cast<double>(s.file_size + 4 * result_bytes) / bytes_a_second;
        s.seconds_given += seconds;  // the system counts from the child's start
        s.child.allow({s.address_space + s.limits.memory + 2 * s.file_size + 6 * result_bytes,
                       static_cast<std::uint64_t>(s.seconds_given) + 1});
        return s.child.receive(most, seconds * s.limits.wall_factor);
    }

    template <class F>
    void check(F&& f) const {
        try {
            f();
        } catch (const wire_error& e) {
            state_->child.fail_for_good(e.what());
        }
    }

    void refuse(std::uint8_t kind, wire_reader& wire) const {
        const auto what = static_cast<detail::child_answer>(kind);
        if (what == detail::child_answer::good) return;
        std::string first, second;
        if (what == detail::child_answer::no_memory) state_->child.fail_for_good("takes too much memory");
        wire(first);
        if (what == detail::child_answer::read_failure) throw read_error(state_->path.string(), first);
        wire(second);
        throw value_error(first, second);
    }

    template <class Shape, class Result>
    void ask(const std::string& request, const image_shape& shape, const Shape& result_shape, Result& result) const {
        const std::lock_guard lock(state_->mutex);
        using T = typename Result::value_type;
        constexpr std::uint64_t most = std::uint64_t{1} << 40;
        std::uint64_t bytes = sizeof(T);
        for (const std::size_t n : result_shape) {
            if (n > 0 && bytes > most / n)
                throw read_error(state_->path.string(), "has shape " + to_string(shape) + ", too large to be read");
            bytes *= n;
        }
        state_->child.send(request);
        const std::string answer = wait(bytes + 65536, bytes);
        wire_reader wire(answer);
        check([&] {
            std::uint8_t kind = 0;
            wire(kind);
            refuse(kind, wire);
            if (answer.size() != bytes + 1) throw wire_error();
        });
        result.resize(result_shape);
        std::copy_n(answer.data() + 1, bytes, reinterpret_cast<char*>(result.data()));
    }

    std::unique_ptr<state> state_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
