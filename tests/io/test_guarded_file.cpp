// HDF5 files of unknown origin, read with the guard.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/record/image_set.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;
namespace fs = std::filesystem;

TEST_CASE("guarded and unguarded reading give the same") {
    const scratch::folder dir;
    const auto values = support::random_array<double, 3>({3, 40, 30}, -1, 9);
    io::write_image_set(dir / "a.h5", {"HAADF", "Fe", "O"}, values);
    const io::image_file guarded(dir / "a.h5", {.guarded = true}), plain(dir / "a.h5");
    REQUIRE(guarded.contents().images.size() == 3);
    for (const auto& image : plain.contents().images)
        CHECK(guarded.read<double>(guarded.find(image.name)) == plain.read<double>(image));
    CHECK(guarded.contents().format == plain.contents().format);
    support::check_throws<read_error>([&] { guarded.find("Co"); }, "has no image \"Co\"");
}

TEST_CASE("a link leads to no other file, not even to a pipe that would wait for ever") {
    const scratch::folder dir;
    io::write_image_set(dir / "other.h5", {"secret"}, support::random_array<float, 3>({1, 8, 8}, 0, 1));
    REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
    {
        const io::hdf5_handle file(H5Fcreate((dir / "a.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                                   H5Fclose);
        REQUIRE(H5Lcreate_external((dir / "other.h5").c_str(), "secret", file.get(), "a", H5P_DEFAULT, H5P_DEFAULT) >=
                0);
        REQUIRE(H5Lcreate_external((dir / "pipe").c_str(), "x", file.get(), "b", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    }
#ifdef STEMFUSE_SANDBOX
    const io::image_file file(dir / "a.h5", {.guarded = true});
    CHECK(file.contents().images.empty());
#endif
}

TEST_CASE("links and virtual data sets are followed to files of the same folder, which are named; others are refused") {
    const scratch::folder dir;
    const auto values = support::random_array<float, 3>({2, 6, 5}, 1, 9);
    io::write_image_set(dir / "maps.h5", {"Fe", "O"}, values);
    fs::create_directory(dir / "below");
    fs::copy(dir / "maps.h5", dir / "below/maps.h5");
    const auto virtual_set = [](hid_t file, const char* name, const char* from, const char* what) {
        const hsize_t extent[] = {6, 5};
        const io::hdf5_handle space(H5Screate_simple(2, extent, nullptr), H5Sclose);
        const io::hdf5_handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
        REQUIRE(H5Pset_virtual(layout.get(), space.get(), from, what, space.get()) >= 0);
        const io::hdf5_handle set(
            H5Dcreate2(file, name, H5T_NATIVE_FLOAT, space.get(), H5P_DEFAULT, layout.get(), H5P_DEFAULT), H5Dclose);
        REQUIRE(set);
    };
    {
        const io::hdf5_handle middle(H5Fcreate((dir / "middle.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                                     H5Fclose);
        virtual_set(middle.get(), "O", "maps.h5", "O");
        const io::hdf5_handle file(H5Fcreate((dir / "a.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                                   H5Fclose);
        const auto link = [&](const char* to, const char* object, const char* name) {
            REQUIRE(H5Lcreate_external(to, object, file.get(), name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
        };
        link("maps.h5", "/Fe", "Fe"), link("middle.h5", "/O", "O"), link("maps.h5", "/", "all");
        link("gone.h5", "/Co", "Co"), link("below/maps.h5", "/Fe", "Ni"), link("maps.h5", "/none", "Zn");
        virtual_set(file.get(), "Mn", "maps.h5", "Fe");
        virtual_set(file.get(), "Ti", "below/maps.h5", "Fe");
        virtual_set(file.get(), "Cu", "gone.h5", "Fe");
        virtual_set(file.get(), "Al", "maps.h5", "none");
    }
    for (const bool guarded : {false, true}) {
        CAPTURE(guarded);
        const io::image_file file(dir / "a.h5", {.guarded = guarded});
        std::string names, reasons;
        for (const auto& image : file.contents().images) names += image.name + " ";
        for (const auto& other : file.contents().others) reasons += other.line() + "\n";
        CHECK(names == "Fe Mn O all/Fe all/O ");
        for (const char* const name : {"Fe", "Mn", "all/Fe"})
            CHECK(file.read<float>(file.find(name)) == xt::xtensor<float, 2>(xt::view(values, 0)));
        for (const char* const name : {"O", "all/O"})
            CHECK(file.read<float>(file.find(name)) == xt::xtensor<float, 2>(xt::view(values, 1)));
        for (const char* const reason :
             {"Co: is a link to gone.h5:/Co, which is not there", "Zn: is a link to maps.h5:/none, which is not there",
              "Ni: is a link to below/maps.h5:/Fe, which is not read: must lie in the same folder",
              "Ti (6, 5): is made of data of below/maps.h5:Fe, which is not read: must lie in the same folder",
              "Cu (6, 5): is made of data of gone.h5:Fe, which is not there",
              "Al (6, 5): is made of data of maps.h5:none, which is not there"}) {
            CAPTURE(reasons);
            CAPTURE(std::string(reason));
            CHECK(reasons.find(reason) != std::string::npos);
        }
        const auto sources = file.sources();
        REQUIRE(sources.size() == 3);
        CHECK(sources[0] == dir / "a.h5");
        CHECK(std::count(sources.begin(), sources.end(), dir / "maps.h5") == 1);
        CHECK(std::count(sources.begin(), sources.end(), dir / "middle.h5") == 1);
    }
}

TEST_CASE("files that break the HDF5 library are errors, or are read: the program goes on") {
    const fs::path faults = fs::path(STEMFUSE_SHARED_DIR) / "data/faults";
    if (!fs::exists(faults / "heap_overflow.h5")) {
        MESSAGE("skipped: no " << faults.string());
        return;
    }
    support::check_throws<read_error>([&] { io::image_file(faults / "heap_overflow.h5", {.guarded = true}); },
                                      "cannot be read as HDF5");
    std::size_t refused = 0, files = 0;
    for (const char* const name : {"5157486554.h5", "d4e2397f4b.emd", "a183de015c.emd", "e536f04e20.h5"}) {
        ++files;
        try {
            const io::image_file file(faults / "hdf5_crashes" / name, {.guarded = true});
            for (const auto& image : file.contents().images) file.read<float>(image);
        } catch (const read_error&) {
            ++refused;
        }
    }
    CHECK(refused >= files / 2);  // how far the library gets differs from build to build
}
