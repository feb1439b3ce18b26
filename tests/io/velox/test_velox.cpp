#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <stemfuse/io/base/channel_sums.hpp>
#include <stemfuse/io/velox/velox.hpp>

#include "io/h5_builder.hpp"
#include "io/sample_zip.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;

namespace {

using windows = std::vector<io::energy_window>;

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

// Metadata as Velox writes them: all numbers are strings.
std::string metadata(const std::string& detector, const std::string& index = "", const std::string& more = "") {
    return R"({"BinaryResult": {"Detector": )" + quoted(detector) +
           (index.empty() ? "" : R"(, "DetectorIndex": )" + quoted(index)) +
           R"(, "PixelSize": {"width": "2e-09", "height": "4.0e-09"}, "PixelUnitX": "m", "PixelUnitY": "m")" + more +
           R"(}, "Detectors": {"Detector-7": {"DetectorName": "X1", "Dispersion": "10", "OffsetEnergy": "-20"},)" +
           R"("Detector-8": {"DetectorName": "X2", "Dispersion": "20", "OffsetEnergy": "0"}}})";
}

// A table whose column j is the text of frame j, padded with 0.
void add_table(const h5_builder::file& file, const std::string& path, const std::string& text, std::size_t frames) {
    const std::size_t rows = text.size() + 100;
    std::vector<std::uint8_t> table(rows * frames, 0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        table[i * frames] = static_cast<std::uint8_t>(text[i]);
        for (std::size_t j = 1; j < frames; ++j) table[i * frames + j] = 'x';
    }
    file.data(path, {rows, frames}, table);
}

template <class Value>
void add_image(const h5_builder::file& file, const std::string& id, const std::vector<hsize_t>& shape,
               const std::vector<Value>& values, const std::string& meta) {
    file.data("Data/Image/" + id + "/Data", shape, values, {shape[0], shape[1], 1});
    add_table(file, "Data/Image/" + id + "/Metadata", meta, shape[2]);
}

void add_display(const h5_builder::file& file, const std::string& id, const std::string& label) {
    file.text("Displays/ImageDisplay/d" + id, R"({"data": "\/SharedProperties\/ImageSeriesDataReference\/r)" + id +
                                                  R"(", "id": )" + quoted(label) + "}");
    file.text("SharedProperties/ImageSeriesDataReference/r" + id,
              R"({"dataPath": "/Data/Image/)" + id + R"(", "frameIndex": 0})");
}

void add_stream(const h5_builder::file& file, const std::string& id, const std::vector<std::uint16_t>& events,
                const std::string& detector_index, const std::vector<std::uint64_t>& frames) {
    const std::string group = "Data/SpectrumStream/" + id;
    file.data(group + "/Data", {events.size(), 1}, events, {8192, 1});
    file.data(group + "/FrameLocationTable", {frames.size(), 1}, frames);
    file.text(group + "/AcquisitionSettings", R"({"bincount": "100", "StreamEncoding": "uint16"})");
    add_table(file, group + "/Metadata", metadata("X", detector_index), frames.size());
}

constexpr std::uint16_t next = 65535;

