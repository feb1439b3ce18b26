#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/image_file.hpp>

#include "io/h5_builder.hpp"
#include "io/read_all.hpp"
#include "io/sample_zip.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

using pixels = std::vector<double>;
using io::hdf5_handle;
namespace fs = std::filesystem;

// All of a file; none for an error of the library, in one line. Anything else gets through.
std::optional<pixels> read(const fs::path& path) {
    try {
        return read_all::pixels(io::image_file(path));
    } catch (const read_error& e) {
        const std::string message = e.what();
        INFO("message: ", message);
        CHECK(message.starts_with(path.string()));
        CHECK(message.find('\n') == std::string::npos);
        return std::nullopt;
    }
}

// A Velox file of version 13: an image of two frames, a map, an event stream, and an EELS spectrum image.
void write_velox(const fs::path& path) {
    const h5_builder::file file(path);
    const std::string meta =
        R"({"BinaryResult": {"Detector": "HAADF", "DetectorIndex": "7", "PixelSize": {"width": "2e-09", )"
        R"("height": "2e-09"}, "PixelUnitX": "m", "PixelUnitY": "m"}, "Detectors": {"Detector-7": )"
        R"({"Dispersion": "10", "OffsetEnergy": "-20"}}})";
    const std::string losses = R"({"Data": {"offset": "100", "dispersion": "0.5"}})";
    const auto table = [&](const std::string& at, const std::string& text) {
        file.data(at, {text.size(), 1}, std::vector<std::uint8_t>(text.begin(), text.end()));
    };
    file.text("Version", R"({"version": "13", "format": "Velox"})");
    file.data("Data/Image/aa/Data", {2, 3, 2}, std::vector<std::uint16_t>(12, 5), {2, 3, 1});
    file.data("Data/Image/bb/Data", {2, 3, 1}, std::vector<float>(6, 1.5f), {2, 3, 1});
    for (const std::string id : {"aa", "bb"}) {
        table("Data/Image/" + id + "/Metadata", meta);
        file.text("Displays/ImageDisplay/d" + id, R"({"data": "/SharedProperties/ImageSeriesDataReference/)" + id +
                                                      R"(", "id": ")" + (id == "aa" ? "HAADF" : "Fe") + "\"}");
        file.text("SharedProperties/ImageSeriesDataReference/" + id, R"({"dataPath": "/Data/Image/)" + id + "\"}");
    }
    file.data("Data/SpectrumStream/s/Data", {8, 1},
              std::vector<std::uint16_t>{7, 65535, 8, 65535, 65535, 9, 65535, 65535}, {64, 1});
    file.data("Data/SpectrumStream/s/FrameLocationTable", {1, 1}, std::vector<std::uint64_t>{0});
    file.text("Data/SpectrumStream/s/AcquisitionSettings", R"({"bincount": "100"})");
    table("Data/SpectrumStream/s/Metadata", meta);
    file.data("Data/EelsSpectrumImage/e/Data", {3, 4, 2}, std::vector<float>(24, 2.0f), {3, 4, 2});
    table("Data/EelsSpectrumImage/e/AcquisitionMetadata", losses);
}

// A HyperSpy file: a map, a stack, and a spectrum image.
void write_hspy(const fs::path& path) {
    const h5_builder::file file(path);
    file.attribute("/", "file_format", "HyperSpy");
    file.attribute("/", "file_format_version", "3.1");
    const auto experiment = [&](const std::string& name, const std::vector<hsize_t>& shape, const char* last_unit) {
        const std::string group = "Experiments/" + name;
        std::size_t size = 1;
        for (const hsize_t n : shape) size *= n;
        file.data(group + "/data", shape, std::vector<float>(size, 3.0f));
        for (std::size_t d = 0; d < shape.size(); ++d) {
            const std::string axis = group + "/axis-" + std::to_string(d);
            file.group(axis);
            file.attribute(axis, "scale", 0.5);
            file.attribute(axis, "offset", 1.0);
            file.attribute(axis, "units", d + 1 == shape.size() ? last_unit : "nm");
            file.attribute(axis, "navigate", d == 0);
        }
        file.group(group + "/metadata/General");
        file.attribute(group + "/metadata/General", "title", "Fe");
        file.texts(group + "/metadata/Sample/_list_2_elements", {"Fe", "O"});
    };
    experiment("map", {2, 3}, "nm");
    experiment("stack", {3, 2, 2}, "nm");
    experiment("spectra", {2, 2, 5}, "keV");
}

