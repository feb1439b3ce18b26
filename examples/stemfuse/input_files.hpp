// The files of one measurement, several at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/image_choice.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/io/record/record.hpp>

namespace program {

// The names and the SHA-256 of a file and of what is read with it. Throws read_error.
inline std::vector<stemfuse::io::input_record> records_of(const stemfuse::io::image_file& file) {
    std::vector<stemfuse::io::input_record> records;
    for (const auto& path : file.sources())
        records.push_back({path.filename().string(), stemfuse::io::sha256_of_input(path)});
    return records;
}

// The files of one measurement, open.
class input_files {
public:
    // Throws read_error.
    explicit input_files(const std::vector<std::string>& paths, const std::string& axes = "") {
        for (const std::string& path : paths)
            files_.emplace_back(path, stemfuse::io::read_options{.guarded = true, .axes = axes});
    }

    const stemfuse::io::image_file& operator[](std::size_t i) const { return files_[i]; }
    std::size_t size() const { return files_.size(); }

    // "a.dm4", or "a.dm4, b.dm4": what messages and titles call them.
    std::string title() const {
        std::vector<std::string> names;
        for (const auto& file : files_) names.push_back(file.path().filename().string());
        return stemfuse::io::joined(names);
    }
    std::string paths() const {
        std::vector<std::string> names;
        for (const auto& file : files_) names.push_back(file.path().string());
        return stemfuse::io::joined(names);
    }
    std::vector<std::filesystem::path> all_paths() const {
        std::vector<std::filesystem::path> all;
        for (const auto& file : files_) {
            const auto sources = file.sources();
            all.insert(all.end(), sources.begin(), sources.end());
        }
        return all;
    }
    std::vector<stemfuse::io::file_contents> contents() const {
        std::vector<stemfuse::io::file_contents> all;
        for (const auto& file : files_) all.push_back(file.contents());
        return all;
    }

    // Their names, and those of what is read with them, with the SHA-256 of their bytes. Throws read_error.
    std::vector<stemfuse::io::input_record> inputs() const {
        std::vector<stemfuse::io::input_record> all;
        for (const auto& file : files_) {
            const auto records = records_of(file);
            all.insert(all.end(), records.begin(), records.end());
        }
        return all;
    }

    // Whether `name` may mean an image.
    bool has(const std::string& name) const {
        return std::any_of(files_.begin(), files_.end(), [&](const auto& file) { return !file.matches(name).empty(); });
    }

    // The image that `name` means in the one file that has it, or in that of "FILE:NAME". Throws read_error.
    stemfuse::io::image_reference find(const std::string& name) const {
        if (files_.size() == 1) return {0, files_[0].find(name)};
        std::vector<stemfuse::io::image_reference> found;
        std::vector<std::string> places;
        for (std::size_t i = 0; i < files_.size(); ++i) {
            const std::string file = files_[i].path().filename().string();
            if (name.starts_with(file + ":")) return {i, files_[i].find(name.substr(file.size() + 1))};
            try {
                found.push_back({i, files_[i].find(name)});
                places.push_back(file + ":" + found.back().image.name);
            } catch (const stemfuse::read_error&) {  // perhaps another file has it
            }
        }
        if (found.size() == 1) return found[0];
        throw stemfuse::read_error(paths(), found.empty() ? "none has an image \"" + name + "\""
                                                          : "several have an image \"" + name + "\", name one of " +
                                                                stemfuse::io::joined(places));
    }

private:
    std::vector<stemfuse::io::image_file> files_;
};

}  // namespace program