// HAADF of two frames, maps of Fe (by EDS and EELS) and O, a survey image, and two detectors' events.
void write_version_11(const std::filesystem::path& path, const std::string& version = "11") {
    const h5_builder::file file(path);
    file.text("Version", R"({"version": )" + quoted(version) + R"(, "format": "Velox"})");
    add_image<std::uint16_t>(file, "aa", {2, 3, 2}, {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60},
                             metadata("HAADF", "5",
                                      R"(, "IntensityUnit": "A", "IntensityScale": "2", )"
                                      R"("IntensityOffset": "-1")"));
    add_image<float>(file, "bb", {2, 3, 1}, {0, 1, 2, 3, 4, 5.5f}, metadata("X"));
    add_image<float>(file, "cc", {2, 3, 1}, {5, 4, 3, 2, 1, 0}, metadata("X"));
    add_image<float>(file, "dd", {2, 3, 1}, {1, 1, 1, 1, 1, 2}, metadata("Zebra"));
    add_image<std::uint16_t>(file, "ee", {4, 4, 1}, std::vector<std::uint16_t>(16, 9), metadata("HAADF", "5"));
    add_display(file, "aa", "HAADF");
    add_display(file, "bb", "Fe");
    add_display(file, "cc", "O");
    add_display(file, "dd", "Fe-EELS");
    file.text("Displays/ImageDisplay/mix", R"({"id": "CM", "title": "ColorMix"})");
    // Two frames of 6 pixels, the last without a marker at its end; the energies are -20, -10, 0 ... eV.
    add_stream(file, "s1", {7, 7, next, 8, next, next, 99, next, next, 12, next, 7, next, next, next, next, next, 8},
               "7", {0, 11});
    // Energies 0, 20, 40 ... eV; channel 200 is beyond the last.
    add_stream(file, "s2", {2, next, 3, 200, next, next, next, next, next}, "8", {0});
}

}  // namespace

TEST_CASE("a Velox file of version 11: labels, elements, frames, calibration") {
    const scratch::folder dir;
    write_version_11(dir / "a.emd");
    const io::velox_reader reader(dir / "a.emd");
    const auto& contents = reader.contents();
    CHECK(contents.format == "Velox EMD, version 11");
    CHECK(contents.warnings.empty());
    REQUIRE(contents.images.size() == 5);
    const auto& haadf = contents.images[0];
    CHECK(haadf.name == "HAADF");
    CHECK(haadf.element == "");
    CHECK(haadf.shape == image_shape{2, 3});
    CHECK(haadf.frames == 2);
    CHECK(haadf.type == "uint16");
    CHECK(haadf.intensity.unit == "A");
    CHECK(haadf.scale.x.unit == "nm");
    CHECK(std::abs(haadf.scale.x.pixel - 2) <= 1e-12);
    CHECK(std::abs(haadf.scale.y.pixel - 4) <= 1e-12);
    CHECK(haadf.place == "Data/Image/aa/Data");
    // stored 1, 2, ... and 10, 20, ...; an intensity is 2 stored - 1
    using frames = io::frame_choice;
    CHECK(reader.read<double>(haadf, frames::first)(1, 2) == 11);
    CHECK(reader.read<double>(haadf, frames::mean)(1, 2) == 65);
    CHECK(reader.read<double>(haadf, frames::sum)(1, 2) == 130);
    CHECK(reader.read<double>(haadf)(0, 0) == 10);
    CHECK(contents.images[1].name == "HAADF (2)");
    CHECK(contents.images[1].shape == image_shape{4, 4});
    CHECK(contents.images[2].name == "O");
    CHECK(contents.images[2].element == "O");
    CHECK(contents.images[3].name == "Fe");
    CHECK(contents.images[4].name == "Fe-EELS");
    CHECK(contents.images[4].element == "Fe");
    CHECK(reader.read<float>(contents.images[3]) == xt::xtensor<float, 2>{{0, 1, 2}, {3, 4, 5.5f}});
}

