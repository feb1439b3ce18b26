// The program stemfuse: elemental maps with less noise, from a file to figures.
//
// Exit codes: 0 done; 1 a mistake of the program's own; 2 usage; 3 input; 4 output; 130 interrupted. Every failure
// prints one line on stderr.

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "batch.hpp"
#include "commands.hpp"
#include "spectral_options.hpp"
#if defined(STEMFUSE_PROGRAM_LEVELS)
#include "processor_builds.hpp"
#endif

namespace {

struct command_line {
    std::string recipe_name;
    program::input_options input;
    program::recipe_options recipe;
    program::count_options counts;
    program::output_options output;
    program::simulate_options simulation;
    program::explore_options exploration;
    program::tomo_options tomography;
    std::string list;
};

void add_output_options(CLI::App& command, command_line& line) {
    command.add_option("-o,--output", line.output.folder, "Folder for the results; made if need be")->required();
    command.add_flag("--overwrite", line.output.overwrite,
                     "Replace results of another measurement, and other files of their names, in that folder");
    command.add_flag("--quiet", line.output.quiet, "No progress");
}

void add_files(CLI::App& command, program::input_options& input) {
    command
        .add_option("FILE", input.files,
                    "Files with the HAADF image and the maps (EMD, DM3, DM4, hspy, HDF5, npy, npz, TIFF)")
        ->required();
}

void add_input_options(CLI::App& command, program::input_options& input) {
    command
        .add_option("--elements", input.elements,
                    "Symbols, or NAME=Symbol for an image of another name: Sc,Dy,O; from spectra where files have them "
                    "and no image; auto: those that the sum spectrum shows; by default as the files say")
        ->delimiter(',')
        ->allow_extra_args(false);
    command
        .add_option("--windows", input.windows,
                    "Maps of energy windows from spectra: Fe=6.2-6.6 in keV, or Fe=700-750eV, separated by commas")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_flag("--lines", input.lines,
                     "Maps of --elements from the X-ray lines in spectra, even where images are");
    command.add_option("--resolution", input.resolution,
                       "Width of Mn K alpha in the spectra, in eV; by default as the files say, else 130");
    command
        .add_option("--line-background", input.line_background,
                    "Background of X-ray lines, one of " + program::joined_names(program::background_names))
        ->capture_default_str();
    program::add_spectral_options(command, input.spectral);
    command.add_option("--axes", input.axes,
                       "Axes of arrays that do not name them, the slowest first, as letters: y, x, e (energies), n "
                       "(images), 1 (of extent 1); by default yx and nyx");
    command
        .add_option("--pixel", input.pixel,
                    "Size of a pixel, as 0.25nm, or along x and y, as 0.25nm,0.5nm; by default as the files say")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_flag("--align", input.align, "Move the HAADF image onto the maps where it has drifted");
    command.add_option("--haadf", input.haadf, "Name of the HAADF image; by default as the files say");
    command
        .add_option("--frames", input.frames,
                    "What becomes of several frames of an image, one of " + program::joined_names(program::frame_names))
        ->capture_default_str();
}

void add_recipe_options(CLI::App& command, program::recipe_options& o) {
    const auto one_of = [](const auto& names) { return ", one of " + program::joined_names(names); };
    command.add_option("--gamma", o.gamma, "Exponent of the HAADF model, 1 to 3")->capture_default_str();
    command.add_option("--weights", o.weights, "Weights of the elements in it" + one_of(stemfuse::weighting_names))
        ->capture_default_str();
    command.add_option("--lambda-haadf", o.lambda_haadf, "Weight of the HAADF term; by default 1 / number of elements");
    command.add_option("--lambda-chemical", o.lambda_chemical, "Weight of the chemical term")->capture_default_str();
    command.add_option("--iterations", o.iterations, "Iterations")->capture_default_str();
    command.add_option("--tv", o.tv, "Algorithm of the TV prox" + one_of(stemfuse::tv_algorithm_names))
        ->capture_default_str();
    command.add_option("--tv-norm", o.tv_norm, "Norm of the differences" + one_of(stemfuse::tv_norm_names))
        ->capture_default_str();
    command.add_option("--tv-iterations", o.tv_iterations, "Steps of the TV prox in an iteration")
        ->capture_default_str();
    command.add_option("--start-threshold", o.start_threshold, "Weaker pixels of the scaled maps start at 0")
        ->capture_default_str();
    command.add_option("--precision", o.precision, "Scalar type" + one_of(program::precision_names))
        ->capture_default_str();
    command.add_option("--threads", o.threads, "Threads; 0 is one for each core")->capture_default_str();
}

void add_fusion_options(CLI::App& command, command_line& line) {
    add_input_options(command, line.input);
    command.add_option(
        "--recipe", line.recipe_name,
        "Recipe, one of " + program::joined_names(program::recipe_names) +
            "; by default counts, which chooses its weights by itself, where every map holds raw counts");
    command.add_flag("--auto")->description("Choose all weights by counts held out: the default of the recipe counts");
    command.add_option("--lambda-tv", line.counts.lambda_tv,
                       "Weight of total variation; by default 0.15, or as the counts say in the recipe counts");
    command
        .add_option(
            "--background", line.counts.background,
            "Background rate: in the recipe counts in counts per pixel, as VALUE or El=VALUE,..., by default as "
            "the files have it; in the published one in units of the scaled maps, by default 0.24")
        ->delimiter(',')
        ->allow_extra_args(false);
    command
        .add_option(
            "--counts-per-unit", line.counts.counts_per_unit,
            "VALUE or El=VALUE,...: counts that 1 stands for in maps that are no counts; by default as the noise "
            "tells (recipe counts)")
        ->delimiter(',')
        ->allow_extra_args(false);
    command
        .add_option("--k-factors", line.counts.k_factors,
                    "El=VALUE,...: weight-based k-factors, for the composition (recipe counts)")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_flag("!--no-averaging", line.counts.averaging,
                     "Do not average counts over places that look alike in the image (recipe counts)");
    command.add_option("--mask", line.input.mask,
                       "File with an image that is not 0 where a pixel is bad in all images (recipe counts)");
    command.add_flag("!--no-repair", line.counts.repair,
                     "Do not look for hot pixels, dead lines and saturation (recipe counts)");
    command.add_flag("--errors", line.counts.errors,
                     "Standard errors of the maps too, by four more fusions of simulated counts (recipe counts)");
    command
        .add_option("--background-error", line.counts.background_error,
                    "Standard error of the background, as a fraction of it, for the errors (recipe counts)")
        ->capture_default_str();
    command.add_option("--seed", line.counts.seed, "Seed of the split that settings are chosen by (recipe counts)")
        ->capture_default_str();
    add_recipe_options(command, line.recipe);
}

// The names of the options that were given.
std::vector<std::string> given_options(const CLI::App& command) {
    std::vector<std::string> given;
    for (const CLI::Option* const option : command.get_options()) {
        if (option->count() > 0) given.push_back(option->get_single_name());
    }
    return given;
}

void fuse(const command_line& line, const std::vector<std::string>& given) {
    program::fuse(line.input, {program::asked_recipe(line.recipe_name, given), line.recipe, line.counts}, line.output);
}

// A line of a list; its options come after those of the command.
program::batch_entry parse_entry(const std::string& text, const command_line& common, const CLI::App& command) {
    command_line line = common;
    CLI::App app;
    add_files(app, line.input);
    add_fusion_options(app, line);
    try {
        app.parse(text);
    } catch (const CLI::ParseError& e) {
        throw program::usage_error(text + ": " + e.what());
    }
    std::vector<std::string> given = given_options(command), own = given_options(app);
    given.insert(given.end(), own.begin(), own.end());
    line.input.request = "stemfuse " STEMFUSE_VERSION "\n" + program::request_of(command) + program::request_of(app);
    return {line.input.files, line.input.request, [line, given](const std::string& folder) mutable {
                line.output.folder = folder;
                fuse(line, given);
            }};
}

void run(int argc, char** argv) {
    command_line line;
    CLI::App app{"Fused multi-modal electron microscopy: elemental maps with less noise, by their HAADF image."};
    app.set_version_flag("--version", "stemfuse " STEMFUSE_VERSION);
    app.require_subcommand(1);
    auto* const demo = app.add_subcommand("demo", "Fuse a simulated measurement and compare with its truth");
    add_output_options(*demo, line);
    auto* const inspect = app.add_subcommand("inspect", "List the images of files, and what of them would be fused");
    inspect->add_option("FILE", line.input.files, "The files")->required();
    auto* const fuse_one = app.add_subcommand("fuse", "Fuse the images of one or several files");
    add_files(*fuse_one, line.input);
    add_output_options(*fuse_one, line);
    add_fusion_options(*fuse_one, line);
    auto* const batch = app.add_subcommand("batch", "Fuse many measurements, one after another");
    batch->add_option("LIST", line.list, "File with a measurement a line: FILE... [options of fuse]; # for comments")
        ->required();
    add_output_options(*batch, line);
    add_fusion_options(*batch, line);
    auto* const explore = app.add_subcommand("explore", "Tune the published recipe on a page in the browser");
    add_files(*explore, line.input);
    add_input_options(*explore, line.input);
    add_recipe_options(*explore, line.recipe);
    program::add_explore_options(*explore, line.exploration, line.recipe);
    auto* const simulate = program::add_simulate(app, line.simulation);
    auto* const tomo = program::add_tomo(app, line.tomography);
    add_output_options(*tomo, line);
    const std::string first = argc > 1 ? argv[1] : "-";
    const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
    if (first[0] != '-' &&
        std::none_of(commands.begin(), commands.end(), [&](auto* c) { return c->get_name() == first; })) {
        throw program::usage_error("the command is \"" + first +
                                   "\", must be one of demo, inspect, fuse, explore, batch, simulate, tomo");
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        app.exit(asked);
        return;
    }

    program::catch_interrupts();
    if (inspect->parsed()) return program::inspect(line.input.files);
    if (simulate->parsed()) return program::simulate(line.simulation);
    if (demo->parsed()) return program::demo(line.output, argv[0]);
    if (explore->parsed()) return program::explore(*explore, line.input, line.recipe, line.exploration);
    if (tomo->parsed()) {
        line.tomography.request = "stemfuse " STEMFUSE_VERSION "\n" + program::request_of(*tomo);
        return program::tomo(argc, argv, line.tomography, line.output);
    }
    if (batch->parsed()) {
        return program::batch(line.list, line.output.folder,
                              [&](const std::string& text) { return parse_entry(text, line, *batch); });
    }
    fuse(line, given_options(*fuse_one));
}

int fail(const char* what, int code) {
    std::fprintf(stderr, "stemfuse: %s\n", stemfuse::io::one_line(what).c_str());
    return code;
}

}  // namespace

int main(int argc, char** argv) {
#if defined(STEMFUSE_PROGRAM_LEVELS)
    program::start_best_build(argv);
#endif
    try {
        run(argc, argv);
        return std::fflush(stdout) == 0 ? 0 : fail("standard output cannot be written", 4);
    } catch (const CLI::ParseError& e) {
        return fail((std::string(e.what()) + " (stemfuse --help says more)").c_str(), 2);
    } catch (const program::usage_error& e) {
        return fail(e.what(), 2);
    } catch (const program::interrupted& e) {
        return fail(e.what(), 130);
    } catch (const stemfuse::cancelled&) {
        return fail("interrupted in the fusion: nothing was written", 130);
    } catch (const stemfuse::divergence_error& e) {
        return fail(e.what(), 2);
    } catch (const stemfuse::write_error& e) {
        return fail(e.what(), 4);
    } catch (const stemfuse::read_error& e) {
        return fail(e.what(), 3);
    } catch (const std::exception& e) {
        return fail(e.what(), 1);
    }
}
