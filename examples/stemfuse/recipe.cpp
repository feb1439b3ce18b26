// The recipes of the library as the program calls them, see recipe.hpp.
#include "recipe.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <type_traits>
#include <utility>
#include <variant>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <stemfuse/io/record/record_of.hpp>

#include "library_options.hpp"
#include "progress_line.hpp"

namespace program {

namespace {

// Prints the peak of memory, of the fusion, and while results are written: raw, scaled and fused maps, half of them
// again in fused.h5, which is made in memory and copied once, and the figures, measured with one to five elements.
template <class T>
void announce_peak(stemfuse::memory_estimate fusing, const measurement<T>& m) {
    constexpr double mib = 1048576, program = 18, figures = 40, figures_of_element = 20;
    const double stack = static_cast<double>(m.maps.size() * sizeof(T)),
                 images = static_cast<double>(3 * m.haadf.size() * sizeof(T)),
                 background = static_cast<double>(m.background.size() * sizeof(T));
    const double writing = (7 * stack + 3 * images + 3 * background) / mib + figures +
                           figures_of_element * static_cast<double>(m.symbols.size());
    std::fprintf(stderr,
                 "expected peak of memory: %.0f MiB in the fusion, at most %.0f MiB while results are written\n",
                 program + std::ceil(fusing.mebibytes()), std::ceil(writing));
}

template <class T>
stemfuse::io::measurement_facts facts_of(measurement<T>& m) {
    return {std::move(m.title),
            std::move(m.scale),
            std::move(m.inputs),
            std::move(m.request),
            std::move(m.sources),
            {{"precision", std::string(std::is_same_v<T, float> ? "float" : "double")},
             {"stemfuse_version", std::string(STEMFUSE_VERSION)}}};
}

// A warning in words, with the option that concerns it.
std::string warning_text(const stemfuse::recipe_warning& warning, const std::vector<std::string>& symbols) {
    std::string text = stemfuse::in_words(warning, symbols);
    if (std::holds_alternative<stemfuse::haadf_drifted>(warning)) text += ": --align moves it back";
    const auto* const moved = std::get_if<stemfuse::haadf_moved>(&warning);
    if (moved != nullptr && moved->as_guide) text += " (--no-averaging leaves it)";
    return text;
}

std::vector<std::string> warning_texts(const std::vector<stemfuse::recipe_warning>& warnings,
                                       const std::vector<std::string>& symbols) {
    std::vector<std::string> all;
    for (const auto& warning : warnings) all.push_back(warning_text(warning, symbols));
    return all;
}

// What the recipe for counts found, a line each.
template <class T>
std::vector<std::string> lines_of(const stemfuse::count_recipe_result<T>& r, const stemfuse::count_recipe_options& o) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < r.units.size(); ++i)
        lines.push_back(o.elements[i] + ": counts per unit " + stemfuse::in_words(r.units[i]));
    lines.push_back("background: " + background_in_words(r.origins, o));
    if (r.smoothing) {
        lines.push_back("--lambda-tv " + stemfuse::to_string(*o.lambda_tv) + " is a smoothing of " +
                        stemfuse::to_string(*r.smoothing, 4));
    }
    const auto reasons = reasons_in_words(r, o.elements);
    lines.insert(lines.end(), reasons.begin(), reasons.end());
    if (r.composition) {
        lines.push_back("atomic percent: " + stemfuse::in_words(r.composition->atomic, o.elements));
        lines.push_back("weight percent: " + stemfuse::in_words(r.composition->weight, o.elements));
    } else {
        lines.push_back("relative amounts per element only: a composition needs --k-factors");
    }
    if (o.errors) lines.push_back("standard errors of every pixel: /errors in fused.h5");
    return lines;
}

class stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

template <class T>
std::optional<std::string> drift_warning(const measurement<T>& m, bool align) {
    auto haadf = m.haadf;
    const auto found =
        stemfuse::align_haadf(haadf, stemfuse::as_view(m.maps), m.symbols,
                              align ? stemfuse::alignment_mode::certain : stemfuse::alignment_mode::measured);
    const auto warning = stemfuse::warning_of(found);
    if (!warning) return {};
    return warning_text(*warning, m.symbols);
}

void release_memory() {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

template <class T>
fusion<T> fuse_published(measurement<T> m, const recipe_options& o, bool quiet, bool align) {
    auto options = library_options(o, m.symbols);
    if (align) options.alignment = stemfuse::alignment_mode::certain;
    stemfuse::thread_pool pool(o.threads);
    if (!quiet) {
        auto peak = stemfuse::published_memory<T>(m.maps.shape());
        peak.bytes += static_cast<double>(m.background.size() * sizeof(T));
        announce_peak(peak, m);
    }
    progress_line line(quiet);
    stemfuse::stoppable work(pool, [] { return stop_requested != 0; });
    const stopwatch watch;
    auto result = stemfuse::fuse_published(m.haadf, m.maps, options, work, line);
    fusion<T> f{{}, watch.seconds(), {}, warning_texts(result.warnings, m.symbols)};
    line.finish();
    auto facts = facts_of(m);
    f.record = record_of(std::move(result), options, std::move(m.maps), std::move(m.background), std::move(facts));
    return f;
}

template <class T>
fusion<T> fuse_raw_counts(measurement<T> m, const count_options& o, const recipe_options& r, bool quiet, bool align) {
    auto options = library_options(o, m.symbols);
    if (align) options.alignment = stemfuse::alignment_mode::certain;
    options.mask = std::move(m.mask);
    stemfuse::thread_pool pool(r.threads);
    interruptible work(pool);
    if (!quiet) announce_peak(stemfuse::counts_memory<T>(m.maps.shape(), o.averaging, pool.concurrency()), m);
    const auto tell = [&](const stemfuse::recipe_progress& now) {
        if (!quiet && now.stage == stemfuse::recipe_stage::estimating_errors)
            std::fprintf(stderr, "fusing simulated counts, for the errors: %.0f%% is done\n", 100 * now.done);
        return stop_requested == 0;
    };
    const stopwatch watch;
    auto result = [&] {
        if (m.background.size() == 0) return stemfuse::fuse_measured_counts(m.haadf, m.maps, options, work, tell);
        return stemfuse::fuse_measured_counts(m.haadf, m.maps, m.background, options, work, tell);
    }();
    fusion<T> f{{}, watch.seconds(), lines_of(result, options), warning_texts(result.warnings, m.symbols)};
    f.record = record_of(std::move(result), options, facts_of(m));
    return f;
}

template std::optional<std::string> drift_warning(const measurement<float>&, bool);
template std::optional<std::string> drift_warning(const measurement<double>&, bool);
template fusion<float> fuse_published(measurement<float>, const recipe_options&, bool, bool);
template fusion<double> fuse_published(measurement<double>, const recipe_options&, bool, bool);
template fusion<float> fuse_raw_counts(measurement<float>, const count_options&, const recipe_options&, bool, bool);
template fusion<double> fuse_raw_counts(measurement<double>, const count_options&, const recipe_options&, bool, bool);

}  // namespace program
