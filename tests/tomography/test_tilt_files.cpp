// Tilt series and angles from files: real ones, and what must be refused.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/io/tiff/tiff.hpp>
#include <stemfuse/io/tilts/mrc_writer.hpp>
#include <stemfuse/io/tilts/tilt_angles.hpp>
#include <stemfuse/io/tilts/tilt_stack.hpp>
#include <stemfuse/tomography/tilt_checkpoint.hpp>

#include "io/h5_builder.hpp"
#include "io/scratch.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

const std::filesystem::path data = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "tilts";

std::filesystem::path written(const std::string& name, const std::string& text) {
    const auto path = std::filesystem::temp_directory_path() / ("stemfuse_tilts_" + name);
    std::ofstream(path) << text;
    return path;
}

}  // namespace

TEST_CASE("angles as text, and what is no angle") {
    using support::check_throws;
    CHECK(io::read_tilt_angles(written("a.tlt", "# tilts\n -60.5 \n\n+0\r\n 1e1\n")) ==
          std::vector<double>{-60.5, 0, 10});
    CHECK(io::read_tilt_angles(written("b.mdoc",
                                       "Voltage = 300\n[ZValue = 0]\nTiltAngle = -3.5\nTiltAxis 3\n"
                                       "[ZValue = 1]\nTiltAngle = 2\n")) == std::vector<double>{-3.5, 2});
    check_throws<read_error>([] { io::read_tilt_angles(written("c.tlt", "1\ntwo\n")); }, "c.tlt", "line 2");
    check_throws<read_error>([] { io::read_tilt_angles(written("d.tlt", "# none\n")); }, "no angles");
    check_throws<value_error>([] { io::check_tilt_angles({1, 2}, 3, "HAADF"); }, "HAADF", "are 2, must be 3");
    check_throws<value_error>([] { io::check_tilt_angles({-1.2, 0, 1.2}, 3, "HAADF"); }, "radians");
    check_throws<value_error>([] { io::check_tilt_angles({-190, 0}, 2, "HAADF"); }, "-190");
    io::check_tilt_angles({-2, 0, 2}, 3, "HAADF");
}

TEST_CASE("real DM series have their angles in their tags") {
    if (!std::filesystem::exists(data / "HAADF.dm3")) return;
    const auto stacks = io::read_tilt_stacks(data / "HAADF.dm3");
    REQUIRE(stacks.size() == 1);
    REQUIRE(stacks[0].images.shape()[0] == 91);
    REQUIRE(stacks[0].angles.size() == 91);
    for (std::size_t k = 0; k < 91; ++k) CHECK(std::abs(stacks[0].angles[k] - (-90 + 2 * double(k))) < 0.2);
    const auto one = io::read_tilt_stacks(data / "BF_002.dm3");
    REQUIRE(one[0].angles.size() == 1);
    CHECK(std::abs(one[0].angles[0] + 69) < 0.1);
    CHECK(io::angles_beside(data / "HAADF.dm3")->filename() == "HAADF.rawtlt");
    CHECK(io::read_tilt_angles(data / "HAADF.rawtlt").size() == 77);
    CHECK(io::read_tilt_angles(data / "serialem.mdoc").size() == 2);
}

TEST_CASE("an MRC file has the header of MRC2014") {
    const std::vector<float> values{1, 2, 3, 4, 5, 6};
    const std::string bytes = io::mrc_bytes(values.data(), {1, 2, 3});
    REQUIRE(bytes.size() == 1024 + 24);
    const auto word = [&](std::size_t n) {
        std::int32_t v = 0;
        std::memcpy(&v, bytes.data() + 4 * (n - 1), 4);
        return v;
    };
    CHECK(word(1) == 3);  // columns, rows, sections
    CHECK(word(2) == 2);
    CHECK(word(3) == 1);
    CHECK(word(4) == 2);  // float
    CHECK(word(8) == 3);  // the same for the cell
    CHECK(word(10) == 1);
    CHECK(word(17) == 1);
    CHECK(word(19) == 3);
    CHECK(bytes.substr(208, 4) == "MAP ");
}