// An NCEM file and, in the same one, plain data sets.
void write_emd(const fs::path& path) {
    const h5_builder::file file(path);
    file.attribute("/", "version_major", std::int64_t(0));
    file.attribute("/", "version_minor", std::int64_t(2));
    file.data("signals/a/data", {3, 2, 2}, std::vector<std::int32_t>(12, 4));
    file.attribute("signals/a", "emd_group_type", std::int64_t(1));
    for (int d = 1; d <= 3; ++d) {
        const std::string dim = "signals/a/dim" + std::to_string(d);
        file.data(dim, {2}, std::vector<double>{0, 0.5});
        file.attribute(dim, "units", "[n_m]");
    }
}

void write_plain(const fs::path& path) {
    const h5_builder::file file(path);
    file.data("raw/Fe", {2, 3}, std::vector<float>(6, 1));
    file.attribute("raw/Fe", "pixel_size_nm", 0.1);
    file.data("spectra", {2, 2, 5}, std::vector<std::uint16_t>(20, 1), {1, 2, 5});
    file.attribute("spectra", "energy_scale_keV", 0.01);
    file.data("stack", {3, 2, 2}, std::vector<double>(12, 1));
}

// Small files of every layout: written here, and the samples.
std::vector<fs::path> small_files(const scratch::folder& dir) {
    write_velox(dir / "velox.emd");
    write_hspy(dir / "own.hspy");
    write_emd(dir / "own.emd");
    write_plain(dir / "plain.h5");
    std::vector<fs::path> files{dir / "velox.emd", dir / "own.hspy", dir / "own.emd", dir / "plain.h5"};
    const fs::path samples = fs::path(STEMFUSE_SHARED_DIR) / "data" / "formats";
    for (const char* const name : {"ncem_image.emd", "ncem_signal.emd", "py4DSTEM_size2x3x4x5.h5", "example2_v3.1.hspy",
                                   "with_lists_etc.hdf5"}) {
        if (fs::exists(samples / name)) {
            files.push_back(dir / name);
            scratch::write(files.back(), scratch::read(samples / name));
        } else {
            MESSAGE("skipped: ", (samples / name).string(), " is not there");
        }
    }
    for (const fs::path& path : unpack_samples("velox_emd_version11.zip", dir)) files.push_back(path);
    return files;
}

// Puts a data set of this type and shape where something else was; in chunks, so that nothing of it is stored.
void replace(hid_t file, const std::string& path, hid_t type, const std::vector<hsize_t>& shape) {
    H5Ldelete(file, path.c_str(), H5P_DEFAULT);
    const hdf5_handle space(
        shape.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
        H5Sclose);
    const hdf5_handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    std::vector<hsize_t> chunk(shape.size(), 1);
    if (!shape.empty()) chunk.back() = std::min<hsize_t>(std::max<hsize_t>(shape.back(), 1), 8);
    if (!shape.empty() && shape[0] > 0) H5Pset_chunk(layout.get(), static_cast<int>(shape.size()), chunk.data());
    const hdf5_handle set(H5Dcreate2(file, path.c_str(), type, space.get(), H5P_DEFAULT, layout.get(), H5P_DEFAULT),
                          H5Dclose);
    REQUIRE(set);
}

void replace_by_text(hid_t file, const std::string& path, const std::string& text) {
    const hdf5_handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), text.size());
    replace(file, path, type.get(), {1});
    const hdf5_handle set(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
    REQUIRE(H5Dwrite(set.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0);
}

std::vector<hsize_t> shape_at(hid_t file, const std::string& path) {
    const hdf5_handle object(H5Oopen(file, path.c_str(), H5P_DEFAULT), H5Oclose);
    if (H5Iget_type(object.get()) != H5I_DATASET) return {};
    const hdf5_handle space(H5Dget_space(object.get()), H5Sclose);
    std::vector<hsize_t> shape(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space.get())));
    if (!shape.empty()) H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr);
    return shape;
}

using changing = std::function<void(hid_t file, const std::string& path)>;

