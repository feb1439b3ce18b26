// stemfuse fuse: the images of a measurement, by the published recipe or that for counts.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include "alignment.hpp"
#include "count_recipe.hpp"
#include "measurement.hpp"
#include "outputs.hpp"

namespace program {

template <class T>
void fuse_as(const input_files& files, fusion_plan plan, const input_options& input, const recipe_options& recipe,
             const count_options* counts, const output_options& output) {
    const output_folder folder(output.folder);
    auto measured = read_measurement<T>(files, plan, input);
    throw_if_interrupted("while reading");
    check_drift(measured, input.align, plan.warnings);
    for (const std::string& warning : plan.warnings)
        std::fprintf(stderr, "stemfuse: warning: %s\n", stemfuse::io::one_line(warning).c_str());
    fusion<T> result;
    try {
        result = counts != nullptr ? fuse_raw_counts<T>(std::move(measured), *counts, recipe, output.quiet)
                                   : fuse_published<T>(std::move(measured), recipe, output.quiet);
    } catch (const stemfuse::argument_error& e) {
        throw stemfuse::read_error(files.paths(), e.what());
    }
    write_outputs(folder, result, {}, plan.warnings);
    print_outputs(folder, result);
}

// `counts`: null for the published recipe.
inline void fuse(const input_options& input, const recipe_options& recipe, const count_options* counts,
                 const output_options& output) {
    check(recipe);
    check(input);
    const auto elements = parse_elements(input.elements);
    const auto windows = parse_windows(input.windows);
    require_once(elements, windows);
    const bool precise = by_name(precision_names, recipe.precision, "--precision") == sizeof(double);
    const input_files files(input.files);
    auto plan = plan_fusion(files, input, elements, windows);
    if (precise) {
        fuse_as<double>(files, std::move(plan), input, recipe, counts, output);
    } else {
        fuse_as<float>(files, std::move(plan), input, recipe, counts, output);
    }
}

}  // namespace program
