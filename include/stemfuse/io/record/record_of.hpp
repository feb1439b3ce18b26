// The record of a fusion from the result of its recipe: the one place where parameters get their names.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/joined.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/priors/tv_names.hpp>
#include <stemfuse/recipes/count_words.hpp>
#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/recipes/published.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

using parameter_list = std::vector<std::pair<std::string, parameter_value>>;

/// What is known of a measurement beside its images.
struct measurement_facts {
    std::string title;                   ///< e.g. the file's name
    pixel_calibration scale{};           ///< size of a pixel
    std::vector<input_record> inputs{};  ///< the files that were read
    std::string request{};               ///< see fusion_record
    parameter_list sources{};            ///< of the images: the first of the parameters
    parameter_list program{};            ///< of who fuses: the last of them
};

namespace detail {

template <class Enum, class Names>
std::string name_in(const Names& names, Enum value) {
    for (const auto& [name, own] : names) {
        if (own == value) return std::string(name);
    }
    return "";
}

// The drift where it is known, and whether the image was moved.
inline void add_alignment(parameter_list& p, const haadf_alignment& found) {
    if (found.measured.known) {
        p.insert(p.end(), {{"drift_y", found.measured.y},
                           {"drift_x", found.measured.x},
                           {"drift_y_error", found.measured.sigma_y},
                           {"drift_x_error", found.measured.sigma_x}});
    }
    p.emplace_back("aligned", found.moved);
}

template <scalar T, class Result>
fusion_record<T> record_of_images(Result& result, const std::vector<std::string>& elements, measurement_facts facts) {
    fusion_record<T> record{};
    record.title = std::move(facts.title);
    record.elements = elements;
    record.raw_haadf = std::move(result.haadf);
    record.haadf = std::move(result.scaled_haadf);
    record.fused_haadf = std::move(result.projected);
    record.fused_maps = std::move(result.maps);
    record.scale = std::move(facts.scale);
    record.inputs = std::move(facts.inputs);
    record.request = std::move(facts.request);
    record.parameters = std::move(facts.sources);
    add_alignment(record.parameters, result.alignment);
    return record;
}

inline std::string_view averaged_name(averaging kind) {
    switch (kind) {
        case averaging::none:
            return "no";
        case averaging::by_image:
            return "by the HAADF";
        case averaging::by_maps:
            return "by the HAADF and first maps";
        case averaging::by_components:
            return "of components of joint patches";
    }
    return "";
}

// What was chosen and counted for element i.
template <scalar T>
void add_element(parameter_list& p, const count_recipe_result<T>& r, const std::string& e, std::size_t i) {
    double mean = 0;
    for (const double s : r.scales) mean += s / static_cast<double>(r.scales.size());
    const element_choice& c = r.chosen[i];
    p.emplace_back(e + "_directed", c.setting.directed);
    p.emplace_back(e + "_haadf_weight", c.setting.haadf_weight);
    if (c.setting.haadf_weight > 0) p.emplace_back(e + "_gamma", c.setting.gamma);
    p.emplace_back(e + "_smoothing", c.setting.smoothing);
    p.emplace_back(e + "_lambda_tv", c.setting.smoothing * std::sqrt(mean));
    p.emplace_back(e + "_averaged", std::string(averaged_name(c.setting.averaged)));
    p.emplace_back(e + "_blur", c.setting.blur);
    if (r.averaged()) p.emplace_back(e + "_weight", r.mixtures[i][0].weight);
    p.emplace_back(e + "_residue", c.residue);
    p.emplace_back(e + "_scale", r.scales[i]);
    p.emplace_back(e + "_counts", r.totals.counts[i]);
    p.emplace_back(e + "_background_counts", r.totals.background[i]);
    if (const std::size_t n = r.left_out.count(i); n > 0)
        p.emplace_back(e + "_pixels_left_out", static_cast<std::int64_t>(n));
    if (r.errors.size() > 0) p.emplace_back(e + "_rms_error", std::sqrt(xt::mean(xt::square(xt::view(r.errors, i)))()));
    if (!r.composition) return;
    p.emplace_back(e + "_atomic_percent", 100 * r.composition->atomic.fractions[i]);
    p.emplace_back(e + "_atomic_percent_error", 100 * r.composition->atomic.standard_errors[i]);
    p.emplace_back(e + "_weight_percent", 100 * r.composition->weight.fractions[i]);
    p.emplace_back(e + "_weight_percent_error", 100 * r.composition->weight.standard_errors[i]);
}

template <scalar T>
parameter_list parameters_of(const count_recipe_result<T>& r, const count_recipe_options& o) {
    parameter_list p;
    for (std::size_t i = 0; i < r.units.size(); ++i)
        p.emplace_back(o.elements[i] + "_counts_per_unit", in_words(r.units[i]));
    p.insert(p.end(), {{"recipe", std::string("counts")},
                       {"elements", stemfuse::joined(o.elements, ",")},
                       {"background", background_in_words(r.origins, o)},
                       {"seed", static_cast<std::int64_t>(o.seed)},
                       {"settings_tried", static_cast<std::int64_t>(r.tried.size())},
                       {"holdout", describe(r.holdout)},
                       {"haadf_noise", r.haadf_noise}});
    for (std::size_t i = 0; i < o.elements.size(); ++i) add_element(p, r, o.elements[i], i);
    return p;
}

inline parameter_list parameters_of(const published_options& o, double lambda_haadf) {
    const auto integer = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    return {{"recipe", std::string("published")},
            {"elements", stemfuse::joined(o.elements, ",")},
            {"gamma", o.gamma},
            {"weights", name_in(weighting_names, o.weights)},
            {"lambda_haadf", lambda_haadf},
            {"lambda_chemical", o.lambda_chemical},
            {"lambda_tv", o.lambda_tv},
            {"background", o.background},
            {"iterations", integer(o.iterations)},
            {"tv", name_in(tv_algorithm_names, o.prior.algorithm)},
            {"tv_norm", name_in(tv_norm_names, o.prior.norm)},
            {"tv_iterations", integer(o.prior.iterations)},
            {"start_threshold", o.start_threshold}};
}

inline void append(parameter_list& to, parameter_list more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace detail

/// The record of the published recipe. `raw_maps` and `background` (may be empty) are the measured ones, (n, n_y, n_x).
template <scalar T>
fusion_record<T> record_of(published_result<T> result, const published_options& options, xt::xtensor<T, 3> raw_maps,
                           xt::xtensor<T, 3> background, measurement_facts facts) {
    parameter_list program = std::move(facts.program);
    auto record = detail::record_of_images<T>(result, options.elements, std::move(facts));
    record.kind = map_kind::scaled;
    record.unit = unit_of(record.kind);
    record.maps = std::move(result.scaled_maps);
    record.raw_maps = std::move(raw_maps);
    record.raw_background = std::move(background);
    for (const costs& c : result.history) {
        record.history.haadf.push_back(c.haadf);
        record.history.chemical.push_back(c.chemical);
        record.history.tv.push_back(c.tv);
        record.history.total.push_back(c.total);
    }
    detail::append(record.parameters, detail::parameters_of(options, result.lambda_haadf));
    detail::append(record.parameters, std::move(program));
    return record;
}

/// The record of the recipe for counts: the raw maps are the counts that were fused.
template <scalar T>
fusion_record<T> record_of(count_recipe_result<T> result, const count_recipe_options& options,
                           measurement_facts facts) {
    parameter_list program = std::move(facts.program);
    holdout_record holdout{result.tried, {}, reasons_in_words(result, options.elements)};
    for (const auto& c : result.chosen) holdout.chosen.push_back(c.setting);
    amounts_record amounts{result.totals, {}, {}, {}, {}};
    parameter_list parameters = detail::parameters_of(result, options);
    if (result.composition) {
        auto& c = *result.composition;
        amounts = {result.totals, c.atomic, c.weight, std::move(c.fractions), std::move(c.errors)};
    } else {
        parameters.emplace_back("amounts", std::string(relative_amounts));
    }
    auto record = detail::record_of_images<T>(result, options.elements, std::move(facts));
    record.kind = result.scaled() ? map_kind::estimated_counts : map_kind::counts;
    record.unit = unit_of(record.kind);
    record.holdout = std::move(holdout);
    record.amounts = std::move(amounts);
    if (result.averaged()) {
        record.trust =
            trust_record{result.nonlocal_fraction, result.disagreement.deviation, result.disagreement.threshold,
                         disagreement_in_words(result.disagreement, options.elements)};
    }
    record.errors = std::move(result.errors);
    record.maps = result.counts;
    record.raw_maps = std::move(result.counts);
    record.raw_background = std::move(result.background);
    detail::append(record.parameters, std::move(parameters));
    detail::append(record.parameters, std::move(program));
    return record;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
