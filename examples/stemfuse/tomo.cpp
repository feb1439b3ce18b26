// stemfuse tomo: tilt series to volumes of the elements, on one process or on the ranks of MPI.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <stemfuse/core/column_stream.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/hdf5/hdf5_writer.hpp>
#include <stemfuse/io/tilts/mrc_writer.hpp>
#include <stemfuse/recipes/tomography.hpp>
#include <stemfuse/report/tilt_report.hpp>
#if defined(STEMFUSE_HAS_MPI)
#include <stemfuse/mpi/mpi_communicator.hpp>
#endif

#include "commands.hpp"
#include "output_folder.hpp"
#include "progress_line.hpp"
#include "tomo_input.hpp"

namespace program {

namespace {

using volumes = xt::xtensor<float, 3>;

stemfuse::tomography_options recipe_of(const tomo_options& o) {
    stemfuse::tomography_options r;
    r.n_z = o.thickness;
    r.iterations = o.iterations;
    r.gamma = o.gamma;
    r.background = o.background;
    r.fit_offset = !o.keep_offset;
    r.coupling = o.separate ? stemfuse::variation_coupling::separate : stemfuse::variation_coupling::joint;
    r.weights = o.weights;
    r.lambda_haadf = o.lambda_haadf;
    r.variation = o.variation;
    r.checkpoint = o.checkpoint;
    return r;
}

std::string numbers_text(const std::vector<double>& values) {
    std::string text;
    for (const double v : values) text += (text.empty() ? "" : ", ") + stemfuse::to_string(v);
    return text;
}

std::vector<std::pair<std::string, std::string>> parameters_of(const stemfuse::tilt_measurement<float>& m,
                                                               const stemfuse::tomography_options& o,
                                                               const stemfuse::tomography_result<float>& r) {
    std::string elements;
    for (const std::string& e : m.elements) elements += (elements.empty() ? "" : ", ") + e;
    const auto text = [](double v) { return stemfuse::to_string(v); };
    return {{"elements", elements},
            {"HAADF tilts", std::to_string(m.haadf_angles.size())},
            {"tilts of counts", std::to_string(m.count_angles.size())},
            {"iterations", std::to_string(r.report.iterations)},
            {"stopped for", std::string(stemfuse::to_string(r.report.reason))},
            {"gamma", text(o.gamma)},
            {"weights in HAADF" + std::string(o.weights.empty() ? " (fitted)" : ""), numbers_text(r.weights)},
            {"constant taken from HAADF", text(r.offset)},
            {"noise of HAADF", text(r.haadf_noise)},
            {"lambda_haadf", text(r.lambda_haadf)},
            {"typical counts of a voxel", numbers_text(r.levels)},
            {"total variation", std::string(o.coupling == stemfuse::variation_coupling::joint ? "joint" : "separate") +
                                    ", weights " + numbers_text(r.variation)},
            {"background counts in a pixel", text(o.background)}};
}

// Measured projections and those of the fused volumes: HAADF at three tilts, each element at the middle one.
std::vector<stemfuse::io::tilt_report::projection> projections_of(const stemfuse::tilt_measurement<float>& m,
                                                                  const stemfuse::tomography_options& o,
                                                                  const stemfuse::tomography_result<float>& r,
                                                                  const volumes& maps) {
    const std::size_t nx = maps.shape()[2], bins = m.bins;
    std::vector<stemfuse::io::tilt_report::projection> all;
    const auto add = [&](const std::string& name, const std::vector<double>& angles, const std::vector<double>& shifts,
                         std::size_t k, const float* measured, const volumes& volume, double offset) {
        const stemfuse::tilt_geometry g(r.n_z, r.n_y, bins, {angles[k]}, {shifts.empty() ? 0.0 : shifts[k]});
        volumes p(stemfuse::stack_shape{1, bins, nx});
        stemfuse::tilt_projector(g, 1, nx).apply(volume, p);
        xt::xtensor<float, 2> seen(stemfuse::image_shape{bins, nx}), own(stemfuse::image_shape{bins, nx});
        std::copy_n(measured + k * bins * nx, bins * nx, seen.data());
        std::transform(p.begin(), p.end(), own.begin(), [&](float v) { return v + static_cast<float>(offset); });
        char title[64];
        std::snprintf(title, sizeof title, "%s at %.1f degrees", name.c_str(), angles[k] * 57.29577951308232);
        all.push_back({title, std::move(seen), std::move(own)});
    };
    volumes s = xt::zeros<float>(stemfuse::stack_shape{1, maps.shape()[1], nx});
    for (std::size_t k = 0; k < maps.size(); ++k) {
        const double x = static_cast<double>(maps.data()[k]);
        s.data()[k % s.size()] += static_cast<float>(r.weights[k / s.size()] * std::pow(x, o.gamma));
    }
    const std::size_t last = m.haadf_angles.size() - 1;
    for (const std::size_t k : {last / 2, std::size_t{0}, last}) {
        add("HAADF", m.haadf_angles, m.haadf_shifts, k, m.haadf.data(), s, r.offset);
        if (last == 0) break;
    }
    for (std::size_t e = 0; e < m.elements.size(); ++e) {
        const volumes one = xt::view(maps, xt::range(e, e + 1), xt::all(), xt::all());
        add(m.elements[e], m.count_angles, m.count_shifts, m.count_angles.size() / 2,
            m.counts.data() + e * m.counts.shape()[1] * nx, one, o.background);
    }
    return all;
}

struct tomo_outcome {
    const stemfuse::tilt_measurement<float>& measured;
    const stemfuse::tomography_options& options;
    const stemfuse::tomography_result<float>& result;
    const volumes &maps, &start;  // whole
    std::vector<stemfuse::io::input_record> inputs;
    std::string title, request;
};

void write_hdf5(const std::filesystem::path& path, const tomo_outcome& t) {
    stemfuse::io::atomic_file target(path);
    const stemfuse::io::hdf5_silence silence;
    const stemfuse::io::detail::hdf5_writer file(target);
    const stemfuse::stack_shape shape{t.result.n_z, t.result.n_y, t.maps.shape()[2]};
    const auto sirt = file.group("sirt");
    for (std::size_t e = 0; e < t.measured.elements.size(); ++e) {
        const std::size_t voxels = shape[0] * shape[1] * shape[2];
        file.stack(file.root(), t.measured.elements[e], t.maps.data() + e * voxels, shape);
        file.stack(sirt.get(), t.measured.elements[e], t.start.data() + e * voxels, shape);
    }
    for (const auto& [name, value] : parameters_of(t.measured, t.options, t.result)) file.parameter(name, value);
    std::vector<double> objective;
    for (const auto& c : t.result.report.history) objective.push_back(c.total);
    file.curve(file.root(), "objective", objective);
    target.write(file.bytes());
    target.commit();
}

void write_files(const std::filesystem::path& folder, const tomo_outcome& t) {
    write_hdf5(folder / "fused_volumes.h5", t);
    const stemfuse::stack_shape shape{t.result.n_z, t.result.n_y, t.maps.shape()[2]};
    for (std::size_t e = 0; e < t.measured.elements.size(); ++e) {
        const float* const volume = t.maps.data() + e * shape[0] * shape[1] * shape[2];
        stemfuse::io::write_file(folder / (t.measured.elements[e] + ".mrc"), stemfuse::io::mrc_bytes(volume, shape));
    }
    stemfuse::io::tilt_report report{t.title,
                                     t.request,
                                     t.measured.elements,
                                     {shape[0], shape[1], shape[2]},
                                     t.start,
                                     t.maps,
                                     projections_of(t.measured, t.options, t.result, t.maps),
                                     {},
                                     parameters_of(t.measured, t.options, t.result),
                                     t.result.warnings};
    for (const auto& c : t.result.report.history) report.objective.push_back(c.total);
    stemfuse::io::write_file(folder / "report.html", stemfuse::io::tilt_report_html(report));
}

// What read_results() reads again.
void write_mark(const std::filesystem::path& path, const tomo_outcome& t,
                const std::vector<stemfuse::io::output_record>& outputs) {
    nlohmann::ordered_json document{{"title", t.title}, {"elements", t.measured.elements}};
    document["shape"] = {t.result.n_z, t.result.n_y, t.maps.shape()[2]};
    document["unit"] = "counts per voxel";
    document["inputs"] = nlohmann::ordered_json::array();
    for (const auto& input : t.inputs) document["inputs"].push_back({{"file", input.file}, {"sha256", input.sha256}});
    for (const auto& [name, value] : parameters_of(t.measured, t.options, t.result)) {
        document["parameters"][name] = value;
    }
    document["warnings"] = t.result.warnings;
    document["request"] = t.request;
    for (const auto& output : outputs)
        document["outputs"].push_back({{"file", output.file}, {"sha256", output.sha256}});
    stemfuse::io::write_file(path,
                             document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

template <class Ranks>
void fuse_on(const Ranks& ranks, const tomo_options& o, const output_options& output) {
    const bool root = ranks.rank() == 0;
    std::optional<output_folder> folder;
    if (root) folder.emplace(output.folder, output.overwrite);
    std::vector<std::filesystem::path> paths;
    const auto m = read_measurement(o, paths);
    const std::size_t n_x = m.counts.shape()[2];
    std::vector<stemfuse::io::input_record> inputs;
    const std::string title = paths.front().stem().string();
    if (root) {
        for (const auto& path : paths) {
            inputs.push_back({path.filename().string(), stemfuse::io::sha256_of_file(path)});
        }
        std::vector<std::string> names{"fused_volumes.h5", "report.html", std::string(stemfuse::io::output_mark)};
        for (const std::string& e : m.elements) names.push_back(e + ".mrc");
        folder->admit({title, paths, inputs, names});
    }
    const auto options = recipe_of(o);
    stemfuse::thread_pool pool(o.threads);
    if (root && !output.quiet) {
        const std::size_t columns = (n_x + ranks.size() - 1) / ranks.size();
        const std::size_t bytes = stemfuse::tomography_memory(m, options, columns);
        std::fprintf(
            stderr, "%zu x %zu x %zu voxels of %zu elements, %zu + %zu tilts, %zu rank%s: about %.2f GB a rank\n",
            options.n_z == 0 ? m.bins : options.n_z, m.bins, n_x, m.elements.size(), m.haadf_angles.size(),
            m.count_angles.size(), ranks.size(), ranks.size() == 1 ? "" : "s", static_cast<double>(bytes) * 1e-9);
    }
    progress_line line(output.quiet || !root);
    const auto result = stemfuse::fuse_tilt_series(m, options, pool, ranks,
                                                   [&](stemfuse::tomography_stage, const stemfuse::progress& now) {
                                                       if (stop_requested == 0)
                                                           line({stemfuse::recipe_stage{}, 0, &now});
                                                       return stop_requested == 0;
                                                   });
    line.finish();
    if (result.stopped) throw interrupted("interrupted in the fusion: nothing was written");
    const auto maps = stemfuse::gather_columns(stemfuse::as_view(std::as_const(result.maps)), n_x, ranks);
    const auto start = stemfuse::gather_columns(stemfuse::as_view(std::as_const(result.start)), n_x, ranks);
    if (!root) return;
    const tomo_outcome outcome{m, options, result, maps, start, inputs, title, o.request};
    folder->replace([&](const std::filesystem::path& path) { write_files(path, outcome); },
                    [&](const std::filesystem::path& path, const auto& outputs) {
                        write_mark(path / stemfuse::io::output_mark, outcome, outputs);
                    });
    for (const std::string& warning : result.warnings) std::fprintf(stderr, "stemfuse: note: %s\n", warning.c_str());
    std::printf("%zu iterations, weights in HAADF %s, constant %g; %s\n", result.report.iterations,
                numbers_text(result.weights).c_str(), result.offset,
                stemfuse::io::terminal_text((folder->path() / "report.html").string()).c_str());
}

}  // namespace

void tomo(int argc, char** argv, const tomo_options& o, const output_options& output) {
#if defined(STEMFUSE_HAS_MPI)
    // Set by mpirun of Open MPI, by MPICH and by Slurm.
    if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMI_SIZE") != nullptr) {
        const stemfuse::mpi::session session(argc, argv);
        const stemfuse::mpi::mpi_communicator ranks;
        try {
            fuse_on(ranks, o, output);
        } catch (const std::exception& e) {
            ranks.end_all("stemfuse: " + stemfuse::io::one_line(e.what()), 3);
        }
        return;
    }
#else
    static_cast<void>(argc);
    static_cast<void>(argv);
#endif
    fuse_on(stemfuse::serial_communicator{}, o, output);
}

}  // namespace program
