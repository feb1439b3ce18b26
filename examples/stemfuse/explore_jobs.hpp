// One thread that works for the page: one job after another.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <stemfuse/core/error.hpp>

namespace program {

// Jobs are done in the order in which they come, but for the replaceable ones: a newer of these cancels those before
// it.
class job_thread {
public:
    // May end early when `cancelled` becomes true: what it returns then is dropped.
    using job = std::function<std::string(const std::atomic<bool>& cancelled)>;

    job_thread() : thread_([this] { work(); }) {}
    job_thread(const job_thread&) = delete;
    job_thread& operator=(const job_thread&) = delete;
    ~job_thread() {
        close();
        thread_.join();
    }

    // Waits for what the job returns; nothing where it was cancelled. Throws what the job throws.
    std::optional<std::string> run(job what, bool replaceable) {
        const auto own = std::make_shared<entry>();
        own->what = std::move(what);
        own->replaceable = replaceable;
        auto result = own->result.get_future();
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return {};
            if (replaceable) cancel([](const entry& e) { return e.replaceable; });
            waiting_.push_back(own);
        }
        wake_.notify_one();
        return result.get();
    }

    // Cancels all jobs, and takes no more.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            cancel([](const entry&) { return true; });
        }
        wake_.notify_one();
    }

private:
    struct entry {
        job what{};
        bool replaceable = false;
        std::atomic<bool> cancelled{false};
        std::promise<std::optional<std::string>> result{};
    };

    template <class Which>
    void cancel(Which&& which) {
        if (running_ && which(*running_)) running_->cancelled = true;
        for (const auto& e : waiting_) {
            if (which(*e)) e->cancelled = true;
        }
    }

    void work() {
        for (;;) {
            std::shared_ptr<entry> next;
            {
                std::unique_lock lock(mutex_);
                running_.reset();
                wake_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
                if (waiting_.empty()) return;
                next = running_ = waiting_.front();
                waiting_.pop_front();
            }
            finish(*next);
        }
    }

    static void finish(entry& e) {
        try {
            std::optional<std::string> answer;
            if (!e.cancelled) answer = e.what(e.cancelled);
            if (e.cancelled) answer.reset();
            e.result.set_value(std::move(answer));
        } catch (const stemfuse::cancelled&) {
            e.result.set_value(std::nullopt);
        } catch (...) {
            e.result.set_exception(std::current_exception());
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<entry>> waiting_;
    std::shared_ptr<entry> running_;
    bool closed_ = false;
    std::thread thread_;
};

}  // namespace program
