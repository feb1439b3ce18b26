#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <stemfuse/io/hdf5/emd.hpp>

#include "io/h5_builder.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

io::hdf5_images read(const std::filesystem::path& path) {
    io::hdf5_images images(path);
    REQUIRE(io::is_emd(images.file()));
    list_emd(images);
    return images;
}

const std::vector<float> numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

void add_dim(const h5_builder::file& file, const std::string& path, const std::vector<double>& coordinates,
             const std::string& unit) {
    file.data(path, {coordinates.size()}, coordinates);
    file.attribute(path, "name", "some");
    file.attribute(path, "units", unit);
}

}  // namespace

TEST_CASE("NCEM's arrays are x first, and a dim may hold two coordinates or all") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.emd");
        file.attribute("/", "version_major", std::int64_t(0));
        file.attribute("/", "version_minor", std::int64_t(2));
        file.data("signals/HAADF/data", {3, 4}, numbers, {2, 3});
        file.attribute("signals/HAADF", "emd_group_type", std::int64_t(1));
        add_dim(file, "signals/HAADF/dim1", {1, 1.5, 2}, "[n_m]");
        add_dim(file, "signals/HAADF/dim2", {0, 0.25}, "[n_m]");
        file.data("signals/Fe/data", {3, 2, 2}, numbers);
        file.attribute("signals/Fe", "emd_group_type", std::int64_t(1));
        file.data("signals/EELS/data", {3, 2, 2}, numbers);
        file.attribute("signals/EELS", "emd_group_type", std::int64_t(1));
        add_dim(file, "signals/EELS/dim3", {0, 1}, "[eV]");
        file.group("signals/no_data");
        file.attribute("signals/no_data", "emd_group_type", std::int64_t(1));
        file.group("comments");
    }
    const auto images = read(dir / "a.emd");
    const auto& all = images.contents().images;
    CHECK(images.contents().format == "EMD, version 0.2");
    REQUIRE(all.size() == 3);
    CHECK(all[2].name == "HAADF");
    CHECK(all[2].shape == image_shape{4, 3});
    CHECK(all[2].scale.x == io::axis_calibration(0.5, "nm"));
    CHECK(all[2].scale.y == io::axis_calibration(0.25, "nm"));
    CHECK(images.read<double>(all[2]) == xt::xtensor<double, 2>{{0, 4, 8}, {1, 5, 9}, {2, 6, 10}, {3, 7, 11}});
    CHECK(all[1].name == "Fe[1]");
    CHECK(all[1].shape == image_shape{2, 3});
    CHECK(images.read<float>(all[1]) == xt::xtensor<float, 2>{{1, 5, 9}, {3, 7, 11}});
    CHECK(images.contents().others.size() == 1);
    REQUIRE(images.contents().spectra.size() == 1);
    CHECK(images.contents().spectra[0].name == "EELS");
}

TEST_CASE("a transposed image of several blocks") {
    const scratch::folder dir;
    const hsize_t nx = 900, ny = 1300;
    {
        std::vector<float> values(nx * ny);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 65521);
        const h5_builder::file file(dir / "a.emd");
        file.attribute("/", "version_major", "0");
        file.attribute("/", "version_minor", "2");
        file.data("signals/O/data", {nx, ny}, values, {64, 100});
        file.attribute("signals/O", "emd_group_type", std::int64_t(1));
    }
    const auto images = read(dir / "a.emd");
    const auto image = images.read<double>(images.contents().images.at(0));
    bool right = true;
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) right = right && image(y, x) == static_cast<double>((x * ny + y) % 65521);
    }
    CHECK(right);
}

TEST_CASE("py4DSTEM's arrays are not transposed") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.h5");
        file.attribute("/", "version_major", std::int64_t(1));
        file.attribute("/", "version_minor", std::int64_t(0));
        file.data("root/virtual/data", {3, 4}, numbers);
        file.attribute("root/virtual", "emd_group_type", "array");
        file.attribute("root/virtual/data", "units", "electrons");
        add_dim(file, "root/virtual/dim0", {0, 2}, "A");
        add_dim(file, "root/virtual/dim1", {0, 0.5}, "nm");
        file.data("root/old/realslice", {2, 3, 2}, numbers);
        file.attribute("root/old", "emd_group_type", std::int64_t(1));
        add_dim(file, "root/old/dim0", {0, 2}, "");
    }
    const auto images = read(dir / "a.h5");
    const auto& all = images.contents().images;
    REQUIRE(all.size() == 3);
    CHECK(all[1].name == "old[1]");
    CHECK(images.read<float>(all[1]) == xt::xtensor<float, 2>{{6, 7}, {8, 9}, {10, 11}});
    CHECK(all[2].name == "virtual");
    CHECK(all[2].intensity.unit == "electrons");
    CHECK(all[2].scale.y == io::axis_calibration(2, "A"));
    CHECK(all[2].scale.x == io::axis_calibration(0.5, "nm"));
    CHECK(images.read<float>(all[2])(2, 1) == 9);
}

TEST_CASE("the samples, against values read by h5py") {
    const auto folder = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "formats";
    if (!std::filesystem::exists(folder)) {
        MESSAGE("skipped: ", folder.string(), " is not there");
        return;
    }
    const auto image = read(folder / "ncem_image.emd");
    REQUIRE(image.contents().images.size() == 1);
    CHECK(image.contents().images[0].name == "ncem_image");
    CHECK(image.read<double>(image.contents().images[0]) == xt::xtensor<double, 2>{{0, 3, 6}, {1, 4, 7}, {2, 5, 8}});
    const auto signal = read(folder / "ncem_signal.emd");
    REQUIRE(signal.contents().images.size() == 3);
    CHECK(signal.read<double>(signal.contents().images[2]) ==
          xt::xtensor<double, 2>{{2, 11, 20}, {5, 14, 23}, {8, 17, 26}});
    const auto cube = read(folder / "py4DSTEM_size2x3x4x5.h5");
    CHECK(cube.contents().images.empty());
    CHECK(cube.contents().others.at(0).line() == "datacube_root/datacube/data (2, 3, 4, 5): 4 dimensions, no image");
}
