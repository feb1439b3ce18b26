// The published scheme, line by line: Schwartz et al., npj Comput. Mater. 8, 16 (2022), doi 10.1038/s41524-021-00692-5.
// It gives what fuse_published() gives. On DyScO3 where its file is found, else on the built-in perovskite.
//   example_tutorial_scheme [FOLDER WITH PTO_Trilayer_dataset.npz] [FOLDER FOR THE STEPS OF THE FIRST ITERATION, AS
//   npy]
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/numpy/npy.hpp>
#include <stemfuse/recipes/published.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/perovskite_columns.hpp>

#include "tutorial_folder.hpp"

using namespace stemfuse;

namespace {

struct measurement {
    xt::xtensor<double, 2> haadf;
    xt::xtensor<double, 3> maps;
};

measurement measure(int argc, char** argv, const std::vector<std::string>& elements) {
    const auto file = find_tutorial_file(argc, argv, "PTO_Trilayer_dataset.npz");
    if (file.empty()) {
        std::printf("the built-in perovskite instead\n");
        auto built_in = acquire(perovskite_columns(), {.dose = 20});
        return {std::move(built_in.haadf), std::move(built_in.maps)};
    }
    measurement read{io::read_image<double>(file, "HAADF"), xt::zeros<double>({3, 256, 256})};
    for (std::size_t i = 0; i < elements.size(); ++i)
        xt::view(read.maps, i) = io::read_image<double>(file, elements[i]);
    return read;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> elements{"Sc", "Dy", "O"};
    const auto [haadf, maps] = measure(argc, argv, elements);
    const auto keep = [&](const char* name, const auto& array) {
        if (argc > 2) io::write_npy(std::filesystem::path(argv[2]) / (std::string(name) + ".npy"), array);
    };

    const double lambda_haadf = 1.0 / 3, lambda_chemical = 0.08, lambda_tv = 0.15, background = 0.24;
    const xt::xtensor<double, 2> b_haadf = min_max(haadf);
    const xt::xtensor<double, 3> b = min_max_each(maps);
    const haadf_model elastic(b_haadf, haadf_response(elements, weighting::z_over_mean, 1.6));
    const poisson_likelihood chemical(b, background);
    const total_variation tv{.iterations = 3};

    xt::xtensor<double, 3> x = b, gradient_haadf = b, gradient_chemical = b, v = b;
    double objective = 0;
    for (int k = 0; k < 30; ++k) {
        elastic.value_and_gradient(x, gradient_haadf);
        chemical.value_and_gradient(x, gradient_chemical);
        v = xt::maximum(x - lambda_haadf * gradient_haadf - lambda_chemical * gradient_chemical, 0.0);
        tv.prox(v, lambda_tv, x);
        objective = lambda_haadf * elastic.value(x) + lambda_chemical * chemical.value(x) + lambda_tv * tv.value(x);
        if (k == 0) {
            keep("b", b), keep("gradient_haadf", gradient_haadf), keep("gradient_chemical", gradient_chemical);
            keep("v", v), keep("x1", x);
        }
    }
    keep("x30", x);

    const auto recipe = fuse_published(haadf, maps, {.elements = elements, .alignment = alignment_mode::none});
    const double apart = xt::amax(xt::abs(x - recipe.maps))();
    std::printf("objective %.3f after 30 iterations, at most %.1e from fuse_published()\n", objective, apart);
    if (apart < 1e-9) return 0;
    std::fprintf(stderr, "tutorial_scheme: a distance below 1e-9 was expected\n");
    return 1;
}
