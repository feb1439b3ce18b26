// What a fusion leaves for other programs: hspy, npz, a TIFF stack, a table of profiles, and the SHA-256 of its inputs.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <tiffio.h>

#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/hdf5/hspy.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/record/fused_npz.hpp>
#include <stemfuse/io/record/hspy_writer.hpp>
#include <stemfuse/io/tiff/tiff.hpp>
#include <stemfuse/report/figure/profile_csv.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

template <class T>
io::fusion_record<T> example(const image_shape& shape = {40, 30}) {
    io::fusion_record<T> r;
    r.title = "scan.emd";
    r.elements = {"Sc", "O"};
    const stack_shape stack{2, shape[0], shape[1]};
    r.raw_haadf = support::random_array<T, 2>(shape, 0, 900, 1);
    r.haadf = support::random_array<T, 2>(shape, 0, 1, 2);
    r.fused_haadf = support::random_array<T, 2>(shape, 0, 1, 3);
    r.raw_maps = support::random_array<T, 3>(stack, 0, 9, 4);
    r.maps = support::random_array<T, 3>(stack, 0, 1, 5);
    r.fused_maps = support::random_array<T, 3>(stack, -1, 1, 6);
    r.unit = "scaled to [0, 1]";
    r.scale = {io::axis_calibration(0.5, "um"), io::axis_calibration(0.25, "um")};
    r.parameters = {{"gamma", 1.6}, {"recipe", std::string("published")}};
    return r;
}

template <class T>
xt::xtensor<T, 2> plane(const xt::xtensor<T, 3>& stack, std::size_t i) {
    return xt::view(stack, i);
}

}  // namespace

TEST_CASE_TEMPLATE("fused.hspy has HyperSpy's layout", T, float, double) {
    const scratch::folder dir;
    const auto record = example<T>();
    io::write_hspy(dir / "fused.hspy", record);
    CHECK(dir.count() == 1);
    {
        const io::hdf5_reader file(dir / "fused.hspy");
        const auto text = [&](const std::string& path, const char* name) {
            const auto object = file.object(path);
            REQUIRE_MESSAGE(object, path);
            return io::hdf5_text_attribute(object.get(), name);
        };
        const auto number = [&](const std::string& path, const char* name) {
            return io::hdf5_number_attribute(file.object(path).get(), name);
        };
        CHECK(text("/", "file_format") == "HyperSpy");
        CHECK(text("/", "file_format_version") == "3.1");
        CHECK(file.members("Experiments") == std::vector<std::string>{"HAADF", "HAADF fused", "fused", "raw"});
        for (const std::string& name : file.members("Experiments")) {
            CAPTURE(name);
            const std::string group = "Experiments/" + name;
            const std::size_t rank = file.describe(group + "/data")->shape.size();
            for (std::size_t d = 0; d < rank; ++d) {
                const std::string axis = group + "/axis-" + std::to_string(d);
                const bool navigates = rank == 3 && d == 0;
                CHECK(number(axis, "size") == static_cast<double>(file.describe(group + "/data")->shape[d]));
                CHECK(number(axis, "offset") == 0.0);
                CHECK(number(axis, "scale") == (navigates ? 1 : d + 1 == rank ? 0.5 : 0.25));
                CHECK(text(axis, "units") == (navigates ? "" : "\u00b5m"));
                CHECK(text(axis, "name") == (navigates ? "element" : d + 1 == rank ? "x" : "y"));
                CHECK(io::hdf5_flag_attribute(file.object(axis).get(), "navigate") == navigates);
                CHECK(io::hdf5_flag_attribute(file.object(axis).get(), "is_binned") == false);
            }
            CHECK(!file.object(group + "/axis-" + std::to_string(rank)));
            CHECK(text(group + "/metadata/General", "title") == name);
            CHECK(text(group + "/metadata/General", "original_filename") == "scan.emd");
            CHECK(text(group + "/metadata/_HyperSpy/Folding", "original_shape") == "_None_");
            CHECK(io::hdf5_flag_attribute(file.object(group + "/metadata/_HyperSpy/Folding").get(), "unfolded") ==
                  false);
            CHECK(file.texts(group + "/metadata/Sample/_list_elements") == std::vector<std::string>{"Sc", "O"});
            CHECK(number(group + "/metadata/stemfuse", "gamma") == 1.6);
            CHECK(text(group + "/metadata/stemfuse", "recipe") == "published");
            CHECK(file.object(group + "/original_metadata"));  // HyperSpy opens no file without
        }
        CHECK(text("Experiments/fused/metadata/Signal", "quantity") == "Intensity (scaled to [0, 1])");
        CHECK(text("Experiments/raw/metadata/Signal", "quantity") == "Intensity");
    }
    const io::image_file file(dir / "fused.hspy");
    CHECK(file.template read<T>(file.find("fused[O]")) == plane(record.fused_maps, 1));
    CHECK(file.template read<T>(file.find("raw[Sc]")) == plane(record.raw_maps, 0));
    CHECK(file.template read<T>(file.find("HAADF")) == record.raw_haadf);
    CHECK(file.template read<T>(file.find("HAADF fused")) == record.fused_haadf);
    CHECK(file.find("fused[O]").scale == record.scale);
    support::check_throws<shape_error>([&] { io::write_hspy(dir / "b.hspy", io::fusion_record<T>{}); }, "is empty");
    scratch::check_refusals([&](const auto& path) { io::write_hspy(path, record); }, 3000);
}

