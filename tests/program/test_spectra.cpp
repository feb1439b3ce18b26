// stemfuse fuse from spectra: X-ray lines instead of images.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/spectra/line_windows.hpp>

#include "io/h5_builder.hpp"
#include "io/sample_zip.hpp"
#include "program/session.hpp"

using namespace stemfuse;
using program_test::outcome;
using program_test::session;

namespace {

// A spectrum image (8, 6, 1024) of 10 eV channels from 0: Fe K alpha grows with x, Co K alpha with y, over 0.4 counts a
// channel; and its HAADF image.
constexpr std::size_t ny = 8, nx = 6, n = 1024;

std::vector<std::uint16_t> write_scan(const std::filesystem::path& path, bool with_map = false) {
    std::mt19937_64 engine(support::seed());
    std::vector<std::uint16_t> counts(ny * nx * n);
    std::vector<float> haadf(ny * nx), map(ny * nx, 1);
    map[0] = 2;
    for (std::size_t p = 0; p < ny * nx; ++p) {
        const double fe = 3 * static_cast<double>(p % nx), co = 2 * static_cast<double>(p / nx);
        haadf[p] = static_cast<float>(fe + co);
        for (std::size_t i = 0; i < n; ++i) {
            const double e = 0.01 * static_cast<double>(i);
            const auto peak = [&](double at) { return std::exp(-std::pow((e - at) / 0.058, 2) / 2); };
            const double mean = 0.4 + fe * peak(6.40384) + co * peak(6.93032);
            counts[p * n + i] = static_cast<std::uint16_t>(std::poisson_distribution<int>(mean)(engine));
        }
    }
    const h5_builder::file file(path);
    file.data("HAADF", {ny, nx}, haadf);
    file.data("EDS", {ny, nx, n}, counts);
    file.attribute("EDS", "energy_offset_keV", 0.0);
    file.attribute("EDS", "energy_scale_keV", 0.01);
    if (with_map) {
        file.data("Fe", {ny, nx}, map);
        file.attribute("Fe", "background", 0.25);
    }
    return counts;
}

double total(const xt::xtensor<double, 2>& image) {
    double sum = 0;
    for (const double v : image) sum += v;
    return sum;
}

}  // namespace

TEST_CASE("fuse: X-ray lines of the elements that no image is named after") {
    const session s;
    const auto counts = write_scan(s.path("scan.h5"));
    const outcome o = s.run("fuse scan.h5 --elements Co,Fe --spectra windows --quiet -o out");
    CAPTURE(o.err);
    REQUIRE(o.code == 0);
    CHECK(o.err ==
          "stemfuse: warning: counts of Co K alpha (6.93032 keV) hold some of Fe K beta (7.05798 keV): the "
          "lines overlap\n");
    const auto file = s.path("out/fused.h5");
    io::spectrum_info axis;
    axis.unit = "keV", axis.first = 0, axis.last = 10.23, axis.channels = n;
    const auto lines = io::line_windows({"Co", "Fe"}, axis);
    for (const auto& line : lines) {
        CAPTURE(line.element);
        const auto map = io::read_image<double>(file, "raw/" + line.element);
        double in_all = 0;
        for (std::size_t p = 0; p < ny * nx; ++p) {
            double sum = 0;
            for (std::size_t i = 0; i < n; ++i) {
                const double e = 0.01 * static_cast<double>(i);
                if (e >= line.window.low && e < line.window.high) sum += counts[p * n + i];
            }
            REQUIRE(map.data()[p] == sum);
            in_all += sum;
        }
        // 0.4 counts a channel; the sides hold about a thousand of them.
        const double background = total(io::read_image<double>(file, "raw/" + line.element + "_background"));
        const double expected = 0.4 * ny * nx * (line.window.high - line.window.low) / 0.01;
        CHECK(std::abs(background / expected - 1) <= 0.2);
        CHECK(in_all > 3 * background);
    }
    const std::string parameters = scratch::read(s.path("out/parameters.json"));
    CHECK(parameters.find("Co K alpha 6.") != std::string::npos);
    CHECK(parameters.find("\"resolution_ev\": 130.0") != std::string::npos);
    CHECK(parameters.find("\"line_background\": \"map\"") != std::string::npos);
    REQUIRE(s.run("fuse scan.h5 --elements Fe --spectra windows --resolution 150 --line-background constant --quiet -o "
                  "other")
                .code == 0);
    const auto flat = io::read_image<double>(s.path("other/fused.h5"), "raw/Fe_background");
    for (const double v : flat) CHECK(v == flat(0, 0));
    CHECK(total(io::read_image<double>(s.path("other/fused.h5"), "raw/Fe")) >
          total(io::read_image<double>(file, "raw/Fe")));
    const std::string inspected = s.run("inspect scan.h5").out;
    CHECK(inspected.find("spectra EDS: 1024 channels from 0 to 10.23 keV by 0.01, raster (8, 6)") != std::string::npos);
    CHECK(inspected.find("name the elements whose X-ray lines are in the spectra") != std::string::npos);
}

