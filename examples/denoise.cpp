// The proximal operator of total variation alone denoises a stack of maps: argmin_{u >= 0} 1/2 ||u - v||^2 + t TV(u).
// It stops at a duality gap of your choice, and the gap says how far from the exact minimiser the result can be:
// 1/2 ||u - exact||^2 <= gap.
#include <cmath>
#include <cstdio>

#include <stemfuse/priors/total_variation.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>

namespace {

double distance(const auto& a, const auto& b) {
    double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k) sum += std::pow(a.data()[k] - b.data()[k], 2);
    return std::sqrt(sum);
}

int fail(const char* what) {
    std::fprintf(stderr, "denoise: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    const double dose = 20, t = 3;
    const auto specimen = stemfuse::core_shell_particles({.ny = 96, .nx = 96});
    const auto counts = stemfuse::acquire(specimen, {.dose = dose, .background = 0}).maps;

    const stemfuse::total_variation tv{.iterations = 1000, .gap_tolerance = 1e-3};
    xt::xtensor<double, 3> denoised(counts.shape());
    const auto report = tv.prox(counts, t, denoised);

    const stemfuse::total_variation precise{.iterations = 10000, .gap_tolerance = 1e-6};
    xt::xtensor<double, 3> nearly_exact(counts.shape());
    const auto precise_report = precise.prox(counts, t, nearly_exact);

    const xt::xtensor<double, 3> truth = dose * specimen.truth, zero = xt::zeros<double>(counts.shape());
    const double size = distance(counts, zero), error = distance(denoised, nearly_exact);
    std::printf("after %zu iterations the gap says: within %.4f of the exact minimiser; it is within %.4f\n",
                report.iterations, std::sqrt(2 * *report.gap) / size, error / size);
    std::printf("relative distance to the truth: %.3f noisy, %.3f denoised\n", distance(counts, truth) / size,
                distance(denoised, truth) / size);

    if (!(*report.gap <= tv.gap_tolerance * size * size / 2)) return fail("the gap is larger than was asked for");
    if (!(error <= std::sqrt(2 * *report.gap) + std::sqrt(2 * *precise_report.gap))) return fail("the gap is no bound");
    if (!(distance(denoised, truth) < distance(counts, truth) / 2)) return fail("too much noise is left");
}