void resize(hid_t file, const std::string& path, hid_t type, const std::function<void(std::vector<hsize_t>&)>& change) {
    std::vector<hsize_t> shape = shape_at(file, path);
    change(shape);
    replace(file, path, type, shape);
}

const std::pair<const char*, changing> link_changes[] = {
    {"missing", [](hid_t f, const std::string& p) { H5Ldelete(f, p.c_str(), H5P_DEFAULT); }},
    {"no numbers", [](hid_t f, const std::string& p) { resize(f, p, H5T_STD_REF_OBJ, [](std::vector<hsize_t>&) {}); }},
    {"other numbers", [](hid_t f, const std::string& p) { resize(f, p, H5T_STD_I64BE, [](std::vector<hsize_t>&) {}); }},
    {"bytes", [](hid_t f, const std::string& p) { resize(f, p, H5T_STD_U8LE, [](std::vector<hsize_t>&) {}); }},
    {"a scalar", [](hid_t f, const std::string& p) { replace(f, p, H5T_IEEE_F32LE, {}); }},
    {"empty", [](hid_t f, const std::string& p) { replace(f, p, H5T_IEEE_F32LE, {0}); }},
    {"empty in three dimensions", [](hid_t f, const std::string& p) { replace(f, p, H5T_STD_U16LE, {9000, 0, 7}); }},
    {"one more dimension",
     [](hid_t f, const std::string& p) {
         resize(f, p, H5T_IEEE_F32LE, [](std::vector<hsize_t>& s) { s.push_back(2); });
     }},
    {"huge last",
     [](hid_t f, const std::string& p) {
         resize(f, p, H5T_STD_U16LE,
                [](std::vector<hsize_t>& s) { s.empty() ? s.push_back(9) : void(s.back() = 1ull << 60); });
     }},
    {"huge first",
     [](hid_t f, const std::string& p) {
         resize(f, p, H5T_STD_U16LE,
                [](std::vector<hsize_t>& s) { s.empty() ? s.push_back(9) : void(s[0] = 1ull << 50); });
     }},
    {"huge",
     [](hid_t f, const std::string& p) {
         resize(f, p, H5T_IEEE_F32LE, [](std::vector<hsize_t>& s) { std::fill(s.begin(), s.end(), 1ull << 20); });
     }},
    {"no JSON", [](hid_t f, const std::string& p) { replace_by_text(f, p, "{\"version\": [}"); }},
    {"JSON of other kinds",
     [](hid_t f, const std::string& p) {
         replace_by_text(f, p, R"({"version": {}, "format": "Velox", "data": 3, "dataPath": [], "id": null})");
     }},
    {"a loop",
     [](hid_t f, const std::string& p) {
         H5Ldelete(f, p.c_str(), H5P_DEFAULT);
         H5Lcreate_soft(("/" + p).c_str(), f, p.c_str(), H5P_DEFAULT, H5P_DEFAULT);
     }},
    {"the root",
     [](hid_t f, const std::string& p) {
         H5Ldelete(f, p.c_str(), H5P_DEFAULT);
         H5Lcreate_hard(f, "/", f, p.c_str(), H5P_DEFAULT, H5P_DEFAULT);
     }},
    {"a missing file",
     [](hid_t f, const std::string& p) {
         H5Ldelete(f, p.c_str(), H5P_DEFAULT);
         H5Lcreate_external("missing.h5", "/x", f, p.c_str(), H5P_DEFAULT, H5P_DEFAULT);
     }},
};

std::vector<std::string> attributes_of(hid_t object) {
    std::vector<std::string> names;
    const auto add = [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
        static_cast<std::vector<std::string>*>(list)->push_back(name);
        return 0;
    };
    H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names);
    return names;
}

