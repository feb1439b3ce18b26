// stemfuse explore: a page on which the published recipe is tuned live.
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <stemfuse/io/describe.hpp>

#include "commands.hpp"
#include "explore_options.hpp"
#include "explore_server.hpp"
#include "explore_session.hpp"
#include "measurement.hpp"
#include "reproduction.hpp"

namespace program {

namespace {

template <class T>
void explore_as(const input_files& files, fusion_plan plan, const input_options& input, const recipe_options& recipe,
                const explore_options& options, std::vector<std::string> words) {
    output_folder folder(options.output, options.overwrite, false);
    auto measured = read_measurement<T>(files, plan, input);
    folder.admit({measured.title, files.all_paths(), measured.inputs, output_names(measured.symbols, false)});
    measured.sources.emplace_back("recipe_reason", std::string("as --recipe says"));  // in the command that is shown
    if (const auto warning = drift_warning(measured, input.align)) plan.warnings.push_back(*warning);
    for (const std::string& warning : plan.warnings)
        std::fprintf(stderr, "stemfuse: warning: %s\n", stemfuse::io::one_line(warning).c_str());
    throw_if_interrupted("while reading");
    try {
        explore_session<T> session(std::move(measured), recipe, std::move(words), folder, options.output, plan.warnings,
                                   input.align);
        const page_server server(session.answers(), options.port);
        std::printf("%s shows %s; Ctrl-C ends it\n", server.address().c_str(),
                    stemfuse::io::terminal_text(files.title()).c_str());
        std::fflush(stdout);
        while (stop_requested == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        session.close();
    } catch (const stemfuse::argument_error& e) {
        throw stemfuse::read_error(files.paths(), e.what());
    }
}

}  // namespace

void explore(const CLI::App& command, const input_options& input, const recipe_options& recipe,
             const explore_options& options) {
    check(recipe);
    check(input);
    if (input.spectral.mode == "fit" || identifies(input.elements))
        throw usage_error("--spectra: is the fit, which has nothing to tune on a page, must go with stemfuse fuse");
    const auto elements = parse_elements(input.elements);
    const auto windows = parse_windows(input.windows);
    require_once(elements, windows);
    const bool precise = by_name(precision_names, recipe.precision, "--precision") == sizeof(double);
    const input_files files(input.files, input.axes);
    auto plan = plan_fusion(files, input, elements, windows);
    const auto as = precise ? explore_as<double> : explore_as<float>;
    as(files, std::move(plan), input, recipe, options, words_of(command));
}

}  // namespace program
