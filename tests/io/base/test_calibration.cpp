#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include <stemfuse/io/base/image_info.hpp>

using namespace stemfuse;
using io::axis_calibration;
using io::pixel_calibration;

TEST_CASE("units are plain") {
    for (const char* micro : {"\u00b5m", "\u03bcm", "\xb5m", "micron", "um", "[u_m]"})
        CHECK(io::plain_unit(micro) == "um");
    for (const char* angstrom : {"\u00c5", "\u212b", "\\u00C5", "A", "Angstrom"})
        CHECK(io::plain_unit(angstrom) == "A");
    CHECK(io::plain_unit("[n_m]") == "nm");
    CHECK(io::plain_unit("1/nm") == "1/nm");
    CHECK(io::plain_unit("[]") == "");
    CHECK(io::plain_unit("nm ") == "nm");
}

TEST_CASE("a pixel's size is known where it is a positive number with a unit") {
    CHECK(axis_calibration(0.5, "nm").known());
    for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), HUGE_VAL})
        CHECK(axis_calibration(bad, "nm") == axis_calibration());
    for (const char* none : {"", "px", "pixels", "[]"}) CHECK(!axis_calibration(1, none).known());
}

TEST_CASE("lengths change their unit, others do not") {
    CHECK(std::abs(axis_calibration(2e-9, "m").in("nm").pixel - 2) <= 1e-12);
    CHECK(axis_calibration(5, "A").in("nm") == axis_calibration(0.5, "nm"));
    CHECK(axis_calibration(5, "eV").in("nm") == axis_calibration(5, "eV"));
    CHECK(axis_calibration(5, "nm").in("1/nm") == axis_calibration(5, "nm"));
}

TEST_CASE("a scale bar's unit suits the width of the image") {
    CHECK(pixel_calibration(2e-9, "m").in_shown_unit(256).x.unit == "nm");
    CHECK(pixel_calibration(2e-8, "m").in_shown_unit(256).x.unit == "um");
    CHECK(std::abs(pixel_calibration(2e-8, "m").in_shown_unit(256).y.pixel - 0.02) <= 1e-15);
    CHECK(pixel_calibration(0.1, "um").in_shown_unit(5) == pixel_calibration(100, "nm"));
    CHECK(pixel_calibration(0.5, "A").in_shown_unit(100000) == pixel_calibration(0.5, "A"));
    CHECK(pixel_calibration(0.5, "1/nm").in_shown_unit(10) == pixel_calibration(0.5, "1/nm"));
    CHECK(pixel_calibration().in_shown_unit(10) == pixel_calibration());
    CHECK(pixel_calibration().shown_unit() == "px");
}

TEST_CASE("labels that name an element, and such that do not") {
    for (const char* label : {"Fe", "Fe-EELS", "Fe_K", "Fe K", "Fe Ka1", "Fe K\u03b1", "Fe-L2,3", "Fe (K)", " Fe ",
                              "Fe map", "Fe counts", "Fe at. %", "Fe.EDS", "Fe L"})
        CHECK(io::element_of(label) == "Fe");
    for (const char* label : {"", "HAADF", "In focus", "No 1", "As grown", "fe", "FE", "Fe2O3", "Iron", "Fe and O",
                              "K-factor", "DF-S", "0", "I0", "Xx"}) {
        CAPTURE(std::string(label));
        CHECK(io::element_of(label) == "");
    }
}

TEST_CASE("names are labels on one line, told apart by numbers") {
    std::vector<io::image_info> images(4);
    for (std::size_t i = 0; i < 4; ++i) images[i].label = i == 1 ? "a\nb\x1b" : i == 3 ? "Fe (2)" : "Fe";
    io::name_by_labels(images);
    CHECK(images[0].name == "Fe");
    CHECK(images[1].name == "a?b?");
    CHECK(images[2].name == "Fe (2)");
    CHECK(images[3].name == "Fe (2) (2)");
    CHECK(io::one_line("\u00b5m\x7f") == "\u00b5m?");
}
