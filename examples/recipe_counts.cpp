// The recipe for counts from arrays to fused maps: nothing to tune, the reasons for what was chosen, every total kept.
#include <cmath>
#include <cstdio>

#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/count_words.hpp>
#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>

int main() {
    const auto specimen = stemfuse::core_shell_particles<float>({.ny = 48, .nx = 48});
    const auto scan = stemfuse::acquire(specimen, {.dose = 8, .background = 0.1});  // or arrays of your own

    stemfuse::count_recipe_options options{
        .elements = scan.elements, .background = {0.1, 0.1, 0.1}, .averaging = false};
    options.factors.emplace(scan.elements,
                            std::vector<std::pair<std::string, double>>{{"Co", 1.2}, {"Mn", 1.1}, {"O", 1.9}});
    const auto fused = stemfuse::fuse_measured_counts(scan.haadf, scan.maps, options);
    for (const auto& line : stemfuse::reasons_in_words(fused, scan.elements)) std::printf("%s\n", line.c_str());
    for (const auto& warning : fused.warnings) std::printf("%s\n", in_words(warning, scan.elements).c_str());
    std::printf("atomic: %s\n", in_words(fused.composition->atomic, scan.elements).c_str());

    const double gain = stemfuse::score(fused.maps, scan.maps, specimen.truth).mean.gain;
    bool kept = true;
    for (std::size_t i = 0; i < scan.elements.size(); ++i) {
        const double sum = xt::sum<double>(xt::view(fused.maps, i))(), net = fused.totals.net(i);
        kept = kept && std::abs(sum - net) <= 1e-4 * net;
    }
    std::printf("signal-to-noise gain over the measured maps: %.0f%%\n", gain);
    if (kept && gain > 200) return 0;
    std::fprintf(stderr, "recipe_counts: totals kept and a gain above 200%% were expected\n");
    return 1;
}
