// stemfuse demo: a simulated measurement with known truth, fused by the recipe for counts and compared with it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <stemfuse/core/number_text.hpp>
#include <stemfuse/elements/atomic_weights.hpp>
#include <stemfuse/io/record/image_set.hpp>
#include <stemfuse/quality/quality.hpp>
#include <stemfuse/simulate/catalogue.hpp>

#include "commands.hpp"
#include "outputs.hpp"
#include "recipe.hpp"
#include "simulate_options.hpp"

namespace program {

namespace {

constexpr const char* demo_specimen = "core-shell";

// Weight-based k-factors: a count of an element stands for atomic weight / sensitivity. `stemfuse simulate` suggests
// the same ones.
std::vector<std::string> true_factors(const std::vector<std::string>& elements,
                                      const stemfuse::acquisition_options& conditions) {
    std::vector<std::string> factors;
    for (std::size_t i = 0; i < elements.size(); ++i)
        factors.push_back(elements[i] + "=" +
                          stemfuse::to_string(stemfuse::atomic_weight(elements[i]) / conditions.sensitivities[i]));
    return factors;
}

// Noise-free, in the units of the record: counts, and the measured image's [0, 1].
stemfuse::io::truth_record<float> truth_of(const stemfuse::specimen<float>& sample,
                                           const stemfuse::acquisition_options& conditions,
                                           const xt::xtensor<float, 2>& measured) {
    stemfuse::io::truth_record<float> truth{sample.haadf, sample.truth};
    for (std::size_t i = 0; i < sample.elements.size(); ++i)
        xt::view(truth.maps, i) *= static_cast<float>(conditions.dose * conditions.sensitivities[i]);
    const auto [low, high] = std::minmax_element(measured.begin(), measured.end());
    for (float& v : truth.haadf)
        v = (static_cast<float>(conditions.haadf_gain) * v + static_cast<float>(conditions.haadf_offset) - *low) /
            (*high - *low);
    return truth;
}

// A row for each element: how far raw and fused map are from the truth, and its part of the atoms.
std::vector<std::vector<std::string>> score_table(const stemfuse::io::fusion_record<float>& record,
                                                  const stemfuse::quality_score& score,
                                                  const xt::xtensor<float, 3>& truth) {
    using stemfuse::fixed_text;
    std::vector<std::vector<std::string>> rows{
        {"element", "NRMSE raw", "fused", "SNR gain", "PSNR", "SSIM", "atomic %", "truth"}};
    const double atoms = xt::sum<double>(truth)();
    for (std::size_t i = 0; i <= record.elements.size(); ++i) {
        const bool mean = i == record.elements.size();
        const auto& s = mean ? score.mean : score.elements[i];
        rows.push_back({mean ? "mean" : record.elements[i], fixed_text(s.nrmse_raw, 4), fixed_text(s.nrmse, 4),
                        fixed_text(s.gain, 1) + "%", fixed_text(s.psnr, 2), fixed_text(s.ssim, 4)});
        if (mean) continue;
        const auto& atomic = record.amounts->atomic;
        rows.back().push_back(fixed_text(100 * atomic.fractions[i], 2) + " +- " +
                              fixed_text(100 * atomic.standard_errors[i], 2));
        rows.back().push_back(fixed_text(100 * xt::sum<double>(xt::view(truth, i))() / atoms, 2));
    }
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

void demo(const demo_options& o, const output_options& output, const std::string& program) {
    const auto [ny, nx] = parse_size(o.size);
    require_simulated(o.dose, o.seed);
    check(output.figures);
    output_folder folder(output.folder, output.overwrite);
    const std::string title = "simulated core-shell nanocrystals";
    const auto& entry = stemfuse::specimen_by_name<float>(demo_specimen);
    const auto sample = entry.make(ny, nx);
    const auto conditions = stemfuse::at_dose(entry.usual, o.dose, static_cast<std::uint64_t>(o.seed));
    const auto acquired = stemfuse::acquire(sample, conditions);
    check(output.figures, sample.elements, ny);
    auto names = output_names(sample.elements, output.figures.panels);
    names.insert(names.end(), {"measurement.h5", "truth.h5"});
    folder.admit({title, {}, {}, names});
    std::printf("%s, %zu x %zu pixels, dose %g: Co3O4 in shells of Mn3O4\n", demo_specimen, ny, nx, o.dose);
    std::fflush(stdout);
    count_options counts;
    counts.background = {stemfuse::to_string(conditions.background)};
    counts.k_factors = true_factors(sample.elements, conditions);
    recipe_options threads;
    threads.threads = output.threads;
    auto result = fuse_raw_counts<float>({title, sample.elements, acquired.haadf, acquired.maps}, counts, threads,
                                         output.quiet, false);
    result.record.truth = truth_of(sample, conditions, acquired.haadf);
    const auto score = stemfuse::score(result.record.fused_maps, result.record.raw_maps, sample.truth);
    const auto scores = score_table(result.record, score, sample.truth);
    result_texts texts{{}, result.warnings, result.notes};
    for (const auto& row : scores) {
        if (&row != &scores.front() && row.size() > 6)
            texts.figures_of_merit.emplace_back(row[0], "NRMSE " + row[1] + " raw, " + row[2] + " fused; SNR gain " +
                                                            row[3] + "; PSNR " + row[4] + " dB; SSIM " + row[5]);
    }
    write_outputs(folder, result, texts, output, [&](const std::filesystem::path& path) {
        write_measurement(path / "measurement.h5", acquired);
        stemfuse::io::write_image_set(path / "truth.h5", sample.elements, sample.truth);
    });
    print_outputs(folder, result);
    std::printf("\nagainst the truth, which only a simulation has (truth.h5; NRMSE and PSNR in dB after scaling):\n%s",
                text_table(scores).c_str());
    std::string factors;
    for (const auto& factor : counts.k_factors) factors += (factors.empty() ? "" : ",") + factor;
    std::printf("To fuse the measurement yourself:\n  %s fuse %s -o fused --background %g --k-factors %s\n",
                stemfuse::io::shell_path(program).c_str(),
                stemfuse::io::shell_path((folder.path() / "measurement.h5").string()).c_str(), conditions.background,
                factors.c_str());
}

}  // namespace program
