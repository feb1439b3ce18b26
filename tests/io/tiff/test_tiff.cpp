#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include <tiffio.h>

#include <stemfuse/io/tiff/tiff.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

struct read_back {
    xt::xtensor<float, 2> image;
    std::string description;
    std::uint16_t bits = 0, format = 0, samples = 0, compression = 0, resolution_unit = 0;
    float x_resolution = 0, y_resolution = 0;
};

read_back read_tiff(const std::filesystem::path& path) {
    TIFF* const file = TIFFOpen(path.string().c_str(), "r");
    REQUIRE(file != nullptr);
    read_back r;
    std::uint32_t nx = 0, ny = 0;
    char* description = nullptr;
    TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &nx);
    TIFFGetField(file, TIFFTAG_IMAGELENGTH, &ny);
    TIFFGetField(file, TIFFTAG_BITSPERSAMPLE, &r.bits);
    TIFFGetField(file, TIFFTAG_SAMPLEFORMAT, &r.format);
    TIFFGetField(file, TIFFTAG_SAMPLESPERPIXEL, &r.samples);
    TIFFGetField(file, TIFFTAG_COMPRESSION, &r.compression);
    TIFFGetField(file, TIFFTAG_RESOLUTIONUNIT, &r.resolution_unit);
    TIFFGetField(file, TIFFTAG_XRESOLUTION, &r.x_resolution);
    TIFFGetField(file, TIFFTAG_YRESOLUTION, &r.y_resolution);
    if (TIFFGetField(file, TIFFTAG_IMAGEDESCRIPTION, &description)) r.description = description;
    r.image = xt::xtensor<float, 2>(image_shape{ny, nx});
    for (std::uint32_t y = 0; y < ny; ++y) CHECK(TIFFReadScanline(file, &r.image(y, 0), y) == 1);
    TIFFClose(file);
    return r;
}

}  // namespace

TEST_CASE_TEMPLATE("an image is read back with its tags", T, float, double) {
    const scratch::folder dir;
    for (const image_shape& shape : {image_shape{1, 1}, image_shape{7, 5}, image_shape{900, 700}}) {
        const auto image = support::random_array<T, 2>(shape, -3, 5);
        io::write_tiff(dir / "a.tif", image);
        const read_back r = read_tiff(dir / "a.tif");
        CHECK(r.image == xt::xtensor<float, 2>(image));
        CHECK(r.bits == 32);
        CHECK(r.format == 3);
        CHECK(r.samples == 1);
        CHECK(r.compression == 1);
        CHECK(r.description.find("unit") == std::string::npos);
    }
    CHECK(dir.count() == 1);
}

TEST_CASE("the calibration is ImageJ's") {
    const scratch::folder dir;
    io::write_tiff(dir / "a.tif", xt::xtensor<float, 2>{{-1.5f, 2}, {0, 1}},
                   io::pixel_calibration{{0.0125, "nm"}, {0.025, "nm"}});
    const read_back r = read_tiff(dir / "a.tif");
    CHECK(r.description == "ImageJ=1.51a\nunit=nm\nmin=-1.5\nmax=2\n");
    CHECK(r.resolution_unit == 1);
    CHECK(std::abs(r.x_resolution - 80) <= 80e-6f);
    CHECK(std::abs(r.y_resolution - 40) <= 40e-6f);
}

TEST_CASE("units in ASCII alone") {
    const scratch::folder dir;
    const std::pair<std::string, std::string> units[] = {
        {"\u00b5m", "micron"}, {"\u03bcm", "micron"}, {"um", "micron"}, {"\u00c5", "\\u00C5"}, {"pm", "pm"}};
    for (const auto& [unit, written] : units) {
        io::write_tiff(dir / "a.tif", xt::xtensor<float, 2>{{1, 2}}, io::pixel_calibration{1, unit});
        CHECK(read_tiff(dir / "a.tif").description.find("unit=" + written + "\n") != std::string::npos);
    }
}

TEST_CASE("the display range leaves out what is not finite") {
    const scratch::folder dir;
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    io::write_tiff(dir / "a.tif", xt::xtensor<float, 2>{{nan, 2, infinity, 3}});
    CHECK(read_tiff(dir / "a.tif").description.find("min=2\nmax=3\n") != std::string::npos);
    io::write_tiff(dir / "a.tif", xt::xtensor<float, 2>{{nan}});
    CHECK(read_tiff(dir / "a.tif").description == "ImageJ=1.51a\n");
}

TEST_CASE("images that cannot be written") {
    const scratch::folder dir;
    support::check_throws<shape_error>([&] { io::write_tiff(dir / "a.tif", xt::xtensor<float, 2>(image_shape{0, 3})); },
                                       "image: is empty", "(0, 3)");
    for (const double size : {1e-9, 1e9}) {
        support::check_throws<value_error>(
            [&] {
                io::write_tiff(dir / "a.tif", xt::xtensor<float, 2>{{1}},
                               io::pixel_calibration{{1, "nm"}, {size, "nm"}});
            },
            "pixel.y: is ");
    }
    CHECK(dir.count() == 0);
    scratch::check_refusals([](const auto& path) { io::write_tiff(path, support::random_array<float, 2>({100, 100})); },
                            1000);
    scratch::check_refusals([](const auto& path) { io::write_tiff(path, support::random_array<float, 2>({100, 100})); },
                            40'100);
}
