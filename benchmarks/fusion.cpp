// How fast the library is beside the plain xtensor formulation of the same thing, both timed in the same run:
//   tv_prox   10 FGP iterations of the isotropic prox
//   gradient  value and gradient of all terms, as one outer iteration takes them
//   fusion    the published scheme with 3 FGP iterations; 30 outer ones up to 1024 x 1024, 3 above
//   triad     a[i] = b[i] + s c[i] on large arrays: what the memory gives
// A case is named what/who/scalar/side/elements/threads. per_pixel is the time for one pixel of one map and one
// iteration.
//   bench_fusion                                    a short run: 256 and 1024, 3 elements
//   bench_fusion --grid=full                        256 to 4096; 1, 3 and 8 elements up to 1024, 3 above
//   bench_fusion --grid=full --benchmark_filter=tv_prox.*2048     a part of it
// Before anything is timed, both formulations must agree.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <stemfuse/core/array_access.hpp>
#include <stemfuse/stemfuse.hpp>

#include "plain_formulation.hpp"
#include "ratio_table.hpp"

namespace {

constexpr double gamma_haadf = 1.6, background = 0.24, lambda_chemical = 0.08, lambda_tv = 0.15;
constexpr std::size_t prox_iterations = 10, fusion_tv_iterations = 3;

std::size_t outer_iterations(std::size_t side) { return side > 1024 ? 3 : 30; }

// Columns of atoms with noise, in [0, 1], and the image that they give without noise.
template <class T>
plain::problem<T> make_problem(std::size_t n, std::size_t ny, std::size_t nx) {
    plain::problem<T> p{plain::image<T>({ny, nx}, T(0)),
                        plain::stack<T>({n, ny, nx}),
                        std::vector<double>(n, 1.0),
                        T(gamma_haadf),
                        T(background),
                        T(1.0 / static_cast<double>(n)),
                        T(lambda_chemical),
                        T(lambda_tv)};
    std::uint64_t state = 1;
    for (std::size_t i = 0; i < n; ++i) {
        p.weights[i] = 0.5 + static_cast<double>(i + 1) / static_cast<double>(n + 1);
        for (std::size_t y = 0; y < ny; ++y) {
            for (std::size_t x = 0; x < nx; ++x) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                const double noise = static_cast<double>(state >> 40) / 16777216.0;
                const double phase = 0.4 * static_cast<double>(i);
                const double column = std::pow(std::sin(0.2 * static_cast<double>(y) + phase), 2) *
                                      std::pow(std::sin(0.2 * static_cast<double>(x) + phase), 2);
                p.maps(i, y, x) = static_cast<T>(0.7 * column + 0.3 * noise * noise);
                p.haadf(y, x) += static_cast<T>(p.weights[i] * std::pow(column, gamma_haadf));
            }
        }
    }
    return p;
}

template <class T>
auto solver_of(const plain::problem<T>& p) {
    return stemfuse::fusion_solver(
        stemfuse::haadf_model(p.haadf, stemfuse::haadf_response::from_weights(p.weights, gamma_haadf)),
        stemfuse::poisson_likelihood(p.maps, background), stemfuse::total_variation{.iterations = fusion_tv_iterations},
        stemfuse::cost_weights{.lambda_chemical = lambda_chemical, .lambda_tv = lambda_tv});
}

// A problem is made once and kept until another one is asked for.
template <class T>
const plain::problem<T>& problem_for(std::size_t n, std::size_t side) {
    static std::unique_ptr<plain::problem<T>> kept;
    if (!kept || kept->maps.shape(0) != n || kept->maps.shape(1) != side) {
        kept.reset();
        kept = std::make_unique<plain::problem<T>>(make_problem<T>(n, side, side));
    }
    return *kept;
}

// The pool must outlive its handle.
struct workers {
    explicit workers(std::size_t threads) : pool(threads), exec(pool) {}
    stemfuse::thread_pool pool;
    stemfuse::execution exec;
};

