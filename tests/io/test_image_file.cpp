#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <zip.h>
#include <zlib.h>

#include <stemfuse/io/describe.hpp>
#include <stemfuse/io/record/fused_file.hpp>
#include <stemfuse/io/tiff/tiff.hpp>

#include "io/dm_writer.hpp"
#include "io/h5_builder.hpp"
#include "io/sample_zip.hpp"
#include "io/scratch.hpp"

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
        CHECK(info.place == "maps");
        CHECK(info.index == 2);
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
                                      "several images \"HAADF\", name one of ", "other/HAADF");
    write_npz(dir / "a.npz");
    support::check_throws<read_error>([&] { io::read_image<float>(dir / "a.npz", "axis"); },
                                      "has no image \"axis\", has HAADF, maps[0] to maps[1]");
}

TEST_CASE("what is no file of ours") {
    const scratch::folder dir;
    const auto read = [](const std::filesystem::path& path) { io::read_image<float>(path, "HAADF"); };
    support::check_throws<read_error>([&] { read(dir / "a.npz"); }, "a.npz: no such file");
    support::check_throws<read_error>([&] { read(dir / ""); }, "is a folder, must be a file");
    scratch::write(dir / "empty.h5", "");
    support::check_throws<read_error>([&] { read(dir / "empty.h5"); }, "empty.h5: is empty (0 bytes)");
    scratch::write(dir / "a.txt", "text");
    support::check_throws<read_error>([&] { read(dir / "a.txt"); }, "a.txt: starts with the bytes 74 65 78 74",
                                      "Velox or NCEM EMD, DM3, DM4, DM5, hspy, zspy, HDF5", "save as .hspy");
    const std::pair<std::string, std::string> foreign[] = {{"AAMVHFSS", "Bruker bcf"},
                                                           {"MAPSPECTRA_DATA", "EDAX spd"},
                                                           {std::string("0\1\0\0", 4), "JEOL pts"},
                                                           {"\x89PNG", "PNG"},
                                                           {"II\x97\x01", "FEI ser"}};
    for (const auto& [bytes, name] : foreign) {
        scratch::write(dir / "foreign", bytes + std::string(20, '\7'));
        support::check_throws<read_error>([&] { read(dir / "foreign"); }, "is of the format " + name, "HyperSpy");
    }
    support::check_throws<read_error>([&] { read("/dev/null"); }, "/dev/null: is no regular file");
}

