// The drift between the HAADF image and the maps of a measurement: measured, and corrected where that is asked for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/error.hpp>
#include <stemfuse/data/drift.hpp>
#include <stemfuse/elements/elements.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What becomes of drift between the HAADF image and the maps.
enum class alignment_mode {
    none,         ///< no drift is looked for
    measured,     ///< the image stays where it is
    significant,  ///< it is moved where more than half a pixel of drift is certain
    certain       ///< it is moved by whatever drift is certain
};

/// What was measured, and what the image was moved by: its pixel (r, c) is now what was at (r + y, c + x).
struct haadf_alignment {
    alignment_mode mode = alignment_mode::measured;  ///< as asked for
    drift measured{};                                ///< not known where none was looked for
    bool moved = false;                              ///< whether the image was moved
    double y = 0,                                    ///< rows by which it was moved, in pixels
        x = 0;                                       ///< columns
};

/// Measures the drift between the image (n_y, n_x) and the sum of the maps (n, n_y, n_x), each weighted by its atomic
/// number, and moves the image onto the maps as the mode says. What cannot be measured, such as images with NaN, stays
/// as it is, for the recipe to say what is wrong with it. Throws shape_error where there is not one element a map,
/// value_error for an unknown symbol.
template <scalar T>
haadf_alignment align_haadf(xt::xtensor<T, 2>& haadf, const stack_view<const T>& maps,
                            const std::vector<std::string>& elements, alignment_mode mode) {
    if (elements.size() != maps.shape[0]) {
        throw shape_error("elements", "are " + std::to_string(elements.size()) + ", must be " +
                                          std::to_string(maps.shape[0]) + ", one for each map");
    }
    xt::xtensor<double, 2> sum = xt::zeros<double>({maps.shape[1], maps.shape[2]});
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const T z = static_cast<T>(atomic_number(elements[i]));
        for (std::size_t r = 0; r < maps.shape[1]; ++r) {
            for (std::size_t c = 0; c < maps.shape[2]; ++c) sum(r, c) += static_cast<double>(z * maps.row(i, r)[c]);
        }
    }
    haadf_alignment found{.mode = mode};
    if (mode == alignment_mode::none) return found;
    try {
        found.measured = measure_drift(haadf, sum);
    } catch (const argument_error&) {
        return found;
    }
    const double y = found.measured.certain_y(), x = found.measured.certain_x();
    found.moved = mode == alignment_mode::certain ? y != 0 || x != 0
                                                  : mode == alignment_mode::significant && found.measured.significant();
    if (!found.moved) return found;
    haadf = shifted(haadf, y, x);
    found.y = y;
    found.x = x;
    return found;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
