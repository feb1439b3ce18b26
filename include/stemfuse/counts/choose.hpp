// Choosing parameters by data that the fit has not seen.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/counts/dispersion_test.hpp>
#include <stemfuse/counts/noise_split.hpp>
#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/simd/elementary.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How well a fit predicts data it has not seen, a part for every row of every element.
struct prediction_score {
    std::size_t n_elements = 0;  ///< of the data
    std::vector<double> rows;    ///< n_elements * n_y numbers; larger is better

    /// The sum of all parts.
    double total() const { return std::accumulate(rows.begin(), rows.end(), 0.0); }
    /// The parts of element i alone, as a score of one element.
    prediction_score element(std::size_t i) const {
        const auto n = static_cast<std::ptrdiff_t>(rows.size() / n_elements),
                   first = static_cast<std::ptrdiff_t>(i) * n;
        return {1, {rows.begin() + first, rows.begin() + first + n}};
    }
};

/// One candidate compared with the best: how much worse it predicts, and the standard error of this difference, from
/// its spread over the rows.
struct score_deficit {
    double value = 0,        ///< the best total less the candidate's; 0 for the best
        standard_error = 0;  ///< of this difference
};

/// The candidate of the best score, and all of them beside it.
struct choice {
    std::size_t best = 0;                 ///< its place among the candidates
    std::vector<score_deficit> deficits;  ///< one a candidate, in their order
};

/// The candidate with the largest total; the first of equals. Throws value_error for no candidates and where none has a
/// finite total, shape_error for scores of different data.
inline choice choose(std::span<const prediction_score> scores) {
    require_some(scores, "scores");
    choice chosen;
    double highest = -INFINITY;
    for (std::size_t k = 0; k < scores.size(); ++k) {
        if (scores[k].rows.size() != scores[0].rows.size()) {
            throw shape_error("scores", "have " + std::to_string(scores[0].rows.size()) + " and " +
                                            std::to_string(scores[k].rows.size()) +
                                            " parts, must be scores of one measurement");
        }
        if (const double total = scores[k].total(); total > highest) {
            highest = total;
            chosen.best = k;
        }
    }
    if (!std::isfinite(highest)) throw value_error("scores", "are not finite, must have one finite score or more");
    const auto& best = scores[chosen.best].rows;
    const double n = static_cast<double>(best.size());
    for (const prediction_score& other : scores) {
        double sum = 0, squares = 0;
        for (std::size_t r = 0; r < best.size(); ++r) {
            const double d = best[r] - other.rows[r];
            sum += d;
            squares += d * d;
        }
        chosen.deficits.push_back({sum, std::sqrt(std::max(0.0, squares - sum * sum / n))});
    }
    return chosen;
}

/// What is held out from fits.
enum class holdout_kind {
    part_of_counts,  ///< a random part of each count, see thin_counts()
    /// Of maps in units of counts: a part of each value, see split_scaled_counts(). Where the noise is not normal, the
    /// two parts depend on one another.
    part_of_values,
    whole_pixels  ///< right for any noise that is independent from pixel to pixel
};

/// How counts are split into those to fit and those to judge by.
struct holdout_options {
    double fraction = 0.8;             ///< of the counts that go to the fit
    std::uint64_t seed = 1;            ///< of the random split
    std::vector<std::string> names{};  ///< of the maps, so that their order changes nothing; see thin_counts()
    bool scaled = false;               ///< the maps are no counts, but in units of them: whole pixels are held out
    /// Where not given, what suits the maps: a part of the counts, or whole pixels where `scaled` or where counts vary
    /// more than counting allows.
    std::optional<holdout_kind> kind{};
    std::size_t folds = 4;  ///< disjoint sets of whole pixels, each held out in turn; 2 to 100
};

/// Why a hold-out was taken.
enum class holdout_reason {
    asked_for,                ///< holdout_options::kind is given
    counts_are_independent,   ///< the dispersion_test finds the two parts of the counts so
    no_counts,                ///< holdout_options::scaled is set
    counts_are_overdispersed  ///< counts vary more than counting allows: parts of them depend on one another
};

/// What was chosen by counts that were held out.
struct holdout_choice {
    holdout_kind kind = holdout_kind::part_of_counts;                ///< what is held out
    holdout_reason reason = holdout_reason::counts_are_independent;  ///< why
    dispersion_test tested{};  ///< of the map that varies most; none where nothing was tested
};

