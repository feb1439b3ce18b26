#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <stemfuse/io/dm/dm.hpp>

#include "io/dm_writer.hpp"
#include "io/scratch.hpp"

using namespace stemfuse;
using dm_writer::layout;

namespace {

const layout layouts[] = {
    {3, std::endian::little}, {3, std::endian::big}, {4, std::endian::little}, {4, std::endian::big}};

using memory_reader = io::dm_reader<io::memory_input>;

memory_reader reader_of(const std::string& bytes) { return memory_reader({scratch::bytes_of(bytes), "x.dm"}); }

double sum_of(const xt::xtensor<double, 2>& image) {
    double sum = 0;
    for (const double v : image) sum += v;
    return sum;
}

// A thumbnail, a HAADF image, a map in electrons, a spectrum, and tags of every other kind.
std::string example(const layout& l) {
    const dm_writer::writer w(l);
    const std::vector<std::uint32_t> thumbnail(4, 7);
    const std::vector<std::uint16_t> haadf{1, 2, 3, 4, 5, 65535};
    const std::vector<float> map{0.5f, -1, 2, 3, 4, 1e30f};
    const auto other_tags = [&] {
        const std::string one(1, '\1'), two(2, '\2'), four(4, '\4');
        return std::vector<std::string>{
            w.tag(21, "struct", w.data({15, 0, 2, 0, 3, 0, 2}, four + two)),
            w.tag(21, "structs", w.data({20, 15, 0, 2, 0, 8, 0, 5, 3}, one + four + one + four + one + four)),
            w.tag(21, "string", w.data({18, 5}, "hello")),
            w.tag(21, "arrays", w.data({20, 20, 4, 2, 3}, two + two + two + two + two + two)),
            w.number("long.name", 11, std::int64_t(-5)),
            w.number("flag", 8, std::uint8_t(1)),
            w.group("empty", {}),
            w.text("large", std::u16string(5000, u'x'))};
    };
    return w.file({w.group("ApplicationTags", other_tags()),
                   w.group("ImageList",
                           {w.image(u"thumbnail", 23, 3, {2, 2}, thumbnail, 1, 1, u""),
                            w.image(u"HAADF", 10, 4, {3, 2}, haadf, 0.25f, 0.5f, u"nm"),
                            w.image(u"Fe K\u03b1", 2, 6, {3, 2}, map, 0.25f, 0.25f, u"\u00b5m",
                                    {w.number("Origin", 6, 1.0f), w.number("Scale", 6, 2.0f), w.text("Units", u"e-")}),
                            w.image(u"EELS", 2, 6, {3, 2}, map, 0.1f, 1, u"eV"),
                            w.image(u"", 1, 2, {3}, std::vector<std::int16_t>{1, 2, 3}, 1, 1, u"nm")}),
                   w.group("Thumbnails", {w.group("", {w.number("ImageIndex", 5, std::uint32_t(0))})})});
}

}  // namespace

TEST_CASE("both versions and both byte orders give the same images") {
    for (const layout& l : layouts) {
        CAPTURE(l.version);
        const std::string bytes = example(l);
        const auto reader = reader_of(bytes);
        const auto& contents = reader.contents();
        CHECK(contents.format == "Gatan DM" + std::to_string(l.version) +
                                     (l.order == std::endian::big ? ", big-endian" : ", little-endian"));
        REQUIRE(contents.images.size() == 2);
        const auto& haadf = contents.images[0];
        CHECK(haadf.name == "HAADF");
        CHECK(haadf.element == "");
        CHECK(haadf.shape == image_shape{2, 3});
        CHECK(haadf.type == "uint16");
        CHECK(haadf.scale.x == io::axis_calibration(0.25, "nm"));
        CHECK(haadf.scale.y == io::axis_calibration(0.5, "nm"));
        CHECK(haadf.place == "ImageList/1");
        CHECK(reader.read<double>(haadf) == xt::xtensor<double, 2>{{1, 2, 3}, {4, 5, 65535}});
        CHECK(reader.read<float>(haadf)(1, 2) == 65535);
        const auto& map = contents.images[1];
        CHECK(map.name == "Fe K\u03b1");
        CHECK(map.element == "Fe");
        CHECK(map.scale.x == io::axis_calibration(0.25, "um"));
        CHECK(map.intensity.unit == "e-");
        CHECK(reader.read<double>(map)(0, 0) == -1);  // (0.5 - 1) 2
        CHECK(reader.read<double>(map)(1, 1) == 6);
        REQUIRE(contents.others.size() == 2);
        CHECK(contents.others[0].line() == "EELS (ImageList/3) (2, 3): has several axes of energies");
        CHECK(contents.others[1].line() == "x.dm (ImageList/4) (3): 1 dimension, no image");
    }
}

