// The table of lattices: every recipe beside the published one that is tuned on the truth.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "quality_figures.hpp"

namespace quality {

// NRMSE of `o` in units of that of the published recipe on the same scans.
inline double ratio(const outcome& o, const outcome& published) {
    return mean(o, &figures::nrmse) / mean(published, &figures::nrmse);
}

// "0.61 (0.55 to 0.66)": mean, lowest and highest; "-" for none.
inline std::string spot_text(const std::vector<double>& levels) {
    if (levels.empty()) return "-";
    const auto [lowest, highest] = std::minmax_element(levels.begin(), levels.end());
    double sum = 0;
    for (const double v : levels) sum += v;
    char text[64];
    std::snprintf(text, sizeof text, "%.2f (%.2f to %.2f)", sum / static_cast<double>(levels.size()), *lowest,
                  *highest);
    return text;
}

inline void print_lattice_head() {
    std::printf(
        "| specimen | dose | recipe | NRMSE | +- | ratio | SSIM | PSNR, dB | SNR gain, %% | spot, mean (range) | best "
        "|\n");
    std::printf("|---|---|---|---|---|---|---|---|---|---|---|\n");
}

// The spot's level in the truth, where the specimen has a spot.
inline void print_true_spot(const std::string& specimen, double dose, double level) {
    std::printf("| %s | %g | truth | | | | | | | %.2f | |\n", specimen.c_str(), dose, level);
}

// One row: means over the seeds, the spread of the NRMSE, and the setting that was best for the first seed.
inline void print_lattice_row(const outcome& o, const outcome& published) {
    std::printf("| %s | %g | %s | %.4f | %.4f | %.2f | %.3f | %.1f | %.0f | %s | %s |\n", o.specimen.c_str(), o.dose,
                o.recipe.c_str(), mean(o, &figures::nrmse), spread(o, &figures::nrmse), ratio(o, published),
                mean(o, &figures::ssim), mean(o, &figures::psnr), mean(o, &figures::gain),
                spot_text(o.spot_levels).c_str(), o.settings.front().c_str());
    std::fflush(stdout);
}

// How often each recipe is better than the published one, in means over the seeds. `outcomes` has `recipes` of them in
// turn for each specimen and dose, the published one first.
inline void print_lattice_summary(const std::vector<outcome>& outcomes, std::size_t recipes) {
    std::printf("\n| recipe | cases | lower NRMSE | higher SSIM | higher PSNR | ratio, median | ratio, highest ");
    std::printf("| SNR gain 300 %% or more |\n|---|---|---|---|---|---|---|---|\n");
    for (std::size_t r = 1; r < recipes; ++r) {
        std::vector<double> ratios;
        int nrmse = 0, ssim = 0, psnr = 0, gain = 0;
        for (std::size_t first = 0; first < outcomes.size(); first += recipes) {
            const outcome &published = outcomes[first], &o = outcomes[first + r];
            ratios.push_back(ratio(o, published));
            nrmse += ratios.back() < 1;
            ssim += mean(o, &figures::ssim) > mean(published, &figures::ssim);
            psnr += mean(o, &figures::psnr) > mean(published, &figures::psnr);
            gain += mean(o, &figures::gain) >= 300;
        }
        std::sort(ratios.begin(), ratios.end());
        const std::size_t n = ratios.size();
        std::printf("| %s | %zu | %d | %d | %d | %.2f | %.2f | %d |\n", outcomes[r].recipe.c_str(), n, nrmse, ssim,
                    psnr, (ratios[(n - 1) / 2] + ratios[n / 2]) / 2, ratios.back(), gain);
    }
}

}  // namespace quality
