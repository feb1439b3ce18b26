// Layouts of HDF5 that users have beside EMD, hspy and plain maps: made here with other sizes, orders and names.
#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/dm5.hpp>
#include <stemfuse/io/hdf5/h5oina.hpp>
#include <stemfuse/io/hdf5/plain_hdf5.hpp>

#include "io/h5_builder.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;
using io::hdf5_handle;

namespace {

std::vector<float> rising(std::size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 0.0f);
    return values;
}

io::hdf5_images plain(const std::filesystem::path& path, const std::string& axes = "") {
    io::hdf5_images images(path, axes);
    io::list_plain_hdf5(images);
    return images;
}

std::string reasons(const io::hdf5_images& images) {
    std::string text;
    for (const auto& other : images.contents().others) text += other.line() + "\n";
    return text;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("MATLAB 7.3: columns first, also in stacks") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.mat");
        file.data("maps", {2, 4, 3}, rising(24));
        file.attribute("maps", "MATLAB_class", "single");
        file.data("label", {5, 1}, std::vector<std::uint16_t>{72, 65, 65, 68, 70});
        file.attribute("label", "MATLAB_class", "char");
    }
    const auto images = plain(dir / "a.mat");
    CHECK(images.contents().format == "MATLAB, version 7.3");
    REQUIRE(images.contents().images.size() == 2);
    CHECK(images.read<float>(images.contents().images[1]) ==
          xt::xtensor<float, 2>{{12, 15, 18, 21}, {13, 16, 19, 22}, {14, 17, 20, 23}});
}

TEST_CASE("NXdata: calibration by the axes, energies in the middle, a name by the group") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.nxs");
        file.data("entry/eds/data", {3, 5, 2}, rising(30));
        file.attribute("entry/eds", "NX_class", "NXdata");
        file.attribute("entry/eds/data", "axes", "y:Energy:x");
        file.data("entry/eds/y", {3}, std::vector<double>{0, 2, 4});
        file.data("entry/eds/x", {2}, std::vector<double>{1, 1.5});
        file.data("entry/eds/Energy", {5}, std::vector<double>{1, 1.5, 2, 2.5, 3});
        for (const char* const length : {"x", "y"}) file.attribute(std::string("entry/eds/") + length, "units", "um");
        file.attribute("entry/eds/Energy", "units", "keV");
    }
    const auto images = plain(dir / "a.nxs");
    REQUIRE(images.contents().spectra.size() == 1);
    const auto& s = images.contents().spectra[0];
    CHECK(s.name == "eds");
    CHECK(s.shape == image_shape{3, 2});
    CHECK(s.scale == io::pixel_calibration({0.5, "um"}, {2, "um"}));
    CHECK(s.last == 3);
    // Channels 1 and 2 at (y, x) = (1, 1) are 10 + 2 + 1 and 10 + 4 + 1.
    CHECK(images.read_windows<double>(s, {{1.5, 2.5}})(0, 1, 1) == 28);
    CHECK(reasons(images) == "");
}

TEST_CASE("stacks by an array of texts beside them, and by --axes") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.h5");
        file.data("set/maps", {3, 4, 2}, rising(24));
        file.texts("set/elements", {"Fe", "O"});
        file.data("other", {4, 3}, rising(12));
    }
    const auto images = plain(dir / "a.h5", "xy");
    const auto& all = images.contents().images;
    REQUIRE(all.size() == 3);
    CHECK(all[1].name == "set/maps[Fe]");
    CHECK(all[2].element == "O");
    CHECK(images.read<double>(all[2])(1, 0) == 9);
    CHECK(all[0].shape == image_shape{3, 4});
    CHECK(images.read<double>(all[0])(2, 1) == 5);
}

TEST_CASE("elements as atomic numbers, or of the group; a pixel's size of the group or as a data set") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.h5");
        file.data("scan/maps", {2, 4, 3}, rising(24));
        file.data("scan/elements", {2}, std::vector<std::int32_t>{26, 8});
        file.data("scan/pixel_size_nm", {2}, std::vector<double>{0.5, 0.25});
        file.data("other/maps", {4, 3, 2}, rising(24));
        file.attribute("other", "elements", "Pt, Co");
        file.attribute("other", "pixel_size_nm", 0.25);
    }
    const auto images = plain(dir / "a.h5");
    const auto& all = images.contents().images;
    REQUIRE(all.size() == 4);
    const char* const elements[] = {"Pt", "Co", "Fe", "O"};
    for (std::size_t k = 0; k < 4; ++k) {
        CHECK(all[k].element == elements[k]);
        CHECK(all[k].shape == image_shape{4, 3});
        CHECK(all[k].scale == io::pixel_calibration({0.25, "nm"}, {k < 2 ? 0.25 : 0.5, "nm"}));
    }
    CHECK(images.read<float>(all[1])(2, 1) == 15);
    CHECK(reasons(images) == "");
}

