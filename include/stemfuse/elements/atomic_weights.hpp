// The standard atomic weights of the elements, H to Og.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <stemfuse/elements/elements.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// By atomic number, atomic_weights[Z - 1], in g/mol: the abridged standard values of IUPAC (2021), of five digits at
/// most; for elements without one, all radioactive, the mass number of the longest-lived isotope known.
inline constexpr std::array<double, 118> atomic_weights{
    1.008,  4.0026, 6.94,   9.0122, 10.81,  12.011, 14.007, 15.999, 18.998, 20.180, 22.990, 24.305,  // H to Mg
    26.982, 28.085, 30.974, 32.06,  35.45,  39.95,  39.098, 40.078, 44.956, 47.867, 50.942, 51.996,  // Al to Cr
    54.938, 55.845, 58.933, 58.693, 63.546, 65.38,  69.723, 72.630, 74.922, 78.971, 79.904, 83.798,  // Mn to Kr
    85.468, 87.62,  88.906, 91.224, 92.906, 95.95,  97,     101.07, 102.91, 106.42, 107.87, 112.41,  // Rb to Cd
    114.82, 118.71, 121.76, 127.60, 126.90, 131.29, 132.91, 137.33, 138.91, 140.12, 140.91, 144.24,  // In to Nd
    145,    150.36, 151.96, 157.25, 158.93, 162.50, 164.93, 167.26, 168.93, 173.05, 174.97, 178.49,  // Pm to Hf
    180.95, 183.84, 186.21, 190.23, 192.22, 195.08, 196.97, 200.59, 204.38, 207.2,  208.98, 209,     // Ta to Po
    210,    222,    223,    226,    227,    232.04, 231.04, 238.03, 237,    244,    243,    247,     // At to Cm
    247,    251,    252,    257,    258,    259,    266,    267,    268,    269,    270,    269,     // Bk to Hs
    278,    281,    282,    285,    286,    289,    290,    293,    294,    294};                    // Mt to Og

/// The atomic weight of an element symbol. Throws value_error as atomic_number does.
inline double atomic_weight(std::string_view symbol) {
    return atomic_weights[static_cast<std::size_t>(atomic_number(symbol)) - 1];
}

}  // namespace stemfuse::inline STEMFUSE_ABI
