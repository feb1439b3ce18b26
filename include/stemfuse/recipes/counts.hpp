// The recipe for counts as one call: from a measured image and counts to fused maps, amounts and their errors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/counts/raw_counts.hpp>
#include <stemfuse/counts/ring_measure.hpp>
#include <stemfuse/data/alignment.hpp>
#include <stemfuse/data/min_max.hpp>
#include <stemfuse/recipes/count_composition.hpp>
#include <stemfuse/recipes/count_errors.hpp>
#include <stemfuse/recipes/count_recipe_types.hpp>
#include <stemfuse/recipes/faulty_images.hpp>
#include <stemfuse/recipes/recipe_observer.hpp>
#include <stemfuse/recipes/recipe_warning.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

template <scalar T>
xt::xtensor<T, 3> recipe_background(const stack_view<const T>& maps, const stack_shape& shape,
                                    const count_recipe_options& options, std::vector<background_origin>& origins) {
    xt::xtensor<T, 3> background = xt::zeros<T>(shape);
    if (maps.size() > 0) background = packed_copy<T, 3>(maps, "background");
    for (std::size_t i = 0; i < shape[0]; ++i) {
        auto own = xt::view(background, i);
        const bool given = i < options.background.size() && options.background[i].has_value();
        if (given) own = xt::zeros<T>({shape[1], shape[2]}) + static_cast<T>(*options.background[i]);
        const bool any = std::any_of(own.begin(), own.end(), [](T b) { return b > 0; });
        origins.push_back(given ? background_origin::option : any ? background_origin::maps : background_origin::none);
    }
    return background;
}

// The smoothing that a weight of total variation stands for. Throws value_error for one out of range.
template <scalar T>
double smoothing_of(double lambda_tv, const xt::xtensor<T, 3>& counts, const xt::xtensor<T, 3>& background) {
    double mean = 0;
    for (const double s : count_scales<T>(as_view(counts), as_view(background)))
        mean += s / static_cast<double>(counts.shape(0));
    const double smoothing = lambda_tv / std::sqrt(mean);
    if (!(smoothing >= 1e-6 && smoothing <= 1e6)) {
        throw value_error("lambda_tv", "is " + to_string(lambda_tv) + ", a smoothing of " + to_string(smoothing) +
                                           " for these counts, must be one in [1e-6, 1e6]");
    }
    return smoothing;
}

// The image on [0, 1], and what the maps say of it by a response that is learnt from both.
template <scalar T>
void project_counts(count_recipe_result<T>& result, const execution& exec) {
    const auto& haadf = result.haadf;
    const auto [lowest, highest] = std::minmax_element(haadf.begin(), haadf.end());
    result.scaled_haadf = xt::zeros<T>(haadf.shape());
    if (*lowest < *highest) result.scaled_haadf = min_max(haadf, "HAADF");
    const auto response = calibrate_haadf(result.maps, result.scaled_haadf, {}, exec);
    result.projected = xt::zeros<T>(haadf.shape()) + static_cast<T>(response.offset);
    for (std::size_t i = 0; i < response.responses.size(); ++i) {
        result.projected +=
            static_cast<T>(response.responses[i]) * xt::pow(xt::view(result.maps, i), static_cast<T>(response.gamma));
    }
}

// An element without counts beyond three standard errors.
inline std::vector<recipe_warning> faint_elements(const count_totals& totals) {
    std::vector<recipe_warning> found;
    for (std::size_t i = 0; i < totals.counts.size(); ++i) {
        if (!(totals.net(i) > 3 * std::sqrt(totals.counts[i] + totals.background[i])))
            found.push_back(faint_element{i, totals.counts[i], totals.background[i]});
    }
    return found;
}

