// The subcommands: each is defined in a source file of its own.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "count_options.hpp"
#include "explore_options.hpp"
#include "figure_options.hpp"
#include "options.hpp"
#include "simulate_options.hpp"
#include "tomo_options.hpp"

namespace program {

// The demo's measurement: see simulate_options.
struct demo_options {
    std::string size = "256x256";
    double dose = 5;
    std::int64_t seed = 1;
};

// Fuses the images of a measurement. Throws usage_error, read_error, write_error, divergence_error and interrupted.
void fuse(const input_options& input, const recipe_request& request, const output_options& output);

// Lists what files hold. Throws read_error where one cannot be read, after all others have been listed.
void inspect(const std::vector<std::string>& paths);

// Fuses a simulated measurement; `program` is how the program was called, for the command that is printed. Throws what
// fuse() throws.
void demo(const demo_options& o, const output_options& output, const std::string& program);

// Writes a simulated measurement. Throws usage_error, before any work, and write_error.
void simulate(const simulate_options& o);

// The same for tilt series of so many voxels a side.
void simulate_tilts(const simulate_options& o, std::size_t size);

// Fuses tilt series to volumes. Throws what fuse() throws.
void tomo(int argc, char** argv, const tomo_options& o, const output_options& output);

// Serves a page until the program is interrupted; `command` is what was called. Throws what fuse() throws.
void explore(const CLI::App& command, const input_options& input, const recipe_options& recipe,
             const explore_options& options);

}  // namespace program
