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

#include <stemfuse/analysis/guided_fusion.hpp>
#include <stemfuse/analysis/quantification.hpp>
#include <stemfuse/data/min_max.hpp>

#include "count_details.hpp"
#include "count_options.hpp"
#include "count_quantify.hpp"
#include "recipe.hpp"

namespace program {

inline const std::string no_counts_above_1 = "no map has a number above 1";

// Why the maps are no raw counts; empty where every map holds whole numbers >= 0 and not all are masks of 0 and 1.
template <class T>
std::string why_no_counts(const measurement<T>& m) {
    const auto [n, ny, nx] = m.maps.shape();
    bool masks = true;
    for (std::size_t k = 0; k < m.maps.size(); ++k) {
        const T v = m.maps.data()[k];
        if (!(v >= 0 && std::isfinite(v) && v == std::floor(v))) {
            return m.symbols[k / (ny * nx)] + " has " + stemfuse::to_string(static_cast<double>(v)) + " at row " +
                   std::to_string(k / nx % ny) + ", column " + std::to_string(k % nx);
        }
        masks = masks && v <= 1;
    }
    return masks ? no_counts_above_1 : "";
}

template <class T>
bool whole_numbers(const measurement<T>& m) {
    const std::string why = why_no_counts(m);
    return why.empty() || why == no_counts_above_1;
}

// An executor that ends the work where the user asks for it.
class interruptible {
public:
    explicit interruptible(stemfuse::thread_pool& pool) : pool_(pool) {}

    std::size_t concurrency() const { return pool_.concurrency(); }

    template <class F>
    void for_each(std::size_t n, F&& f) {
        pool_.for_each(n, [&](std::size_t i) {
            throw_if_interrupted("in the fusion");
            f(i);
        });
    }

private:
    stemfuse::thread_pool& pool_;
};

// The background in counts per pixel: as it was given, else as the files have it, else 0; and a line that says which.
template <class T>
std::pair<xt::xtensor<T, 3>, std::string> count_background(const measurement<T>& m, const count_options& o) {
    xt::xtensor<T, 3> background = xt::zeros<T>(m.maps.shape());
    if (m.background.size() > 0) background = m.background;
    const auto given = parse_by_element(o.background, m.symbols, "--background", true);
    std::string by_option, of_file, none;
    for (std::size_t i = 0; i < m.symbols.size(); ++i) {
        auto own = xt::view(background, i);
        if (given[i]) own = xt::zeros<T>(m.haadf.shape()) + static_cast<T>(*given[i]);
        const bool any = std::any_of(own.begin(), own.end(), [](T b) { return b > 0; });
        std::string& list = given[i] ? by_option : any ? of_file : none;
        list += (list.empty() ? "" : ", ") + m.symbols[i];
        if (given[i]) list += " " + stemfuse::to_string(*given[i]);
    }
    std::string line;
    const auto add = [&](const std::string& part) { line += (line.empty() ? "background: " : "; ") + part; };
    if (!by_option.empty()) add(by_option + " counts per pixel, by --background");
    if (!of_file.empty()) add("of " + of_file + " as the files have it");
    if (!none.empty()) add("0 for " + none + ", as none is known: amounts and composition include it");
    return {std::move(background), line};
}

// What a user should know of these counts before the maps are believed.
inline std::vector<std::string> warnings_of(const stemfuse::count_totals& totals,
                                            const std::vector<std::string>& symbols) {
    std::vector<std::string> warnings;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        const double net = totals.net(i), error = std::sqrt(totals.counts[i] + totals.background[i]);
        if (net > 3 * error) continue;
        warnings.push_back(symbols[i] + " has " + text_of(totals.counts[i], "%.0f") +
                           " counts where the background is " + text_of(totals.background[i], "%.0f") +
                           (net > 0 ? ": there may be none of it" : ": its map is 0"));
    }
    return warnings;
}

// The HAADF image on [0, 1] and what the fused maps say of it, for the figure.
template <class T>
void project_haadf(stemfuse::io::fusion_record<T>& record, const xt::xtensor<T, 2>& haadf,
                   const stemfuse::execution& exec) {
    using namespace stemfuse;
    const auto [lowest, highest] = std::minmax_element(haadf.begin(), haadf.end());
    record.haadf = xt::zeros<T>(haadf.shape());
    if (*lowest < *highest) record.haadf = min_max(haadf, "HAADF");
    const auto response = calibrate_haadf(record.fused_maps, record.haadf, {}, exec);
    record.fused_haadf = xt::zeros<T>(haadf.shape()) + static_cast<T>(response.offset);
    for (std::size_t i = 0; i < response.responses.size(); ++i) {
        record.fused_haadf += static_cast<T>(response.responses[i]) *
                              xt::pow(xt::view(record.fused_maps, i), static_cast<T>(response.gamma));
    }
}

