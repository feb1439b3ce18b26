// The folder that results go to: what may be written there, and what must not.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/array_info.hpp>
#include <stemfuse/io/guard/output_transaction.hpp>
#include <stemfuse/io/record/parameters_json.hpp>

#include "options.hpp"
#include "progress_line.hpp"

namespace program {

// The names of all files that a fusion writes.
inline std::vector<std::string> output_names(const std::vector<std::string>& elements, bool panels,
                                             bool of_spectra = false) {
    std::vector<std::string> names{"fused.h5",  "fused.hspy", "fused.npz",    "fused_maps.tif", "profile.csv",
                                   "fused.png", "fused.svg",  "residual.png", "report.html",    "parameters.json"};
    for (const std::string& element : elements) names.push_back(element + ".tif");
    if (of_spectra) names.insert(names.end(), {"spectrum.png", "spectrum.csv"});
    if (!panels) return names;
    auto shown = elements;
    shown.insert(shown.end(), {"HAADF", "overlay"});
    for (const std::string& name : shown) {
        for (const char* const state : {"_raw", "_fused", "_truth"}) {
            for (const char* const ending : {".png", ".svg"}) names.push_back(name + state + ending);
        }
    }
    return names;
}

// What a fusion would write, and of what.
struct result_set {
    std::string title;
    std::vector<std::filesystem::path> input_paths;
    std::vector<stemfuse::io::input_record> inputs;
    std::vector<std::string> names;
};

// The folder for the results, made if need be and tried before any work; one that it made goes again if nothing was
// written to it.
class output_folder {
public:
    // Throws write_error, also where another process writes there. A folder that is not kept for this process alone is
    // so only while results are written.
    output_folder(const std::string& path, bool overwrite, bool keep = true) : path_(path), overwrite_(overwrite) {
        std::error_code failure;
        made_ = std::filesystem::create_directories(path_, failure);
        if (made_ && path.size() < empty_folder.size()) std::copy(path.begin(), path.end(), empty_folder.begin());
        if (failure) throw stemfuse::write_error(path, "cannot be made a folder for the results: " + failure.message());
        {
            stemfuse::io::held_folder own(path_);
            const stemfuse::io::output_transaction trial(own);
            if (keep) held_.emplace(std::move(own));
        }
    }

    output_folder(const output_folder&) = delete;
    output_folder& operator=(const output_folder&) = delete;

    ~output_folder() {
        std::error_code not_empty;
        if (made_) std::filesystem::remove(path_, not_empty);
        empty_folder.fill('\0');
    }

    const std::filesystem::path& path() const noexcept { return path_; }

    // Finds out what these results replace there. Throws usage_error where that is a file that is read, by whatever
    // name; and without --overwrite, where it is any file but the results of the same measurement as they were written.
    void admit(result_set results) {
        results_ = std::move(results);
        what_goes();
    }

    // Calls write(folder) for a folder that is none of anybody's yet, then finish(folder, outputs) to write the mark;
    // then all of it appears at once. Throws write_error and what these throw; then nothing has changed.
    template <class Write, class Finish>
    void replace(Write&& write, Finish&& finish) const {
        std::optional<stemfuse::io::held_folder> now;
        if (!held_) now.emplace(path_);
        stemfuse::io::output_transaction set(held_ ? *held_ : *now);
        try {
            write(set.staging());
            finish(set.staging(), set.seal());
        } catch (const stemfuse::write_error& e) {  // of the file as the user will know it
            const std::string here = set.staging().string(), what = e.what();
            if (!e.path().starts_with(here)) throw;
            throw stemfuse::write_error(path_.string() + e.path().substr(here.size()),
                                        what.substr(e.path().size() + 2));
        }
        set.commit(what_goes());  // what has come into the folder meanwhile stays, too
    }

private:
    std::vector<std::string> what_goes() const {
        namespace fs = std::filesystem;
        std::vector<std::string> replaced;
        const auto earlier = stemfuse::io::read_results(path_);
        std::vector<std::string> changed;
        if (earlier) {
            changed = stemfuse::io::changed_outputs(path_, *earlier);
            for (const auto& output : earlier->outputs) {
                if (!stemfuse::io::detail::contains(changed, output.file)) replaced.push_back(output.file);
            }
        }
        std::vector<std::string> others;
        for (const auto& name : results_.names) {
            std::error_code absent;
            const auto status = fs::symlink_status(path_ / name, absent);
            if (!fs::exists(status)) continue;
            if (fs::is_directory(status)) refuse(name, "is a folder");
            const bool own = name == stemfuse::io::output_mark || stemfuse::io::detail::contains(replaced, name);
            if (!earlier || !own) others.push_back(name);
        }
        auto names = results_.names;
        names.insert(names.end(), replaced.begin(), replaced.end());
        for (const auto& name : names) {
            for (const auto& input : results_.input_paths) {
                std::error_code absent;
                if (fs::equivalent(path_ / name, input, absent))
                    refuse(name, "is an input (" + input.string() + ") and would be written over");
            }
        }
        if (overwrite_) return replaced;
        const std::string way_out = ": name another folder, or give --overwrite";
        if (earlier && !earlier->same_measurement(results_.title, results_.inputs)) {
            throw usage_error("--output: " + path_.string() + " holds results of another measurement (" +
                              earlier->title + ")" + way_out);
        }
        if (!others.empty()) {
            throw usage_error("--output: " + path_.string() + " holds " + stemfuse::io::joined(others) + ", " +
                              (earlier ? "changed since it was written" : "of unknown origin") + way_out);
        }
        return replaced;
    }

    [[noreturn]] void refuse(const std::string& name, const std::string& why) const {
        throw usage_error("--output: " + (path_ / name).string() + " " + why + ": name another folder");
    }

    std::filesystem::path path_;
    bool overwrite_ = false, made_ = false;
    result_set results_;
    mutable std::optional<stemfuse::io::held_folder> held_;
};

}  // namespace program
