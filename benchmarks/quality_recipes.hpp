// The estimators that the quality bench compares. A recipe takes a measured scan and returns maps; a new one is one
// line in recipes().
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/priors/total_variation.hpp>
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

// The maps are right up to one common factor, where their composition is to be judged.
using estimate = std::function<maps_type(const scan&, const stemfuse::execution&)>;

// One way to call an estimator; `setting` says its parameters.
struct candidate {
    std::string setting;
    estimate run;
};

// An estimator with one candidate is what a user would get. Of several, the one of the smallest error counts: tuned on
// the truth, which no user can.
struct recipe {
    std::string name;
    std::vector<candidate> candidates;
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

// The grid of the study: lambda_chemical down to 0.0005, lambda_tv down to 0.002.
inline std::vector<candidate> published_grid() {
    std::vector<candidate> candidates;
    for (const double chemical : {0.0005, 0.0015, 0.005, 0.01, 0.02, 0.04, 0.08}) {
        for (const double tv : {0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15}) {
            candidates.push_back(
                {"lambda_chemical " + stemfuse::to_string(chemical) + ", lambda_tv " + stemfuse::to_string(tv),
                 [=](const scan& s, const auto& exec) { return published(s, chemical, tv, exec); }});
        }
    }
    return candidates;
}

inline std::vector<candidate> tv_grid() {
    std::vector<candidate> candidates;
    for (const double tv : {0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0}) {
        candidates.push_back({"lambda_tv " + stemfuse::to_string(tv),
                              [=](const scan& s, const auto& exec) { return tv_alone(s, tv, exec); }});
    }
    return candidates;
}

inline std::vector<recipe> recipes() {
    return {
        {"raw", {{"", [](const scan& s, const auto&) { return unbiased(s); }}}},
        {"TV alone, tuned on the truth", tv_grid()},
        {"published, tuned on the truth", published_grid()},
    };
}

}  // namespace quality