TEST_CASE_TEMPLATE("event streams become maps of windows", T, float, double) {
    const scratch::folder dir;
    write_version_11(dir / "a.emd");
    const io::velox_reader reader(dir / "a.emd");
    REQUIRE(reader.contents().spectra.size() == 1);
    const auto& eds = reader.contents().spectra[0];
    CHECK(eds.name == "EDS");
    CHECK(eds.detectors == 2);
    CHECK(eds.frames == 2);
    CHECK(eds.channels == 100);
    CHECK(eds.shape == image_shape{2, 3});
    CHECK(eds.unit == "keV");
    CHECK(eds.first == -0.02);
    CHECK(std::abs(eds.last - 1.98) <= 1e-12);
    // 50 to 70 eV are channels 7, 8 of the first detector and 3 of the second; 40 to 50 eV are 6 and 2.
    const auto maps = reader.read_windows<T>(eds, {{0.05, 0.07}, {0.04, 0.05}, {0, 2}});
    CHECK(xt::xtensor<T, 2>(xt::view(maps, 0, xt::all(), xt::all())) == xt::xtensor<T, 2>{{3, 2, 0}, {0, 0, 1}});
    CHECK(xt::xtensor<T, 2>(xt::view(maps, 1, xt::all(), xt::all())) == xt::xtensor<T, 2>{{1, 0, 0}, {0, 0, 0}});
    CHECK(xt::xtensor<T, 2>(xt::view(maps, 2, xt::all(), xt::all())) == xt::xtensor<T, 2>{{4, 2, 0}, {1, 0, 2}});
    // The same counts number by number. The first channel of all is -20 eV, and 49 are 1 keV.
    io::channel_weights weights(2, eds.channels);
    for (std::size_t c = 0; c < eds.channels; ++c) weights(0, c) = 1, weights(1, c) = static_cast<float>(c);
    const auto sums = io::channel_sums_of<T>(reader, eds, weights);
    const auto sum = io::sum_spectrum_of(reader, eds);
    double all = 0, moment = 0;
    for (std::size_t c = 0; c < sum.size(); ++c) all += sum[c], moment += sum[c] * static_cast<double>(c);
    CHECK(xt::xtensor<T, 2>(xt::view(sums, 0)) == xt::xtensor<T, 2>(xt::view(maps, 2)));
    CHECK(all == xt::sum<double>(xt::view(maps, 2))());
    CHECK(xt::sum<double>(xt::view(sums, 1))() == moment);
    support::check_throws<value_error>([&] { reader.read_windows<T>(eds, {}); },
                                       "windows: has 0 windows, must have 1 to 64");
    support::check_throws<value_error>([&] { reader.read_windows<T>(eds, windows(65, {1, 2})); }, "has 65");
    support::check_throws<value_error>([&] { reader.read_windows<T>(eds, {{2, 1}}); }, "is 2 to 1");
    const double nan = std::numeric_limits<double>::quiet_NaN();
    support::check_throws<value_error>([&] { reader.read_windows<T>(eds, {{nan, 1}}); }, "windows: is ");
}

TEST_CASE("events that come in parts, and windows that overlap") {
    const windows two{{0, 5}, {4, 100}};
    const std::vector<std::uint16_t> events{4, next, 3, 3, next, 50, 4, next, 4};
    std::vector<double> whole(6, 0), parts(6, 0);
    io::event_decoder at_once(3, 60, 0, 1, two), in_parts(3, 60, 0, 1, two);
    at_once.feed(std::span<const std::uint16_t>(events), whole.data());
    for (const auto& e : events) in_parts.feed(std::span<const std::uint16_t>(&e, 1), parts.data());
    CHECK(whole == std::vector<double>{2, 2, 1, 2, 0, 2});
    CHECK(parts == whole);
}

TEST_CASE("EELS spectrum images of version 13 become maps of windows") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.emd");
        file.text("Version", R"({"version": "13", "format": "Velox"})");
        std::vector<std::uint16_t> cube;  // (x, energy, y) = (3, 4, 2)
        for (std::uint16_t i = 0; i < 24; ++i) cube.push_back(i);
        for (const auto& [name, offset] : {std::pair{"late", "500"}, {"early", "100"}}) {
            const std::string group = std::string("Data/EelsSpectrumImage/") + name;
            file.data(group + "/Data", {3, 4, 2}, cube, {3, 4, 1});
            add_table(file, group + "/AcquisitionMetadata",
                      std::string(R"({"Data": {"offset": )") + offset +
                          R"(, "dispersion": 0.5, "intensityScale": 0.25, "intensityOffset": -1}})",
                      2);
        }
        file.data("Data/EelsSpectrumImage/bad/Data", {3, 4, 2}, cube);
    }
    const io::velox_reader reader(dir / "a.emd");
    REQUIRE(reader.contents().spectra.size() == 2);
    const auto& early = reader.contents().spectra[0];
    CHECK(early.name == "EELS 1");
    CHECK(early.unit == "eV");
    CHECK(early.first == 100);
    CHECK(early.last == 101.5);
    CHECK(early.shape == image_shape{2, 3});
    CHECK(reader.contents().spectra[1].first == 500);
    CHECK(reader.contents().others.size() == 1);
    // Channels 1 and 2 at (y, x) = (1, 2) hold 2*8 + 1*2 + 1 and that + 2.
    const auto maps = reader.read_windows<double>(early, {{100.5, 101.5}, {0, 1}});
    CHECK(maps(0, 1, 2) == (19 + 21) * 0.25 - 2);
    CHECK(maps(0, 0, 0) == (2 + 4) * 0.25 - 2);
    CHECK(maps(1, 1, 2) == 0);
    io::channel_weights weights(1, 4);
    weights(0, 1) = weights(0, 2) = 1;
    CHECK(xt::xtensor<double, 2>(xt::view(io::channel_sums_of<double>(reader, early, weights), 0)) ==
          xt::xtensor<double, 2>(xt::view(maps, 0)));
}

