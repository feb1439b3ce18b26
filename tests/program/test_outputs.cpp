// What a fusion leaves in its folder.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <stemfuse/io/guard/output_transaction.hpp>
#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/record/parameters_json.hpp>

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
    CHECK(io::read_image<float>(s.path("out/fused.hspy"), "fused[Co]") == co);
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
    if (std::system(("sha256sum '" + s.path("scan.h5").string() + "' >'" + sum.string() + "' 2>/dev/null").c_str()) !=
        0) {
        MESSAGE("skipped: no sha256sum");
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

TEST_CASE("fuse: results of another measurement, and files of the user's own, stay unless --overwrite is given") {
    const session s;
    program_test::images().write(s.path("scan.h5"));
    program_test::images other;
    other.values = support::random_array<float, 3>({3, 12, 10}, 1, 9, 7);
    other.names = {"HAADF", "Fe", "O"};
    other.write(s.path("other.h5"));
    const auto tree = [&](const std::string& folder) {
        std::map<std::string, std::string> files;
        for (const auto& entry : std::filesystem::directory_iterator(s.path(folder)))
            files[entry.path().filename().string()] = scratch::read(entry.path());
        return files;
    };
    const auto refused = [&](const std::string& command, const std::string& why) {
        const outcome o = s.run(command);
        CAPTURE(o.err);
        CHECK(o.code == 2);
        CHECK(o.err.find(why) != std::string::npos);
        CHECK(o.err.find("--overwrite") != std::string::npos);
        CHECK(o.err.find('\n') == o.err.size() - 1);
    };
    REQUIRE(s.run("fuse scan.h5 -o maps --quiet").code == 0);
    scratch::write(s.path("maps/notes.txt"), "mine");
    const auto first = tree("maps");
    refused("fuse other.h5 -o maps --quiet", "holds results of another measurement (scan.h5)");
    CHECK(tree("maps") == first);
    // The same measurement is replaced as a whole, by whatever name its file is called.
    std::filesystem::copy(s.path("scan.h5"), s.path("copy.h5"));
    REQUIRE(s.run("fuse copy.h5 -o maps --quiet --elements Co --iterations 3").code == 0);
    CHECK(!std::filesystem::exists(s.path("maps/O.tif")));
    CHECK(scratch::read(s.path("maps/notes.txt")) == "mine");
    // A result that the user has changed is the user's.
    scratch::write(s.path("maps/profile.csv"), "my own numbers");
    const auto changed = tree("maps");
    refused("fuse scan.h5 -o maps --quiet", "holds profile.csv, changed since it was written");
    CHECK(tree("maps") == changed);
    REQUIRE(s.run("fuse other.h5 -o maps --quiet --overwrite").code == 0);
    CHECK(!std::filesystem::exists(s.path("maps/Co.tif")));
    CHECK(std::filesystem::exists(s.path("maps/Fe.tif")));
    CHECK(scratch::read(s.path("maps/notes.txt")) == "mine");
    // A map of the user's that is no input.
    std::filesystem::create_directory(s.path("own"));
    scratch::write(s.path("own/Co.tif"), "mine");
    refused("fuse scan.h5 -o own --quiet", "holds Co.tif, of unknown origin");
    refused("simulate core-shell -o scan.h5 --size 8x8", "is there already");
    CHECK(scratch::read(s.path("own/Co.tif")) == "mine");
    CHECK(tree("own").size() == 1);
    // In the folder of the measurement itself.
    CHECK(s.run("fuse scan.h5 -o . --quiet").code == 0);
    CHECK(std::filesystem::exists(s.path("fused.h5")));
    CHECK(std::filesystem::exists(s.path("scan.h5")));
}

TEST_CASE("fuse: an input among earlier results, one writer at a time, and a file that may not grow") {
    const session s;
    program_test::images().write(s.path("scan.h5"));
    REQUIRE(s.run("demo -o demo --quiet").code == 0);
    s.fails(2, "fuse demo/measurement.h5 -o demo", "measurement.h5 is an input");
    std::filesystem::create_directory(s.path("maps"));
    {
        const io::held_folder busy(s.path("maps"));
        s.fails(4, "fuse scan.h5 -o maps", "another stemfuse writes there now");
    }
    REQUIRE(s.run("fuse scan.h5 -o maps --quiet").code == 0);
    const auto before = io::read_results(s.path("maps"));
    REQUIRE(before);
    CHECK(io::changed_outputs(s.path("maps"), *before).empty());
    CHECK(before->outputs.size() == 11);
    // 20 blocks of 512 bytes (dash) or 1024 (bash): the figure does not fit.
    const outcome full = s.run("fuse scan.h5 -o maps --quiet --iterations 2", "ulimit -f 20;");
    CHECK(full.code == 4);
    CHECK(full.err.find("File too large") != std::string::npos);
    CHECK(io::changed_outputs(s.path("maps"), *before).empty());
    CHECK(io::read_results(s.path("maps"))->outputs == before->outputs);
    CHECK(std::distance(std::filesystem::directory_iterator(s.path("maps")), {}) == 12);
}

TEST_CASE("the program ends within a second of SIGINT, SIGTERM and SIGHUP, and at once at a second one") {
    const session s;
    program_test::images big;
    big.values = support::random_array<float, 3>({3, 64, 64}, 1, 9);
    big.write(s.path("scan.h5"));
    for (const std::string signal : {"INT", "TERM", "HUP"}) {
        CAPTURE(signal);
        const std::string work =
            "fuse scan.h5 -o out --quiet --recipe published --iterations 100000 --tv-iterations 100000";
        const auto begin = std::chrono::steady_clock::now();
        const outcome o = s.run(work, "timeout -k 20 -s " + signal + " 0.5");
        CHECK(o.code == 124);  // of timeout itself, at the signal
        CHECK(o.err.starts_with("stemfuse: interrupted"));
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(15));  // far from the minutes it takes
        CHECK(!std::filesystem::exists(s.path("out/fused.h5")));
    }
}

TEST_CASE("fuse: measurements thinner than the threads are many give the same maps, or the same error") {
    const session s;
    for (const std::string size : {"1x300", "300x1", "5x33"}) {
        REQUIRE(s.run("simulate core-shell -o scan.h5 --overwrite --dose 20 --size " + size).code == 0);
        for (const std::string recipe : {"published", "counts"}) {
            std::vector<std::string> results;
            for (const std::string threads : {"1", "16", "64"}) {
                std::filesystem::remove_all(s.path("out"));
                const outcome o = s.run("fuse scan.h5 -o out --quiet --elements Co,Mn,O --recipe " + recipe +
                                        " --threads " + threads);
                CAPTURE(o.err);
                CHECK((o.code == 0 || o.code == 3));
                results.push_back(o.err);
                for (const char* map : {"Co.tif", "Mn.tif", "O.tif"})
                    results.back() += scratch::read(s.path("out") / map);
            }
            CAPTURE(size + ", " + recipe);
            CHECK(results[1] == results[0]);
            CHECK(results[2] == results[0]);
        }
    }
}
