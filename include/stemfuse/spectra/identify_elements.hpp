// Which elements a sum spectrum shows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/core/small_matrix.hpp>
#include <stemfuse/elements/elements.hpp>
#include <stemfuse/spectra/sum_fit.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of identify_elements().
struct identification_options {
    double lowest = 0.15;         ///< keV: channels below hold the detector's noise
    double threshold = 25;        ///< fall of the deviance that an element must be worth; 25 is 5 standard deviations
    double enter_threshold = 16;  ///< fall of it that lets an element enter: lower, as it may grow once others have
    double model_error = 0.02;    ///< standard deviation, relative to the fitted spectrum: shapes are never exact
    double least_share = 0.004;   ///< of the counts in lines that an element must have
    std::size_t most_elements = 25;  ///< after which no other enters
};

/// An element whose lines a spectrum shows.
struct identified_element {
    std::string symbol;   ///< "Fe"
    double significance;  ///< fall of the deviance where the element is left out: the square of a z value
    double counts;        ///< in the family of lines that establishes it
    char family;          ///< 'K', 'L' or 'M'
    std::optional<std::string> or_may_be{};  ///< another element found, one of whose families of lines lies where this
                                             ///< one's is and may hold 30% or more of its counts
};

namespace detail {

// The lines of an element for identification, over groups of channels: one family that establishes it, and the others,
// which come with it but may be weaker or stronger than theory by a factor.
struct candidate_element {
    struct other_family {
        std::vector<double> shape;
        double share;  // counts by theory for a count in the establishing family
        char family;
    };
    std::string symbol;
    char family;
    double mean_energy;
    std::vector<double> shape;
    std::vector<other_family> others;
};

// The fit of a set of candidates to a sum spectrum.
class identification {
public:
    identification(const std::vector<double>& counts, const spectrum_axis& axis, const edx_detector& detector,
                   const identification_options& options)
        : options_(options), first_(axis.first_above(options.lowest)), groups_((axis.channels - first_) / rebin) {
        counts_ = grouped(counts);
        for (int z = 5; z <= 92; ++z) {
            const std::string symbol(element_symbols[static_cast<std::size_t>(z - 1)]);
            if (is_unlikely(symbol)) continue;
            if (auto c = candidate(symbol, axis, detector)) candidates_.push_back(std::move(*c));
        }
        for (const auto& column : background_columns(axis, detector, first_, 9)) background_.push_back(grouped(column));
    }

    const std::vector<candidate_element>& candidates() const { return candidates_; }

    // Forward: the candidate that explains the most, while one is worth it; then backward: those that the others make
    // superfluous leave. Returns candidates with the falls of the deviance and their counts.
    struct member {
        std::size_t candidate;
        double drop, counts;
    };
    std::vector<member> run() {
        variance_ = first_variance(counts_, 2);
        std::vector<std::size_t> active;
        auto now = fit(active);
        while (active.size() < options_.most_elements) {
            set_variance(now.rates);
            const auto best = best_to_enter(active, now);
            if (!best) break;
            active.push_back(*best);
            now = fit(active);
            for (std::size_t k = active.size() - 1; k-- > 0;) {
                if (now.amplitudes[k] <= 0) active.erase(active.begin() + static_cast<std::ptrdiff_t>(k));
            }
            now = fit(active);
        }
        for (;;) {
            set_variance(now.rates);
            now = fit(active);
            const auto drops = drops_of(active, now);
            const auto worst = std::min_element(drops.begin(), drops.end());
            if (worst == drops.end() || *worst >= options_.threshold) {
                std::vector<member> found;
                for (std::size_t k = 0; k < active.size(); ++k)
                    found.push_back({active[k], drops[k], now.amplitudes[k]});
                return found;
            }
            active.erase(active.begin() + (worst - drops.begin()));
        }
    }

private:
    // So many channels are one group: lines are wider, and the fits faster.
    static constexpr std::size_t rebin = 4;
    // Of theory, the part that other families surely have, and how many times theory more they may have. Wide, as the
    // specimen absorbs L and M lines much more than K lines, and their cross-sections are known badly.
    static constexpr double sure_share = 0.4, most_share = 2.5;

    struct fitted {
        std::vector<double> amplitudes;  // of the active candidates' establishing families
        std::vector<double> rates;
        std::vector<std::vector<double>> columns;
        std::vector<double> all;  // amplitudes of all columns
    };

    // Gases that stay in no specimen under vacuum, and what decays too fast to be found in nature in more than traces.
    static bool is_unlikely(std::string_view symbol) {
        static constexpr std::string_view list[] = {"Ne", "Ar", "Kr", "Xe", "Tc", "Pm", "Po",
                                                    "At", "Rn", "Fr", "Ra", "Ac", "Pa"};
        return std::find(std::begin(list), std::end(list), symbol) != std::end(list);
    }

