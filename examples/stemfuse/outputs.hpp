// The files that a fusion leaves in its folder.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/atomic_file.hpp>
#include <stemfuse/io/record/fused_file.hpp>
#include <stemfuse/io/record/fused_npz.hpp>
#include <stemfuse/io/record/hspy_writer.hpp>
#include <stemfuse/io/record/parameters_json.hpp>
#include <stemfuse/io/tiff/tiff.hpp>
#include <stemfuse/report/figure/figure.hpp>
#include <stemfuse/report/figure/profile_csv.hpp>
#include <stemfuse/report/figure/residual_figure.hpp>
#include <stemfuse/report/report.hpp>

#include "count_file.hpp"
#include "recipe.hpp"

namespace program {

using figures_of_merit = std::vector<std::pair<std::string, std::string>>;

// The names of all files that write_outputs() writes.
inline std::vector<std::string> output_names(const std::vector<std::string>& elements) {
    std::vector<std::string> names{"fused.h5",  "fused.hspy",   "fused.npz",   "fused_maps.tif", "profile.csv",
                                   "fused.png", "residual.png", "report.html", "parameters.json"};
    for (const std::string& element : elements) names.push_back(element + ".tif");
    return names;
}

// The folder for the results, made if need be and tried before any work; one that it made goes again if nothing was
// written to it. Throws write_error.
class output_folder {
public:
    explicit output_folder(const std::string& path) : path_(path) {
        std::error_code failure;
        made_ = std::filesystem::create_directories(path_, failure);
        if (failure) throw stemfuse::write_error(path, "cannot be made a folder for the results: " + failure.message());
        stemfuse::io::atomic_file trial(path_ / "fused.h5");
    }

    output_folder(const output_folder&) = delete;
    output_folder& operator=(const output_folder&) = delete;

    ~output_folder() {
        std::error_code not_empty;
        if (made_) std::filesystem::remove(path_, not_empty);
    }

    const std::filesystem::path& path() const noexcept { return path_; }

    // Throws usage_error where a result for these elements would be written over a file that is read, by whatever name.
    void keep_apart(const std::vector<std::filesystem::path>& inputs, const std::vector<std::string>& elements) const {
        for (const std::string& name : output_names(elements)) {
            for (const auto& input : inputs) {
                std::error_code absent;
                if (std::filesystem::equivalent(path_ / name, input, absent)) {
                    throw usage_error("--output: " + (path_ / name).string() + " is an input (" + input.string() +
                                      ") and would be written over: name another folder");
                }
            }
        }
    }

private:
    std::filesystem::path path_;
    bool made_ = false;
};

template <class T>
void write_outputs(const output_folder& folder, const fusion<T>& f, const figures_of_merit& figures,
                   const std::vector<std::string>& warnings = {}) {
    const auto& path = folder.path();
    throw_if_interrupted("before writing");
    if (f.counts.known()) {
        write_count_file(path / "fused.h5", f.record, f.counts);
    } else {
        stemfuse::io::write_fused_file(path / "fused.h5", f.record);
    }
    stemfuse::io::write_hspy(path / "fused.hspy", f.record);
    stemfuse::io::write_fused_npz(path / "fused.npz", f.record);
    stemfuse::io::write_tiff_stack(path / "fused_maps.tif", f.record.fused_maps, f.record.scale);
    stemfuse::io::write_profile(path / "profile.csv", f.record);
    for (std::size_t i = 0; i < f.record.elements.size(); ++i) {
        stemfuse::io::write_tiff(path / (f.record.elements[i] + ".tif"), xt::view(f.record.fused_maps, i),
                                 f.record.scale);
    }
    stemfuse::io::report_options options;
    options.figures_of_merit = figures;
    options.warnings = warnings;
    options.figure.limits = f.counts.known() ? stemfuse::io::limits_source::fused : stemfuse::io::limits_source::both;
    options.figure.haadf_unit = "scaled to [0, 1]";
    options.holdout = holdout_section_of(f.counts, f.record.elements);
    options.trust = f.counts.trust;
    if (f.counts.known()) options.tables.push_back(amounts_table(f.counts, f.record.elements));
    stemfuse::io::write_figure(path / "fused.png", f.record, options.figure);
    stemfuse::io::write_residual_figure(path / "residual.png", f.record, options.figure);
    stemfuse::io::write_report(path / "report.html", f.record, options);
    stemfuse::io::write_parameters(path / "parameters.json", f.record);
}

// What was done, in a few lines on stdout.
template <class T>
void print_outputs(const output_folder& folder, const fusion<T>& f) {
    const auto& total = f.record.history.total;
    std::printf("%zu maps of %zu x %zu fused in %.2f s", f.record.elements.size(), f.record.haadf.shape(0),
                f.record.haadf.shape(1), f.seconds);
    if (!total.empty()) {
        std::printf(": objective %.6g at the start, %.6g after %zu iterations", total.front(), total.back(),
                    total.size() - 1);
    }
    std::printf("\n");
    for (const std::string& line : f.lines) std::printf("%s\n", line.c_str());
    std::printf(
        "Report: %s (beside it fused.h5, .hspy, .npz and .png, residual.png, fused_maps.tif and one TIFF an element, "
        "profile.csv, parameters.json)\n",
        std::filesystem::absolute(folder.path() / "report.html").lexically_normal().string().c_str());
}

}  // namespace program