TEST_CASE("fuse: images before lines, unless --lines") {
    const session s;
    write_scan(s.path("scan.h5"), true);
    REQUIRE(s.run("fuse scan.h5 --elements Co,Fe --quiet -o image").code == 0);
    CHECK(total(io::read_image<double>(s.path("image/fused.h5"), "raw/Fe")) == ny * nx + 1);
    // The map's file gives the background of the image.
    for (const double v : io::read_image<double>(s.path("image/fused.h5"), "raw/Fe_background")) CHECK(v == 0.25);
    CHECK(total(io::read_image<double>(s.path("image/fused.h5"), "raw/Co")) > 1000);
    REQUIRE(s.run("fuse scan.h5 --elements Co,Fe --lines --spectra windows --quiet -o lines").code == 0);
    CHECK(total(io::read_image<double>(s.path("lines/fused.h5"), "raw/Fe")) > 1000);
    s.fails(3, "fuse scan.h5 --elements Li -o out", "EDS: elements: is Li", "from 0.1 to 10.23 keV");
    s.fails(2, "fuse scan.h5 --lines -o out", "--lines", "--elements");
    s.fails(2, "fuse scan.h5 --elements Fe --resolution 20 -o out", "--resolution", "is 20", "[125, 500]");
    s.fails(2, "fuse scan.h5 --elements Fe --line-background cubic -o out", "--line-background", "\"cubic\"",
            "map, constant");
    program_test::images().write(s.path("maps.h5"));
    s.fails(3, "fuse maps.h5 --elements Co --lines -o out", "no spectra of X-rays", "--lines");
    s.fails(3, "fuse maps.h5 --elements Fe -o out", "has no image \"Fe\"");
}

TEST_CASE("fuse: backgrounds of simulated measurements reach fused.h5") {
    const session s;
    REQUIRE(s.run("simulate particles-on-carbon -o scan.h5 --size 32x32").code == 0);
    const outcome o = s.run("fuse scan.h5 --elements Pt,Co,O --quiet -o out");
    CAPTURE(o.err);
    REQUIRE(o.code == 0);
    CHECK(io::read_image<float>(s.path("out/fused.h5"), "raw/Co_background") ==
          io::read_image<float>(s.path("scan.h5"), "Co_background"));
    program_test::images().write(s.path("maps.h5"));
    REQUIRE(s.run("fuse maps.h5 --quiet -o none").code == 0);
    for (const auto& image : io::list_images(s.path("none/fused.h5")))
        CHECK(image.name.find("background") == std::string::npos);
}

namespace {

// |a t - m| / |a t| with the factor a that is best: windows count a part of an element's lines.
double error_of(const xt::xtensor<double, 2>& map, const xt::xtensor<double, 2>& truth) {
    const double along = xt::sum(map * truth)(), norm = xt::sum(xt::square(truth))();
    return std::sqrt(xt::sum(xt::square(map - along / norm * truth))() / norm) / std::abs(along / norm);
}

}  // namespace