TEST_CASE("before version 11 labels stand in other places") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.emd");
        file.text("Version", R"({"version": "7", "format": "Velox"})");
        add_image<float>(file, "aa", {2, 2, 1}, {1, 2, 3, 4}, metadata("X"));
        add_image<std::uint16_t>(file, "bb", {2, 2, 1}, {1, 2, 3, 4}, metadata("", "3"));
        add_image<std::uint16_t>(file, "cc", {2, 2, 1}, {1, 2, 3, 4}, "no JSON");
        file.text("Presentation/Displays/ImageDisplay/x",
                  R"({"dataPath": "\/Data\/Image\/aa", "display": {"label": "Ti"}})");
        file.text("Operations/StemInputOperation/y", R"({"dataPath": "/Data/Image/bb", "detector": "DF4"})");
        file.group("Data/SpectrumImage/z");
    }
    const io::velox_reader reader(dir / "a.emd");
    const auto& images = reader.contents().images;
    REQUIRE(images.size() == 3);
    CHECK(images[0].label == "DF4");
    CHECK(images[1].label == "cc");
    CHECK(!images[1].scale.known());
    CHECK(images[2].label == "Ti");
    CHECK(images[2].element == "Ti");
    CHECK(reader.contents().spectra.empty());
    CHECK(reader.contents().others.at(0).line().find("removed from this file") != std::string::npos);
}

TEST_CASE("unknown versions are warned of and read") {
    const scratch::folder dir;
    for (const std::string version : {"14", "99.5", "next", "0"}) {
        write_version_11(dir / "a.emd", version);
        const io::velox_reader reader(dir / "a.emd");
        CHECK(reader.contents().images.size() == 5);
        CHECK(reader.contents().images[0].name == "HAADF");
        REQUIRE(reader.contents().warnings.size() == 1);
        CHECK(reader.contents().warnings[0] == "Velox version " + version + " is not one of 1 to 13, read as 13");
    }
}

