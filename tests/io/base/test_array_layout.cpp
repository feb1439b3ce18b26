#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/base/array_images.hpp>
#include <stemfuse/io/base/nion.hpp>
#include <stemfuse/io/base/number_table.hpp>

using namespace stemfuse;

namespace {

using shape = std::vector<std::size_t>;

io::array_axis named(const std::string& name, const std::string& unit = "", double step = 0) {
    return {.name = name, .unit = unit, .step = step};
}

// "yxe": the letters of the axes as they were found; "-" for one that is none of them.
std::string layout(const shape& extents, const std::vector<io::array_axis>& axes = {},
                   const io::layout_hints& hints = {}) {
    const io::array_layout found = io::lay_out(extents, axes, hints);
    if (!found.problem.empty()) return found.problem;
    std::string letters(extents.size(), '-');
    letters[found.y] = 'y', letters[found.x] = 'x';
    if (found.energy) letters[*found.energy] = 'e';
    if (found.stack) letters[*found.stack] = 'n';
    return letters;
}

}  // namespace

TEST_CASE("axes by their names, else as they lie") {
    CHECK(layout({5, 7}) == "yx");
    CHECK(layout({5, 7}, {}, {.x_first = true}) == "xy");
    CHECK(layout({5, 7}, {named("X"), named("Y")}) == "xy");
    CHECK(layout({5, 7}, {named("x [nm]"), named("y [nm]")}) == "xy");
    CHECK(layout({5, 7}, {named("y"), named("x")}, {.x_first = true}) == "yx");
    CHECK(layout({5, 7}, {named("width"), named("height")}) == "xy");
    CHECK(layout({4, 5, 7}) == "nyx");
    CHECK(layout({4, 5, 7}, {}, {.x_first = true}) == "nxy");
    CHECK(layout({7, 5, 4}, {}, {.x_first = true, .stack_last = true}) == "xyn");
    CHECK(layout({7, 5, 4}, {named("y"), named("x"), named("component")}) == "yxn");
}

TEST_CASE("an axis of energies makes spectra, wherever it lies") {
    const io::array_axis kev = named("", "keV"), by_name = named("Energy loss"), y = named("y"), x = named("x");
    CHECK(layout({5, 7, 100}, {{}, {}, kev}) == "yxe");
    CHECK(layout({100, 5, 7}, {kev, {}, {}}) == "eyx");
    CHECK(layout({5, 100, 7}, {{}, by_name, {}}) == "yex");
    CHECK(layout({7, 100, 5}, {x, by_name, y}) == "xey");
    CHECK(layout({100}, {kev}).find("one spectrum") == 0);
    CHECK(layout({5, 100}, {y, kev}).find("along a line") != std::string::npos);
    CHECK(layout({100, 5, 7, 3}, {kev, {}, {}, {}}).find("3 further axes") != std::string::npos);
    io::array_axis scan, signal;
    scan.navigates = true, signal.navigates = false;
    CHECK(layout({5, 7, 100}, {scan, scan, signal}) == "yxe");
    CHECK(layout({4, 5, 7}, {scan, signal, signal}) == "nyx");
}

TEST_CASE("axes of extent 1 count for nothing, unless an image has no other") {
    CHECK(layout({1, 1, 5, 7}) == "--yx");
    CHECK(layout({5, 7, 1}) == "yx-");
    CHECK(layout({5, 1, 7}) == "y-x");
    CHECK(layout({1, 7}) == "yx");
    CHECK(layout({1, 7, 100}, {named("y"), named("x"), named("", "eV")}) == "yxe");
    CHECK(layout({5, 7, 1}, {{}, {}, named("", "eV")}) == "yx-");
    CHECK(layout({2, 3, 4, 5}) == "4 dimensions, no image");
}

TEST_CASE("the axis of a stack by its labels, and by the images beside it") {
    io::array_axis labels;
    labels.labels = {"Fe", "Pt"};
    CHECK(layout({5, 7, 2}, {{}, {}, labels}) == "yxn");
    CHECK(layout({5, 7, 3}, {}, {.elements = {"Fe", "Pt", "O"}}) == "yxn");
    CHECK(layout({5, 7, 3}, {}, {.images = {{5, 7}}}) == "yxn");
    CHECK(layout({5, 7, 3}, {}, {.images = {{7, 3}}}) == "nyx");
}

TEST_CASE("--axes holds where a file says nothing") {
    CHECK(layout({5, 7}, {}, {.axes = "xy"}) == "xy");
    CHECK(layout({5, 7, 3}, {}, {.axes = "xyn"}) == "xyn");
    CHECK(layout({5, 7}, {named("y"), named("x")}, {.axes = "xy"}) == "yx");
    CHECK(layout({5, 7, 3}, {}, {.axes = "xy"}) == "nyx");
    CHECK(layout({5, 7, 3}, {}, {.axes = "xy1"}).find("is 1 by --axes") != std::string::npos);
}

TEST_CASE("energies in the unit that suits the spectra, or a reason") {
    const io::array_info a{"EDS", {5, 7, 11}, "uint16", ""};
    io::image_info like;
    like.label = like.name = "EDS";
    const auto content = [&](io::array_axis energies, const std::string& wanted = "") {
        return io::content_of({}, a, {{}, {}, std::move(energies)}, {.energy_unit = wanted}, like);
    };
    const auto xrays = content({.name = "Energy", .unit = "eV", .step = 10, .first = -200}, "keV");
    REQUIRE(xrays.spectra.size() == 1);
    CHECK(xrays.spectra[0].unit == "keV");
    CHECK(xrays.spectra[0].first == -0.2);
    CHECK(xrays.spectra[0].last == -0.1);
    CHECK(content({.name = "Energy", .step = 0.5, .first = 100}, "eV").spectra.at(0).last == 105);
    CHECK(content({.name = "Energy", .step = 0.5}).reason.find("no unit") != std::string::npos);
    CHECK(content({.unit = "eV"}).reason.find("without the energies") != std::string::npos);
    CHECK(content({.unit = "eV", .step = -1}).reason.find("must rise") != std::string::npos);
    CHECK(content({.unit = "eV", .step = 1, .uniform = false}).reason.find("evenly") != std::string::npos);
}

