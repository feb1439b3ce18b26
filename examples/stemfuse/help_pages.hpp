// What is made of the tables of options: a message for a mistake, completion for bash, the page for man.
#pragma once

#include <CLI/App.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace program {

// The one of `names` that `word` was probably meant to be: it differs by a letter or two, by less than a third of its
// letters. Empty where there is none.
std::string nearest_name(std::string_view word, const std::vector<std::string>& names);

// What to say where the command line cannot be parsed: the option and what was probably meant, and whose --help says
// more. `app` has all subcommands.
std::string usage_message(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::ParseError& error);

// A script for bash that completes commands, options, the names that an option can have, and files.
std::string bash_completion(const CLI::App& app);

// The page of section 1 for man, in troff. `version` stands in its foot.
std::string man_page(const CLI::App& app, const std::string& version);

}  // namespace program
