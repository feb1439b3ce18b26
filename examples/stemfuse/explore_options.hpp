// What the command line says of stemfuse explore.
#pragma once

#include <CLI/App.hpp>

#include <string>

#include "options.hpp"

namespace program {

struct explore_options {
    std::string output = "fused";
    bool overwrite = false;
    int port = 0;  // 0: any that is free
};

// Those beside files, input and recipe.
inline void add_explore_options(CLI::App& command, explore_options& o, recipe_options& recipe) {
    command.option_defaults()->group("Results");
    command.add_option("-o,--output", o.output, "Folder for what is saved; made if need be")->capture_default_str();
    command.add_flag("--overwrite", o.overwrite, "Replace what else lies there under the names of results");
    command.option_defaults()->group("Page");
    command.add_option("--port", o.port, "Port on 127.0.0.1; 0 is any that is free")
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    command.option_defaults()->group("The recipe published");
    command.add_option("--lambda-tv", recipe.lambda_tv, "Weight of total variation")->capture_default_str();
    command.add_option("--background", recipe.background, "Background rate, in units of the scaled maps")
        ->capture_default_str();
}

}  // namespace program
