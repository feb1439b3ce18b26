// Energies of the X-ray lines that element maps are made of, and how wide a detector shows them.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/elements/elements.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A line of an element.
struct xray_line {
    std::string_view name;  ///< "K alpha", "K beta", "L alpha" or "M alpha"
    double energy;          ///< keV
};

namespace detail {

struct element_lines {
    std::string_view element;
    std::array<double, 4> energies;  // in the order of xray_line_names; 0 where there is none
};

inline constexpr std::array<std::string_view, 4> xray_line_names{"K alpha", "K beta", "L alpha", "M alpha"};

// K alpha 1, K beta 1, L alpha 1 and M alpha 1 in keV, from the X-ray Data Booklet (LBNL, 2009), table 1-2: Bearden,
// Rev. Mod. Phys. 39, 78 (1967), and Krause and Oliver, J. Phys. Chem. Ref. Data 8, 329 (1979).
inline constexpr element_lines xray_line_table[] = {
    {"Be", {0.1085, 0, 0, 0}},
    {"B", {0.1833, 0, 0, 0}},
    {"C", {0.277, 0, 0, 0}},
    {"N", {0.3924, 0, 0, 0}},
    {"O", {0.5249, 0, 0, 0}},
    {"F", {0.6768, 0, 0, 0}},
    {"Ne", {0.8486, 0, 0, 0}},
    {"Na", {1.04098, 1.0711, 0, 0}},
    {"Mg", {1.2536, 1.3022, 0, 0}},
    {"Al", {1.4867, 1.55745, 0, 0}},
    {"Si", {1.73998, 1.83594, 0, 0}},
    {"P", {2.0137, 2.1391, 0, 0}},
    {"S", {2.30784, 2.46404, 0, 0}},
    {"Cl", {2.62239, 2.8156, 0, 0}},
    {"Ar", {2.9577, 3.1905, 0, 0}},
    {"K", {3.3138, 3.5896, 0, 0}},
    {"Ca", {3.69168, 4.0127, 0.3413, 0}},
    {"Sc", {4.0906, 4.4605, 0.3954, 0}},
    {"Ti", {4.51084, 4.93181, 0.4522, 0}},
    {"V", {4.9522, 5.42729, 0.5113, 0}},
    {"Cr", {5.41472, 5.94671, 0.5728, 0}},
    {"Mn", {5.89875, 6.49045, 0.6374, 0}},
    {"Fe", {6.40384, 7.05798, 0.705, 0}},
    {"Co", {6.93032, 7.64943, 0.7762, 0}},
    {"Ni", {7.47815, 8.26466, 0.8515, 0}},
    {"Cu", {8.04778, 8.90529, 0.9297, 0}},
    {"Zn", {8.63886, 9.572, 1.0117, 0}},
    {"Ga", {9.25174, 10.2642, 1.09792, 0}},
    {"Ge", {9.88642, 10.9821, 1.188, 0}},
    {"As", {10.54372, 11.7262, 1.282, 0}},
    {"Se", {11.2224, 12.4959, 1.3791, 0}},
    {"Br", {11.9242, 13.2914, 1.48043, 0}},
    {"Kr", {12.649, 14.112, 1.586, 0}},
    {"Rb", {13.3953, 14.9613, 1.69413, 0}},
    {"Sr", {14.165, 15.8357, 1.80656, 0}},
    {"Y", {14.9584, 16.7378, 1.92256, 0}},
    {"Zr", {15.7751, 17.6678, 2.04236, 0}},
    {"Nb", {16.6151, 18.6225, 2.16589, 0}},
    {"Mo", {17.47934, 19.6083, 2.29316, 0}},
    {"Tc", {18.3671, 20.619, 2.424, 0}},
    {"Ru", {19.2792, 21.6568, 2.55855, 0}},
    {"Rh", {20.2161, 22.7236, 2.69674, 0}},
    {"Pd", {21.1771, 23.8187, 2.83861, 0}},
    {"Ag", {22.16292, 24.9424, 2.98431, 0}},
    {"Cd", {23.1736, 26.0955, 3.13373, 0}},
    {"In", {24.2097, 27.2759, 3.28694, 0}},
    {"Sn", {25.2713, 28.486, 3.44398, 0}},
    {"Sb", {26.3591, 29.7256, 3.60472, 0}},
    {"Te", {27.4723, 30.9957, 3.76933, 0}},
    {"I", {28.612, 32.2947, 3.93765, 0}},
    {"Xe", {29.779, 33.624, 4.1099, 0}},
    {"Cs", {30.9728, 34.9869, 4.2865, 0}},
    {"Ba", {32.1936, 36.3782, 4.46626, 0}},
    {"La", {33.4418, 37.801, 4.65097, 0.833}},
    {"Ce", {34.7197, 39.2573, 4.8402, 0.883}},
    {"Pr", {36.0263, 40.7482, 5.0337, 0.929}},
    {"Nd", {37.361, 42.2713, 5.2304, 0.978}},
    {"Pm", {38.7247, 43.826, 5.4325, 0}},
    {"Sm", {40.1181, 45.413, 5.6361, 1.081}},
    {"Eu", {41.5422, 47.0379, 5.8457, 1.131}},
    {"Gd", {42.9962, 48.697, 6.0572, 1.185}},
    {"Tb", {44.4816, 50.382, 6.2728, 1.24}},
    {"Dy", {45.9984, 52.119, 6.4952, 1.293}},
    {"Ho", {47.5467, 53.877, 6.7198, 1.348}},
    {"Er", {49.1277, 55.681, 6.9487, 1.406}},
    {"Tm", {50.7416, 57.517, 7.1799, 1.462}},
    {"Yb", {52.3889, 59.37, 7.4156, 1.5214}},
    {"Lu", {54.0698, 61.283, 7.6555, 1.5813}},
    {"Hf", {55.7902, 63.234, 7.899, 1.6446}},
    {"Ta", {57.532, 65.223, 8.1461, 1.71}},
    {"W", {59.31824, 67.2443, 8.3976, 1.7754}},
    {"Re", {61.1403, 69.31, 8.6525, 1.8425}},
    {"Os", {63.0005, 71.413, 8.9117, 1.9102}},
    {"Ir", {64.8956, 73.5608, 9.1751, 1.9799}},
    {"Pt", {66.832, 75.748, 9.4423, 2.0505}},
    {"Au", {68.8037, 77.984, 9.7133, 2.1229}},
    {"Hg", {70.819, 80.253, 9.9888, 2.1953}},
    {"Tl", {72.8715, 82.576, 10.2685, 2.2706}},
    {"Pb", {74.9694, 84.936, 10.5515, 2.3455}},
    {"Bi", {77.1079, 87.343, 10.8388, 2.4226}},
    {"Po", {79.29, 89.8, 11.1308, 0}},
    {"At", {81.52, 92.3, 11.4268, 0}},
    {"Rn", {83.78, 94.87, 11.727, 0}},
    {"Fr", {86.1, 97.47, 12.0313, 0}},
    {"Ra", {88.47, 100.13, 12.3397, 0}},
    {"Ac", {90.884, 102.85, 12.652, 0}},
    {"Th", {93.35, 105.609, 12.9687, 2.9961}},
    {"Pa", {95.868, 108.427, 13.2907, 3.0823}},
    {"U", {98.439, 111.3, 13.6147, 3.1708}},
};

}  // namespace detail

