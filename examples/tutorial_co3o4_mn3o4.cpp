// The published tutorial on Co3O4-Mn3O4 core-shell nanocrystals: HAADF and energy-loss (EELS) maps of Co, Mn and O,
// 400 x 400 pixels. The start is the measured maps without their weakest pixels.
// Manassa et al., Elemental Microscopy (2024), doi 10.69761/MXVR4353, whose parameters these are.
//   example_tutorial_co3o4_mn3o4 [FOLDER WITH Co3O4_Mn3O4.h5]
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/recipes/published.hpp>

#include "tutorial_folder.hpp"

int main(int argc, char** argv) {
    const auto file = find_tutorial_file(argc, argv, "Co3O4_Mn3O4.h5");
    if (file.empty()) return 77;

    const std::vector<std::string> elements{"Co", "Mn", "O"};
    const auto haadf = stemfuse::io::read_image<double>(file, "HAADF");
    xt::xtensor<double, 3> maps({elements.size(), haadf.shape(0), haadf.shape(1)});
    for (std::size_t i = 0; i < elements.size(); ++i) {
        xt::view(maps, i) = stemfuse::io::read_image<double>(file, elements[i]);
    }

    const auto result = stemfuse::fuse_published(haadf, maps,
                                                 {.elements = elements,
                                                  .lambda_chemical = 0.006,
                                                  .lambda_tv = 0.022,
                                                  .background = 0.01,
                                                  .prior = {.iterations = 6},
                                                  .start_threshold = 0.2});
    for (std::size_t k = 0; k <= result.iterations; k += 5) {
        const auto& at = result.history[k];
        std::printf("iteration %2zu: HAADF %8.2f, chemical %9.2f, TV %8.2f, objective %9.3f\n", k, at.haadf,
                    at.chemical, at.tv, at.total);
    }

    const auto rises = [](const auto& a, const auto& b) { return b.total > a.total; };
    const bool falls = std::adjacent_find(result.history.begin(), result.history.end(), rises) == result.history.end();
    const double last = result.history.back().total, published = 350.7370;
    if (!falls || std::abs(last / published - 1) > 1e-4) {
        std::fprintf(stderr, "tutorial_co3o4_mn3o4: the objective ends at %.4f, published is %.4f\n", last, published);
        return 1;
    }
}
