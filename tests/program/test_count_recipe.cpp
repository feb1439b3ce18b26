// stemfuse fuse --recipe counts from outside: maps, their composition, and messages.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include <stemfuse/analysis/quality.hpp>
#include <stemfuse/io/image_file.hpp>

#include "program/session.hpp"

using namespace stemfuse;
using program_test::session;

TEST_CASE("simulated counts become better maps with the same totals, the same for a seed") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --dose 10 --seed 2 --size 64x64").code == 0);
    const std::string fuse = "fuse scan.h5 --elements Co,Mn,O --recipe counts --background 0.2 ";
    const auto done = s.run(fuse + "-o out --k-factors Co=1.2,Mn=1.1,O=1.9");
    CAPTURE(done.err);
    REQUIRE(done.code == 0);
    CHECK(done.out.find("atomic percent: Co ") != std::string::npos);
    for (const char* element : {"Co", "Mn", "O"}) {
        CAPTURE(element);
        CHECK(done.err.find(std::string(element) + ": prior ") != std::string::npos);
        const auto raw = io::read_image<double>(s.path("scan.h5"), element);
        const auto truth = io::read_image<double>(s.path("scan.h5"), std::string("truth/") + element);
        const auto fused = io::read_image<double>(s.path("out/fused.h5"), std::string("fused/") + element);
        CHECK(nrmse(fused, truth) < nrmse(raw, truth) / 2);
        const double net = xt::sum(raw)() - 0.2 * 64 * 64;
        CHECK(std::abs(xt::sum(fused)() - net) <= 1e-4 * net);
    }
    const auto again = s.run(fuse + "-o again --quiet");
    REQUIRE(again.code == 0);
    CHECK(again.err.empty());
    CHECK(again.out.find("--k-factors") != std::string::npos);
    CHECK(io::read_image<float>(s.path("again/fused.h5"), "fused/Mn") ==
          io::read_image<float>(s.path("out/fused.h5"), "fused/Mn"));
    const std::string report = scratch::read(s.path("out/report.html"));
    for (const char* text : {"choice_Co", "atomic_percent", "counts per pixel"}) {
        CAPTURE(text);
        CHECK(report.find(text) != std::string::npos);
    }
}

TEST_CASE("what the recipe for counts does not take") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --size 32x32").code == 0);
    const std::string fuse = "fuse scan.h5 -o out --elements Co,Mn,O ";
    s.fails(2, fuse + "--recipe count", "--recipe", "count", "published, counts");
    s.fails(2, fuse + "--recipe counts --background Fe=1", "--background", "Fe=1");
    s.fails(2, fuse + "--recipe counts --background 0.1,0.2", "--background", "0.1");
    s.fails(2, fuse + "--recipe counts --k-factors Co=1,Mn=2", "--k-factors", "for O");
    s.fails(2, fuse + "--recipe counts --k-factors Co=x", "--k-factors", "Co=x");
    s.fails(2, fuse + "--recipe counts --lambda-tv 0", "--lambda-tv", "above 0");
    s.fails(2, fuse + "--background Co=1", "--background", "Co=1");
}
