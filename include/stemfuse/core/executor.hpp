// What an executor is, and the simplest ones.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// Stands for the callables that an executor is given: any type with this call.
struct block_callable {
    void operator()(std::size_t) const {}
};

}  // namespace detail

/// Anything that calls f(0) .. f(n - 1), each once, in any order, on any threads, and returns when all are done, for
/// any callable f; what f throws it throws again in the caller. concurrency() is the number of threads it runs on.
template <class E>
concept executor = requires(E& e, std::size_t n, detail::block_callable f) {
    e.for_each(n, f);
    { e.concurrency() } -> std::convertible_to<std::size_t>;
};

namespace detail {

// For types that have one half of an executor: fails to compile with the name of the other.
template <class E>
constexpr bool refuse_executor() {
    constexpr bool counts = requires(E& e) {
        { e.concurrency() } -> std::convertible_to<std::size_t>;
    };
    constexpr bool calls = requires(E& e, std::size_t n, block_callable f) { e.for_each(n, f); };
    static_assert(
        calls || !counts,
        "stemfuse: an executor needs for_each(n, f), for any callable f: it calls f(0) .. f(n - 1), each once, and "
        "returns when all are done");
    static_assert(counts || !calls, "stemfuse: an executor needs concurrency(), the number of threads that it runs on");
    return false;
}

}  // namespace detail

/// An executor that can ask for the end of the work: loops over iterations look at stop_requested(), from any thread,
/// and end by throwing `cancelled`.
template <class E>
concept stoppable_executor = executor<E> && requires(const E& e) {
    { e.stop_requested() } -> std::convertible_to<bool>;
};

/// The calling thread alone.
struct serial_executor {
    /// Always 1.
    std::size_t concurrency() const noexcept { return 1; }
    /// Calls f(0) .. f(n - 1) in order. What f throws ends the loop.
    template <class F>
    void for_each(std::size_t n, F&& f) const {
        for (std::size_t i = 0; i < n; ++i) f(i);
    }
};

/// An executor with a stop request: `stop` is a callable that returns true from when the work shall end, asked from
/// any of the executor's threads. The executor must outlive it.
///     stoppable run(pool, [&] { return flag.load(); });  solver.solve({}, run);
template <executor Executor, std::predicate Stop>
class stoppable {
public:
    /// Keeps a pointer to the executor and a copy of `stop`.
    stoppable(Executor& executor, Stop stop) : executor_(&executor), stop_(std::move(stop)) {}

    /// The number of threads of the executor.
    std::size_t concurrency() const { return executor_->concurrency(); }
    /// What `stop` returns now.
    bool stop_requested() const { return stop_(); }

    /// Calls f(0) .. f(n - 1) on the executor. All are called, also after a stop request: the loops over iterations
    /// look at it.
    template <class F>
    void for_each(std::size_t n, F&& f) const {
        executor_->for_each(n, std::forward<F>(f));
    }

private:
    Executor* executor_;
    Stop stop_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
