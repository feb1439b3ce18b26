// The recipe for raw counts, from a measurement to the record that the writers take.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/quantify/quantification.hpp>
#include <stemfuse/recipes/guided_fusion.hpp>

#include "count_details.hpp"
#include "count_input.hpp"
#include "count_options.hpp"
#include "count_quantify.hpp"
#include "count_record.hpp"
#include "recipe.hpp"

namespace program {

// Prints what is fused and how much memory it takes, where not quiet.
template <class T>
void announce(const measurement<T>& m, const stemfuse::thread_pool& pool, bool averaging) {
    // Measured on maps of 64 to 1024 pixels a side, with one to five elements, on one thread and two.
    const double stack = static_cast<double>(m.maps.size() * sizeof(T)), pixels = static_cast<double>(m.haadf.size()),
                 image = pixels * sizeof(T);
    // Several fits at a time, see for_each_fit().
    const double at_once = pixels <= 1 << 18 ? static_cast<double>(pool.concurrency()) : 0;
    const double fits = (at_once > 0 ? 43 + 11 * at_once : 32) * stack + 10 * image;
    // Averages of all counts and of the part, the list of neighbours, and descriptors in two layouts.
    const double neighbours = static_cast<double>(stemfuse::neighbour_bytes(m.haadf.shape(0), m.haadf.shape(1))),
                 descriptors = 2 * 28 * sizeof(float) * pixels;
    const double averages = (36 + 15 * at_once) * stack + neighbours + descriptors;
    announce_peak(averaging ? std::max(fits, averages) : fits, m);
}

// The options of the library for these. Throws usage_error for a --lambda-tv out of range.
template <class T>
stemfuse::count_fusion_options fusion_options(const measurement<T>& m, const xt::xtensor<T, 3>& background,
                                              const count_options& o, std::vector<std::string>& lines) {
    using namespace stemfuse;
    count_fusion_options options;
    options.holdout.seed = static_cast<std::uint64_t>(o.seed);
    options.holdout.names = m.symbols;
    options.holdout.scaled = m.scaled;
    if (!o.lambda_tv) return options;
    double mean = 0;
    for (const double s : count_scales<T>(as_view(m.maps), as_view(background)))
        mean += s / static_cast<double>(m.symbols.size());
    const double smoothing = *o.lambda_tv / std::sqrt(mean);
    if (!(smoothing >= 1e-6 && smoothing <= 1e6)) {
        throw usage_error("--lambda-tv: is " + to_string(*o.lambda_tv) + ", a smoothing of " + to_string(smoothing) +
                          " for these counts, must be a smoothing in [1e-6, 1e6]");
    }
    options.grid.smoothings = {smoothing};
    lines.push_back("--lambda-tv " + text_of(*o.lambda_tv, "%g") + " is a smoothing of " + text_of(smoothing, "%.4g"));
    return options;
}

// The fused maps, with averages where they are asked for; what a user should know of these goes into the details.
template <class T>
stemfuse::count_fusion_result<T> fused_counts(const measurement<T>& m, const xt::xtensor<T, 3>& background,
                                              const count_options& o, const stemfuse::count_fusion_options& options,
                                              count_details& details, const stemfuse::execution& work) {
    using namespace stemfuse;
    if (!o.averaging) return fuse_counts(m.maps, background, m.haadf, options, work);
    auto guided = fuse_counts_guided(m.maps, background, m.haadf, averaging_options(options), work);
    details.trust = trust_of(guided, m.symbols);
    details.mixtures = guided.mixtures;
    for (const auto& p : worst_places(guided.disagreement)) {
        details.warnings.push_back(m.symbols[p.element] + ": around row " + std::to_string(p.y) + ", column " +
                                   std::to_string(p.x) +
                                   " the counts disagree with the map before its balance, see the report");
    }
    return guided;
}

// Fuses, with the total counts of every map kept. Throws the library's errors, usage_error and interrupted.
template <class T>
fusion<T> fuse_raw_counts(measurement<T> m, const count_options& o, const recipe_options& r, bool quiet) {
    using namespace stemfuse;
    fusion<T> f{};
    auto& record = f.record;
    auto& details = f.counts;
    auto [background, background_line] = count_background(m, o);
    const auto factors = parse_k_factors(o.k_factors, m.symbols);
    std::printf("%s\n", stemfuse::io::one_line(background_line).c_str());
    auto options = fusion_options(m, background, o, f.lines);
    for (const auto& line : f.lines) std::printf("%s\n", line.c_str());
    details.totals = total_counts(m.maps, background);
    details.warnings = warnings_of(details.totals, m.symbols);
    if (factors) {
        // A background that was given is taken for exact, one of the files for that of windows as wide as the lines'.
        const double variance = o.background.empty() ? 1 : 0;
        details.composition.atomic = global_composition(*factors, details.totals, fraction_kind::atomic, variance);
        details.composition.weight = global_composition(*factors, details.totals, fraction_kind::weight, variance);
    }

    thread_pool pool(r.threads);
    interruptible work(pool);
    if (!quiet) announce(m, pool, o.averaging);
    const auto begin = std::chrono::steady_clock::now();
    auto result = fused_counts(m, background, o, options, details, work);
    throw_if_interrupted("after the fusion");
    options.haadf_noise = result.haadf_noise;
    details.tried = std::move(result.tried);
    details.chosen = std::move(result.chosen);
    record.fused_maps = mass_balance(result.maps, details.totals).maps;
    f.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (std::none_of(details.tried.begin(), details.tried.end(),
                     [](const auto& t) { return t.setting.haadf_weight > 0; }))
        details.warnings.push_back("the HAADF image depends on no map: it was left out, but for the prior's direction");
    if (factors) {
        if (!quiet) std::fprintf(stderr, "fusing two halves of the counts, for the errors of the composition\n");
        add_composition_maps(details.composition, *factors, record.fused_maps, m.maps, background, m.haadf,
                             details.chosen, options, work);
    }
    record.maps = m.maps;
    project_haadf(record, m.haadf, work);

    complete(f, std::move(m), std::move(background), background_line, result.haadf_noise, result.scales, o, r);
    return f;
}

// Compiled once, in count_recipe.cpp.
extern template fusion<float> fuse_raw_counts(measurement<float>, const count_options&, const recipe_options&, bool);
extern template fusion<double> fuse_raw_counts(measurement<double>, const count_options&, const recipe_options&, bool);

}  // namespace program
