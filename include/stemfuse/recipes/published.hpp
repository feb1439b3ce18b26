// The published recipe as one call: from measured images to fused maps.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/data/alignment.hpp>
#include <stemfuse/data/min_max.hpp>
#include <stemfuse/data/threshold_start.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/recipes/recipe_observer.hpp>
#include <stemfuse/recipes/recipe_warning.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The weights are those of the tutorial on DyScO3 (Manassa et al., Elemental Microscopy (2024),
/// doi 10.69761/MXVR4353); they belong to images scaled to [0, 1] and to the early stop.
struct published_options {
    std::vector<std::string> elements;                    ///< symbols, one for each map
    double gamma = 1.6;                                   ///< exponent of the HAADF model, 1 to 3
    weighting weights = weighting::z_over_mean;           ///< of the elements in it
    std::optional<double> lambda_haadf = std::nullopt;    ///< 1 / number of elements where not given
    double lambda_chemical = 0.08;                        ///< weight of the chemical term
    double lambda_tv = 0.15;                              ///< weight of total variation
    double background = 0.24;                             ///< in units of the scaled maps, above 0
    std::size_t iterations = 30;                          ///< of the solve
    total_variation prior = {.iterations = 3};            ///< norm, algorithm and steps of the prox in an iteration
    double start_threshold = 0;                           ///< weaker pixels of the scaled maps start at 0
    alignment_mode alignment = alignment_mode::measured;  ///< of the HAADF image onto the maps
};

/// Fused maps in units of the scaled ones, and how they came about: the report of the solve.
template <scalar T>
struct published_result : fusion_report {
    xt::xtensor<T, 3> maps;                  ///< fused, (n, n_y, n_x)
    xt::xtensor<T, 2> projected;             ///< the HAADF image that they re-project to: sum of w_i x_i^gamma
    xt::xtensor<T, 3> scaled_maps;           ///< the measured ones, each on [0, 1]
    xt::xtensor<T, 2> scaled_haadf;          ///< the measured image, moved where asked for, on [0, 1]
    xt::xtensor<T, 2> haadf;                 ///< that in its own units
    double lambda_haadf = 0;                 ///< that was taken
    haadf_alignment alignment{};             ///< drift
    std::vector<recipe_warning> warnings{};  ///< what to know before the maps are believed
};

namespace detail {

// The solver of images on [0, 1], which it refers to.
template <scalar T>
auto published_solver(const image_view<const T>& haadf, const stack_view<const T>& maps, const published_options& o) {
    return fusion_solver(
        haadf_model(haadf, haadf_response(o.elements, o.weights, o.gamma)), poisson_likelihood(maps, o.background),
        o.prior,
        cost_weights{.lambda_haadf = o.lambda_haadf, .lambda_chemical = o.lambda_chemical, .lambda_tv = o.lambda_tv});
}

// Solves from `maps`, which become the fused ones, and re-projects them. The observer's false ends it early.
template <scalar T>
fusion_report solve_published(const image_view<const T>& haadf, const stack_view<const T>& measured,
                              const published_options& options, xt::xtensor<T, 3>& maps, xt::xtensor<T, 2>& projected,
                              const execution& exec, const recipe_observer& observer) {
    const auto solver = published_solver<T>(haadf, measured, options);
    const auto tell = [&](const progress& now) {
        const double done = static_cast<double>(now.iteration) / static_cast<double>(now.iterations);
        return observer({recipe_stage::fusing, done, &now});
    };
    fusion_report report = solver.solve_in_place(maps, {.iterations = options.iterations}, exec, tell);
    projected.resize(haadf.shape);
    solver.terms().elastic().project(maps, projected, exec);
    return report;
}

#ifdef STEMFUSE_COMPILED
extern template decltype(solve_published<float>) solve_published<float>;
extern template decltype(solve_published<double>) solve_published<double>;
#endif

}  // namespace detail

/// Scales the HAADF image (n_y, n_x) and every map (n, n_y, n_x) to [0, 1], fuses them by the published scheme from the
/// maps themselves, and re-projects the image. Schwartz et al., npj Comput. Mater. 8, 16 (2022), doi
/// 10.1038/s41524-021-00692-5. The maps that come out have the units of the scaled ones: their levels compare within an
/// element, not from one to another. The same bits on any number of threads.
/// Throws, before any work, shape_error where shapes or the number of elements do not fit, value_error for an image
/// that is constant or not finite, for an unknown symbol and for options out of range; later divergence_error, and
/// `cancelled` where the observer or the executor ends it.
template <image H, stack M>
auto fuse_published(const H& haadf, const M& maps, const published_options& options, const execution& exec = {},
                    const recipe_observer& observer = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 2> h(haadf, "HAADF");
    const readable<T, 3> m(maps, "maps");
    require_shape(h.view().shape, {m.view().shape[1], m.view().shape[2]}, "HAADF", "the maps'");
    observer.tell({recipe_stage::preparing, 0});
    published_result<T> result;
    result.haadf = detail::packed_copy<T, 2>(h.view(), "HAADF");
    result.alignment = align_haadf(result.haadf, m.view(), options.elements, options.alignment);
    if (const auto warning = warning_of(result.alignment)) result.warnings.push_back(*warning);
    result.scaled_haadf = min_max(result.haadf, "HAADF");
    result.scaled_maps = min_max_each(m.view(), options.elements);
    result.maps = threshold_start(result.scaled_maps, options.start_threshold);
    result.lambda_haadf = options.lambda_haadf.value_or(1 / static_cast<double>(options.elements.size()));
    static_cast<fusion_report&>(result) = detail::solve_published<T>(
        as_view(std::as_const(result.scaled_haadf)), as_view(std::as_const(result.scaled_maps)), options, result.maps,
        result.projected, exec, observer);
    if (result.reason == stop_reason::observer) throw cancelled();
    // The scheme keeps no level, and takes `background` of every pixel for no signal.
    for (auto& warning :
         departures_of<T>(as_view(std::as_const(result.maps)), as_view(std::as_const(result.scaled_maps)),
                          {.rescaled = true, .max_offset = options.background}, exec))
        result.warnings.push_back(std::move(warning));
    return result;
}

/// What fuse_published() takes at its peak for maps of this shape: the measured, scaled and fused maps, a stack more in
/// the solve, and three images.
template <scalar T>
memory_estimate published_memory(const stack_shape& shape) {
    const double image = static_cast<double>(shape[1] * shape[2] * sizeof(T));
    return {4 * static_cast<double>(shape[0]) * image + 3 * image};
}

}  // namespace stemfuse::inline STEMFUSE_ABI
