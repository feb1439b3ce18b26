// The recipe for raw counts, from a measurement to the record that the writers take.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/analysis/count_fusion.hpp>
#include <stemfuse/analysis/quantification.hpp>
#include <stemfuse/data/min_max.hpp>

#include "recipe.hpp"

namespace program {

struct count_options {
    std::vector<std::string> background, k_factors;  // VALUE, or El=VALUE
    std::optional<double> lambda_tv;                 // the smoothing is chosen where not given
    std::int64_t seed = 1;                           // of the split of the counts
};

// "Co=1.2,O=0.9" for elements of `symbols`, or, where `plain`, one number for all of them; 0 for those not named.
// Throws usage_error that names the option.
inline std::vector<double> parse_by_element(const std::vector<std::string>& entries,
                                            const std::vector<std::string>& symbols, const std::string& option,
                                            bool plain) {
    std::vector<double> values(symbols.size(), 0);
    for (const std::string& entry : entries) {
        const auto equals = entry.find('=');
        const std::string symbol = equals == std::string::npos ? "" : entry.substr(0, equals);
        const char* const end = entry.data() + entry.size();
        double value = 0;
        const auto [stop, failure] =
            std::from_chars(entry.data() + (equals == std::string::npos ? 0 : equals + 1), end, value);
        const auto found = std::find(symbols.begin(), symbols.end(), symbol);
        const bool all = plain && equals == std::string::npos && entries.size() == 1;
        if (failure != std::errc() || stop != end || !(value >= 0 && std::isfinite(value)) ||
            (!all && found == symbols.end())) {
            throw usage_error(option + ": got \"" + entry + "\", takes " + (plain ? "a number, 0 or more, or " : "") +
                              "Symbol=NUMBER of the elements that are fused, separated by commas");
        }
        if (all) return std::vector<double>(symbols.size(), value);
        values[static_cast<std::size_t>(found - symbols.begin())] = value;
    }
    return values;
}

// The background as it was given, else as the files have it, else 0.
template <class T>
xt::xtensor<T, 3> count_background(const measurement<T>& m, const count_options& o) {
    xt::xtensor<T, 3> background = xt::zeros<T>(m.maps.shape());
    if (!o.background.empty()) {
        const auto values = parse_by_element(o.background, m.symbols, "--background", true);
        for (std::size_t i = 0; i < values.size(); ++i) xt::view(background, i) = static_cast<T>(values[i]);
    } else if (m.background.size() > 0) {
        background = m.background;
    }
    return background;
}

// "directed prior, HAADF weight 0.3, exponent 1.6, smoothing 4, residue 2%".
inline std::string in_words(const stemfuse::element_choice& c) {
    const auto& s = c.setting;
    return std::string(s.directed ? "prior directed by the HAADF" : "prior without direction") +
           (s.haadf_weight > 0
                ? ", HAADF weight " + stemfuse::to_string(s.haadf_weight) + ", exponent " + stemfuse::to_string(s.gamma)
                : ", counts alone") +
           ", smoothing " + stemfuse::to_string(s.smoothing) + ", residue " + stemfuse::to_string(100 * c.residue) +
           "%";
}

// "Co 27.1 +- 0.4%, ..." of atoms or of weight.
inline std::string in_words(const stemfuse::composition& c, const std::vector<std::string>& symbols) {
    std::string text;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        char part[80];
        std::snprintf(part, sizeof(part), "%s%s %.2f +- %.2f%%", i == 0 ? "" : ", ", symbols[i].c_str(),
                      100 * c.fractions[i], 100 * c.standard_errors[i]);
        text += part;
    }
    return text;
}

