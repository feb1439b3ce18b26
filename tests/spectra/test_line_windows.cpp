#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/spectra/line_windows.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

io::spectrum_info axis(double first, double step, std::size_t channels) {
    io::spectrum_info s;
    s.unit = "keV", s.first = first, s.channels = channels;
    s.last = first + step * static_cast<double>(channels - 1);
    return s;
}

io::line_window window_of(const std::string& element, const io::spectrum_info& s) {
    return io::line_windows({element}, s).at(0);
}

// The sum over the channels of a window.
template <class F>
double sum(const io::energy_window& w, const io::spectrum_info& s, F&& counts) {
    const auto [first, last] = io::channels_in(w, s);
    double total = 0;
    for (std::size_t i = first; i < last; ++i) total += counts(s.first + io::channel_step(s) * static_cast<double>(i));
    return total;
}

const io::spectrum_info wide = axis(-0.48, 0.01, 4096), short_axis = axis(-0.2, 0.005, 2048);

}  // namespace

TEST_CASE("the line is the alpha line of the highest energy in reach") {
    const auto name = [](const std::string& element, const io::spectrum_info& s) {
        return std::string(window_of(element, s).line.name);
    };
    CHECK(name("O", wide) == "K alpha");
    CHECK(name("Fe", wide) == "K alpha");
    CHECK(name("Mo", wide) == "K alpha");
    CHECK(name("Pd", wide) == "L alpha");  // K alpha is above 20 keV
    CHECK(name("Pt", wide) == "L alpha");
    CHECK(name("U", wide) == "L alpha");
    CHECK(name("Mo", short_axis) == "L alpha");
    CHECK(name("Pb", short_axis) == "M alpha");
    CHECK(name("Co", axis(0, 0.005, 1024)) == "L alpha");
    for (int z = 5; z <= 83; ++z) {
        const std::string element(element_symbols[static_cast<std::size_t>(z - 1)]);
        CAPTURE(element);
        const auto w = window_of(element, wide);
        CHECK(w.window.low < w.line.energy);
        CHECK(w.window.high > w.line.energy);
        CHECK(!w.sides.empty());
        for (const auto& side : w.sides) CHECK((side.high < w.window.low || side.low > w.window.high));
    }
}

TEST_CASE("windows are one width to either side, and begin between channels") {
    const auto fe = window_of("Fe", wide);
    CHECK(std::abs(fe.window.low - (6.40384 - 0.1348)) <= 0.0051);
    CHECK(std::abs(fe.window.high - (6.40384 + 0.1348)) <= 0.0051);
    REQUIRE(fe.sides.size() == 2);
    for (const auto& w : {fe.window, fe.sides[0], fe.sides[1]}) {
        for (const double end : {w.low, w.high}) {
            const double channel = (end - wide.first) / 0.01 - 0.5;
            CHECK(std::abs(channel - std::round(channel)) <= 1e-6);
        }
    }
    CHECK(std::abs(fe.sides[0].high - (6.40384 - 1.5 * 0.1348)) <= 0.0051);
    CHECK(std::abs(fe.sides[1].low - (6.40384 + 1.5 * 0.1348)) <= 0.0051);
    CHECK(fe.notes.empty());
    // 98% of a normal distribution of that width at half its height.
    const double sigma = 0.1348 / 2.354820;
    const double inside =
        sum(fe.window, wide, [&](double e) { return std::exp(-std::pow((e - 6.40384) / sigma, 2) / 2); });
    const double all = sum({0, 20}, wide, [&](double e) { return std::exp(-std::pow((e - 6.40384) / sigma, 2) / 2); });
    CHECK(std::abs(inside / all - 0.981) <= 0.01);
}

