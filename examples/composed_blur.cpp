// Maps that are softer than the image. An inelastic signal is delocalised: EELS maps are blurred by a few pixels, the
// more the lower the energy loss, while the HAADF image is sharp. A likelihood after a blur says so, and the maps that
// explain the counts are the sharp ones: composed_term(likelihood, gaussian_blur(shape, sigmas)).
// The same fusion without the operator takes blurred maps for the truth. Both are given their best smoothing of three.
#include <algorithm>
#include <cstdio>
#include <vector>

#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/haadf_calibration.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/primal_dual_scheme.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>

namespace {

using maps_type = xt::xtensor<double, 3>;

constexpr double dose = 20, background = 0.2, noise = 0.02;
const std::vector<double> delocalisation{2, 2.5, 3.5};  // sigma in pixels of Co, Mn and O

double mean_nrmse(const maps_type& maps, const maps_type& truth) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.shape(0); ++i)
        sum += stemfuse::nrmse(xt::view(maps, i, xt::all(), xt::all()), xt::view(truth, i, xt::all(), xt::all()));
    return sum / static_cast<double>(truth.shape(0));
}

// The lowest error of three smoothing strengths.
double best_error(const auto& haadf_term, const auto& chemical, const maps_type& start, const maps_type& truth) {
    double best = 1;
    for (const double smoothing : {1.0, 2.0, 4.0}) {
        const stemfuse::fusion_solver solver(
            haadf_term, chemical, stemfuse::total_variation{}, stemfuse::primal_dual_scheme{},
            stemfuse::cost_weights{
                .lambda_haadf = 0.1 / (noise * noise), .lambda_chemical = 1, .lambda_tv = smoothing});
        best = std::min(best, mean_nrmse(solver.solve_from(start, {.iterations = 12}).maps, truth));
    }
    return best;
}

int fail(const char* what) {
    std::fprintf(stderr, "composed_blur: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    using namespace stemfuse;
    const auto sharp = core_shell_particles({.ny = 80, .nx = 80, .particles = 4});
    const gaussian_blur blur(sharp.truth.shape(), delocalisation);
    auto delocalised = sharp;  // what is counted; the image stays that of the sharp maps
    blur.apply(sharp.truth, delocalised.truth);

    std::printf("NRMSE    measured   without the operator   with it\n");
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
        const auto measured =
            acquire(delocalised, {.dose = dose, .background = background, .haadf_noise = noise, .seed = seed});
        const maps_type start = measured.maps / dose;
        // How the image depends on the maps, from smoothed ones.
        const maps_type smooth = gaussian_filter(as_view(start), 2);
        const auto fit = calibrate_haadf(smooth, measured.haadf, {.gammas = {1.6}});
        const haadf_model haadf_term(xt::xtensor<double, 2>(measured.haadf - fit.offset),
                                     haadf_response::from_weights(fit.responses, fit.gamma));

        const count_likelihood counts(measured.maps, std::vector<double>(3, dose), background);
        const composed_term counts_of_blurred_maps(counts, blur);

        const double without = best_error(haadf_term, counts, start, sharp.truth);
        const double with = best_error(haadf_term, counts_of_blurred_maps, start, sharp.truth);
        std::printf("seed %d   %.3f      %.3f                  %.3f\n", static_cast<int>(seed),
                    mean_nrmse(start, sharp.truth), without, with);
        if (!(with < 0.85 * without)) return fail("the operator does not bring the maps nearer to the sharp truth");
    }
}
