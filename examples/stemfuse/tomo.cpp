// stemfuse tomo: tilt series to volumes of the elements, on one process or on
// the ranks of MPI.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <stemfuse/core/column_stream.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/guard/sha256.hpp>
#include <stemfuse/io/hdf5/hdf5_writer.hpp>
#include <stemfuse/io/tilts/mrc_writer.hpp>
#include <stemfuse/recipes/aligned_series.hpp>
#include <stemfuse/recipes/published_tilts.hpp>
#include <stemfuse/recipes/tilt_holdout.hpp>
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
using measurement = stemfuse::tilt_measurement<float>;

// What the volumes are of.
std::vector<std::string> names_of(const measurement& m) {
    return m.elements.empty() ? std::vector<std::string>{"HAADF"} : m.elements;
}

stemfuse::tomography_options recipe_of(const tomo_options& o) {
    stemfuse::tomography_options r;
    r.n_z = o.thickness;
    r.iterations = o.iterations;
    r.gamma = o.gamma.value_or(o.published ? 1.6 : 1.0);
    r.background = o.background;
    r.fit_offset = !o.keep_offset;
    r.coupling = o.separate ? stemfuse::variation_coupling::separate : stemfuse::variation_coupling::joint;
    r.weights = o.weights;
    r.lambda_haadf = o.lambda_haadf;
    r.offset = o.offset;
    r.variation = o.variation;
    r.checkpoint = o.checkpoint;
    return r;
}

stemfuse::published_tilt_options published_of(const tomo_options& o) {
    stemfuse::published_tilt_options r;
    r.n_z = o.thickness;
    r.gamma = o.gamma.value_or(1.6);
    r.weights = o.weights;
    return r;
}

std::string numbers_text(const std::vector<double>& values) {
    std::string text;
    for (const double v : values) text += (text.empty() ? "" : ", ") + stemfuse::to_string(v);
    return text;
}

struct tomo_outcome {
    const measurement& measured;  // aligned where that was asked for
    const stemfuse::tomography_options& options;
    const stemfuse::tomography_result<float>& result;
    const std::optional<stemfuse::series_alignment>& alignment;
    const std::vector<stemfuse::tilt_holdout_cell>& held_out;
    bool published;
    const volumes &maps, &start;  // whole
    std::vector<stemfuse::io::input_record> inputs;
    std::string title, request;
};

std::vector<std::string> warnings_of(const tomo_outcome& t) {
    std::vector<std::string> text;
    for (const auto& w : t.result.warnings) text.push_back(in_words(w, t.measured.elements));
    if (t.alignment) {
        for (const auto& w : t.alignment->warnings) text.push_back(in_words(w, t.measured.elements));
    }
    return text;
}

std::vector<std::pair<std::string, std::string>> parameters_of(const tomo_outcome& t) {
    const auto& [m, o, r] = std::tie(t.measured, t.options, t.result);
    const auto text = [](double v) { return stemfuse::to_string(v); };
    std::string elements;
    for (const std::string& e : m.elements) elements += (elements.empty() ? "" : ", ") + e;
    std::vector<std::pair<std::string, std::string>> all{
        {"elements", m.elements.empty() ? "none: HAADF alone" : elements},
        {"scheme", t.published ? "published, stopped early; history: its HAADF cost" : "relaxed primal-dual"},
        {"HAADF tilts", std::to_string(m.haadf_angles.size())},
        {"iterations", std::to_string(r.report.iterations)},
        {"stopped for", std::string(stemfuse::to_string(r.report.reason))},
        {"lambda_haadf", text(r.lambda_haadf)}};
    if (!t.published) {
        const bool joint = o.coupling == stemfuse::variation_coupling::joint;
        all.push_back({"constant taken from HAADF", text(r.offset)});
        all.push_back({"noise of HAADF", text(r.haadf_noise)});
        all.push_back({"typical value of a voxel", numbers_text(r.levels)});
        all.push_back(
            {"total variation", std::string(joint ? "joint" : "separate") + ", weights " + numbers_text(r.variation)});
    }
    for (const auto& cell : t.held_out) {
        all.push_back(
            {"held out, variation x " + text(cell.variation) + ", HAADF x " + text(cell.haadf), text(cell.deviance)});
    }
    if (!m.elements.empty()) {
        all.push_back({"tilts of counts", std::to_string(m.count_angles.size())});
        all.push_back({"gamma", text(o.gamma)});
        all.push_back({"weights in HAADF" + std::string(o.weights.empty() && !t.published ? " (fitted)" : ""),
                       numbers_text(r.weights)});
        all.push_back({"background counts in a pixel", text(o.background)});
    }
    if (t.alignment) {
        const auto& a = *t.alignment;
        all.push_back({"tilt axis in the images, degrees", text(a.axis)});
        all.push_back({"mismatch of measured and re-projected HAADF",
                       text(a.mismatch_before) + " before, " + text(a.mismatch) + " after alignment"});
        all.push_back({"tilts moved across the axis, bins (root mean square)", text(a.spread(a.across))});
        all.push_back({"tilts moved along the axis, columns (root mean square)", text(a.spread(a.along))});
    }
    return all;
}

