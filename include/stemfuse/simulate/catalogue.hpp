// Every specimen of the library by name, with the conditions under which it is usually measured.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/joined.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/amorphous_wedge.hpp>
#include <stemfuse/simulate/antisite_superlattice.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/simulate/diffracting_grains.hpp>
#include <stemfuse/simulate/dumbbells.hpp>
#include <stemfuse/simulate/empty_columns.hpp>
#include <stemfuse/simulate/exchanged_discs.hpp>
#include <stemfuse/simulate/graded_interface.hpp>
#include <stemfuse/simulate/hidden_clusters.hpp>
#include <stemfuse/simulate/hidden_element.hpp>
#include <stemfuse/simulate/multilayer.hpp>
#include <stemfuse/simulate/particles_on_carbon.hpp>
#include <stemfuse/simulate/perovskite_columns.hpp>
#include <stemfuse/simulate/segregated_alloy.hpp>
#include <stemfuse/simulate/segregated_boundaries.hpp>
#include <stemfuse/simulate/spinodal_alloy.hpp>
#include <stemfuse/simulate/spotted_perovskite.hpp>
#include <stemfuse/simulate/stacking_fault.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A specimen by name, with the conditions of its measurement.
template <scalar T>
struct catalogue_entry {
    std::string_view name,  ///< in small letters and hyphens
        summary;            ///< what it shows, and its elements, in a line
    /// Makes it with n_y by n_x pixels. Throws value_error for a number outside of [1, 65536].
    specimen<T> (*make)(std::size_t ny, std::size_t nx);
    acquisition_options usual;  ///< at dose 1
};

/// The conditions of an entry at another dose, to which the background is proportional.
inline acquisition_options at_dose(acquisition_options usual, double dose, std::uint64_t seed) {
    usual.dose = dose;
    usual.background *= dose;
    usual.seed = seed;
    return usual;
}

