// What the recipe for counts found, in sentences.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/recipes/count_reasons.hpp>
#include <stemfuse/recipes/counts.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What to say of amounts where there are no k-factors.
inline constexpr std::string_view relative_amounts = "relative amounts per element only: a composition needs k-factors";

/// What was chosen for element i, and why.
template <scalar T>
std::string reason_in_words(const count_recipe_result<T>& r, const std::vector<std::string>& elements, std::size_t i) {
    const element_choice& chosen = r.chosen.at(i);
    std::string text = elements.at(i) + ": " + in_words(chosen.setting);
    if (chosen.residue > 0) text += ", residue below " + to_string(100 * chosen.residue) + "% taken for none";
    text += "; " + in_words(reason_of(r.tried, chosen.setting, i), elements[i]);
    if (r.averaged() && r.mixtures[i].size() > 1) {
        text += "; the map is " + fixed_text(100 * r.mixtures[i][0].weight, 0) + "% of it";
        for (std::size_t k = 1; k < r.mixtures[i].size(); ++k)
            text += ", " + fixed_text(100 * r.mixtures[i][k].weight, 0) + "% " + in_words(r.mixtures[i][k].setting);
    }
    return text + ".";
}

/// A sentence for each element.
template <scalar T>
std::vector<std::string> reasons_in_words(const count_recipe_result<T>& r, const std::vector<std::string>& elements) {
    std::vector<std::string> sentences;
    for (std::size_t i = 0; i < elements.size(); ++i) sentences.push_back(reason_in_words(r, elements, i));
    return sentences;
}

/// Where the background of each element is from: "of O as the files have it; 0 for Co, ...".
inline std::string background_in_words(const std::vector<background_origin>& origins, const count_recipe_options& o) {
    std::array<std::string, 3> lists;
    for (std::size_t i = 0; i < origins.size(); ++i) {
        std::string& list = lists[static_cast<std::size_t>(origins[i])];
        list += (list.empty() ? "" : ", ") + o.elements[i];
        if (origins[i] == background_origin::option) list += " " + to_string(*o.background[i]);
    }
    const auto& [by_option, of_maps, none] = lists;
    std::string line;
    const auto add = [&](const std::string& part) { line += (line.empty() ? "" : "; ") + part; };
    if (!by_option.empty()) add(by_option + " counts per pixel, as given");
    if (!of_maps.empty()) add("of " + of_maps + " as the files have it");
    if (!none.empty()) add("0 for " + none + ", as none is known: amounts and composition include it");
    return line;
}

/// "Co 27.12 +- 0.41%, ...".
inline std::string in_words(const composition& c, const std::vector<std::string>& elements) {
    std::string text;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        text += (i == 0 ? "" : ", ") + elements[i] + " " + fixed_text(100 * c.fractions[i], 2) + " +- " +
                fixed_text(100 * c.standard_errors[i], 2) + "%";
    }
    return text;
}

/// The worst places where counts and maps disagree, a sentence each; one that says so where there is none.
template <scalar T>
std::vector<std::string> disagreement_in_words(const disagreement_maps<T>& found,
                                               const std::vector<std::string>& elements) {
    std::vector<std::string> sentences;
    for (const auto& p : worst_places(found)) {
        sentences.push_back(elements[p.element] + " around row " + std::to_string(p.y) + ", column " +
                            std::to_string(p.x) + ": the counts are " + fixed_text(p.ratio, 2) +
                            " times what the map expected, " + fixed_text(std::abs(p.deviation), 1) +
                            " standard deviations beyond the tolerance");
    }
    if (sentences.empty())
        sentences.push_back("Nowhere do counts and maps disagree by more than the tolerance beyond chance.");
    return sentences;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
