// The program stemfuse: elemental maps with less noise, from a file to figures.
//
// Exit codes: 0 done; 1 a mistake of the program's own; 2 usage; 3 input; 4 output; 130 interrupted. Every failure
// prints one line on stderr.

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

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
#include "help_pages.hpp"
#include "version_text.hpp"

namespace {

struct command_line {
    std::string recipe_name;
    program::input_options input;
    program::recipe_options recipe;
    program::count_options counts;
    program::output_options output;
    program::demo_options demo;
    program::simulate_options simulation;
    program::explore_options exploration;
    program::tomo_options tomography;
    std::string list, shell;
};

// The name that an option can have, as its type: completion, help and the page for man read it there.
template <class Names>
CLI::Option* add_choice(CLI::App& command, const std::string& name, std::string& value, const Names& names,
                        const std::string& description) {
    return command.add_option(name, value, description)->type_name(program::joined_names(names, "|"));
}

void add_files(CLI::App& command, program::input_options& input) {
    command
        .add_option("FILE", input.files,
                    "Files with the HAADF image and the maps (EMD, DM3, DM4, hspy, HDF5, npy, npz, TIFF)")
        ->type_name("")
        ->required();
}

void add_output_options(CLI::App& command, command_line& line) {
    command.option_defaults()->group("Results");
    command.add_option("-o,--output", line.output.folder, "Folder for the results; made if need be")
        ->type_name("FOLDER")
        ->required();
    command.add_flag("--overwrite", line.output.overwrite,
                     "Replace results of another measurement, and other files of their names, in that folder");
    command.add_flag("--quiet", line.output.quiet, "No progress");
}

void add_demo_options(CLI::App& command, command_line& line) {
    line.output.folder = "stemfuse-demo";
    command.option_defaults()->group("Results");
    command.add_option("-o,--output", line.output.folder, "Folder for the results; made if need be")
        ->type_name("FOLDER")
        ->capture_default_str();
    command.add_flag("--overwrite", line.output.overwrite, "Replace what else lies there under the names of results");
    command.add_flag("--quiet", line.output.quiet, "No progress");
    command.option_defaults()->group("Measurement");
    command.add_option("--size", line.demo.size, "Rows and columns")->type_name("NYxNX")->capture_default_str();
    command.add_option("--dose", line.demo.dose, "Mean counts in a pixel that holds the amount 1, above 0 to 1e6")
        ->capture_default_str();
    command.add_option("--seed", line.demo.seed, "Seed of the noise; the specimen stays the same")
        ->capture_default_str();
    command.option_defaults()->group("Computer");
    command.add_option("--threads", line.output.threads, "Threads; 0 is one for each core")->capture_default_str();
    program::add_figure_options(command, line.output.figures);
}

void add_input_options(CLI::App& command, program::input_options& input) {
    command.option_defaults()->group("What is fused");
    command
        .add_option("--elements", input.elements,
                    "Symbols, or NAME=Symbol for an image of another name: Sc,Dy,O; from spectra where files have "
                    "them and no image; auto: those that the sum spectrum shows; by default as the files say")
        ->type_name("LIST")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_option("--haadf", input.haadf, "Name of the HAADF image; by default as the files say")
        ->type_name("NAME");
    command.add_flag("--align", input.align, "Move the HAADF image onto the maps where it has drifted");
    command
        .add_option("--pixel", input.pixel,
                    "Size of a pixel, as 0.25nm, or along x and y, as 0.25nm,0.5nm; by default as the files say")
        ->type_name("LENGTH")
        ->delimiter(',')
        ->allow_extra_args(false);
    add_choice(command, "--frames", input.frames, program::frame_names, "What becomes of several frames of an image")
        ->capture_default_str();
    command
        .add_option("--axes", input.axes,
                    "Axes of arrays that do not name them, the slowest first, as letters: y, x, e (energies), n "
                    "(images), 1 (of extent 1); by default yx and nyx")
        ->type_name("LETTERS");
    command.option_defaults()->group("Maps from spectra");
    command
        .add_option("--windows", input.windows,
                    "Maps of energy windows from spectra: Fe=6.2-6.6 in keV, or Fe=700-750eV, separated by commas")
        ->type_name("LIST")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_flag("--lines", input.lines,
                     "Maps of --elements from the X-ray lines in spectra, even where images are");
    command.add_option("--resolution", input.resolution,
                       "Width of Mn K alpha in the spectra, in eV; by default as the files say, else 130");
    add_choice(command, "--line-background", input.line_background, program::background_names,
               "Background of X-ray lines")
        ->capture_default_str();
    program::add_spectral_options(command, input.spectral);
}

void add_computer_options(CLI::App& command, program::recipe_options& o) {
    command.option_defaults()->group("Computer");
    add_choice(command, "--precision", o.precision, program::precision_names, "Scalar type")->capture_default_str();
    command.add_option("--threads", o.threads, "Threads; 0 is one for each core")->capture_default_str();
}

void add_recipe_options(CLI::App& command, program::recipe_options& o) {
    command.option_defaults()->group("The recipe published");
    command.add_option("--gamma", o.gamma, "Exponent of the HAADF model, 1 to 3")->capture_default_str();
    add_choice(command, "--weights", o.weights, stemfuse::weighting_names, "Weights of the elements in it")
        ->capture_default_str();
    command.add_option("--lambda-haadf", o.lambda_haadf, "Weight of the HAADF term; by default 1 / number of elements");
    command.add_option("--lambda-chemical", o.lambda_chemical, "Weight of the chemical term")->capture_default_str();
    command.add_option("--iterations", o.iterations, "Iterations")->capture_default_str();
    add_choice(command, "--tv", o.tv, stemfuse::tv_algorithm_names, "Algorithm of the TV prox")->capture_default_str();
    add_choice(command, "--tv-norm", o.tv_norm, stemfuse::tv_norm_names, "Norm of the differences")
        ->capture_default_str();
    command.add_option("--tv-iterations", o.tv_iterations, "Steps of the TV prox in an iteration")
        ->capture_default_str();
    command.add_option("--start-threshold", o.start_threshold, "Weaker pixels of the scaled maps start at 0")
        ->capture_default_str();
}

void add_fusion_options(CLI::App& command, command_line& line) {
    add_input_options(command, line.input);
    command.option_defaults()->group("Recipe");
    add_choice(command, "--recipe", line.recipe_name, program::recipe_names,
               "By default counts, which chooses its weights by itself, where every map holds raw counts");
    command.add_option("--lambda-tv", line.counts.lambda_tv,
                       "Weight of total variation; by default 0.15, or as the counts say in the recipe counts");
    command
        .add_option(
            "--background", line.counts.background,
            "Background rate: in the recipe counts in counts per pixel, as VALUE or El=VALUE,..., by default as "
            "the files have it; in the published one in units of the scaled maps, by default 0.24")
        ->type_name("LIST")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.option_defaults()->group("The recipe counts");
    command.add_flag("--auto")->description("Choose all weights by counts held out: the default of this recipe");
    command
        .add_option("--k-factors", line.counts.k_factors, "El=VALUE,...: weight-based k-factors, for the composition")
        ->type_name("LIST")
        ->delimiter(',')
        ->allow_extra_args(false);
    command
        .add_option("--counts-per-unit", line.counts.counts_per_unit,
                    "VALUE or El=VALUE,...: counts that 1 stands for in maps that are no counts; by default as the "
                    "noise tells")
        ->type_name("LIST")
        ->delimiter(',')
        ->allow_extra_args(false);
    command.add_flag("!--no-averaging", line.counts.averaging,
                     "Do not average counts over places that look alike in the image");
    command
        .add_option("--mask", line.input.mask, "File with an image that is not 0 where a pixel is bad in all images")
        ->type_name("FILE");
    command.add_flag("!--no-repair", line.counts.repair, "Do not look for hot pixels, dead lines and saturation");
    command.add_flag("--errors", line.counts.errors,
                     "Standard errors of the maps too, by four more fusions of simulated counts");
    command
        .add_option("--background-error", line.counts.background_error,
                    "Standard error of the background, as a fraction of it, for the errors")
        ->capture_default_str();
    command.add_option("--seed", line.counts.seed, "Seed of the split that settings are chosen by")
        ->capture_default_str();
    add_recipe_options(command, line.recipe);
    add_computer_options(command, line.recipe);
    program::add_figure_options(command, line.output.figures);
}

// The names of the options that were given.
std::vector<std::string> given_options(const CLI::App& command) {
    std::vector<std::string> given;
    for (const CLI::Option* const option : command.get_options()) {
        if (option->count() > 0) given.push_back(option->get_single_name());
    }
    return given;
}

void fuse(command_line line, const std::vector<std::string>& given) {
    line.output.threads = line.recipe.threads;
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

struct subcommands {
    CLI::App *demo, *inspect, *fuse, *batch, *explore, *simulate, *tomo, *completion, *man;
};

subcommands add_subcommands(CLI::App& app, command_line& line) {
    subcommands c{};
    app.require_subcommand(1);
    c.demo = app.add_subcommand("demo", "Fuse a simulated measurement and compare with its truth");
    add_demo_options(*c.demo, line);
    c.inspect = app.add_subcommand("inspect", "List the images of files, and what of them would be fused");
    c.inspect->add_option("FILE", line.input.files, "The files")->type_name("")->required();
    c.fuse = app.add_subcommand("fuse", "Fuse the images of one or several files");
    add_files(*c.fuse, line.input);
    add_output_options(*c.fuse, line);
    add_fusion_options(*c.fuse, line);
    c.batch = app.add_subcommand("batch", "Fuse many measurements, one after another");
    c.batch->add_option("LIST", line.list, "File with a measurement a line: FILE... [options of fuse]; # for comments")
        ->type_name("")
        ->required();
    add_output_options(*c.batch, line);
    add_fusion_options(*c.batch, line);
    c.explore = app.add_subcommand("explore", "Tune the published recipe on a page in the browser");
    add_files(*c.explore, line.input);
    program::add_explore_options(*c.explore, line.exploration, line.recipe);
    add_input_options(*c.explore, line.input);
    add_recipe_options(*c.explore, line.recipe);
    add_computer_options(*c.explore, line.recipe);
    c.simulate = program::add_simulate(app, line.simulation);
    c.tomo = program::add_tomo(app, line.tomography);
    add_output_options(*c.tomo, line);
    c.completion = app.add_subcommand("completion", "Print the completion of a shell, to be sourced");
    c.completion->add_option("SHELL", line.shell, "The shell")->type_name("bash")->required();
    c.man = app.add_subcommand("man", "Print the page for man, in troff");
    return c;
}

void run(int argc, char** argv) {
    command_line line;
    CLI::App app{"Fused multi-modal electron microscopy: elemental maps with less noise, by their HAADF image.",
                 "stemfuse"};
    app.set_version_flag("--version", program::version_text());
    const subcommands c = add_subcommands(app, line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        app.exit(asked);
        return;
    } catch (const CLI::ParseError& e) {
        throw program::usage_error(program::usage_message(app, {argv + 1, argv + argc}, e));
    }

    if (c.man->parsed() || c.completion->parsed()) {
        if (c.completion->parsed() && line.shell != "bash")
            throw program::usage_error("SHELL: is \"" + line.shell + "\", must be bash");
        const auto text = c.man->parsed() ? program::man_page(app, STEMFUSE_VERSION) : program::bash_completion(app);
        std::fwrite(text.data(), 1, text.size(), stdout);
        return;
    }
    program::catch_interrupts();
    if (c.inspect->parsed()) return program::inspect(line.input.files);
    if (c.simulate->parsed()) return program::simulate(line.simulation);
    if (c.demo->parsed()) return program::demo(line.demo, line.output, argv[0]);
    if (c.explore->parsed()) return program::explore(*c.explore, line.input, line.recipe, line.exploration);
    if (c.tomo->parsed()) {
        line.tomography.request = "stemfuse " STEMFUSE_VERSION "\n" + program::request_of(*c.tomo);
        return program::tomo(argc, argv, line.tomography, line.output);
    }
    if (c.batch->parsed()) {
        return program::batch(line.list, line.output.folder,
                              [&](const std::string& text) { return parse_entry(text, line, *c.batch); });
    }
    fuse(line, given_options(*c.fuse));
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
