// The library's own executor of several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A small pool: threads - 1 workers and the calling thread share the blocks. Calls from within a block, and calls
/// while another thread uses the pool, run serially in their caller, so nothing waits for itself and nothing
/// oversubscribes. An exception in a block stops the hand-out of further blocks and is thrown again in the caller. In a
/// forked child, which has no workers, the calling thread does all the work.
class thread_pool {
public:
    /// `threads` counts the calling thread; 0 is as many as the machine runs at once. Throws value_error above 1024,
    /// which is taken for a mistake.
    explicit thread_pool(std::size_t threads = 0) : workers_(std::make_unique<crew>()) {
        if (threads > 1024) throw value_error("threads", "is " + std::to_string(threads) + ", must be at most 1024");
        if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
        try {
            workers_->hire(threads - 1);
        } catch (...) {
            workers_->dismiss();
            throw;
        }
    }

    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;

    /// Ends the workers and waits for them. In a forked child there are none, and the locks are copies in whatever
    /// state the parent's had: all of it is left alone.
    ~thread_pool() {
        if (in_forked_child()) {
            static_cast<void>(workers_.release());
        } else {
            workers_->dismiss();
        }
    }

    /// The number of threads, with the calling one.
    std::size_t concurrency() const noexcept { return workers_->threads.size() + 1; }

    /// Calls f(0) .. f(n - 1), each once, and returns when all are done; see thread_pool for nested calls and
    /// exceptions.
    template <class F>
    void for_each(std::size_t n, F&& f) {
        std::unique_lock in_use(workers_->in_use, std::defer_lock);
        if (workers_->threads.empty() || n < 2 || inside_block() || in_forked_child() || !in_use.try_lock()) {
            for (std::size_t i = 0; i < n; ++i) f(i);
            return;
        }
        job current{n, [](void* context, std::size_t i) { (*static_cast<std::remove_reference_t<F>*>(context))(i); },
                    const_cast<void*>(static_cast<const void*>(std::addressof(f)))};
        workers_->share(current);
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

    // The workers, and what they and the callers tell one another.
    struct crew {
        std::mutex in_use, mutex;
        std::condition_variable wake, done;
        std::atomic<std::size_t> generation{0};
        job* current = nullptr;
        std::size_t active = 0;
        bool closing = false;
        std::vector<std::thread> threads;

        void hire(std::size_t n) {
            threads.reserve(n);
            for (std::size_t i = 0; i < n; ++i) threads.emplace_back([this] { work(); });
        }

        void dismiss() {
            {
                const std::lock_guard lock(mutex);
                closing = true;
                generation.fetch_add(1, std::memory_order_release);
            }
            wake.notify_all();
            for (auto& thread : threads) thread.join();
        }

        // The calling thread and the workers run the job together; returns when all of it is done.
        void share(job& one) {
            {
                const std::lock_guard lock(mutex);
                current = &one;
                generation.fetch_add(1, std::memory_order_release);
            }
            wake.notify_all();
            one.run();
            std::unique_lock lock(mutex);
            current = nullptr;
            done.wait(lock, [&] { return active == 0; });
        }

        void work() {
            std::size_t seen = 0;
            for (;;) {
                // Blocks follow one another within microseconds during a solve: look a while before sleeping.
                for (int spin = 0; spin < 2000 && generation.load(std::memory_order_acquire) == seen; ++spin) {
                    if (spin % 100 == 99) std::this_thread::yield();
                }
                std::unique_lock lock(mutex);
                wake.wait(lock, [&] { return generation.load(std::memory_order_relaxed) != seen; });
                seen = generation.load(std::memory_order_relaxed);
                if (closing) return;
                if (current == nullptr) continue;
                job* const mine = current;
                ++active;
                lock.unlock();
                mine->run();
                lock.lock();
                if (--active == 0) done.notify_one();
            }
        }
    };

    static bool& inside_block() {
        thread_local bool inside = false;
        return inside;
    }

#if defined(__unix__) || defined(__APPLE__)
    bool in_forked_child() const { return getpid() != process_; }
    pid_t process_ = getpid();
#else
    static bool in_forked_child() { return false; }
#endif

    std::unique_ptr<crew> workers_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
