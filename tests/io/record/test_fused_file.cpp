#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include <stemfuse/io/hdf5/hdf5.hpp>
#include <stemfuse/io/record/fused_file.hpp>
#include <stemfuse/io/record/parameters_json.hpp>

#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

template <class T>
io::fusion_record<T> example(const image_shape& shape = {20, 30}) {
    io::fusion_record<T> r;
    r.title = "scan \u00e9";
    r.elements = {"Sc", "Dy", "O"};
    r.raw_haadf = support::random_array<T, 2>(shape, 0, 1, 1);
    r.fused_haadf = support::random_array<T, 2>(shape, 0, 1, 2);
    r.raw_maps = support::random_array<T, 3>({3, shape[0], shape[1]}, 0, 1, 3);
    r.fused_maps = support::random_array<T, 3>({3, shape[0], shape[1]}, 0, 1, 4);
    r.unit = "scaled to [0, 1]";
    r.history = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {12, 15, 18.5}};
    r.parameters = {{"gamma", 1.6},
                    {"iterations", std::int64_t(30)},
                    {"non_negative", true},
                    {"recipe", std::string("publi\u00e9")},
                    {"note", std::string()}};
    return r;
}

std::string text_attribute(hid_t file, const char* name) { return io::hdf5_text_attribute(file, name); }

template <class V>
V number_attribute(hid_t file, const char* name, hid_t memory) {
    V value{};
    const io::hdf5_handle attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose);
    REQUIRE(attribute);
    CHECK(H5Aread(attribute.get(), memory, &value) >= 0);
    return value;
}

std::vector<double> curve(hid_t file, const char* name) {
    const io::hdf5_handle set(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose);
    const io::hdf5_handle space(H5Dget_space(set.get()), H5Sclose);
    CHECK(H5Sget_simple_extent_ndims(space.get()) == 1);
    std::vector<double> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.get())));
    CHECK(H5Dread(set.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0);
    return values;
}

}  // namespace

TEST_CASE_TEMPLATE("the images are read back, in their precision and with their unit", T, float, double) {
    const scratch::folder dir;
    for (const image_shape& shape : {image_shape{20, 30}, image_shape{1, 1}, image_shape{300, 500}}) {
        const auto record = example<T>(shape);
        io::write_fused_file(dir / "fused.h5", record);
        const io::hdf5_reader reader(dir / "fused.h5");
        CHECK(reader.read_image<T>("raw/HAADF") == record.raw_haadf);
        CHECK(reader.read_image<T>("fused/HAADF") == record.fused_haadf);
        for (std::size_t i = 0; i < 3; ++i) {
            const std::string name = record.elements[i];
            CHECK(reader.read_image<T>("raw/" + name) ==
                  xt::xtensor<T, 2>(xt::view(record.raw_maps, i, xt::all(), xt::all())));
            CHECK(reader.read_image<T>("fused/" + name) ==
                  xt::xtensor<T, 2>(xt::view(record.fused_maps, i, xt::all(), xt::all())));
        }
        for (const auto& a : reader.arrays()) {
            if (a.name.starts_with("history")) continue;
            CHECK(a.type == (sizeof(T) == 4 ? "float32" : "float64"));
            CHECK(a.unit == (a.name.starts_with("fused/") ? record.unit : ""));
        }
        CHECK(reader.arrays().size() == 12);
    }
    CHECK(dir.count() == 1);
}