TEST_CASE("what was never written is 0, a virtual data set is its parts, Booleans are 0 and 1") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.h5");
        file.data("source", {2, 3}, rising(6));
        file.data("nothing", {4, 6}, std::vector<float>{}, {2, 3});
        const hsize_t extent[] = {2, 3};
        const hdf5_handle space(H5Screate_simple(2, extent, nullptr), H5Sclose);
        for (const char* const from : {".", "gone.h5"}) {
            const hdf5_handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
            REQUIRE(H5Pset_virtual(layout.get(), space.get(), from, "source", space.get()) >= 0);
            const hdf5_handle set(H5Dcreate2(file.id(), from[0] == '.' ? "virtual" : "lost", H5T_NATIVE_FLOAT,
                                             space.get(), H5P_DEFAULT, layout.get(), H5P_DEFAULT),
                                  H5Dclose);
            REQUIRE(set);
        }
        const hdf5_handle type(H5Tenum_create(H5T_NATIVE_INT8), H5Tclose);
        for (const std::int8_t member : {std::int8_t{0}, std::int8_t{1}})
            H5Tenum_insert(type.get(), member ? "TRUE" : "FALSE", &member);
        const hdf5_handle mask(
            H5Dcreate2(file.id(), "mask", type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
        const std::int8_t values[] = {0, 1, 1, 0, 0, 1};
        REQUIRE(H5Dwrite(mask.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
        H5Lcreate_soft("/not/there", file.id(), "Fe", H5P_DEFAULT, H5P_DEFAULT);
    }
    const auto images = plain(dir / "a.h5");
    const auto& all = images.contents().images;
    REQUIRE(all.size() == 4);
    CHECK(images.read<float>(all[0]) == xt::xtensor<float, 2>{{0, 1, 1}, {0, 0, 1}});
    CHECK(all[0].type == "bool");
    CHECK(images.read<float>(all[1]) == xt::zeros<float>({4, 6}));
    CHECK(images.read<float>(all[3]) == images.read<float>(all[2]));
    CHECK(has(reasons(images), "lost (2, 3): is made of data of gone.h5:source, which is not there"));
    CHECK(has(reasons(images), "Fe: is a link to /not/there, which is not there"));
}

TEST_CASE("lzf is decoded, another filter is named") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.h5");
        io::detail::offer_lzf();
        // As one that writes, too: the library refuses to make such data sets by any other.
        const H5Z_class2_t writing{H5Z_CLASS_T_VERS, 32000, 1, 1, "lzf", nullptr, nullptr, io::detail::run_lzf};
        REQUIRE(H5Zregister(&writing) >= 0);
        const hsize_t extent[] = {2, 4};
        const hdf5_handle space(H5Screate_simple(2, extent, nullptr), H5Sclose);
        for (const H5Z_filter_t filter : {H5Z_filter_t(32000), H5Z_filter_t(32015)}) {
            const hdf5_handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
            H5Pset_chunk(layout.get(), 2, extent);
            REQUIRE(H5Pset_filter(layout.get(), filter, H5Z_FLAG_OPTIONAL, 0, nullptr) >= 0);
            const hdf5_handle set(H5Dcreate2(file.id(), filter == 32000 ? "lzf" : "zstd", H5T_NATIVE_UINT8, space.get(),
                                             H5P_DEFAULT, layout.get(), H5P_DEFAULT),
                                  H5Dclose);
            REQUIRE(set);
            // 7, then 7 bytes from 1 back: length 7 is 5 + 2.
            const std::uint8_t packed[] = {0, 7, 5 << 5, 0};
            const hsize_t at[] = {0, 0};
            REQUIRE(H5Dwrite_chunk(set.get(), H5P_DEFAULT, 0, at, sizeof packed, packed) >= 0);
        }
    }
    const auto images = plain(dir / "a.h5");
    REQUIRE(images.contents().images.size() == 1);
    CHECK(images.read<float>(images.contents().images[0]) == xt::xtensor<float, 2>(xt::ones<float>({2, 4}) * 7.0f));
    CHECK(has(reasons(images), "zstd (2, 4): is compressed by zstd, which is not read"));
}

