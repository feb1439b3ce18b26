// What a fusion of counts leaves behind beside its maps: how settings were chosen, and the composition.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <stemfuse/counts/choose.hpp>
#include <stemfuse/quantify/quantification.hpp>
#include <stemfuse/recipes/count_problem.hpp>
#include <stemfuse/recipes/count_search.hpp>
#include <stemfuse/recipes/guided_fusion.hpp>
#include <stemfuse/report/report.hpp>
#include <stemfuse/report/report_holdout.hpp>
#include <stemfuse/report/report_trust.hpp>

namespace program {

// The composition of the whole image and of every pixel, empty without k-factors.
struct count_composition {
    stemfuse::composition atomic{}, weight{};
    xt::xtensor<double, 3> fractions{}, errors{};  // atomic, (n, n_y, n_x)

    bool known() const { return !atomic.fractions.empty(); }
};

// All of it is empty for a fusion by another recipe.
struct count_details {
    std::vector<stemfuse::tried_setting> tried{};
    std::vector<stemfuse::element_choice> chosen{};
    std::vector<std::vector<stemfuse::mixture_part>> mixtures{};  // of each element; none without averages
    stemfuse::count_totals totals{};
    count_composition composition{};
    stemfuse::io::trust_section trust{};
    std::vector<std::string> warnings{};

    bool known() const { return !tried.empty(); }
};

inline std::string text_of(double value, const char* format) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

inline bool same_variant(const stemfuse::count_setting& a, const stemfuse::count_setting& b) {
    return a.directed == b.directed && a.haadf_weight == b.haadf_weight && a.gamma == b.gamma &&
           a.averaged == b.averaged;
}

inline bool same_setting(const stemfuse::count_setting& a, const stemfuse::count_setting& b) {
    return same_variant(a, b) && a.smoothing == b.smoothing && a.blur == b.blur;
}

// "HAADF weight 0.3, exponent 1.6, prior directed by the HAADF", or "counts alone, ...".
inline std::string variant_in_words(const stemfuse::count_setting& s) {
    if (s.averaged == stemfuse::averaging::by_image) return "averaged by the HAADF";
    if (s.averaged == stemfuse::averaging::by_maps) return "averaged by the HAADF and first maps";
    return (s.haadf_weight > 0
                ? "HAADF weight " + stemfuse::to_string(s.haadf_weight) + ", exponent " + stemfuse::to_string(s.gamma)
                : std::string("counts alone")) +
           (s.directed ? ", prior directed by the HAADF" : ", prior without direction");
}

inline std::string in_words(const stemfuse::count_setting& s) {
    return variant_in_words(s) + ", smoothing " + text_of(s.smoothing, "%.4g") +
           (s.blur > 0 ? ", blur " + text_of(s.blur, "%.4g") + " px" : "");
}

inline std::string in_words(const stemfuse::element_choice& c) {
    return in_words(c.setting) +
           (c.residue > 0 ? ", residue below " + stemfuse::to_string(100 * c.residue) + "% taken for none" : "");
}

inline std::string in_words(const stemfuse::score_deficit& d) {
    return text_of(d.value, "%.3g") + " +- " + text_of(d.standard_error, "%.2g");
}

// The place of a setting among those tried.
inline std::size_t place_of(const std::vector<stemfuse::tried_setting>& tried, const stemfuse::count_setting& s) {
    const auto found =
        std::find_if(tried.begin(), tried.end(), [&](const auto& t) { return same_setting(t.setting, s); });
    return static_cast<std::size_t>(found - tried.begin());
}

// The place of the best setting for all elements together.
inline std::size_t common_place(const std::vector<stemfuse::tried_setting>& tried) {
    const auto best = std::min_element(tried.begin(), tried.end(),
                                       [](const auto& a, const auto& b) { return a.deficit.value < b.deficit.value; });
    return static_cast<std::size_t>(best - tried.begin());
}

// What was chosen for element i, and why, in one sentence.
inline std::string reason_of(const count_details& d, const std::vector<std::string>& symbols, std::size_t i) {
    const std::string& symbol = symbols[i];
    std::string text = symbol + ": " + in_words(d.chosen[i]) + "; ";
    const std::size_t common = common_place(d.tried);
    const auto& own = d.tried[place_of(d.tried, d.chosen[i].setting)].by_element[i];
    if (d.tried.size() == 1) return text + "it was the only one tried.";
    if (same_setting(d.chosen[i].setting, d.tried[common].setting)) {
        text += symbols.size() == 1
                    ? "it predicts the counts held out best"
                    : "it predicts the held-out counts of all elements together best, and those of " + symbol +
                          (own.value > 0 ? " worse than the best one by " + in_words(own) + " only" : " too");
    } else {
        text += "it predicts the held-out counts of " + symbol +
                (own.value > 0 ? " worse than the best one by " + in_words(own) : " best");
        const auto& together = d.tried[common].by_element[i];
        if (together.value > 0)
            text += ", and the best one for all elements together predicts them worse by " + in_words(together);
    }
    const stemfuse::score_deficit* alone = nullptr;
    for (const auto& t : d.tried) {
        if (t.setting.haadf_weight > 0 || t.setting.averaged != stemfuse::averaging::none) continue;
        if (alone == nullptr || t.by_element[i].value < alone->value) alone = &t.by_element[i];
    }
    if (d.chosen[i].setting.haadf_weight > 0 && alone != nullptr)
        text += "; counts alone are worse than the best one by " + in_words(*alone);
    if (!d.mixtures.empty() && d.mixtures[i].size() > 1) {
        text += "; the map is " + text_of(100 * d.mixtures[i][0].weight, "%.0f") + "% of it";
        for (std::size_t k = 1; k < d.mixtures[i].size(); ++k)
            text += ", " + text_of(100 * d.mixtures[i][k].weight, "%.0f") + "% " + in_words(d.mixtures[i][k].setting);
    }
    return text + ".";
}

// The deficits of one element, or of all for i = n, as the report draws them: at every smoothing that of the best blur.
inline stemfuse::io::holdout_panel panel_of(const count_details& d, const std::vector<std::string>& symbols,
                                            std::size_t i) {
    const bool all = i == symbols.size();
    stemfuse::io::holdout_panel panel{all ? "all elements" : symbols[i], {}, 0, 0};
    const auto& taken = all ? d.tried[common_place(d.tried)].setting : d.chosen[i].setting;
    std::vector<stemfuse::count_setting> variants;
    for (const auto& t : d.tried) {
        const auto at =
            std::find_if(variants.begin(), variants.end(), [&](const auto& v) { return same_variant(v, t.setting); });
        const auto k = static_cast<std::size_t>(at - variants.begin());
        if (k == variants.size()) {
            variants.push_back(t.setting);
            panel.curves.push_back({variant_in_words(t.setting), {}});
        }
        const auto& deficit = all ? t.deficit : t.by_element[i];
        auto& points = panel.curves[k].points;
        const auto same = std::find_if(points.begin(), points.end(),
                                       [&](const auto& p) { return p.smoothing == t.setting.smoothing; });
        if (same == points.end()) {
            points.push_back({t.setting.smoothing, deficit.value, deficit.standard_error});
        } else if (deficit.value < same->deficit) {
            *same = {t.setting.smoothing, deficit.value, deficit.standard_error};
        }
        if (same_variant(taken, t.setting)) panel.chosen_curve = k;
    }
    for (auto& curve : panel.curves) {
        std::sort(curve.points.begin(), curve.points.end(),
                  [](const auto& a, const auto& b) { return a.smoothing < b.smoothing; });
    }
    const auto& points = panel.curves[panel.chosen_curve].points;
    panel.chosen_point = static_cast<std::size_t>(
        std::find_if(points.begin(), points.end(), [&](const auto& p) { return p.smoothing == taken.smoothing; }) -
        points.begin());
    return panel;
}

// Counts of each element, and the composition where it is known.
inline stemfuse::io::report_table amounts_table(const count_details& d, const std::vector<std::string>& symbols) {
    stemfuse::io::report_table table{"Amounts: relative, per element only, as no k-factors were given",
                                     {"element", "counts", "of them background", "net counts"},
                                     {}};
    const count_composition& c = d.composition;
    if (c.known()) {
        table.caption = "Composition, with the standard errors of counting";
        table.header.insert(table.header.end(), {"atomic %", "weight %"});
    }
    const auto percent = [](const stemfuse::composition& whole, std::size_t i) {
        return text_of(100 * whole.fractions[i], "%.2f") + " \u00b1 " + text_of(100 * whole.standard_errors[i], "%.2f");
    };
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        table.rows.push_back({symbols[i], text_of(d.totals.counts[i], "%.0f"), text_of(d.totals.background[i], "%.0f"),
                              text_of(d.totals.net(i), "%.0f")});
        if (c.known()) table.rows.back().insert(table.rows.back().end(), {percent(c.atomic, i), percent(c.weight, i)});
    }
    return table;
}

