// The figures of one estimate against the truth, their averages over seeds, and the table that shows them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <stemfuse/quality/quality.hpp>

namespace quality {

struct figures {
    double nrmse, psnr, ssim;  // means over the elements, after the best scale of each
    double gain;               // 100 (NRMSE of the unbiased raw maps without any scale / nrmse - 1)
    double composition;        // largest relative error of an element's share of the total, in percent
};

// One recipe on one specimen at one dose.
struct outcome {
    std::string specimen;
    double dose;
    std::string recipe;
    std::vector<figures> by_seed{};
    std::vector<std::string> settings{};  // that were best, for recipes tuned on the truth, or that the recipe chose
    xt::xtensor<double, 3> first_maps{};  // of the first seed
    std::vector<double> spot_levels{};    // by seed, where the specimen has a blind spot
};

template <class F>
double mean_over_elements(const xt::xtensor<double, 3>& maps, const xt::xtensor<double, 3>& truth, F&& figure) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.shape(0); ++i) sum += figure(xt::view(maps, i), xt::view(truth, i));
    return sum / static_cast<double>(truth.shape(0));
}

inline double mean_nrmse(const xt::xtensor<double, 3>& maps, const xt::xtensor<double, 3>& truth) {
    return mean_over_elements(maps, truth, [](const auto& u, const auto& x) { return stemfuse::nrmse(u, x); });
}

// The raw maps' error as they are, the denominator of the study's gains.
inline double unscaled_nrmse(const xt::xtensor<double, 3>& maps, const xt::xtensor<double, 3>& truth) {
    return mean_over_elements(maps, truth, [](const auto& u, const auto& x) {
        return std::sqrt(xt::sum(xt::square(u - x))() / xt::sum(xt::square(x))());
    });
}

inline figures figures_of(const xt::xtensor<double, 3>& maps, const xt::xtensor<double, 3>& truth,
                          const xt::xtensor<double, 3>& raw) {
    figures f{};
    f.nrmse = mean_nrmse(maps, truth);
    f.psnr = mean_over_elements(maps, truth, [](const auto& u, const auto& x) { return stemfuse::psnr(u, x); });
    f.ssim = mean_over_elements(maps, truth, [](const auto& u, const auto& x) { return stemfuse::ssim(u, x); });
    f.gain = 100 * (unscaled_nrmse(raw, truth) / f.nrmse - 1);
    f.composition = std::numeric_limits<double>::quiet_NaN();
    if (xt::sum(maps)() > 0) {
        f.composition = 0;
        for (const double e : stemfuse::stoichiometry_error(maps, truth))
            f.composition = std::max(f.composition, 100 * std::abs(e));
    }
    return f;
}

inline double mean(const outcome& o, double figures::* member) {
    double sum = 0;
    for (const figures& f : o.by_seed) sum += f.*member;
    return sum / static_cast<double>(o.by_seed.size());
}

// Standard deviation over the seeds.
inline double spread(const outcome& o, double figures::* member) {
    const double centre = mean(o, member);
    double sum = 0;
    for (const figures& f : o.by_seed) sum += (f.*member - centre) * (f.*member - centre);
    return o.by_seed.size() < 2 ? 0 : std::sqrt(sum / static_cast<double>(o.by_seed.size() - 1));
}

inline void print_head() {
    std::printf(
        "| specimen | dose | recipe | NRMSE | +- | PSNR, dB | SSIM | SNR gain, %% | composition, %% | best |\n");
    std::printf("|---|---|---|---|---|---|---|---|---|---|\n");
}

// One row: means over the seeds, the spread of the NRMSE, and the setting that was best for the first seed.
inline void print_row(const outcome& o) {
    std::printf("| %s | %g | %s | %.4f | %.4f | %.1f | %.3f | %.0f | %.1f | %s |\n", o.specimen.c_str(), o.dose,
                o.recipe.c_str(), mean(o, &figures::nrmse), spread(o, &figures::nrmse), mean(o, &figures::psnr),
                mean(o, &figures::ssim), mean(o, &figures::gain), mean(o, &figures::composition),
                o.settings.front().c_str());
    std::fflush(stdout);
}

}  // namespace quality