TEST_CASE("stacks: images by their labels, frames of a HAADF image, no endless lists") {
    const auto content = [](const std::string& label, const shape& extents, const io::layout_hints& hints = {}) {
        io::image_info like;
        like.label = like.name = label;
        return io::content_of({}, {label, extents, "float32", ""}, {}, hints, like);
    };
    const auto maps = content("maps", {2, 5, 7}, {.elements = {"Fe Ka", "O"}});
    REQUIRE(maps.images.size() == 2);
    CHECK(maps.images[0].name == "maps[Fe Ka]");
    CHECK(maps.images[0].element == "Fe");
    const auto frames = content("HAADF", {4, 5, 7});
    REQUIRE(frames.images.size() == 1);
    CHECK(frames.images[0].frames == 4);
    CHECK(content("maps", {10001, 5, 7}).reason.find("10000") != std::string::npos);
}

TEST_CASE("the element that a label names") {
    const std::vector<std::pair<std::string, std::string>> labels{
        {"Fe", "Fe"},
        {"Co_K", "Co"},
        {"Fe-EELS", "Fe"},
        {"O Ka1", "O"},
        {"Ti map", "Ti"},
        {"Map: Pt-L", "Pt"},
        {"Extracted Signal (O K)", "O"},
        {"Fe K\u03b11", "Fe"},
        {"Cu L\u03b11,2 (2)", "Cu"},
        {"FeKa", "Fe"},
        {"SiK", "Si"},
        {"X-ray line intensity of EDS: Fe_Ka at 6.40 keV", "Fe"},
        {"atomic percent of Fe", "Fe"},
        {"K K", "K"},
        {"intensity parameter of Zn_L3 component", "Zn"},
        {"Fe%", "Fe"},
        {"Fe At%", "Fe"},
        {"Fe Norm. mass%", "Fe"},
        {"STEM EDX Fe", "Fe"},
        {"O K edge", "O"},
        // None of these names one element.
        {"In focus", ""},
        {"OK", ""},
        {"No. 5", ""},
        {"Fe_background", ""},
        {"Fe Ka error", ""},
        {"Sc Dy O", ""},
        {"Fe Ka - Co Ka", ""},
        {"HAADF", ""},
        {"EDS Spectrum Image", ""},
        {"C L1", ""},
        {"", ""}};
    for (const auto& [label, element] : labels) {
        CAPTURE(label);
        CHECK(io::element_of(label) == element);
    }
}

TEST_CASE("units in every spelling") {
    for (const auto* const nm :
         {"nm", "[n_m]", "n_m", "NM", "nanometers", "Nanometre", " nm ", "(nm)", "$nm$", "nm/px", "nm/pixel"})
        CHECK(io::plain_unit(nm) == "nm");
    for (const auto* const um : {"um", "\u00b5m", "\u03bcm", "\xb5m", "micron", "Microns", "micrometer", "\\u00B5m"})
        CHECK(io::plain_unit(um) == "um");
    for (const auto* const a : {"A", "\u00c5", "Ang", "angstroms", "Angstrom", "\\u00C5"})
        CHECK(io::plain_unit(a) == "A");
    for (const auto* const kev : {"keV", "KeV", "kev", "[keV]"}) CHECK(io::plain_unit(kev) == "keV");
    for (const auto* const other : {"1/nm", "counts", "px", "Mm"}) CHECK(io::plain_unit(other) == other);
}

TEST_CASE("lines of numbers: a comma stands in a number where something else stands between them") {
    const auto numbers = [](std::string_view line) {
        std::string text;
        const auto count = io::detail::numbers_of_line(
            line, [&](std::size_t, double v) { text += (text.empty() ? "" : " ") + to_string(v); });
        return count ? text : "none";
    };
    for (const char* const line : {"1.5,2,-3", "1.5, 2, -3,", "1,5;2,0;-3", "1,5\t2\t-3\r", "1,5 2,0 -3,0", "1.5;2;-3;",
                                   "1.5,\t2,\t-3", " 1.5 2 -3 ", "+1.5;2.0;-3"}) {
        CAPTURE(std::string(line));
        CHECK(numbers(line) == "1.5 2 -3");
    }
    for (const char* const line : {"1,5,2;3", "1.000,5;2", "x,1", "1,2,3 4,5,6"}) CHECK(numbers(line) == "none");
}

TEST_CASE("the JSON of Nion Swift, of its library and exported; nothing of any other text") {
    const auto library = io::read_nion(
        R"({"title": "Fe", "data_source": {"dimensional_calibrations": [{"scale": 2, "offset": -1, "units": "nm"}],)"
        R"( "intensity_calibration": {"scale": 0, "units": "e"}}})");
    REQUIRE(library.has_value());
    CHECK(library->title == "Fe");
    CHECK(library->axes.at(0).step == 2);
    CHECK(library->axes[0].first == -1);
    CHECK(library->intensity.identity());
    CHECK(io::read_nion(R"({"spatial_calibrations": [{}, {"units": "eV", "scale": "x"}]})")->axes.at(1).unit == "eV");
    for (const char* const text :
         {"", "{", "[]", "{}", R"({"data_sources": []})", R"({"dimensional_calibrations": 5})"})
        CHECK(!io::read_nion(text).has_value());
}
