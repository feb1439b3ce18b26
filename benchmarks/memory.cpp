// How much memory a published fusion takes beyond the caller's own inputs, in stacks: the size of all its maps. Its
// result is one of them.
//   bench_memory --side 4096 --elements 8
#include <cstdio>

#ifdef __linux__

#include <chrono>

#include <CLI/CLI.hpp>
#include <stemfuse/core/execution.hpp>

#include "peak_memory.hpp"
#include "synthetic_measurement.hpp"

namespace {

struct options {
    std::size_t side = 4096, elements = 8, threads = 2, iterations = 2, tv_iterations = 3;
    bool in_double = false;
};

template <class T>
void measure(const options& o) {
    const auto m = bench::make_measurement<T>(o.elements, o.side, o.side);
    const auto solver = bench::solver_of(m, o.tv_iterations);
    stemfuse::thread_pool pool(o.threads);
    const double stack = static_cast<double>(m.maps.size() * sizeof(T)), mib = 1024 * 1024;
    std::printf("published fusion of %zu maps of %zu x %zu in %s, %zu x %zu iterations, %zu threads\n", o.elements,
                o.side, o.side, sizeof(T) == 4 ? "float" : "double", o.iterations, o.tv_iterations, o.threads);
    std::printf("inputs: %.0f MiB of maps and %.0f MiB of HAADF\n", stack / mib,
                static_cast<double>(m.haadf.size() * sizeof(T)) / mib);
    std::fflush(stdout);

    const bench::peak_memory peak;
    const auto start = std::chrono::steady_clock::now();
    const auto result = solver.solve({.iterations = o.iterations}, pool);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto growth = static_cast<double>(peak.growth());
    std::printf("peak beyond the inputs: %.0f MiB = %.2f stacks (%s), in %.2f s\n", growth / mib, growth / stack,
                peak.source(), seconds);
}

}  // namespace

int main(int argc, char** argv) {
    options o;
    CLI::App app("Peak memory of a published fusion beyond its inputs");
    const auto at_least_one = CLI::Range(std::size_t{1}, std::size_t{1} << 20);
    app.add_option("--side", o.side, "rows, and columns, of a map")->check(at_least_one)->capture_default_str();
    app.add_option("--elements", o.elements, "maps")->check(at_least_one)->capture_default_str();
    app.add_option("--threads", o.threads, "threads")->check(CLI::Range(1, 1024))->capture_default_str();
    app.add_option("--iterations", o.iterations, "outer iterations")->check(at_least_one)->capture_default_str();
    app.add_option("--tv-iterations", o.tv_iterations, "TV iterations in each outer one")
        ->check(at_least_one)
        ->capture_default_str();
    app.add_flag("--double", o.in_double, "in double instead of float");
    CLI11_PARSE(app, argc, argv);
    o.in_double ? measure<double>(o) : measure<float>(o);
}

#else

int main() {
    std::puts("bench_memory: it asks Linux for the peak of memory, this is another system; nothing measured");
}

#endif
