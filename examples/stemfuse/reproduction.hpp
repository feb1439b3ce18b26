// The command that makes the same maps as the page.
#pragma once

#include <CLI/App.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "explore_protocol.hpp"

namespace program {

// The files and options of a command line that the page does not tune, as `stemfuse fuse` takes them.
inline std::vector<std::string> words_of(const CLI::App& command) {
    std::set<std::string> left_out{"output", "port"};
    for (const auto& p : tuned_parameters) left_out.insert(std::string(p.option).substr(2));
    std::vector<std::string> words;
    for (const CLI::Option* const option : command.get_options()) {
        const std::string name = option->get_single_name();
        if (option->count() == 0 || left_out.contains(name)) continue;
        const auto& values = option->results();
        if (option->get_positional()) {
            words.insert(words.end(), values.begin(), values.end());
            continue;
        }
        words.push_back("--" + name);
        if (option->get_expected_max() == 0) continue;  // a flag
        std::string joined;
        for (const auto& value : values) joined += (joined.empty() ? "" : ",") + value;
        words.push_back(joined);
    }
    return words;
}

// A word as a POSIX shell takes it.
inline std::string shell_word(const std::string& text) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=,+@%-";
    if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
    std::string word = "'";
    for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
}

// The command that makes the same maps: `words` are files and options that are not tuned.
inline std::string fuse_command(const std::vector<std::string>& words, const std::string& folder,
                                const recipe_options& o, std::size_t n_elements) {
    std::string command = "stemfuse fuse";
    for (const std::string& word : words) command += " " + shell_word(word);
    command += " -o " + shell_word(folder) + " --recipe published";
    for (const auto& p : tuned_parameters)
        command += " " + std::string(p.option) + " " + exact_text(p.get(o, n_elements));
    return command;
}

}  // namespace program