// Every parameter under the name that fused.h5 and parameters.json give it.
inline std::vector<std::pair<std::string, stemfuse::io::parameter_value>> parameters_of(
    const count_details& d, const std::vector<std::string>& symbols, const std::vector<double>& scales) {
    std::vector<std::pair<std::string, stemfuse::io::parameter_value>> p;
    double mean = 0;
    for (const double s : scales) mean += s / static_cast<double>(scales.size());
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        const std::string& e = symbols[i];
        const auto& c = d.chosen[i];
        p.emplace_back(e + "_directed", c.setting.directed);
        p.emplace_back(e + "_haadf_weight", c.setting.haadf_weight);
        if (c.setting.haadf_weight > 0) p.emplace_back(e + "_gamma", c.setting.gamma);
        p.emplace_back(e + "_smoothing", c.setting.smoothing);
        p.emplace_back(e + "_lambda_tv", c.setting.smoothing * std::sqrt(mean));
        p.emplace_back(e + "_averaged", std::string(c.setting.averaged == stemfuse::averaging::none ? "no"
                                                    : c.setting.averaged == stemfuse::averaging::by_image
                                                        ? "by the HAADF"
                                                        : "by the HAADF and first maps"));
        p.emplace_back(e + "_residue", c.residue);
        p.emplace_back(e + "_scale", scales[i]);
        p.emplace_back(e + "_counts", d.totals.counts[i]);
        p.emplace_back(e + "_background_counts", d.totals.background[i]);
        if (!d.composition.known()) continue;
        p.emplace_back(e + "_atomic_percent", 100 * d.composition.atomic.fractions[i]);
        p.emplace_back(e + "_atomic_percent_error", 100 * d.composition.atomic.standard_errors[i]);
        p.emplace_back(e + "_weight_percent", 100 * d.composition.weight.fractions[i]);
        p.emplace_back(e + "_weight_percent_error", 100 * d.composition.weight.standard_errors[i]);
    }
    return p;
}

// "Co 27.12 +- 0.41%, ...".
inline std::string in_words(const stemfuse::composition& c, const std::vector<std::string>& symbols) {
    std::string text;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        text += (i == 0 ? "" : ", ") + symbols[i] + " " + text_of(100 * c.fractions[i], "%.2f") + " +- " +
                text_of(100 * c.standard_errors[i], "%.2f") + "%";
    }
    return text;
}

// Prints what is fused and how much memory it takes, where not quiet.
template <class T>
void announce(const measurement<T>& m, const stemfuse::thread_pool& pool, bool averaging) {
    // Measured on maps of 128 to 1024 pixels a side, with two to eight elements.
    constexpr double stacks = 14, stacks_of_path = 14, images = 20, largest_image_for_paths = 1 << 18;
    const double stack = static_cast<double>(m.maps.size() * sizeof(T)),
                 image = static_cast<double>(m.haadf.size() * sizeof(T));
    const double paths =
        static_cast<double>(m.haadf.size()) <= largest_image_for_paths ? static_cast<double>(pool.concurrency()) : 1;
    // The averages of all counts and of the part, the list of neighbours, and descriptors in two layouts.
    constexpr double stacks_of_averages = 12, descriptor_bytes = 2 * 28 * sizeof(float);
    const double extra = averaging
                             ? stacks_of_averages * stack + descriptor_bytes * static_cast<double>(m.haadf.size()) +
                                   static_cast<double>(stemfuse::neighbour_bytes(m.haadf.shape(0), m.haadf.shape(1)))
                             : 0;
    std::fprintf(stderr, "expected peak of memory: %.0f MiB\n",
                 std::ceil(10 + ((stacks + stacks_of_path * paths) * stack + images * image + extra) / 1048576));
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
        throw usage_error("--lambda-tv: got " + to_string(*o.lambda_tv) + ", a smoothing of " + to_string(smoothing) +
                          " for these counts, takes one from 1e-6 to 1e6");
    }
    options.grid.smoothings = {smoothing};
    lines.push_back("--lambda-tv " + text_of(*o.lambda_tv, "%g") + " is a smoothing of " + text_of(smoothing, "%.4g"));
    return options;
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
    std::printf("%s\n", background_line.c_str());
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
    count_fusion_result<T> result;
    if (o.averaging) {
        auto guided = fuse_counts_guided(m.maps, background, m.haadf, {.counts = options}, work);
        details.trust = trust_of(guided, m.symbols);
        for (const auto& p : worst_places(guided.disagreement)) {
            details.warnings.push_back(m.symbols[p.element] + ": around row " + std::to_string(p.y) + ", column " +
                                       std::to_string(p.x) +
                                       " the counts disagree with the map before its balance, see the report");
        }
        result = std::move(guided);
    } else {
        result = fuse_counts(m.maps, background, m.haadf, options, work);
    }
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

    f.lines.clear();
    for (std::size_t i = 0; i < m.symbols.size(); ++i) f.lines.push_back(reason_of(details, m.symbols, i));
    std::string symbols;
    for (const auto& e : m.symbols) symbols += (symbols.empty() ? "" : ",") + e;
    auto& p = record.parameters;
    p = std::move(m.sources);
    p.insert(p.end(), {{"recipe", std::string("counts")},
                       {"elements", symbols},
                       {"background", background_line.substr(background_line.find(' ') + 1)},
                       {"seed", o.seed},
                       {"settings_tried", static_cast<std::int64_t>(details.tried.size())},
                       {"haadf_noise", result.haadf_noise}});
    const auto more = parameters_of(details, m.symbols, result.scales);
    p.insert(p.end(), more.begin(), more.end());
    if (factors) {
        f.lines.push_back("atomic percent: " + in_words(details.composition.atomic, m.symbols));
        f.lines.push_back("weight percent: " + in_words(details.composition.weight, m.symbols));
    } else {
        const std::string amounts = "relative amounts per element only: a composition needs --k-factors";
        f.lines.push_back(amounts);
        p.emplace_back("amounts", amounts);
    }
    p.emplace_back("precision", r.precision);
    p.emplace_back("stemfuse_version", std::string(STEMFUSE_VERSION));
    record.title = std::move(m.title);
    record.inputs = std::move(m.inputs);
    record.request = std::move(m.request);
    record.elements = std::move(m.symbols);
    record.raw_haadf = std::move(m.haadf);
    record.raw_maps = std::move(m.maps);
    record.raw_background = std::move(background);
    record.unit = m.scaled ? "counts per pixel (est.)" : "counts per pixel";
    record.scale = std::move(m.scale);
    return f;
}

}  // namespace program
