// The answers to the page of one measurement.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <stemfuse/report/figure/colormap.hpp>

#include "explore_jobs.hpp"
#include "explore_protocol.hpp"
#include "explore_server.hpp"
#include "live_fusion.hpp"
#include "outputs.hpp"
#include "reproduction.hpp"

namespace program {

// Owns the measurement and the thread that fuses it. What its answers() call may be called from any thread while it
// lives.
template <class T>
class explore_session {
public:
    // `words`: files and options of the command that reproduces what is saved to `folder`, which it calls `output`.
    // Throws what fuse_published() throws for such a measurement.
    explore_session(measurement<T> measured, recipe_options recipe, std::vector<std::string> words,
                    const output_folder& folder, std::string output, std::vector<std::string> warnings,
                    bool align = false)
        : measured_(std::move(measured)),
          recipe_(std::move(recipe)),
          words_(std::move(words)),
          folder_(folder),
          output_(std::move(output)),
          warnings_(std::move(warnings)),
          align_(align),
          live_(align ? aligned(measured_) : measured_, recipe_) {}

    page_answers answers() {
        return {info(), packed<T>({{"factor", 1}}, live_.haadf(), live_.maps()),
                [this](const std::string& body) { return fuse(body); },
                [this](const std::string& body) { return save(body); }};
    }

    // Ends what goes on, and answers nothing more.
    void close() { jobs_.close(); }

private:
    // With the HAADF image where fuse_published() moves it.
    static measurement<T> aligned(measurement<T> m) {
        stemfuse::align_haadf(m.haadf, stemfuse::as_view(std::as_const(m.maps)), m.symbols,
                              stemfuse::alignment_mode::certain);
        return m;
    }

    std::size_t n_elements() const { return measured_.symbols.size(); }
    std::string command(const recipe_options& o) const { return fuse_command(words_, output_, o, n_elements()); }

    std::optional<std::string> fuse(const std::string& body) {
        const auto request = read_request(body, recipe_);
        return jobs_.run(
            [&](const std::atomic<bool>& cancelled) {
                const auto result = live_.solve(request.recipe, request.preview, cancelled);
                nlohmann::json header{{"factor", result.factor},
                                      {"seconds", result.seconds},
                                      {"iterations", result.report.iterations},
                                      {"command", command(request.recipe)}};
                for (const auto& c : result.report.history) {
                    header["haadf"].push_back(c.haadf);
                    header["chemical"].push_back(c.chemical);
                    header["tv"].push_back(c.tv);
                    header["total"].push_back(c.total);
                }
                return packed(std::move(header), result.haadf, result.maps);
            },
            true);
    }

    // By the same code as `stemfuse fuse`.
    std::optional<std::string> save(const std::string& body) {
        const auto request = read_request(body, recipe_);
        return jobs_.run(
            [&](const std::atomic<bool>&) {
                const auto result = fuse_published<T>(measured_, request.recipe, true, align_);
                write_outputs(folder_, result, {{}, warnings_, {}}, {});
                const nlohmann::json answer{
                    {"folder", std::filesystem::absolute(folder_.path()).lexically_normal().string()},
                    {"seconds", result.seconds},
                    {"command", command(request.recipe)}};
                return page_text(answer);
            },
            false);
    }

    std::string info() const {
        using namespace stemfuse::io;
        const auto colours = [](const colormap& map) {
            auto anchors = nlohmann::json::array();
            for (const rgb c : map.anchors()) anchors.push_back({c.r, c.g, c.b});
            return anchors;
        };
        auto hues = nlohmann::json::array();
        for (std::size_t i = 0; i < n_elements(); ++i) hues.push_back(colours(hue_map(default_hue(i))));
        return page_text({{"title", measured_.title},
                          {"version", STEMFUSE_VERSION},
                          {"elements", measured_.symbols},
                          {"rows", measured_.haadf.shape(0)},
                          {"columns", measured_.haadf.shape(1)},
                          {"pixel", measured_.scale.x.known() ? measured_.scale.x.pixel : 0},
                          {"unit", measured_.scale.x.known() ? measured_.scale.x.unit : "px"},
                          {"warnings", warnings_},
                          {"sliders", sliders_of(recipe_, n_elements())},
                          {"output", output_},
                          {"hues", hues},
                          {"grey", colours(grey_map())},
                          {"viridis", colours(viridis_map())},
                          {"magma", colours(magma_map())}});
    }

    measurement<T> measured_;
    recipe_options recipe_;
    std::vector<std::string> words_;
    const output_folder& folder_;
    std::string output_;
    std::vector<std::string> warnings_;
    bool align_;
    live_fusion<T> live_;
    job_thread jobs_;
};

}  // namespace program
