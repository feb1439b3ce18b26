// How likely an electron loses an energy to an inner shell: the shape of an edge.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include <stemfuse/core/check.hpp>
#include <stemfuse/elements/eels_edges.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The microscope of a spectrum of losses.
struct eels_conditions {
    double beam_energy = 200;        ///< keV
    double collection_angle = 0.02;  ///< semi-angle, rad
};

namespace detail {

// Generalised oscillator strength per eV of a hydrogenic K shell at energy loss E (eV) and Q = (q a0 / Z_s)^2: Egerton,
// Electron Energy-Loss Spectroscopy in the Electron Microscope (2011), equations 3.125 to 3.127.
inline double hydrogenic_k(double loss, double q, double charge) {
    constexpr double rydberg = 13.6057;
    const double k2 = loss / (charge * charge * rydberg) - 1, k = std::max(std::sqrt(std::abs(k2)), 0.01);
    double factor;
    if (k2 >= 0) {
        double angle = std::atan2(2 * k, q - k2 + 1);
        if (angle < 0) angle += std::numbers::pi;
        factor = std::exp(-2 * angle / k) / -std::expm1(-2 * std::numbers::pi / k);
    } else {
        factor = std::exp(-std::log((q + 1 - k2 + 2 * k) / (q + 1 - k2 - 2 * k)) / k);
    }
    const double d = (q - k2 + 1) * (q - k2 + 1) + 4 * k2;
    return 256 * loss * (q + k2 / 3 + 1.0 / 3) * factor / (std::pow(charge, 4) * rydberg * rydberg * d * d * d);
}

// The same of an L shell, with the electrons of L1 from its onset on: the equations of the program SIGMAL, Egerton
// (2011), appendix B, without its empirical correction.
inline double hydrogenic_l(double loss, double q, double charge, double l1_onset) {
    constexpr double rydberg = 13.6057;
    const double k2 = loss / (charge * charge * rydberg) - 0.25, k = std::max(std::sqrt(std::abs(k2)), 0.01);
    const double a = (q - k2 + 0.25) * (q - k2 + 0.25) + k2;
    double factor, norm = 1;
    if (k2 >= 0) {
        double angle = std::atan2(k, q - k2 + 0.25);
        if (angle < 0) angle += std::numbers::pi;
        factor = std::exp(-2 * angle / k);
        norm = -std::expm1(-2 * std::numbers::pi / k);
    } else {
        factor = std::exp(-std::log((q + 0.25 - k2 + k) / (q + 0.25 - k2 - k)) / k);
    }
    const double q2 = q * q, k4 = k2 * k2, k6 = k4 * k2;
    double g;
    if (loss <= l1_onset) {
        g = (2.25 * q2 * q2 - (0.75 + 3 * k2) * q2 * q + (0.59375 - 0.75 * k2 - 0.5 * k4) * q2 +
             (0.11146 + 0.85417 * k2 + 1.8833 * k4 + k6) * q + 0.0035807 + k2 / 21.333 + k4 / 4.5714 + k6 / 2.4 +
             k4 * k4 / 4) /
            std::pow(a, 5);
    } else {
        g = (q2 * q - (5 * k2 / 3 + 11.0 / 12) * q2 + (k4 / 3 + 1.5 * k2 + 65.0 / 48) * q + k6 / 3 + 0.75 * k4 +
             k2 * 23 / 48 + 5.0 / 64) /
            std::pow(a, 4);
    }
    return 32 * g * factor * loss / (norm * rydberg * rydberg * std::pow(charge, 4));
}

}  // namespace detail

/// The cross-section of an edge per eV of loss, in cm^2/eV, 0 below its onset: the hydrogenic generalised oscillator
/// strength over the momenta that the collection angle lets pass, for an element of atomic number Z screened to Z - 0.5
/// (K) or Z - 4.15 (L23). Egerton (2011), equations 3.26, 3.146 and 3.151. White lines and near-edge structure are not
/// in it. Throws value_error for a beam energy outside [20, 1000] keV and a collection angle outside [1e-4, 0.2].
inline double edge_cross_section(const eels_edge& edge, double loss, const eels_conditions& at) {
    require_in_range(at.beam_energy, 20, 1000, "beam_energy");
    require_in_range(at.collection_angle, 1e-4, 0.2, "collection_angle");
    if (!(loss >= edge.onset)) return 0;
    constexpr double rydberg = 13.6057, rest_energy = 510998.95, bohr_radius = 5.29177e-9;  // eV, eV, cm
    const double z = atomic_number(edge.element), gamma = 1 + 1000 * at.beam_energy / rest_energy,
                 kinetic = rest_energy * (1 - 1 / (gamma * gamma)) / 2;
    const double lowest =
        loss * loss / (4 * rydberg * kinetic) + loss * loss * loss / (8 * gamma * gamma * rydberg * kinetic * kinetic);
    const double half = std::sin(at.collection_angle / 2);
    const double highest = lowest + 4 * gamma * gamma * kinetic / rydberg * half * half;
    constexpr int steps = 64;  // of the midpoint rule in log q, over which the strengths are smooth
    const double step = std::log(highest / lowest) / steps;
    double sum = 0;
    for (int k = 0; k < steps; ++k) {
        const double q = lowest * std::exp((k + 0.5) * step);  // (q a0)^2
        if (edge.shell == eels_shell::k) {
            const double charge = z - 0.5;
            sum += detail::hydrogenic_k(loss, q / (charge * charge), charge);
        } else {
            const double charge = z - 4.15;
            sum += detail::hydrogenic_l(loss, q / (charge * charge), charge, edge.l1_onset);
        }
    }
    return 4 * std::numbers::pi * bohr_radius * bohr_radius * rydberg * rydberg / (kinetic * loss) * sum * step;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
