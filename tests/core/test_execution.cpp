#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <stemfuse/core/execution.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

struct backwards {
    std::vector<std::size_t> order;
    std::size_t concurrency() const { return 1; }
    template <class F>
    void for_each(std::size_t n, F&& f) {
        for (std::size_t i = n; i-- > 0;) {
            order.push_back(i);
            f(i);
        }
    }
};

// Takes one kind of callable alone.
struct by_pointer {
    std::size_t concurrency() const { return 1; }
    void for_each(std::size_t, void (*)(std::size_t)) {}
};
static_assert(executor<backwards> && executor<thread_pool> && executor<serial_executor> && !executor<by_pointer>);
static_assert(!stoppable_executor<thread_pool>);

}  // namespace

TEST_CASE("every block runs once, whatever the executor") {
    for (const std::size_t threads : {1u, 2u, 3u, 8u}) {
        thread_pool pool(threads);
        CHECK(pool.concurrency() == threads);
        for (const std::size_t n : {0u, 1u, 2u, 7u, 1000u}) {
            std::vector<std::atomic<int>> runs(n);
            execution(pool).for_each(n, [&](std::size_t i) { ++runs[i]; });
            CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& r) { return r == 1; }));
        }
    }
}

TEST_CASE("sums have the same bits for every number of threads") {
    const auto term = [](std::size_t r) { return std::sin(static_cast<double>(r)) / (1 + static_cast<double>(r)); };
    const double serial = sum_over_rows(5000, 300, {}, term);
    for (const std::size_t threads : {2u, 3u, 8u}) {
        thread_pool pool(threads);
        for (int repeat = 0; repeat < 20; ++repeat) CHECK(sum_over_rows(5000, 300, pool, term) == serial);
    }
}

TEST_CASE("an exception in a block reaches the caller and leaves the pool usable") {
    thread_pool pool(4);
    for (int repeat = 0; repeat < 50; ++repeat) {
        CHECK_THROWS_AS(pool.for_each(100,
                                      [](std::size_t i) {
                                          if (i == 37) throw error("block 37");
                                      }),
                        error);
        std::atomic<std::size_t> sum{0};
        pool.for_each(100, [&](std::size_t i) { sum += i; });
        CHECK(sum == 4950);
    }
}

TEST_CASE("calls from within a block and from several threads at once finish") {
    thread_pool pool(4);
    std::atomic<std::size_t> calls{0};
    const auto nested = [&] {
        pool.for_each(20, [&](std::size_t) { pool.for_each(20, [&](std::size_t) { ++calls; }); });
    };
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) callers.emplace_back(nested);
    for (auto& c : callers) c.join();
    CHECK(calls == 3 * 400);
}

TEST_CASE("an executor of the caller's is used") {
    backwards mine;
    std::vector<std::size_t> seen;
    execution(mine).for_each(3, [&](std::size_t i) { seen.push_back(i); });
    CHECK(seen == std::vector<std::size_t>{2, 1, 0});
    CHECK(mine.order == seen);
}

TEST_CASE("too many threads are refused") {
    support::check_throws<value_error>([] { thread_pool(5000); }, "threads", "5000", "1024");
}

TEST_CASE("a stop request reaches whoever asks for it, and blocks still run where they run") {
    thread_pool pool(3);
    bool stop = false;
    stoppable run(pool, [&] { return stop; });
    static_assert(stoppable_executor<decltype(run)>);
    const execution exec(run);
    CHECK(exec.concurrency() == 3);
    std::atomic<std::size_t> sum{0};
    exec.for_each(100, [&](std::size_t i) { sum += i; });
    CHECK(sum == 4950);
    CHECK(!exec.stop_requested());
    CHECK_NOTHROW(exec.throw_if_stopped());
    stop = true;
    CHECK(exec.stop_requested());
    CHECK_THROWS_AS(exec.throw_if_stopped(), cancelled);
    CHECK_NOTHROW(execution(pool).throw_if_stopped());
    CHECK_NOTHROW(execution{}.throw_if_stopped());
}

#if defined(__unix__)
TEST_CASE("a pool in a forked child works in its one thread and goes away without its workers") {
    auto pool = std::make_unique<thread_pool>(4);
    pool->for_each(50, [](std::size_t) {});
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::size_t sum = 0;
        pool->for_each(100, [&](std::size_t i) { sum += i; });
        pool.reset();
        _exit(sum == 4950 ? 0 : 1);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    std::atomic<std::size_t> calls{0};
    pool->for_each(50, [&](std::size_t) { ++calls; });
    CHECK(calls == 50);
}
#endif
