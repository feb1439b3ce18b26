// The server of the page: on 127.0.0.1 alone, for the page alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <stemfuse/core/error.hpp>

#include "explore_http.hpp"
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

// 128 random bits in hexadecimal digits.
inline std::string random_token() {
    std::random_device random;
    std::string token;
    for (int word = 0; word < 4; ++word) {
        const std::uint32_t bits = random();
        for (int shift = 28; shift >= 0; shift -= 4) token += "0123456789abcdef"[bits >> shift & 15];
    }
    return token;
}

// Whether the text begins with the other; takes as long wherever they differ.
inline bool begins_with_secret(const std::string& text, const std::string& secret) {
    if (text.size() < secret.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < secret.size(); ++i)
        difference |=
            static_cast<unsigned>(static_cast<unsigned char>(text[i]) ^ static_cast<unsigned char>(secret[i]));
    return difference == 0;
}

// Why a request is refused; empty for one of the page itself. Another user of this machine does not know the token in
// the printed address. A page elsewhere that calls this address is betrayed by its Origin or Sec-Fetch-Site; one whose
// name was bent to 127.0.0.1 by Host.
inline std::string why_refused(const http_request& request, int port, const std::string& token) {
    const std::string number = ":" + std::to_string(port);
    const auto is_own = [&](const std::string& host) {
        return host == "127.0.0.1" + number || host == "localhost" + number;
    };
    if (!is_own(request.header("host"))) return "Host is not 127.0.0.1" + number;
    if (!begins_with_secret(request.path, "/" + token + "/")) return "the address is not the one that stemfuse printed";
    const auto all = [&](const char* name, auto&& good) {
        const auto [first, last] = request.headers.equal_range(name);
        return std::all_of(first, last, [&](const auto& header) { return good(header.second); });
    };
    const std::string scheme = "http://";
    if (!all("origin", [&](const std::string& o) { return o.starts_with(scheme) && is_own(o.substr(scheme.size())); }))
        return "Origin is not this page";
    if (!all("sec-fetch-site", [](const std::string& site) { return site == "same-origin" || site == "none"; }))
        return "Sec-Fetch-Site is not same-origin";
    if (request.method == "POST" && request.header("content-type") != "application/json")
        return "Content-Type is not application/json";
    return "";
}

class page_server {
public:
    // Listens from here on; port 0 is any that is free. Throws usage_error where it cannot.
    page_server(page_answers answers, int port)
        : answers_(std::move(answers)),
          server_(port, headers, [this](const http_request& request) { return respond(request); }) {
        if (server_.port() < 0) {
            throw usage_error("--port: is " + std::to_string(port) +
                              ", must be one that is free: cannot listen there on 127.0.0.1");
        }
    }

    int port() const noexcept { return server_.port(); }
    // The path of one of the answers: "/", "/info", "/measured", "/fuse" or "/save".
    std::string path(const std::string& answer) const { return "/" + token_ + answer; }
    std::string address() const { return "http://127.0.0.1:" + std::to_string(port()) + path("/"); }

private:
    static constexpr const char* headers =
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src "
        "data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

    http_response respond(const http_request& request) const {
        const std::string why = why_refused(request, server_.port(), token_);
        if (!why.empty()) return failure(403, "refused: " + why);
        const std::string answer = request.path.substr(token_.size() + 1);
        if (request.method == "GET" && answer == "/") return {200, "text/html; charset=utf-8", page_};
        if (request.method == "GET" && answer == "/info") return {200, "application/json", answers_.info};
        if (request.method == "GET" && answer == "/measured")
            return {200, "application/octet-stream", answers_.measured};
        if (request.method == "POST" && answer == "/fuse")
            return called(request.body, answers_.fuse, "application/octet-stream");
        if (request.method == "POST" && answer == "/save")
            return called(request.body, answers_.save, "application/json");
        return failure(404, "there is no such answer");
    }

    template <class Answer>
    static http_response called(const std::string& body, const Answer& answer, const char* type) {
        try {
            if (auto content = answer(body)) return {200, type, *std::move(content)};
            return failure(409, "a newer request came before");
        } catch (const stemfuse::write_error& e) {
            return failure(500, e.what());
        } catch (const stemfuse::error& e) {
            return failure(400, e.what());
        } catch (const std::exception& e) {
            return failure(500, e.what());
        }
    }

    static http_response failure(int status, const std::string& text) {
        return {status, "application/json", page_text({{"error", text}})};
    }

    page_answers answers_;
    std::string page_ = explore_page(), token_ = random_token();
    http_server server_;
};

}  // namespace program
