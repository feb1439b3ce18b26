// The files that a fusion leaves in its folder.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/io/record/fused_file.hpp>
#include <stemfuse/io/record/fused_npz.hpp>
#include <stemfuse/io/record/hspy_writer.hpp>
#include <stemfuse/io/record/parameters_json.hpp>
#include <stemfuse/io/tiff/tiff.hpp>
#include <stemfuse/report/figure/figure.hpp>
#include <stemfuse/report/figure/profile_csv.hpp>
#include <stemfuse/report/figure/residual_figure.hpp>
#include <stemfuse/report/figure/spectrum_figure.hpp>
#include <stemfuse/report/report.hpp>

#include "output_folder.hpp"
#include "progress_line.hpp"
#include "recipe.hpp"

namespace program {

using figures_of_merit = std::vector<std::pair<std::string, std::string>>;

// Writes all results but parameters.json.
template <class T>
void write_results(const std::filesystem::path& path, const fusion<T>& f, const figures_of_merit& figures,
                   const std::vector<std::string>& warnings) {
    stemfuse::io::write_fused_file(path / "fused.h5", f.record);
    stemfuse::io::write_hspy(path / "fused.hspy", f.record);
    stemfuse::io::write_fused_npz(path / "fused.npz", f.record);
    stemfuse::io::write_tiff_stack(path / "fused_maps.tif", f.record.fused_maps, f.record.scale, f.record.elements);
    stemfuse::io::write_profile(path / "profile.csv", f.record);
    for (std::size_t i = 0; i < f.record.elements.size(); ++i) {
        stemfuse::io::write_tiff(path / (f.record.elements[i] + ".tif"), xt::view(f.record.fused_maps, i),
                                 f.record.scale, f.record.elements[i]);
    }
    stemfuse::io::report_options options;
    options.figures_of_merit = figures;
    options.warnings = warnings;
    options.figure.limits = f.record.kind == stemfuse::io::map_kind::scaled ? stemfuse::io::limits_source::both
                                                                            : stemfuse::io::limits_source::fused;
    options.figure.haadf_unit = "scaled to [0, 1]";
    throw_if_interrupted("while writing");
    stemfuse::io::write_figure(path / "fused.png", f.record, options.figure);
    throw_if_interrupted("while writing");
    stemfuse::io::write_residual_figure(path / "residual.png", f.record, options.figure);
    if (f.record.spectrum) {
        stemfuse::io::write_spectrum_figure(path / "spectrum.png", *f.record.spectrum);
        stemfuse::io::write_spectrum_csv(path / "spectrum.csv", *f.record.spectrum);
    }
    throw_if_interrupted("while writing");
    stemfuse::io::write_report(path / "report.html", f.record, options);
}

// Writes all results, and what write_more(folder) writes, together. Throws write_error, and interrupted before anything
// has changed.
template <class T, class WriteMore>
void write_outputs(const output_folder& folder, const fusion<T>& f, const figures_of_merit& figures,
                   const std::vector<std::string>& warnings, WriteMore&& write_more) {
    throw_if_interrupted("before writing");
    folder.replace(
        [&](const std::filesystem::path& path) {
            write_results(path, f, figures, warnings);
            write_more(path);
            throw_if_interrupted("while writing");
        },
        [&](const std::filesystem::path& path, const std::vector<stemfuse::io::output_record>& outputs) {
            stemfuse::io::write_parameters(path / stemfuse::io::output_mark, f.record, outputs);
            throw_if_interrupted("while writing");
        });
}

template <class T>
void write_outputs(const output_folder& folder, const fusion<T>& f, const figures_of_merit& figures,
                   const std::vector<std::string>& warnings = {}) {
    write_outputs(folder, f, figures, warnings, [](const std::filesystem::path&) {});
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
    for (const std::string& line : f.lines) std::printf("%s\n", stemfuse::io::terminal_text(line).c_str());
    std::printf(
        "Report: %s (beside it fused.h5, .hspy, .npz and .png, residual.png, fused_maps.tif and one TIFF an element, "
        "profile.csv, %sparameters.json)\n",
        stemfuse::io::terminal_text(
            std::filesystem::absolute(folder.path() / "report.html").lexically_normal().string())
            .c_str(),
        f.record.spectrum ? "spectrum.png, spectrum.csv, " : "");
}

// Compiled once, in outputs.cpp.
extern template void write_results(const std::filesystem::path&, const fusion<float>&, const figures_of_merit&,
                                   const std::vector<std::string>&);
extern template void write_results(const std::filesystem::path&, const fusion<double>&, const figures_of_merit&,
                                   const std::vector<std::string>&);
extern template void print_outputs(const output_folder&, const fusion<float>&);
extern template void print_outputs(const output_folder&, const fusion<double>&);

}  // namespace program
