// Where the work runs: serially, on the library's thread pool, or on an executor of the caller's.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <stemfuse/core/error.hpp>

namespace stemfuse {

/// Anything that calls f(0) .. f(n - 1), each once, in any order, on any threads, and returns when all are done.
template <class E>
concept executor = requires(E& e, std::size_t n, void (*f)(std::size_t)) {
    e.for_each(n, f);
    { e.concurrency() } -> std::convertible_to<std::size_t>;
};

/// A handle to an executor, which must outlive it; serial by default. It is passed by value through every interface, so
/// that terms and priors are no templates of the executor. One indirect call per block of rows is all that this erasure
/// costs.
class execution {
public:
    execution() = default;

    template <executor E>
        requires(!std::same_as<std::remove_cv_t<E>, execution>)
    execution(E& e)
        : target_(&e), concurrency_(e.concurrency()), run_([](void* target, std::size_t n, call* f, void* context) {
              static_cast<E*>(target)->for_each(n, [=](std::size_t i) { f(context, i); });
          }) {}

    std::size_t concurrency() const noexcept { return concurrency_; }

    template <class F>
    void for_each(std::size_t n, F&& f) const {
        if (run_ == nullptr || n < 2) {
            for (std::size_t i = 0; i < n; ++i) f(i);
            return;
        }
        run_(
            target_, n, [](void* context, std::size_t i) { (*static_cast<std::remove_reference_t<F>*>(context))(i); },
            const_cast<void*>(static_cast<const void*>(std::addressof(f))));
    }

private:
    using call = void(void*, std::size_t);
    void* target_ = nullptr;
    std::size_t concurrency_ = 1;
    void (*run_)(void*, std::size_t, call*, void*) = nullptr;
};

/// A small pool: threads - 1 workers and the calling thread share the blocks. Calls from within a block, and calls
/// while another thread uses the pool, run serially in their caller, so nothing waits for itself and nothing
/// oversubscribes. An exception in a block stops the hand-out of further blocks and is thrown again in the caller.
class thread_pool {
public:
    /// As many threads as the machine runs at once for 0. Throws value_error above 1024.
    explicit thread_pool(std::size_t threads = 0) {
        if (threads > 1024) throw value_error("threads", "got " + std::to_string(threads) + ", takes at most 1024");
        if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
        workers_.reserve(threads - 1);
        for (std::size_t i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
    }

    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;

    ~thread_pool() {
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    std::size_t concurrency() const noexcept { return workers_.size() + 1; }

    template <class F>
    void for_each(std::size_t n, F&& f) {
        std::unique_lock in_use(in_use_, std::defer_lock);
        if (workers_.empty() || n < 2 || inside_block() || !in_use.try_lock()) {
            for (std::size_t i = 0; i < n; ++i) f(i);
            return;
        }
        job current{n, [](void* context, std::size_t i) { (*static_cast<std::remove_reference_t<F>*>(context))(i); },
                    const_cast<void*>(static_cast<const void*>(std::addressof(f)))};
        {
            const std::lock_guard lock(mutex_);
            job_ = &current;
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        current.run();
        std::unique_lock lock(mutex_);
        job_ = nullptr;
        done_.wait(lock, [&] { return active_ == 0; });
        if (current.failure) std::rethrow_exception(current.failure);
    }

private:
    struct job {
        std::size_t count;
        void (*f)(void*, std::size_t);
        void* context;
        std::atomic<std::size_t> next{0};
        std::mutex failing{};
        std::exception_ptr failure{};

        void run() {
            inside_block() = true;
            for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
                try {
                    f(context, i);
                } catch (...) {
                    const std::lock_guard lock(failing);
                    if (!failure) failure = std::current_exception();
                    next.store(count, std::memory_order_relaxed);
                }
            }
            inside_block() = false;
        }
    };

    static bool& inside_block() {
        thread_local bool inside = false;
        return inside;
    }

    void work() {
        std::size_t seen = 0;
        for (;;) {
            // Blocks follow one another within microseconds during a solve: look a while before sleeping.
            for (int spin = 0; spin < 2000 && generation_.load(std::memory_order_acquire) == seen; ++spin) {
                if (spin % 100 == 99) std::this_thread::yield();
            }
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
            seen = generation_.load(std::memory_order_relaxed);
            if (closing_) return;
            if (job_ == nullptr) continue;
            job* const current = job_;
            ++active_;
            lock.unlock();
            current->run();
            lock.lock();
            if (--active_ == 0) done_.notify_one();
        }
    }

    std::mutex in_use_;
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::atomic<std::size_t> generation_{0};
    job* job_ = nullptr;
    std::size_t active_ = 0;
    bool closing_ = false;
    std::vector<std::thread> workers_;
};

/// Rows in one block: about 16 thousand pixels, whatever the number of threads.
inline std::size_t rows_per_block(std::size_t nx) {
    return std::max<std::size_t>(1, 16384 / std::max<std::size_t>(1, nx));
}

/// Calls f(first, last) for consecutive blocks of rows that cover 0 .. n_rows - 1, each row being nx pixels.
template <class F>
void for_each_row_block(std::size_t n_rows, std::size_t nx, const execution& exec, F&& f) {
    const std::size_t block = rows_per_block(nx);
    exec.for_each((n_rows + block - 1) / block,
                  [&](std::size_t b) { f(b * block, std::min(n_rows, (b + 1) * block)); });
}

/// Calls f(row) for rows 0 .. n_rows - 1 of nx pixels each, in blocks.
template <class F>
void for_each_row(std::size_t n_rows, std::size_t nx, const execution& exec, F&& f) {
    for_each_row_block(n_rows, nx, exec, [&](std::size_t first, std::size_t last) {
        for (std::size_t r = first; r < last; ++r) f(r);
    });
}

/// The sum of f(row), added in row order: the same bits for every number of threads.
template <class F>
double sum_over_rows(std::size_t n_rows, std::size_t nx, const execution& exec, F&& f) {
    std::vector<double> sums(n_rows);
    for_each_row(n_rows, nx, exec, [&](std::size_t r) { sums[r] = f(r); });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace stemfuse
