// From measured spectra and the image beside them to fused maps, as the other recipes do for images: alignment, fusion,
// errors, what should be known.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/data/alignment.hpp>
#include <stemfuse/data/min_max.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/recipes/haadf_calibration.hpp>
#include <stemfuse/recipes/losses.hpp>
#include <stemfuse/recipes/recipe_observer.hpp>
#include <stemfuse/recipes/recipe_warning.hpp>
#include <stemfuse/recipes/spectra.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of fuse_measured_spectra() and fuse_measured_losses().
struct spectral_recipe_options {
    std::vector<std::string> elements{};  ///< symbols of all maps, in the order of the signatures
    std::size_t wanted = 0;               ///< of these, the first whose maps are returned; 0: all
    alignment_mode alignment = alignment_mode::measured;
    spectral_fusion_options fusion{};  ///< for losses take loss_fusion_options()
    bool halves = false;  ///< whether two halves of the counts are fused as well, for errors: half as much time again
};

/// What fuse_measured_spectra() and fuse_measured_losses() return.
template <scalar T>
struct spectral_recipe_result {
    xt::xtensor<T, 2> haadf;               ///< as measured, moved where it was aligned
    xt::xtensor<T, 2> scaled_haadf;        ///< the same on [0, 1]
    xt::xtensor<T, 2> projected;           ///< that image as the fused maps make it
    xt::xtensor<T, 3> raw_maps;            ///< (n_wanted, n_y, n_x): counts by the filter, noise below 0 included
    xt::xtensor<T, 3> raw_errors;          ///< their standard errors, from the counts around a pixel
    xt::xtensor<T, 3> maps;                ///< (n_wanted, n_y, n_x): fused, expected counts
    haadf_alignment alignment;             ///< drift, and what was done about it
    xt::xtensor<T, 3> half, other_half;    ///< maps of half the counts each; empty unless asked for
    spectral_fusion_result<T> fusion;      ///< settings, background and the maps of all elements
    std::vector<recipe_warning> warnings;  ///< what should be known
};

namespace detail {

// Standard errors of filtered counts from their variances in each pixel, under a Gaussian of 2 pixels: those of a
// pixel's own counts would be 0 where it has none. At least a tenth of the mean's.
template <scalar T>
xt::xtensor<T, 3> smooth_errors(const xt::xtensor<T, 3>& variance, std::size_t count, const execution& exec) {
    xt::xtensor<T, 3> own = xt::view(variance, xt::range(std::size_t{0}, count));
    xt::xtensor<T, 3> errors = gaussian_filter(as_view(std::as_const(own)), 2, exec);
    for (std::size_t i = 0; i < count; ++i) {
        auto error = xt::view(errors, i);
        const T least = static_cast<T>(0.01 * xt::mean<double>(error)());
        error = xt::sqrt(xt::maximum(error, least));
    }
    return errors;
}

// The image on [0, 1] as maps make it: responses by least squares of the exponent that fits better, of 1 and 1.6.
template <scalar T>
xt::xtensor<T, 2> projected_image(const xt::xtensor<T, 3>& maps, const std::vector<double>& scales,
                                  const xt::xtensor<T, 2>& image, const execution& exec) {
    const auto x = over_scales(maps, scales);
    const auto found = calibrate_haadf(x, image, {.gammas = {1, 1.6}}, exec);
    xt::xtensor<T, 2> out({image.shape(0), image.shape(1)});
    out.fill(static_cast<T>(found.offset));
    for (std::size_t i = 0; i < scales.size(); ++i)
        out += static_cast<T>(found.responses[i]) * xt::pow(xt::view(x, i), static_cast<T>(found.gamma));
    return out;
}

// What both recipes share: fuse(image) fuses, `raw` are the filtered maps of all elements.
template <scalar T, image H, class Fuse>
spectral_recipe_result<T> spectral_recipe(const H& haadf, const xt::xtensor<T, 3>& raw, xt::xtensor<T, 3> raw_errors,
                                          const spectral_recipe_options& options, const execution& exec,
                                          const recipe_observer& observer, Fuse&& fuse) {
    const readable<T, 2> image(haadf, "HAADF");
    require_count(options.elements.size(), raw.shape(0), "elements", "symbols", "one for each map");
    require_shape(image.view().shape, {raw.shape(1), raw.shape(2)}, "HAADF", "the spectra's");
    const std::size_t wanted = options.wanted == 0 ? raw.shape(0) : std::min(options.wanted, raw.shape(0));
    observer.tell({recipe_stage::preparing, 0});
    spectral_recipe_result<T> r;
    r.haadf = packed_copy<T, 2>(image.view(), "HAADF");
    const auto part = [&](const xt::xtensor<T, 3>& all) -> xt::xtensor<T, 3> {
        return xt::view(all, xt::range(std::size_t{0}, wanted));
    };
    r.alignment = align_haadf(r.haadf, as_view(raw), options.elements, options.alignment);
    if (const auto warning = warning_of(r.alignment)) r.warnings.push_back(*warning);
    r.scaled_haadf = min_max(r.haadf, "HAADF");
    observer.tell({recipe_stage::fusing, 0.05});
    r.fusion = fuse(std::as_const(r.haadf));
    observer.tell({recipe_stage::finishing, 0.9});
    r.raw_maps = part(raw);
    r.raw_errors = std::move(raw_errors);
    r.maps = part(r.fusion.maps);
    r.projected = projected_image(r.fusion.maps, r.fusion.scales, r.scaled_haadf, exec);
    for (auto& warning : departures_of<T>(as_view(std::as_const(r.maps)), as_view(std::as_const(r.raw_maps)), {}, exec))
        r.warnings.push_back(std::move(warning));
    return r;
}

}  // namespace detail