TEST_CASE("every number type of an image is read") {
    for (const layout& l : layouts) {
        const dm_writer::writer w(l);
        const auto check = [&]<class Number>(std::uint32_t data_type, std::uint64_t code, const char* type, Number low,
                                             Number high) {
            const std::string bytes = w.file({w.group(
                "ImageList", {w.image(u"a", data_type, code, {1, 2}, std::vector<Number>{low, high}, 1, 1, u"")})});
            const auto reader = reader_of(bytes);
            REQUIRE(reader.contents().images.size() == 1);
            CHECK(reader.contents().images[0].type == type);
            CHECK(!reader.contents().images[0].scale.known());
            const auto image = reader.read<double>(reader.contents().images[0]);
            CHECK(image(0, 0) == static_cast<double>(low));
            CHECK(image(1, 0) == static_cast<double>(high));
        };
        check(1, 2, "int16", std::int16_t(-32768), std::int16_t(32767));
        check(2, 6, "float32", -1.5f, 1e-30f);
        check(6, 10, "uint8", std::uint8_t(0), std::uint8_t(255));
        check(7, 3, "int32", std::int32_t(-2147483647), std::int32_t(2147483647));
        check(9, 9, "int8", std::int8_t(-128), std::int8_t(127));
        check(10, 4, "uint16", std::uint16_t(0), std::uint16_t(65535));
        check(11, 5, "uint32", std::uint32_t(0), std::uint32_t(4294967295u));
        check(12, 7, "float64", -1e300, 1e-300);
    }
    const dm_writer::writer w(layout{});
    for (const std::uint32_t type : {3u, 8u, 27u, 99u}) {
        const std::string bytes =
            w.file({w.group("ImageList", {w.image(u"a", type, 3, {1, 1}, std::vector<std::int32_t>{1}, 1, 1, u"")})});
        CHECK(reader_of(bytes).contents().images.empty());
        CHECK(reader_of(bytes).contents().others.at(0).line().find("must be one real number") != std::string::npos);
    }
}

TEST_CASE("a stack is listed as slices, and equal names are told apart") {
    const dm_writer::writer w(layout{4, std::endian::big});
    const std::vector<std::int16_t> values{1, 2, 3, 4, 5, 6, 7, 8};
    const std::string bytes = w.file({w.group("ImageList", {w.image(u"s", 1, 2, {2, 2, 2}, values, 1, 1, u""),
                                                            w.image(u"Co", 1, 2, {4, 2}, values, 1, 1, u""),
                                                            w.image(u"Co", 1, 2, {2, 4}, values, 1, 1, u"")})});
    const auto reader = reader_of(bytes);
    const auto& images = reader.contents().images;
    REQUIRE(images.size() == 4);
    CHECK(images[1].name == "s[1]");
    CHECK(reader.read<float>(images[1]) == xt::xtensor<float, 2>{{5, 6}, {7, 8}});
    CHECK(images[2].name == "Co");
    CHECK(images[3].name == "Co (2)");
    CHECK(images[3].element == "Co");
    CHECK(reader.read<float>(images[3])(3, 1) == 8);
}