// Measured projections and those of the fused volumes: HAADF at three tilts,
// each element at the middle one.
std::vector<stemfuse::io::tilt_report::projection> projections_of(const tomo_outcome& t) {
    const auto& [m, o, r] = std::tie(t.measured, t.options, t.result);
    const volumes& maps = t.maps;
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

void write_hdf5(const std::filesystem::path& path, const tomo_outcome& t) {
    stemfuse::io::atomic_file target(path);
    const stemfuse::io::hdf5_silence silence;
    const stemfuse::io::detail::hdf5_writer file(target);
    const stemfuse::stack_shape shape{t.result.n_z, t.result.n_y, t.maps.shape()[2]};
    const auto sirt = file.group("sirt");
    const auto names = names_of(t.measured);
    for (std::size_t e = 0; e < names.size(); ++e) {
        const std::size_t voxels = shape[0] * shape[1] * shape[2];
        file.stack(file.root(), names[e], t.maps.data() + e * voxels, shape);
        file.stack(sirt.get(), names[e], t.start.data() + e * voxels, shape);
    }
    for (const auto& [name, value] : parameters_of(t)) file.parameter(name, value);
    std::vector<double> objective;
    for (const auto& c : t.result.report.history) objective.push_back(c.total);
    file.curve(file.root(), "objective", objective);
    if (t.alignment) {
        file.curve(file.root(), "shifts_across_axis", t.alignment->across);
        file.curve(file.root(), "shifts_along_axis", t.alignment->along);
    }
    target.write(file.bytes());
    target.commit();
}

void write_files(const std::filesystem::path& folder, const tomo_outcome& t) {
    write_hdf5(folder / "fused_volumes.h5", t);
    const stemfuse::stack_shape shape{t.result.n_z, t.result.n_y, t.maps.shape()[2]};
    const auto names = names_of(t.measured);
    for (std::size_t e = 0; e < names.size(); ++e) {
        const float* const volume = t.maps.data() + e * shape[0] * shape[1] * shape[2];
        stemfuse::io::write_file(folder / (names[e] + ".mrc"), stemfuse::io::mrc_bytes(volume, shape));
    }
    stemfuse::io::tilt_report report{
        t.title, t.request,        names,          {shape[0], shape[1], shape[2]}, t.start, t.maps, projections_of(t),
        {},      parameters_of(t), warnings_of(t), t.measured.elements.empty()};
    for (const auto& c : t.result.report.history) report.objective.push_back(c.total);
    stemfuse::io::write_file(folder / "report.html", stemfuse::io::tilt_report_html(report));
}

// What read_results() reads again.
void write_mark(const std::filesystem::path& path, const tomo_outcome& t,
                const std::vector<stemfuse::io::output_record>& outputs) {
    nlohmann::ordered_json document{{"title", t.title}, {"elements", names_of(t.measured)}};
    document["shape"] = {t.result.n_z, t.result.n_y, t.maps.shape()[2]};
    document["unit"] = t.measured.elements.empty() ? "HAADF signal per voxel" : "counts per voxel";
    document["inputs"] = nlohmann::ordered_json::array();
    for (const auto& input : t.inputs) document["inputs"].push_back({{"file", input.file}, {"sha256", input.sha256}});
    for (const auto& [name, value] : parameters_of(t)) {
        document["parameters"][name] = value;
    }
    document["warnings"] = warnings_of(t);
    document["request"] = t.request;
    for (const auto& output : outputs)
        document["outputs"].push_back({{"file", output.file}, {"sha256", output.sha256}});
    stemfuse::io::write_file(path,
                             document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void check_together(const tomo_options& o, std::size_t ranks) {
    if (!o.published) return;
    if (ranks > 1) throw usage_error("--published: runs on one rank, not on " + std::to_string(ranks));
    if (o.holdout || o.lambda_haadf || o.offset || !o.checkpoint.empty()) {
        throw usage_error(
            "--published: takes no --holdout, --lambda-haadf, "
            "--offset and --checkpoint");
    }
}

template <class Ranks>
void fuse_on(const Ranks& ranks, const tomo_options& o, const output_options& output) {
    const bool root = ranks.rank() == 0;
    check_together(o, ranks.size());
    std::optional<output_folder> folder;
    if (root) folder.emplace(output.folder, output.overwrite);
    std::vector<std::filesystem::path> paths;
    measurement m = read_measurement(o, paths);
    const std::size_t n_x = m.haadf.shape()[2];
    std::vector<stemfuse::io::input_record> inputs;
    const std::string title = paths.front().stem().string();
    if (root) {
        for (const auto& path : paths) {
            inputs.push_back({path.filename().string(), stemfuse::io::sha256_of_file(path)});
        }
        std::vector<std::string> names{"fused_volumes.h5", "report.html", std::string(stemfuse::io::output_mark)};
        for (const std::string& e : names_of(m)) names.push_back(e + ".mrc");
        folder->admit({title, paths, inputs, names});
    }
    auto options = recipe_of(o);
    stemfuse::thread_pool pool(o.threads);
    if (root && !output.quiet) {
        const std::size_t columns = (n_x + ranks.size() - 1) / ranks.size();
        const std::size_t bytes = stemfuse::tomography_memory(m, options, columns);
        std::fprintf(stderr,
                     "%zu x %zu x %zu voxels of %zu volumes, %zu + %zu tilts, %zu "
                     "rank%s: about %.0f MiB a rank\n",
                     options.n_z == 0 ? m.bins : options.n_z, m.bins, n_x, names_of(m).size(), m.haadf_angles.size(),
                     m.count_angles.size(), ranks.size(), ranks.size() == 1 ? "" : "s",
                     std::ceil(static_cast<double>(bytes) / (1024 * 1024)));
    }
    std::optional<stemfuse::series_alignment> alignment;
    if (o.align) {
        if (root && !output.quiet) std::fprintf(stderr, "aligning %zu HAADF tilts\n", m.haadf_angles.size());
        // One rank that is asked to stop ends all.
        stemfuse::stoppable work(pool, [] { return stop_requested != 0; });
        auto [moved, found] = align_series(std::move(m), options.n_z, work, ranks);
        m = std::move(moved);
        alignment = std::move(found);
    }
    progress_line line(output.quiet || !root);
    // Every rank is asked, so that all stop together: the line would throw on one
    // alone.
    const auto observe = [&](const stemfuse::recipe_progress& now) {
        if (stop_requested == 0) line(now);
        return stop_requested == 0;
    };
    std::vector<stemfuse::tilt_holdout_cell> held_out;
    if (o.holdout) std::tie(options, held_out) = choose_by_holdout(m, options, {}, pool, ranks, observe);
    const auto result = o.published ? fuse_published_tilts(m, published_of(o), pool, observe)
                                    : fuse_tilt_series(m, options, pool, ranks, observe);
    line.finish();
    const auto maps = stemfuse::gather_columns(stemfuse::as_view(std::as_const(result.maps)), n_x, ranks);
    const auto start = stemfuse::gather_columns(stemfuse::as_view(std::as_const(result.start)), n_x, ranks);
    if (!root) return;
    const tomo_outcome outcome{m,    options, result, alignment, held_out, o.published,
                               maps, start,   inputs, title,     o.request};
    folder->replace([&](const std::filesystem::path& path) { write_files(path, outcome); },
                    [&](const std::filesystem::path& path, const auto& outputs) {
                        write_mark(path / stemfuse::io::output_mark, outcome, outputs);
                    });
    for (const std::string& warning : warnings_of(outcome))
        std::fprintf(stderr, "stemfuse: note: %s\n", warning.c_str());
    if (alignment) {
        std::printf(
            "tilt axis at %g degrees, tilts moved by %.2f bins across it "
            "and %.2f columns along it (root mean square); "
            "mismatch %.4f -> %.4f\n",
            alignment->axis, alignment->spread(alignment->across), alignment->spread(alignment->along),
            alignment->mismatch_before, alignment->mismatch);
    }
    std::printf("%zu iterations, weights in HAADF %s, constant %g; %s\n", result.report.iterations,
                numbers_text(result.weights).c_str(), result.offset,
                stemfuse::io::terminal_text((folder->path() / "report.html").string()).c_str());
}

}  // namespace

// What the measurement and the options cannot be is the user's to mend.
template <class Ranks>
void fuse_for_user(const Ranks& ranks, const tomo_options& o, const output_options& output) {
    try {
        fuse_on(ranks, o, output);
    } catch (const stemfuse::argument_error& e) {
        throw usage_error(e.what());
    }
}

void tomo(int argc, char** argv, const tomo_options& o, const output_options& output) {
#if defined(STEMFUSE_HAS_MPI)
    // Set by mpirun of Open MPI, by MPICH and by Slurm.
    if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMI_SIZE") != nullptr) {
        const stemfuse::mpi::session session(argc, argv);
        const stemfuse::mpi::mpi_communicator ranks;
        try {
            fuse_for_user(ranks, o, output);
        } catch (const stemfuse::cancelled&) {
            ranks.end_all("stemfuse: interrupted in the fusion: nothing was written", 130);
        } catch (const usage_error& e) {
            ranks.end_all("stemfuse: " + stemfuse::io::one_line(e.what()), 2);
        } catch (const stemfuse::write_error& e) {
            ranks.end_all("stemfuse: " + stemfuse::io::one_line(e.what()), 4);
        } catch (const std::exception& e) {
            ranks.end_all("stemfuse: " + stemfuse::io::one_line(e.what()), 3);
        }
        return;
    }
#else
    static_cast<void>(argc);
    static_cast<void>(argv);
#endif
    fuse_for_user(stemfuse::serial_communicator{}, o, output);
}

}  // namespace program
