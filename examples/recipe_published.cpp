// The published recipe from arrays to fused maps and the image that they re-project to.
#include <cstdio>

#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/published.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>

int main() {
    const auto specimen = stemfuse::core_shell_particles<float>();
    const auto scan = stemfuse::acquire(specimen, {.dose = 5});  // or arrays of your own
    const auto fused = stemfuse::fuse_published(
        scan.haadf, scan.maps,
        {.elements = scan.elements, .lambda_chemical = 0.03, .lambda_tv = 0.05, .background = 0.02});
    const double gain = stemfuse::score(fused.maps, scan.maps, specimen.truth).mean.gain;
    const double misfit = stemfuse::nrmse(fused.projected, fused.scaled_haadf);
    std::printf("objective %g after %zu iterations, gain %.0f%%, image re-projected to %.3f of its norm\n",
                fused.history.back().total, fused.iterations, gain, misfit);

    if (gain > 300 && misfit < 0.2) return 0;
    std::fprintf(stderr, "recipe_published: a gain above 300%% and a misfit below 0.2 were expected\n");
    return 1;
}
