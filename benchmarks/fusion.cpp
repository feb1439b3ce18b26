// How fast the library is, in units that travel from machine to machine: beside triad and beside the plain xtensor
// formulation of the same thing (plain_formulation.hpp), all timed in the same run.
//   bench_fusion                  a short run, under two minutes
//   bench_fusion --grid=full      256 to 8192 pixels a side, more element counts, double
//   bench_fusion --grid=full --benchmark_filter='^(triad|prox)/'     a part of it (names: timed_case.hpp)
//   bench_fusion --benchmark_out=run.json --benchmark_out_format=json     for report.py
// Before anything is timed, both formulations must agree. Each case is called again and again for
// --benchmark_min_time=0.1 seconds at least, --benchmark_repetitions=3 times; the fastest call counts, since others may
// use the machine.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "agreement.hpp"
#include "cases.hpp"
#include "run_context.hpp"
#include "summary.hpp"
#include "timed_case.hpp"

namespace {

using bench::task;
using bench::timed_case;

// The cases of a run, in the order in which they are timed.
class grid {
public:
    explicit grid(bool full) : full_(full) {
        proxes();
        gradients();
        fusions();
    }

    const std::vector<timed_case>& cases() const { return cases_; }

private:
    // The plain formulation where it is not too slow, and ours on 1 and 2 threads.
    void add(timed_case c) {
        const std::size_t largest = full_ ? 2048 : 1024;
        if (c.shape[1] <= largest && c.shape[2] <= largest) cases_.push_back(c.of_plain());
        cases_.push_back(c.with_threads(1));
        cases_.push_back(c.with_threads(2));
    }

    void proxes() {
        const auto sides = full_ ? std::vector<std::size_t>{256, 512, 1024, 2048, 4096, 8192}
                                 : std::vector<std::size_t>{256, 1024, 4096};
        for (const std::size_t side : sides) {
            add({.what = task::prox, .shape = {1, side, side}, .iterations = 10});
            if (full_ || side == 1024) add({.what = task::prox, .shape = {1, side, side}, .iterations = 20});
        }
        if (full_) add({.what = task::prox, .shape = {8, 512, 512}, .iterations = 10});
        for (const task what : {task::prox_warm, task::prox_anisotropic}) {
            add({.what = what, .shape = {1, 1024, 1024}, .iterations = 10});
        }
        add({.what = task::prox, .in_double = true, .shape = {1, 1024, 1024}, .iterations = 10});
    }

    void gradients() {
        add({.what = task::gradient, .shape = {3, 1024, 1024}});
        if (full_) add({.what = task::gradient, .in_double = true, .shape = {3, 1024, 1024}});
    }

    // Those of the published tutorials first: DyScO3 and Co3O4-Mn3O4.
    void fusions() {
        const auto fuse = [&](stemfuse::stack_shape shape, std::size_t outer, std::size_t tv, bool in_double = false) {
            add({.what = task::fusion,
                 .in_double = in_double,
                 .shape = shape,
                 .iterations = outer,
                 .tv_iterations = tv});
        };
        fuse({3, 256, 256}, 30, 3);
        fuse({3, 400, 400}, 30, 6);
        fuse({3, 1024, 1024}, 30, 3);
        if (!full_) return;
        fuse({3, 256, 256}, 30, 3, true);
        fuse({1, 512, 512}, 30, 3);
        fuse({8, 512, 512}, 30, 3);
        fuse({4, 4096, 4096}, 3, 3);
        fuse({4, 4096, 4096}, 30, 3);
    }

    bool full_;
    std::vector<timed_case> cases_;
};

void add_benchmark(const std::string& name, std::function<void(benchmark::State&)> f) {
    benchmark::RegisterBenchmark(name.c_str(), std::move(f))->UseRealTime()->Unit(benchmark::kMillisecond);
}

void add_triads(const char* when) {
    for (const bool in_double : {false, true}) {
        for (const std::size_t threads : {1u, 2u}) {
            add_benchmark(bench::triad_name(when, in_double, threads), [=](benchmark::State& state) {
                in_double ? bench::run_triad<double>(state, threads) : bench::run_triad<float>(state, threads);
            });
        }
    }
}

void add_cases(const std::vector<timed_case>& cases) {
    for (const timed_case& c : cases) {
        add_benchmark(c.name(), [c](benchmark::State& state) {
            c.in_double ? bench::run_case<double>(state, c) : bench::run_case<float>(state, c);
        });
    }
}

// Takes --grid=short or --grid=full out of the arguments; nothing for another grid.
std::optional<bool> take_full(std::vector<char*>& arguments) {
    bool full = false;
    for (auto at = arguments.begin(); at != arguments.end();) {
        const std::string_view argument = *at;
        if (!argument.starts_with("--grid=")) {
            ++at;
            continue;
        }
        full = argument == "--grid=full";
        if (!full && argument != "--grid=short") return std::nullopt;
        at = arguments.erase(at);
    }
    return full;
}

// To the output and the file of results.
void describe_run(bool full) {
    for (const auto& [key, value] : bench::run_context()) {
        std::printf("%s: %s\n", key.c_str(), value.c_str());
        benchmark::AddCustomContext(key, value);
    }
    benchmark::AddCustomContext("grid", full ? "full" : "short");
}

bool formulations_agree() {
    const double in_double = bench::disagreement<double>(), in_float = bench::disagreement<float>();
    std::printf("largest difference between ours and plain: %.1e in double, %.1e in float\n", in_double, in_float);
    return in_double < 1e-11 && in_float < 1e-4;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments(argv, argv + argc);
    const auto full = take_full(arguments);
    if (!full) {
        std::fprintf(stderr, "bench_fusion: --grid: must be short or full\n");
        return 2;
    }
    // Before the user's arguments, so that theirs win.
    std::string repetitions = "--benchmark_repetitions=3", min_time = "--benchmark_min_time=0.1";
    arguments.insert(arguments.begin() + std::min(argc, 1), {repetitions.data(), min_time.data()});
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
    if (!formulations_agree()) {
        std::fprintf(stderr, "bench_fusion: the two formulations do not agree, nothing is timed\n");
        return 1;
    }
    const grid all(*full);
    describe_run(*full);
    add_triads("start");
    add_cases(all.cases());
    add_triads("end");
    bench::summary summary;
    benchmark::RunSpecifiedBenchmarks(&summary);
    summary.print(all.cases());
    benchmark::Shutdown();
}
