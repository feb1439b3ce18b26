#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hdf5.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

using io::hdf5_handle;

hdf5_handle create_file(const std::filesystem::path& path) {
    return {H5Fcreate(path.string().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose};
}

// Writes a data set of the stored type `type` from values in C++'s own type.
template <class T>
void add(const hdf5_handle& where, const char* name, const std::vector<hsize_t>& shape, hid_t type, hid_t memory,
         const std::vector<T>& values) {
    const hdf5_handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
    const hdf5_handle set(H5Dcreate2(where.get(), name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                          H5Dclose);
    REQUIRE(set);
    REQUIRE((values.empty() || H5Dwrite(set.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0));
}

void add_text_attribute(const hdf5_handle& where, const char* set_name, const char* name, const char* value,
                        std::size_t size) {
    const hdf5_handle set(H5Dopen2(where.get(), set_name, H5P_DEFAULT), H5Dclose);
    const hdf5_handle type(H5Tcopy(H5T_C_S1), H5Tclose), space(H5Screate(H5S_SCALAR), H5Sclose);
    H5Tset_size(type.get(), size);
    const hdf5_handle attribute(H5Acreate2(set.get(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
                                H5Aclose);
    const void* const data = size == H5T_VARIABLE ? static_cast<const void*>(&value) : value;
    REQUIRE(H5Awrite(attribute.get(), type.get(), data) >= 0);
}

std::vector<std::string> names_of(const std::filesystem::path& path) {
    std::vector<std::string> names;
    for (const auto& a : io::hdf5_reader(path).arrays()) names.push_back(a.name);
    return names;
}

const std::vector<int> values{0, 1, 2, 3, 4, 120};

}  // namespace

TEST_CASE_TEMPLATE("every numeric type is converted", T, float, double) {
    const scratch::folder dir;
    const std::pair<hid_t, const char*> types[] = {
        {H5T_STD_I8LE, "int8"},      {H5T_STD_U8BE, "uint8"},     {H5T_STD_I16BE, "int16"},   {H5T_STD_U16LE, "uint16"},
        {H5T_STD_I32BE, "int32"},    {H5T_STD_U32LE, "uint32"},   {H5T_STD_I64LE, "int64"},   {H5T_STD_U64BE, "uint64"},
        {H5T_IEEE_F32BE, "float32"}, {H5T_IEEE_F64LE, "float64"}, {H5T_IEEE_F64BE, "float64"}};
    for (const auto& entry : types) {
        const auto [type, name] = entry;
        INFO(std::string(entry.second));
        add(create_file(dir / "a.h5"), "map", {2, 3}, type, H5T_NATIVE_INT, values);
        const io::hdf5_reader reader(dir / "a.h5");
        CHECK(reader.read_image<T>("map") == xt::xtensor<T, 2>{{0, 1, 2}, {3, 4, 120}});
        CHECK(reader.arrays().at(0).type == name);
    }
}

TEST_CASE("data sets are listed with path, shape, type and unit") {
    const scratch::folder dir;
    {
        const hdf5_handle file = create_file(dir / "a.h5");
        const hdf5_handle group(H5Gcreate2(file.get(), "maps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
        add(file, "HAADF", {2, 3}, H5T_STD_U16LE, H5T_NATIVE_INT, values);
        add(group, "Sc", {3, 2}, H5T_IEEE_F32LE, H5T_NATIVE_INT, values);
        add(group, "stack", {3, 2, 1}, H5T_IEEE_F32LE, H5T_NATIVE_INT, values);
        add(group, "scalar", {}, H5T_IEEE_F64LE, H5T_NATIVE_INT, values);
        add_text_attribute(file, "HAADF", "unit", "counts", H5T_VARIABLE);
        add_text_attribute(group, "Sc", "units", "at. %", 5);
        const hdf5_handle text(H5Tcopy(H5T_C_S1), H5Tclose);
        add(file, "title", {1, 1}, text.get(), text.get(), std::vector<char>{'x'});
        const hdf5_handle pair(H5Tcreate(H5T_COMPOUND, 16), H5Tclose);
        H5Tinsert(pair.get(), "r", 0, H5T_NATIVE_DOUBLE);
        H5Tinsert(pair.get(), "i", 8, H5T_NATIVE_DOUBLE);
        add(file, "complex", {1, 1}, pair.get(), pair.get(), std::vector<double>{1, 2});
    }
    const io::hdf5_reader reader(dir / "a.h5");
    const auto arrays = reader.arrays();
    REQUIRE(names_of(dir / "a.h5") == std::vector<std::string>{"HAADF", "maps/Sc", "maps/scalar", "maps/stack"});
    CHECK(arrays[0].unit == "counts");
    CHECK(arrays[1].unit == "at. %");
    CHECK(arrays[2].shape.empty());
    CHECK(arrays[3].shape == std::vector<std::size_t>{3, 2, 1});
    CHECK(arrays[3].unit == "");
    CHECK(reader.read_image<double>("/maps/stack", 2) == xt::xtensor<double, 2>{{4}, {120}});
    support::check_throws<read_error>([&] { reader.read_image<double>("maps/stack", 3); }, "a.h5: ", "\"maps/stack\"",
                                      "(3, 2, 1)", "no slice 3");
    support::check_throws<read_error>([&] { reader.read_image<double>("maps/scalar"); }, "shape ()",
                                      "2 or 3 dimensions");
    support::check_throws<read_error>([&] { reader.read_image<double>("complex"); },
                                      "\"complex\" holds complex numbers");
    support::check_throws<read_error>([&] { reader.read_image<double>("maps"); }, "has no data set \"maps\"");
    support::check_throws<read_error>([&] { reader.read_image<double>("maps/O"); }, "has no data set \"maps/O\"");
}

TEST_CASE("links that loop, and links to nothing") {
    const scratch::folder dir;
    {
        const hdf5_handle file = create_file(dir / "a.h5");
        const hdf5_handle group(H5Gcreate2(file.get(), "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
        add(group, "map", {2, 3}, H5T_STD_U16LE, H5T_NATIVE_INT, values);
        H5Lcreate_hard(file.get(), "/", group.get(), "root", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_hard(file.get(), "group", group.get(), "itself", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/group", group.get(), "soft_loop", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/nothing", file.get(), "dangling", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/endless", file.get(), "endless", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/group/map", file.get(), "shortcut", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_external("missing.h5", "/x", file.get(), "elsewhere", H5P_DEFAULT, H5P_DEFAULT);
    }
    CHECK(scratch::printed_to_stderr(dir, [&] {
              CHECK(names_of(dir / "a.h5") == std::vector<std::string>{"group/map", "shortcut"});
              CHECK(io::hdf5_reader(dir / "a.h5").read_image<float>("shortcut")(1, 2) == 120);
          }) == "");
}

TEST_CASE("groups nested too deep are refused") {
    const scratch::folder dir;
    for (const int depth : {60, 5000}) {
        {
            const hdf5_handle file = create_file(dir / "a.h5");
            std::vector<hdf5_handle> groups;
            for (int i = 0; i < depth; ++i) {
                const hid_t in = groups.empty() ? file.get() : groups.back().get();
                groups.emplace_back(H5Gcreate2(in, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
            }
        }
        const io::hdf5_reader reader(dir / "a.h5");
        if (depth == 60) {
            CHECK(reader.links().size() == 60);
            CHECK(reader.arrays().empty());
        } else {
            support::check_throws<read_error>([&] { reader.arrays(); }, "a.h5: has groups nested deeper than 64");
        }
    }
}

TEST_CASE("sizes in a file are not trusted") {
    const scratch::folder dir;
    add(create_file(dir / "a.h5"), "map", {std::uint64_t(1) << 40, 1000}, H5T_STD_U8LE, H5T_NATIVE_INT,
        std::vector<int>{});
    support::check_throws<read_error>([&] { io::hdf5_reader(dir / "a.h5").read_image<double>("map"); },
                                      "announces 1099511627776 x 1000 pixels", "more than a file of");
}

TEST_CASE("truncated at any length: read_error or the right data, and nothing on stderr") {
    const scratch::folder dir;
    {
        const hdf5_handle file = create_file(dir / "whole.h5");
        add(file, "HAADF", {2, 3}, H5T_STD_U16LE, H5T_NATIVE_INT, values);
        add(file, "O", {2, 3}, H5T_IEEE_F32LE, H5T_NATIVE_INT, values);
    }
    const std::string whole = scratch::read(dir / "whole.h5");
    std::size_t right = 0;
    const std::string printed = scratch::printed_to_stderr(dir, [&] {
        for (std::size_t length = 0; length < whole.size(); ++length) {
            CAPTURE(length);
            scratch::write(dir / "a.h5", whole.substr(0, length));
            std::string message;
            try {
                const io::hdf5_reader reader(dir / "a.h5");
                if (reader.arrays().size() == 2 && reader.read_image<float>("O")(1, 2) == 120) ++right;
            } catch (const read_error& e) {
                message = e.what();
            }
            const bool names_file =
                message.find((dir / "a.h5").string()) == 0 && message.find('\n') == std::string::npos;
            CHECK(names_file);
        }
    });
    CHECK(printed == "");
    CHECK(right == 0);
}

TEST_CASE("the caller's own error printing comes back") {
    const scratch::folder dir;
    add(create_file(dir / "a.h5"), "map", {2, 3}, H5T_STD_U16LE, H5T_NATIVE_INT, values);
    H5E_auto2_t before = nullptr, after = nullptr;
    void* data = nullptr;
    H5Eget_auto2(H5E_DEFAULT, &before, &data);
    {
        auto first = std::make_unique<io::hdf5_reader>(dir / "a.h5");
        const io::hdf5_reader second(dir / "a.h5");
        first.reset();
        H5Eget_auto2(H5E_DEFAULT, &after, &data);
        const bool silent = after == nullptr;
        CHECK(silent);
    }
    H5Eget_auto2(H5E_DEFAULT, &after, &data);
    const bool restored = after == before && before != nullptr;
    CHECK(restored);
}