// Without averages, what is not bad.
template <scalar T>
void fuse_unaveraged(count_recipe_result<T>& result, const count_recipe_options& o, const count_fusion_options& options,
                     const execution& exec) {
    const auto counts = as_view(std::as_const(result.counts)), background = as_view(std::as_const(result.background));
    const auto haadf = as_view(std::as_const(result.haadf));
    auto& fused = static_cast<count_fusion_result<T>&>(result);
    result.left_out = find_bad_pixels(counts, mask_of_maps(o.mask, counts.shape[0]), {.find = o.repair});
    if (result.left_out.bad.size() == 0) {
        fused = fuse_count_views<T>(counts, background, haadf, options, exec, {});
        return;
    }
    const auto [seen, exposure] = leave_out(counts, result.left_out);
    fused = fuse_count_views<T>(as_view(seen), background, haadf, options, exec, as_view(exposure));
}

template <scalar T>
void fuse_into(count_recipe_result<T>& result, const count_recipe_options& o, const count_fusion_options& options,
               const execution& exec) {
    const auto counts = as_view(std::as_const(result.counts)), background = as_view(std::as_const(result.background));
    const auto haadf = as_view(std::as_const(result.haadf));
    if (o.averaging) {
        guided_fusion_options guided = averaging_options(options);
        guided.mask = mask_of_maps(o.mask, counts.shape[0]);
        guided.bad_pixels.find = o.repair;
        static_cast<guided_fusion_result<T>&>(result) = fuse_guided_views<T>(counts, background, haadf, guided, exec);
        for (const auto& p : worst_places(result.disagreement))
            result.warnings.push_back(counts_disagree{p.element, p.y, p.x, p.ratio, p.deviation});
    } else {
        fuse_unaveraged(result, o, options, exec);
    }
    for (std::size_t i = 0; i < o.elements.size(); ++i) {
        if (const std::size_t n = result.left_out.count(i); n > 0) result.warnings.push_back(pixels_left_out{i, n});
    }
    if (std::none_of(result.tried.begin(), result.tried.end(),
                     [](const auto& t) { return t.setting.haadf_weight > 0; }))
        result.warnings.push_back(haadf_left_out{});
}

// Throws value_error where no element has more counts than background.
template <scalar T>
void set_global_composition(count_recipe_result<T>& result, const count_recipe_options& o) {
    if (!o.factors) return;
    // One of maps has the noise of windows as wide as the lines'.
    const double variance = o.background.empty() ? 1 : 0, error = o.error_options.background_error;
    if (!result.composition) result.composition.emplace();
    result.composition->atomic = global_composition(*o.factors, result.totals, fraction_kind::atomic, variance, error);
    result.composition->weight = global_composition(*o.factors, result.totals, fraction_kind::weight, variance, error);
}

template <scalar T>
void add_errors(count_recipe_result<T>& result, const count_recipe_options& o, const count_fusion_options& options,
                const execution& exec, const recipe_observer& observer) {
    const double replicas = static_cast<double>(o.error_options.replicas);
    auto found = estimate_count_errors<T>(
        {result, result.counts, result.background, result.haadf, options}, o.error_options,
        o.factors ? &*o.factors : nullptr, o.factors ? result.composition->fractions : xt::xtensor<double, 3>{}, exec,
        [&](std::size_t k) {
            observer.tell({recipe_stage::estimating_errors, 0.5 + 0.5 * static_cast<double>(k) / replicas});
        });
    result.errors = std::move(found.maps);
    if (o.factors) result.composition->errors = std::move(found.fractions);
}

// Where the difference of raw maps, less their background, from the fused ones follows the image: in units of its
// noise.
template <scalar T>
void look_for_rings(count_recipe_result<T>& result, const xt::xtensor<T, 3>& raw, const execution& exec) {
    const auto image = as_view(std::as_const(result.haadf));
    if (image.shape[0] < 3 || image.shape[1] < 3) return;
    for (std::size_t i = 0; i < raw.shape(0); ++i) {
        const auto map = xt::view(result.maps, i);
        const xt::xtensor<T, 2> left =
            (xt::view(raw, i) - map) / xt::sqrt(xt::maximum(map + xt::view(result.background, i), T(1e-3)));
        if (const auto found = measure_rings<T>(as_view(left), image, 1.5, exec); found.rings())
            result.warnings.push_back(rings_found{i, found.ratio});
    }
}

