// The estimators that the quality bench compares. A recipe takes a measured scan and returns maps; a new one is one
// line in recipes() or lattice_recipes().
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/quantify/quantification.hpp>
#include <stemfuse/recipes/guided_fusion.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

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
    const fusion_solver solver(haadf_model(min_max(s.haadf, "HAADF"), haadf_response(s.elements)),
                               poisson_likelihood(min_max_each(s.counts, s.elements), 0.1),
                               total_variation{.iterations = 5},
                               cost_weights{.lambda_chemical = lambda_chemical, .lambda_tv = lambda_tv});
    return solver.solve({.iterations = 30}, exec).maps;
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

// What fuse_counts() chooses, in single precision, with every map's sum that of its counts without background.
inline estimated counts_automatic(const scan& s, const stemfuse::execution& exec) {
    const xt::xtensor<float, 3> counts = xt::cast<float>(s.counts), background = xt::cast<float>(s.background);
    const xt::xtensor<float, 2> haadf = xt::cast<float>(s.haadf);
    const auto fused = stemfuse::fuse_counts(counts, background, haadf, {.holdout = {.names = s.elements}}, exec);
    maps_type maps = stemfuse::mass_balance(fused.maps, stemfuse::total_counts(s.counts, s.background)).maps;
    std::string chosen;
    for (std::size_t i = 0; i < s.elements.size(); ++i) {
        xt::view(maps, i) /= s.counts_per_amount[i];
        chosen += (i == 0 ? "" : ", ") + s.elements[i] + ": " + short_text(fused.chosen[i].setting);
        if (fused.chosen[i].residue > 0) chosen += " r" + stemfuse::to_string(fused.chosen[i].residue);
    }
    return {std::move(maps), std::move(chosen)};
}

// What fuse_counts_guided() makes of the same.
inline estimated guided_automatic(const scan& s, const stemfuse::execution& exec) {
    const xt::xtensor<float, 3> counts = xt::cast<float>(s.counts), background = xt::cast<float>(s.background);
    const xt::xtensor<float, 2> haadf = xt::cast<float>(s.haadf);
    stemfuse::guided_fusion_options options;
    options.counts.holdout.names = s.elements;
    const auto fused = stemfuse::fuse_counts_guided(counts, background, haadf, options, exec);
    const auto counted = fused.mended(stemfuse::as_view(counts), stemfuse::as_view(background));
    maps_type maps = stemfuse::mass_balance(fused.maps, stemfuse::total_counts(counted, s.background)).maps;
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
