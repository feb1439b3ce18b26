#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <stemfuse/io/image_file.hpp>

#include "scratch.hpp"

using namespace stemfuse;

namespace {

const xt::xtensor<double, 3> volume{{{1, 2, 3}, {4, 5, 6}}, {{7, 8, 9}, {10, 11, 12}}};
const xt::xtensor<double, 2> first = xt::view(volume, 0, xt::all(), xt::all());
const xt::xtensor<double, 2> second = xt::view(volume, 1, xt::all(), xt::all());

std::vector<std::string> names_of(const std::filesystem::path& path) {
    std::vector<std::string> names;
    for (const auto& image : io::list_images(path)) names.push_back(image.name);
    return names;
}

void write_npz(const std::filesystem::path& path) {
    io::npz_writer writer(path);
    writer.add("HAADF", first);
    writer.add("maps", volume);
    writer.add("axis", xt::xtensor<double, 1>{1, 2});
    writer.commit();
}

// /HAADF, /raw/HAADF, /raw/Sc, /raw/stack
void write_hdf5(const std::filesystem::path& path) {
    const io::hdf5_handle file(H5Fcreate(path.string().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    const io::hdf5_handle group(H5Gcreate2(file.get(), "raw", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    const hsize_t shape[] = {2, 2, 3};
    const auto add = [&](const io::hdf5_handle& where, const char* name, int rank, const double* data) {
        const io::hdf5_handle space(H5Screate_simple(rank, shape + 3 - rank, nullptr), H5Sclose);
        const io::hdf5_handle set(
            H5Dcreate2(where.get(), name, H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
            H5Dclose);
        REQUIRE(H5Dwrite(set.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    };
    add(file, "HAADF", 2, first.data());
    add(group, "HAADF", 2, second.data());
    add(group, "Sc", 2, first.data());
    add(group, "stack", 3, volume.data());
}

// A folder of the shared data; empty, with a message, where it is absent.
std::filesystem::path shared(const std::string& name) {
    const auto path = std::filesystem::path(STEMFUSE_SHARED_DIR) / name;
    if (std::filesystem::exists(path)) return path;
    MESSAGE("skipped: ", path.string(), " is not there");
    return {};
}

}  // namespace

TEST_CASE("formats are recognised by content, not by name") {
    const scratch::folder dir;
    io::write_npy(dir / "a.dat", first);
    write_npz(dir / "b.npy");
    write_hdf5(dir / "c.npz");
    CHECK(io::recognise(dir / "a.dat") == io::file_format::npy);
    CHECK(io::recognise(dir / "b.npy") == io::file_format::npz);
    CHECK(io::recognise(dir / "c.npz") == io::file_format::hdf5);
    scratch::write(dir / "d.mat", std::string(512, 'x') + scratch::read(dir / "c.npz"));
    CHECK(io::recognise(dir / "d.mat") == io::file_format::hdf5);
    CHECK(io::read_image<double>(dir / "d.mat", "raw/Sc") == first);
}

TEST_CASE_TEMPLATE("images are listed and read by name", T, float, double) {
    const scratch::folder dir;
    const xt::xtensor<T, 2> one = first, two = second;
    SUBCASE("npy, one image") {
        io::write_npy(dir / "haadf.npy", first);
        CHECK(names_of(dir / "haadf.npy") == std::vector<std::string>{"haadf"});
        CHECK(io::read_image<T>(dir / "haadf.npy", "haadf") == one);
    }
    SUBCASE("npy, a stack") {
        io::write_npy(dir / "maps.npy", volume);
        CHECK(names_of(dir / "maps.npy") == std::vector<std::string>{"0", "1"});
        CHECK(io::read_image<T>(dir / "maps.npy", "1") == two);
    }
    SUBCASE("npz") {
        write_npz(dir / "a.npz");
        CHECK(names_of(dir / "a.npz") == std::vector<std::string>{"HAADF", "maps[0]", "maps[1]"});
        CHECK(io::read_image<T>(dir / "a.npz", "HAADF") == one);
        CHECK(io::read_image<T>(dir / "a.npz", "maps[1]") == two);
        const auto info = io::list_images(dir / "a.npz").back();
        CHECK(info.shape == image_shape{2, 3});
        CHECK(info.type == "float64");
        CHECK(info.array == "maps");
        CHECK(info.slice == 1);
    }
    SUBCASE("HDF5") {
        write_hdf5(dir / "a.h5");
        CHECK(names_of(dir / "a.h5") ==
              std::vector<std::string>{"HAADF", "raw/HAADF", "raw/Sc", "raw/stack[0]", "raw/stack[1]"});
        CHECK(io::read_image<T>(dir / "a.h5", "HAADF") == one);
        CHECK(io::read_image<T>(dir / "a.h5", "/raw/HAADF") == two);
        CHECK(io::read_image<T>(dir / "a.h5", "Sc") == one);
        CHECK(io::read_image<T>(dir / "a.h5", "stack[1]") == two);
    }
}

TEST_CASE("a name that is not there, or that several images have") {
    const scratch::folder dir;
    write_hdf5(dir / "a.h5");
    support::check_throws<read_error>([&] { io::read_image<float>(dir / "a.h5", "Dy"); },
                                      "a.h5: has no image \"Dy\", has ",
                                      "HAADF, raw/HAADF, raw/Sc, raw/stack[0] to raw/stack[1]");
    support::check_throws<read_error>([&] { io::read_image<float>(dir / "a.h5", "stack[2]"); }, "\"stack[2]\"");
    {
        const io::hdf5_handle file(H5Fopen((dir / "a.h5").string().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
        H5Ldelete(file.get(), "HAADF", H5P_DEFAULT);
        H5Lcreate_hard(file.get(), "raw", file.get(), "copy", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/raw/HAADF", file.get(), "raw/group", H5P_DEFAULT, H5P_DEFAULT);
        const io::hdf5_handle group(H5Gcreate2(file.get(), "other", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
        H5Lcreate_hard(file.get(), "raw/HAADF", group.get(), "HAADF", H5P_DEFAULT, H5P_DEFAULT);
    }
    support::check_throws<read_error>([&] { io::read_image<float>(dir / "a.h5", "HAADF"); },
                                      "several images \"HAADF\", takes one of ", "other/HAADF");
    write_npz(dir / "a.npz");
    support::check_throws<read_error>([&] { io::read_image<float>(dir / "a.npz", "axis"); },
                                      "has no image \"axis\", has HAADF, maps[0] to maps[1]");
}

TEST_CASE("what is no file of ours") {
    const scratch::folder dir;
    const auto read = [](const std::filesystem::path& path) { io::read_image<float>(path, "HAADF"); };
    support::check_throws<read_error>([&] { read(dir / "a.npz"); }, "a.npz: no such file");
    support::check_throws<read_error>([&] { read(dir / ""); }, "is a folder, takes a file");
    scratch::write(dir / "empty.h5", "");
    support::check_throws<read_error>([&] { read(dir / "empty.h5"); }, "empty.h5: is empty (0 bytes)");
    scratch::write(dir / "a.txt", "text");
    support::check_throws<read_error>([&] { read(dir / "a.txt"); }, "a.txt: starts with the bytes 74 65 78 74",
                                      "npy, npz and HDF5", "HyperSpy");
    const std::pair<std::string, std::string> foreign[] = {{std::string("\0\0\0\3", 4), "Gatan DM3"},
                                                           {std::string("\0\0\0\4", 4), "Gatan DM4"},
                                                           {"AAMVHFSS", "Bruker bcf"},
                                                           {std::string("II*\0", 4), "TIFF"},
                                                           {std::string("MM\0*", 4), "TIFF"},
                                                           {"\x89PNG", "PNG"},
                                                           {std::string(208, '\1') + "MAP ", "MRC"},
                                                           {"II\x97\x01", "FEI ser"}};
    for (const auto& [bytes, name] : foreign) {
        scratch::write(dir / "foreign", bytes + std::string(20, '\7'));
        support::check_throws<read_error>([&] { read(dir / "foreign"); }, "is a " + name + " file", "HyperSpy");
    }
    support::check_throws<read_error>([&] { read("/dev/null"); }, "/dev/null: is no regular file");
}

TEST_CASE("a file is described for people") {
    const scratch::folder dir;
    write_npz(dir / "a.npz");
    CHECK(io::describe_file(dir / "a.npz") ==
          "a.npz: npz, 3 numeric arrays\n"
          "  HAADF  (2, 3)  float64\n"
          "  maps   (2, 2, 3)  float64\n"
          "  axis   (2)  float64\n"
          "images of shape (2, 3): HAADF, maps[0] to maps[1]\n");
    io::write_npy(dir / "axis.npy", xt::xtensor<float, 1>{1, 2});
    CHECK(io::describe_file(dir / "axis.npy").find("1 numeric array\n  axis  (2)  float32\nno images: ") !=
          std::string::npos);
}

TEST_CASE("the real measurements") {
    if (const auto path = shared("data/PTO_Trilayer_dataset.npz"); !path.empty()) {
        CHECK(names_of(path) == std::vector<std::string>{"HAADF", "Sc", "Dy", "O"});
        for (const char* name : {"HAADF", "Sc", "Dy", "O"})
            CHECK(io::read_image<double>(path, name).shape() == image_shape{256, 256});
    }
    if (const auto path = shared("data/Co3O4_Mn3O4.h5"); !path.empty()) {
        CHECK(names_of(path) == std::vector<std::string>{"Co", "HAADF", "Mn", "O"});
        for (const char* name : {"HAADF", "Co", "Mn", "O"})
            CHECK(io::read_image<float>(path, name).shape() == image_shape{400, 400});
    }
    if (const auto path = shared("reference/dysco3"); !path.empty()) {
        const auto maps = io::read_npy<float, 3>(path / "maps.npy");
        CHECK(io::read_image<float>(path / "maps.npy", "2") ==
              xt::xtensor<float, 2>(xt::view(maps, 2, xt::all(), xt::all())));
    }
    if (const auto path = shared("data/formats"); !path.empty()) {
        CHECK(io::read_image<float>(path / "example2_v3.1.hspy", "data").shape() == image_shape{16, 16});
        CHECK(io::list_images(path / "ncem_signal.emd").size() == 3);
        for (const auto& entry : std::filesystem::directory_iterator(path)) {
            try {
                const std::string text = io::describe_file(entry.path());
                CHECK(!text.empty());
            } catch (const read_error& e) {
                CHECK(std::string(e.what()).find(entry.path().string()) == 0);
            }
        }
    }
}
