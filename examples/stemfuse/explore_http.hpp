// A small HTTP server for one page on this machine: whoever is slow or sends too much is dropped, nobody blocks
// another.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace program {

struct http_request {
    std::string method, path, body;
    std::multimap<std::string, std::string> headers{};  // names in lower case

    // The only header of that name; empty where there is none or several.
    std::string header(const std::string& name) const {
        return headers.count(name) == 1 ? headers.find(name)->second : "";
    }
};

struct http_response {
    int status = 200;
    std::string type, body;
};

// Limits of the server. A request must be whole in time, from the first byte to the last.
struct http_limits {
    std::size_t connections = 256, head_bytes = 16384, body_bytes = 65536, workers = 8, waiting = 64;
    std::chrono::milliseconds request{5000}, response{60000};
};

// One request of a connection, closed after the answer. Requests are answered by handle(): GET at once, others on a few
// threads.
class http_server {
public:
    using handler = std::function<http_response(const http_request&)>;

    // Listens on 127.0.0.1; port() is -1 where it cannot. Port 0 is any that is free. `headers` go with every answer.
    http_server(int port, std::string headers, handler handle, http_limits limits = {})
        : headers_(std::move(headers)), handle_(std::move(handle)), limits_(limits) {
        listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int yes = 1;  // of a port that is no longer in use; never of one that is
        ::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const where = reinterpret_cast<sockaddr*>(&address);
        if (listening_ < 0 || ::bind(listening_, where, size) != 0 || ::listen(listening_, SOMAXCONN) != 0 ||
            ::getsockname(listening_, where, &size) != 0 || ::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0)
            return;
        port_ = ntohs(address.sin_port);
        threads_.emplace_back([this] { serve(); });
        for (std::size_t i = 0; i < limits_.workers; ++i) threads_.emplace_back([this] { work(); });
    }
    http_server(const http_server&) = delete;
    http_server& operator=(const http_server&) = delete;
    ~http_server() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        work_.notify_all();
        wake();
        for (auto& thread : threads_) thread.join();
        for (const auto& c : connections_) ::close(c.socket);
        for (const int descriptor : {listening_, wake_[0], wake_[1]}) {
            if (descriptor >= 0) ::close(descriptor);
        }
    }

    int port() const noexcept { return port_; }

