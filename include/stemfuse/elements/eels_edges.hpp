// The ionisation edges of elements in spectra of energy losses.
#pragma once

#include <optional>
#include <string_view>

#include <stemfuse/core/check.hpp>
#include <stemfuse/elements/elements.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The subshells whose edges are known here: K, and L2 with L3.
enum class eels_shell { k, l23 };

/// An edge in a spectrum of energy losses.
struct eels_edge {
    std::string_view element;  ///< symbol
    eels_shell shell;          ///< whose electrons make it
    double onset,              ///< eV
        l1_onset = 0;          ///< eV: for L23 that of L1, whose electrons add to the edge from there on; for K 0
};

namespace detail {

// Binding energies, X-ray Data Booklet (LBNL, 2009), table 1-1, K and L3, L1 rounded to eV; onsets of C, N, O and F as
// they are measured in solids, Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope (2011), appendix
// D.
inline constexpr eels_edge eels_edge_table[] = {
    {"B", eels_shell::k, 188},           {"C", eels_shell::k, 284},           {"N", eels_shell::k, 402},
    {"O", eels_shell::k, 532},           {"F", eels_shell::k, 685},           {"Na", eels_shell::k, 1072},
    {"Mg", eels_shell::k, 1305},         {"Al", eels_shell::k, 1560},         {"Si", eels_shell::k, 1839},
    {"P", eels_shell::l23, 135, 189},    {"S", eels_shell::l23, 164, 231},    {"Cl", eels_shell::l23, 200, 270},
    {"K", eels_shell::l23, 294, 379},    {"Ca", eels_shell::l23, 346, 438},   {"Sc", eels_shell::l23, 402, 498},
    {"Ti", eels_shell::l23, 456, 564},   {"V", eels_shell::l23, 513, 628},    {"Cr", eels_shell::l23, 575, 695},
    {"Mn", eels_shell::l23, 640, 769},   {"Fe", eels_shell::l23, 708, 846},   {"Co", eels_shell::l23, 779, 926},
    {"Ni", eels_shell::l23, 855, 1008},  {"Cu", eels_shell::l23, 931, 1096},  {"Zn", eels_shell::l23, 1020, 1194},
    {"Ga", eels_shell::l23, 1115, 1299}, {"Ge", eels_shell::l23, 1217, 1415}, {"As", eels_shell::l23, 1324, 1527},
    {"Se", eels_shell::l23, 1434, 1652}};

}  // namespace detail

/// The edge of an element by which maps are made here: K from B to Si, L23 from P to Se, without the rare gases;
/// nothing for others, whose edges a hydrogenic model does not describe. Throws value_error for what is no symbol.
inline std::optional<eels_edge> eels_edge_of(std::string_view element) {
    atomic_number(element);
    for (const eels_edge& edge : detail::eels_edge_table) {
        if (edge.element == element) return edge;
    }
    return {};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
