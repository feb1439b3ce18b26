// stemfuse batch: many measurements, one after another.
#pragma once

#include <CLI/App.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/core/number_text.hpp>
#include <stemfuse/io/base/byte_source.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/io/describe.hpp>
#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/record/parameters_json.hpp>

#include "input_files.hpp"
#include "options.hpp"
#include "progress_line.hpp"

namespace program {

// The lines of a list without empty ones and those that begin with #. Throws read_error for a file without any.
inline std::vector<std::string> read_list(const std::string& path) {
    stemfuse::io::input_file_size(path);
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        if (line.ends_with('\r')) line.pop_back();
        const auto first = line.find_first_not_of(" \t");
        if (first != std::string::npos && line[first] != '#') lines.push_back(line.substr(first));
    }
    if (lines.empty())
        throw stemfuse::read_error(path, "names no measurement, must name one a line: FILE... [options]");
    return lines;
}

// What was asked for on a command line, one option a line, without the files and what changes no result.
inline std::string request_of(const CLI::App& command) {
    static const std::set<std::string> left_out{"FILE", "LIST", "output", "overwrite", "quiet", "threads"};
    std::string request;
    for (const CLI::Option* const option : command.get_options()) {
        const std::string name = option->get_single_name();
        if (option->count() == 0 || left_out.contains(name)) continue;
        request += name + "=" + stemfuse::io::joined(option->results(), option->results().size()) + "\n";
    }
    return request;
}

// Whether the folder holds the results of these files, by their SHA-256, and of this request, each as it was written.
inline bool is_done(const std::filesystem::path& folder, const std::vector<std::string>& files,
                    const std::string& request) {
    const auto found = stemfuse::io::read_results(folder);
    if (!found || found->request != request) return false;
    std::size_t same = 0;
    for (const std::string& path : files) {
        for (const auto& now : records_of(stemfuse::io::image_file(path, {.guarded = true}))) {
            if (same == found->inputs.size() || found->inputs[same].file != now.file ||
                found->inputs[same].sha256 != now.sha256)
                return false;
            ++same;
        }
    }
    return same == found->inputs.size() && stemfuse::io::changed_outputs(folder, *found).empty();
}

// The folder of a measurement: the name of its first file, with a number where another has it already.
inline std::string folder_name(const std::vector<std::string>& files, std::set<std::string>& taken) {
    const std::string stem =
        stemfuse::io::file_name(files.empty() ? "" : std::filesystem::path(files[0]).stem().string());
    const auto lower = [](std::string name) {  // some disks do not tell them apart
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
        return name;
    };
    std::string name = stem;
    for (std::size_t n = 2; !taken.insert(lower(name)).second; ++n) name = stem + "-" + std::to_string(n);
    return name;
}

// One line of a list, parsed: its files, what was asked for, and the call that fuses it into a folder.
struct batch_entry {
    std::vector<std::string> files;
    std::string request;
    std::function<void(const std::string& folder)> fuse;
};

// Fuses what the lines of the list name into folders below `output`, and prints a table of what became of them. parse
// turns a line into a batch_entry, and may throw. Throws read_error where one failed, after all of them, and
// interrupted.
template <class Parse>
void batch(const std::string& list, const std::string& output, Parse&& parse) {
    const auto lines = read_list(list);
    std::vector<std::vector<std::string>> table{{"folder", "", "seconds", ""}};
    std::set<std::string> taken;
    std::size_t failed = 0;
    const auto print = [&] { std::printf("%s", stemfuse::io::detail::text_table(table).c_str()); };
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto& row = table.emplace_back(std::vector<std::string>{lines[i], "failed", "", ""});
        const auto begin = std::chrono::steady_clock::now();
        try {
            const batch_entry entry = parse(lines[i]);
            row[0] = folder_name(entry.files, taken);
            std::printf("%zu of %zu: %s\n", i + 1, lines.size(), row[0].c_str());
            std::fflush(stdout);
            const auto folder = std::filesystem::path(output) / row[0];
            const bool done = is_done(folder, entry.files, entry.request);
            if (!done) entry.fuse(folder.string());
            row[1] = done ? "was done" : "done";
        } catch (const interrupted&) {
            row[1] = "interrupted";
            print();
            throw;
        } catch (const stemfuse::cancelled&) {
            row[1] = "interrupted";
            print();
            throw;
        } catch (const std::exception& e) {
            row[3] = stemfuse::io::one_line(e.what());
            std::fprintf(stderr, "stemfuse: %s\n", row[3].c_str());
            ++failed;
        }
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        row[2] = stemfuse::fixed_text(seconds.count(), 1);
        throw_if_interrupted("between two measurements");
    }
    print();
    if (failed > 0)
        throw stemfuse::read_error(list, std::to_string(failed) + " of " + std::to_string(lines.size()) + " failed");
}

}  // namespace program