TEST_CASE("a checkpoint of a long run is read back, a damaged one is not") {
    using support::check_throws;
    const auto path = std::filesystem::temp_directory_path() / "stemfuse_tilts_checkpoint";
    const serial_communicator alone;
    tilt_progress<float> saved{.segment = 2, .done = 50000};
    for (int k = 0; k < 200001; ++k) saved.numbers.push_back(k / 8.0);
    const auto volume = [](float first) {
        xt::xtensor<float, 3> v(stack_shape{2, 6, 5});
        for (std::size_t k = 0; k < v.size(); ++k) v.data()[k] = first + static_cast<float>(k);
        return v;
    };
    saved.maps = volume(0), saved.duals.relaxed = volume(100), saved.duals.counts = volume(200);
    save_progress(path, saved, 7, 5, alone);
    tilt_progress<float> empty;
    empty.maps = volume(-1), empty.duals.relaxed = volume(-1), empty.duals.counts = volume(-1);
    auto read = empty;
    REQUIRE(load_progress(path, read, 7, 5, alone));
    CHECK(read.segment == 2);
    CHECK(read.done == 50000);
    CHECK(read.numbers == saved.numbers);
    CHECK(read.maps == saved.maps);
    CHECK(read.duals.relaxed == saved.duals.relaxed);
    CHECK(read.duals.counts == saved.duals.counts);
    const auto load = [&](std::uint64_t key) {
        auto p = empty;
        load_progress(path, p, key, 5, alone);
    };
    check_throws<read_error>([&] { load(8); }, "another measurement");
    // The header's last number: how many numbers of the recipe follow.
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const std::uint64_t endless = std::uint64_t{1} << 61;
    file.seekp(16 + 6 * 8);
    file.write(reinterpret_cast<const char*>(&endless), sizeof endless);
    file.close();
    check_throws<read_error>([&] { load(7); }, "is cut short");
    std::filesystem::remove(path);
    CHECK_FALSE(load_progress(path, read, 7, 5, alone));
}

TEST_CASE("every format gives the same series, with its angles") {
    const scratch::folder dir;
    const auto images = support::random_array<float, 3>({3, 4, 5}, 0, 9);
    const std::vector<double> angles{-60.5, 0, 60};
    const auto check = [&](const std::string& file, const std::vector<double>& expected, bool turned = false) {
        CAPTURE(file);
        for (const bool guarded : {false, true}) {
            const auto stacks = io::read_tilt_stacks(dir / file, {.guarded = guarded});
            REQUIRE(stacks.size() == 1);
            CHECK(stacks[0].turned == turned);
            CHECK(stacks[0].angles == expected);
            if (turned) {
                CHECK(stacks[0].images == xt::xtensor<float, 3>(xt::transpose(images, {0, 2, 1})));
            } else {
                CHECK(stacks[0].images == images);
            }
        }
    };
    const std::vector<float> numbers(images.begin(), images.end());
    scratch::write(dir / "a.mrc", io::mrc_bytes(numbers.data(), {3, 4, 5}));
    check("a.mrc", {});
    scratch::write(dir / "a.rawtlt", "-60.5\n0\n60\n");
    CHECK(io::read_tilt_angles(*io::angles_beside(dir / "a.mrc")) == angles);
    io::write_tiff_stack(dir / "b.tif", images);
    check("b.tif", {});
    scratch::write(dir / "b.tif.tlt", "-60.5\n0\n60\n");
    CHECK(io::read_tilt_angles(*io::angles_beside(dir / "b.tif")) == angles);
    {
        io::npz_writer npz(dir / "c.npz");
        npz.add("HAADF", images);
        npz.add("haadf_angles", xt::xtensor<double, 1>{-60.5, 0, 60});
        npz.commit();
    }
    check("c.npz", angles);
    xt::xtensor<float, 3> last = xt::transpose(images, {2, 1, 0});  // (x, t, tilt)
    {
        const h5_builder::file h5(dir / "d.h5");
        h5.data<float>("tiltSeries", {5, 4, 3}, {last.begin(), last.end()}, {5, 4, 1});
        h5.data<double>("tiltAngles", {3}, angles);
    }
    check("d.h5", angles, true);
    for (const bool radians : {false, true}) {
        std::vector<float> axis(angles.begin(), angles.end());
        for (float& a : axis) a *= radians ? 0.017453292F : 1.0F;
        {
            const h5_builder::file emd(dir / "e.emd");
            emd.data<float>("data/series/data", {3, 4, 5}, numbers);
            emd.data<float>("data/series/dim1", {3}, axis);
            emd.attribute("data/series/dim1", "units", radians ? "[rad]" : "[deg]");
        }
        const auto read = io::read_tilt_stacks(dir / "e.emd", {.guarded = true});
        REQUIRE(read.size() == 1);
        CHECK(read[0].images == images);
        REQUIRE(read[0].angles.size() == 3);
        for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(read[0].angles[k] - angles[k]) < 1e-4);
    }
    support::check_throws<read_error>([&] { io::read_tilt_stacks(dir / "a.rawtlt"); }, "a.rawtlt");
    std::string damaged = scratch::read(dir / "d.h5");
    damaged.resize(damaged.size() / 2);
    scratch::write(dir / "d.h5", damaged);
    support::check_throws<read_error>([&] { io::read_tilt_stacks(dir / "d.h5", {.guarded = true}); }, "d.h5");
    for (std::size_t k = 0; k < damaged.size(); k += 5) damaged[k] = static_cast<char>(~damaged[k]);
    scratch::write(dir / "d.h5", "\211HDF\r\n\032\n" + damaged.substr(8));
    CHECK_THROWS_AS(io::read_tilt_stacks(dir / "d.h5", {.guarded = true}), read_error);
}
