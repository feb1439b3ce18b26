// Messages, completion and the page for man, see help_pages.hpp.
#include "help_pages.hpp"

#include <CLI/Error.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

namespace program {

namespace {

// Letters to add, take away, exchange or swap with a neighbour to make one word of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + changed});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* c) { return !c->get_name().empty(); });
}

// "-o", "--output" of an option; nothing of a positional one.
std::vector<std::string> names_of(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const auto& name : option.get_snames()) names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) names.push_back("--" + name);
    return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::Option* const option : command.get_options()) {
        const auto own = names_of(*option);
        names.insert(names.end(), own.begin(), own.end());
    }
    return names;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : std::string(between)) + word;
    return text;
}

// The names that an option can have: its type is written "gp|fgp|chambolle".
std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    std::vector<std::string> choices;
    if (type.find('|') == std::string::npos) return choices;
    for (std::size_t at = 0; at <= type.size();) {
        const std::size_t end = std::min(type.find('|', at), type.size());
        choices.push_back(type.substr(at, end - at));
        at = end + 1;
    }
    return choices;
}

bool takes_value(const CLI::Option& option) { return option.get_expected_max() > 0 && option.get_type_size() != 0; }

// Text for troff: a backslash and a hyphen stand for themselves, as do dots and quotes that begin a line.
std::string troff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
            out += std::string("\\&") + c;
        } else {
            out += c;
        }
    }
    return out;
}

void add_option_to_page(std::string& page, const CLI::Option& option) {
    const auto names = names_of(option);
    std::string head;
    for (const auto& name : names) head += (head.empty() ? "" : ", ") + ("\\fB" + troff(name) + "\\fR");
    if (names.empty()) head = "\\fI" + troff(option.get_name(true)) + "\\fR";
    if (!names.empty() && takes_value(option)) head += " \\fI" + troff(option.get_type_name()) + "\\fR";
    page += ".TP\n" + head + "\n" + troff(option.get_description());
    if (!option.get_default_str().empty()) page += " (default: " + troff(option.get_default_str()) + ")";
    page += "\n";
}

void add_command_to_page(std::string& page, const CLI::App& command) {
    page += ".SS \"stemfuse " + troff(command.get_name()) + "\"\n" + troff(command.get_description()) + ".\n";
    for (const CLI::Option* const option :
         command.get_options([](const CLI::Option* o) { return o->get_positional() && names_of(*o).empty(); }))
        add_option_to_page(page, *option);
    for (const auto& group : command.get_groups()) {
        const auto options = command.get_options([&](const CLI::Option* o) {
            return o->get_group() == group && !names_of(*o).empty() && o != command.get_help_ptr();
        });
        if (group.empty() || options.empty()) continue;
        page += ".PP\n\\fI" + troff(group) + "\\fR\n";
        for (const CLI::Option* const option : options) add_option_to_page(page, *option);
    }
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& names) {
    const std::size_t most = std::min<std::size_t>(2, (word.size() - 1) / 3);
    std::string nearest;
    std::size_t least = most + 1;
    for (const auto& name : names) {
        const std::size_t distance = edit_distance(word, name);
        if (distance < least) least = distance, nearest = name;
    }
    return nearest;
}

std::string usage_message(const CLI::App& app, const std::vector<std::string>& arguments,
                          const CLI::ParseError& error) {
    std::vector<std::string> commands;
    for (const CLI::App* const c : commands_of(app)) commands.push_back(c->get_name());
    const std::string first = arguments.empty() ? "" : arguments[0];
    const auto found = std::find(commands.begin(), commands.end(), first);
    if (found == commands.end() && !first.empty() && first[0] != '-') {
        const std::string meant = nearest_name(first, commands);
        return "the command is \"" + first + "\", must be one of " + joined(commands, ", ") +
               (meant.empty() ? "" : ": did you mean " + meant + "?");
    }
    const CLI::App& command =
        found == commands.end() ? app : *commands_of(app)[static_cast<std::size_t>(found - commands.begin())];
    const std::string called = &command == &app ? "stemfuse" : "stemfuse " + first;
    const std::string more = " (" + called + " --help says more)";
    if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return error.what() + more;
    const auto known = option_names(command);
    for (const auto& argument : arguments) {
        const std::string name = argument.substr(0, argument.find('='));
        if (name.size() < 2 || name[0] != '-' || std::find(known.begin(), known.end(), name) != known.end()) continue;
        if (name[1] != '-' && std::find(known.begin(), known.end(), name.substr(0, 2)) != known.end()) continue;
        const std::string meant = nearest_name(name, known);
        return name + ": is no option of " + called + (meant.empty() ? "" : ", did you mean " + meant + "?") + more;
    }
    return error.what() + more;
}