// An attribute gone, then of each of several kinds.
constexpr int attribute_changes = 5;
void change_attribute(hid_t object, const std::string& name, int kind) {
    H5Adelete(object, name.c_str());
    if (kind == 0) return;
    const hsize_t count = kind == 1 ? 100 : 3;
    const hdf5_handle space(kind == 2   ? H5Screate(H5S_NULL)
                            : kind == 3 ? H5Screate(H5S_SCALAR)
                                        : H5Screate_simple(1, &count, nullptr),
                            H5Sclose);
    const hdf5_handle type(kind == 3 ? H5Tcopy(H5T_C_S1) : H5Tcopy(kind == 4 ? H5T_STD_REF_OBJ : H5T_NATIVE_DOUBLE),
                           H5Tclose);
    if (kind == 3) H5Tset_size(type.get(), 500);
    const hdf5_handle made(H5Acreate2(object, name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
                           H5Aclose);
    const std::vector<char> bytes(1000, '\xff');
    if (kind == 1 || kind == 3) H5Awrite(made.get(), type.get(), bytes.data());
}

// Reads a copy of `bytes` after a change of its structure.
bool reads_after(const fs::path& path, const std::string& bytes, const std::function<void(hid_t)>& change) {
    scratch::write(path, bytes);
    {
        const hdf5_handle file(H5Fopen(path.string().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
        REQUIRE(file);
        change(file.get());
    }
    return read(path).has_value();
}

// The lengths to which a file is cut: all of one below 100 kB; else those near the start, where the superblock is, and
// near the end, and every 997th.
std::vector<std::size_t> lengths(std::size_t size) {
    std::vector<std::size_t> all;
    for (std::size_t n = 1; n < size; n += size < 100'000 || n < 1024 || n + 512 >= size ? 1 : 997) all.push_back(n);
    return all;
}

}  // namespace

TEST_CASE("small HDF5 files of every layout, cut: read_error or the same data, and nothing on stderr") {
    const scratch::folder dir;
    const auto files = small_files(dir);
    const std::string printed = scratch::printed_to_stderr(dir, [&] {
        for (const fs::path& path : files) {
            CAPTURE(path.filename().string());
            const auto whole = read(path);
            REQUIRE(whole);
            const auto all = lengths(fs::file_size(path));
            for (auto length = all.rbegin(); length != all.rend(); ++length) {
                CAPTURE(*length);
                fs::resize_file(path, *length);
                const auto cut = read(path);
                const bool good = !cut || *cut == *whole;
                CHECK(good);
            }
        }
    });
    CHECK(printed == "");
}

TEST_CASE("every object of small HDF5 files missing, of other types and shapes, looped: read_error or data") {
    const scratch::folder dir;
    std::size_t runs = 0, readable = 0;
    const auto files = small_files(dir);
    const std::string printed = scratch::printed_to_stderr(dir, [&] {
        for (const fs::path& path : files) {
            const std::string bytes = scratch::read(path);
            const auto links = io::hdf5_reader(path).links();
            const std::size_t kinds = std::size(link_changes), all = links.size() * kinds;
            // Of files above 100 kB one change of every third object, every time the next.
            const std::size_t step = bytes.size() > 100'000 ? 3 * kinds + 1 : 1;
            for (std::size_t n = 0; n < all; n += step, ++runs) {
                const std::string& link = links[n / kinds];
                const std::string name = link_changes[n % kinds].first;
                const changing& apply = link_changes[n % kinds].second;
                CAPTURE(path.filename().string());
                CAPTURE(link);
                CAPTURE(name);
                if (reads_after(path, bytes, [&](hid_t file) { apply(file, link); })) ++readable;
            }
        }
    });
    CHECK(printed == "");
    CHECK(readable > runs / 10);
    CHECK(readable < runs);
}

TEST_CASE("every attribute of small HDF5 files missing or of other types and shapes: read_error or data") {
    const scratch::folder dir;
    const auto files = small_files(dir);
    const std::string printed = scratch::printed_to_stderr(dir, [&] {
        for (const fs::path& path : files) {
            const std::string bytes = scratch::read(path);
            std::vector<std::pair<std::string, std::string>> attributes;
            {
                const io::hdf5_reader file(path);
                auto links = file.links();
                links.push_back("/");
                for (const std::string& link : links) {
                    for (const std::string& name : attributes_of(file.object(link).get()))
                        attributes.emplace_back(link, name);
                }
            }
            for (const auto& attribute : attributes) {
                for (int kind = 0; kind < attribute_changes; ++kind) {
                    CAPTURE(path.filename().string());
                    CAPTURE(attribute.first);
                    CAPTURE(attribute.second);
                    CAPTURE(kind);
                    reads_after(path, bytes, [&](hid_t file) {
                        const hdf5_handle object(H5Oopen(file, attribute.first.c_str(), H5P_DEFAULT), H5Oclose);
                        change_attribute(object.get(), attribute.second, kind);
                    });
                }
            }
        }
    });
    CHECK(printed == "");
}
