// The command that makes the same maps as the page.
#pragma once

#include <CLI/App.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <stemfuse/core/joined.hpp>
#include <stemfuse/io/base/text_sinks.hpp>

#include "explore_protocol.hpp"

namespace program {

// The files and options of a command line that the page does not tune, as `stemfuse fuse` takes them.
inline std::vector<std::string> words_of(const CLI::App& command) {
    std::set<std::string> left_out{"output", "overwrite", "port"};
    for (const auto& p : tuned_parameters) left_out.insert(std::string(p.option).substr(2));
    std::vector<std::string> words;
    for (const CLI::Option* const option : command.get_options()) {
        const std::string name = option->get_single_name();
        if (option->count() == 0 || left_out.contains(name)) continue;
        const auto& values = option->results();
        if (option->get_positional()) {
            for (const auto& file : values) words.push_back((file.starts_with('-') ? "./" : "") + file);
            continue;
        }
        words.push_back("--" + name);
        if (option->get_expected_max() == 0) continue;  // a flag
        words.push_back(stemfuse::joined(values, ","));
    }
    return words;
}

// The command that makes the same maps: `words` are files and options that are not tuned.
inline std::string fuse_command(const std::vector<std::string>& words, const std::string& folder,
                                const recipe_options& o, std::size_t n_elements) {
    std::string command = "stemfuse fuse";
    for (const std::string& word : words) command += " " + stemfuse::io::shell_word(word);
    command += " -o " + stemfuse::io::shell_path(folder) + " --recipe published";
    for (const auto& p : tuned_parameters)
        command += " " + std::string(p.option) + " " + stemfuse::exact_text(p.get(o, n_elements));
    return command;
}

}  // namespace program