/// In one sentence.
inline std::string describe(const holdout_choice& choice) {
    const std::string what = choice.kind == holdout_kind::part_of_counts   ? "A random part of every count was held out"
                             : choice.kind == holdout_kind::part_of_values ? "A part of every value was held out"
                                                                           : "Whole pixels were held out";
    const std::string variance = to_string(std::round(100 * (1 + choice.tested.excess)) / 100);
    switch (choice.reason) {
        case holdout_reason::asked_for:
            return what + ", as asked for.";
        case holdout_reason::no_counts:
            return what + ", as the maps are no counts.";
        case holdout_reason::counts_are_overdispersed:
            return what + ", as the counts vary " + variance + " times as much as counting allows.";
        default:
            return what + ", as its two parts are independent: the counts vary " + variance +
                   " times as counting does.";
    }
}

/// Counts split in two. By binomial thinning every count goes to the fit with probability p, else it is held out: both
/// parts are Poisson counts of p and 1 - p times the same rates, and independent of one another, so that the
/// log-likelihood of the part held out does not favour what fits the noise. Or whole pixels are held out, one of
/// `folds` disjoint random sets after the other, the same pixels in all maps: every pixel is predicted by a fit that
/// has not seen it, which is right for any noise that is independent from pixel to pixel.
template <scalar T>
class count_holdout {
public:
    /// Counts and background (counts in a pixel), shape (n, n_y, n_x); exposure of the same shape or empty, 0 where a
    /// pixel is left out, whose count must be 0. Background and exposure are referred to and must outlive this. Throws
    /// what thin_counts() throws, or split_scaled_counts(); shape_error for a background of another shape, value_error
    /// for a fraction outside [0.05, 0.95] and, where whole pixels are held out, a number of folds out of range.
    count_holdout(const stack_view<const T>& counts, const stack_view<const T>& background,
                  const holdout_options& options = {}, const execution& exec = {},
                  const stack_view<const T>& exposure = {})
        : fraction_(options.fraction), background_(background), exposure_(exposure) {
        require_shape(background.shape, counts.shape, "background", "the counts'");
        choice_.kind =
            options.kind.value_or(options.scaled ? holdout_kind::whole_pixels : holdout_kind::part_of_counts);
        if (options.kind) {
            choice_.reason = holdout_reason::asked_for;
        } else if (options.scaled) {
            choice_.reason = holdout_reason::no_counts;
        }
        if (choice_.kind != holdout_kind::whole_pixels) {
            // Further out one of the two parts has too few counts to fit, or to judge by.
            require_in_range(fraction_, 0.05, 0.95, "fraction");
            ratio_ = (1 - fraction_) / fraction_;
            auto parts = choice_.kind == holdout_kind::part_of_values
                             ? split_scaled_counts<T>(counts, options.fraction, options.seed, exec, options.names)
                             : thin_counts<T>(counts, options.fraction, options.seed, exec, options.names);
            if (!options.kind) choice_.tested = test_dispersion(parts, options.fraction, exposure);
            if (!choice_.tested.overdispersed()) {
                fit_.push_back(std::move(parts.kept));
                held_out_ = std::move(parts.rest);
                return;
            }
            choice_.kind = holdout_kind::whole_pixels;
            choice_.reason = holdout_reason::counts_are_overdispersed;
        }
        hold_out_pixels(counts, options);
    }

    /// What is held out, and why.
    const holdout_choice& choice() const noexcept { return choice_; }
    /// The share of a pixel's counts that a fit sees, where it sees the pixel: 1 where whole pixels are held out.
    double fraction() const noexcept { return fraction_; }
    /// How many fits it takes to predict every pixel.
    std::size_t folds() const noexcept { return fit_.size(); }
    /// The counts that the fit of this fold sees, (n, n_y, n_x): 0 in pixels that are held out from it.
    const xt::xtensor<T, 3>& fit_counts(std::size_t fold = 0) const { return fit_[fold]; }
    /// The exposure of these counts: 0 in pixels that are held out; empty where the fit sees every pixel in full.
    stack_view<const T> fit_exposure(std::size_t fold = 0) const {
        return fit_exposure_.empty() ? exposure_ : as_view(fit_exposure_[fold]);
    }
    /// The counts to judge by, (n, n_y, n_x): the parts that no fit has seen, or where whole pixels are held out all
    /// counts, each unseen by the fit of its own fold.
    const xt::xtensor<T, 3>& held_out() const noexcept { return held_out_; }
    /// 0 where a pixel is left out altogether; empty for none.
    stack_view<const T> exposure() const { return exposure_; }

    /// Takes the maps of the fits, one stack a fold; returns maps in which every pixel is of the fit that has not seen
    /// it, or the only stack where there is one fold.
    xt::xtensor<T, 3> compose(std::vector<xt::xtensor<T, 3>> maps) const {
        if (maps.size() == 1) return std::move(maps.front());
        xt::xtensor<T, 3> all = std::move(maps.front());
        for (std::size_t i = 0; i < all.shape(0); ++i) {
            for (std::size_t p = 0; p < fold_.size(); ++p) {
                const std::size_t at = i * fold_.size() + p;
                if (fold_.data()[p] > 0) all.data()[at] = maps[fold_.data()[p]].data()[at];
            }
        }
        return all;
    }

