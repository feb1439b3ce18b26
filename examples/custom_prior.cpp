// A prior of your own: total variation plus sparsity, R(x) = TV(x) + mu sum |x|, for elements that are absent from most
// of the image. It is built on the library's total_variation, and check_prox says whether its prox is one.
// Over x >= 0 the second part is linear, hence prox_{t R}(v) = prox_{t TV}(v - t mu), without any approximation.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>
#include <stemfuse/testing/properties.hpp>

namespace {

struct sparse_total_variation {
    double mu = 0.1;
    stemfuse::total_variation tv{};

    template <class T>
    double value(const stemfuse::stack_view<const T>& x, const stemfuse::execution& exec) const {
        double sum = 0;
        for (std::size_t i = 0; i < x.shape[0]; ++i) {
            for (std::size_t y = 0; y < x.shape[1]; ++y) {
                for (std::size_t c = 0; c < x.shape[2]; ++c) sum += std::abs(static_cast<double>(x.row(i, y)[c]));
            }
        }
        return tv.value(x, exec) + mu * sum;
    }

    template <class T>
    void prox(const stemfuse::stack_view<const T>& v, double t, const stemfuse::stack_view<T>& out,
              const stemfuse::execution& exec) const {
        xt::xtensor<T, 3> lowered(v.shape);
        for (std::size_t i = 0; i < v.shape[0]; ++i) {
            for (std::size_t y = 0; y < v.shape[1]; ++y) {
                for (std::size_t c = 0; c < v.shape[2]; ++c) lowered(i, y, c) = v.row(i, y)[c] - static_cast<T>(t * mu);
            }
        }
        tv.prox(lowered, t, out, exec);
    }
};

// The share of pixels that are exactly 0.
double empty_share(const xt::xtensor<float, 3>& maps) {
    return static_cast<double>(std::count(maps.begin(), maps.end(), 0.f)) / static_cast<double>(maps.size());
}

int fail(const char* what) {
    std::fprintf(stderr, "custom_prior: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    static_assert(stemfuse::prior<sparse_total_variation, float>);
    const sparse_total_variation accurate{.mu = 0.5, .tv = {.iterations = 3000, .gap_tolerance = 1e-12}};
    const auto check = stemfuse::check_prox<double>(accurate, {2, 15, 12}, 0.3);
    std::printf("prox: no point is better by more than %.1e; expansion %.1e\n", check.descent, check.expansion);
    if (!(check.descent < 1e-9 && check.expansion < 1e-6)) return fail("this is no proximal operator");

    const auto specimen = stemfuse::core_shell_particles<float>({.ny = 128, .nx = 128});
    const auto measured = stemfuse::acquire(specimen, {.dose = 10, .background = 1});
    const auto haadf = stemfuse::min_max(measured.haadf);
    const auto maps = stemfuse::min_max_each(measured.maps, measured.elements);
    const auto fuse = [&](const auto& prior) {
        const stemfuse::fusion_solver solver(stemfuse::haadf_model(haadf, stemfuse::haadf_response(measured.elements)),
                                             stemfuse::poisson_likelihood(maps, 0.1), prior);
        return solver.solve({.iterations = 30}).maps;
    };
    const auto smooth = fuse(stemfuse::total_variation{}), sparse = fuse(sparse_total_variation{});
    std::printf("empty pixels: %.1f%% in truth, %.1f%% with total variation, %.1f%% with sparsity as well\n",
                100 * empty_share(specimen.truth), 100 * empty_share(smooth), 100 * empty_share(sparse));
    if (!(empty_share(sparse) > empty_share(smooth))) return fail("sparsity leaves no more pixels empty");
}
