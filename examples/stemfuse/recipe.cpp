// The recipes of the library as the program calls them, see recipe.hpp.
#include "recipe.hpp"

#include <algorithm>
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

// What a warning says of an element, in a few words; empty where it is of another one, or of the image.
struct warning_in_short {
    std::size_t element;

    std::string operator()(const stemfuse::faint_element& w) const { return w.element == element ? "faint" : ""; }
    std::string operator()(const stemfuse::counts_disagree& w) const {
        if (w.element != element) return "";
        return "counts disagree at row " + std::to_string(w.row) + ", column " + std::to_string(w.column);
    }
    std::string operator()(const stemfuse::pixels_left_out& w) const {
        return w.element == element ? std::to_string(w.pixels) + " pixels left out" : "";
    }
    std::string operator()(const stemfuse::map_departs& w) const {
        return w.element == element ? "departs from its raw map" : "";
    }
    template <class OfTheImage>
    std::string operator()(const OfTheImage&) const {
        return "";
    }
};

// All of them for element i.
std::string check_of(const std::vector<stemfuse::recipe_warning>& warnings, std::size_t i) {
    std::string text;
    for (const auto& warning : warnings) {
        const std::string own = std::visit(warning_in_short{i}, warning);
        if (!own.empty() && text.find(own) == std::string::npos) text += (text.empty() ? "" : "; ") + own;
    }
    return text.empty() ? "nothing found" : text;
}

// "77% look-alikes, 23% own counts": what a map is made of.
std::string sources_of(const std::vector<stemfuse::mixture_part>& parts) {
    std::vector<std::pair<std::string, double>> shares;
    const auto name = [](const stemfuse::count_setting& s) -> std::string {
        switch (s.averaged) {
            case stemfuse::averaging::none:
                return s.haadf_weight > 0 ? "own counts and HAADF" : "own counts";
            case stemfuse::averaging::by_components:
                return "joint patterns";
            default:
                return "look-alike places";
        }
    };
    for (const auto& part : parts) {
        const std::string own = name(part.setting);
        const auto same = std::find_if(shares.begin(), shares.end(), [&](const auto& s) { return s.first == own; });
        if (same == shares.end()) {
            shares.emplace_back(own, part.weight);
        } else {
            same->second += part.weight;
        }
    }
    std::stable_sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string text;
    for (const auto& [source, weight] : shares)
        text += (text.empty() ? "" : ", ") + stemfuse::fixed_text(100 * weight, 0) + "% " + source;
    return text;
}

// How much of the map of element i comes from more than 3 pixels away, weighted by the map.
template <class T>
double fraction_from_afar(const stemfuse::count_recipe_result<T>& r, std::size_t i) {
    const std::size_t n = r.maps.shape(1) * r.maps.shape(2);
    double afar = 0, sum = 0;
    for (std::size_t k = i * n; k < (i + 1) * n; ++k) {
        const double value = std::max(0.0, static_cast<double>(r.maps.data()[k]));
        afar += value * static_cast<double>(r.nonlocal_fraction.data()[k]), sum += value;
    }
    return sum > 0 ? afar / sum : 0;
}

// A row for each element: its counts, what its map rests on, the composition where it is known, and warnings.
template <class T>
std::vector<std::vector<std::string>> table_of(const stemfuse::count_recipe_result<T>& r,
                                               const std::vector<std::string>& elements) {
    using stemfuse::fixed_text;
    std::vector<std::vector<std::string>> table{{"element", "net counts", "map rests on"}};
    if (r.averaged()) table[0].push_back("from afar");
    if (r.composition) table[0].insert(table[0].end(), {"atomic %", "weight %"});
    table[0].push_back("warnings");
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const double error = std::sqrt(r.totals.counts[i] + r.totals.background[i]);
        auto& row = table.emplace_back(std::vector<std::string>{
            elements[i], fixed_text(r.totals.net(i), 0) + " +- " + fixed_text(std::ceil(error), 0),
            r.averaged() ? sources_of(r.mixtures[i]) : sources_of({{1, r.chosen[i].setting, {}}})});
        if (r.averaged()) row.push_back(fixed_text(100 * fraction_from_afar(r, i), 0) + "%");
        if (r.composition) {
            for (const auto* whole : {&r.composition->atomic, &r.composition->weight})
                row.push_back(fixed_text(100 * whole->fractions[i], 2) + " +- " +
                              fixed_text(100 * whole->standard_errors[i], 2));
        }
        row.push_back(check_of(r.warnings, i));
    }
    return table;
}

// The same for maps without a unit: their means, on [0, 1].
template <class T>
std::vector<std::vector<std::string>> table_of(const stemfuse::published_result<T>& r,
                                               const std::vector<std::string>& elements) {
    std::vector<std::vector<std::string>> table{{"element", "raw mean", "fused mean", "warnings"}};
    for (std::size_t i = 0; i < elements.size(); ++i) {
        table.push_back({elements[i]});
        for (const auto* maps : {&r.scaled_maps, &r.maps})
            table.back().push_back(stemfuse::fixed_text(xt::mean<double>(xt::view(*maps, i))(), 4));
        table.back().push_back(check_of(r.warnings, i));
    }
    return table;
}

// What the recipe for counts took for granted or estimated, a sentence each, for the report.
template <class T>
std::vector<std::string> notes_of(const stemfuse::count_recipe_result<T>& r, const stemfuse::count_recipe_options& o) {
    std::vector<std::string> notes;
    for (std::size_t i = 0; i < r.units.size(); ++i)
        notes.push_back(o.elements[i] + ": counts per unit " + stemfuse::in_words(r.units[i]));
    notes.push_back("Background: " + background_in_words(r.origins, o));
    if (r.smoothing) {
        notes.push_back("--lambda-tv " + stemfuse::to_string(*o.lambda_tv) + " is a smoothing of " +
                        stemfuse::to_string(*r.smoothing, 4));
    }
    return notes;
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
    fusion<T> f{{}, watch.seconds(), table_of(result, m.symbols), {}, {}, warning_texts(result.warnings, m.symbols)};
    line.finish();
    if (!result.history.empty()) {
        f.lines.push_back("objective " + stemfuse::to_string(result.history.front().total) + " at the start, " +
                          stemfuse::to_string(result.history.back().total) + " after " +
                          std::to_string(result.history.size() - 1) + " iterations");
    }
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
    progress_line line(quiet);
    const stopwatch watch;
    auto result = [&] {
        if (m.background.size() == 0) return stemfuse::fuse_measured_counts(m.haadf, m.maps, options, work, line);
        return stemfuse::fuse_measured_counts(m.haadf, m.maps, m.background, options, work, line);
    }();
    fusion<T> f{{}, watch.seconds(),           table_of(result, m.symbols),
                {}, notes_of(result, options), warning_texts(result.warnings, m.symbols)};
    for (std::size_t i = 0; i < result.origins.size(); ++i) {
        if (result.origins[i] != stemfuse::background_origin::none) continue;
        f.lines.push_back("background: " + background_in_words(result.origins, options));
        break;
    }
    if (options.errors) f.lines.push_back("standard errors of every pixel: /errors in fused.h5");
    if (!result.composition) f.lines.push_back("amounts are relative, per element: a composition needs --k-factors");
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
