// The table of trust: the recipe beside the baselines that a user would pick, each tuned on the truth, on specimens of
// the kinds that maps go wrong on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/counts/ring_measure.hpp>

#include "quality_baselines.hpp"
#include "quality_figures.hpp"
#include "quality_specimens.hpp"

namespace quality {

inline std::vector<std::string> trust_names() {
    return {"graded-interface", "segregated-boundaries", "spinodal-alloy",        "empty-columns",
            "amorphous-wedge",  "hidden-clusters",       "diffracting-grains",    "stacking-fault",
            "exchanged-discs",  "exchanged-columns",     "delocalised-particles", "faulty-detector"};
}

// What a map keeps of the features of a kind: the median over them of (usual - map) / (usual - truth), and of
// map / usual.
struct kept_contrast {
    std::string kind;
    double kept, level;
    std::size_t features;
};

inline double middle_of(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v.empty() ? std::nan("") : 0.5 * (v[v.size() / 2] + v[(v.size() - 1) / 2]);
}

// Amounts per kind, over all seeds' maps.
inline std::vector<kept_contrast> contrasts(const std::vector<maps_type>& maps,
                                            const stemfuse::specimen<double>& sample) {
    std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> found;
    for (const auto& f : sample.features) {
        for (const maps_type& m : maps) {
            const double here = stemfuse::mean_in(map_type(xt::view(m, f.element)), f);
            auto& [kept, level] = found[f.kind];
            kept.push_back((f.usual - here) / (f.usual - f.amount));
            level.push_back(here / std::max(f.usual, 1e-9));
        }
    }
    std::vector<kept_contrast> all;
    for (const auto& [kind, v] : found) all.push_back({kind, middle_of(v.first), middle_of(v.second), v.first.size()});
    return all;
}

inline void print_trust_head() {
    std::printf(
        "| specimen | dose | raw | stemfuse | SSIM | best baseline | its NRMSE | ratio | rings | flagged maps | "
        "features: "
        "contrast kept (level) |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
}

struct trust_row {
    std::string specimen;
    double dose, raw, ours, ssim, best;
    std::string best_name;
    std::size_t flagged, maps;
    std::vector<kept_contrast> kept;
    double rings = 1;  // see ring_measure: of the error against the truth, the geometric mean over the maps

    double ratio() const { return ours / best; }
};

inline void print_trust_row(const trust_row& r) {
    std::string kept;
    for (const auto& k : r.kept) {
        char text[96];
        std::snprintf(text, sizeof text, "%s%s %.2f (%.2f)", kept.empty() ? "" : ", ", k.kind.c_str(), k.kept, k.level);
        kept += text;
    }
    std::printf("| %s | %g | %.3f | %.3f | %.2f | %s | %.3f | %.2f | %.2f | %zu of %zu | %s |\n", r.specimen.c_str(),
                r.dose, r.raw, r.ours, r.ssim, r.best_name.c_str(), r.best, r.ratio(), r.rings, r.flagged, r.maps,
                kept.c_str());
    std::fflush(stdout);
}

// Geometric means over the specimens, and those that are lost by more than 3%.
inline void print_trust_summary(const std::vector<trust_row>& rows) {
    std::map<double, std::vector<const trust_row*>> doses;
    for (const auto& r : rows) doses[r.dose].push_back(&r);
    std::printf("\n| dose | ratio to the best baseline, geometric mean | lost by more than 3%% |\n|---|---|---|\n");
    for (const auto& [dose, of_dose] : doses) {
        double logs = 0;
        std::string lost;
        for (const trust_row* r : of_dose) {
            logs += std::log(r->ratio()) / static_cast<double>(of_dose.size());
            if (r->ratio() > 1.03) lost += (lost.empty() ? "" : ", ") + r->specimen;
        }
        std::printf("| %g | %.3f | %s |\n", dose, std::exp(logs), lost.empty() ? "none" : lost.c_str());
    }
}

// One specimen at one dose.
inline trust_row measure_trust(const measured_specimen& s, double dose, const std::vector<scan>& scans,
                               stemfuse::thread_pool& pool, bool with_baselines) {
    const auto& truth = s.sample.truth;
    const double n = static_cast<double>(scans.size());
    trust_row row{s.name, dose, 0, 0, 0, with_baselines ? INFINITY : NAN, "-", 0, 0, {}};
    std::vector<maps_type> maps;
    double rings = 0;
    for (const scan& measured : scans) {
        auto fused = guided_automatic(measured, pool);
        row.raw += unscaled_nrmse(unbiased(measured), truth) / n;
        row.ours += mean_nrmse(fused.maps, truth) / n;
        row.ssim +=
            mean_over_elements(fused.maps, truth, [](const auto& u, const auto& x) { return stemfuse::ssim(u, x); }) /
            n;
        for (std::size_t i = 0; i < truth.shape(0); ++i) {
            const map_type error = xt::view(fused.maps, i) - xt::view(truth, i);
            rings +=
                std::log(stemfuse::measure_rings(stemfuse::as_view(error), stemfuse::as_view(measured.haadf)).ratio);
        }
        row.flagged += fused.flagged;
        row.maps += truth.shape(0);
        maps.push_back(std::move(fused.maps));
    }
    row.rings = std::exp(rings / static_cast<double>(row.maps));
    row.kept = contrasts(maps, s.sample);
    if (!with_baselines) return row;
    for (const baseline& b : baselines()) {
        double error = 0;
        for (const scan& measured : scans) error += tuned_nrmse(b, measured, truth, pool) / n;
        if (error < row.best) {
            row.best = error;
            row.best_name = b.name;
        }
    }
    return row;
}

}  // namespace quality