void count(benchmark::State& state, std::size_t pixels, std::size_t iterations) {
    state.counters["per_pixel"] =
        benchmark::Counter(static_cast<double>(pixels) * static_cast<double>(iterations),
                           benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <class T>
void tv_prox_ours(benchmark::State& state, std::size_t n, std::size_t side, std::size_t threads) {
    const auto& maps = problem_for<T>(n, side).maps;
    workers on(threads);
    plain::stack<T> out(maps.shape());
    for (auto _ : state) {
        stemfuse::total_variation{.iterations = prox_iterations}.prox(maps, lambda_tv, out, on.exec);
        benchmark::DoNotOptimize(out.data());
    }
    count(state, maps.size(), prox_iterations);
}

template <class T>
void tv_prox_plain(benchmark::State& state, std::size_t n, std::size_t side, std::size_t) {
    const auto& maps = problem_for<T>(n, side).maps;
    for (auto _ : state) {
        const auto out = plain::prox_tv(maps, T(lambda_tv), prox_iterations);
        benchmark::DoNotOptimize(out.data());
    }
    count(state, maps.size(), prox_iterations);
}

template <class T>
void gradient_ours(benchmark::State& state, std::size_t n, std::size_t side, std::size_t threads) {
    const auto& p = problem_for<T>(n, side);
    const auto solver = solver_of(p);
    workers on(threads);
    plain::stack<T> g(p.maps.shape());
    const stemfuse::readable<T, 3> x(p.maps);
    const stemfuse::writable<T, 3, plain::stack<T>> out(g);
    for (auto _ : state) {
        auto at = solver.terms().value_and_gradient(x.view(), out.view(), on.exec);
        benchmark::DoNotOptimize(at);
    }
    count(state, p.maps.size(), 1);
}

template <class T>
void gradient_plain(benchmark::State& state, std::size_t n, std::size_t side, std::size_t) {
    const auto& p = problem_for<T>(n, side);
    for (auto _ : state) {
        const auto result = p.value_and_gradient(p.maps);
        benchmark::DoNotOptimize(result.second.data());
    }
    count(state, p.maps.size(), 1);
}

template <class T>
void fusion_ours(benchmark::State& state, std::size_t n, std::size_t side, std::size_t threads) {
    const auto& p = problem_for<T>(n, side);
    const auto solver = solver_of(p);
    workers on(threads);
    for (auto _ : state) {
        const auto result = solver.solve({.iterations = outer_iterations(side)}, on.exec);
        benchmark::DoNotOptimize(result.maps.data());
    }
    count(state, p.maps.size(), outer_iterations(side));
}

template <class T>
void fusion_plain(benchmark::State& state, std::size_t n, std::size_t side, std::size_t) {
    const auto& p = problem_for<T>(n, side);
    for (auto _ : state) {
        const auto result = p.fuse(outer_iterations(side), fusion_tv_iterations);
        benchmark::DoNotOptimize(result.second.data());
    }
    count(state, p.maps.size(), outer_iterations(side));
}

template <class T>
void triad(benchmark::State& state, std::size_t threads) {
    const std::size_t size = std::size_t{256} * 1024 * 1024 / sizeof(T), block = 16384;
    workers on(threads);
    std::vector<T> a(size, T(0)), b(size, T(1)), c(size, T(2));
    const T s = T(0.5);
    for (auto _ : state) {
        on.exec.for_each(size / block, [&](std::size_t k) {
            for (std::size_t i = k * block; i < (k + 1) * block; ++i) a[i] = b[i] + s * c[i];
        });
        benchmark::ClobberMemory();
    }
    state.counters["bytes_per_second"] =
        benchmark::Counter(static_cast<double>(3 * size * sizeof(T)), benchmark::Counter::kIsIterationInvariantRate);
}

template <class T>
constexpr const char* scalar_name = sizeof(T) == 4 ? "float" : "double";

using timed = void (*)(benchmark::State&, std::size_t, std::size_t, std::size_t);

template <class T>
void add(std::string_view what, timed ours, timed plain, std::size_t side, std::size_t n) {
    const auto add_one = [&](const char* who, timed f, std::size_t threads) {
        const std::string name = std::string(what) + "/" + who + "/" + scalar_name<T> + "/" + std::to_string(side) +
                                 "/" + std::to_string(n) + "el/" + std::to_string(threads) + "thread";
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { f(state, n, side, threads); })
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
    };
    add_one("plain", plain, 1);
    add_one("ours", ours, 1);
    add_one("ours", ours, 2);
}

template <class T>
void add_all(bool full) {
    for (const std::size_t threads : {1u, 2u}) {
        const std::string name = std::string("triad/") + scalar_name<T> + "/" + std::to_string(threads) + "thread";
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { triad<T>(state, threads); })
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
    }
    const std::vector<std::size_t> sides =
        full ? std::vector<std::size_t>{256, 512, 1024, 2048, 4096} : std::vector<std::size_t>{256, 1024};
    for (const std::size_t side : sides) {
        for (const std::size_t n : {1u, 3u, 8u}) {
            if (n != 3 && !(full && side <= 1024)) continue;
            add<T>("tv_prox", tv_prox_ours<T>, tv_prox_plain<T>, side, n);
            add<T>("gradient", gradient_ours<T>, gradient_plain<T>, side, n);
            add<T>("fusion", fusion_ours<T>, fusion_plain<T>, side, n);
        }
    }
}