TEST_CASE("h5oina: maps, electron images of their own raster, spectra") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.h5oina");
        file.text("Format Version", "5.0");
        file.text("Manufacturer", "Oxford Instruments");
        for (const std::string technique : {"1/EDS", "1/Electron Image"}) {
            const bool eds = technique == "1/EDS";
            file.data(technique + "/Header/X Cells", {1}, std::vector<std::int32_t>{eds ? 3 : 4});
            file.data(technique + "/Header/Y Cells", {1}, std::vector<std::int32_t>{2});
            for (const std::string axis : {"X", "Y"}) {
                file.data(technique + "/Header/" + axis + " Step", {1}, std::vector<float>{axis == "X" ? 0.5f : 1.0f});
                file.attribute(technique + "/Header/" + axis + " Step", "Unit", "um");
            }
        }
        file.data("1/EDS/Header/Start Channel", {1}, std::vector<float>{-200});
        file.data("1/EDS/Header/Channel Width", {1}, std::vector<float>{10});
        file.data("1/EDS/Data/Spectrum", {6, 5}, rising(30));
        file.data("1/EDS/Data/Peak Area/Si K\u03b11", {6}, rising(6));
        file.data("1/EDS/Data/X", {6}, rising(6));
        file.data("1/EDS/Data/Odd", {7}, rising(7));
        file.data("1/Electron Image/Data/SE/Electron Image 1", {8}, rising(8));
    }
    io::hdf5_images images(dir / "a.h5oina");
    REQUIRE(io::is_h5oina(images.file()));
    io::list_h5oina(images);
    const auto& all = images.contents().images;
    REQUIRE(all.size() == 2);
    CHECK(all[0].element == "Si");
    CHECK(all[0].scale == io::pixel_calibration({0.5, "um"}, {1, "um"}));
    CHECK(images.read<float>(all[0]) == xt::xtensor<float, 2>{{0, 1, 2}, {3, 4, 5}});
    CHECK(all[1].shape == image_shape{2, 4});
    CHECK(has(reasons(images), "1/EDS/Data/Odd (7): has no place for each of 2 x 3 cells"));
    REQUIRE(images.contents().spectra.size() == 1);
    const auto& s = images.contents().spectra[0];
    CHECK(s.first == -0.2);
    CHECK(s.shape == image_shape{2, 3});
    // Channels 1 and 2 of pixel 5.
    CHECK(images.read_windows<float>(s, {{-0.195, -0.175}})(0, 1, 2) == 26 + 27);
}

TEST_CASE("dm5: as DM4, thumbnails are left out") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.dm5");
        file.group("DocumentObjectList");
        file.data("ImageList/[0]/ImageData/Data", {1, 1}, rising(1));
        file.attribute("ImageList/[0]/ImageData", "DataType", std::int64_t(2));
        file.group("Thumbnails/[0]");
        file.attribute("Thumbnails/[0]", "ImageIndex", std::int64_t(0));
        const std::string item = "ImageList/[1]", axes = item + "/ImageData/Calibrations/Dimension/";
        file.data(item + "/ImageData/Data", {4, 2, 3}, rising(24));
        file.attribute(item + "/ImageData", "DataType", std::int64_t(2));
        file.attribute(item, "Name", "EELS SI");
        for (int k = 0; k < 3; ++k) {
            const std::string axis = axes + "[" + std::to_string(k) + "]";
            file.group(axis);
            file.attribute(axis, "Scale", k == 2 ? 0.5 : 2.0);
            file.attribute(axis, "Origin", k == 2 ? -200.0 : 0.0);
            file.attribute(axis, "Units", k == 2 ? "eV" : "nm");
        }
        file.data("ImageList/[2]/ImageData/Data", {2, 2}, rising(4));
        file.attribute("ImageList/[2]/ImageData", "DataType", std::int64_t(23));
        file.attribute("ImageList/[2]", "Name", "Fe");
    }
    io::hdf5_images images(dir / "a.dm5");
    REQUIRE(io::is_dm5(images.file()));
    io::list_dm5(images);
    CHECK(images.contents().images.empty());
    CHECK(has(reasons(images), "Fe (2, 2): colours"));
    REQUIRE(images.contents().spectra.size() == 1);
    const auto& s = images.contents().spectra[0];
    CHECK(s.first == 100);
    CHECK(s.shape == image_shape{2, 3});
    CHECK(s.scale == io::pixel_calibration(2, "nm"));
    CHECK(images.read_windows<double>(s, {{100.5, 101.5}})(0, 1, 2) == 11 + 17);
}
