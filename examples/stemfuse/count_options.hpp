// What the command line says about the recipe, and which recipe that means.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "options.hpp"

namespace program {

struct count_options {
    std::vector<std::string> background, counts_per_unit;  // VALUE, or El=VALUE
    std::vector<std::string> k_factors;                    // El=VALUE
    std::optional<double> lambda_tv;                       // the smoothing is chosen where not given
    std::int64_t seed = 1;                                 // of the split of the counts
    bool averaging = true;                                 // over places that look alike
    bool repair = true;                                    // pixels that counted wrongly are looked for
    bool errors = false;                                   // of the maps
    double background_error = 0.05;                        // as a fraction of it
};

// A recipe by name, and why it was taken.
struct recipe_choice {
    std::string name, reason;
    std::string option{};  // that it was taken for; empty where --recipe says so, or the maps
};

// The recipe and the options of either; an empty name stands for the one that suits the maps.
struct recipe_request {
    recipe_choice recipe;
    recipe_options published;
    count_options counts;
};

inline constexpr std::array<std::pair<std::string_view, std::string_view>, 2> recipe_names{
    {{"published", "published"}, {"counts", "counts"}}};

// The options that belong to one recipe alone.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 18> owned_options{
    {{"gamma", "published"},
     {"weights", "published"},
     {"lambda-haadf", "published"},
     {"lambda-chemical", "published"},
     {"iterations", "published"},
     {"tv", "published"},
     {"tv-norm", "published"},
     {"tv-iterations", "published"},
     {"start-threshold", "published"},
     {"auto", "counts"},
     {"counts-per-unit", "counts"},
     {"no-averaging", "counts"},
     {"mask", "counts"},
     {"no-repair", "counts"},
     {"errors", "counts"},
     {"background-error", "counts"},
     {"k-factors", "counts"},
     {"seed", "counts"}}};

// The recipe that --recipe names, else the one that an option of `given` belongs to. Throws usage_error for another
// name and for an option of the other recipe.
inline recipe_choice asked_recipe(const std::string& name, const std::vector<std::string>& given) {
    recipe_choice asked{name, "as --recipe says", ""};
    if (!name.empty()) by_name(recipe_names, name, "--recipe");
    for (const auto& [option, recipe] : owned_options) {
        if (std::find(given.begin(), given.end(), option) == given.end()) continue;
        if (asked.name.empty())
            asked = {std::string(recipe), "--" + std::string(option) + " belongs to it", std::string(option)};
        if (asked.name != recipe) {
            throw usage_error("--" + std::string(option) + ": belongs to the recipe " + std::string(recipe) +
                              ", is given for the recipe " + asked.name + " (" + asked.reason + ")");
        }
    }
    return asked;
}

// The number that all of `text` is, 0 or more.
inline std::optional<double> parse_amount(std::string_view text) {
    double value = 0;
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || stop != text.data() + text.size() || !(value >= 0 && std::isfinite(value))) return {};
    return value;
}

// "Co=1.2,O=0.9" for elements of `symbols`, or, where `plain`, one number for all of them. Throws usage_error that
// names the option.
inline std::vector<std::optional<double>> parse_by_element(const std::vector<std::string>& entries,
                                                           const std::vector<std::string>& symbols,
                                                           const std::string& option, bool plain) {
    std::vector<std::optional<double>> values(symbols.size());
    const auto fail = [&](const std::string& entry, const std::string& more) {
        throw usage_error(option + ": is \"" + entry + "\"" + more + ", must be " +
                          (plain ? "a number, 0 or more, or " : "") +
                          "Symbol=NUMBER of the elements that are fused, separated by commas");
    };
    for (const std::string& entry : entries) {
        const auto equals = entry.find('=');
        const bool named = equals != std::string::npos;
        const auto value = parse_amount(std::string_view(entry).substr(named ? equals + 1 : 0));
        if (!value || (!named && !(plain && entries.size() == 1))) fail(entry, "");
        if (!named) return std::vector<std::optional<double>>(symbols.size(), value);
        const auto found = std::find(symbols.begin(), symbols.end(), entry.substr(0, equals));
        if (found == symbols.end()) fail(entry, ", which is not fused");
        auto& own = values[static_cast<std::size_t>(found - symbols.begin())];
        if (own) fail(entry, " and another of the same element");
        own = value;
    }
    return values;
}

// What the published recipe takes of --background and --lambda-tv. Throws usage_error.
inline recipe_options published_options(const recipe_request& request) {
    recipe_options o = request.published;
    const auto& entries = request.counts.background;
    if (!entries.empty()) {
        const auto value = entries.size() == 1 ? parse_amount(entries[0]) : std::nullopt;
        if (!value) {
            throw usage_error("--background: is \"" + entries[0] +
                              "\", must be one number above 0 in the recipe published");
        }
        o.background = *value;
    }
    o.lambda_tv = request.counts.lambda_tv.value_or(o.lambda_tv);
    check(o);
    return o;
}

// Throws usage_error.
inline void check(const count_options& o) {
    if (o.lambda_tv && !(*o.lambda_tv > 0 && *o.lambda_tv <= 1e6)) {
        throw usage_error("--lambda-tv: is " + stemfuse::to_string(*o.lambda_tv) +
                          ", must be above 0 and up to 1e6 in the recipe counts");
    }
    if (!(o.background_error >= 0 && o.background_error <= 1)) {
        throw usage_error("--background-error: is " + stemfuse::to_string(o.background_error) +
                          ", must be a fraction of the background in [0, 1]");
    }
    if (o.seed < 0) throw usage_error("--seed: is " + std::to_string(o.seed) + ", must be 0 or more");
}

}  // namespace program