// Fuses, with the total counts of every map kept. Throws the library's errors, usage_error and interrupted.
template <class T>
fusion<T> fuse_raw_counts(measurement<T> m, const count_options& o, const recipe_options& r, bool quiet) {
    using namespace stemfuse;
    fusion<T> f{};
    auto& record = f.record;
    const xt::xtensor<T, 3> background = count_background(m, o);
    count_fusion_options options;
    options.holdout.seed = static_cast<std::uint64_t>(o.seed);
    options.holdout.names = m.symbols;
    if (o.lambda_tv) {
        double mean = 0;
        for (const double s : count_scales<T>(as_view(std::as_const(m.maps)), as_view(background)))
            mean += s / static_cast<double>(m.symbols.size());
        options.grid.smoothings = {*o.lambda_tv / std::sqrt(mean)};
    }
    std::optional<k_factors> factors;
    if (!o.k_factors.empty()) {
        const auto values = parse_by_element(o.k_factors, m.symbols, "--k-factors", false);
        std::vector<std::pair<std::string, double>> named;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!(values[i] > 0))
                throw usage_error("--k-factors: got none above 0 for " + m.symbols[i] + ", takes one for each element");
            named.emplace_back(m.symbols[i], values[i]);
        }
        factors.emplace(m.symbols, named);
    }
    thread_pool pool(r.threads);
    const auto begin = std::chrono::steady_clock::now();
    auto result = fuse_counts(m.maps, background, m.haadf, options, pool);
    f.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    throw_if_interrupted("after the fusion");

    const auto totals = total_counts(m.maps, background);
    record.fused_maps = mass_balance(result.maps, totals).maps;
    record.maps = m.maps;
    record.haadf = min_max(m.haadf, "HAADF");
    const auto response = calibrate_haadf(record.fused_maps, record.haadf, {}, pool);
    record.fused_haadf = xt::zeros<T>(record.haadf.shape()) + static_cast<T>(response.offset);
    for (std::size_t i = 0; i < m.symbols.size(); ++i)
        record.fused_haadf += static_cast<T>(response.responses[i]) *
                              xt::pow(xt::view(record.fused_maps, i), static_cast<T>(response.gamma));

    auto& p = record.parameters;
    std::string symbols;
    for (const auto& e : m.symbols) symbols += (symbols.empty() ? "" : ",") + e;
    p = {{"recipe", std::string("counts")},
         {"elements", symbols},
         {"seed", o.seed},
         {"settings_tried", static_cast<std::int64_t>(result.tried.size())},
         {"haadf_noise", result.haadf_noise}};
    for (std::size_t i = 0; i < m.symbols.size(); ++i) {
        const std::string& e = m.symbols[i];
        p.emplace_back("choice_" + e, in_words(result.chosen[i]));
        p.emplace_back("scale_" + e, result.scales[i]);
        p.emplace_back("counts_" + e, totals.counts[i]);
        p.emplace_back("background_counts_" + e, totals.background[i]);
        if (!quiet) std::fprintf(stderr, "%s: %s\n", e.c_str(), in_words(result.chosen[i]).c_str());
    }
    if (factors) {
        const std::string atoms = in_words(global_composition(*factors, totals, fraction_kind::atomic), m.symbols),
                          weight = in_words(global_composition(*factors, totals, fraction_kind::weight), m.symbols);
        p.emplace_back("atomic_percent", atoms);
        p.emplace_back("weight_percent", weight);
        std::printf("atomic percent: %s\nweight percent: %s\n", atoms.c_str(), weight.c_str());
    } else {
        p.emplace_back("amounts", std::string("relative, for each element alone: no k-factors were given"));
        std::printf("amounts are relative, for each element alone: a composition needs --k-factors\n");
    }
    p.emplace_back("precision", r.precision);
    p.emplace_back("stemfuse_version", std::string(STEMFUSE_VERSION));
    p.insert(p.begin(), m.sources.begin(), m.sources.end());
    record.title = std::move(m.title);
    record.inputs = std::move(m.inputs);
    record.request = std::move(m.request);
    record.elements = std::move(m.symbols);
    record.raw_haadf = std::move(m.haadf);
    record.raw_maps = std::move(m.maps);
    record.raw_background = background;
    record.unit = "counts per pixel";
    record.scale = std::move(m.scale);
    return f;
}

}  // namespace program
