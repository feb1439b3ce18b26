// The published recipe, from measured images to the record that the writers take.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/data/threshold_start.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "count_details.hpp"
#include "options.hpp"
#include "progress_line.hpp"

namespace program {

// The images of one measurement, as they were read; maps (n_elements, n_y, n_x) in the order of `symbols`.
template <class T>
struct measurement {
    std::string title;
    std::vector<std::string> symbols;
    xt::xtensor<T, 2> haadf;
    xt::xtensor<T, 3> maps;
    stemfuse::io::pixel_calibration scale{};
    bool scaled = false;             // the maps are counts times an estimated number, no whole numbers
    xt::xtensor<T, 3> background{};  // counts expected in the maps that are none of the elements'; may be empty
    std::vector<stemfuse::io::input_record> inputs{};                              // the files
    std::string request{};                                                         // see input_options
    std::vector<std::pair<std::string, stemfuse::io::parameter_value>> sources{};  // of the images, for the parameters
};

template <class T>
struct fusion {
    stemfuse::io::fusion_record<T> record;
    stemfuse::stop_reason reason;
    double seconds;                    // of the solve alone
    std::vector<std::string> lines{};  // what else the program says of the result
    count_details counts{};
};

// Every parameter under the name that fused.h5 and parameters.json give it.
inline std::vector<std::pair<std::string, stemfuse::io::parameter_value>> parameters_of(
    const recipe_options& o, const std::vector<std::string>& elements, double lambda_haadf) {
    const auto integer = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    std::string symbols;
    for (const std::string& e : elements) symbols += (symbols.empty() ? "" : ",") + e;
    return {{"recipe", std::string("published")},
            {"elements", symbols},
            {"gamma", o.gamma},
            {"weights", o.weights},
            {"lambda_haadf", lambda_haadf},
            {"lambda_chemical", o.lambda_chemical},
            {"lambda_tv", o.lambda_tv},
            {"background", o.background},
            {"iterations", integer(o.iterations)},
            {"tv", o.tv},
            {"tv_norm", o.tv_norm},
            {"tv_iterations", integer(o.tv_iterations)},
            {"start_threshold", o.start_threshold},
            {"precision", o.precision},
            {"stemfuse_version", std::string(STEMFUSE_VERSION)}};
}

// The solver of scaled images (n_y, n_x) and (n_elements, n_y, n_x), which it refers to and which must outlive it.
// Throws the library's errors and usage_error.
template <class T>
auto published_solver(const xt::xtensor<T, 2>& haadf, const xt::xtensor<T, 3>& maps,
                      const std::vector<std::string>& symbols, const recipe_options& o) {
    using namespace stemfuse;
    const haadf_response response(symbols, by_name(weighting_names, o.weights, "--weights"), o.gamma);
    return fusion_solver(
        haadf_model(xt::adapt(haadf.data(), haadf.size(), xt::no_ownership(), haadf.shape()), response),
        poisson_likelihood(xt::adapt(maps.data(), maps.size(), xt::no_ownership(), maps.shape()), o.background),
        total_variation{.norm = by_name(tv_norm_names, o.tv_norm, "--tv-norm"),
                        .algorithm = by_name(tv_algorithm_names, o.tv, "--tv"),
                        .iterations = o.tv_iterations},
        cost_weights{.lambda_haadf = o.lambda_haadf, .lambda_chemical = o.lambda_chemical, .lambda_tv = o.lambda_tv});
}

// Prints the peak of memory, of the fusion whose data take so many bytes, and while results are written: raw, scaled
// and fused maps, half of them again in fused.h5, which is made in memory and copied once, and the figures, measured
// with one to five elements.
template <class T>
void announce_peak(double fusing, const measurement<T>& m) {
    constexpr double mib = 1048576, program = 18, figures = 40, figures_of_element = 20;
    const double stack = static_cast<double>(m.maps.size() * sizeof(T)),
                 images = static_cast<double>(3 * m.haadf.size() * sizeof(T)),
                 background = static_cast<double>(m.background.size() * sizeof(T));
    const double writing = (7 * stack + 3 * images + 3 * background) / mib + figures +
                           figures_of_element * static_cast<double>(m.symbols.size());
    std::fprintf(stderr,
                 "expected peak of memory: %.0f MiB in the fusion, at most %.0f MiB while results are written\n",
                 program + std::ceil(fusing / mib), std::ceil(writing));
}

// Gives back to the system what the fusion has freed, so that figures do not need memory on top of it.
inline void release_memory() {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

// Scales every image to [0, 1], fuses, and re-projects the HAADF image. Throws the library's errors, and interrupted.
template <class T>
fusion<T> fuse_published(measurement<T> m, const recipe_options& o, bool quiet) {
    using namespace stemfuse;
    fusion<T> f{};
    f.record.haadf = min_max(m.haadf, "HAADF");
    f.record.maps = min_max_each(m.maps, m.symbols);
    const auto solver = published_solver(f.record.haadf, f.record.maps, m.symbols, o);
    f.record.fused_maps = threshold_start(f.record.maps, o.start_threshold);

    thread_pool pool(o.threads);
    if (!quiet) {
        // Raw and scaled maps beside the fused ones, which the solver counts, and three images of the HAADF.
        const std::size_t stack = f.record.maps.size() * sizeof(T), images = 3 * f.record.haadf.size() * sizeof(T);
        announce_peak(
            static_cast<double>(2 * stack + images + m.background.size() * sizeof(T) + solver.working_memory(pool)), m);
    }
    progress_line line(quiet);
    stoppable work(pool, [] { return stop_requested != 0; });
    const auto begin = std::chrono::steady_clock::now();
    const fusion_report report = solver.solve_in_place(f.record.fused_maps, {.iterations = o.iterations}, work, line);
    f.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    line.finish();
    throw_if_interrupted("after iteration " + std::to_string(report.iterations));

    f.reason = report.reason;
    f.record.fused_haadf.resize(f.record.haadf.shape());
    solver.terms().elastic().project(f.record.fused_maps, f.record.fused_haadf, pool);
    for (const costs& c : report.history) {
        f.record.history.haadf.push_back(c.haadf);
        f.record.history.chemical.push_back(c.chemical);
        f.record.history.tv.push_back(c.tv);
        f.record.history.total.push_back(c.total);
    }
    f.record.title = std::move(m.title);
    f.record.inputs = std::move(m.inputs);
    f.record.request = std::move(m.request);
    f.record.elements = std::move(m.symbols);
    f.record.raw_haadf = std::move(m.haadf);
    f.record.raw_maps = std::move(m.maps);
    f.record.raw_background = std::move(m.background);
    f.record.unit = "scaled to [0, 1]";
    f.record.scale = std::move(m.scale);
    f.record.parameters = parameters_of(o, f.record.elements, solver.terms().lambda_haadf());
    f.record.parameters.insert(f.record.parameters.begin(), m.sources.begin(), m.sources.end());
    return f;
}

// Compiled once, in recipe.cpp.
extern template fusion<float> fuse_published(measurement<float>, const recipe_options&, bool);
extern template fusion<double> fuse_published(measurement<double>, const recipe_options&, bool);

}  // namespace program
