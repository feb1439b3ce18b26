// How each case is timed: call after call, the fastest counts.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>
#include <stemfuse/core/execution.hpp>

#include "plain_formulation.hpp"
#include "synthetic_measurement.hpp"
#include "timed_case.hpp"

namespace bench {

// The pool must outlive its handle.
struct workers {
    explicit workers(std::size_t threads) : pool(threads), exec(pool) {}
    stemfuse::thread_pool pool;
    stemfuse::execution exec;
};

// A measurement is made once and kept until another one is asked for.
template <class T>
const measurement<T>& measurement_for(const timed_case& c) {
    static std::unique_ptr<measurement<T>> kept;
    const auto [n, ny, nx] = c.shape;
    if (!kept || kept->maps.shape(0) != n || kept->maps.shape(1) != ny || kept->maps.shape(2) != nx) {
        kept.reset();
        kept = std::make_unique<measurement<T>>(make_measurement<T>(n, ny, nx));
    }
    return *kept;
}

template <class T>
plain::problem<T> plain_problem(const measurement<T>& m) {
    return {m.haadf,
            m.maps,
            m.weights,
            T(gamma_haadf),
            T(background),
            T(1.0 / static_cast<double>(m.weights.size())),
            T(lambda_chemical),
            T(lambda_tv)};
}

// Seconds of the fastest call of f within the iterations of `state`.
template <class F>
double fastest(benchmark::State& state, F&& f) {
    using clock = std::chrono::steady_clock;
    double best = std::numeric_limits<double>::infinity();
    for (auto _ : state) {
        const auto start = clock::now();
        f();
        benchmark::ClobberMemory();
        best = std::min(best, std::chrono::duration<double>(clock::now() - start).count());
    }
    return best;
}

inline stemfuse::total_variation prior_of(const timed_case& c) {
    return {.norm = c.what == task::prox_anisotropic ? stemfuse::tv_norm::anisotropic : stemfuse::tv_norm::isotropic,
            .iterations = c.iterations};
}

template <class T>
double seconds_of_ours(benchmark::State& state, const timed_case& c) {
    const measurement<T>& m = measurement_for<T>(c);
    workers on(c.threads);
    if (c.what == task::fusion) {
        const auto solver = solver_of(m, c.tv_iterations);
        return fastest(state, [&] { benchmark::DoNotOptimize(solver.solve({.iterations = c.iterations}, on.exec)); });
    }
    plain::stack<T> out(m.maps.shape(), T(0));
    if (c.what == task::gradient) {
        const auto solver = solver_of(m, 1);
        return fastest(state,
                       [&] { benchmark::DoNotOptimize(solver.terms().value_and_gradient(m.maps, out, on.exec)); });
    }
    const auto prior = prior_of(c);
    if (c.what == task::prox_warm) {
        stemfuse::total_variation::duals<T> duals;
        prior.prox(m.maps, lambda_tv, out, duals, on.exec);
        return fastest(state, [&] { prior.prox(m.maps, lambda_tv, out, duals, on.exec); });
    }
    return fastest(state, [&] { prior.prox(m.maps, lambda_tv, out, on.exec); });
}

template <class T>
double seconds_of_plain(benchmark::State& state, const timed_case& c) {
    const measurement<T>& m = measurement_for<T>(c);
    const auto problem = plain_problem(m);
    if (c.what == task::fusion) {
        return fastest(state, [&] { benchmark::DoNotOptimize(problem.fuse(c.iterations, c.tv_iterations)); });
    }
    if (c.what == task::gradient) {
        return fastest(state, [&] { benchmark::DoNotOptimize(problem.value_and_gradient(m.maps)); });
    }
    plain::stack_prox<T> prox(m.maps, c.what == task::prox_warm);
    const plain::tv_options options{c.iterations, c.what == task::prox_anisotropic};
    return fastest(state, [&] { benchmark::DoNotOptimize(prox(m.maps, T(lambda_tv), options)); });
}

template <class T>
void run_case(benchmark::State& state, const timed_case& c) {
    const double seconds = c.plain ? seconds_of_plain<T>(state, c) : seconds_of_ours<T>(state, c);
    state.counters["ns_per_pixel"] = 1e9 * seconds / static_cast<double>(c.size() * c.iterations);
    state.SetLabel(c.tile());
}

// Bytes in each array of the triad: four times the largest cache, within 64 and 512 MiB.
inline std::size_t triad_array_bytes() {
    int largest = 0;
    for (const auto& cache : benchmark::CPUInfo::Get().caches) largest = std::max(largest, cache.size);
    return std::clamp(std::size_t{4} * static_cast<std::size_t>(largest), std::size_t{64} << 20,
                      std::size_t{512} << 20);
}

// a[i] = b[i] + s c[i] on arrays that no cache holds. As STREAM does, three scalars are counted for each i, though the
// memory may also have to read a.
template <class T>
void run_triad(benchmark::State& state, std::size_t threads) {
    const std::size_t block = 16384, blocks = triad_array_bytes() / sizeof(T) / block, size = blocks * block;
    workers on(threads);
    std::vector<T> a(size, T(0)), b(size, T(1)), c(size, T(2));
    const double seconds = fastest(state, [&] {
        on.exec.for_each(blocks, [&](std::size_t k) {
            T* const to = a.data() + k * block;
            const T *const first = b.data() + k * block, *const second = c.data() + k * block;
            const T s = T(0.5);
            for (std::size_t i = 0; i < block; ++i) to[i] = first[i] + s * second[i];
        });
    });
    state.counters["bytes_per_second"] = static_cast<double>(3 * size * sizeof(T)) / seconds;
}

}  // namespace bench