TEST_CASE("pixels of unknown size have no unit in fused.hspy") {
    const scratch::folder dir;
    auto record = example<float>();
    record.scale = {};
    io::write_hspy(dir / "fused.hspy", record);
    const io::hdf5_reader file(dir / "fused.hspy");
    const auto axis = file.object("Experiments/fused/axis-2");
    CHECK(H5Aexists(axis.get(), "units") == 0);
    CHECK(io::hdf5_number_attribute(axis.get(), "scale") == 1.0);
}

TEST_CASE_TEMPLATE("fused.npz", T, float, double) {
    const scratch::folder dir;
    auto record = example<T>();
    io::write_fused_npz(dir / "fused.npz", record);
    const io::npz_reader file(dir / "fused.npz");
    CHECK(file.names() ==
          std::vector<std::string>{"HAADF", "fused_HAADF", "Sc", "fused_Sc", "O", "fused_O", "pixel_size_um"});
    CHECK(file.template read<T, 2>("HAADF") == record.raw_haadf);
    CHECK(file.template read<T, 2>("fused_HAADF") == record.fused_haadf);
    CHECK(file.template read<T, 2>("Sc") == plane(record.raw_maps, 0));
    CHECK(file.template read<T, 2>("fused_O") == plane(record.fused_maps, 1));
    CHECK(file.template read<double, 1>("pixel_size_um") == xt::xtensor<double, 1>{0.25, 0.5});
    record.scale = {io::axis_calibration(0.5, "nm"), io::axis_calibration(2, "um")};
    io::write_fused_npz(dir / "fused.npz", record);
    CHECK(io::npz_reader(dir / "fused.npz").template read<double, 1>("pixel_size_nm") ==
          xt::xtensor<double, 1>{2000, 0.5});
    record.scale = {io::axis_calibration(0.5, "1/nm"), io::axis_calibration(2, "1/nm")};
    io::write_fused_npz(dir / "fused.npz", record);
    CHECK(io::npz_reader(dir / "fused.npz").names().size() == 6);
    record.raw_background = support::random_array<T, 3>({2, 40, 30}, 0, 1, 7);
    record.scale = {};
    io::write_fused_npz(dir / "fused.npz", record);
    const io::npz_reader other(dir / "fused.npz");
    CHECK(other.template read<T, 2>("O_background") == plane(record.raw_background, 1));
    CHECK(other.names().size() == 8);
    scratch::check_refusals([&](const auto& path) { io::write_fused_npz(path, record); }, 3000);
}

TEST_CASE("a TIFF stack as ImageJ reads it") {
    const scratch::folder dir;
    auto images = support::random_array<float, 3>({3, 50, 20}, 0, 1);
    images(1, 4, 5) = -2, images(2, 6, 7) = 8;
    io::write_tiff_stack(dir / "a.tif", images, io::pixel_calibration(0.0125, "nm"));
    TIFF* const file = TIFFOpen((dir / "a.tif").string().c_str(), "r");
    REQUIRE(file != nullptr);
    const char* text = nullptr;
    REQUIRE(TIFFGetField(file, TIFFTAG_IMAGEDESCRIPTION, &text) != 0);
    CHECK(std::string(text) == "ImageJ=1.51a\nimages=3\nslices=3\nloop=false\nunit=nm\nmin=-2\nmax=8\n");
    for (std::uint16_t page = 0; page < 3; ++page) {
        REQUIRE(TIFFSetDirectory(file, page) != 0);
        float resolution = 0;
        std::uint16_t bits = 0, format = 0;
        TIFFGetField(file, TIFFTAG_XRESOLUTION, &resolution);
        TIFFGetField(file, TIFFTAG_BITSPERSAMPLE, &bits);
        TIFFGetField(file, TIFFTAG_SAMPLEFORMAT, &format);
        CHECK(std::abs(resolution - 80) <= 80e-6f);
        CHECK(bits == 32);
        CHECK(format == 3);
    }
    CHECK(TIFFSetDirectory(file, 3) == 0);
    TIFFClose(file);
    const io::image_file read(dir / "a.tif");
    REQUIRE(read.contents().images.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(read.read<float>(read.contents().images[i]) == plane(images, i));
        CHECK(read.contents().images[0].scale.y.unit == "nm");
    }
    support::check_throws<shape_error>(
        [&] { io::write_tiff_stack(dir / "b.tif", xt::xtensor<float, 3>(stack_shape{0, 3, 4})); }, "images: is empty");
    scratch::check_refusals([&](const auto& path) { io::write_tiff_stack(path, images); }, 5000);
}

