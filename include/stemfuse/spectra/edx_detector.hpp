// What a silicon drift detector makes of an X-ray: how likely it is counted, and how its energy is spread.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <utility>

#include <stemfuse/core/check.hpp>
#include <stemfuse/elements/xray_lines.hpp>
#include <stemfuse/spectra/spectrum_axis.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What lies between specimen and crystal: nothing, or 0.3 um of polymer with 40 nm of aluminium.
enum class detector_window { none, polymer };

/// A silicon drift detector and the beam that makes the X-rays.
struct edx_detector {
    double resolution = 130;   ///< full width at half maximum at Mn K alpha, eV, see line_width()
    double beam_energy = 200;  ///< keV
    double tail = 0.01;        ///< share of a line's counts in its tail, at high energies; see add_line()
    double dead_layer = 100;   ///< nm of silicon
    double crystal = 0.45;     ///< mm of silicon
    detector_window window = detector_window::none;  ///< before the crystal
};

/// Throws value_error for a resolution outside [110, 500], a beam energy outside [5, 1000], a tail outside [0, 0.2], a
/// dead layer outside [0, 2000] and a crystal outside [0.05, 5].
inline void require_detector(const edx_detector& d) {
    require_in_range(d.resolution, 110, 500, "resolution");
    require_in_range(d.beam_energy, 5, 1000, "beam_energy");
    require_in_range(d.tail, 0, 0.2, "tail");
    require_in_range(d.dead_layer, 0, 2000, "dead_layer");
    require_in_range(d.crystal, 0.05, 5, "crystal");
}

namespace detail {

// {keV, value}, to be interpolated in the logarithms of both, within 2 to 3%. Photoabsorption of Elam, Ravel & Sieber,
// Radiat. Phys. Chem. 63, 121 (2002): of silicon in cm^2/g, and of a polymer window (0.3 um of polymer with 40 nm of
// aluminium) as the exponent of its transmission.
using absorption_point = std::pair<double, double>;
inline constexpr std::array<absorption_point, 17> silicon_absorption{{{0.1, 5.581e+04},
                                                                      {0.1197, 9.949e+04},
                                                                      {0.1434, 9.273e+04},
                                                                      {0.1486, 8.918e+04},
                                                                      {0.1504, 9.795e+04},
                                                                      {0.2007, 6.226e+04},
                                                                      {0.2982, 2.806e+04},
                                                                      {0.5436, 6931},
                                                                      {0.9443, 1766},
                                                                      {1.078, 1287},
                                                                      {1.828, 311.7},
                                                                      {1.85, 3149},
                                                                      {2.061, 2570},
                                                                      {4.185, 398.7},
                                                                      {8.811, 48.09},
                                                                      {21.94, 3.065},
                                                                      {39.52, 0.4866}}};
inline constexpr std::array<absorption_point, 15> polymer_window_absorption{{{0.1, 3.172},
                                                                             {0.1334, 2.115},
                                                                             {0.2263, 0.7371},
                                                                             {0.2808, 0.4557},
                                                                             {0.2842, 2.361},
                                                                             {0.4821, 0.7195},
                                                                             {0.5371, 0.5483},
                                                                             {0.5436, 0.7398},
                                                                             {1.003, 0.1592},
                                                                             {1.545, 0.04805},
                                                                             {1.564, 0.08486},
                                                                             {2.716, 0.01951},
                                                                             {7.271, 0.001127},
                                                                             {25.65, 2.267e-05},
                                                                             {39.52, 5.688e-06}}};

inline double interpolate_absorption(std::span<const absorption_point> table, double energy) {
    std::size_t k = 1;
    while (k + 1 < table.size() && table[k].first < energy) ++k;
    const auto& [e0, v0] = table[k - 1];
    const auto& [e1, v1] = table[k];
    const double t = (std::log(std::max(energy, table[0].first)) - std::log(e0)) / (std::log(e1) - std::log(e0));
    return std::exp(std::log(v0) + t * (std::log(v1) - std::log(v0)));
}

}  // namespace detail

/// The probability that a photon of `energy` keV is counted: exp(-mu d_dead) (1 - exp(-mu d_crystal)), times the
/// transmission of the window. Energies below 0.1 keV are taken for 0.1.
inline double detector_efficiency(const edx_detector& d, double energy) {
    constexpr double density = 2.33;  // of silicon, g/cm^3
    const double mu = density * detail::interpolate_absorption(detail::silicon_absorption, energy);
    const double crystal = std::exp(-mu * d.dead_layer * 1e-7) * -std::expm1(-mu * d.crystal * 0.1);
    if (d.window == detector_window::none) return crystal;
    return crystal * std::exp(-detail::interpolate_absorption(detail::polymer_window_absorption, energy));
}

/// The standard deviation of a line in keV, from the width of Fiori and Newbury, see line_width(), at least 20 eV wide.
inline double line_sigma(const edx_detector& d, double energy) {
    const double square = d.resolution * d.resolution + 2.5 * (1000 * energy - 5898.75);
    return std::sqrt(std::max(square, 400.0)) / 1000 / (2 * std::sqrt(2 * std::numbers::ln2));
}

/// Adds `counts` in a line at `energy` keV to the channels of `spectrum`: a Gaussian, integrated over each channel, and
/// the share d.tail (1 + 1.5 exp(-E / keV)) in an exponential tail towards low energies, of length 60 eV + 8 eV a keV,
/// under the same Gaussian.
inline void add_line(std::span<double> spectrum, const spectrum_axis& axis, const edx_detector& d, double energy,
                     double counts) {
    const double sigma = line_sigma(d, energy), tail = d.tail * (1 + 1.5 * std::exp(-energy));
    const double length = 0.06 + 0.008 * energy, root2 = std::numbers::sqrt2;
    const auto below = [&](double e) { return 0.5 * std::erfc((energy - e) / (root2 * sigma)); };
    const std::size_t first = axis.first_above(energy - 7 * sigma - axis.step),
                      last = axis.first_above(energy + 7 * sigma + axis.step);
    double previous = below(axis.edge(first));
    for (std::size_t i = first; i < last; ++i) {
        const double next = below(axis.edge(i + 1));
        spectrum[i] += counts * (1 - tail) * (next - previous);
        previous = next;
    }
    if (tail == 0) return;
    // The exponential under the Gaussian, in closed form, at the channels' centres.
    for (std::size_t i = axis.first_above(energy - 12 * length); i < last; ++i) {
        const double u = axis.centre(i) - energy;
        const double z = (u / sigma + sigma / length) / root2;
        const double density =
            std::exp(u / length + sigma * sigma / (2 * length * length)) * std::erfc(z) / (2 * length);
        spectrum[i] += counts * tail * density * axis.step;
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI
