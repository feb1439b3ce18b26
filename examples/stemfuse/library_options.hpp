// What the command line says of a recipe, as the library takes it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/recipes/published.hpp>

#include "count_options.hpp"
#include "options.hpp"

namespace program {

// Throws usage_error.
inline stemfuse::published_options library_options(const recipe_options& o, const std::vector<std::string>& symbols) {
    return {.elements = symbols,
            .gamma = o.gamma,
            .weights = by_name(stemfuse::weighting_names, o.weights, "--weights"),
            .lambda_haadf = o.lambda_haadf,
            .lambda_chemical = o.lambda_chemical,
            .lambda_tv = o.lambda_tv,
            .background = o.background,
            .iterations = o.iterations,
            .prior = {.norm = by_name(stemfuse::tv_norm_names, o.tv_norm, "--tv-norm"),
                      .algorithm = by_name(stemfuse::tv_algorithm_names, o.tv, "--tv"),
                      .iterations = o.tv_iterations},
            .start_threshold = o.start_threshold};
}

// Nothing where none are given. Throws usage_error.
inline std::optional<stemfuse::k_factors> parse_k_factors(const std::vector<std::string>& entries,
                                                          const std::vector<std::string>& symbols) {
    if (entries.empty()) return {};
    const auto values = parse_by_element(entries, symbols, "--k-factors", false);
    std::vector<std::pair<std::string, double>> named;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!(values[i].value_or(0) > 0))
            throw usage_error("--k-factors: has none above 0 for " + symbols[i] + ", must have one for each element");
        named.emplace_back(symbols[i], *values[i]);
    }
    return stemfuse::k_factors(symbols, named);
}

// Throws usage_error.
inline stemfuse::count_recipe_options library_options(const count_options& o, const std::vector<std::string>& symbols) {
    stemfuse::count_recipe_options options{.elements = symbols,
                                           .factors = parse_k_factors(o.k_factors, symbols),
                                           .lambda_tv = o.lambda_tv,
                                           .seed = static_cast<std::uint64_t>(o.seed),
                                           .averaging = o.averaging,
                                           .repair = o.repair,
                                           .errors = o.errors};
    options.error_options.background_error = o.background_error;
    options.error_options.seed = options.seed;
    if (!o.background.empty()) options.background = parse_by_element(o.background, symbols, "--background", true);
    if (!o.counts_per_unit.empty())
        options.counts_per_unit = parse_by_element(o.counts_per_unit, symbols, "--counts-per-unit", true);
    return options;
}

}  // namespace program
