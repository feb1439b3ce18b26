// An executor of your own: where the library's loops run. It offers for_each(n, f), which calls f(0) .. f(n - 1), each
// once, and returns when all are done, and concurrency(), the number of calls that may run at once. This one starts
// std::async tasks and counts what they do; a lab's code would hand the blocks to its own pool, OpenMP, TBB or MPI
// ranks. Results have the same bits as the serial ones, whatever the executor.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <vector>

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/perovskite_columns.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

namespace {

class async_executor {
public:
    explicit async_executor(std::size_t tasks) : tasks_(tasks) {}

    std::size_t concurrency() const { return tasks_; }

    // f may be any callable that takes an index. An exception of f leaves through get().
    template <class F>
    void for_each(std::size_t n, F&& f) {
        std::atomic<std::size_t> next = 0;
        const auto work = [&] {
            for (std::size_t i; (i = next++) < n; ++blocks_) f(i);
        };
        std::vector<std::future<void>> running;
        for (std::size_t k = 1; k < std::min(n, tasks_); ++k) running.push_back(std::async(std::launch::async, work));
        std::exception_ptr failure;
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
        for (auto& task : running) task.wait();  // f and next must outlive the tasks
        if (failure) std::rethrow_exception(failure);
        for (auto& task : running) task.get();
    }

    std::size_t blocks() const { return blocks_; }

private:
    std::size_t tasks_;
    std::atomic<std::size_t> blocks_ = 0;
};

int fail(const char* what) {
    std::fprintf(stderr, "custom_executor: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    using namespace stemfuse;
    static_assert(executor<async_executor>);
    const auto measured = acquire(perovskite_columns({.ny = 200, .nx = 300}));
    const fusion_solver solver(haadf_model(min_max(measured.haadf), haadf_response(measured.elements)),
                               poisson_likelihood(min_max_each(measured.maps), 0.1), total_variation{.iterations = 5});
    const auto serial = solver.solve({.iterations = 5});
    async_executor tasks(3);
    const auto result = solver.solve({.iterations = 5}, tasks);
    std::printf("the tasks ran %zu blocks; F = %.6f serial, %.6f with them\n", tasks.blocks(),
                serial.history.back().total, result.history.back().total);
    if (tasks.blocks() == 0) return fail("nothing ran in the tasks");
    if (!(result.maps == serial.maps)) return fail("the maps differ from the serial ones");

    // What is thrown in a block arrives in the caller.
    try {
        execution(tasks).for_each(50, [](std::size_t i) {
            if (i == 20) throw std::runtime_error("block 20");
        });
    } catch (const std::runtime_error&) {
        return 0;
    }
    return fail("an exception was lost");
}