    std::vector<double> grouped(const std::vector<double>& channels) const {
        std::vector<double> out(groups_);
        for (std::size_t g = 0; g < groups_; ++g) {
            for (std::size_t k = 0; k < rebin; ++k) out[g] += channels[first_ + g * rebin + k];
        }
        return out;
    }

    void set_variance(const std::vector<double>& rates) {
        for (std::size_t g = 0; g < groups_; ++g) variance_[g] = std::max(rates[g], 1.0);
    }

    double weight(std::size_t g) const {
        const double model = options_.model_error * variance_[g];
        return 1 / (variance_[g] + model * model);
    }

    std::optional<candidate_element> candidate(const std::string& symbol, const spectrum_axis& axis,
                                               const edx_detector& detector) const {
        const auto columns = subshell_columns({symbol}, axis, detector, first_);
        struct family {
            std::vector<double> values;
            double counts = 0, mean = 0;
        };
        std::map<char, family> families;
        for (const auto& column : columns) {
            auto& f = families[family_of(column.shell)];
            f.values.resize(axis.channels);
            for (std::size_t c = first_; c < axis.channels; ++c) {
                f.values[c] += column.values[c];
                f.mean += column.values[c] * axis.centre(c);
            }
            f.counts += column.counts;
        }
        // K lines of light elements, else a family above 0.9 keV: below, lines of many elements lie side by side.
        const family* main = nullptr;
        char name = 0;
        for (auto& [letter, f] : families) {
            f.mean /= f.counts;
            if (f.mean < 0.9 && atomic_number(symbol) > 10) continue;
            if (main == nullptr || f.counts > main->counts) {
                main = &f;
                name = letter;
            }
        }
        if (main == nullptr) return {};
        const auto unit = [&](const family& f) {
            auto shape = grouped(f.values);
            for (double& v : shape) v /= f.counts;
            return shape;
        };
        candidate_element out{symbol, name, main->mean, unit(*main), {}};
        for (const auto& [letter, f] : families) {
            if (letter != name && f.counts > 0.01 * main->counts)
                out.others.push_back({unit(f), f.counts / main->counts, letter});
        }
        return out;
    }

