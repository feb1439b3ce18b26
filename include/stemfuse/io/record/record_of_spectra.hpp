// The record of a fusion of spectra.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/joined.hpp>
#include <stemfuse/io/record/record_of.hpp>
#include <stemfuse/recipes/spectral_recipe.hpp>
#include <stemfuse/spectra/sum_fit.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The sum spectrum of a record: `sum` are the counts of every channel, `errors` standard errors of the signatures'
/// counts. `bins` may be null.
inline spectrum_record record_of(const std::vector<double>& sum, const spectral_signatures& s, std::string unit,
                                 std::vector<double> errors, const signature_bins* bins,
                                 std::vector<std::string> sentences) {
    spectrum_record r{.first = s.axis.first, .step = s.axis.step, .unit = std::move(unit), .first_used = s.first};
    r.sum = sum;
    r.fit = s.model;
    r.elements = s.elements;
    r.signatures.resize({s.shapes.rows(), s.axis.channels});
    for (std::size_t i = 0; i < s.shapes.rows(); ++i) {
        for (std::size_t c = 0; c < s.axis.channels; ++c) r.signatures(i, c) = s.shapes(i, c);
    }
    r.counts = s.counts;
    r.errors = std::move(errors);
    r.sentences = std::move(sentences);
    if (bins == nullptr) return r;
    for (const std::uint16_t b : bins->bin_of)
        r.bin_of.push_back(b == signature_bins::unused ? -1 : static_cast<double>(b));
    r.information = bins->kept;
    return r;
}

/// The record of a recipe for spectra: the raw maps are counts by the filter. `method` is the parameter "recipe".
template <scalar T>
fusion_record<T> record_of(spectral_recipe_result<T> result, const spectral_recipe_options& options,
                           spectrum_record spectrum, const std::string& method, measurement_facts facts) {
    parameter_list program = std::move(facts.program);
    const std::size_t n = result.maps.shape(0);
    const std::vector<std::string> elements(options.elements.begin(),
                                            options.elements.begin() + static_cast<std::ptrdiff_t>(n));
    auto record = detail::record_of_images<T>(result, elements, std::move(facts));
    record.kind = map_kind::counts;
    record.unit = unit_of(record.kind);
    record.maps = result.raw_maps;
    record.raw_maps = std::move(result.raw_maps);
    record.raw_errors = std::move(result.raw_errors);
    const auto& f = result.fusion;
    const auto& chosen = f.tried.at(f.chosen);
    parameter_list p{{"recipe", method},
                     {"elements", stemfuse::joined(elements, ",")},
                     {"modelled", stemfuse::joined(options.elements, ",")},
                     {"seed", static_cast<std::int64_t>(options.fusion.seed)},
                     {"settings_tried", static_cast<std::int64_t>(f.tried.size())},
                     {"smoothing", chosen.smoothing},
                     {"haadf_weight", chosen.haadf_weight},
                     {"haadf_noise", f.haadf_noise}};
    if (chosen.haadf_weight > 0) p.emplace_back("gamma", chosen.gamma);
    for (std::size_t i = 0; i < n; ++i) {
        p.emplace_back(elements[i] + "_scale", f.scales[i]);
        p.emplace_back(elements[i] + "_counts", spectrum.counts[i]);
        p.emplace_back(elements[i] + "_counts_error", spectrum.errors[i]);
    }
    record.spectrum = std::move(spectrum);
    detail::append(record.parameters, std::move(p));
    detail::append(record.parameters, std::move(program));
    return record;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