TEST_CASE("fuse: the fit of simulated spectra finds the elements, and is nearer to the truth than windows") {
    const session s;
    // Ti K alpha and La L alpha are 140 eV apart: a line is as wide.
    REQUIRE(s.run("simulate multilayer --spectra -o scan.h5 --size 48x48 --dose 10").code == 0);
    const outcome o = s.run("fuse scan.h5 --spectra fit --elements auto --quiet -o fit");
    CAPTURE(o.out);
    CAPTURE(o.err);
    REQUIRE(o.code == 0);
    CHECK(o.out.find("elements in the sum spectrum: ") != std::string::npos);
    REQUIRE(s.run("fuse scan.h5 --spectra windows --elements Sr,Ti,La --quiet -o windows").code == 0);
    const std::vector<std::string> elements{"Sr", "Ti", "La"};
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const std::string& element = elements[i];
        CAPTURE(element);
        const auto truth = io::read_image<double>(s.path("scan.h5"), "truth[" + std::to_string(i) + "]");
        const auto map = io::read_image<double>(s.path("fit/fused.h5"), "fused/" + element);
        CHECK(error_of(map, truth) <
              0.8 * error_of(io::read_image<double>(s.path("windows/fused.h5"), "fused/" + element), truth));
        CHECK(std::abs(total(map) / total(truth) - 1) < 0.15);
    }
    std::size_t maps = 0;
    for (const auto& image : io::list_images(s.path("fit/fused.h5"))) maps += image.name.starts_with("fused/") ? 1 : 0;
    CHECK(maps == 4);  // the HAADF image and three elements, none that is not there
    CHECK(scratch::read(s.path("fit/spectrum.csv")).starts_with("energy (keV),sum,fit,residual (sigma),background,"));
    CHECK(std::filesystem::file_size(s.path("fit/spectrum.png")) > 10000);
    CHECK(scratch::read(s.path("fit/report.html")).find("<h2>Spectrum</h2>") != std::string::npos);
    const std::string inspected = s.run("inspect scan.h5").out;
    CHECK(inspected.find("elements in the sum spectrum: ") != std::string::npos);
    // Named ones alone are mapped; a composition needs k-factors.
    const outcome named = s.run("fuse scan.h5 --elements Ti,Sr --k-factors Ti=1,Sr=1.2 --quiet -o named");
    CAPTURE(named.err);
    REQUIRE(named.code == 0);
    CHECK(named.err.find("La: is in the spectrum") != std::string::npos);
    CHECK(scratch::read(s.path("named/parameters.json")).find("\"modelled\": \"Ti,Sr,") != std::string::npos);
    s.fails(2, "fuse scan.h5 --spectra lines -o out", "--spectra", "\"lines\"", "auto, fit, windows");
    s.fails(2, "fuse scan.h5 --spectra windows --elements auto -o out", "--elements", "auto");
    s.fails(2, "fuse scan.h5 --spectra fit --gamma 1.5 -o out", "--gamma", "published");
    s.fails(2, "fuse scan.h5 --spectra fit --windows Ti=4.4-4.6 -o out", "--windows");
    s.fails(2, "fuse scan.h5 --spectra fit --beam-energy 2 -o out", "--beam-energy", "is 2", "[5, 1000]");
    s.fails(3, "fuse scan.h5 --spectra fit --elements Li -o out", "Li has no line");
    program_test::images().write(s.path("maps.h5"));
    s.fails(3, "fuse maps.h5 --spectra fit -o out", "has no spectra");
}

TEST_CASE("fuse: X-ray lines of a real Velox event stream") {
    const session s;
    const scratch::folder dir;
    if (unpack_samples("velox_emd_version11.zip", dir).empty()) return;
    const std::string scan = "'" + (dir / "Test SI 16x16 215 kx.emd").string() + "'";
    REQUIRE(s.run("fuse " + scan + " --elements C,O,Ca --lines --spectra windows --quiet -o lines").code == 0);
    const auto file = s.path("lines/fused.h5");
    const auto map = io::read_image<double>(file, "raw/Ca");
    CHECK(map.shape() == image_shape{16, 16});
    for (const double v : map) CHECK(v == std::round(v));
    for (const std::string element : {"C", "O", "Ca"}) {
        CAPTURE(element);
        CHECK(total(io::read_image<double>(file, "raw/" + element)) >
              2 * total(io::read_image<double>(file, "raw/" + element + "_background")));
    }
}