TEST_CASE("truncated at any length: read_error or the same data") {
    for (const layout& l : layouts) {
        const std::string whole = example(l);
        std::size_t same = 0;
        for (std::size_t length = 0; length < whole.size(); ++length) {
            CAPTURE(length);
            std::string message;
            try {
                const std::string cut = whole.substr(0, length);
                const auto reader = reader_of(cut);
                if (reader.read<double>(reader.contents().images.at(0))(1, 2) == 65535) ++same;
            } catch (const read_error& e) {
                message = e.what();
            }
            const bool clear = message.empty() || (message.starts_with("x.dm: ") && message.size() > 10);
            CHECK(clear);
        }
        CHECK(same == 8);  // the zeros after the last tag
    }
}

TEST_CASE("announced sizes are not trusted") {
    const dm_writer::writer w(layout{4, std::endian::little});
    const auto refused = [&](const std::vector<std::string>& tags, const auto&... texts) {
        const std::string bytes = w.file(tags);
        support::check_throws<read_error>([&] { reader_of(bytes); }, "x.dm: ", texts...);
    };
    const std::uint64_t huge = std::uint64_t(1) << 60;
    refused({w.tag(21, "a", w.data({20, 3, huge}, "abcd"))}, "truncated", "\"a\"");
    refused({w.tag(21, "a", w.data({18, huge}, "abcd"))}, "truncated");
    refused({w.tag(21, "a", w.data({20, 15, 0, 1, 0, 3, huge}, "abcd"))}, "truncated");
    refused({w.tag(21, "a", w.data({20, 20, 3, huge, huge}, "abcd"))}, "truncated");
    refused({w.tag(21, "a", w.data({15, 0, huge, 0, 3}, "abcd"))}, "unknown type");
    refused({w.tag(21, "a", w.data({77}, "abcd"))}, "unknown type 77");
    for (const std::vector<std::uint64_t>& info : std::vector<std::vector<std::uint64_t>>{
             {20}, {15}, {20, 15}, {15, 0}, {20, 15, 0, 0}, {15, 0, 1}, {20, 20, 2, 2}, {20, 15, 0, 1, 0, 2}}) {
        refused({w.tag(21, "a", w.data(info, "abcd"))}, "\"a\" of an unknown type");
    }
    refused({w.tag(21, "a", w.data({20, 18, 1}, "abcd"))}, "unknown type 18");
    refused({w.tag(21, "a", "%%%%" + w.length(huge))}, "damaged", "words");
    refused({w.tag(21, "a", "%%%X" + w.length(1))}, "damaged");
    refused({w.tag(33, "a", "")}, "kind 33");
    refused({w.tag(20, "a", std::string("\1\0", 2) + w.length(huge))}, "damaged tag: of kind 0");
    std::string nested = w.group_body({});
    for (int i = 0; i < 200; ++i) nested = w.group_body({w.tag(20, "", nested)});
    refused({w.tag(20, "", nested)}, "nested deeper");
    const auto image = [&](const std::vector<std::uint32_t>& dimensions) {
        return w.group("ImageList", {w.image(u"a", 1, 2, dimensions, std::vector<std::int16_t>{1, 2}, 1, 1, u"")});
    };
    refused({image({3, 1})}, "\"a\" announces (1, 3), has 2 numbers");
    refused({image({4000000000u, 4000000000u})}, "announces (4000000000, 4000000000)");
    refused({image({4000000000u, 4000000000u, 4000000000u})}, "announces");
    CHECK(reader_of(w.file({image({0, 1})})).contents().images.empty());
    for (const std::string& start : {std::string("\0\0\0\7", 4), std::string("\0\0\0\3\0\0\0\0\0\0\0\7", 12)}) {
        const std::string bytes = start + std::string(40, '\0');
        support::check_throws<read_error>([&] { reader_of(bytes); }, "x.dm: is no DM", "7, must have");
    }
}

TEST_CASE("more tags than memory should be taken for are refused") {
    const dm_writer::writer w(layout{3, std::endian::little});
    const std::string empty = w.group("", {});
    std::string body = std::string("\1\0", 2) + w.length((1 << 20) + 1);
    for (int i = 0; i <= 1 << 20; ++i) body += empty;
    const std::string bytes = w.file({}).substr(0, 12) + body;
    support::check_throws<read_error>([&] { reader_of(bytes); }, "x.dm: has more than 1048576 tags");
}

