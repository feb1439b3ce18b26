// The specimens of the quality bench: the four of the study whose figures are the targets, with the study's own
// particles, and those of the library.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/simulate/catalogue.hpp>

namespace quality {

// An element with a spot that the HAADF does not show, and its map without the spot.
struct spotted_element {
    stemfuse::blind_spot spot;
    std::size_t element;
    xt::xtensor<double, 2> even;
};

struct measured_specimen {
    std::string name;
    stemfuse::specimen<double> sample;
    stemfuse::acquisition_options usual;  // at dose 1
    std::optional<spotted_element> spotted{};
};

// How much of the element maps of the specimen show in its spot, relative to its surroundings: 1 if they show no spot.
inline double level_of(const xt::xtensor<double, 3>& maps, const spotted_element& s) {
    return stemfuse::spot_level(xt::xtensor<double, 2>(xt::view(maps, s.element)), s.even, s.spot);
}

// The study's core-shell spheres: centre in n_y and n_x, radius in sqrt(n_y n_x). Where they overlap the thicker
// counts.
inline stemfuse::specimen<double> study_spheres(std::size_t ny, std::size_t nx) {
    constexpr double spheres[][3] = {{0.36187202825832221, 0.58217701239287267, 0.10409735239361947},
                                     {0.68796214352016349, 0.20991658131711746, 0.19127555772777219},
                                     {0.63769793659039919, 0.56398146546030792, 0.15436249914654229},
                                     {0.68951213247291943, 0.76104345427266096, 0.10027385001701482},
                                     {0.22015134518327861, 0.71444256595254174, 0.17296554464299441}};
    const double rows = static_cast<double>(ny), columns = static_cast<double>(nx), side = std::sqrt(rows * columns);
    xt::xtensor<double, 3> amounts({std::size_t{3}, ny, nx});
    double thickest = 0;
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            double core = 0, shell = 0;
            for (const auto& [y0, x0, radius] : spheres) {
                const double dy = static_cast<double>(y) - y0 * rows, dx = static_cast<double>(x) - x0 * columns;
                const double all = stemfuse::detail::sphere_thickness(dy, dx, radius * side);
                const double inner = stemfuse::detail::sphere_thickness(dy, dx, 0.62 * radius * side);
                core = std::max(core, inner), shell = std::max(shell, all - inner);
            }
            amounts(0, y, x) = 0.75 * core, amounts(1, y, x) = 0.75 * shell, amounts(2, y, x) = core + shell;
            thickest = std::max(thickest, core + shell);
        }
    }
    for (auto& v : amounts) v /= std::max(thickest, 1.0);
    return stemfuse::detail::make_specimen<double>({"Co", "Mn", "O"}, {27, 25, 8}, amounts);
}

// The study's columns, 16 pixels a cell, poor in Dy up to the middle.
inline stemfuse::specimen<double> study_lattice(std::size_t ny, std::size_t nx) {
    constexpr double cell = 16;
    const auto column = [](std::size_t y, std::size_t x, double y0, double x0, double sigma) {
        const auto offset = [](std::size_t at, double from) {
            return std::remainder(static_cast<double>(at) - from, cell);
        };
        return std::exp(-(std::pow(offset(y, y0), 2) + std::pow(offset(x, x0), 2)) / (2 * sigma * sigma));
    };
    xt::xtensor<double, 3> amounts({std::size_t{3}, ny, nx});
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            amounts(0, y, x) = column(y, x, 8, 8, 2.0);
            amounts(1, y, x) = column(y, x, 0, 0, 2.2) * (2 * x > nx ? 1 : 0.15);
            amounts(2, y, x) = 0.6 * (column(y, x, 0, 8, 2.4) + column(y, x, 8, 0, 2.4) + column(y, x, 8, 8, 2.4));
        }
    }
    return stemfuse::detail::make_specimen<double>({"Sc", "Dy", "O"}, {21, 66, 8}, amounts);
}

inline std::vector<stemfuse::alloy_particle> study_particles() {
    return {{0.32503790246054143, 0.60409088236430519, 0.053277881914895575, 0.20991658131711746},
            {0.8136942387310685, 0.73808538179220706, 0.098530862061374402, 0.63769793659039919},
            {0.83065504207870389, 0.53315499351372142, 0.11526828432972258, 0.20164310010208886},
            {0.1455250372321529, 0.77162725020655276, 0.10837243571439553, 0.30539337236153541},
            {0.53151052738930971, 0.77601598098591384, 0.073976951242990779, 0.45361233271859513},
            {0.21445529013966858, 0.14152295007055185, 0.10364995317549043, 0.5883137069445501},
            {0.4115949412390314, 0.58769268472575287, 0.12977679486313687, 0.78850120326573814},
            {0.61434904996354045, 0.64101190820532794, 0.10507573844567521, 0.43335285438746229},
            {0.66833113854750215, 0.22267334381703252, 0.092028345798058075, 0.38614512533537343}};
}

inline std::vector<std::string> specimen_names() {
    return {"core", "lattice", "multi", "nponc", "core-shell", "perovskite", "segregated-alloy"};
}

// Those of the table of lattices, with controls that are none.
inline std::vector<std::string> lattice_names() {
    return {"spotted-perovskite", "superlattice", "dumbbells", "lattice",       "core",
            "core-shell",         "nponc",        "multi",     "hidden-element"};
}

inline std::vector<std::string> all_names() {
    auto names = specimen_names();
    const auto add = [&](const std::string& name) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    };
    for (const auto& name : lattice_names()) add(name);
    for (const auto& entry : stemfuse::specimen_catalogue()) add(std::string(entry.name));
    return names;
}

// Throws value_error for a name that is none of all_names().
inline measured_specimen make_specimen(const std::string& name, std::size_t ny, std::size_t nx) {
    const auto usual = [](const char* of) { return stemfuse::specimen_by_name(of).usual; };
    if (name == "core") return {name, study_spheres(ny, nx), usual("core-shell")};
    if (name == "lattice") return {name, study_lattice(ny, nx), usual("perovskite")};
    if (name == "multi") return {name, stemfuse::multilayer({.ny = ny, .nx = nx}), usual("multilayer")};
    if (name == "nponc") {
        return {name, stemfuse::particles_on_carbon({.ny = ny, .nx = nx, .placed = study_particles()}),
                usual("particles-on-carbon")};
    }
    const auto& entry = stemfuse::specimen_by_name(name);
    measured_specimen s{name, entry.make(ny, nx), entry.usual};
    if (name == "spotted-perovskite") {
        const stemfuse::spotted_perovskite_options even{.ny = ny, .nx = nx, .spot_oxygen = 1};
        s.spotted = {stemfuse::spot_of(even), 2, xt::view(stemfuse::spotted_perovskite(even).truth, 2)};
    }
    return s;
}

}  // namespace quality
