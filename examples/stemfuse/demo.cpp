// stemfuse demo: a simulated measurement with known truth, fused and scored.
#include <cstdio>
#include <filesystem>
#include <string>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/record/image_set.hpp>
#include <stemfuse/quality/quality.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>

#include "commands.hpp"
#include "outputs.hpp"
#include "recipe.hpp"

namespace program {

namespace {

// The demo's specimen, its acquisition and the parameters that suit it: few counts, so weights smaller than the
// tutorial's. They were chosen by comparison with the truth, as a user with no truth cannot.
const stemfuse::acquisition_options demo_acquisition{.dose = 5, .background = 0.1, .haadf_noise = 0.02};
const recipe_options demo_recipe{.lambda_chemical = 0.005, .lambda_tv = 0.01, .background = 0.1, .tv_iterations = 5};

// Prints the figures of every element against the truth, and returns them for the report.
figures_of_merit print_scores(const std::vector<std::string>& elements, const stemfuse::quality_score& score) {
    figures_of_merit rows;
    std::printf("            NRMSE raw  NRMSE fused  SNR gain  PSNR fused  SSIM fused  stoichiometry\n");
    using stemfuse::fixed_text;
    const auto print = [&](const std::string& name, const stemfuse::element_score& s, const char* sign) {
        std::printf("  %-8s  %9.4f  %11.4f  %7.1f%%  %7.2f dB  %10.4f  %13s\n", name.c_str(), s.nrmse_raw, s.nrmse,
                    s.gain, s.psnr, s.ssim,
                    ((s.stoichiometry < 0 ? "" : sign) + fixed_text(100 * s.stoichiometry, 1) + "%").c_str());
        rows.emplace_back(name, "NRMSE " + fixed_text(s.nrmse_raw, 4) + " raw, " + fixed_text(s.nrmse, 4) +
                                    " fused; SNR gain " + fixed_text(s.gain, 1) + "%; PSNR " + fixed_text(s.psnr, 2) +
                                    " dB; SSIM " + fixed_text(s.ssim, 4));
    };
    for (std::size_t i = 0; i < elements.size(); ++i) print(elements[i], score.elements[i], "+");
    print("mean", score.mean, "");
    std::printf(
        "Gains are over the measured counts, against the truth. Stoichiometry is the error of an element's share of "
        "the\n"
        "total: large, because this recipe scales every map to [0, 1] by itself.\n");
    return rows;
}

// Writes HAADF and counts as a measurement that stemfuse fuse can read.
void write_measurement(const std::filesystem::path& path, const stemfuse::acquisition<float>& acquired) {
    std::vector<std::string> names{"HAADF"};
    names.insert(names.end(), acquired.elements.begin(), acquired.elements.end());
    xt::xtensor<float, 3> images({names.size(), acquired.haadf.shape(0), acquired.haadf.shape(1)});
    xt::view(images, 0) = acquired.haadf;
    xt::view(images, xt::range(1, names.size())) = acquired.maps;
    stemfuse::io::write_image_set(path, names, images);
}

}  // namespace

void demo(const output_options& output, const std::string& program) {
    output_folder folder(output.folder, output.overwrite);
    const std::string title = "simulated core-shell nanocrystals";
    const auto specimen = stemfuse::core_shell_particles<float>();
    const auto acquired = stemfuse::acquire(specimen, demo_acquisition);
    auto names = output_names(acquired.elements);
    names.insert(names.end(), {"measurement.h5", "truth.h5"});
    folder.admit({title, {}, {}, names});
    const auto result =
        fuse_published<float>({title, acquired.elements, acquired.haadf, acquired.maps}, demo_recipe, output.quiet);
    std::printf(
        "core-shell nanocrystals, %zu x %zu pixels, %g counts in a pixel at most, background %g, HAADF noise %g%%\n",
        specimen.haadf.shape(0), specimen.haadf.shape(1), demo_acquisition.dose, demo_acquisition.background,
        100 * demo_acquisition.haadf_noise);
    const auto score = stemfuse::score(result.record.fused_maps, result.record.raw_maps, specimen.truth);
    const auto figures = print_scores(acquired.elements, score);
    write_outputs(folder, result, figures, {}, [&](const std::filesystem::path& path) {
        write_measurement(path / "measurement.h5", acquired);
        stemfuse::io::write_image_set(path / "truth.h5", specimen.elements, specimen.truth);
    });
    print_outputs(folder, result);
    std::printf(
        "The truth is in truth.h5, the measurement in measurement.h5. To try other parameters:\n"
        "  %s fuse %s -o fused --recipe published --elements Co,Mn,O --background %g --lambda-chemical %g --lambda-tv "
        "%g "
        "--tv-iterations %zu\n",
        stemfuse::io::shell_path(program).c_str(),
        stemfuse::io::shell_path((folder.path() / "measurement.h5").string()).c_str(), demo_recipe.background,
        demo_recipe.lambda_chemical, demo_recipe.lambda_tv, demo_recipe.tv_iterations);
}

}  // namespace program
