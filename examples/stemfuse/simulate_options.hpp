// What the command line says of stemfuse simulate.
#pragma once

#include <CLI/App.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include "options.hpp"

namespace program {

struct simulate_options {
    std::string specimen, file, size = "256x256";
    double dose = 5;
    std::int64_t seed = 1;
    bool list = false, overwrite = false, tilts = false, spectra = false;
};

// "NYxNX". Throws usage_error.
inline std::pair<std::size_t, std::size_t> parse_size(const std::string& text) {
    const auto cross = text.find('x');
    const auto number = [&](std::size_t first, std::size_t last) {
        std::size_t n = 0;
        const char* const end = text.data() + last;
        const auto [stop, failure] = std::from_chars(text.data() + first, end, n);
        if (cross == std::string::npos || failure != std::errc{} || stop != end || n < 1 || n > 8192) {
            throw usage_error("--size: is \"" + text + "\", must be NYxNX such as 256x256, each 1 to 8192");
        }
        return n;
    };
    return {number(0, std::min(cross, text.size())), number(std::min(cross, text.size() - 1) + 1, text.size())};
}

// Throws usage_error.
inline void require_simulated(double dose, std::int64_t seed) {
    if (!(dose > 0 && dose <= 1e6))
        throw usage_error("--dose: is " + stemfuse::to_string(dose) + ", must be above 0 and up to 1e6");
    if (seed < 0) throw usage_error("--seed: is " + std::to_string(seed) + ", must be 0 or more");
}

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