/// The lines of an element that the table has, of K alpha, K beta, L alpha and M alpha: none for H, He, Li and from Np
/// on. Throws value_error unless it is an element symbol.
inline std::vector<xray_line> xray_lines(std::string_view element) {
    atomic_number(element);
    std::vector<xray_line> lines;
    for (const detail::element_lines& row : detail::xray_line_table) {
        for (std::size_t i = 0; row.element == element && i < row.energies.size(); ++i) {
            if (row.energies[i] > 0) lines.push_back({detail::xray_line_names[i], row.energies[i]});
        }
    }
    return lines;
}

/// The full width at half maximum, in keV, of a line in the spectrum of a detector that shows Mn K alpha with a width
/// of `resolution` eV: FWHM^2 = resolution^2 + 2.5 eV (E - E_Mn), Fiori and Newbury, Scanning Electron Microscopy I,
/// 401 (1978). Throws value_error for a resolution outside of 125 to 500 eV, and an energy outside of 0 to 200 keV.
inline double line_width(double energy, double resolution = 130) {
    constexpr double manganese = 5898.75;
    require_in_range(resolution, 125, 500, "resolution");
    require_in_range(energy, 0, 200, "energy");
    return std::sqrt(resolution * resolution + 2.5 * (1000 * energy - manganese)) / 1000;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
