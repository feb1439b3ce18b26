// stemfuse batch: many measurements.
#include <doctest/doctest.h>

#include <filesystem>
#include <iterator>
#include <set>
#include <string>

#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/image_file.hpp>

#include "program/session.hpp"

using namespace stemfuse;
using program_test::images;
using program_test::outcome;
using program_test::session;

namespace {

// The table's row of a folder.
std::string row_of(const outcome& o, const std::string& folder) {
    const auto at = o.out.rfind("\n  " + folder + " ");
    return at == std::string::npos ? "" : o.out.substr(at + 1, o.out.find('\n', at + 1) - at - 1);
}

bool says(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("batch: good and bad files, and what is done is not done again") {
    const session s;
    images().write(s.path("a.h5"));
    std::filesystem::create_directory(s.path("more"));
    images other;
    other.values = support::random_array<float, 3>({3, 12, 10}, 1, 9, 5);
    other.write(s.path("more/a.h5"));
    images().write(s.path("with space.h5"));
    scratch::write(s.path("bad.h5"), "no file of any format");
    scratch::write(
        s.path("list.txt"),
        "# measurements\n\na.h5\nbad.h5\nmissing.h5\n  more/a.h5 --iterations 5\r\n'with space.h5' --gamma 9\n"
        "\"with space.h5\" --elements Co,O\na.h5 --colour red\n");
    const std::string command = "batch list.txt -o out --quiet --iterations 4 --tv-iterations 2";
    const outcome o = s.run(command);
    CAPTURE(o.out);
    CAPTURE(o.err);
    CHECK(o.code == 3);
    CHECK(says(o.err, "list.txt: 4 of 7 failed"));
    CHECK(says(o.err, "missing.h5: no such file"));
    CHECK(says(o.err, "--gamma: is 9"));
    CHECK(says(row_of(o, "a"), " done "));
    CHECK(says(row_of(o, "bad"), "failed"));
    CHECK(says(row_of(o, "bad"), "starts with the bytes"));
    CHECK(says(row_of(o, "missing"), "no such file"));
    CHECK(says(row_of(o, "a-2"), " done "));
    CHECK(says(row_of(o, "with space"), "--gamma"));
    CHECK(says(row_of(o, "with space-2"), " done "));
    CHECK(says(o.out, "a.h5 --colour red"));
    CHECK(says(o.out, "4 of 7: a-2"));
    // The options of the line come after those of the command.
    const std::string parameters = scratch::read(s.path("out/a-2/parameters.json"));
    CHECK(says(parameters, "\"iterations\": 5"));
    CHECK(says(parameters, "\"tv_iterations\": 2"));
    CHECK(io::read_image<float>(s.path("out/a-2/fused.h5"), "raw/O") ==
          xt::xtensor<float, 2>(xt::view(other.values, 2)));
    CHECK(!std::filesystem::exists(s.path("out/bad")));

    const auto written = [&](const std::string& folder) {
        return std::filesystem::last_write_time(s.path("out/" + folder + "/fused.h5"));
    };
    const auto before = written("a"), before_2 = written("a-2");
    const outcome again = s.run(command);
    CHECK(again.code == 3);
    CHECK(says(row_of(again, "a"), "was done"));
    CHECK(says(row_of(again, "a-2"), "was done"));
    CHECK(written("a") == before);
    // Threads change no result, other options do, and so does another file of the same name.
    CHECK(says(row_of(s.run(command + " --threads 1"), "a"), "was done"));
    CHECK(written("a") == before);
    other.write(s.path("a.h5"));
    CHECK(says(row_of(s.run(command), "a"), "results of another measurement"));
    const outcome changed = s.run(command + " --overwrite");
    CHECK(says(row_of(changed, "a"), " done "));
    CHECK(!says(row_of(changed, "a"), "was done"));
    CHECK(written("a-2") == before_2);
    CHECK(!says(row_of(s.run(command + " --lambda-tv 0.1"), "a-2"), "was done"));
    CHECK(says(scratch::read(s.path("out/a-2/parameters.json")), "\"lambda_tv\": 0.1"));
    // Half of a result is none.
    REQUIRE(s.run(command).code == 3);
    scratch::write(s.path("out/a/parameters.json"), "{\"request\": ");
    CHECK(says(row_of(s.run(command), "a"), "of unknown origin"));
    CHECK(says(row_of(s.run(command + " --overwrite"), "a"), " done "));
    std::filesystem::remove(s.path("out/a/fused.h5"));
    CHECK(!says(row_of(s.run(command), "a"), "was done"));
    CHECK(std::filesystem::exists(s.path("out/a/fused.h5")));
    // So is one that somebody has changed: it is not written over, either.
    scratch::write(s.path("out/a/O.tif"), "changed");
    CHECK(says(row_of(s.run(command), "a"), "O.tif, changed since it was written"));
    CHECK(scratch::read(s.path("out/a/O.tif")) == "changed");
    CHECK(says(row_of(s.run(command + " --overwrite"), "a"), " done "));
    CHECK(says(row_of(s.run(command), "a"), "was done"));
}

TEST_CASE("batch: folders lie below the one that is named, whatever the files are called") {
    const session s;
    for (const std::string name : {"...h5", ".hidden.h5", "con.h5", "A.h5", "a.h5"}) images().write(s.path(name));
    scratch::write(s.path("list.txt"), "...h5\n.hidden.h5\ncon.h5\nA.h5\na.h5\n");
    REQUIRE(s.run("batch list.txt -o below/out --quiet --iterations 2").code == 0);
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(s.path("below/out")))
        found.insert(entry.path().filename().string());
    CHECK(found == std::set<std::string>{"unnamed", "_hidden", "_con", "A", "a-2"});
    CHECK(std::distance(std::filesystem::directory_iterator(s.path("below")), {}) == 1);
}

TEST_CASE("batch: all good, and lists that are none") {
    const session s;
    images().write(s.path("a.h5"));
    scratch::write(s.path("list.txt"), "a.h5");
    const outcome o = s.run("batch list.txt -o out --quiet");
    CHECK(o.code == 0);
    CHECK(program_test::without_departures(o.err).empty());
    const session t;
    t.fails(3, "batch none.txt -o out", "none.txt: no such file");
    scratch::write(t.path("empty.txt"), "# nothing\n\n");
    t.fails(3, "batch empty.txt -o out", "empty.txt: names no measurement");
    t.fails(2, "batch empty.txt", "--output");
    t.fails(2, "batch -o out", "LIST");
}