TEST_CASE("a file is described for people") {
    const scratch::folder dir;
    write_npz(dir / "a.npz");
    CHECK(io::describe_file(dir / "a.npz") ==
          "a.npz: npz, 3 images\n"
          "  image               shape   type     place in the file\n"
          "  HAADF               (2, 3)  float64\n"
          "  maps[0] to maps[1]  (2, 3)  float64  maps\n"
          "not read: axis (2): 1 dimension, no image\n"
          "images of shape (2, 3): HAADF, maps[0] to maps[1]\n");
    io::write_npy(dir / "axis.npy", xt::xtensor<float, 1>{1, 2});
    CHECK(io::describe_file(dir / "axis.npy") ==
          "axis.npy: npy, no image\nnot read: axis (2): 1 dimension, no image\n");
    {
        const h5_builder::file file(dir / "b.h5");
        file.data("Fe", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
        file.attribute("Fe", "pixel_size_nm", 0.5);
        file.attribute("Fe", "unit", "cou\x1bnts");
        file.data("O", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
        file.attribute("O", "pixel_size_x", 0.5);
        file.attribute("O", "pixel_unit_x", "nm");
        file.attribute("O", "pixel_size_y", 0.25);
        file.attribute("O", "pixel_unit_y", "nm");
    }
    CHECK(io::describe_file(dir / "b.h5") ==
          "b.h5: HDF5, 2 images\n"
          "  image  element  shape   type     pixel          unit\n"
          "  Fe     Fe       (2, 3)  float32  0.5 nm         cou?nts\n"
          "  O      O        (2, 3)  float32  0.5 x 0.25 nm\n"
          "images of shape (2, 3): Fe, O\n");
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
}

TEST_CASE("every format is opened by its content") {
    const scratch::folder dir;
    const auto format = [&](const std::string& name) { return io::image_file(dir / name).contents().format; };
    const std::vector<float> pixels{1, 2, 3, 4, 5, 6};
    {
        const h5_builder::file velox(dir / "velox");
        velox.text("Version", R"({"version": "11", "format": "Velox"})");
        velox.data("Data/Image/a/Data", {2, 3, 1}, pixels);
        const h5_builder::file hspy(dir / "hspy");
        hspy.attribute("/", "file_format", "HyperSpy");
        const h5_builder::file emd(dir / "emd");
        emd.attribute("/", "version_major", std::int64_t(0));
        emd.attribute("/", "version_minor", std::int64_t(2));
        const h5_builder::file plain(dir / "plain");
        plain.data("Version", {2, 3}, pixels);
        plain.data("Data", {2, 3}, pixels);
    }
    CHECK(format("velox") == "Velox EMD, version 11");
    CHECK(format("hspy") == "HyperSpy");
    CHECK(format("emd") == "EMD, version 0.2");
    CHECK(format("plain") == "HDF5");
    const dm_writer::writer w({4, std::endian::big});
    scratch::write(dir / "dm", w.file({w.group("ImageList", {w.image(u"O", 2, 6, {3, 2}, pixels, 1, 1, u"nm")})}));
    CHECK(format("dm") == "Gatan DM4, big-endian");
    io::write_tiff(dir / "tiff", first);
    CHECK(format("tiff") == "TIFF, little-endian");
    for (const char* name : {"velox", "plain", "dm", "tiff"}) {
        CAPTURE(std::string(name));
        const io::image_file file(dir / name);
        const auto image = file.read<double>(file.contents().images.at(0));
        CHECK(image == xt::xtensor<double, 2>{{1, 2, 3}, {4, 5, 6}});
        CHECK_THROWS_AS(file.read_windows<float>({}, {{1, 2}, {3, 3}}), stemfuse::error);
    }
    // An image is found by its name, its element, its place.
    const io::image_file dm(dir / "dm");
    CHECK(dm.find("O").name == "O");
    CHECK(dm.find("ImageList/0").name == "O");
    CHECK(io::image_file(dir / "velox").find("/Data/Image/a/Data").name == "a");
}

namespace {

// A zarr array of unsigned 16-bit numbers value(i) in C order: chunk by chunk, from one to the array's end.
template <class Value>
void write_zarr(const std::filesystem::path& path, const std::vector<std::size_t>& shape,
                const std::vector<std::size_t>& chunks, bool column_major, const std::string& codec, char separator,
                Value&& value) {
    const auto list = [](const std::vector<std::size_t>& numbers) {
        std::string text;
        for (const std::size_t n : numbers) text += (text.empty() ? "" : ", ") + std::to_string(n);
        return text;
    };
    std::filesystem::create_directories(path);
    scratch::write(path / ".zarray",
                   R"({"zarr_format": 2, "dtype": ">u2", "fill_value": 7, "filters": null, "shape": [)" + list(shape) +
                       R"(], "chunks": [)" + list(chunks) + R"(], "compressor": )" + codec + R"(, "order": ")" +
                       (column_major ? "F" : "C") + (separator == '/' ? R"(", "dimension_separator": "/"})" : R"("})"));
    std::vector<std::size_t> grid, at(shape.size(), 0);
    std::size_t n_chunks = 1, n = 1;
    for (std::size_t d = 0; d < shape.size(); ++d)
        grid.push_back((shape[d] + chunks[d] - 1) / chunks[d]), n_chunks *= grid[d], n *= chunks[d];
    for (std::size_t c = 1; c < n_chunks; ++c) {  // the first is not written: it has the fill value
        std::string key, bytes;
        std::vector<std::size_t> origin(shape.size());
        for (std::size_t d = shape.size(), rest = c; d-- > 0; rest /= grid[d]) origin[d] = rest % grid[d];
        for (std::size_t d = 0; d < shape.size(); ++d)
            key += (d > 0 ? std::string(1, separator) : "") + std::to_string(origin[d]);
        for (std::size_t i = 0; i < n; ++i) {
            std::size_t rest = i, place = 0;
            for (std::size_t k = 0; k < shape.size(); ++k) {
                const std::size_t d = column_major ? k : shape.size() - 1 - k;
                at[d] = origin[d] * chunks[d] + rest % chunks[d], rest /= chunks[d];
            }
            for (std::size_t d = 0; d < shape.size(); ++d) place = place * shape[d] + at[d];
            const unsigned v = value(place);
            bytes += {static_cast<char>(v >> 8), static_cast<char>(v & 255)};
        }
        if (codec != "null") {
            std::string packed(bytes.size() + 64, '\0');
            uLongf size = packed.size();
            REQUIRE(compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                             reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) == Z_OK);
            bytes = packed.substr(0, size);
        }
        std::filesystem::create_directories((path / key).parent_path());
        scratch::write(path / key, bytes);
    }
}

