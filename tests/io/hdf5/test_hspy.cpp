#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hspy.hpp>

#include "io/h5_builder.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

struct axis {
    std::string unit;
    double scale;
    bool navigate;
};

const std::vector<float> numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

void add_experiment(const h5_builder::file& file, const std::string& name, const std::vector<hsize_t>& shape,
                    const std::vector<axis>& axes, const std::string& title = "", const std::string& quantity = "") {
    const std::string path = "Experiments/" + name;
    file.data(path + "/data", shape, numbers, shape);
    for (std::size_t d = 0; d < axes.size(); ++d) {
        const std::string group = path + "/axis-" + std::to_string(d);
        file.group(group);
        file.attribute(group, "units", axes[d].unit);
        file.attribute(group, "scale", axes[d].scale);
        file.attribute(group, "navigate", axes[d].navigate);
    }
    file.group(path + "/metadata/General");
    file.attribute(path + "/metadata/General", "title", title);
    file.group(path + "/metadata/Signal");
    file.attribute(path + "/metadata/Signal", "quantity", quantity);
}

io::hdf5_images read(const std::filesystem::path& path) {
    io::hdf5_images images(path);
    REQUIRE(io::is_hspy(images.file()));
    list_hspy(images);
    return images;
}

}  // namespace

TEST_CASE("maps, stacks and spectra of a HyperSpy file") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.hspy");
        file.attribute("/", "file_format", "HyperSpy");
        file.attribute("/", "file_format_version", "3.1");
        add_experiment(file, "a", {3, 4}, {{"nm", 0.5, true}, {"nm", -0.25, true}}, "X-ray line: Co",
                       "X-rays (Counts)");
        file.texts("Experiments/a/metadata/Sample/_list_elements", {"Co"});
        add_experiment(file, "b", {3, 4}, {{"\u00b5m", 2, false}, {"<undefined>", 1, false}}, "HAADF");
        add_experiment(file, "c", {2, 3, 2}, {{"", 1, true}, {"nm", 1, false}, {"nm", 2, false}}, "stack");
        add_experiment(file, "d", {2, 3, 2}, {{"nm", 1, true}, {"nm", 1, true}, {"keV", 0.01, false}}, "EDS");
        add_experiment(file, "e", {12}, {{"eV", 1, false}}, "line");
        add_experiment(file, "f", {4, 3}, {{"nm", 1, true}, {"nm", 1, true}}, "");
        file.group("Experiments/f/metadata/Sample/_list_1_elements");
        file.attribute("Experiments/f/metadata/Sample/_list_1_elements", "0", "Mn");
        file.group("Experiments/nothing");
    }
    const auto images = read(dir / "a.hspy");
    const auto& all = images.contents().images;
    CHECK(images.contents().format == "HyperSpy, version 3.1");
    CHECK(images.contents().warnings.empty());
    REQUIRE(all.size() == 5);
    CHECK(all[0].name == "X-ray line: Co");
    CHECK(all[0].element == "Co");
    CHECK(all[0].shape == image_shape{3, 4});
    CHECK(all[0].scale.y == io::axis_calibration(0.5, "nm"));
    CHECK(all[0].scale.x == io::axis_calibration(0.25, "nm"));
    CHECK(all[0].intensity.unit == "Counts");
    CHECK(all[0].place == "Experiments/a/data");
    CHECK(images.read<double>(all[0])(1, 2) == 6);
    CHECK(all[1].label == "HAADF");
    CHECK(all[1].element == "");
    CHECK(all[1].scale.y == io::axis_calibration(2, "um"));
    CHECK(!all[1].scale.x.known());
    CHECK(all[3].name == "stack[1]");
    CHECK(all[3].scale.x.pixel == 2);
    CHECK(images.read<float>(all[3]) == xt::xtensor<float, 2>{{6, 7}, {8, 9}, {10, 11}});
    CHECK(all[4].name == "f");
    CHECK(all[4].element == "Mn");
    REQUIRE(images.contents().others.size() == 2);
    CHECK(images.contents().others[0].line() ==
          "Experiments/e/data (12): one spectrum, must be spectra of every pixel");
    CHECK(images.contents().others[1].line() == "Experiments/nothing: has no numeric data");
    REQUIRE(images.contents().spectra.size() == 1);
    CHECK(images.contents().spectra[0].name == "EDS");
    CHECK(images.contents().spectra[0].shape == image_shape{2, 3});
    CHECK(images.contents().spectra[0].channels == 2);
}

TEST_CASE("an unknown version is warned of and read") {
    const scratch::folder dir;
    for (const bool as_number : {false, true}) {
        {
            const h5_builder::file file(dir / "a.hspy");
            file.attribute("/", "file_format", "HyperSpy");
            if (as_number) {
                file.attribute("/", "file_format_version", 7.5);
            } else {
                file.attribute("/", "file_format_version", "7.5");
            }
            add_experiment(file, "a", {3, 4}, {{"nm", 1, true}, {"nm", 1, true}}, "O");
        }
        const auto images = read(dir / "a.hspy");
        CHECK(images.contents().images.at(0).element == "O");
        CHECK(images.contents().warnings.at(0) == "HyperSpy version 7.5 is newer than 3, read as 3");
    }
}

TEST_CASE("the sample, against values read by h5py") {
    const auto folder = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "formats";
    if (!std::filesystem::exists(folder)) {
        MESSAGE("skipped: ", folder.string(), " is not there");
        return;
    }
    const auto images = read(folder / "example2_v3.1.hspy");
    REQUIRE(images.contents().images.size() == 1);
    const auto& info = images.contents().images[0];
    CHECK(info.name == "test_diffraction_pattern");
    CHECK(info.type == "int32");
    CHECK(info.scale.x.unit == "1/nm");
    CHECK(std::abs(info.scale.y.pixel - 0.17443285882472992) <= 1e-16);
    const auto image = images.read<double>(info);
    double sum = 0;
    for (const double v : image) sum += v;
    CHECK(sum == 250910);
    CHECK(image(0, 1) == 823);
    CHECK(image(5, 7) == 1031);
    CHECK(read(folder / "with_lists_etc.hdf5").contents().images.empty());
}