private:
    using clock = std::chrono::steady_clock;
    enum class stage { reading, working, writing, draining, done };

    struct connection {
        int socket;
        std::uint64_t number;
        clock::time_point end;
        stage at = stage::reading;
        std::string in{}, out{};
        std::size_t sent = 0;
    };

    void wake() const {
        const char one = 1;
        [[maybe_unused]] const auto written = ::write(wake_[1], &one, 1);
    }

    // The thread that talks to the sockets.
    void serve() {
        for (;;) {
            std::vector<pollfd> polled{{listening_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
            for (const auto& c : connections_) {
                const bool waits = c.at == stage::working;
                polled.push_back(
                    {waits ? -1 : c.socket, static_cast<short>(c.at == stage::writing ? POLLOUT : POLLIN), 0});
            }
            ::poll(polled.data(), polled.size(), 100);
            char drained[256];
            while (::read(wake_[0], drained, sizeof drained) > 0) {
            }
            {
                const std::lock_guard lock(mutex_);
                if (closed_) return;
                for (auto& [number, text] : answers_) start_answer(number, std::move(text));
                answers_.clear();
            }
            std::size_t i = 2;
            for (auto& c : connections_) {
                if (i >= polled.size()) break;
                const short events = polled[i++].revents;
                if (events != 0 && c.at == stage::reading) read(c);
                if (events != 0 && c.at == stage::draining) drain(c);
                if (c.at == stage::writing) write(c);
                if (c.at != stage::working && clock::now() > c.end) c.at = stage::done;
            }
            std::erase_if(connections_, [](const connection& c) {
                if (c.at == stage::done) ::close(c.socket);
                return c.at == stage::done;
            });
            if (polled[0].revents != 0) accept();
        }
    }

    void accept() {
        for (;;) {
            const int socket = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (socket < 0) return;
            if (connections_.size() >= limits_.connections) drop_slowest();
            if (connections_.size() >= limits_.connections) {
                ::close(socket);
                continue;
            }
            connections_.push_back({socket, ++count_, clock::now() + limits_.request});
        }
    }

    // The oldest that has not sent its request; in a browser on this machine that takes no time.
    void drop_slowest() {
        const auto slowest = std::find_if(connections_.begin(), connections_.end(), [](const connection& c) {
            return c.at == stage::reading || c.at == stage::draining;
        });
        if (slowest == connections_.end()) return;
        ::close(slowest->socket);
        connections_.erase(slowest);
    }

    void read(connection& c) {
        char part[16384];
        const ssize_t n = ::recv(c.socket, part, sizeof part, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            c.at = stage::done;
            return;
        }
        c.in.append(part, static_cast<std::size_t>(n));
        http_request request;
        const int status = parse(c.in, request);
        if (status == 0) return;  // not whole yet
        c.in.clear();
        if (status != 200) return answer(c, {status, "text/plain", "refused: no request that is understood\n"});
        if (request.method == "GET") return answer(c, handle_(request));  // never behind work
        const std::lock_guard lock(mutex_);
        if (queue_.size() >= limits_.waiting) return answer(c, {503, "text/plain", "too much to do\n"});
        c.at = stage::working;
        queue_.emplace_back(c.number, std::move(request));
        work_.notify_one();
    }

    // 0: more is to come; 200: a request; else why it is none.
    int parse(const std::string& in, http_request& request) const {
        const auto head_end = in.find("\r\n\r\n");
        if (head_end == std::string::npos) return in.size() > limits_.head_bytes ? 431 : 0;
        if (head_end > limits_.head_bytes) return 431;
        std::string_view head = std::string_view(in).substr(0, head_end + 2);
        const auto next_line = [&] {
            const auto end = head.find("\r\n");
            const auto line = head.substr(0, end);
            head.remove_prefix(end + 2);
            return line;
        };
        const auto first = next_line();
        const auto one = first.find(' '), two = first.rfind(' ');
        if (one == std::string_view::npos || one == two || !first.substr(two + 1).starts_with("HTTP/1.")) return 400;
        request.method = first.substr(0, one), request.path = first.substr(one + 1, two - one - 1);
        while (!head.empty()) {
            const auto line = next_line();
            const auto colon = line.find(':');
            if (colon == std::string_view::npos || colon == 0 || line[0] == ' ' || line[0] == '\t') return 400;
            std::string name(line.substr(0, colon));
            std::transform(name.begin(), name.end(), name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            auto value = line.substr(colon + 1);
            while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
            while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
            request.headers.emplace(std::move(name), value);
        }
        if (request.headers.contains("transfer-encoding")) return 411;
        if (request.headers.contains("content-encoding")) return 415;
        std::size_t length = 0;
        if (request.headers.count("content-length") > 1) return 400;
        if (request.headers.contains("content-length")) {
            const std::string text = request.header("content-length");
            const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), length);
            if (failure == std::errc::result_out_of_range) return 413;
            if (failure != std::errc() || end != text.data() + text.size()) return 400;
        }
        if (length > limits_.body_bytes) return 413;
        const auto body = std::string_view(in).substr(head_end + 4);
        if (body.size() < length) return 0;
        request.body = body.substr(0, length);
        return 200;
    }

    std::string text_of(const http_response& r) const {
        static const std::map<int, const char*> reasons{
            {200, "OK"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"}, {409, "Conflict"}};
        const auto reason = reasons.find(r.status);
        return "HTTP/1.1 " + std::to_string(r.status) + " " + (reason == reasons.end() ? "Refused" : reason->second) +
               "\r\nContent-Type: " + r.type + "\r\nContent-Length: " + std::to_string(r.body.size()) +
               "\r\nConnection: close\r\n" + headers_ + "\r\n" + r.body;
    }

    void answer(connection& c, const http_response& r) const {
        c.out = text_of(r);
        c.at = stage::writing;
        c.end = clock::now() + limits_.response;
    }

    void start_answer(std::uint64_t number, std::string text) {
        for (auto& c : connections_) {
            if (c.number != number) continue;
            c.out = std::move(text);
            c.at = stage::writing;
            c.end = clock::now() + limits_.response;
        }
    }

    static void write(connection& c) {
        while (c.sent < c.out.size()) {
            const ssize_t n = ::send(c.socket, c.out.data() + c.sent, c.out.size() - c.sent, MSG_NOSIGNAL);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
            if (n <= 0) {
                c.at = stage::done;
                return;
            }
            c.sent += static_cast<std::size_t>(n);
        }
        // What was sent and is not read would turn the answer into a reset: it is read for a moment.
        ::shutdown(c.socket, SHUT_WR);
        c.at = stage::draining;
        c.end = clock::now() + std::chrono::seconds(1);
    }

    static void drain(connection& c) {
        char rest[16384];
        const ssize_t n = ::recv(c.socket, rest, sizeof rest, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) c.at = stage::done;
    }

    void work() {
        for (;;) {
            std::pair<std::uint64_t, http_request> next;
            {
                std::unique_lock lock(mutex_);
                work_.wait(lock, [&] { return closed_ || !queue_.empty(); });
                if (closed_) return;
                next = std::move(queue_.front());
                queue_.pop_front();
            }
            std::string text = text_of(handle_(next.second));
            {
                const std::lock_guard lock(mutex_);
                answers_.emplace_back(next.first, std::move(text));
            }
            wake();
        }
    }

    std::string headers_;
    handler handle_;
    http_limits limits_;
    int listening_ = -1, port_ = -1;
    int wake_[2] = {-1, -1};
    std::uint64_t count_ = 0;
    std::list<connection> connections_;  // of the serving thread alone, oldest first
    std::mutex mutex_;                   // of what follows
    std::condition_variable work_;
    std::deque<std::pair<std::uint64_t, http_request>> queue_;
    std::vector<std::pair<std::uint64_t, std::string>> answers_;
    bool closed_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace program
