// The server of the page: on 127.0.0.1 alone, for the page alone.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <stemfuse/core/error.hpp>

#include "explore_page.hpp"
#include "explore_protocol.hpp"
#include "options.hpp"

namespace program {

// What the page is answered: texts that stay the same, and calls that take the body of a request. Calls come from
// several threads; one that returns nothing was overtaken by a newer one.
struct page_answers {
    std::string info;                                                         // JSON
    std::string measured;                                                     // packed images
    std::function<std::optional<std::string>(const std::string& body)> fuse;  // packed images
    std::function<std::optional<std::string>(const std::string& body)> save;  // JSON
};

// Why a request is refused; empty for one of the page itself. A page elsewhere that calls this address is betrayed by
// its Origin or Sec-Fetch-Site; one whose name was bent to 127.0.0.1 by Host.
inline std::string why_refused(const httplib::Request& request, int port) {
    const std::string number = ":" + std::to_string(port);
    const auto is_own = [&](const std::string& host) {
        return host == "127.0.0.1" + number || host == "localhost" + number;
    };
    if (request.get_header_value_count("Host") != 1 || !is_own(request.get_header_value("Host")))
        return "Host is not 127.0.0.1" + number;
    for (std::size_t i = 0; i < request.get_header_value_count("Origin"); ++i) {
        const std::string origin = request.get_header_value("Origin", i), scheme = "http://";
        if (!origin.starts_with(scheme) || !is_own(origin.substr(scheme.size()))) return "Origin is not this page";
    }
    for (std::size_t i = 0; i < request.get_header_value_count("Sec-Fetch-Site"); ++i) {
        const std::string site = request.get_header_value("Sec-Fetch-Site", i);
        if (site != "same-origin" && site != "none") return "Sec-Fetch-Site is not same-origin";
    }
    const std::string type = request.get_header_value("Content-Type");
    if (request.method == "POST" && type != "application/json") return "Content-Type is not application/json";
    return "";
}

class page_server {
public:
    // Listens from here on; port 0 is any that is free. Throws usage_error where it cannot.
    page_server(page_answers answers, int port) : answers_(std::move(answers)) {
        secure();
        route();
        port_ =
            port == 0 ? server_.bind_to_any_port("127.0.0.1") : (server_.bind_to_port("127.0.0.1", port) ? port : -1);
        if (port_ < 0) {
            throw usage_error("--port: is " + std::to_string(port) +
                              ", cannot listen there on 127.0.0.1, must be one that is free");
        }
        thread_ = std::thread([this] {
            server_.listen_after_bind();
            ended_ = true;
        });
        while (!server_.is_running() && !ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    page_server(const page_server&) = delete;
    page_server& operator=(const page_server&) = delete;
    ~page_server() {
        server_.stop();
        thread_.join();
    }

    int port() const noexcept { return port_; }
    std::string address() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

private:
    void secure() {
        server_.set_address_family(AF_INET);
        server_.set_socket_options([](socket_t s) {  // by default another program could share the port
            const int yes = 1;
            setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        });
        // A refused request's body is not read: on a connection kept alive it would be taken for the next request.
        server_.set_keep_alive_max_count(1);
        server_.set_payload_max_length(65536);
        server_.set_tcp_nodelay(true);
        server_.set_default_headers(
            {{"Cache-Control", "no-store"},
             {"X-Content-Type-Options", "nosniff"},
             {"Cross-Origin-Resource-Policy", "same-origin"},
             {"Referrer-Policy", "no-referrer"},
             {"Content-Security-Policy",
              "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src "
              "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}});
        server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
            const std::string why = why_refused(request, port_);
            if (why.empty()) return httplib::Server::HandlerResponse::Unhandled;
            fail(response, 403, "refused: " + why);
            return httplib::Server::HandlerResponse::Handled;
        });
    }

    void route() {
        const auto constant = [this](const char* path, const std::string& content, const char* type) {
            server_.Get(path, [&content, type](const httplib::Request&, httplib::Response& response) {
                response.set_content(content, type);
            });
        };
        constant("/", page_, "text/html; charset=utf-8");
        constant("/info", answers_.info, "application/json");
        constant("/measured", answers_.measured, "application/octet-stream");
        const auto call = [this](const char* path, const auto& answer, const char* type) {
            server_.Post(path, [&answer, type](const httplib::Request& request, httplib::Response& response) {
                respond(response, request.body, answer, type);
            });
        };
        call("/fuse", answers_.fuse, "application/octet-stream");
        call("/save", answers_.save, "application/json");
    }

    template <class Answer>
    static void respond(httplib::Response& response, const std::string& body, const Answer& answer, const char* type) {
        try {
            if (auto content = answer(body)) return response.set_content(*content, type);
            fail(response, 409, "a newer request came before");
        } catch (const stemfuse::write_error& e) {
            fail(response, 500, e.what());
        } catch (const stemfuse::error& e) {
            fail(response, 400, e.what());
        } catch (const std::exception& e) {
            fail(response, 500, e.what());
        }
    }

    static void fail(httplib::Response& response, int status, const std::string& text) {
        response.status = status;
        response.set_content(page_text({{"error", text}}), "application/json");
    }

    page_answers answers_;
    std::string page_ = explore_page();
    httplib::Server server_;
    int port_ = -1;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

}  // namespace program
