// The published tutorial on DyScO3 at atomic resolution: HAADF and X-ray (EDX) maps of Sc, Dy and O, 256 x 256 pixels.
// Manassa et al., Elemental Microscopy (2024), doi 10.69761/MXVR4353, whose parameters these are.
//   example_tutorial_dysco3 [FOLDER WITH PTO_Trilayer_dataset.npz]
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/recipes/published.hpp>

#include "tutorial_folder.hpp"

int main(int argc, char** argv) {
    const auto file = find_tutorial_file(argc, argv, "PTO_Trilayer_dataset.npz");
    if (file.empty()) return 77;

    const std::vector<std::string> elements{"Sc", "Dy", "O"};
    const auto haadf = stemfuse::io::read_image<double>(file, "HAADF");
    xt::xtensor<double, 3> maps({elements.size(), haadf.shape(0), haadf.shape(1)});
    for (std::size_t i = 0; i < elements.size(); ++i) {
        xt::view(maps, i) = stemfuse::io::read_image<double>(file, elements[i]);
    }

    const auto result = stemfuse::fuse_published(
        haadf, maps, {.elements = elements, .lambda_chemical = 0.08, .lambda_tv = 0.15, .background = 0.24});
    for (std::size_t k = 0; k <= result.iterations; k += 5) {
        const auto& at = result.history[k];
        std::printf("iteration %2zu: HAADF %8.2f, chemical %9.2f, TV %8.2f, objective %9.3f\n", k, at.haadf,
                    at.chemical, at.tv, at.total);
    }

    // The objective falls for 17 iterations; then it drifts up by 0.1%, because the duals of the prox start at zero
    // every time. The last value is the published one.
    const auto rises = [](const auto& a, const auto& b) { return b.total > a.total; };
    const auto first = result.history.begin();
    const double last = result.history.back().total, published = 7645.0520;
    if (std::adjacent_find(first, first + 18, rises) != first + 18 || std::abs(last / published - 1) > 1e-4) {
        std::fprintf(stderr, "tutorial_dysco3: the objective ends at %.4f, published is %.4f\n", last, published);
        return 1;
    }
}
