// stemfuse explore: what its server answers, whom it refuses, and what it saves.
#include <doctest/doctest.h>

#ifdef STEMFUSE_HAS_HTTPLIB

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>

#include "explore_options.hpp"
#include "explore_session.hpp"
#include "measurement.hpp"
#include "program/session.hpp"

using namespace stemfuse;
using nlohmann::json;
using program_test::session;

namespace {

program::measurement<float> small_measurement(std::size_t ny, std::size_t nx) {
    const auto images = support::random_array<float, 3>({3, ny, nx}, 1, 9);
    return {"small",
            {"Co", "O"},
            xt::xtensor<float, 2>(xt::view(images, 0)),
            xt::xtensor<float, 3>(xt::view(images, xt::range(1, 3)))};
}

// A server that shows a measurement and saves to `out` of a folder.
struct served {
    scratch::folder folder{};
    program::output_folder output{(folder / "out").string(), false, false};
    program::explore_session<float> session;
    program::page_server server;

    explicit served(program::measurement<float> m, const program::recipe_options& recipe = {.threads = 2})
        : session(std::move(m), recipe, {"scan.h5"}, output, "out", {"a warning"}), server(session.answers(), 0) {}
    ~served() { session.close(); }

    httplib::Client client() const {
        httplib::Client c("127.0.0.1", server.port());
        c.set_read_timeout(300);
        return c;
    }
    httplib::Result post(const std::string& path, const json& body, const httplib::Headers& headers = {}) const {
        return client().Post(server.path(path), headers, body.dump(), "application/json");
    }
};

struct unpacked {
    json header;
    std::vector<xt::xtensor<double, 2>> images;  // HAADF first
};

unpacked unpack(const std::string& bytes) {
    std::uint32_t length = 0;
    REQUIRE(bytes.size() >= 4);
    std::memcpy(&length, bytes.data(), 4);
    REQUIRE((length + 4) % 8 == 0);
    unpacked u{json::parse(bytes.substr(4, length)), {}};
    const std::size_t ny = u.header["rows"], nx = u.header["columns"], n = u.header["ranges"].size();
    REQUIRE(bytes.size() == 4 + length + 2 * n * ny * nx);
    for (std::size_t i = 0; i < n; ++i) {
        const double low = u.header["ranges"][i][0], high = u.header["ranges"][i][1];
        std::vector<std::uint16_t> levels(ny * nx);
        std::memcpy(levels.data(), bytes.data() + 4 + length + 2 * i * ny * nx, 2 * ny * nx);
        auto& image = u.images.emplace_back(std::array{ny, nx});
        std::transform(levels.begin(), levels.end(), image.begin(),
                       [=](std::uint16_t v) { return low + (high - low) * v / 65535; });
    }
    return u;
}

template <class A, class B>
double largest_difference(const A& a, const B& b) {
    return xt::amax(xt::abs(xt::cast<double>(a) - xt::cast<double>(b)))();
}

// What a server answers to these bytes until it closes the connection.
std::string exchange(int port, const std::string& bytes) {
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(s, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(send(s, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    std::string answer;
    char part[4096];
    for (ssize_t n; (n = recv(s, part, sizeof part, 0)) > 0;) answer.append(part, static_cast<std::size_t>(n));
    close(s);
    return answer;
}

}  // namespace

TEST_CASE("explore: page, sliders and measured maps") {
    const auto m = small_measurement(20, 14);
    const served s(m);
    const auto page = s.client().Get(s.server.path("/"));
    REQUIRE(page);
    CHECK(page->status == 200);
    CHECK(page->body.find("<title>stemfuse explore") != std::string::npos);
    // Nothing is loaded from elsewhere.
    for (const char* text : {"http://", "https://", "src=", "@import"}) {
        CAPTURE(text);
        CHECK(page->body.find(text) == std::string::npos);
    }
    CHECK(page->get_header_value("Content-Security-Policy").find("default-src 'none'") != std::string::npos);

    const json info = json::parse(s.client().Get(s.server.path("/info"))->body);
    CHECK(info["elements"] == json{"Co", "O"});
    CHECK(info["rows"] == 20);
    CHECK(info["columns"] == 14);
    CHECK(info["warnings"] == json::array({"a warning"}));
    CHECK(info["hues"].size() == 2);
    std::string names;
    for (const auto& slider : info["sliders"]) {
        names += slider["name"].get<std::string>() + " ";
        if (slider["name"] == "lambda_haadf") CHECK(slider["value"] == 0.5);
        CHECK(slider["low"] <= slider["value"]);
        CHECK(slider["value"] <= slider["high"]);
    }
    CHECK(names == "lambda_haadf lambda_chemical lambda_tv gamma background iterations tv_iterations ");

    const auto measured = unpack(s.client().Get(s.server.path("/measured"))->body);
    REQUIRE(measured.images.size() == 3);
    CHECK(measured.header["factor"] == 1);
    CHECK(largest_difference(measured.images[0], min_max(m.haadf)) <= 1e-5);
    CHECK(largest_difference(measured.images[2], xt::view(min_max_each(m.maps), 1)) <= 1e-5);
    CHECK(s.client().Get(s.server.path("/other"))->status == 404);
}

TEST_CASE("explore: the maps of a setting are those of the recipe") {
    const auto m = small_measurement(20, 14);
    const served s(m);
    const json setting{{"lambda_tv", 0.02}, {"iterations", 7}, {"gamma", 1.4}, {"lambda_haadf", 0.3}};
    const auto answer = s.post("/fuse", setting);
    REQUIRE(answer);
    REQUIRE(answer->status == 200);
    const auto shown = unpack(answer->body);
    const auto expected = program::fuse_published<float>(
        m, {.gamma = 1.4, .lambda_haadf = 0.3, .lambda_tv = 0.02, .iterations = 7}, true);
    REQUIRE(shown.images.size() == 3);
    for (std::size_t i = 0; i < 2; ++i)
        CHECK(largest_difference(shown.images[i + 1], xt::view(expected.record.fused_maps, i)) <= 2e-5);
    CHECK(largest_difference(shown.images[0], expected.record.fused_haadf) <= 1e-4);
    CHECK(shown.header["total"].get<std::vector<double>>() == expected.record.history.total);
    CHECK(shown.header["iterations"] == 7);
    // Another setting, other maps.
    const auto other = unpack(s.post("/fuse", {{"lambda_tv", 0.2}, {"iterations", 7}})->body);
    CHECK(largest_difference(shown.images[1], other.images[1]) > 0.01);
}

TEST_CASE("explore: a preview looks like the whole, by means over blocks") {
    const auto specimen = core_shell_particles<float>();
    const auto acquired = acquire(specimen, {.dose = 30, .background = 0.1});
    const program::measurement<float> m{"particles", acquired.elements, acquired.haadf, acquired.maps};
    const program::recipe_options recipe{.lambda_chemical = 0.02, .lambda_tv = 0.01, .threads = 2};
    const std::atomic<bool> cancelled{false};
    for (const auto& [planned, factor] : {std::pair{0.04, 2u}, std::pair{0.01, 4u}}) {
        // The first preview is planned by a guess, whatever the machine.
        program::live_fusion<float> live(m, recipe, {.planned = planned, .most = 1e9});
        const auto coarse = live.solve(recipe, true, cancelled);
        REQUIRE(coarse.factor == factor);
        const auto whole = live.solve(recipe, false, cancelled);
        CHECK(whole.factor == 1);
        CHECK(coarse.report.iterations == 30);
        xt::xtensor<float, 3> means = whole.maps, raw = live.maps();
        for (unsigned f = factor; f > 1; f /= 2) {
            means = block_means(as_view(std::as_const(means)));
            raw = block_means(as_view(std::as_const(raw)));
        }
        CHECK(support::relative_difference(coarse.maps, means) < 0.15);
        CHECK(support::relative_difference(raw, means) > 0.15);
    }
}

TEST_CASE("explore: a preview is cut short in time") {
    program::live_fusion<float> live(small_measurement(128, 128), {.threads = 1}, {.planned = 1e-9, .most = 0});
    const std::atomic<bool> cancelled{false};
    const auto preview = live.solve({.iterations = 50}, true, cancelled);
    CHECK(preview.factor == 4);
    CHECK(preview.report.iterations == 0);
    CHECK(live.solve({.iterations = 5}, false, cancelled).report.iterations == 5);
}

TEST_CASE("explore: what is no setting is answered by the library's message") {
    const served s(small_measurement(12, 12));
    const auto check = [&](const std::string& body, const auto&... texts) {
        CAPTURE(body);
        const auto answer = s.client().Post(s.server.path("/fuse"), body, "application/json");
        REQUIRE(answer);
        CHECK(answer->status == 400);
        const std::string error = json::parse(answer->body).at("error");
        CAPTURE(error);
        for (const std::string& text : {std::string(texts)...}) CHECK(error.find(text) != std::string::npos);
    };
    check("", "request", "JSON object");
    check("[1]", "request", "JSON object");
    check("{\"lambda\":1}", "lambda", "the name of a parameter");
    check("{\"gamma\":9}", "--gamma", "is 9", "[1, 3]");
    check("{\"gamma\":\"2\"}", "--gamma", "must be a number");
    check("{\"gamma\":null}", "--gamma", "must be a number");
    check("{\"preview\":1}", "preview");
    check("{\"lambda_tv\":-1}", "--lambda-tv", "is -1");
    check("{\"lambda_haadf\":-1}", "--lambda-haadf", "is -1");
    check("{\"lambda_tv\":1e999}", "request");
    check("{\"background\":0}", "--background", "is 0");
    check("{\"iterations\":2.5}", "--iterations", "whole number");
    check("{\"iterations\":0}", "--iterations", "is 0");
    check("{\"iterations\":-1}", "--iterations", "is -1");
    check("{\"lambda_chemical\":1e30}", "objective");
    CHECK(s.client().Post(s.server.path("/fuse"), std::string(70000, ' '), "application/json")->status == 413);
    // It goes on.
    CHECK(s.post("/fuse", json::object())->status == 200);
}

TEST_CASE("explore: requests of other pages are refused") {
    const served s(small_measurement(12, 12));
    const std::string port = std::to_string(s.server.port());
    const auto status = [&](const httplib::Headers& headers) {
        const int get = s.client().Get(s.server.path("/measured"), headers)->status;
        CHECK(s.post("/fuse", json::object(), headers)->status == get);
        return get;
    };
    CHECK(status({{"Host", "127.0.0.1:" + port}}) == 200);
    CHECK(status({{"Host", "localhost:" + port}, {"Origin", "http://localhost:" + port}}) == 200);
    CHECK(status({{"Origin", "http://127.0.0.1:" + port}, {"Sec-Fetch-Site", "same-origin"}}) == 200);
    CHECK(status({{"Sec-Fetch-Site", "none"}}) == 200);
    for (const std::string& host : {std::string("127.0.0.1"), std::string("127.0.0.1:1"), "evil.example:" + port,
                                    "127.0.0.1:" + port + ".evil.example", "localhost.evil.example:" + port}) {
        CAPTURE(host);
        CHECK(status({{"Host", host}}) == 403);
    }
    for (const std::string& origin :
         {std::string("http://evil.example"), std::string("null"), "https://127.0.0.1:" + port,
          std::string("http://127.0.0.1"), "http://127.0.0.1:" + port + ".evil.example"}) {
        CAPTURE(origin);
        CHECK(status({{"Origin", origin}}) == 403);
    }
    for (const char* site : {"cross-site", "same-site"}) {
        CAPTURE(site);
        CHECK(status({{"Sec-Fetch-Site", site}}) == 403);
    }
    // What a form can send.
    const auto form = s.client().Post(s.server.path("/fuse"), "{}", "text/plain");
    CHECK(form->status == 403);
    CHECK(form->body.find("Content-Type") != std::string::npos);
    CHECK(exchange(s.server.port(), "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 403"));
    // Nobody who does not know the address, by whatever path.
    for (const std::string& path :
         {std::string("/"), std::string("/info"), std::string("/fuse"), s.server.path("").substr(1) + "/info",
          "/" + std::string(32, '0') + "/info", "/x/.." + s.server.path("/info"), "//" + s.server.path("/info"),
          "http://127.0.0.1:" + port + s.server.path("/info")}) {
        CAPTURE(path);
        CHECK(s.client().Get(path)->status == 403);
    }
    const served another(small_measurement(12, 12));
    CHECK(another.server.path("/") != s.server.path("/"));
    // Neither two hosts, nor a request in the body of one that is refused.
    const std::string hosts = "Host: 127.0.0.1:" + port + "\r\nHost: evil.example\r\n\r\n";
    CHECK(exchange(s.server.port(), "GET / HTTP/1.1\r\n" + hosts).starts_with("HTTP/1.1 403"));
    const std::string hidden = "GET " + s.server.path("/info") + " HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n";
    const std::string answer = exchange(
        s.server.port(), "POST " + s.server.path("/fuse") + " HTTP/1.1\r\nHost: 127.0.0.1:" + port +
                             "\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: " +
                             std::to_string(hidden.size()) + "\r\n\r\n" + hidden);
    CHECK(answer.starts_with("HTTP/1.1 403"));
    CHECK(answer.find("200 OK") == std::string::npos);
}

TEST_CASE("explore: what is no request is refused, and blocks nobody") {
    const served s(small_measurement(12, 12));
    const std::string host = "Host: 127.0.0.1:" + std::to_string(s.server.port()) + "\r\n",
                      post =
                          "POST " + s.server.path("/fuse") + " HTTP/1.1\r\nContent-Type: application/json\r\n" + host;
    const auto refused = [&](const std::string& bytes, const std::string& status) {
        CAPTURE(bytes.substr(0, 200));
        CHECK(exchange(s.server.port(), bytes).starts_with("HTTP/1.1 " + status));
    };
    refused(post + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "415");
    refused(post + "Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", "415");
    refused(post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "411");
    refused(post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400");
    refused(post + "Content-Length: -1\r\n\r\n{}", "400");
    refused(post + "Content-Length: 99999999999999999999999\r\n\r\n", "413");
    refused(post + "Content-Length: 1000000\r\n\r\n", "413");
    refused("GET / HTTP/1.1\r\n" + std::string(20000, 'x'), "431");
    refused("GET\r\n\r\n", "400");
    refused("GET / HTTP/1.1\r\nno header\r\n\r\n", "400");
    refused(std::string("\0\xff\r\n\r\n", 6), "400");
    // 500 that say nothing, or little: who comes next is answered.
    std::vector<int> sockets;
    for (int k = 0; k < 500; ++k) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(s.server.port()));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockets.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(connect(sockets.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        if (k % 2 == 0) CHECK(send(sockets.back(), "GET / HT", 8, MSG_NOSIGNAL) != 0);
    }
    const auto answer = s.client().Get(s.server.path("/info"));
    REQUIRE(answer);
    CHECK(answer->status == 200);
    for (const int socket : sockets) close(socket);
}

TEST_CASE("explore: it listens on 127.0.0.1 alone, on a port that no other may share") {
    const served s(small_measurement(12, 12));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(s.server.port()));
    inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);  // this machine too, but not where it listens
    const int other = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(other, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0);
    close(other);
    support::check_throws<program::usage_error>([&] { program::page_server({}, s.server.port()); }, "--port",
                                                std::to_string(s.server.port()), "free");
}

TEST_CASE("explore: a newer setting cancels an older one") {
    const served s(small_measurement(128, 128));
    // Hours, but for the cancelling.
    auto old = std::async(std::launch::async,
                          [&] { return s.post("/fuse", {{"iterations", 10000000}, {"lambda_tv", 0.01}})->status; });
    while (old.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
        const auto answer = s.post("/fuse", {{"iterations", 2}});
        REQUIRE(answer);
        CHECK(answer->status == 200);
        CHECK(unpack(answer->body).header["iterations"] == 2);
    }
    CHECK(old.get() == 409);
    // A preview ends by itself.
    CHECK(s.post("/fuse", {{"iterations", 10000000}, {"preview", true}})->status == 200);
}

TEST_CASE("explore: jobs are done in order, and end when the thread is closed") {
    program::job_thread jobs;
    std::atomic<bool> started{false};
    auto long_job = std::async(std::launch::async, [&] {
        return jobs.run(
            [&](const std::atomic<bool>& cancelled) {
                started = true;
                while (!cancelled) std::this_thread::sleep_for(std::chrono::milliseconds(1));
                return std::string("late");
            },
            true);
    });
    while (!started) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(jobs.run([](const auto&) { return std::string("new"); }, true) == "new");
    CHECK(!long_job.get());
    support::check_throws<value_error>(
        [&] { jobs.run([](const auto&) -> std::string { throw value_error("x", "no"); }, false); }, "x: no");
    jobs.close();
    CHECK(!jobs.run([](const auto&) { return std::string("after"); }, false));
}

TEST_CASE("explore: what is saved, and the command that makes the same") {
    const session s;
    program_test::images images;
    images.values = support::random_array<float, 3>({3, 40, 33}, 1, 9);
    images.write(s.path("it's a scan.h5"));
    const auto path = s.path("it's a scan.h5").string();
    const program::input_files files({path});
    program::input_options input;
    input.files = {path};
    auto plan = program::plan_fusion(files, input, {}, {});
    const program::output_folder output(s.path("out").string(), false);
    program::explore_session<float> exploring(program::read_measurement<float>(files, plan, input),
                                              {.tv_norm = "anisotropic", .threads = 2},
                                              {path, "--tv-norm", "anisotropic"}, output, s.path("out").string(), {});
    const program::page_server server(exploring.answers(), 0);
    const json setting{{"lambda_tv", 0.0123456789}, {"lambda_haadf", 0.7}, {"iterations", 11}, {"tv_iterations", 4}};
    httplib::Client client("127.0.0.1", server.port());
    client.set_read_timeout(300);
    const auto saved = client.Post(server.path("/save"), setting.dump(), "application/json");
    REQUIRE(saved);
    CAPTURE(saved->body);
    REQUIRE(saved->status == 200);
    for (const char* file : {"fused.h5", "fused.hspy", "fused.png", "report.html", "parameters.json", "Co.tif"}) {
        CAPTURE(file);
        CHECK(std::filesystem::exists(s.path("out") / file));
    }
    const json answer = json::parse(saved->body);
    CHECK(answer["folder"] == s.path("out").string());
    const std::string command = answer["command"], start = "stemfuse ";
    CAPTURE(command);
    REQUIRE(command.starts_with(start + "fuse "));
    CHECK(command.find(" --lambda-tv 0.0123456789 ") != std::string::npos);
    const auto fused = [&] {
        std::vector<xt::xtensor<float, 2>> maps;
        for (const char* name : {"fused/Co", "fused/O"})
            maps.push_back(io::read_image<float>(s.path("out/fused.h5"), name));
        return maps;
    };
    const auto before = fused();
    std::filesystem::remove_all(s.path("out"));
    const auto again = s.run(command.substr(start.size()));
    CAPTURE(again.err);
    REQUIRE(again.code == 0);
    CHECK(fused() == before);
    exploring.close();
}

TEST_CASE("explore: words of the command line that the page does not tune, for the shell") {
    program::explore_options options;
    program::recipe_options recipe;
    std::vector<std::string> files, elements;
    bool align = false;
    double gamma = 0;
    std::string weights;
    CLI::App app;
    app.add_option("FILE", files);
    app.add_option("--elements", elements)->delimiter(',')->allow_extra_args(false);
    app.add_flag("--align", align);
    app.add_option("--gamma", gamma);
    app.add_option("--weights", weights);
    program::add_explore_options(app, options, recipe);
    app.parse("a.h5 'b c.npz' --align --elements Co_K=Co,O --gamma 1.5 --background 0.1 --port 0 -o out");
    const auto words = program::words_of(app);
    CHECK(words == std::vector<std::string>{"a.h5", "b c.npz", "--elements", "Co_K=Co,O", "--align"});
    CHECK(program::fuse_command(words, "$o", {.lambda_tv = 0.1 + 0.2}, 4) ==
          "stemfuse fuse a.h5 'b c.npz' --elements Co_K=Co,O --align -o '$o' --recipe published --lambda-haadf 0.25 "
          "--lambda-chemical 0.08 --lambda-tv 0.30000000000000004 --gamma 1.6 --background 0.24 --iterations 30 "
          "--tv-iterations 3");
}

TEST_CASE("explore: a session from outside") {
    const session s;
    program_test::images().write(s.path("scan.h5"));
    const std::string in_background =
        "sh -c '\"$@\" & pid=$!; for k in $(seq 600); do grep -q http stdout && break; sleep 0.1; done; kill $pid; "
        "wait "
        "$pid' sh";
    const auto o = s.run("explore scan.h5 -o out --elements Co,O --gamma 1.5 --lambda-tv 0.05", in_background);
    CAPTURE(o.err);
    CHECK(o.code == 0);
    CHECK(o.out.starts_with("http://127.0.0.1:"));
    CHECK(o.out.find("/ shows scan.h5; Ctrl-C ends it\n") != std::string::npos);
    CHECK(o.out.find('/', 17) == o.out.find("/ shows") - 33);  // the token
    CHECK(!std::filesystem::exists(s.path("out")));
    s.fails(3, "explore none.h5", "none.h5");
    s.fails(2, "explore scan.h5 --gamma 9", "--gamma");
    s.fails(2, "explore scan.h5 --port 70000", "port");
    s.fails(2, "fuse scan.h5 -o out --lambda-haadf -1", "--lambda-haadf", "is -1");
}

#else

TEST_CASE("explore") { MESSAGE("skipped: built without cpp-httplib"); }

#endif