// Where the maps rest on averaging and where counts and maps disagree, for the report.
template <class T>
stemfuse::io::trust_section trust_of(const stemfuse::guided_fusion_result<T>& result,
                                     const std::vector<std::string>& symbols) {
    stemfuse::io::trust_section section{{}, {}, result.disagreement.threshold};
    for (std::size_t i = 0; i < symbols.size(); ++i)
        section.maps.push_back(
            {symbols[i], xt::view(result.nonlocal_fraction, i), xt::view(result.disagreement.deviation, i)});
    for (const auto& p : worst_places(result.disagreement)) {
        section.sentences.push_back(symbols[p.element] + " around row " + std::to_string(p.y) + ", column " +
                                    std::to_string(p.x) + ": the counts are " + text_of(p.ratio, "%.2f") +
                                    " times what the map expected, " + text_of(std::abs(p.deviation), "%.1f") +
                                    " standard deviations beyond a tolerance of 5%");
    }
    if (section.sentences.empty())
        section.sentences.push_back("Nowhere do counts and maps disagree by more than 5% beyond chance.");
    return section;
}

inline stemfuse::io::holdout_section holdout_section_of(const count_details& d,
                                                        const std::vector<std::string>& symbols) {
    stemfuse::io::holdout_section section;
    if (!d.known()) return section;
    for (std::size_t i = 0; i < symbols.size(); ++i) section.sentences.push_back(reason_of(d, symbols, i));
    section.panels.push_back(panel_of(d, symbols, symbols.size()));
    for (std::size_t i = 0; i < symbols.size() && symbols.size() > 1; ++i)
        section.panels.push_back(panel_of(d, symbols, i));
    return section;
}

}  // namespace program
