// stemfuse fuse --recipe counts from outside: maps, their composition, and messages.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npy.hpp>
#include <stemfuse/quality/quality.hpp>
#include <stemfuse/quantify/quantification.hpp>
#include <stemfuse/recipes/count_fusion.hpp>

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
    CHECK(done.out.find("atomic %") != std::string::npos);
    for (const char* element : {"Co", "Mn", "O"}) {
        CAPTURE(element);
        CHECK(done.out.find(std::string("\n") + element + "  ") != std::string::npos);
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
    CHECK(again.out.find("needs --k-factors") != std::string::npos);
    CHECK(io::read_image<float>(s.path("again/fused.h5"), "fused/Mn") ==
          io::read_image<float>(s.path("out/fused.h5"), "fused/Mn"));
    const std::string report = scratch::read(s.path("out/report.html"));
    for (const char* text : {"Choice of the settings", "atomic %", "counts per pixel", "Held-out counts"}) {
        CAPTURE(text);
        CHECK(report.find(text) != std::string::npos);
    }
}

TEST_CASE("fractions of every pixel with their errors, and what was tried, are in fused.h5") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --dose 10 --size 48x40").code == 0);
    REQUIRE(
        s.run("fuse scan.h5 -o out --quiet --elements Co,Mn,O --background 0.2 --k-factors Co=1.2,Mn=1.1,O=1.9").code ==
        0);
    xt::xtensor<double, 2> sum = xt::zeros<double>({48, 40});
    for (const char* element : {"Co", "Mn", "O"}) {
        CAPTURE(element);
        const auto fraction = io::read_image<double>(s.path("out/fused.h5"), std::string("composition/") + element);
        const auto error =
            io::read_image<double>(s.path("out/fused.h5"), std::string("composition/") + element + "_error");
        CHECK(fraction.shape() == sum.shape());
        sum += xt::nan_to_num(fraction);
        CHECK(xt::nanmin(error)() >= 0);
        CHECK(xt::nanmax(error)() < 1);
    }
    // 0 where there is nothing, else 1.
    for (const double total : sum) CHECK((total == 0 || std::abs(total - 1) < 1e-9));
}

TEST_CASE("whole counts are fused as counts unless an option says otherwise") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --dose 10 --size 32x32").code == 0);
    const std::string fuse = "fuse scan.h5 --quiet --elements Co,Mn,O -o ";
    const auto counts = s.run(fuse + "a"), published = s.run(fuse + "b --iterations 2"),
               named = s.run(fuse + "c --recipe published");
    CHECK(counts.out.find("recipe counts: every map holds whole numbers") != std::string::npos);
    CHECK(published.out.find("recipe published: --iterations belongs to it") != std::string::npos);
    CHECK(named.out.find("recipe published: as --recipe says") != std::string::npos);
    s.fails(2, fuse + "d --iterations 2 --seed 3", "--seed", "belongs to the recipe counts", "--iterations");
    s.fails(2, fuse + "d --recipe published --k-factors Co=1", "--k-factors", "belongs to the recipe counts",
            "published");
}

TEST_CASE("maps that are counts times a number are brought back to counts") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --dose 10 --size 64x64 --seed 4").code == 0);
    xt::xtensor<float, 2> haadf = io::read_image<float>(s.path("scan.h5"), "HAADF");
    io::write_npy(s.path("HAADF.npy"), haadf);
    for (const char* element : {"Co", "Mn", "O"}) {
        const auto counts = io::read_image<float>(s.path("scan.h5"), element);
        io::write_npy(s.path(std::string(element) + ".npy"), xt::xtensor<float, 2>(counts / 37.0f));
    }
    const std::string fuse = "fuse HAADF.npy Co.npy Mn.npy O.npy --quiet ";
    const auto plain = s.run(fuse + "-o plain");
    CHECK(plain.out.find("recipe published: ") != std::string::npos);
    const auto found = s.run(fuse + "-o found --recipe counts");
    CAPTURE(found.err);
    REQUIRE(found.code == 0);
    CHECK(
        scratch::read(s.path("found/report.html")).find("Mn: counts per unit 37 as its values are whole steps apart") !=
        std::string::npos);
    const auto given = s.run(fuse + "-o given --counts-per-unit 37 --k-factors Co=1.2,Mn=1.1,O=1.9");
    CAPTURE(given.err);
    REQUIRE(given.code == 0);
    for (const char* element : {"Co", "Mn", "O"}) {
        CAPTURE(element);
        const auto truth = io::read_image<double>(s.path("scan.h5"), std::string("truth/") + element);
        const auto raw = io::read_image<double>(s.path("scan.h5"), element);
        for (const char* folder : {"found", "given"}) {
            const auto fused =
                io::read_image<double>(s.path(std::string(folder) + "/fused.h5"), std::string("fused/") + element);
            CHECK(nrmse(fused, truth) < nrmse(raw, truth) / 2);
            CHECK(std::abs(xt::sum(fused)() - xt::sum(raw)()) <= 1e-3 * xt::sum(raw)());
        }
    }
    xt::xtensor<float, 2> below = haadf;
    below(3, 4) = -2;
    io::write_npy(s.path("O.npy"), below);
    s.fails(3, fuse + "-o below --recipe counts", "O", "-2", "0 or more");
    io::write_npy(s.path("O.npy"), xt::xtensor<float, 2>(xt::ones<float>({64, 64}) / 3));
    const auto flat = s.run(fuse + "-o flat --recipe counts");
    CHECK(flat.code == 0);
    CHECK(flat.err == "stemfuse: warning: not used: O: is the same number everywhere\n");
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
    s.fails(2, fuse + "--recipe published --background Co=1", "--background", "Co=1");
}

