// stemfuse simulate from outside: files, what they hold, and messages.
#include <doctest/doctest.h>

#include <hdf5.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npz.hpp>
#include <stemfuse/simulate/catalogue.hpp>

#include "io/scratch.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

// Runs the program in a folder; its output is left there in the files stdout and stderr.
int run(const scratch::folder& folder, const std::string& arguments) {
    const std::string command =
        "cd '" + (folder / "").string() + "' && '" STEMFUSE_PROGRAM "' simulate " + arguments + " >stdout 2>stderr";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

double attribute(const std::filesystem::path& path, const char* name) {
    const hid_t file = H5Fopen(path.string().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t a = H5Aopen(file, name, H5P_DEFAULT);
    double value = NAN;
    H5Aread(a, H5T_NATIVE_DOUBLE, &value);
    H5Aclose(a);
    H5Fclose(file);
    return value;
}

}  // namespace

TEST_CASE("simulate: every specimen, as the library makes and measures it") {
    const scratch::folder folder;
    REQUIRE(run(folder, "--list") == 0);
    const std::string list = scratch::read(folder / "stdout");
    for (const auto& entry : specimen_catalogue<float>()) {
        const std::string name(entry.name);
        CAPTURE(name);
        CHECK(list.find(name) != std::string::npos);
        REQUIRE(run(folder, name + " -o scan.h5 --overwrite --dose 20 --seed 3 --size 24x30") == 0);
        const auto file = folder / "scan.h5";
        const auto s = entry.make(24, 30);
        const auto conditions = at_dose(entry.usual, 20, 3);
        const auto a = acquire(s, conditions);
        CHECK(io::read_image<float>(file, "HAADF") == a.haadf);
        for (std::size_t i = 0; i < s.elements.size(); ++i) {
            CHECK(io::read_image<float>(file, s.elements[i]) == xt::view(a.maps, i));
            CHECK(io::read_image<float>(file, "truth/" + s.elements[i]) == xt::view(s.truth, i));
        }
        CHECK(attribute(file, "dose") == 20);
        CHECK(attribute(file, "seed") == 3);
        if (s.background_profile.size() > 0) {
            const auto background = io::read_image<float>(file, s.elements[0] + "_background");
            CHECK(background == xt::view(background_counts(s, conditions), 0));
            CHECK(std::abs(attribute(file, "background") - xt::mean<double>(background)()) <= 1e-6);
        } else {
            CHECK(attribute(file, "background") == conditions.background);
        }
    }
}

TEST_CASE("simulate: npz holds the same, another seed other noise of the same truth") {
    const scratch::folder folder;
    REQUIRE(run(folder, "multilayer -o a.npz --size 12x14") == 0);
    REQUIRE(run(folder, "multilayer -o b.h5 --size 12x14 --seed 1 --dose 5") == 0);
    REQUIRE(run(folder, "multilayer -o c.h5 --size 12x14 --seed 2") == 0);
    const io::npz_reader a(folder / "a.npz");
    for (const char* name : {"HAADF", "Sr", "Ti", "La", "truth/Sr", "truth/La"}) {
        CAPTURE(std::string(name));
        CHECK(a.read<float, 2>(name) == io::read_image<float>(folder / "b.h5", name));
    }
    CHECK(a.read<double, 1>("dose")(0) == 5);
    CHECK(a.read<double, 1>("seed")(0) == 1);
    CHECK(io::read_image<float>(folder / "b.h5", "Sr") != io::read_image<float>(folder / "c.h5", "Sr"));
    CHECK(io::read_image<float>(folder / "b.h5", "truth/Sr") == io::read_image<float>(folder / "c.h5", "truth/Sr"));
    CHECK(scratch::read(folder / "stdout").find("--elements Sr,Ti,La") != std::string::npos);
}

TEST_CASE("simulate: mistakes end in one line and no file") {
    const scratch::folder folder;
    const auto fails = [&](int code, const std::string& arguments, std::string_view text) {
        CAPTURE(arguments);
        CHECK(run(folder, arguments) == code);
        const std::string line = scratch::read(folder / "stderr");
        CAPTURE(line);
        CHECK(line.starts_with("stemfuse: "));
        CHECK(line.find('\n') == line.size() - 1);
        CHECK(line.find(text) != std::string::npos);
        CHECK(folder.count() == 2);
    };
    fails(2, "gold -o a.h5", "specimen: is \"gold\", must be one of core-shell, perovskite");
    fails(2, "-o a.h5", "specimen: is \"\", must be one of");
    fails(2, "multilayer", "--output: is \"\", must be a file name that ends in .h5, .hdf5 or .npz");
    fails(2, "multilayer -o a.tif", "--output: is \"a.tif\"");
    for (const std::string size : {"12", "x", "12x", "x12", "0x9", "9x9x9", "-3x4", "9000x9"})
        fails(2, "multilayer -o a.h5 --size=" + size, "--size: is \"" + size + "\", must be NYxNX such as 256x256");
    fails(2, "multilayer -o a.h5 --dose=0", "--dose: is 0, must be above 0 and up to 1e6");
    fails(2, "multilayer -o a.h5 --dose=nan", "--dose: is ");
    fails(2, "multilayer -o a.h5 --dose=2e6", "--dose: is 2e+06");
    fails(2, "multilayer -o a.h5 --seed=-1", "--seed: is -1, must be 0 or more");
    fails(4, "multilayer -o none/a.h5", "none/a.h5: its folder does not exist");
}