    // Non-negative least squares of the active candidates; what other families have beyond most_share of theory stays
    // unexplained.
    fitted fit(const std::vector<std::size_t>& active) const {
        fitted f;
        std::vector<std::pair<std::size_t, double>> caps;  // of the columns after the first: place in active, share
        for (const std::size_t k : active) {
            auto column = candidates_[k].shape;
            for (const auto& other : candidates_[k].others) add(column, other.shape, sure_share * other.share);
            f.columns.push_back(std::move(column));
        }
        for (std::size_t k = 0; k < active.size(); ++k) {
            for (const auto& other : candidates_[active[k]].others) {
                f.columns.push_back(other.shape);
                caps.emplace_back(k, most_share * other.share);
            }
        }
        f.columns.insert(f.columns.end(), background_.begin(), background_.end());
        const std::size_t n = f.columns.size();
        small_matrix g(n, n);
        std::vector<double> h(n), held(n, -1);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t c = 0; c < groups_; ++c) h[i] += f.columns[i][c] * counts_[c] * weight(c);
            for (std::size_t j = 0; j <= i; ++j) g(i, j) = g(j, i) = product(f.columns[i], f.columns[j]);
        }
        for (int round = 0; round < 3; ++round) {
            small_matrix part = g;
            std::vector<double> rest = h;
            for (std::size_t i = 0; i < n; ++i) {
                if (held[i] < 0) continue;
                for (std::size_t j = 0; j < n; ++j) {
                    rest[j] -= g(j, i) * held[i];
                    part(i, j) = part(j, i) = 0;
                }
            }
            f.all = non_negative_least_squares(part, rest);
            bool changed = false;
            for (std::size_t i = 0; i < n; ++i) {
                if (held[i] >= 0) f.all[i] = held[i];
            }
            for (std::size_t k = 0; k < caps.size(); ++k) {
                const std::size_t i = active.size() + k;
                const double cap = caps[k].second * f.all[caps[k].first];
                if (held[i] >= 0 || f.all[i] <= 1.02 * cap) continue;
                f.all[i] = held[i] = cap;
                changed = true;
            }
            if (!changed) break;
        }
        f.amplitudes.assign(f.all.begin(), f.all.begin() + static_cast<std::ptrdiff_t>(active.size()));
        f.rates.assign(groups_, 0);
        for (std::size_t i = 0; i < n; ++i) add(f.rates, f.columns[i], f.all[i]);
        for (double& r : f.rates) r = std::max(r, least_rate);
        return f;
    }

    static void add(std::vector<double>& to, const std::vector<double>& what, double factor) {
        for (std::size_t c = 0; c < to.size(); ++c) to[c] += factor * what[c];
    }
    double product(const std::vector<double>& a, const std::vector<double>& b) const {
        double sum = 0;
        for (std::size_t c = 0; c < groups_; ++c) sum += a[c] * b[c] * weight(c);
        return sum;
    }
    double deviance(const fitted& f) const {
        double sum = 0;
        for (std::size_t c = 0; c < groups_; ++c) sum += std::pow(counts_[c] - f.rates[c], 2) * weight(c);
        return sum;
    }

    // The one whose entry lowers the deviance most, of the 4 that the residual pulls at most: a fit for each candidate
    // would take too long. Other families come with 0.7 of theory here, as they are not fitted yet.
    std::optional<std::size_t> best_to_enter(const std::vector<std::size_t>& active, const fitted& now) const {
        std::vector<std::pair<double, std::size_t>> gains;
        std::vector<double> residual(groups_);
        for (std::size_t c = 0; c < groups_; ++c) residual[c] = counts_[c] - now.rates[c];
        for (std::size_t k = 0; k < candidates_.size(); ++k) {
            if (std::find(active.begin(), active.end(), k) != active.end()) continue;
            auto shape = candidates_[k].shape;
            for (const auto& other : candidates_[k].others) add(shape, other.shape, 0.7 * other.share);
            const double pull = std::max(0.0, product(shape, residual));
            gains.emplace_back(pull * pull / product(shape, shape), k);
        }
        std::sort(gains.rbegin(), gains.rend());
        std::optional<std::size_t> best;
        double highest = options_.enter_threshold;
        const double before = deviance(now);
        for (std::size_t i = 0; i < std::min<std::size_t>(4, gains.size()); ++i) {
            if (gains[i].first < options_.enter_threshold) break;
            auto with = active;
            with.push_back(gains[i].second);
            const double gain = before - deviance(fit(with));
            if (gain < highest) continue;
            highest = gain;
            best = gains[i].second;
        }
        return best;
    }

    // What each is worth: how much the deviance rises without it and its other families, all others refitted; nothing
    // where it is a small share of the counts.
    std::vector<double> drops_of(const std::vector<std::size_t>& active, const fitted& now) const {
        const double with = deviance(now);
        double total = 0;
        for (const double a : now.amplitudes) total += a;
        std::vector<double> drops(active.size());
        for (std::size_t k = 0; k < active.size(); ++k) {
            if (now.amplitudes[k] < options_.least_share * total || now.amplitudes[k] == 0) continue;
            auto others = active;
            others.erase(others.begin() + static_cast<std::ptrdiff_t>(k));
            drops[k] = std::max(0.0, deviance(fit(others)) - with);
        }
        return drops;
    }

    const identification_options options_;
    std::size_t first_, groups_;
    std::vector<double> counts_, variance_;
    std::vector<candidate_element> candidates_;
    std::vector<std::vector<double>> background_;
};

}  // namespace detail

/// The elements whose lines the sum spectrum needs, the strongest first. An element is established by one family of its
/// lines only, the K lines up to Ne and one above 0.9 keV for others, its other families may be 0.4 to 2.9 times as
/// strong as theory. Forward selection by the fall of the deviance, with options.model_error on the fitted spectrum,
/// then elimination of those that are worth less than options.threshold or have fewer than options.least_share of the
/// counts. The axis should be calibrated first: identify, calibrate_axis(), identify. Throws value_error for an axis or
/// a detector out of range and counts that are negative or not finite, shape_error for another number of channels.
inline std::vector<identified_element> identify_elements(const std::vector<double>& counts, const spectrum_axis& axis,
                                                         const edx_detector& detector,
                                                         const identification_options& options = {}) {
    require_axis(axis);
    require_detector(detector);
    if (counts.size() != axis.channels)
        throw shape_error("counts", "has " + std::to_string(counts.size()) + " channels, must have " +
                                        std::to_string(axis.channels) + " as the axis");
    for (const double y : counts) require_non_negative(y, "counts");
    if (axis.first_above(options.lowest) + 8 > axis.channels) return {};
    detail::identification fit(counts, axis, detector, options);
    const auto members = fit.run();
    std::vector<identified_element> found;
    for (const auto& m : members) {
        const auto& c = fit.candidates()[m.candidate];
        identified_element e{c.symbol, m.drop, m.counts, c.family, {}};
        for (const auto& other : members) {
            const auto& o = fit.candidates()[other.candidate];
            if (o.symbol == c.symbol) continue;
            for (const auto& family : o.others) {
                double mean = 0;
                for (std::size_t g = 0; g < family.shape.size(); ++g) mean += std::min(family.shape[g], c.shape[g]);
                if (mean > 0.5 && family.share * other.counts > 0.3 * m.counts) e.or_may_be = o.symbol;
            }
        }
        found.push_back(std::move(e));
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.counts > b.counts; });
    return found;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