inline void check_recipe(const stack_shape& shape, const image_shape& haadf, const count_recipe_options& o) {
    require_shape(haadf, {shape[1], shape[2]}, "HAADF", "the maps'");
    const auto require_each = [&](std::size_t n, const char* name, bool optional) {
        if (n == shape[0] || (optional && n == 0)) return;
        throw shape_error(name,
                          "are " + std::to_string(n) + ", must be " + std::to_string(shape[0]) + ", one for each map");
    };
    require_each(o.elements.size(), "elements", false);
    require_each(o.background.size(), "background", true);
    require_each(o.counts_per_unit.size(), "counts_per_unit", true);
    for (const auto& b : o.background) require_non_negative(b.value_or(0), "background");
    if (o.factors && o.factors->elements() != o.elements)
        throw value_error("factors", "are of other elements, or in another order, than the maps");
    if (o.mask.size() > 0) require_shape(as_view(o.mask).shape, haadf, "mask", "the maps'");
    require_in_range(static_cast<double>(o.error_options.replicas), 2, 1000, "replicas");
    require_in_range(o.error_options.background_error, 0, 1, "background_error");
    if (o.lambda_tv && !(*o.lambda_tv > 0 && *o.lambda_tv <= 1e6))
        throw value_error("lambda_tv", "is " + to_string(*o.lambda_tv) + ", must be above 0, up to 1e6");
}

// fuse_measured_counts() of views; `background` may be empty.
template <scalar T>
count_recipe_result<T> count_recipe(const image_view<const T>& haadf, const stack_view<const T>& measured,
                                    const stack_view<const T>& background, const count_recipe_options& o,
                                    const execution& exec, const recipe_observer& observer) {
    require_not_empty(measured, "maps");
    if (background.size() > 0) require_shape(background.shape, measured.shape, "background", "the maps'");
    check_recipe(measured.shape, haadf.shape, o);
    observer.tell({recipe_stage::preparing, 0});
    count_recipe_result<T> result;
    result.counts = unmasked(measured, o.mask);
    const xt::xtensor<T, 3> unscaled = result.counts;
    const auto maps = as_view(unscaled);
    result.haadf = packed_copy<T, 2>(haadf, "HAADF");
    repair_images(result.haadf, result.counts, o.mask, o.repair, exec, result.warnings);
    result.alignment =
        align_haadf(result.haadf, maps, o.elements,
                    o.alignment.value_or(o.averaging ? alignment_mode::significant : alignment_mode::measured));
    if (const auto warning = warning_of(result.alignment)) result.warnings.push_back(*warning);
    const auto uncounted = why_no_raw_counts(maps);
    if (!o.counts_per_unit.empty() || (uncounted && !uncounted->only_masks))
        result.units = scale_to_counts(result.counts, o.counts_per_unit, o.elements);
    result.background = recipe_background(background, maps.shape, o, result.origins);
    result.totals = total_counts(result.counts, result.background);
    for (auto& warning : faint_elements(result.totals)) result.warnings.push_back(std::move(warning));

    count_fusion_options options;
    options.holdout.seed = o.seed;
    options.holdout.names = o.elements;
    options.holdout.scaled = result.scaled();
    if (o.lambda_tv) {
        result.smoothing = smoothing_of(*o.lambda_tv, result.counts, result.background);
        options.grid.smoothings = {*result.smoothing};
    }
    set_global_composition(result, o);
    observer.tell({recipe_stage::fusing, 0});
    fuse_into(result, o, options, exec);
    exec.throw_if_stopped();
    options.haadf_noise = result.haadf_noise;
    if (result.left_out.bad.size() > 0) {
        const auto counts = as_view(std::as_const(result.counts)), own = as_view(std::as_const(result.background));
        result.totals = total_counts(result.mended(counts, own), result.background);
        set_global_composition(result, o);
    }
    result.maps = mass_balance(result.maps, result.totals).maps;
    const xt::xtensor<T, 3> raw =
        result.mended(as_view(std::as_const(result.counts)), as_view(std::as_const(result.background))) -
        result.background;
    look_for_rings(result, raw, exec);
    for (auto& warning : departures_of<T>(as_view(std::as_const(result.maps)), as_view(raw), {}, exec))
        result.warnings.push_back(std::move(warning));
    if (o.factors) {
        result.composition->fractions = composition_maps(result.maps, *o.factors, {}, exec);
    }
    if (o.factors || o.errors) add_errors(result, o, options, exec, observer);
    observer.tell({recipe_stage::finishing, 1});
    project_counts(result, exec);
    return result;
}