TEST_CASE("parts that are missing, of other types and shapes, or point elsewhere") {
    const scratch::folder dir;
    const auto changed = [&](auto&& change) {
        write_version_11(dir / "a.emd");
        {
            const io::hdf5_handle file(H5Fopen((dir / "a.emd").string().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
            change(file.get());
        }
        return io::velox_reader(dir / "a.emd").contents();
    };
    const auto without = [&](const std::string& path) {
        return changed([&](hid_t file) { CHECK(H5Ldelete(file, path.c_str(), H5P_DEFAULT) >= 0); });
    };
    CHECK(without("Displays").images[0].label == "HAADF");  // its detector
    CHECK(without("SharedProperties").images.size() == 5);
    CHECK(without("Data/Image/aa/Metadata").images.size() == 5);
    CHECK(without("Data/Image/bb/Data").images.size() == 4);
    CHECK(without("Data/Image").images.empty());
    CHECK(without("Data").images.empty());
    CHECK(without("Data/SpectrumStream/s1/Metadata").spectra.at(0).detectors == 1);
    CHECK(without("Data/SpectrumStream/s1/AcquisitionSettings").spectra.at(0).channels == 4096);
    CHECK(without("Data/SpectrumStream/s1/FrameLocationTable").spectra.at(0).frames == 2);  // by its metadata
    // No computed map says what the raster is: the number of pixels in the stream does, if any.
    const auto unlabelled = changed([&](hid_t file) {
        for (const char* name : {"dbb", "dcc", "ddd"})
            H5Ldelete(file, (std::string("Displays/ImageDisplay/") + name).c_str(), H5P_DEFAULT);
    });
    CHECK(unlabelled.spectra.at(0).shape == image_shape{2, 3});
    const auto looped = changed([&](hid_t file) {
        H5Ldelete(file, "Data/Image/bb", H5P_DEFAULT);
        H5Lcreate_soft("/Data/Image/cc", file, "Data/Image/bb", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_hard(file, "/", file, "Data/Image/root", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/Data/Image/endless", file, "Data/Image/endless", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_external("missing.h5", "/x", file, "Data/Image/elsewhere", H5P_DEFAULT, H5P_DEFAULT);
    });
    CHECK(looped.images.size() == 5);
    CHECK(looped.others.size() == 3);
}

TEST_CASE("announced sizes are not trusted") {
    const scratch::folder dir;
    {
        const h5_builder::file file(dir / "a.emd");
        file.text("Version", R"({"version": "11", "format": "Velox"})");
        file.data("Data/Image/aa/Data", {1000000, 1000000, 1}, std::vector<float>(), {1000, 1000, 1});
        add_table(file, "Data/Image/aa/Metadata", metadata("HAADF", "1"), 1);
        file.data("Data/Image/bb/Data", {2, 2, 1}, std::vector<float>{1, 2, 3, 4});
        file.data("Data/Image/bb/Metadata", {std::uint64_t(1) << 40, 1}, std::vector<std::uint8_t>(), {1 << 20, 1});
    }
    support::check_throws<read_error>([&] { io::velox_reader(dir / "a.emd"); }, "a.emd: ", "Data/Image/bb/Metadata",
                                      "announces", "can hold");
    {
        const io::hdf5_handle file(H5Fopen((dir / "a.emd").string().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
        H5Ldelete(file.get(), "Data/Image/bb", H5P_DEFAULT);
    }
    const io::velox_reader reader(dir / "a.emd");
    support::check_throws<read_error>([&] { reader.read<float>(reader.contents().images.at(0)); },
                                      "announces 1000000 x 1000000 pixels");
}

TEST_CASE("what is stored vouches for no more than it can hold") {
    const scratch::folder dir;
    const auto extended = [&](const std::string& path, const std::vector<hsize_t>& shape) {
        const h5_builder::file file(dir / "a.emd");
        file.text("Version", R"({"version": "13", "format": "Velox"})");
        add_image<float>(file, "aa", {2, 3, 1}, {0, 1, 2, 3, 4, 5}, metadata("HAADF"));
        add_image<float>(file, "bb", {2, 3, 1}, {0, 1, 2, 3, 4, 5}, metadata("X"));
        add_display(file, "bb", "Fe");
        add_stream(file, "s", {7, next, 7, next, next, next, next, next}, "7", {0});
        file.data("Data/EelsSpectrumImage/e/Data", {3, 4, 2}, std::vector<float>(24, 1), {3, 4, 2});
        add_table(file, "Data/EelsSpectrumImage/e/AcquisitionMetadata",
                  R"({"Data": {"offset": "0", "dispersion": "0.5"}})", 1);
        file.extend(path, shape);
    };
    const auto refused = [&](const std::string& path, auto&& read) {
        const io::velox_reader reader(dir / "a.emd");
        support::check_throws<read_error>([&] { read(reader); }, path, "has shape (", "more than a file of");
    };
    constexpr hsize_t huge = hsize_t(1) << 50;
    extended("Data/Image/aa/Data", {2, 3, huge});
    refused("Data/Image/aa/Data", [](const auto& r) { r.template read<float>(r.contents().images.at(0)); });
    extended("Data/SpectrumStream/s/Data", {huge, 1});
    refused("Data/SpectrumStream/s/Data",
            [](const auto& r) { r.template read_windows<float>(r.contents().spectra.at(0), windows{{0, 1}}); });
    extended("Data/EelsSpectrumImage/e/Data", {3, huge, 2});
    refused("Data/EelsSpectrumImage/e/Data",
            [](const auto& r) { r.template read_windows<float>(r.contents().spectra.at(1), windows{{0, 1}}); });
    extended("Data/EelsSpectrumImage/e/Data", {hsize_t(1) << 20, 4, hsize_t(1) << 20});
    refused("Data/EelsSpectrumImage/e/Data",
            [](const auto& r) { r.template read_windows<float>(r.contents().spectra.at(1), windows{{0, 1}}); });
    for (const hsize_t side : {hsize_t(1) << 20, hsize_t(1) << 32}) {
        extended("Data/Image/bb/Data", {side, side, 1});
        CHECK(io::velox_reader(dir / "a.emd").contents().spectra.at(0).shape == image_shape{2, 3});  // of the image
    }
}

TEST_CASE("JSON of any kind is read or ignored") {
    for (const std::string text :
         {"", "{", "[]", "null", "1", "{\"BinaryResult\": 3}", "{\"BinaryResult\": {\"PixelSize\": []}}",
          "{\"BinaryResult\": {\"PixelSize\": {\"width\": \"1e999\"}, \"PixelUnitX\": \"m\"}}",
          "{\"BinaryResult\": {\"DetectorIndex\": \"-3\"}}", "{\"BinaryResult\": {\"DetectorIndex\": \"1e300\"}}",
          "{\"BinaryResult\": {\"DetectorIndex\": \"7 \"}}", "\xff\xfe"}) {
        CAPTURE(text);
        const auto meta = io::read_velox_metadata(text);
        CHECK(!meta.scale.known());
        CHECK(meta.energy_step == 0);
    }
    const std::string deep(100000, '[');
    CHECK(io::velox_json(deep).find({"a"}) == nullptr);
    const std::string spaces(std::size_t(1) << 22, ' '), valid = R"({"a": 1})";
    CHECK(io::velox_json(valid + spaces.substr(valid.size())).number({"a"}) == 1);
    CHECK(io::velox_json(valid + spaces).number({"a"}) == std::nullopt);
    CHECK(io::velox_json(R"({"a": "0x10"})").number({"a"}) == std::nullopt);
    CHECK(io::velox_json(R"({"a": 2.5})").number({"a"}) == 2.5);
    const std::vector<std::uint8_t> unended{'{', '}'};
    CHECK(io::velox_text(unended) == "{}");
}

TEST_CASE("the samples of versions 11 and 13, against values read by h5py") {
    const scratch::folder dir;
    const auto files = unpack_samples("velox_emd_version11.zip", dir);
    const auto eels_files = unpack_samples("velox_EELS_EDS.zip", dir);
    if (files.size() != 2 || eels_files.size() != 1) return;
    const auto sum = [](const auto& values) {
        double total = 0;
        for (const auto v : values) total += static_cast<double>(v);
        return total;
    };
    {
        const io::velox_reader reader(dir / "Test SI 16x16 215 kx.emd");
        const auto& images = reader.contents().images;
        REQUIRE(images.size() == 5);
        const double expected[] = {4723669, 570.00003147, 26.00000149, 31.00000162, 3.00000022};
        const char* const names[] = {"HAADF", "C", "O", "Ca", "Cu"};
        for (std::size_t i = 0; i < 5; ++i) {
            CHECK(images[i].name == names[i]);
            CHECK(images[i].shape == image_shape{16, 16});
            CHECK(images[i].scale.x.unit == "nm");
            CHECK(std::abs(images[i].scale.x.pixel - 3.5992492559614689) <= 1e-12);
            CHECK(std::abs(sum(reader.read<double>(images[i], io::frame_choice::sum)) - expected[i]) <= 1e-7);
        }
        CHECK(images[0].frames == 2);
        CHECK(reader.read<double>(images[0], io::frame_choice::first)(3, 5) == 8943);
        CHECK(reader.read<double>(images[0])(3, 5) == (8943 + 9012) / 2.0);
        const auto& eds = reader.contents().spectra.at(0);
        CHECK(eds.detectors == 4);
        CHECK(eds.frames == 2);
        const auto maps = reader.read_windows<float>(eds, {{0.2, 0.35}, {0.45, 0.6}, {3.6, 3.8}, {7.9, 8.2}});
        const double counts[] = {134, 22, 28, 3};
        for (std::size_t w = 0; w < 4; ++w) CHECK(sum(xt::view(maps, w, xt::all(), xt::all())) == counts[w]);
        CHECK(maps(0, 0, 0) == 20);
        CHECK(maps(0, 0, 2) == 2);
    }
    {
        const io::velox_reader pruned(dir / "Test SI 16x16 ReducedData 215 kx.emd");
        CHECK(pruned.contents().images.size() == 5);
        CHECK(pruned.contents().spectra.empty());
    }
    const io::velox_reader reader(dir / "example_velox_EELS_EDS.emd");
    const auto& images = reader.contents().images;
    REQUIRE(images.size() == 8);
    CHECK(images[0].name == "DF-S");
    CHECK(images[0].intensity.unit == "A");
    CHECK(std::abs(reader.read<double>(images[0])(3, 5) - (6246 * 2.5002357701016907e-14 - 1.0240965714336525e-10)) <=
          1e-22);
    CHECK(images[4].name == "Fe-EELS");
    CHECK(std::abs(sum(reader.read<double>(images[4])) - 2944.19104714) <= 1e-5);
    const auto& spectra = reader.contents().spectra;
    REQUIRE(spectra.size() == 4);
    CHECK(spectra[0].detectors == 6);
    CHECK(spectra[0].shape == image_shape{16, 20});
    const auto losses = reader.read_windows<double>(spectra[2], {{520, 560}, {700, 740}});
    CHECK(std::abs(sum(xt::view(losses, 0, xt::all(), xt::all())) - 126.55799199756945) <= 1e-9);
    CHECK(std::abs(sum(xt::view(losses, 1, xt::all(), xt::all())) - -300.51351545841374) <= 1e-9);
    CHECK(std::abs(losses(1, 3, 5) - -11.108796436716251) <= 1e-10);
}

namespace {

// What h5py reads of an image: its name, type, sum, the number at row 3 and column 5 (stored numbers of the first
// frame), the width of a pixel in metres (0: none) and the last characters of its place.
struct expected_image {
    const char *name, *type;
    double sum, number, pixel;
    const char* place;
};

void check_images(const std::filesystem::path& path, const std::vector<expected_image>& expected) {
    const io::velox_reader reader(path);
    const auto& images = reader.contents().images;
    REQUIRE(images.size() == expected.size());
    for (std::size_t i = 0; i < images.size(); ++i) {
        const expected_image& e = expected[i];
        const auto& image = images[i];
        CAPTURE(e.name);
        CHECK(image.name == e.name);
        CHECK(image.type == e.type);
        CHECK(image.place.starts_with("Data/Image/" + std::string(e.place)));
        const double metres = image.scale.x.unit == "nm" ? 1e-9 : 1e-6;
        CHECK(std::abs(image.scale.x.pixel * metres - e.pixel) <= 1e-12 * e.pixel);
        CHECK(image.scale.known() == (e.pixel > 0));
        double total = 0;
        for (const double v : reader.read<double>(image, io::frame_choice::sum))
            total += (v - image.intensity.offset) / image.intensity.scale;
        CHECK(std::abs(total - e.sum) <= 1e-9 * e.sum + 1e-12);
        const auto first = reader.read<double>(image, io::frame_choice::first);
        const double stored = (first(3, 5) - image.intensity.offset) / image.intensity.scale;
        CHECK(std::abs(stored - e.number) <= 1e-9 * e.number + 1e-12);
    }
}

}  // namespace

TEST_CASE("every image of the samples, against values read by h5py") {
    const scratch::folder dir;
    const auto files = unpack_samples("velox_emd_version11.zip", dir);
    const auto eels_files = unpack_samples("velox_EELS_EDS.zip", dir);
    if (files.size() != 2 || eels_files.size() != 1) return;
    constexpr double px = 3.5992492559614689e-09, wide = 1.5865803795969113e-07;
    // The sum of both frames, the number of the first.
    check_images(dir / "Test SI 16x16 215 kx.emd",
                 {{"HAADF", "uint16", 4723669, 8943, px, "f03a0d4a"},
                  {"C", "float32", 570.0000314712524, 0.5555555820465088, px, "3997ddbe"},
                  {"O", "float32", 26.00000149011612, 0.111111119389534, px, "43eaeb01"},
                  {"Ca", "float32", 31.00000162422657, 0.222222238779068, px, "3e9d1061"},
                  {"Cu", "float32", 3.000000223517418, 0, px, "51c3248f"}});
    check_images(dir / "Test SI 16x16 ReducedData 215 kx.emd",
                 {{"HAADF", "uint16", 2355839, 9012, px, "f03a0d4a"},
                  {"C", "float32", 90.86707184836268, 0.29714953899383545, px, "3997ddbe"},
                  {"O", "float32", 21.835303744381235, 0.12802620232105255, px, "43eaeb01"},
                  {"Ca", "float32", 31.519621286541224, 0.32773372530937195, px, "3e9d1061"},
                  {"Cu", "float32", 4.394464462995529, 0, px, "51c3248f"}});
    check_images(dir / "example_velox_EELS_EDS.emd",
                 {{"DF-S", "uint16", 2006526, 6246, wide, "8fa1ffb1"},
                  {"a", "uint16", 102153922, 6235, wide, "ffb235ab"},
                  {"O-EELS", "float32", 285.9841346517205, 1.9762317738792616e-29, 0, "3264d006"},
                  {"O", "float32", 0, 0, wide, "9605c4c3"},
                  {"Fe-EELS", "float32", 2944.191047139466, 8.311025619506836, 0, "2a32a1fa"},
                  {"Fe", "float32", 0, 0, wide, "9df7e54c"},
                  {"Co-EELS", "float32", 2208.5436276812106, 6.459559440612793, 0, "2b1cf8b3"},
                  {"Co", "float32", 0, 0, wide, "6a8d53ee"}});
}

TEST_CASE("every spectrum of version 13's sample, against sums by h5py") {
    const scratch::folder dir;
    if (unpack_samples("velox_EELS_EDS.zip", dir).size() != 1) return;
    const io::velox_reader reader(dir / "example_velox_EELS_EDS.emd");
    const auto& spectra = reader.contents().spectra;
    REQUIRE(spectra.size() == 4);
    const auto check = [&](std::size_t i, const io::energy_window& window, double sum, double number) {
        const auto map = reader.read_windows<double>(spectra[i], {window});
        double total = 0;
        for (const double v : map) total += v;
        CHECK(std::abs(total - sum) <= 1e-8);
        CHECK(std::abs(map(0, 3, 5) - number) <= 1e-9);
    };
    check(0, {-0.1951, 0.3051}, 11091, 24);
    check(0, {6.1951, 6.6051}, 0, 0);
    check(0, {1.0051, 20.0051}, 2, 0);
    check(1, {-5, 5}, 104.58726126716286, -3.209207859495817);
    check(2, {520, 560}, 126.55799199756945, -19.25524715697493);
    check(3, {850, 900}, -453.15660723699307, 24.603926922801435);
}