std::string bash_completion(const CLI::App& app) {
    std::string commands, cases, choices;
    for (const CLI::App* const command : commands_of(app)) {
        commands += (commands.empty() ? "" : " ") + command->get_name();
        cases += "        " + command->get_name() + ") options=\"" + joined(option_names(*command), " ") + "\" ;;\n";
        for (const CLI::Option* const option : command->get_options()) {
            const auto names = choices_of(*option);
            if (names.empty()) continue;
            choices += "        " + command->get_name() + ":" +
                       joined(names_of(*option), "|" + command->get_name() + ":") + ") names=\"" + joined(names, " ") +
                       "\" ;;\n";
        }
    }
    return "# Completion of stemfuse for bash: source it, or leave it where bash-completion looks.\n"
           "_stemfuse() {\n"
           "    local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" "
           "command=\"${COMP_WORDS[1]}\" options=\"\" names=\"\"\n"
           "    COMPREPLY=()\n"
           "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
           "        COMPREPLY=($(compgen -W \"" +
           commands +
           " --help --version\" -- \"$word\"))\n"
           "        return\n"
           "    fi\n"
           "    case \"$command:$before\" in\n" +
           choices +
           "    esac\n"
           "    if [[ -n $names ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n"
           "        return\n"
           "    fi\n"
           "    [[ $word == -* ]] || return\n"
           "    case \"$command\" in\n" +
           cases +
           "    esac\n"
           "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
           "}\n"
           "complete -o default -o bashdefault -F _stemfuse stemfuse\n";
}

std::string man_page(const CLI::App& app, const std::string& version) {
    std::string page = ".TH STEMFUSE 1 \"\" \"stemfuse " + troff(version) +
                       "\" \"User Commands\"\n.ad l\n.nh\n.SH NAME\nstemfuse \\- " +
                       troff("fused multi-modal electron microscopy") + "\n.SH SYNOPSIS\n";
    for (const CLI::App* const command : commands_of(app)) {
        std::string line = ".B stemfuse " + troff(command->get_name());
        for (const CLI::Option* const option : command->get_options()) {
            if (option->get_positional() && names_of(*option).empty())
                line.append(" ")
                    .append(troff(option->get_name(true)))
                    .append(option->get_expected_max() > 1 ? "..." : "");
        }
        page += line + " [options]\n.br\n";
    }
    page +=
        ".SH DESCRIPTION\nMakes elemental maps with less noise from maps of X\\-ray or energy\\-loss counts, by the "
        "HAADF "
        "image of the same scan.\nThe command \\fBstemfuse inspect\\fR FILE ends with the command that fuses a file.\n"
        ".SH COMMANDS\n";
    for (const CLI::App* const command : commands_of(app)) add_command_to_page(page, *command);
    return page +
           ".SH EXIT STATUS\n0 done; 1 a mistake of the program's own; 2 usage; 3 input; 4 output; 130 interrupted.\n"
           ".SH EXAMPLES\n.nf\nstemfuse demo\nstemfuse inspect scan.emd\nstemfuse fuse scan.emd \\-o fused\n"
           "stemfuse fuse scan.emd \\-o fused \\-\\-figure\\-width 85mm \\-\\-overlay Fe,Pt\n"
           "source <(stemfuse completion bash)\n.fi\n";
}

}  // namespace program