TEST_CASE("history and parameters are read back") {
    const scratch::folder dir;
    io::write_fused_file(dir / "fused.h5", example<float>());
    const io::hdf5_handle file(H5Fopen((dir / "fused.h5").string().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    CHECK(curve(file.get(), "history/haadf") == std::vector<double>{1, 2, 3});
    CHECK(curve(file.get(), "history/chemical") == std::vector<double>{4, 5, 6});
    CHECK(curve(file.get(), "history/tv") == std::vector<double>{7, 8, 9});
    CHECK(curve(file.get(), "history/total") == std::vector<double>{12, 15, 18.5});
    CHECK(text_attribute(file.get(), "file_format") == "stemfuse");
    CHECK(text_attribute(file.get(), "version") == "1");
    CHECK(text_attribute(file.get(), "recipe") == "publi\u00e9");
    CHECK(text_attribute(file.get(), "note") == "");
    CHECK(H5Aexists(file.get(), "note") > 0);
    CHECK(number_attribute<double>(file.get(), "gamma", H5T_NATIVE_DOUBLE) == 1.6);
    CHECK(number_attribute<std::int64_t>(file.get(), "iterations", H5T_NATIVE_INT64) == 30);
    const io::hdf5_handle flag(H5Aopen(file.get(), "non_negative", H5P_DEFAULT), H5Aclose),
        type(H5Aget_type(flag.get()), H5Tclose);
    CHECK(H5Tget_class(type.get()) == H5T_ENUM);
    CHECK(number_attribute<std::int8_t>(file.get(), "non_negative", type.get()) == 1);
}

TEST_CASE("the same record gives the same bytes") {
    const scratch::folder dir;
    io::write_fused_file(dir / "a.h5", example<double>());
    io::write_fused_file(dir / "b.h5", example<double>());
    CHECK(scratch::read(dir / "a.h5") == scratch::read(dir / "b.h5"));
}

TEST_CASE("records whose parts do not fit together are refused before anything is written") {
    const scratch::folder dir;
    const auto refused = [&]<class Error>(std::type_identity<Error>, auto&& change, const auto&... texts) {
        auto record = example<float>();
        change(record);
        support::check_throws<Error>([&] { io::write_fused_file(dir / "fused.h5", record); }, texts...);
    };
    using record = io::fusion_record<float>;
    const std::type_identity<shape_error> shape;
    const std::type_identity<value_error> value;
    refused(shape, [](record& r) { r.elements.pop_back(); }, "raw_maps: has shape (3, 20, 30)", "(2, 20, 30)");
    refused(
        shape, [](record& r) { r.fused_maps = support::random_array<float, 3>({3, 20, 31}); },
        "fused_maps: ", "(3, 20, 31)");
    refused(
        shape, [](record& r) { r.fused_haadf = support::random_array<float, 2>({30, 20}); },
        "fused_haadf: ", "(30, 20)");
    refused(shape, [](record& r) { r = {}; }, "is empty");
    refused(value, [](record& r) { r.elements[1] = "Sc"; }, "elements: is \"Sc\"");
    refused(value, [](record& r) { r.elements[1] = "HAADF"; }, "elements: is \"HAADF\"");
    refused(value, [](record& r) { r.elements[1] = "a/b"; }, "elements: is \"a/b\"");
    refused(value, [](record& r) { r.parameters.emplace_back("version", 1.0); }, "parameters: is \"version\"");
    refused(value, [](record& r) { r.parameters.emplace_back("gamma", 1.0); }, "parameters: is \"gamma\"");
    CHECK(dir.count() == 0);
}

TEST_CASE("fused files that cannot be written") {
    const auto record = example<double>({100, 100});
    for (const rlim_t limit : {0u, 100u, 2000u, 100'000u, 400'000u}) {
        scratch::check_refusals([&](const auto& path) { io::write_fused_file(path, record); }, limit);
    }
    const scratch::folder dir;
    io::write_fused_file(dir / "fused.h5", record);
    CHECK(dir.count() == 1);
}

TEST_CASE("parameters.json is read back, in order") {
    const scratch::folder dir;
    auto record = example<float>();
    record.title += "\xff";
    record.parameters.emplace_back("tolerance", std::numeric_limits<double>::infinity());
    io::write_parameters(dir / "parameters.json", record);
    const auto j = nlohmann::ordered_json::parse(scratch::read(dir / "parameters.json"));
    CHECK(j["elements"] == std::vector<std::string>{"Sc", "Dy", "O"});
    CHECK(j["shape"] == std::vector<int>{20, 30});
    CHECK(j["unit"] == record.unit);
    CHECK(j["title"] == "scan \u00e9\ufffd");
    CHECK(j["parameters"]["gamma"] == 1.6);
    CHECK(j["parameters"]["iterations"].is_number_integer());
    CHECK(j["parameters"]["non_negative"] == true);
    CHECK(j["parameters"]["tolerance"].is_null());
    CHECK(j["parameters"].begin().key() == "gamma");
    CHECK(j["parameters"].size() == 6);
    scratch::check_refusals([&](const auto& path) { io::write_parameters(path, record); }, 10);
}
