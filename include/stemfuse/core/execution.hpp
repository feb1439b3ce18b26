// Where the work runs: serially, on the library's thread pool, or on an executor of the caller's.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/core/executor.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/core/thread_pool.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A handle to an executor, which must outlive it; serial by default. Every interface takes this handle, so that terms
/// and priors are no templates of the executor. One indirect call per block of rows is all that this erasure costs.
class execution {
public:
    /// Serial: the calling thread alone.
    execution() = default;

    /// Runs on e. Asks it once for concurrency(), and for a stop where it is a stoppable_executor.
    template <executor E>
        requires(!std::same_as<std::remove_cv_t<E>, execution>)
    execution(E& e)
        : target_(&e), concurrency_(e.concurrency()), run_([](void* target, std::size_t n, call* f, void* context) {
              static_cast<E*>(target)->for_each(n, [=](std::size_t i) { f(context, i); });
          }) {
        if constexpr (stoppable_executor<E>) {
            stop_ = [](const void* target) {
                return static_cast<bool>(static_cast<const E*>(target)->stop_requested());
            };
        }
    }

    /// Never called: for a type that is half an executor, it fails to compile with the name of what is missing.
    template <class E>
        requires(!executor<E> && !std::same_as<std::remove_cv_t<E>, execution> && detail::refuse_executor<E>())
    execution(E&);

    /// The number of threads that the executor named; 1 for serial.
    std::size_t concurrency() const noexcept { return concurrency_; }

    /// Whether the executor asks for the end of the work; false where it cannot ask.
    bool stop_requested() const { return stop_ != nullptr && stop_(target_); }

    /// Throws `cancelled` where the executor asks for the end of the work. Called in every loop whose length is an
    /// option: once an iteration or sweep over the maps, never by pixel.
    void throw_if_stopped() const {
        if (stop_requested()) throw cancelled();
    }

    /// Calls f(0) .. f(n - 1), each once, and returns when all are done: in order on the calling thread where it is
    /// serial or n < 2, else as the executor does. What f throws is thrown again here.
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
    bool (*stop_)(const void*) = nullptr;
};

/// Rows in one block: about 16 thousand pixels, so that handing out a block costs little beside the work in it. The
/// number of threads has no part in it: blocks are the same for any.
inline std::size_t rows_per_block(std::size_t nx) {
    return std::max<std::size_t>(1, 16384 / std::max<std::size_t>(1, nx));
}

/// Calls f(first, last) for consecutive blocks of rows that cover 0 .. n_rows - 1, each row being nx pixels.
template <class F>
void for_each_row_block(std::size_t n_rows, std::size_t nx, const execution& exec, F&& f) {
    const block_partition rows(n_rows, rows_per_block(nx));
    exec.for_each(rows.size(), [&](std::size_t b) { f(rows[b].first, rows[b].last); });
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

}  // namespace stemfuse::inline STEMFUSE_ABI