/// All specimens. In most the three elements have the sensitivities 1, 0.8 and 0.5, and the background is 0.02 of the
/// dose; `usual` has what differs.
template <scalar T = double>
const std::vector<catalogue_entry<T>>& specimen_catalogue() {
    const acquisition_options plain{.dose = 1, .background = 0.02, .sensitivities = {1, 0.8, 0.5}};
    acquisition_options amplified = plain, on_film = plain, alloy = plain;
    amplified.haadf_gain = on_film.haadf_gain = alloy.haadf_gain = 900;
    amplified.haadf_offset = on_film.haadf_offset = alloy.haadf_offset = 130;
    on_film.background = 0.05;
    alloy.sensitivities = {1, 1.1, 0.9, 0.6, 0.8};
    acquisition_options lattice = plain, ordered = plain, thin = amplified;
    lattice.haadf_noise = ordered.haadf_noise = 0.025;
    ordered.sensitivities = {1, 0.9, 0.8, 0.5};
    thin.haadf_noise = 0.03;
    acquisition_options delocalised = plain, faulty = on_film;
    delocalised.delocalisation = 2.5;
    faulty.background = 0.2;
    faulty.hot_pixels = 0.0015;
    faulty.dead_rows = 0.025;
    static const std::vector<catalogue_entry<T>> entries{
        {"core-shell", "overlapping core-shell nanocrystals (Co Mn O)",
         [](std::size_t ny, std::size_t nx) { return core_shell_particles<T>({.ny = ny, .nx = nx}); }, plain},
        {"perovskite", "atomic columns of a film poor in Dy on one side (Sc Dy O)",
         [](std::size_t ny, std::size_t nx) { return perovskite_columns<T>({.ny = ny, .nx = nx}); }, plain},
        {"multilayer", "rough sharp layers between vacuum, in a wedge (Sr Ti La)",
         [](std::size_t ny, std::size_t nx) { return multilayer<T>({.ny = ny, .nx = nx}); }, amplified},
        {"particles-on-carbon", "particles on a film that is in no map, background by thickness (Pt Co O)",
         [](std::size_t ny, std::size_t nx) { return particles_on_carbon<T>({.ny = ny, .nx = nx}); }, on_film},
        {"segregated-alloy", "a grain boundary with a trace of Hf, grains of unequal HAADF (Ni Cr Co Al Hf)",
         [](std::size_t ny, std::size_t nx) { return segregated_alloy<T>({.ny = ny, .nx = nx}); }, alloy},
        {"spotted-perovskite", "atomic columns with a spot poor in O that the HAADF does not show (Sc Dy O)",
         [](std::size_t ny, std::size_t nx) { return spotted_perovskite<T>({.ny = ny, .nx = nx}); }, lattice},
        {"superlattice", "layers beside rock salt, 8% of the cations on wrong sites (Ba Sr Mn O)",
         [](std::size_t ny, std::size_t nx) { return antisite_superlattice<T>({.ny = ny, .nx = nx}); }, ordered},
        {"dumbbells", "dumbbells with a quantum well, in a wedge beside vacuum (Ga In As)",
         [](std::size_t ny, std::size_t nx) { return dumbbells<T>({.ny = ny, .nx = nx}); }, thin},
        {"hidden-element", "precipitates that the HAADF does not see, in a crystal that it shows (La Ni Li)",
         [](std::size_t ny, std::size_t nx) { return hidden_element<T>({.ny = ny, .nx = nx}); }, lattice},
        {"graded-interface", "two metals that have diffused into one another (Mo Ti N)",
         [](std::size_t ny, std::size_t nx) { return graded_interface<T>({.ny = ny, .nx = nx}); }, plain},
        {"segregated-boundaries", "grain boundaries one pixel wide, with B that the HAADF does not see (Fe Mo B)",
         [](std::size_t ny, std::size_t nx) { return segregated_boundaries<T>({.ny = ny, .nx = nx}); }, plain},
        {"spinodal-alloy", "spinodal order that the HAADF does not see (Fe Cr Al)",
         [](std::size_t ny, std::size_t nx) { return spinodal_alloy<T>({.ny = ny, .nx = nx}); }, plain},
        {"empty-columns", "a lattice with empty O columns that the HAADF does not see (Sr Ti O)",
         [](std::size_t ny, std::size_t nx) { return empty_columns<T>({.ny = ny, .nx = nx}); }, lattice},
        {"amorphous-wedge", "a crystal in a wedge beside vacuum, under an amorphous surface (In P O)",
         [](std::size_t ny, std::size_t nx) { return amorphous_wedge<T>({.ny = ny, .nx = nx}); }, thin},
        {"hidden-clusters", "dopants, alone and in clusters, that the HAADF does not see (Ti O Na)",
         [](std::size_t ny, std::size_t nx) { return hidden_clusters<T>({.ny = ny, .nx = nx}); }, lattice},
        {"diffracting-grains", "a polycrystal with diffraction contrast in the HAADF (Al Cu Mg)",
         [](std::size_t ny, std::size_t nx) { return diffracting_grains<T>({.ny = ny, .nx = nx}); }, plain},
        {"stacking-fault", "a turned lattice with a segregated stacking fault (Co Ta Cr)",
         [](std::size_t ny, std::size_t nx) { return stacking_fault<T>({.ny = ny, .nx = nx}); }, lattice},
        {"exchanged-discs", "discs in which elements of one brightness are exchanged, in a foil (Co Ni O)",
         [](std::size_t ny, std::size_t nx) { return exchanged_discs<T>({.ny = ny, .nx = nx}); }, plain},
        {"exchanged-columns", "the same discs in a lattice (Co Ni O)",
         [](std::size_t ny, std::size_t nx) { return exchanged_discs<T>({.ny = ny, .nx = nx, .lattice = true}); },
         lattice},
        {"delocalised-particles", "core-shell nanocrystals whose maps are softer than the HAADF (Co Mn O)",
         [](std::size_t ny, std::size_t nx) { return core_shell_particles<T>({.ny = ny, .nx = nx}); }, delocalised},
        {"faulty-detector", "particles on a film, with hot pixels, dead rows and much background (Pt Co O)",
         [](std::size_t ny, std::size_t nx) { return particles_on_carbon<T>({.ny = ny, .nx = nx}); }, faulty},
    };
    return entries;
}

/// The entry of that name. Throws value_error with the names there are.
template <scalar T = double>
const catalogue_entry<T>& specimen_by_name(std::string_view name) {
    const auto& entries = specimen_catalogue<T>();
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.name == name; });
    if (found != entries.end()) return *found;
    const std::string names = joined(entries, ", ", [](const auto& e) { return e.name; });
    throw value_error("specimen", is_but_must_be(name, "one of " + names));
}

}  // namespace stemfuse::inline STEMFUSE_ABI