TEST_CASE(
    "the report shows where maps rest on averaging and where counts disagree; --no-averaging is the plain fusion") {
    const session s;
    REQUIRE(s.run("simulate spotted-perovskite -o scan.h5 --dose 10 --size 64x64").code == 0);
    const std::string fuse = "fuse scan.h5 --quiet --elements Sc,Dy,O --background 0.2 ";
    const auto averaged = s.run(fuse + "-o averaged"), plain = s.run(fuse + "-o plain --no-averaging");
    CAPTURE(averaged.err);
    REQUIRE(averaged.code == 0);
    REQUIRE(plain.code == 0);
    CHECK(averaged.out.find("look-alike places") != std::string::npos);
    CHECK(averaged.out.find("from afar") != std::string::npos);
    CHECK(plain.out.find("look-alike places") == std::string::npos);
    CHECK(plain.out.find("from afar") == std::string::npos);
    CHECK(scratch::read(s.path("averaged/report.html")).find("How far to trust the maps") != std::string::npos);
    CHECK(scratch::read(s.path("plain/report.html")).find("How far to trust the maps") == std::string::npos);
    const auto share = io::read_image<double>(s.path("averaged/fused.h5"), "averaging/O_share");
    CHECK(xt::amin(share)() >= 0);
    CHECK(xt::amax(share)() <= 1.0001);
    CHECK(xt::all(xt::isfinite(io::read_image<double>(s.path("averaged/fused.h5"), "averaging/O_deviation"))));

    const auto read = [&](const std::string& name) { return io::read_image<float>(s.path("scan.h5"), name); };
    xt::xtensor<float, 3> counts({3, 64, 64});
    const std::vector<std::string> elements{"Sc", "Dy", "O"};
    for (std::size_t i = 0; i < 3; ++i) xt::view(counts, i) = read(elements[i]);
    const xt::xtensor<float, 3> background = 0.2f * xt::ones<float>(counts.shape());
    const auto fused = fuse_counts(counts, background, read("HAADF"), {.holdout = {.names = elements}});
    const auto balanced = mass_balance(fused.maps, total_counts(counts, background)).maps;
    const auto written = io::read_image<float>(s.path("plain/fused.h5"), "fused/O");
    CHECK(support::relative_difference(written, xt::xtensor<float, 2>(xt::view(balanced, 2))) < 1e-3);
    s.fails(2, fuse + "-o out --recipe published --no-averaging", "--no-averaging", "belongs to the recipe counts");
}

TEST_CASE("fuse --mask, --no-repair and --errors: bad pixels are left out and said, errors of pixels are in fused.h5") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o scan.h5 --dose 10 --size 40x48").code == 0);
    xt::xtensor<float, 2> mask = xt::zeros<float>({40, 48});
    mask(7, 11) = mask(8, 11) = 2;
    io::write_npy(s.path("bad.npy"), mask);
    auto co = io::read_image<float>(s.path("scan.h5"), "Co");
    co(7, 11) = NAN, co(30, 20) = 99;
    io::write_npy(s.path("Co.npy"), xt::xtensor<float, 2>(co));
    io::write_npy(s.path("HAADF.npy"), xt::xtensor<float, 2>(io::read_image<float>(s.path("scan.h5"), "HAADF")));
    const std::string fuse = "fuse HAADF.npy Co.npy --quiet --no-averaging --recipe counts ";
    const auto done = s.run(fuse + "-o masked --mask bad.npy --errors");
    CAPTURE(done.err);
    REQUIRE(done.code == 0);
    CHECK(done.err.find("Co: 3 pixels counted wrongly and were left out") != std::string::npos);
    CHECK(done.out.find("/errors in fused.h5") != std::string::npos);
    const auto error = io::read_image<double>(s.path("masked/fused.h5"), "errors/Co");
    CHECK((error.shape(0) == 40 && error.shape(1) == 48 && xt::amin(error)() >= 0 && xt::amax(error)() > 0.05));
    const std::string report = scratch::read(s.path("masked/report.html"));
    for (const char* text : {"Co_pixels_left_out", "counted wrongly", "masked_pixels", "bad.npy"}) {
        CAPTURE(text);
        CHECK(report.find(text) != std::string::npos);
    }
    const auto plain = s.run(fuse + "-o plain --mask bad.npy --no-repair");
    REQUIRE(plain.code == 0);
    CHECK(plain.err.find("Co: 2 pixels counted wrongly") != std::string::npos);
    CHECK(io::read_image<float>(s.path("plain/fused.h5"), "fused/Co")(30, 20) >
          2 * io::read_image<float>(s.path("masked/fused.h5"), "fused/Co")(30, 20));
    s.fails(3, fuse + "-o out --mask missing.npy", "missing.npy");
    io::write_npy(s.path("bad.npy"), xt::xtensor<float, 2>(xt::zeros<float>({40, 47})));
    s.fails(3, fuse + "-o out --mask bad.npy", "bad.npy", "(40, 47)", "(40, 48)");
    s.fails(2, "fuse HAADF.npy Co.npy -o out --recipe published --mask bad.npy", "--mask",
            "belongs to the recipe counts");
    s.fails(2, fuse + "-o out --background-error 2", "--background-error", "[0, 1]");
}
