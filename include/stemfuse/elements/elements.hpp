// The chemical elements by symbol, H to Og.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Symbols by atomic number: element_symbols[Z - 1].
inline constexpr std::array<std::string_view, 118> element_symbols{
    "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al", "Si", "P",  "S",  "Cl",
    "Ar", "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
    "Br", "Kr", "Rb", "Sr", "Y",  "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb",
    "Te", "I",  "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er",
    "Tm", "Yb", "Lu", "Hf", "Ta", "W",  "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At",
    "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",  "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No",
    "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og"};

/// The atomic number of an element symbol, in its usual spelling ("Dy"). Throws value_error for any other text.
inline int atomic_number(std::string_view symbol) {
    const auto found = std::find(element_symbols.begin(), element_symbols.end(), symbol);
    if (found == element_symbols.end()) {
        throw value_error("elements",
                          "is \"" + std::string(symbol) + "\", must be element symbols from H to Og, such as Dy");
    }
    return static_cast<int>(found - element_symbols.begin()) + 1;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