TEST_CASE("the background of a spectrum that is a straight line is exact") {
    for (const auto& s : {wide, short_axis, axis(0.013, 0.0203, 1500)}) {
        for (const std::string element : {"C", "O", "Si", "Ti", "Pt"}) {
            CAPTURE(element);
            const auto w = window_of(element, s);
            const auto straight = [](double e) { return 40 - 2.5 * e; };
            double background = 0;
            for (std::size_t k = 0; k < w.sides.size(); ++k) background += w.weights[k] * sum(w.sides[k], s, straight);
            const double truth = sum(w.window, s, straight);
            CHECK(std::abs(background / truth - 1) <= (w.sides.size() == 2 ? 1e-9 : 0.05));
        }
    }
}

TEST_CASE("lines that overlap are named") {
    const auto notes = [](const std::vector<std::string>& elements) {
        std::string text;
        for (const auto& w : io::line_windows(elements, wide)) {
            for (const auto& note : w.notes) text += note + "\n";
        }
        return text;
    };
    CHECK(notes({"Fe", "Co", "Ni", "Pt"})
              .find("counts of Co K alpha (6.93032 keV) hold some of Fe K beta (7.05798 keV)") != std::string::npos);
    CHECK(notes({"Ti", "Ba"}).find("Ti K alpha (4.51084 keV) hold some of Ba L alpha") != std::string::npos);
    CHECK(notes({"Ti", "Ba"}).find("Ba L alpha (4.46626 keV) hold some of Ti K alpha") != std::string::npos);
    CHECK(notes({"S", "Mo"}).find("hold some of Mo L alpha") != std::string::npos);
    CHECK(notes({"Mn", "O"}).empty());
    CHECK(notes({"Pt", "Fe"}).empty());
}

TEST_CASE("side windows move past the lines of others") {
    // Al K alpha would be in the upper window of Mg.
    const auto alone = window_of("Mg", wide), beside = io::line_windows({"Mg", "Al"}, wide).at(0);
    CHECK(alone.sides.at(1).high > 1.4867 - line_width(1.4867));
    CHECK(beside.sides.at(1).low > 1.4867 + line_width(1.4867) - 0.006);
    CHECK(beside.notes.empty());
    CHECK(beside.sides.at(0).high == alone.sides.at(0).high);
    // Each of the five has another on either side within 6 widths: not every window has a free place.
    std::string text;
    for (const auto& w : io::line_windows({"P", "S", "Cl", "Mo", "Pb", "Nb", "Zr", "Tc", "Ru"}, short_axis)) {
        for (const auto& note : w.notes) text += note + "\n";
    }
    CHECK(text.find("the background ") != std::string::npos);
    CHECK(text.find(" holds counts of ") != std::string::npos);
}

TEST_CASE("no side window reaches into the noise below 0.2 keV") {
    for (const std::string element : {"C", "N", "O", "F", "Fe"}) {
        CAPTURE(element);
        const auto w = window_of(element, wide);
        REQUIRE(!w.sides.empty());
        for (const auto& side : w.sides) CHECK(side.low > 0.19);
        CHECK(w.notes.empty());
    }
    CHECK(window_of("C", wide).sides.size() == 1);
    CHECK(window_of("Fe", wide).sides.size() == 2);
}

TEST_CASE("elements and spectra without lines") {
    using io::line_windows;
    support::check_throws<value_error>([] { line_windows({"H"}, wide); }, "elements: is H", "0.1 to 20 keV");
    support::check_throws<value_error>([] { line_windows({"Be"}, wide); }, "elements: is Be");
    support::check_throws<value_error>([] { line_windows({"Fe"}, axis(7, 0.01, 100)); }, "elements: is Fe",
                                       "7 to 7.99 keV");
    support::check_throws<value_error>([] { line_windows({}, wide); }, "elements: is empty");
    auto losses = wide;
    losses.unit = "eV";
    support::check_throws<value_error>([&] { line_windows({"O"}, losses); }, "spectrum",
                                       "in eV, must be X-rays in keV");
    support::check_throws<value_error>([] { line_windows({"O"}, axis(0, 0.01, 1)); }, "1 channels");
    support::check_throws<value_error>([] { line_windows({"Fe"}, axis(6.26, 0.01, 30)); }, "ends at Fe K alpha");
    support::check_throws<value_error>([] { line_windows({"O"}, wide, 20); }, "resolution: is 20");
}
