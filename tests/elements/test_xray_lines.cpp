#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <stemfuse/elements/xray_lines.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

double energy(const std::string& element, const std::string& name) {
    for (const xray_line& line : xray_lines(element)) {
        if (line.name == name) return line.energy;
    }
    return 0;
}

}  // namespace

TEST_CASE("line energies are those of measured wavelengths") {
    // Bearden (1967) and Deslattes et al. (2003), in Angstrom; E = h c / lambda.
    struct known {
        std::string element, name;
        double wavelength;
    };
    const std::vector<known> lines{
        {"Cu", "K alpha", 1.540593}, {"Cu", "K beta", 1.392234},  {"Mo", "K alpha", 0.7093171},
        {"Fe", "K alpha", 1.936041}, {"Cr", "K alpha", 2.289726}, {"Al", "K alpha", 8.339514},
        {"Au", "L alpha", 1.276419}, {"W", "L alpha", 1.476350},  {"Pb", "M alpha", 5.2862}};
    for (const known& k : lines) {
        CAPTURE(k.element + " " + k.name);
        CHECK(std::abs(energy(k.element, k.name) / (12.398419843 / k.wavelength) - 1) <= 2e-4);
    }
    CHECK(energy("O", "K alpha") == 0.5249);
    CHECK(energy("Pt", "M alpha") == 2.0505);
}

TEST_CASE("the square root of a line's energy grows evenly with the atomic number (Moseley's law)") {
    for (const std::string name : {"K alpha", "K beta", "L alpha", "M alpha"}) {
        std::map<int, double> roots;
        for (int z = 10; z <= 92; ++z) {
            const double e = energy(std::string(element_symbols[static_cast<std::size_t>(z - 1)]), name);
            if (e > 0) roots[z] = std::sqrt(e);
        }
        CHECK(roots.size() > 25);
        const int from = name == "L alpha" ? 29 : name == "M alpha" ? 66 : 13;
        for (int z = from; z <= 91; ++z) {
            if (!roots.contains(z - 1) || !roots.contains(z) || !roots.contains(z + 1)) continue;
            CAPTURE(name);
            CAPTURE(z);
            CHECK(roots[z] > roots[z - 1]);
            CHECK(std::abs(roots[z + 1] - 2 * roots[z] + roots[z - 1]) <= 4e-3);
        }
    }
}

TEST_CASE("every element from Be to U has a line") {
    for (int z = 1; z <= 118; ++z) {
        const auto lines = xray_lines(element_symbols[static_cast<std::size_t>(z - 1)]);
        CAPTURE(z);
        CHECK(lines.empty() == (z < 4 || z > 92));
        if (lines.size() > 1) CHECK((lines[1].name != "K beta" || lines[1].energy > lines[0].energy));
    }
    support::check_throws<value_error>([] { xray_lines("Xx"); }, "elements", "\"Xx\"", "H to Og");
}

TEST_CASE("the width of a line") {
    for (const double resolution : {125.0, 130.0, 150.0})
        CHECK(std::abs(line_width(5.89875, resolution) - resolution / 1000) <= 1e-12);
    // 130^2 + 2.5 (8047.78 - 5898.75) = 22272.575
    CHECK(std::abs(line_width(8.04778) - 0.149240) <= 1e-6);
    // 130^2 + 2.5 (277 - 5898.75) = 2845.625
    CHECK(std::abs(line_width(0.277) - 0.0533444) <= 1e-6);
    support::check_throws<value_error>([] { line_width(5, 60); }, "resolution", "is 60", "[125, 500]");
    support::check_throws<value_error>([] { line_width(-1); }, "energy", "is -1");
}
