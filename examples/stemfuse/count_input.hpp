// What the recipe for counts takes: counts, their background, and what is known of them before they are fused.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/quantify/quantification.hpp>

#include "count_options.hpp"
#include "progress_line.hpp"
#include "recipe.hpp"

namespace program {

inline const std::string no_counts_above_1 = "no map has a number above 1";

// Why the maps are no raw counts; empty where every map holds whole numbers >= 0 and not all are masks of 0 and 1.
template <class T>
std::string why_no_counts(const measurement<T>& m) {
    const auto [n, ny, nx] = m.maps.shape();
    bool masks = true;
    for (std::size_t k = 0; k < m.maps.size(); ++k) {
        const T v = m.maps.data()[k];
        if (!(v >= 0 && std::isfinite(v) && v == std::floor(v))) {
            return m.symbols[k / (ny * nx)] + " has " + stemfuse::to_string(static_cast<double>(v)) + " at row " +
                   std::to_string(k / nx % ny) + ", column " + std::to_string(k % nx);
        }
        masks = masks && v <= 1;
    }
    return masks ? no_counts_above_1 : "";
}

template <class T>
bool whole_numbers(const measurement<T>& m) {
    const std::string why = why_no_counts(m);
    return why.empty() || why == no_counts_above_1;
}

// An executor that ends the work where the user asks for it.
class interruptible {
public:
    explicit interruptible(stemfuse::thread_pool& pool) : pool_(pool) {}

    std::size_t concurrency() const { return pool_.concurrency(); }
    bool stop_requested() const { return program::stop_requested != 0; }

    template <class F>
    void for_each(std::size_t n, F&& f) {
        pool_.for_each(n, [&](std::size_t i) {
            throw_if_interrupted("in the fusion");
            f(i);
        });
    }

private:
    stemfuse::thread_pool& pool_;
};

// The background in counts per pixel: as it was given, else as the files have it, else 0; and a line that says which.
template <class T>
std::pair<xt::xtensor<T, 3>, std::string> count_background(const measurement<T>& m, const count_options& o) {
    xt::xtensor<T, 3> background = xt::zeros<T>(m.maps.shape());
    if (m.background.size() > 0) background = m.background;
    const auto given = parse_by_element(o.background, m.symbols, "--background", true);
    std::string by_option, of_file, none;
    for (std::size_t i = 0; i < m.symbols.size(); ++i) {
        auto own = xt::view(background, i);
        if (given[i]) own = xt::zeros<T>(m.haadf.shape()) + static_cast<T>(*given[i]);
        const bool any = std::any_of(own.begin(), own.end(), [](T b) { return b > 0; });
        std::string& list = given[i] ? by_option : any ? of_file : none;
        list += (list.empty() ? "" : ", ") + m.symbols[i];
        if (given[i]) list += " " + stemfuse::to_string(*given[i]);
    }
    std::string line;
    const auto add = [&](const std::string& part) { line += (line.empty() ? "background: " : "; ") + part; };
    if (!by_option.empty()) add(by_option + " counts per pixel, by --background");
    if (!of_file.empty()) add("of " + of_file + " as the files have it");
    if (!none.empty()) add("0 for " + none + ", as none is known: amounts and composition include it");
    return {std::move(background), line};
}

// What a user should know of these counts before the maps are believed.
inline std::vector<std::string> warnings_of(const stemfuse::count_totals& totals,
                                            const std::vector<std::string>& symbols) {
    std::vector<std::string> warnings;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
        const double net = totals.net(i), error = std::sqrt(totals.counts[i] + totals.background[i]);
        if (net > 3 * error) continue;
        warnings.push_back(symbols[i] + " has " + text_of(totals.counts[i], "%.0f") +
                           " counts where the background is " + text_of(totals.background[i], "%.0f") +
                           (net > 0 ? ": there may be none of it" : ": its map is 0"));
    }
    return warnings;
}

}  // namespace program