#ifdef STEMFUSE_COMPILED
extern template decltype(count_recipe<float>) count_recipe<float>;
extern template decltype(count_recipe<double>) count_recipe<double>;
#endif

}  // namespace detail

/// Fuses counts (n, n_y, n_x), or maps that are counts times unknown numbers, with the HAADF image (n_y, n_x) of the
/// same area, and nothing to tune: see fuse_counts() and fuse_counts_guided(), which do the inner work. Before them the
/// image is moved onto the maps where it has drifted, and maps that are no counts are brought to counts; after them
/// every map has the total of its counts without background, and with k-factors there is a composition of the whole and
/// of every pixel with its errors. The same seed gives the same bits on any number of threads. Throws, before any work,
/// shape_error where shapes or numbers of elements do not fit, value_error for an unknown symbol, for numbers below 0
/// or not finite, for maps that cannot be brought to counts and for options out of range; later `cancelled` where the
/// observer or the executor ends it.
template <image H, stack M>
auto fuse_measured_counts(const H& haadf, const M& counts, const count_recipe_options& options,
                          const execution& exec = {}, const recipe_observer& observer = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 2> h(haadf, "HAADF");
    const readable<T, 3> m(counts, "maps");
    return detail::count_recipe<T>(h.view(), m.view(), {}, options, exec, observer);
}

/// The same with maps of the background (n, n_y, n_x): counts in a pixel that are none of the elements'.
template <image H, stack M, stack B>
auto fuse_measured_counts(const H& haadf, const M& counts, const B& background, const count_recipe_options& options,
                          const execution& exec = {}, const recipe_observer& observer = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 2> h(haadf, "HAADF");
    const readable<T, 3> m(counts, "maps"), b(background, "background");
    return detail::count_recipe<T>(h.view(), m.view(), b.view(), options, exec, observer);
}

/// What fuse_measured_counts() takes at its peak for maps of this shape on so many threads. Measured on maps of 64 to
/// 1024 pixels a side, with one to five elements, on one thread and two.
template <scalar T>
memory_estimate counts_memory(const stack_shape& shape, bool averaging, std::size_t threads) {
    const double pixels = static_cast<double>(shape[1] * shape[2]), image = pixels * sizeof(T),
                 stack = static_cast<double>(shape[0]) * image;
    // Several fits at a time, see for_each_fit().
    const double at_once = pixels <= 1 << 18 ? static_cast<double>(threads) : 0;
    const double fits = (at_once > 0 ? 43 + 11 * at_once : 32) * stack + 10 * image;
    if (!averaging) return {fits};
    // Averages of all counts and of the part, the list of neighbours, and descriptors in two layouts.
    const double neighbours = static_cast<double>(neighbour_bytes(shape[1], shape[2])),
                 descriptors = 2 * 28 * sizeof(float) * pixels;
    return {std::max(fits, (36 + 15 * at_once) * stack + neighbours + descriptors)};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
