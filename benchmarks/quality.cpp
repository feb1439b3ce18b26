// How good the estimators are on specimens of known truth: a Markdown table, and JSON on request.
//   bench_quality --seeds 5 --json quality.json
//   bench_quality --table lattices --dose 10 --seeds 1
//   bench_quality --table trust --size 96 --seeds 3
//   bench_quality --specimen nponc,segregated-alloy --dose 5 --size 128x160 --seeds 1
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "quality_figures.hpp"
#include "quality_lattices.hpp"
#include "quality_picture.hpp"
#include "quality_recipes.hpp"
#include "quality_specimens.hpp"
#include "quality_trust.hpp"
#include "quality_tuning.hpp"

namespace {

struct options {
    std::size_t seeds = 5, threads = 2;
    std::uint64_t first_seed = 1;
    std::string table = "study";
    std::vector<std::string> specimens{};  // the table's own if empty
    std::vector<double> doses{};
    std::string size = "128", json;
    bool oracle = false, no_baselines = false;
    std::string picture;
};

// "128" or "128x160": rows and columns.
std::pair<std::size_t, std::size_t> parse_size(const std::string& text) {
    const auto number = [&](const std::string& part) {
        std::size_t n = 0;
        const auto [end, failed] = std::from_chars(part.data(), part.data() + part.size(), n);
        if (failed != std::errc{} || end != part.data() + part.size() || n < 16 || n > 65536) {
            throw stemfuse::value_error("--size", "is \"" + text + "\", must be N or NYxNX, each 16 to 65536");
        }
        return n;
    };
    const auto cross = text.find('x');
    return {number(text.substr(0, cross)), number(cross == std::string::npos ? text : text.substr(cross + 1))};
}

quality::scan measure(const quality::measured_specimen& s, double dose, std::uint64_t seed) {
    const auto conditions = stemfuse::at_dose(s.usual, dose, seed);
    auto a = stemfuse::acquire(s.sample, conditions);
    auto rates = conditions.sensitivities;
    for (double& k : rates) k *= dose;
    return {std::move(a.elements), std::move(a.haadf), std::move(a.maps),
            stemfuse::background_counts(s.sample, conditions), std::move(rates)};
}

// Adds the figures of one recipe on one scan.
void run(const quality::recipe& recipe, const quality::scan& scan, const quality::measured_specimen& s,
         stemfuse::thread_pool& pool, quality::outcome& out) {
    const auto& truth = s.sample.truth;
    const auto setting = quality::tune(recipe, scan, truth, pool);
    auto [maps, text, flagged] = recipe.run(scan, setting, pool);
    out.by_seed.push_back(quality::figures_of(maps, truth, quality::unbiased(scan)));
    if (s.spotted) out.spot_levels.push_back(quality::level_of(maps, *s.spotted));
    if (out.first_maps.size() == 0) out.first_maps = std::move(maps);
    for (std::size_t k = 0; k < setting.size(); ++k) {
        text += (k == 0 ? "" : ", ") + recipe.tuned[k].name + " " + stemfuse::to_string(setting[k]);
    }
    out.settings.push_back(text);
}

// What the automatic choice, the last outcome, lost to the best setting of its grid.
void print_excess(const quality::outcome& automatic, const std::vector<quality::scan>& scans,
                  const xt::xtensor<double, 3>& truth, stemfuse::thread_pool& pool) {
    double sum = 0;
    std::string setting;
    for (const auto& scan : scans) {
        const auto [best, error] = quality::oracle_cell(scan, truth, pool);
        sum += error / static_cast<double>(scans.size());
        if (setting.empty()) setting = quality::short_text(best);
    }
    const double excess = 100 * (quality::mean(automatic, &quality::figures::nrmse) / sum - 1);
    std::printf("| %s | %g | oracle cell of the grid | %.4f | | | | | | %s; automatic %+.1f %% |\n",
                automatic.specimen.c_str(), automatic.dose, sum, setting.c_str(), excess);
    std::fflush(stdout);
}

std::vector<quality::outcome> run_all(const options& o) {
    const auto [ny, nx] = parse_size(o.size);
    const bool lattices = o.table == "lattices";
    if (lattices && o.oracle) throw stemfuse::value_error("--oracle", "goes with --table study alone");
    std::vector<quality::measured_specimen> specimens;
    for (const auto& name : o.specimens) specimens.push_back(quality::make_specimen(name, ny, nx));
    std::printf("%zu x %zu pixels, means over %zu seeds; the setting is that of the first seed\n\n", ny, nx, o.seeds);
    lattices ? quality::print_lattice_head() : quality::print_head();
    stemfuse::thread_pool pool(o.threads);
    const auto recipes = lattices ? quality::lattice_recipes() : quality::recipes();
    std::vector<quality::outcome> outcomes;
    for (const auto& s : specimens) {
        for (const double dose : o.doses) {
            if (lattices && s.spotted)
                quality::print_true_spot(s.name, dose, quality::level_of(s.sample.truth, *s.spotted));
            std::vector<quality::scan> scans;
            for (std::uint64_t seed = 1; seed <= o.seeds; ++seed) scans.push_back(measure(s, dose, seed));
            const std::size_t first = outcomes.size();
            for (const auto& recipe : recipes) {
                auto& out = outcomes.emplace_back(quality::outcome{s.name, dose, recipe.name});
                for (const auto& scan : scans) run(recipe, scan, s, pool, out);
                lattices ? quality::print_lattice_row(out, outcomes[first]) : quality::print_row(out);
            }
            if (!o.picture.empty()) quality::write_picture(o.picture, s.sample, std::span(outcomes).subspan(first));
            if (o.oracle) print_excess(outcomes.back(), scans, s.sample.truth, pool);
        }
    }
    if (lattices) quality::print_lattice_summary(outcomes, recipes.size());
    return outcomes;
}

void run_trust(const options& o) {
    const auto [ny, nx] = parse_size(o.size);
    if (!o.json.empty() || !o.picture.empty() || o.oracle)
        throw stemfuse::value_error("--table", "is trust, which has no --json, --picture or --oracle");
    std::printf("%zu x %zu pixels, means over %zu seeds\n\n", ny, nx, o.seeds);
    quality::print_trust_head();
    stemfuse::thread_pool pool(o.threads);
    std::vector<quality::trust_row> rows;
    for (const auto& name : o.specimens) {
        const auto s = quality::make_specimen(name, ny, nx);
        for (const double dose : o.doses) {
            std::vector<quality::scan> scans;
            for (std::uint64_t seed = 1; seed <= o.seeds; ++seed)
                scans.push_back(measure(s, dose, o.first_seed + seed - 1));
            rows.push_back(quality::measure_trust(s, dose, scans, pool, !o.no_baselines));
            quality::print_trust_row(rows.back());
        }
    }
    if (!o.no_baselines) quality::print_trust_summary(rows);
}

void write_json(const options& o, const std::vector<quality::outcome>& outcomes) {
    nlohmann::json results = nlohmann::json::array();
    for (const auto& out : outcomes) {
        nlohmann::json seeds = nlohmann::json::array();
        for (std::size_t k = 0; k < out.by_seed.size(); ++k) {
            const auto& f = out.by_seed[k];
            seeds.push_back({{"nrmse", f.nrmse},
                             {"psnr", f.psnr},
                             {"ssim", f.ssim},
                             {"gain", f.gain},
                             {"composition", f.composition},
                             {"setting", out.settings[k]}});
        }
        for (std::size_t k = 0; k < out.spot_levels.size(); ++k) seeds[k]["spot"] = out.spot_levels[k];
        results.push_back({{"specimen", out.specimen}, {"dose", out.dose}, {"recipe", out.recipe}, {"seeds", seeds}});
    }
    std::ofstream file(o.json);
    file << nlohmann::json{{"size", o.size}, {"results", results}}.dump(1) << '\n';
    if (!file.flush()) throw stemfuse::write_error(o.json, "cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
    options o;
    CLI::App app("Quality of the estimators on specimens of known truth");
    app.add_option("--seeds", o.seeds, "measurements of each specimen at each dose")
        ->check(CLI::Range(std::size_t{1}, std::size_t{1000}))
        ->capture_default_str();
    app.add_option(
           "--table", o.table,
           "study, lattices: each recipe beside the published one, and blind spots, or trust: the recipe beside "
           "what a user would pick instead")
        ->check(CLI::IsMember({"study", "lattices", "trust"}))
        ->capture_default_str();
    app.add_option("--specimen", o.specimens, "specimens, separated by commas; the table's own if none")
        ->delimiter(',')
        ->check(CLI::IsMember(quality::all_names()));
    app.add_option("--dose", o.doses, "doses, separated by commas; 1,5,20 if none, 2,10,20 for lattices")
        ->delimiter(',')
        ->check(CLI::Range(1e-3, 1e6));
    app.add_option("--size", o.size, "pixels, N or NYxNX")->capture_default_str();
    app.add_option("--threads", o.threads, "threads, 0 for one a core")
        ->check(CLI::Range(0, 1024))
        ->capture_default_str();
    app.add_flag("--oracle", o.oracle, "also the best setting of the automatic recipe's grid, found by the truth");
    app.add_flag("--no-baselines", o.no_baselines, "of --table trust the recipe alone");
    app.add_option("--first-seed", o.first_seed, "of --table trust")->capture_default_str();
    app.add_option("--picture", o.picture, "PPM file for the maps of the last specimen and dose, of the first seed");
    app.add_option("--json", o.json, "file for the figures of every seed");
    CLI11_PARSE(app, argc, argv);
    const bool lattices = o.table == "lattices", trust = o.table == "trust";
    if (o.specimens.empty()) {
        o.specimens = lattices ? quality::lattice_names() : trust ? quality::trust_names() : quality::specimen_names();
    }
    if (o.doses.empty()) o.doses = lattices ? std::vector<double>{2, 10, 20} : std::vector<double>{1, 5, 20};
    try {
        if (trust) {
            run_trust(o);
            return 0;
        }
        const auto outcomes = run_all(o);
        if (!o.json.empty()) write_json(o, outcomes);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "bench_quality: %s\n", e.what());
        return 1;
    }
}