// The folder as a zip archive without compression.
void pack_folder(const std::filesystem::path& folder, const std::filesystem::path& archive) {
    int failure = 0;
    zip_t* const z = zip_open(archive.c_str(), ZIP_CREATE, &failure);
    REQUIRE(z != nullptr);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        zip_source_t* const source = zip_source_file(z, entry.path().c_str(), 0, 0);
        REQUIRE(zip_file_add(z, entry.path().lexically_relative(folder).c_str(), source, 0) >= 0);
    }
    REQUIRE(zip_close(z) == 0);
}

}  // namespace

TEST_CASE("zspy: spectra and a map of HyperSpy in folders and zip archives, chunks of any order; blosc is named") {
    const scratch::folder dir;
    const auto root = dir / "a.zspy", experiments = root / "Experiments";
    const std::string group = R"({"zarr_format": 2})";
    std::filesystem::create_directories(experiments);
    scratch::write(root / ".zgroup", group);
    scratch::write(root / ".zattrs", R"({"file_format": "ZSpy", "file_format_version": "3.1"})");
    const auto axis = [&](const std::string& of, int k, const std::string& text) {
        const auto at = experiments / of / ("axis-" + std::to_string(k));
        std::filesystem::create_directories(at);
        scratch::write(at / ".zgroup", group);
        scratch::write(at / ".zattrs", "{" + text + "}");
    };
    const std::string y = R"("name": "y", "units": "nm", "scale": 0.5, "navigate": )",
                      x = R"("name": "x", "units": "nm", "scale": 0.25, "navigate": )";
    axis("EDS", 0, y + "true"), axis("EDS", 1, x + "true");
    axis("EDS", 2, R"("name": "Energy", "units": "keV", "scale": 0.02, "offset": -0.1, "navigate": false)");
    axis("Fe Ka", 0, y + "false"), axis("Fe Ka", 1, x + "false");
    const auto sample = experiments / "EDS/metadata/Sample";
    std::filesystem::create_directories(sample / "_list_elements");
    scratch::write(sample / "_list_elements/.zarray",
                   R"({"zarr_format": 2, "dtype": "|O", "shape": [2], "chunks": [2], "compressor": null})");
    scratch::write(sample / "_list_elements/0", R"(["Fe", "O", "|O", [2]])");
    const auto value = [](std::size_t i) { return static_cast<unsigned>(i * 37 % 1009); };
    for (const bool column_major : {false, true}) {
        for (const char* const codec : {"null", R"({"id": "zlib", "level": 1})"}) {
            CAPTURE(column_major);
            CAPTURE(std::string(codec));
            const char separator = column_major ? '.' : '/';
            for (const char* const data : {"EDS/data", "Fe Ka/data"}) std::filesystem::remove_all(experiments / data);
            write_zarr(experiments / "EDS/data", {7, 5, 30}, {3, 2, 8}, column_major, codec, separator, value);
            write_zarr(experiments / "Fe Ka/data", {7, 5}, {4, 4}, column_major, codec, separator, value);
            std::filesystem::remove(dir / "b.zspy");
            pack_folder(root, dir / "b.zspy");
            for (const char* const name : {"a.zspy", "a.zspy/", "b.zspy"}) {
                CAPTURE(std::string(name));
                const io::image_file file(dir / name);
                CHECK(file.contents().format == "HyperSpy, version 3.1");
                REQUIRE(file.contents().images.size() == 1);
                const auto& image = file.contents().images[0];
                CHECK(image.element == "Fe");
                CHECK(image.scale == io::pixel_calibration({0.25, "nm"}, {0.5, "nm"}));
                const auto pixels = file.read<double>(image);
                for (std::size_t p = 0; p < 35; ++p) CHECK(pixels.data()[p] == (p / 5 < 4 && p % 5 < 4 ? 7 : value(p)));
                REQUIRE(file.contents().spectra.size() == 1);
                const auto& s = file.contents().spectra[0];
                CHECK(s.elements == std::vector<std::string>{"Fe", "O"});
                CHECK(std::abs(s.first + 0.1) < 1e-12);
                CHECK(std::abs(s.last - 0.48) < 1e-12);
                const auto maps = file.read_windows<double>(s, {{-0.11, 0.49}, {0.05, 0.17}});
                const auto spectrum = file.read_sum_spectrum(s);
                double of_channel_9 = 0;
                for (std::size_t p = 0; p < 35; ++p) of_channel_9 += value(p * 30 + 9);
                CHECK(spectrum.at(9) == of_channel_9);
                for (std::size_t p = 0; p < 35; ++p) {
                    double all = 0, part = 0;
                    for (std::size_t e = 0; e < 30; ++e) {
                        const double v = p / 5 < 3 && p % 5 < 2 && e < 8 ? 7 : value(p * 30 + e);
                        all += v, part += e >= 8 && e < 14 ? v : 0;
                    }
                    CHECK(maps.data()[p] == all);
                    CHECK(maps.data()[35 + p] == part);
                }
            }
        }
    }
    scratch::write(experiments / "Fe Ka/data/0.1", "short");
    CHECK_THROWS_AS(io::image_file(root).read<float>(io::image_file(root).contents().images[0]), read_error);
    write_zarr(experiments / "Fe Ka/data", {7, 5}, {4, 4}, false, R"({"id": "blosc", "cname": "zstd"})", '.', value);
    const io::image_file packed(root);
    CHECK(packed.contents().images.empty());
    CHECK(packed.contents().others.at(0).line().find("is compressed by blosc (zstd), which is not read: open it in "
                                                     "HyperSpy") != std::string::npos);
    std::filesystem::create_directories(dir / "three");
    scratch::write(dir / "three/zarr.json", "{}");
    support::check_throws<read_error>([&] { io::image_file(dir / "three"); }, "is zarr version 3, must be 2");
}