TEST_CASE_TEMPLATE("profile.csv", T, float, double) {
    const scratch::folder dir;
    const auto record = example<T>({70, 3});
    io::write_profile(dir / "profile.csv", record);
    std::istringstream file(scratch::read(dir / "profile.csv"));
    std::string line;
    std::getline(file, line);
    CHECK(line == "x (nm),HAADF raw,HAADF fused,Sc raw,Sc fused,O raw,O fused");
    for (std::size_t x = 0; x < 3; ++x) {
        REQUIRE(std::getline(file, line));
        std::istringstream cells(line);
        std::vector<double> row;
        for (std::string cell; std::getline(cells, cell, ',');) row.push_back(std::stod(cell));
        REQUIRE(row.size() == 7);
        CHECK(std::abs(row[0] - 500 * (static_cast<double>(x) + 0.5)) <= 1e-12);
        // One row in 32: the mean of rows 33 to 35.
        const auto mean = [&](const auto& image) {
            return (static_cast<double>(image(33, x)) + static_cast<double>(image(34, x)) +
                    static_cast<double>(image(35, x))) /
                   3;
        };
        CHECK(std::abs(row[1] - mean(record.haadf)) <= 1e-12);
        CHECK(std::abs(row[2] - mean(record.fused_haadf)) <= 1e-12);
        CHECK(std::abs(row[3] - mean(plane(record.maps, 0))) <= 1e-12);
        CHECK(std::abs(row[6] - mean(plane(record.fused_maps, 1))) <= 1e-12);
    }
    CHECK(!std::getline(file, line));
    auto dark = record;
    dark.scale = {};
    dark.maps.fill(std::numeric_limits<T>::quiet_NaN());
    io::write_profile(dir / "profile.csv", dark, {.profile_rows = 1});
    CHECK(scratch::read(dir / "profile.csv").find("x (px),HAADF raw") == 0);
    CHECK(scratch::read(dir / "profile.csv").find("\n0.5,") != std::string::npos);
    CHECK(scratch::read(dir / "profile.csv").find(",nan,") != std::string::npos);
    support::check_throws<shape_error>([&] { io::write_profile(dir / "b", io::fusion_record<T>{}); }, "is empty");
    scratch::check_refusals([&](const auto& path) { io::write_profile(path, record); }, 20);
}

TEST_CASE("the SHA-256 of files, against the standard's examples (FIPS 180-4)") {
    const scratch::folder dir;
    scratch::write(dir / "a", "abc");
    CHECK(io::sha256_of_file(dir / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    scratch::write(dir / "a", std::string(1'000'000, 'a'));
    CHECK(io::sha256_of_file(dir / "a") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    scratch::write(dir / "a", std::string(3 << 20, 'b'));  // whole buffers
    CHECK(io::sha256_of_file(dir / "a") == "6cac27e0f30e108ff9b437cf8d89933fbc66fff163267719cb005f3684c27f11");
    // Our own and OpenSSL's, at lengths around those of a block and of its padding, fed in pieces.
    const std::string text(300, 'x');
    for (std::size_t length = 0; length <= 300; ++length) {
        io::sha256 own;
        io::best_sha256 best;
        const auto bytes = scratch::bytes_of(text).first(length);
        own.update(bytes.first(length / 3)), own.update(bytes.subspan(length / 3));
        best.update(bytes);
        CHECK(own.finish() == best.finish());
    }
    io::sha256 empty;
    CHECK(empty.finish() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    support::check_throws<read_error>([&] { io::sha256_of_file(dir / "none"); }, "no such file");
}
