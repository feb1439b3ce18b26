// What a recipe does about the faults of its images before it fuses them.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/data/bad_pixels.hpp>
#include <stemfuse/data/image_faults.hpp>
#include <stemfuse/recipes/recipe_warning.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// Maps with 0 where the mask (n_y, n_x), if any, is not 0: what is there may be NaN.
template <scalar T>
xt::xtensor<T, 3> unmasked(const stack_view<const T>& maps, const xt::xtensor<unsigned char, 2>& mask) {
    xt::xtensor<T, 3> out = packed_copy<T, 3>(maps, "maps");
    for (std::size_t k = 0; mask.size() > 0 && k < out.size(); ++k) {
        if (mask.data()[k % mask.size()] != 0) out.data()[k] = 0;
    }
    return out;
}

// The mask for each of n maps.
inline xt::xtensor<unsigned char, 3> mask_of_maps(const xt::xtensor<unsigned char, 2>& mask, std::size_t n) {
    if (mask.size() == 0) return {};
    xt::xtensor<unsigned char, 3> all({n, mask.shape(0), mask.shape(1)});
    for (std::size_t i = 0; i < n; ++i) xt::view(all, i) = mask;
    return all;
}

// Mends the image where it is masked and, if asked to, where pixels stand out of their surroundings; saturation of
// image and counts is said. None is looked for in images below 3 x 3.
template <scalar T>
void repair_images(xt::xtensor<T, 2>& haadf, const xt::xtensor<T, 3>& counts, const xt::xtensor<unsigned char, 2>& mask,
                   bool find, const execution& exec, std::vector<recipe_warning>& warnings) {
    if (mask.size() > 0) mend_image(haadf, mask, exec);
    if (!find || haadf.shape(0) < 3 || haadf.shape(1) < 3) return;
    const auto faults = find_image_faults(as_view(std::as_const(haadf)), exec);
    if (faults.saturated > 0) warnings.push_back(image_saturated{{}, faults.saturated, faults.level});
    for (std::size_t i = 0; i < counts.shape(0); ++i) {
        const auto map = as_view(counts).image(i);
        if (const std::size_t n = saturated_pixels(map); n > 0)
            warnings.push_back(image_saturated{i, n, static_cast<double>(xt::amax(xt::view(counts, i))())});
    }
    if (faults.hot.empty() && faults.dead.empty()) return;
    xt::xtensor<unsigned char, 2> bad = xt::zeros<unsigned char>(haadf.shape());
    for (const auto* places : {&faults.hot, &faults.dead}) {
        for (const auto& [y, x] : *places) bad(y, x) = 1;
    }
    mend_image(haadf, bad, exec);
    warnings.push_back(haadf_mended{faults.hot.size(), faults.dead.size()});
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
