// Maps that are counts times an unknown number, brought back to counts for the recipe that takes counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <stemfuse/counts/counts_per_unit.hpp>

#include "count_options.hpp"
#include "recipe.hpp"

namespace program {

// Multiplies every map by the counts that one unit of it stands for: as given, else found from its steps or its noise,
// with 0 for no counts. Prints a line for each element and adds it to m.sources. Throws argument_error where a map has
// a number below 0 or its noise does not tell, and usage_error of --counts-per-unit.
template <class T>
void scale_to_counts(measurement<T>& m, const std::vector<std::string>& given_entries) {
    using namespace stemfuse;
    const auto given = parse_by_element(given_entries, m.symbols, "--counts-per-unit", true);
    for (std::size_t i = 0; i < m.symbols.size(); ++i) {
        auto map = xt::view(m.maps, i);
        if (const double lowest = static_cast<double>(xt::amin(map)()); !(lowest >= 0)) {
            throw value_error(m.symbols[i], "has a pixel of " + to_string(lowest) +
                                                ", must be 0 or more in the recipe counts: the background, if it was "
                                                "subtracted, belongs in --background");
        }
        std::string how = "as given";
        double counts = given[i].value_or(0);
        if (!given[i]) {
            const auto found = counts_per_unit(xt::xtensor<T, 2>(map), {.zero_level = 0.0}, m.symbols[i]);
            if (found.certainty == count_certainty::none) {
                throw value_error(m.symbols[i],
                                  "the noise does not tell how many counts its numbers stand for (it is smoothed, too "
                                  "weak or not that of counts), must have --counts-per-unit " +
                                      m.symbols[i] + "=NUMBER, or --recipe published");
            }
            counts = found.counts_per_unit;
            how = found.certainty == count_certainty::exact
                      ? "as its values are whole steps apart"
                      : "+- " + text_of(found.standard_error, "%.2g") + ", estimated from its noise";
        }
        if (!(counts > 0)) throw usage_error("--counts-per-unit: is 0 for " + m.symbols[i] + ", must be above 0");
        map *= static_cast<T>(counts);
        const std::string text = text_of(counts, "%.4g") + " " + how;
        std::printf("%s: counts per unit %s\n", m.symbols[i].c_str(), text.c_str());
        m.sources.emplace_back(m.symbols[i] + "_counts_per_unit", text);
    }
    m.scaled = true;
}

}  // namespace program