/// Fuses binned X-ray spectra with the HAADF image (n_y, n_x) of the same area: measures or takes out drift, fuses (see
/// fuse_spectra()), re-projects the image and compares fused with raw maps. Throws what fuse_spectra() throws,
/// shape_error for another number of elements, value_error for an image that is constant.
template <scalar T, image H>
spectral_recipe_result<T> fuse_measured_spectra(const H& haadf, const binned_spectra<T>& spectra,
                                                const spectral_recipe_options& options, const execution& exec = {},
                                                const recipe_observer& observer = {}) {
    const std::size_t n = spectra.filtered.shape(0) - 1;
    const xt::xtensor<T, 3> raw = xt::view(spectra.filtered, xt::range(std::size_t{0}, n));
    const std::size_t wanted = options.wanted == 0 ? n : std::min(options.wanted, n);
    auto result = detail::spectral_recipe<T>(
        haadf, raw, detail::smooth_errors(spectra.variance, wanted, exec), options, exec, observer,
        [&](const xt::xtensor<T, 2>& image) { return fuse_spectra(spectra, image, options.fusion, exec); });
    if (!options.halves) return result;
    const auto [half, other] = fuse_spectrum_halves(spectra, result.haadf, result.fusion, options.fusion, exec);
    result.half = xt::view(half, xt::range(std::size_t{0}, wanted));
    result.other_half = xt::view(other, xt::range(std::size_t{0}, wanted));
    return result;
}

/// The same of spectra of energy losses, see fuse_losses(): maps that are right relative to one another, pixel by
/// pixel, not as a composition. Throws what fuse_losses() throws, and as fuse_measured_spectra() does.
template <scalar T, image H>
spectral_recipe_result<T> fuse_measured_losses(const H& haadf, const filtered_losses<T>& losses,
                                               const spectral_recipe_options& options, const execution& exec = {},
                                               const recipe_observer& observer = {}) {
    const std::size_t n = losses.maps.shape(0) - 1, ny = losses.maps.shape(1), nx = losses.maps.shape(2);
    const xt::xtensor<T, 3> raw = xt::view(losses.maps, xt::range(std::size_t{0}, n));
    const std::size_t wanted = options.wanted == 0 ? n : std::min(options.wanted, n);
    xt::xtensor<T, 3> errors({wanted, ny, nx});
    for (std::size_t i = 0; i < wanted; ++i)
        xt::view(errors, i) = xt::sqrt(xt::view(losses.covariance, i * (i + 1) / 2 + i));
    return detail::spectral_recipe<T>(
        haadf, raw, std::move(errors), options, exec, observer,
        [&](const xt::xtensor<T, 2>& image) { return fuse_losses(losses, image, options.fusion, exec); });
}

}  // namespace stemfuse::inline STEMFUSE_ABI