TEST_CASE("frames of a HAADF image: mean, sum and first, the offset of the intensities in each") {
    const scratch::folder dir;
    io::npz_writer writer(dir / "a.npz");
    writer.add("HAADF", volume);
    writer.commit();
    io::write_npy(dir / "HAADF.npy", volume);
    io::write_tiff_stack(dir / "HAADF.tif", volume);
    const dm_writer::writer w({4, std::endian::little});
    const std::vector<float> numbers(volume.begin(), volume.end());
    scratch::write(dir / "a.dm4",
                   w.file({w.group("ImageList", {w.image(u"HAADF", 2, 6, {3, 2, 2}, numbers, 1, 1, u"nm",
                                                         {w.number("Origin", 6, 10.0f), w.number("Scale", 6, 2.0f),
                                                          w.text("Units", u"e")})})}));
    for (const char* const name : {"a.npz", "HAADF.npy", "HAADF.tif", "a.dm4"}) {
        CAPTURE(std::string(name));
        const io::image_file file(dir / name);
        REQUIRE(file.contents().images.size() == 1);
        const auto& image = file.contents().images[0];
        CHECK(image.frames == 2);
        const bool calibrated = std::string_view(name) == "a.dm4";
        const double a = calibrated ? 2 : 1, b = calibrated ? -20 : 0;
        CHECK(file.read<double>(image, io::frame_choice::first) == first * a + b);
        CHECK(file.read<double>(image, io::frame_choice::sum) == (first + second) * a + 2 * b);
        CHECK(file.read<double>(image) == (first + second) / 2 * a + b);
    }
}

