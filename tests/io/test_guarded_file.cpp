// HDF5 files of unknown origin, read with the guard.
#include <doctest/doctest.h>

#include <sys/stat.h>

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
