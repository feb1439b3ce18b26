// stemfuse fuse and drift between HAADF and maps.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/data/drift.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npz.hpp>

#include "program/session.hpp"

using namespace stemfuse;
using program_test::outcome;
using program_test::session;

TEST_CASE("fuse: drift is warned of, and corrected on request") {
    const session s;
    REQUIRE(s.run("simulate core-shell -o still.npz --size 96x96 --dose 10").code == 0);
    const auto still = io::read_image<float>(s.path("still.npz"), "HAADF");
    {
        io::npz_writer file(s.path("moved.npz"));
        file.add("HAADF", shifted(still, -2, 1.5));
        for (const std::string element : {"Co", "Mn", "O"})
            file.add(element, io::read_image<float>(s.path("still.npz"), element));
        file.commit();
    }
    const std::string options = " --elements Co,Mn,O --quiet -o ";
    const outcome good = s.run("fuse still.npz" + options + "still");
    REQUIRE(good.code == 0);
    CHECK(good.err.empty());
    const outcome warned = s.run("fuse moved.npz --no-averaging" + options + "warned");
    REQUIRE(warned.code == 0);
    CHECK(warned.err.find("warning: the HAADF image has drifted against the maps by") != std::string::npos);
    CHECK(warned.err.find("--align") != std::string::npos);
    CHECK(io::read_image<float>(s.path("warned/fused.h5"), "raw/HAADF") ==
          io::read_image<float>(s.path("moved.npz"), "HAADF"));
    const std::string parameters = scratch::read(s.path("warned/parameters.json"));
    const auto number = [&](const std::string& name) {
        return std::stod(parameters.substr(parameters.find("\"" + name + "\": ") + name.size() + 4));
    };
    CHECK(std::abs(number("drift_y") - 2) <= 0.5);
    CHECK(std::abs(number("drift_x") + 1.5) <= 0.5);
    CHECK(number("drift_y_error") <= 0.5);
    CHECK(parameters.find("\"aligned\": false") != std::string::npos);
    CHECK(scratch::read(s.path("warned/report.html")).find("has drifted") != std::string::npos);

    const outcome aligned = s.run("fuse moved.npz --align" + options + "aligned");
    REQUIRE(aligned.code == 0);
    CHECK(aligned.err.find("the HAADF image was moved by") != std::string::npos);
    CHECK(scratch::read(s.path("aligned/parameters.json")).find("\"aligned\": true") != std::string::npos);
    const auto back = io::read_image<float>(s.path("aligned/fused.h5"), "raw/HAADF");
    const auto inner = [](const auto& image) -> xt::xtensor<float, 2> {
        return xt::view(image, xt::range(8, 88), xt::range(8, 88));
    };
    const double before = support::relative_difference(inner(shifted(still, -2, 1.5)), inner(still));
    CHECK(support::relative_difference(inner(back), inner(still)) <= 0.3 * before);
    // The guide of averages is moved unasked.
    const outcome guide = s.run("fuse moved.npz" + options + "guide");
    CHECK(guide.err.find("the HAADF image was moved by") != std::string::npos);
    CHECK(guide.err.find("as averages follow it") != std::string::npos);
    CHECK(io::read_image<float>(s.path("guide/fused.h5"), "raw/HAADF") == back);
    const outcome needless = s.run("fuse still.npz --align" + options + "needless");
    CHECK(needless.err.find("was not moved") != std::string::npos);
    CHECK(io::read_image<float>(s.path("needless/fused.h5"), "raw/HAADF") == still);
}
