// The whole library in eight lines: a specimen with known truth, its noisy measurement, the fusion, and what it gained.
#include <cstdio>

#include <stemfuse/stemfuse.hpp>

int main() {
    using namespace stemfuse;
    const auto specimen = core_shell_particles<float>();
    const auto measured = acquire(specimen, {.dose = 5});
    const fusion_solver solver(haadf_model(min_max(measured.haadf), haadf_response(measured.elements)),
                               poisson_likelihood(min_max_each(measured.maps), 0.02), total_variation{},
                               cost_weights{.lambda_chemical = 0.03, .lambda_tv = 0.05});
    const auto result = solver.solve({.iterations = 30});
    const double gain = score(result.maps, measured.maps, specimen.truth).mean.gain;
    std::printf("signal-to-noise gain over the measured maps: %.0f%%\n", gain);

    if (gain > 300) return 0;
    std::fprintf(stderr, "quickstart: a gain above 300%% was expected\n");
    return 1;
}
