// The estimators that the quality bench compares. A recipe takes a measured scan and returns maps; a new one is one
// line in recipes() or lattice_recipes().
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/recipes/published.hpp>

namespace quality {

using maps_type = xt::xtensor<double, 3>;

// What an instrument would give, with the background and the k-factors that its user would know.
struct scan {
    std::vector<std::string> elements;
    xt::xtensor<double, 2> haadf;           // (n_y, n_x)
    maps_type counts;                       // (n, n_y, n_x)
    maps_type background;                   // mean counts of the background, as counts
    std::vector<double> counts_per_amount;  // of each element, without the background
};

// Maps that are right up to one common factor, where their composition is to be judged.
struct estimated {
    maps_type maps;
    std::string chosen{};     // what the recipe itself chose
    std::size_t flagged = 0;  // maps that the recipe says not to trust somewhere

    estimated(maps_type m, std::string c = {}) : maps(std::move(m)), chosen(std::move(c)) {}
};

// The setting holds a number for each axis of the recipe.
using estimate = std::function<estimated(const scan&, const std::vector<double>& setting, const stemfuse::execution&)>;

// A parameter that is chosen by comparison with the truth, as no user can.
struct axis {
    std::string name;
    double lowest, highest;
};

// An estimator. Without axes it is what a user would get.
struct recipe {
    std::string name;
    estimate run;
    std::vector<axis> tuned{};
};

// (counts - background) / counts_per_amount: not biased, and negative here and there.
inline maps_type unbiased(const scan& s) {
    maps_type maps = s.counts - s.background;
    for (std::size_t i = 0; i < maps.shape(0); ++i) xt::view(maps, i) /= s.counts_per_amount[i];
    return maps;
}

// The tutorial's recipe: images scaled to [0, 1], weights Z / mean(Z), exponent 1.6, background 0.1, 30 iterations with
// 5 TV steps.
inline maps_type published(const scan& s, double lambda_chemical, double lambda_tv, const stemfuse::execution& exec) {
    using namespace stemfuse;
    return fuse_published(s.haadf, s.counts,
                          {.elements = s.elements,
                           .lambda_chemical = lambda_chemical,
                           .lambda_tv = lambda_tv,
                           .background = 0.1,
                           .prior = {.iterations = 5},
                           .alignment = alignment_mode::none},
                          exec)
        .maps;
}

// Every map denoised by itself: the TV prox of counts - background, in units of their mean.
inline maps_type tv_alone(const scan& s, double lambda_tv, const stemfuse::execution& exec) {
    maps_type maps = unbiased(s), denoised(maps.shape());
    std::vector<double> means;
    for (std::size_t i = 0; i < maps.shape(0); ++i) {
        means.push_back(std::abs(xt::mean(xt::view(maps, i))()));
        xt::view(maps, i) /= means[i];
    }
    stemfuse::total_variation{.iterations = 60}.prox(maps, lambda_tv, denoised, exec);
    for (std::size_t i = 0; i < maps.shape(0); ++i) xt::view(denoised, i) *= means[i];
    return denoised;
}

// A setting in few letters: "d0.3 g1.6 s4", d for a prior that the image directs, n for one that it does not, with the
// weight of the image, then exponent, smoothing and blur.
inline std::string short_text(const stemfuse::count_setting& s) {
    using stemfuse::to_string;
    const std::string weight = (s.directed ? "d" : "n") + to_string(s.haadf_weight);
    return weight + (s.haadf_weight > 0 ? " g" + to_string(s.gamma) : "") + " s" + to_string(s.smoothing) +
           (s.blur > 0 ? " b" + to_string(s.blur) : "");
}

// "62% maps0/20 d0.05 g1.6 s0.5": weight, guide with patches and softness, setting.
inline std::string short_text(const stemfuse::mixture_part& part) {
    std::string text = stemfuse::to_string(std::round(100 * part.weight)) + "% ";
    if (part.kernel.guide != stemfuse::averaging::none) {
        text += part.kernel.guide == stemfuse::averaging::by_maps ? "maps" : "image";
        text += std::to_string(part.kernel.patches) + "/" + stemfuse::to_string(part.kernel.softness) + " ";
    }
    return text + short_text(part.setting);
}

// The recipe for counts in single precision; no simulated image has drifted.
inline stemfuse::count_recipe_result<float> fused_counts(const scan& s, bool averaging,
                                                         const stemfuse::execution& exec) {
    const xt::xtensor<float, 3> counts = xt::cast<float>(s.counts), background = xt::cast<float>(s.background);
    const xt::xtensor<float, 2> haadf = xt::cast<float>(s.haadf);
    return stemfuse::fuse_measured_counts(
        haadf, counts, background,
        {.elements = s.elements, .averaging = averaging, .alignment = stemfuse::alignment_mode::none}, exec);
}

// What it chooses without averages.
inline estimated counts_automatic(const scan& s, const stemfuse::execution& exec) {
    const auto fused = fused_counts(s, false, exec);
    maps_type maps = xt::cast<double>(fused.maps);
    std::string chosen;
    for (std::size_t i = 0; i < s.elements.size(); ++i) {
        xt::view(maps, i) /= s.counts_per_amount[i];
        chosen += (i == 0 ? "" : ", ") + s.elements[i] + ": " + short_text(fused.chosen[i].setting);
        if (fused.chosen[i].residue > 0) chosen += " r" + stemfuse::to_string(fused.chosen[i].residue);
    }
    return {std::move(maps), std::move(chosen)};
}

// What it makes with averages.
inline estimated guided_automatic(const scan& s, const stemfuse::execution& exec) {
    const auto fused = fused_counts(s, true, exec);
    maps_type maps = xt::cast<double>(fused.maps);
    std::string chosen;
    for (std::size_t i = 0; i < s.elements.size(); ++i) {
        xt::view(maps, i) /= s.counts_per_amount[i];
        if (i > 0) chosen += ", ";
        chosen += s.elements[i];
        for (const stemfuse::mixture_part& part : fused.mixtures[i]) chosen.append(" ").append(short_text(part));
        if (fused.chosen[i].residue > 0) chosen += " r" + stemfuse::to_string(fused.chosen[i].residue);
    }
    if (const auto worst = stemfuse::worst_places(fused.disagreement, 1); !worst.empty())
        chosen += ", flagged " + s.elements[worst[0].element] + " at " + std::to_string(worst[0].y) + "," +
                  std::to_string(worst[0].x);
    estimated found{std::move(maps), std::move(chosen)};
    for (std::size_t i = 0; i < s.elements.size(); ++i) {
        const auto deviation = xt::view(fused.disagreement.deviation, i);
        if (xt::amax(xt::abs(deviation))() > static_cast<float>(fused.disagreement.threshold)) ++found.flagged;
    }
    return found;
}

inline recipe raw() {
    return {"raw", [](const scan& s, const auto&, const auto&) { return unbiased(s); }};
}

inline recipe tuned_tv_alone() {
    return {"TV alone, tuned on the truth",
            [](const scan& s, const auto& p, const auto& exec) { return tv_alone(s, p[0], exec); },
            {{"lambda_tv", 0.05, 51.2}}};
}

inline recipe tuned_published() {
    return {"published, tuned on the truth",
            [](const scan& s, const auto& p, const auto& exec) { return published(s, p[0], p[1], exec); },
            {{"lambda_chemical", 0.0005, 0.512}, {"lambda_tv", 0.002, 0.512}}};
}

inline recipe automatic_counts() {
    return {"counts, automatic",
            [](const scan& s, const auto&, const auto& exec) { return counts_automatic(s, exec); }};
}

inline recipe automatic_guided() {
    return {"counts, averaged, automatic",
            [](const scan& s, const auto&, const auto& exec) { return guided_automatic(s, exec); }};
}

inline std::vector<recipe> recipes() { return {raw(), tuned_tv_alone(), tuned_published(), automatic_counts()}; }

// Those of the table of lattices, the published one first.
inline std::vector<recipe> lattice_recipes() {
    return {tuned_published(), raw(), automatic_counts(), automatic_guided()};
}

}  // namespace quality