TEST_CASE("fused.h5 is read back with its calibration") {
    const scratch::folder dir;
    io::fusion_record<float> r;
    r.elements = {"Fe"};
    r.raw_haadf = r.fused_haadf = xt::ones<float>({2, 3});
    r.raw_maps = r.fused_maps = xt::ones<float>({1, 2, 3});
    r.scale = {{0.5, "nm"}, {0.25, "nm"}};
    r.unit = "counts";
    io::write_fused_file(dir / "fused.h5", r);
    const io::image_file file(dir / "fused.h5");
    REQUIRE(file.contents().images.size() == 4);
    for (const auto& image : file.contents().images) CHECK(image.scale == r.scale);
    CHECK(file.find("fused/Fe").element == "Fe");
    CHECK(file.find("fused/Fe").intensity.unit == "counts");
}

namespace {

// The sum of all that a file gives, or read_error.
double everything_in(const std::filesystem::path& path) {
    const io::image_file file(path);
    double sum = static_cast<double>(file.contents().images.size());
    for (const auto& image : file.contents().images) {
        for (const double v : file.read<double>(image)) sum += v;
    }
    return sum;
}

// Cuts a copy of a file shorter and shorter: what it gives is the same, or a read_error that names it.
void check_truncations(const std::filesystem::path& original, const scratch::folder& dir, std::size_t step) {
    CAPTURE(original.filename().string());
    const double expected = everything_in(original);
    const auto cut = dir / "cut";
    std::filesystem::copy_file(original, cut, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::permissions(cut, std::filesystem::perms::owner_all);
    for (std::size_t length = std::filesystem::file_size(original) - 1;; length -= step) {
        std::filesystem::resize_file(cut, length);
        bool good = true;
        try {
            good = everything_in(cut) == expected;
        } catch (const read_error& e) {
            const std::string message = e.what();
            good = message.starts_with(cut.string() + ": ") && message.find('\n') == std::string::npos;
        }
        if (!good) FAIL_CHECK("at length ", length);
        if (length < step) break;
    }
}

}  // namespace

TEST_CASE("the samples: every one is described, and every truncation gives the same data or read_error") {
    const auto folder = shared("data/formats");
    if (folder.empty()) return;
    const scratch::folder dir;
    std::vector<std::filesystem::path> files;
    for (const char* archive : {"velox_emd_version11.zip", "velox_EELS_EDS.zip"}) {
        for (const auto& file : unpack_samples(archive, dir)) files.push_back(file);
        support::check_throws<read_error>([&] { io::describe_file(folder / archive); }, archive, "unpack it first");
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".zip") files.push_back(entry.path());
    }
    CHECK(files.size() >= 16);
    const std::string printed = scratch::printed_to_stderr(dir, [&] {
        for (const auto& file : files) {
            CHECK(io::describe_file(file).starts_with(file.filename().string() + ": "));
            const auto size = std::filesystem::file_size(file);
            check_truncations(file, dir, size < 20'000 ? 1 : size < 100'000 ? 13 : 9973);
        }
    });
    CHECK(printed == "");
}
