// Why settings were chosen for an element: as numbers, and in words.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/recipes/count_setting.hpp>
#include <stemfuse/recipes/recipe_warning.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The place of a setting among those that were tried; their number where it is none of them.
inline std::size_t place_of(const std::vector<tried_setting>& tried, const count_setting& s) {
    const auto found =
        std::find_if(tried.begin(), tried.end(), [&](const auto& t) { return same_setting(t.setting, s); });
    return static_cast<std::size_t>(found - tried.begin());
}

/// The place of the setting that predicts the counts of all elements together best.
inline std::size_t common_place(const std::vector<tried_setting>& tried) {
    const auto best = std::min_element(tried.begin(), tried.end(),
                                       [](const auto& a, const auto& b) { return a.deficit.value < b.deficit.value; });
    return static_cast<std::size_t>(best - tried.begin());
}

/// How the setting of one element compares with others, in the log-likelihood of the counts held out.
struct choice_reason {
    std::size_t n_tried = 0,                      ///< settings
        n_elements = 0;                           ///< that these were tried for
    bool common = false;                          ///< it is the best for all elements together
    score_deficit own{};                          ///< of it, against the best for this element
    score_deficit together{};                     ///< of the best for all elements, against the best for this one
    std::optional<score_deficit> counts_alone{};  ///< of the best without the image, where it has the image
};

/// The reason of a setting that is among those tried for element i. Throws std::out_of_range for one that is not.
inline choice_reason reason_of(const std::vector<tried_setting>& tried, const count_setting& chosen, std::size_t i) {
    const std::size_t common = common_place(tried);
    choice_reason reason{.n_tried = tried.size(),
                         .n_elements = tried.front().by_element.size(),
                         .common = same_setting(chosen, tried[common].setting),
                         .own = tried.at(place_of(tried, chosen)).by_element.at(i),
                         .together = tried[common].by_element.at(i)};
    if (!(chosen.haadf_weight > 0)) return reason;
    for (const auto& t : tried) {
        if (t.setting.haadf_weight > 0 || t.setting.averaged != averaging::none) continue;
        if (!reason.counts_alone || t.by_element[i].value < reason.counts_alone->value)
            reason.counts_alone = t.by_element[i];
    }
    return reason;
}

/// "HAADF weight 0.3, exponent 1.6, prior directed by the HAADF", or "counts alone, ...".
inline std::string variant_in_words(const count_setting& s) {
    if (s.averaged == averaging::by_image) return "averaged by the HAADF";
    if (s.averaged == averaging::by_maps) return "averaged by the HAADF and first maps";
    if (s.averaged == averaging::by_components)
        return "of " + std::to_string(s.components) + " components of joint patches";
    return (s.haadf_weight > 0 ? "HAADF weight " + to_string(s.haadf_weight) + ", exponent " + to_string(s.gamma)
                               : std::string("counts alone")) +
           (s.directed ? ", prior directed by the HAADF" : ", prior without direction");
}

/// The same with smoothing and blur.
inline std::string in_words(const count_setting& s) {
    if (s.averaged == averaging::by_components) return variant_in_words(s);
    return variant_in_words(s) + ", smoothing " + to_string(s.smoothing, 4) +
           (s.blur > 0 ? ", blur " + to_string(s.blur, 4) + " px" : "");
}

/// "12.3 +- 4.5".
inline std::string in_words(const score_deficit& d) {
    return to_string(d.value, 3) + " +- " + to_string(d.standard_error, 2);
}

/// The reason for the setting of an element, the middle of a sentence.
inline std::string in_words(const choice_reason& r, const std::string& element) {
    if (r.n_tried == 1) return "it was the only one tried";
    std::string text;
    if (r.common) {
        text = r.n_elements == 1
                   ? "it predicts the counts held out best"
                   : "it predicts the held-out counts of all elements together best, and those of " + element +
                         (r.own.value > 0 ? " worse than the best one by " + in_words(r.own) + " only"
                                          : std::string(" too"));
    } else {
        text = "it predicts the held-out counts of " + element +
               (r.own.value > 0 ? " worse than the best one by " + in_words(r.own) : " best");
        if (r.together.value > 0)
            text += ", and the best one for all elements together predicts them worse by " + in_words(r.together);
    }
    if (r.counts_alone) text += "; counts alone are worse than the best one by " + in_words(*r.counts_alone);
    return text;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
