// EDX and EELS of one specimen in one objective. EDX counts the heavy elements well and oxygen badly; EELS counts
// oxygen well, over a high background. sum_of_terms adds the two likelihoods of the same maps: each pixel's maps have
// to explain both counts and the HAADF image. Each signal keeps its own counts per unit and its own background.
#include <algorithm>
#include <cstdio>
#include <vector>

#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/haadf_calibration.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/sum_of_terms.hpp>

namespace {

using maps_type = xt::xtensor<double, 3>;

// The fused maps, in amounts: first from the counts alone, which tell how the image depends on the maps, then with it.
maps_type fuse(const auto& chemical, const xt::xtensor<double, 2>& haadf) {
    using namespace stemfuse;
    const maps_type start = xt::ones<double>(chemical.shape());
    const double noise = 0.02;  // of the image, as a user measures it in an empty region
    const auto solve = [&](const haadf_response& response, const xt::xtensor<double, 2>& image, double lambda_haadf) {
        const fusion_solver solver(haadf_model(image, response), chemical, total_variation{}, convergent_scheme{},
                                   cost_weights{.lambda_haadf = lambda_haadf, .lambda_chemical = 1, .lambda_tv = 4});
        return solver.solve_from(start, {.iterations = 15}).maps;
    };
    const maps_type counts_alone =
        solve(haadf_response::from_weights(std::vector<double>(chemical.shape()[0], 1)), haadf, 0);
    const auto fit = calibrate_haadf(counts_alone, haadf, {.gammas = {1.6}});
    const xt::xtensor<double, 2> image = haadf - fit.offset;
    return solve(haadf_response::from_weights(fit.responses, fit.gamma), image, 0.1 / (noise * noise));
}

int fail(const char* what) {
    std::fprintf(stderr, "two_signals: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    using namespace stemfuse;
    const auto specimen = core_shell_particles({.ny = 96, .nx = 96, .particles = 5});
    const acquisition_options edx{.dose = 2, .background = 0.1, .sensitivities = {1, 1, 0.2}, .seed = 1};
    const acquisition_options eels{.dose = 2, .background = 3, .sensitivities = {0.5, 0.5, 4}, .seed = 2};
    const auto term_of = [&](const acquisition_options& a) {
        std::vector<double> scales;
        for (const double k : a.sensitivities) scales.push_back(a.dose * k);
        return count_likelihood(acquire(specimen, a).maps, scales, a.background);
    };
    const auto haadf = acquire(specimen, edx).haadf;
    const auto edx_term = term_of(edx), eels_term = term_of(eels);
    const sum_of_terms both(edx_term, eels_term);

    const maps_type by_edx = fuse(edx_term, haadf), by_eels = fuse(eels_term, haadf), by_both = fuse(both, haadf);
    std::printf("NRMSE       EDX alone   EELS alone   both\n");
    double sums[3] = {};
    for (std::size_t i = 0; i < specimen.elements.size(); ++i) {
        const auto error = [&](const maps_type& maps) {
            return nrmse(xt::view(maps, i, xt::all(), xt::all()), xt::view(specimen.truth, i, xt::all(), xt::all()));
        };
        const double errors[] = {error(by_edx), error(by_eels), error(by_both)};
        std::printf("%-2s          %.3f       %.3f        %.3f\n", specimen.elements[i].c_str(), errors[0], errors[1],
                    errors[2]);
        for (std::size_t k = 0; k < 3; ++k) sums[k] += errors[k];
    }
    if (!(sums[2] < 0.9 * std::min(sums[0], sums[1]))) return fail("the two signals are no better than one of them");
}
