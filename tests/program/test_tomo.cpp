// stemfuse tomo from outside: simulated tilt series with known volumes, and what must be refused.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/tilts/mrc_writer.hpp>
#include <stemfuse/io/tilts/tilt_stack.hpp>

#include "session.hpp"

using namespace stemfuse;
using program_test::session;

namespace {

// The volume of this name in a file.
xt::xtensor<float, 3> volume(const std::filesystem::path& file, const std::string& name) {
    for (auto& stack : io::read_tilt_stacks(file)) {
        if (stack.name == name) return stack.images;
    }
    FAIL("no volume ", name, " in ", file.string());
    return {};
}

double error_of(const xt::xtensor<float, 3>& volume, const xt::xtensor<float, 3>& truth) {
    return support::relative_difference(volume, truth);
}

}  // namespace

TEST_CASE("tomo: simulated series, the volumes near to the truth, the same in every file") {
    const session s;
    REQUIRE(s.run("simulate core-shell --tilts --size 16x16 --dose 20 -o t.npz").code == 0);
    const auto done = s.run("tomo t.npz -o out --elements Au,Fe,O --iterations 30 --quiet");
    CAPTURE(done.err);
    REQUIRE(done.code == 0);
    const io::npz_reader truth(s.path("t.npz"));
    for (const std::string e : {"Au", "Fe", "O"}) {
        CAPTURE(e);
        const auto known = truth.read<float, 3>("truth/" + e);
        const auto fused = volume(s.path("out") / "fused_volumes.h5", e);
        CHECK(error_of(fused, known) < 0.5);
        CHECK(scratch::read(s.path("out") / (e + ".mrc")) == io::mrc_bytes(fused.data(), {16, 16, 16}));
    }
    const std::string report = scratch::read(s.path("out") / "report.html");
    for (const char* text :
         {"Slices where there is most, counts per voxel", "along x, the tilt axis, plane", "HAADF at -69.0 degrees",
          "Convergence", "weights in HAADF (fitted)", "no HAADF tilt lies in 42 of 180 degrees"}) {
        CAPTURE(text);
        CHECK(report.find(text) != std::string::npos);
    }
    // Full disk: nothing is left, and said.
    const auto full = s.run("tomo t.npz -o more --elements Au --iterations 2 --quiet", "ulimit -f 8;");
    CHECK(full.code == 4);
    CHECK(!std::filesystem::exists(s.path("more")));
}

TEST_CASE("tomo: HAADF alone, aligned; the published scheme; hold-out") {
    const session s;
    REQUIRE(s.run("simulate nanowire --tilts --size 16x16 -o t.h5").code == 0);
    const auto alone = s.run("tomo t.h5 -o alone --haadf-alone --align --iterations 20 --quiet");
    CAPTURE(alone.err);
    REQUIRE(alone.code == 0);
    CHECK(alone.out.find("tilt axis at 0 degrees") != std::string::npos);
    CHECK(std::filesystem::exists(s.path("alone") / "HAADF.mrc"));
    CHECK(scratch::read(s.path("alone") / "report.html").find("HAADF signal per voxel") != std::string::npos);
    CHECK(scratch::read(s.path("alone") / "parameters.json").find("HAADF signal per voxel") != std::string::npos);
    const auto published = s.run("tomo t.h5 -o published --published --quiet");
    CAPTURE(published.err);
    REQUIRE(published.code == 0);
    CHECK(scratch::read(s.path("published") / "report.html").find("published, stopped early") != std::string::npos);
    const auto held = s.run("tomo t.h5 -o held --holdout --iterations 4 --quiet");
    CAPTURE(held.err);
    REQUIRE(held.code == 0);
    CHECK(scratch::read(s.path("held") / "report.html").find("held out, variation x 2, HAADF x 4") !=
          std::string::npos);
    s.fails(2, "tomo t.h5 -o out --published --holdout", "--published", "--holdout");
    s.fails(2, "tomo t.h5 -o out --haadf-alone --elements Pt", "--haadf-alone");
}

TEST_CASE("tomo: killed, it goes on from its checkpoint to the same volumes") {
    const session s;
    REQUIRE(s.run("simulate nanowire --tilts --size 16x16 -o t.h5").code == 0);
    REQUIRE(s.run("tomo t.h5 -o whole --iterations 60 --quiet").code == 0);
    s.run(
        "tomo t.h5 -o parts --iterations 60 --quiet --checkpoint c --threads 1 & "
        "p=$!; while kill -0 $p && ! [ -e c ]; do sleep 0.01; done; kill -9 $p; wait $p; true ",
        "true;");
    REQUIRE(std::filesystem::exists(s.path("c")));
    REQUIRE(s.run("tomo t.h5 -o parts --iterations 60 --quiet --checkpoint c --overwrite").code == 0);
    for (const std::string e : {"Pt", "Ni"}) {
        CHECK(volume(s.path("parts") / "fused_volumes.h5", e) == volume(s.path("whole") / "fused_volumes.h5", e));
    }
    s.fails(3, "tomo t.h5 -o out --iterations 61 --quiet --checkpoint c", "other parameters");
}

TEST_CASE("tomo: angles and series that do not fit are named") {
    const session s;
    REQUIRE(s.run("simulate nanowire --tilts --size 16x16 -o t.npz").code == 0);
    scratch::write(s.path("three.tlt"), "-60\n0\n60\n");
    s.fails(2, "tomo t.npz -o out --angles HAADF=three.tlt", "angles of HAADF", "are 3, must be 47");
    s.fails(2, "tomo t.npz -o out --angles HAADF=-1.2:1.2", "radians");
    s.fails(3, "tomo t.npz -o out --angles HAADF=t.npz", "t.npz");
    s.fails(2, "tomo t.npz -o out --elements Au", "no series of Au", "Ni");
    s.fails(2, "tomo t.npz -o out --tilt-axis z", "--tilt-axis");
    s.fails(2, "tomo t.npz -o out --quiet --gamma 0.5", "gamma", "[1, 3]");
    s.fails(2, "tomo t.npz -o out --quiet --weights 1", "weights", "2");
    s.fails(3, "tomo missing.npz -o out", "missing.npz");
    xt::xtensor<float, 3> images = xt::ones<float>({3, 8, 8});
    images(1, 2, 3) = std::nanf("");
    {
        io::npz_writer npz(s.path("nan.npz"));
        npz.add("HAADF", images);
        npz.commit();
    }
    s.fails(2, "tomo nan.npz -o out", "HAADF", "give --angles");
    s.fails(2, "tomo nan.npz -o out --quiet --angles three.tlt", "haadf", "nan");
}