    /// The log-likelihood of the counts m held out, short of a constant: sum of m log r - w r, w their exposure. x are
    /// the expected counts that fits to the other part give, without background, (n, n_y, n_x); r = (x + p b)
    /// (1 - p) / p, or x + b where whole pixels are held out. Throws shape_error for an x of another shape.
    prediction_score score(const stack_view<const T>& x, const execution& exec = {}) const {
        const auto m = as_view(held_out_);
        require_shape(x.shape, m.shape, "x", "the counts'");
        const std::size_t ny = m.shape[1], nx = m.shape[2];
        prediction_score found{m.shape[0], std::vector<double>(m.shape[0] * ny)};
        const T p = static_cast<T>(fraction_), ratio = static_cast<T>(ratio_);
        const auto least = broadcast(static_cast<T>(1e-9));  // so that a rate of 0 has a logarithm
        const auto add_row = [&](std::size_t r, auto exposure_of) {
            const std::size_t i = r / ny, y = r % ny;
            const auto w = exposure_of(i, y);
            pack_sum<T> sum;
            for_each_pack<T>(nx, [&](auto at) {
                const pack<T> rate =
                    pack_max(ratio * (at.load(x.row(i, y)) + p * at.load(background_.row(i, y))), least);
                sum.add(at.keep(at.load(m.row(i, y)) * natural_log(rate) - w(at) * rate));
            });
            found.rows[r] = sum.total();
        };
        for_each_row(m.shape[0] * ny, nx, exec, [&](std::size_t r) {
            if (exposure_.size() > 0) {
                add_row(r, [&](std::size_t i, std::size_t y) {
                    return [w = exposure_.row(i, y)](auto at) { return at.load(w); };
                });
            } else {
                add_row(r, [](std::size_t, std::size_t) { return [](auto) { return broadcast(T(1)); }; });
            }
        });
        return found;
    }

    /// Expected counts among those held out, (n_y, n_x), for a map x of element i as score() takes it; 0 where a pixel
    /// is left out.
    xt::xtensor<T, 2> rate(const xt::xtensor<T, 2>& x, std::size_t i) const {
        const T p = static_cast<T>(fraction_), ratio = static_cast<T>(ratio_);
        xt::xtensor<T, 2> expected(x.shape());
        for (std::size_t y = 0; y < x.shape(0); ++y) {
            std::transform(&x(y, 0), &x(y, 0) + x.shape(1), background_.row(i, y), &expected(y, 0),
                           [=](T v, T b) { return ratio * (v + p * b); });
            if (exposure_.size() == 0) continue;
            std::transform(&expected(y, 0), &expected(y, 0) + x.shape(1), exposure_.row(i, y), &expected(y, 0),
                           [](T v, T w) { return v * w; });
        }
        return expected;
    }

private:
    void hold_out_pixels(const stack_view<const T>& counts, const holdout_options& options) {
        require_in_range(static_cast<double>(options.folds), 2, 100, "folds");
        require_not_empty(counts, "counts");
        require_counts(counts, "counts");
        fraction_ = ratio_ = 1;
        held_out_ = detail::packed_copy<T, 3>(counts, "counts");
        const std::size_t ny = counts.shape[1], nx = counts.shape[2];
        fold_ = xt::zeros<std::size_t>({ny, nx});
        for (std::size_t y = 0; y < ny; ++y) {
            for (std::size_t x = 0; x < nx; ++x) {
                const double u = random_stream(options.seed, stream_of("pixels held out"), y, x).uniform();
                fold_(y, x) = static_cast<std::size_t>(u * static_cast<double>(options.folds));
            }
        }
        for (std::size_t f = 0; f < options.folds; ++f) {
            xt::xtensor<T, 3> seen = held_out_, exposure(counts.shape);
            for (std::size_t k = 0; k < seen.size(); ++k) {
                const std::size_t i = k / (ny * nx), y = k / nx % ny, x = k % nx;
                const bool hidden = fold_(y, x) == f;
                exposure.data()[k] = hidden ? T(0) : exposure_.size() > 0 ? exposure_.row(i, y)[x] : T(1);
                if (hidden) seen.data()[k] = 0;
            }
            fit_.push_back(std::move(seen));
            fit_exposure_.push_back(std::move(exposure));
        }
    }

    double fraction_, ratio_ = 1;
    stack_view<const T> background_, exposure_;
    holdout_choice choice_;
    std::vector<xt::xtensor<T, 3>> fit_, fit_exposure_;  // of each fold
    xt::xtensor<T, 3> held_out_;
    xt::xtensor<std::size_t, 2> fold_;  // in which a pixel is held out
};

}  // namespace stemfuse::inline STEMFUSE_ABI