// The largest relative difference between the two formulations on a small problem that is no multiple of anything.
template <class T>
double disagreement() {
    const auto p = make_problem<T>(3, 61, 47);
    const auto solver = solver_of(p);
    double worst = 0;
    const auto compare = [&](const auto& a, const auto& b) {
        for (std::size_t k = 0; k < a.size(); ++k) {
            const double difference = std::abs(static_cast<double>(a.data()[k]) - static_cast<double>(b.data()[k]));
            worst = std::max(worst, std::isnan(difference) ? HUGE_VAL : difference);
        }
    };
    plain::stack<T> u(p.maps.shape());
    stemfuse::total_variation{.iterations = prox_iterations}.prox(p.maps, lambda_tv, u);
    compare(u, plain::prox_tv(p.maps, T(lambda_tv), prox_iterations));

    const stemfuse::readable<T, 3> x(p.maps);
    const stemfuse::writable<T, 3, plain::stack<T>> g(u);
    solver.terms().value_and_gradient(x.view(), g.view());
    compare(u, p.value_and_gradient(p.maps).second);

    const auto ours = solver.solve({.iterations = 10});
    const auto [history, maps] = p.fuse(10, fusion_tv_iterations);
    compare(ours.maps, maps);
    for (std::size_t k = 0; k < history.size(); ++k) {
        const auto& a = ours.history[k];
        const auto& b = history[k];
        for (const auto& [first, second] : {std::pair{a.haadf, b.haadf}, {a.chemical, b.chemical}, {a.tv, b.tv}}) {
            worst = std::max(worst, std::abs(first - second) / std::abs(second));
        }
    }
    return worst;
}

// Takes --grid=full out of the arguments.
bool take_full(int& argc, char** argv) {
    const auto last = std::remove_if(argv, argv + argc, [](std::string_view a) { return a == "--grid=full"; });
    const bool full = last != argv + argc;
    argc = static_cast<int>(last - argv);
    return full;
}

}  // namespace

int main(int argc, char** argv) {
    const double in_double = disagreement<double>(), in_float = disagreement<float>();
    std::printf("largest difference between ours and plain: %.1e in double, %.1e in float\n", in_double, in_float);
    if (!(in_double < 1e-11 && in_float < 1e-4)) {
        std::fprintf(stderr, "bench_fusion: the two formulations do not agree, nothing is timed\n");
        return 1;
    }
    const bool full = take_full(argc, argv);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    add_all<float>(full);
    add_all<double>(full);
    ratio_table table;
    benchmark::RunSpecifiedBenchmarks(&table);
    table.print();
    benchmark::Shutdown();
}
