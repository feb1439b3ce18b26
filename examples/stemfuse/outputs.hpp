// The files that a fusion leaves in its folder.
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/execution.hpp>
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

#include "figure_options.hpp"
#include "output_folder.hpp"
#include "progress_line.hpp"
#include "recipe.hpp"
#include "text_table.hpp"

namespace program {

// What the report says beside the record.
struct result_texts {
    std::vector<std::pair<std::string, std::string>> figures_of_merit{};
    std::vector<std::string> warnings{}, notes{};
};

// Writes all results but parameters.json, several files at a time. The HDF5 library takes one caller at a time, so its
// two files are one piece of work, the longest one, and the first.
template <class T>
void write_results(const std::filesystem::path& path, const fusion<T>& f, const result_texts& texts,
                   const figure_request& figures, const stemfuse::execution& exec) {
    using namespace stemfuse::io;
    const auto& record = f.record;
    const figure_options options = library_options(figures, record.elements, record.kind);
    const std::vector<std::function<void()>> pieces{
        [&] {
            const figure drawn = fusion_figure(record, options);
            write_figure(path / "fused.png", drawn);
            write_figure(path / "fused.svg", drawn);
        },
        [&] {
            write_fused_file(path / "fused.h5", record);
            write_hspy(path / "fused.hspy", record);
        },
        [&] {
            write_report(path / "report.html", record, {texts.figures_of_merit, texts.warnings, texts.notes, options});
        },
        [&] { write_residual_figure(path / "residual.png", record, options); },
        [&] { write_fused_npz(path / "fused.npz", record); },
        [&] {
            if (!figures.panels) return;
            for (const auto& [name, drawn] : figure_panels(record, options)) {
                write_figure(path / (name + ".png"), drawn);
                write_figure(path / (name + ".svg"), drawn);
            }
        },
        [&] {
            write_tiff_stack(path / "fused_maps.tif", record.fused_maps, record.scale, record.elements);
            for (std::size_t i = 0; i < record.elements.size(); ++i)
                write_tiff(path / (record.elements[i] + ".tif"), xt::view(record.fused_maps, i), record.scale,
                           record.elements[i]);
        },
        [&] {
            write_profile(path / "profile.csv", record, options);
            if (!record.spectrum) return;
            write_spectrum_figure(path / "spectrum.png", *record.spectrum);
            write_spectrum_csv(path / "spectrum.csv", *record.spectrum);
        },
    };
    exec.for_each(pieces.size(), [&](std::size_t i) {
        throw_if_interrupted("while writing");
        pieces[i]();
    });
}

// Writes all results, and what write_more(folder) writes, together. Throws write_error, and interrupted before anything
// has changed.
template <class T, class WriteMore>
void write_outputs(const output_folder& folder, const fusion<T>& f, const result_texts& texts,
                   const output_options& output, WriteMore&& write_more) {
    throw_if_interrupted("before writing");
    stemfuse::thread_pool pool(output.threads);
    folder.replace(
        [&](const std::filesystem::path& path) {
            write_results(path, f, texts, output.figures, pool);
            write_more(path);
            throw_if_interrupted("while writing");
        },
        [&](const std::filesystem::path& path, const std::vector<stemfuse::io::output_record>& outputs) {
            stemfuse::io::write_parameters(path / stemfuse::io::output_mark, f.record, outputs);
            throw_if_interrupted("while writing");
        });
}

template <class T>
void write_outputs(const output_folder& folder, const fusion<T>& f, const result_texts& texts,
                   const output_options& output) {
    write_outputs(folder, f, texts, output, [](const std::filesystem::path&) {});
}

// What was done, as a table on stdout, and where the rest stands.
template <class T>
void print_outputs(const output_folder& folder, const fusion<T>& f) {
    std::printf("%s", text_table(f.table).c_str());
    std::printf("%zu maps of %zu x %zu fused in %s s\n", f.record.elements.size(), f.record.haadf.shape(0),
                f.record.haadf.shape(1), stemfuse::to_string(f.seconds, 3).c_str());
    for (const std::string& line : f.lines) std::printf("%s\n", stemfuse::io::terminal_text(line).c_str());
    std::printf("Report: %s (maps, figures and parameters beside it)\n",
                stemfuse::io::terminal_text(
                    std::filesystem::absolute(folder.path() / "report.html").lexically_normal().string())
                    .c_str());
}

// Compiled once, in outputs.cpp.
extern template void write_results(const std::filesystem::path&, const fusion<float>&, const result_texts&,
                                   const figure_request&, const stemfuse::execution&);
extern template void write_results(const std::filesystem::path&, const fusion<double>&, const result_texts&,
                                   const figure_request&, const stemfuse::execution&);
extern template void print_outputs(const output_folder&, const fusion<float>&);
extern template void print_outputs(const output_folder&, const fusion<double>&);

}  // namespace program
