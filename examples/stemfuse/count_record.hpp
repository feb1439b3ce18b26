// The record that the writers take, from a fusion of counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/recipes/haadf_calibration.hpp>

#include "count_details.hpp"
#include "count_options.hpp"
#include "recipe.hpp"

namespace program {

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
        p.emplace_back(e + "_blur", c.setting.blur);
        if (!d.mixtures.empty()) p.emplace_back(e + "_weight", d.mixtures[i][0].weight);
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

// Moves the measurement into the record of its fusion, with every parameter, and says what was chosen.
template <class T>
void complete(fusion<T>& f, measurement<T> m, xt::xtensor<T, 3> background, const std::string& background_line,
              double haadf_noise, const std::vector<double>& scales, const count_options& o, const recipe_options& r) {
    auto& record = f.record;
    const auto& details = f.counts;
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
                       {"haadf_noise", haadf_noise}});
    const auto more = parameters_of(details, m.symbols, scales);
    p.insert(p.end(), more.begin(), more.end());
    if (details.composition.known()) {
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
}

}  // namespace program