TEST_CASE("equal names of many images") {
    const dm_writer::writer w(layout{3, std::endian::little});
    const std::vector<std::string> images(2000, w.image(u"a", 6, 10, {1, 1}, std::vector<std::uint8_t>{1}, 1, 1, u""));
    const std::string bytes = w.file({w.group("ImageList", images)});
    const auto reader = reader_of(bytes);
    REQUIRE(reader.contents().images.size() == 2000);
    CHECK(reader.contents().images[0].name == "a");
    CHECK(reader.contents().images[1999].name == "a (2000)");
}

TEST_CASE("random damage: read_error, or images that the bytes hold") {
    std::mt19937 random(support::seed());
    for (const layout& l : layouts) {
        const std::string whole = example(l);
        for (int i = 0; i < 2000; ++i) {
            std::string bytes = whole;
            for (int k = 0; k < 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
            try {
                const auto reader = reader_of(bytes);
                for (const auto& image : reader.contents().images) {
                    const auto read = reader.read<float>(image);
                    CHECK(read.size() <= bytes.size());
                }
            } catch (const read_error& e) {
                CHECK(std::string(e.what()).starts_with("x.dm: "));
            }
        }
    }
}

TEST_CASE("the sample files, against values read by another program") {
    const auto folder = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "formats";
    if (!std::filesystem::exists(folder)) {
        MESSAGE("skipped: ", folder.string(), " is not there");
        return;
    }
    for (const auto& [file, type] : {std::pair{"dm_type_1.dm3", "int16"},
                                     {"dm_type_10.dm4", "uint16"},
                                     {"dm_type_12.dm4", "float64"},
                                     {"dm_type_2.dm4", "float32"},
                                     {"dm_type_6.dm4", "uint8"},
                                     {"dm_type_7.dm3", "int32"}}) {
        const io::dm_reader<> reader(io::file_input{folder / file});
        REQUIRE(reader.contents().images.size() == 1);
        CHECK(reader.contents().images[0].type == type);
        CHECK(reader.read<double>(reader.contents().images[0]) == xt::xtensor<double, 2>{{1, 2}, {3, 4}});
    }
    const io::dm_reader<> colours(io::file_input{folder / "dm_type_23.dm3"});
    CHECK(colours.contents().images.empty());
    CHECK(colours.contents().others.at(0).line().find("colours") != std::string::npos);
    const io::dm_reader<> multi(io::file_input{folder / "multi_signal.dm3"});
    REQUIRE(multi.contents().images.size() == 1);
    const auto& haadf = multi.contents().images[0];
    CHECK(haadf.label == "HAADF");
    CHECK(haadf.shape == image_shape{512, 512});
    CHECK(std::abs(haadf.scale.x.pixel - 0.017751578241586685) <= 1e-17);
    CHECK(haadf.scale.y.unit == "nm");
    const auto image = multi.read<double>(haadf);
    CHECK(sum_of(image) == 949490255);
    CHECK(image(0, 0) == 195);
    CHECK(image(0, 4) == 87);
    CHECK(multi.contents().others.at(0).line().find("Plot") == 0);
}

TEST_CASE("every truncation of the samples, in steps: read_error or the same sum") {
    const auto folder = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "formats";
    if (!std::filesystem::exists(folder)) {
        MESSAGE("skipped: ", folder.string(), " is not there");
        return;
    }
    for (const char* name : {"dm_type_1.dm3", "dm_type_10.dm4", "multi_signal.dm3"}) {
        const std::string whole = scratch::read(folder / name);
        const auto complete = reader_of(whole);
        const double expected = sum_of(complete.read<double>(complete.contents().images.at(0)));
        const std::size_t step = whole.size() < 50'000 ? 1 : 997;
        for (std::size_t length = 0; length < whole.size(); length += step) {
            const std::string cut = whole.substr(0, length);
            try {
                const auto reader = reader_of(cut);
                const double sum = sum_of(reader.read<double>(reader.contents().images.at(0)));
                CHECK(sum == expected);
            } catch (const read_error& e) {
                const bool named = std::string(e.what()).starts_with("x.dm: ");
                CHECK(named);
            }
        }
    }
}
