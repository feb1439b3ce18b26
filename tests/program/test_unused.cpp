// What fuse does not use is said, and what files do not say is asked for.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/image_file.hpp>

#include "io/h5_builder.hpp"
#include "program/session.hpp"

using namespace stemfuse;
using program_test::outcome;
using program_test::session;

namespace {

std::vector<float> pattern(std::size_t count, unsigned step) {
    std::vector<float> values(count);
    for (std::size_t k = 0; k < count; ++k) values[k] = static_cast<float>(k * step % 13) + 0.5f;
    return values;
}

}  // namespace

TEST_CASE("images of the scan's shape, or one off it, that are not used: the reason on stderr and in the report") {
    const session s;
    {
        const h5_builder::file file(s.path("scan.h5"));
        for (const char* const name : {"Fe", "O", "strange"}) file.data(name, {8, 6}, pattern(48, 5));
        file.data("HAADF", {8, 6}, pattern(48, 7));
        file.data("Pt", {7, 6}, pattern(42, 5));
        file.data("far", {20, 30}, pattern(600, 5));
        H5Lcreate_external("gone.h5", "/Co", file.id(), "Co", H5P_DEFAULT, H5P_DEFAULT);
    }
    const std::string common = " --recipe published --iterations 2 --quiet -o ";
    const outcome o = s.run("fuse scan.h5" + common + "out");
    REQUIRE(o.code == 0);
    for (const char* const text :
         {"not used: strange: names no element", "not used: Pt: has shape (7, 6), the maps have (8, 6)",
          "not used: Co: is a link to gone.h5:/Co, which is not there"}) {
        CAPTURE(std::string(text));
        CHECK(o.err.find(text) != std::string::npos);
    }
    CHECK(o.err.find("far") == std::string::npos);
    CHECK(scratch::read(s.path("out/report.html")).find("names no element") != std::string::npos);
    CHECK(s.run("inspect scan.h5").out.find("not used: Pt: has shape (7, 6)") != std::string::npos);
    CHECK(s.run("fuse scan.h5 --elements Fe,O,strange=Mn" + common + "named").err.find("strange") == std::string::npos);
    // The size of a pixel goes to all results.
    REQUIRE(s.run("fuse scan.h5 --pixel 0.25nm,0.5nm" + common + "sized").code == 0);
    for (const char* const file : {"sized/fused.h5", "sized/fused_maps.tif", "sized/fused.hspy", "sized/fused.npz"}) {
        CAPTURE(std::string(file));
        const auto images = io::image_file(s.path(file)).contents().images;
        CHECK(images.at(0).scale == io::pixel_calibration({0.25, "nm"}, {0.5, "nm"}));
    }
    const session t;
    std::filesystem::copy(s.path("scan.h5"), t.path("scan.h5"));
    t.fails(2, "fuse scan.h5 -o out --pixel 3", "--pixel: is \"3\"", "0.25nm");
    t.fails(2, "fuse scan.h5 -o out --axes xz", "--axes: is \"xz\"");
}

TEST_CASE("a map that is one number everywhere is left out, with the reason; named, it is refused") {
    const session s;
    {
        const h5_builder::file file(s.path("scan.h5"));
        for (const char* const name : {"Fe", "HAADF"}) file.data(name, {8, 6}, pattern(48, 5));
        file.data("O", {8, 6}, std::vector<float>{}, {4, 4});
    }
    CHECK(
        s.run("inspect scan.h5").out.find("taken for maps: Fe\nnot used: O: is the same number everywhere\nto fuse:") !=
        std::string::npos);
    const outcome o = s.run("fuse scan.h5 --recipe published --iterations 2 --quiet -o fused");
    CHECK(o.code == 0);
    CHECK(o.err.find("not used: O: is the same number everywhere") != std::string::npos);
    s.fails(3, "fuse scan.h5 --elements Fe,O --recipe published --quiet -o out", "O: is 0 everywhere");
}

TEST_CASE(
    "rpl and raw: the elements that the user names, both files in parameters.json, a changed raw is fused again") {
    const session s;
    const std::size_t channels = 500;  // of 20 eV
    std::string numbers;
    std::vector<float> haadf;
    for (std::size_t p = 0; p < 48; ++p) {
        haadf.push_back(static_cast<float>(p % 7 + 1));
        for (std::size_t e = 0; e < channels; ++e)
            numbers += static_cast<char>(e == 320 ? p % 7 + 1 : e == 26 ? 9 - p % 7 : 0);  // Fe K alpha, O K alpha
    }
    scratch::write(s.path("scan.raw"), numbers);
    scratch::write(s.path("scan.rpl"),
                   "key\tvalue\nwidth\t6\nheight\t8\ndepth\t500\noffset\t0\ndata-length\t1\ndata-type\tunsigned\n"
                   "byte-order\tdont-care\nrecord-by\tvector\nev-per-chan\t20\nwidth-scale\t0.25\nwidth-units\tnm\n");
    {
        const h5_builder::file file(s.path("haadf.h5"));
        file.data("HAADF", {8, 6}, haadf);
    }
    const std::string files = "scan.rpl haadf.h5 --elements Fe,O --recipe published --iterations 2";
    REQUIRE(s.run("fuse " + files + " --quiet -o fused").code == 0);
    const auto raw = io::read_image<double>(s.path("fused/fused.h5"), "raw/Fe");
    for (std::size_t p = 0; p < 48; ++p) CHECK(raw.data()[p] == static_cast<double>(haadf[p]));
    const std::string parameters = scratch::read(s.path("fused/parameters.json"));
    for (const char* const name : {"scan.rpl", "scan.raw"})
        CHECK(parameters.find(io::sha256_of_file(s.path(name))) != std::string::npos);
    scratch::write(s.path("list.txt"), files + "\n");
    CHECK(s.run("batch list.txt -o all").out.find("was done") == std::string::npos);
    CHECK(s.run("batch list.txt -o all").out.find("was done") != std::string::npos);
    numbers[320] = 5;
    scratch::write(s.path("scan.raw"), numbers);
    CHECK(s.run("batch list.txt -o all --overwrite").out.find("was done") == std::string::npos);
    CHECK(s.run("inspect scan.rpl").out.find("read with it: scan.raw\n") != std::string::npos);
}

TEST_CASE("a HAADF image of a whole multiple of the maps' shape is binned, any other refused with both shapes") {
    const session s;
    const auto write = [&](const char* name, std::size_t ny, std::size_t nx) {
        const h5_builder::file file(s.path(name));
        for (const char* const map : {"Fe", "O"}) file.data(map, {4, 3}, pattern(12, 5));
        file.data("HAADF", {ny, nx}, pattern(ny * nx, 7));
    };
    write("fine.h5", 8, 9);
    write("odd.h5", 9, 9);
    REQUIRE(s.run("fuse fine.h5 --recipe published --iterations 2 --quiet -o fine").code == 0);
    const auto haadf = io::read_image<double>(s.path("fine/fused.h5"), "raw/HAADF");
    REQUIRE(haadf.shape() == image_shape{4, 3});
    double sum = 0;
    for (const std::size_t k : {0u, 1u, 2u, 9u, 10u, 11u}) sum += static_cast<double>(pattern(72, 7)[k]);
    CHECK(std::abs(haadf(0, 0) - sum / 6) < 1e-6);
    s.fails(3, "fuse odd.h5 -o out", "HAADF has shape (9, 9), the maps have shape (4, 3)", "whole multiple");
}
