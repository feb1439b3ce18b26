// A project outside the tree: fuses its own std::vector<float> buffers.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

int main() {
    constexpr std::size_t n = 32;
    const std::vector<std::string> elements{"Co", "O"};
    std::vector<float> haadf(n * n), maps(2 * n * n);
    for (std::size_t k = 0; k < n * n; ++k) {
        const bool inside = k % n > n / 4 && k % n < 3 * n / 4;
        haadf[k] = inside ? 1.0f : 0.2f;
        maps[k] = (inside ? 0.8f : 0.1f) + 0.1f * static_cast<float>(k % 3);
        maps[n * n + k] = 0.3f + 0.1f * static_cast<float>(k % 5);
    }

    const auto image = xt::adapt(haadf, std::array<std::size_t, 2>{n, n});
    const auto measured = xt::adapt(maps, std::array<std::size_t, 3>{2, n, n});
    std::vector<float> result = maps;
    auto fused = xt::adapt(result, std::array<std::size_t, 3>{2, n, n});
    const stemfuse::fusion_solver solver(stemfuse::haadf_model(image, stemfuse::haadf_response(elements)),
                                         stemfuse::poisson_likelihood(measured, 0.1));
    const auto report = solver.solve_in_place(fused);

    const double before = report.history.front().total, after = report.history.back().total;
    std::printf("%zu iterations, objective %g -> %g, first pixel %g\n", report.iterations, before, after,
                static_cast<double>(result[0]));
    return after < before && std::isfinite(result[0]) ? 0 : 1;
}
