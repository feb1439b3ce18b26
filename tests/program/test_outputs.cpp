// What a fusion leaves in its folder.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include <stemfuse/io/base/sha256.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npz.hpp>

#include "program/session.hpp"

using namespace stemfuse;
using program_test::outcome;
using program_test::session;

TEST_CASE("fuse: the same maps in every format, and parameters with the SHA-256 of the input") {
    const session s;
    program_test::images().write(s.path("scan.h5"));
    const outcome o = s.run("fuse scan.h5 -o out --quiet");
    CAPTURE(o.err);
    REQUIRE(o.code == 0);
    const auto co = io::read_image<float>(s.path("out/fused.h5"), "fused/Co");
    CHECK(io::read_image<float>(s.path("out/fused.hspy"), "fused[0]") == co);
    CHECK(io::read_image<float>(s.path("out/fused.npz"), "fused_Co") == co);
    CHECK(io::read_image<float>(s.path("out/Co.tif"), "Co") == co);
    const io::image_file stack(s.path("out/fused_maps.tif"));
    REQUIRE(stack.contents().images.size() == 2);
    CHECK(stack.read<float>(stack.contents().images[0]) == co);
    CHECK(scratch::read(s.path("out/profile.csv"))
              .starts_with("x (px),HAADF raw,HAADF fused,Co raw,Co fused,O raw,O fused\n"));
    // What was fused can be fused again.
    REQUIRE(s.run("fuse out/fused.npz -o again --quiet").code == 0);
    CHECK(io::read_image<float>(s.path("again/fused.h5"), "fused/Co") == co);

    const std::string parameters = scratch::read(s.path("out/parameters.json"));
    CHECK(parameters.find("\"file\": \"scan.h5\"") != std::string::npos);
    CHECK(parameters.find("\"stemfuse_version\": \"") != std::string::npos);
    const auto sum = s.path("sum");
    if (io::sha256_of_file(s.path("scan.h5")).empty() ||
        std::system(("sha256sum '" + s.path("scan.h5").string() + "' >'" + sum.string() + "' 2>/dev/null").c_str()) !=
            0) {
        MESSAGE("skipped: built without OpenSSL, or no sha256sum");
        return;
    }
    const std::string expected = scratch::read(sum).substr(0, 64);
    CHECK(parameters.find("\"sha256\": \"" + expected + "\"") != std::string::npos);
}

TEST_CASE("fuse: an input is not written over, by whatever name it is called") {
    const session s;
    program_test::images().write(s.path("scan.h5"));
    REQUIRE(s.run("fuse scan.h5 -o maps --quiet").code == 0);
    std::filesystem::copy(s.path("scan.h5"), s.path("maps/fused.h5"),
                          std::filesystem::copy_options::overwrite_existing);
    std::filesystem::create_symlink(s.path("maps/fused.h5"), s.path("link.h5"));
    const auto scan = scratch::read(s.path("maps/fused.h5")), map = scratch::read(s.path("maps/Co.tif"));
    s.fails(2, "fuse maps/fused.h5 -o maps", "--output", "maps/fused.h5 is an input");
    s.fails(2, "fuse link.h5 -o ./maps/../maps", "--output", "is an input");
    s.fails(2, "fuse scan.h5 maps/Co.tif --elements Co.tif:Co=Co,scan.h5:O=O -o maps", "Co.tif is an input");
    CHECK(scratch::read(s.path("maps/fused.h5")) == scan);
    CHECK(scratch::read(s.path("maps/Co.tif")) == map);
}
