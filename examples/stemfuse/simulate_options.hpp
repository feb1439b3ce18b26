// What the command line says of stemfuse simulate.
#pragma once

#include <CLI/App.hpp>

#include <cstdint>
#include <string>

namespace program {

struct simulate_options {
    std::string specimen, file, size = "256x256";
    double dose = 5;
    std::int64_t seed = 1;
    bool list = false, overwrite = false, tilts = false, spectra = false;
};

inline CLI::App* add_simulate(CLI::App& app, simulate_options& o) {
    auto* const command = app.add_subcommand("simulate", "Write a simulated measurement with its truth");
    command->add_option("SPECIMEN", o.specimen, "The specimen, one of those that --list names");
    command->add_option("-o,--output", o.file, "The file: .h5 or .hdf5, or .npz");
    command->add_flag("--overwrite", o.overwrite, "Replace a file of that name");
    command->add_option("--dose", o.dose, "Mean counts in a pixel that holds the amount 1, above 0 to 1e6")
        ->capture_default_str();
    command->add_option("--seed", o.seed, "Seed of the noise; the specimen stays the same")->capture_default_str();
    command->add_option("--size", o.size, "Rows and columns, NYxNX")->capture_default_str();
    command->add_flag("--tilts", o.tilts, "Tilt series; --size is NxN, by default 64x64");
    command->add_flag("--spectra", o.spectra,
                      "X-ray spectra of every pixel in place of maps, to .h5; --dose is then that of all lines of an "
                      "element, --size by default 128x128");
    command->add_flag("--list", o.list, "Name the specimens");
    return command;
}

}  // namespace program
