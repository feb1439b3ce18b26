// stemfuse fuse: the images of a measurement, by the published recipe or that for counts.
#include <cstdio>
#include <string>
#include <utility>

#include <stemfuse/counts/raw_counts.hpp>
#include <stemfuse/io/describe.hpp>

#include "commands.hpp"
#include "measurement.hpp"
#include "outputs.hpp"
#include "progress_line.hpp"
#include "recipe.hpp"
#include "spectral.hpp"

namespace program {

namespace {

// The recipe that is asked for, else the one that suits the maps.
template <class T>
recipe_choice recipe_for(const measurement<T>& m, const recipe_choice& asked) {
    if (!asked.name.empty()) return asked;
    if (const auto why = stemfuse::why_no_raw_counts(m.maps)) return {"published", in_words(*why, m.symbols)};
    return {"counts", "every map holds whole numbers, 0 or more"};
}

// What is to be said where maps go to the published recipe that could be fused as counts; else empty.
template <class T>
std::string taken_for_no_counts(const measurement<T>& m) {
    const auto why = stemfuse::why_no_raw_counts(m.maps);
    const std::string what = why ? countable_in_words(*why, m.symbols) : "";
    return what.empty() ? what : what + " The published recipe takes them for intensities; --recipe counts does not.";
}

template <class T>
void fuse_as(const input_files& files, fusion_plan plan, const input_options& input, const recipe_request& request,
             const output_options& output) {
    output_folder folder(output.folder, output.overwrite);
    auto measured = read_measurement<T>(files, plan, input);
    folder.admit(
        {measured.title, files.all_paths(), measured.inputs, output_names(measured.symbols, output.figures.panels)});
    throw_if_interrupted("while reading");
    check(output.figures, measured.symbols, measured.haadf.shape(0));
    const recipe_choice recipe = recipe_for(measured, request.recipe);
    const bool counts = recipe.name == "counts";
    const recipe_options published = counts ? request.published : published_options(request);
    if (counts) check(request.counts);
    std::printf("recipe %s: %s\n", recipe.name.c_str(), stemfuse::io::one_line(recipe.reason).c_str());
    measured.sources.emplace_back("recipe_reason", recipe.reason);
    if (!counts && request.recipe.name.empty()) {
        if (std::string taken = taken_for_no_counts(measured); !taken.empty())
            plan.warnings.push_back(std::move(taken));
    }
    for (const std::string& warning : plan.warnings)
        std::fprintf(stderr, "stemfuse: warning: %s\n", stemfuse::io::one_line(warning).c_str());
    fusion<T> result;
    try {
        result = counts ? fuse_raw_counts<T>(std::move(measured), request.counts, published, output.quiet, input.align)
                        : fuse_published<T>(std::move(measured), published, output.quiet, input.align);
    } catch (const stemfuse::cancelled&) {
        throw interrupted("interrupted in the fusion: nothing was written");
    } catch (const stemfuse::unknown_count_unit& e) {
        throw stemfuse::read_error(files.paths(), std::string(e.what()) + ", as --counts-per-unit " + e.argument() +
                                                      "=NUMBER; or takes --recipe published");
    } catch (const stemfuse::argument_error& e) {
        if (e.argument() == "lambda_tv") throw usage_error("--lambda-tv: " + std::string(e.what()));
        if (e.argument() == "counts_per_unit") throw usage_error("--counts-per-unit: " + std::string(e.what()));
        throw stemfuse::read_error(files.paths(), e.what());
    }
    for (const std::string& warning : result.warnings) {
        std::fprintf(stderr, "stemfuse: warning: %s\n", stemfuse::io::one_line(warning).c_str());
        plan.warnings.push_back(warning);
    }
    release_memory();
    write_outputs(folder, result, {{}, plan.warnings, result.notes}, output);
    print_outputs(folder, result);
}

}  // namespace

void fuse(const input_options& input, const recipe_request& request, const output_options& output) {
    check(request.published);
    check(input);
    check(output.figures);
    if (request.recipe.name == "published") published_options(request);
    if (request.recipe.name == "counts") check(request.counts);
    const auto elements = parse_elements(input.elements);
    const auto windows = parse_windows(input.windows);
    require_once(elements, windows);
    const bool precise = by_name(precision_names, request.published.precision, "--precision") == sizeof(double);
    const input_files files(input.files, input.axes);
    const spectral_choice spectra = choose_fit(files, input, elements, windows, request);
    auto plan = plan_fusion(files, input, elements, windows, spectra.fit);
    if (!spectra.reason.empty()) std::printf("%s\n", stemfuse::io::one_line(spectra.reason).c_str());
    if (spectra.fit) return fuse_by_fit(files, std::move(plan), elements, input, request, output);
    if (precise) {
        fuse_as<double>(files, std::move(plan), input, request, output);
    } else {
        fuse_as<float>(files, std::move(plan), input, request, output);
    }
}

}  // namespace program
