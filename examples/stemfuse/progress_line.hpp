// Progress of a solve on stderr, and Ctrl-C.
#pragma once

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string>

#include <stemfuse/core/error.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/recipes/recipe_observer.hpp>

namespace program {

// The user ended the program; main() ends with exit code 130 and nothing is written.
class interrupted : public stemfuse::error {
public:
    using error::error;
};

inline volatile std::sig_atomic_t stop_requested = 0;

// A folder that was made for results and is empty: it goes where the program ends at once.
inline std::array<char, 4096> empty_folder{};

// From here on SIGINT, SIGTERM and SIGHUP leave a mark, at which every loop looks. Where one does not within 0.8 s, and
// at a second signal, the program ends at once: results appear all together or not at all, so none is harmed. A file
// that may not grow (SIGXFSZ) and a reader that is gone (SIGPIPE) are errors of the write.
inline void catch_interrupts() {
    struct sigaction action{};
    action.sa_handler = [](int signal) {
        if (stop_requested != 0 || signal == SIGALRM) {
            constexpr char text[] = "stemfuse: interrupted: ended at once\n";
            [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
            if (empty_folder[0] != '\0') rmdir(empty_folder.data());
            _exit(130);
        }
        stop_requested = 1;
        const itimerval soon{{0, 0}, {0, 800000}};
        setitimer(ITIMER_REAL, &soon, nullptr);
    };
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM}) sigaction(signal, &action, nullptr);
    for (const int signal : {SIGXFSZ, SIGPIPE}) std::signal(signal, SIG_IGN);
}

inline void throw_if_interrupted(const std::string& where) {
    if (stop_requested != 0) throw interrupted("interrupted " + where + ": nothing was written");
}

// An executor that ends the work where the user asks for it: between the blocks that it hands out, and wherever the
// library looks at its stop request.
class interruptible {
public:
    explicit interruptible(stemfuse::thread_pool& pool) : pool_(pool) {}

    std::size_t concurrency() const { return pool_.concurrency(); }
    bool stop_requested() const { return program::stop_requested != 0; }

    template <class F>
    void for_each(std::size_t n, F&& f) {
        pool_.for_each(n, [&](std::size_t i) {
            throw_if_interrupted("in the fusion");
            f(i);
        });
    }

private:
    stemfuse::thread_pool& pool_;
};

// The observer of the published recipe: a bar on a terminal, about ten plain lines elsewhere, nothing when quiet.
// Throws interrupted.
class progress_line {
public:
    explicit progress_line(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

    void operator()(const stemfuse::recipe_progress& recipe) const {
        if (recipe.iteration == nullptr) return throw_if_interrupted("before the fusion");
        const stemfuse::progress& now = *recipe.iteration;
        if (!quiet_ && terminal_) draw_bar(now);
        if (!quiet_ && !terminal_ && now.iteration % std::max<std::size_t>(1, now.iterations / 10) == 0) {
            std::fprintf(stderr, "iteration %zu of %zu, objective %.6g\n", now.iteration, now.iterations, now.at.total);
        }
        throw_if_interrupted("after iteration " + std::to_string(now.iteration));
    }

    // Clears the bar.
    void finish() const {
        if (!quiet_ && terminal_) std::fprintf(stderr, "\r\033[K");
    }

private:
    static void draw_bar(const stemfuse::progress& now) {
        constexpr std::size_t width = 30;
        const std::size_t done = width * now.iteration / now.iterations;
        std::fprintf(stderr, "\r\033[K[%s%s] %zu/%zu  objective %.6g", std::string(done, '=').c_str(),
                     std::string(width - done, ' ').c_str(), now.iteration, now.iterations, now.at.total);
        std::fflush(stderr);
    }

    bool quiet_, terminal_;
};

}  // namespace program
