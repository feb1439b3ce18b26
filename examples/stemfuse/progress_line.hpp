// Progress of a solve on stderr, and Ctrl-C.
#pragma once

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <string>

#include <stemfuse/core/check.hpp>
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

// The observer of the recipes: on a terminal a bar with the stage and the time left, elsewhere a plain line for every
// stage and every tenth of the work, nothing when quiet. Throws interrupted.
class progress_line {
public:
    explicit progress_line(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;
    ~progress_line() { finish(); }

    void operator()(const stemfuse::recipe_progress& now) {
        throw_if_interrupted("in the fusion");
        if (quiet_) return;
        const std::string stage = name_of(now);
        if (terminal_) return draw(stage, now.done);
        const int tenth = static_cast<int>(10 * now.done);
        if (stage == last_stage_ && tenth == last_tenth_) return;
        if (now.iteration != nullptr) {
            std::fprintf(stderr, "iteration %zu of %zu, objective %s\n", now.iteration->iteration,
                         now.iteration->iterations, stemfuse::to_string(now.iteration->at.total, 4).c_str());
        } else {
            std::fprintf(stderr, "%s: %.0f%% is done%s\n", stage.c_str(), 100 * now.done, time_left(now.done).c_str());
        }
        last_stage_ = stage, last_tenth_ = tenth;
    }

    // Clears the bar.
    void finish() {
        if (drawn_) std::fprintf(stderr, "\r\033[K");
        drawn_ = false;
    }

private:
    static std::string name_of(const stemfuse::recipe_progress& now) {
        switch (now.stage) {
            case stemfuse::recipe_stage::preparing:
                return "aligning and scaling";
            case stemfuse::recipe_stage::fusing:
                return now.iteration == nullptr ? "fusing, settings by held-out counts" : "fusing";
            case stemfuse::recipe_stage::finishing:
                return "composing the result";
            default:
                return "fusing again, for errors";
        }
    }

    // ", 0:12 left": by the time so far. Nothing as long as too little is done to tell.
    std::string time_left(double done) const {
        const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
        if (!(done > 0.05 && done < 1 && elapsed > 0.3)) return "";
        const auto left = static_cast<long>(std::ceil(elapsed * (1 - done) / done));
        char text[32];
        std::snprintf(text, sizeof text, ", %ld:%02ld left", left / 60, left % 60);
        return text;
    }

    void draw(const std::string& stage, double done) {
        constexpr std::size_t width = 24;
        const auto full = static_cast<std::size_t>(static_cast<double>(width) * std::clamp(done, 0.0, 1.0));
        std::fprintf(stderr, "\r\033[K[%s%s] %3.0f%%  %s%s", std::string(full, '=').c_str(),
                     std::string(width - full, ' ').c_str(), 100 * done, stage.c_str(), time_left(done).c_str());
        std::fflush(stderr);
        drawn_ = true;
    }

    bool quiet_, terminal_, drawn_ = false;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::string last_stage_;
    int last_tenth_ = -1;
};

}  // namespace program
