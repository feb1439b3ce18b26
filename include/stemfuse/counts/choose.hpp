// Choosing parameters by data that the fit has not seen.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/counts/noise_split.hpp>
#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/simd/elementary.hpp>

namespace stemfuse {

/// How well a fit predicts data it has not seen, a part for every row of every element.
struct prediction_score {
    std::size_t n_elements = 0;
    std::vector<double> rows;  ///< n_elements * n_y numbers; larger is better

    double total() const { return std::accumulate(rows.begin(), rows.end(), 0.0); }
    prediction_score element(std::size_t i) const {
        const auto n = static_cast<std::ptrdiff_t>(rows.size() / n_elements),
                   first = static_cast<std::ptrdiff_t>(i) * n;
        return {1, {rows.begin() + first, rows.begin() + first + n}};
    }
};

/// One candidate compared with the best: how much worse it predicts, and the standard error of this difference, from
/// its spread over the rows.
struct score_deficit {
    double value = 0, standard_error = 0;
};

/// The candidate of the best score, and all of them beside it.
struct choice {
    std::size_t best = 0;
    std::vector<score_deficit> deficits;
};

/// The candidate with the largest total; the first of equals. Throws value_error for none, for a score that is not
/// finite in every candidate, and for scores of different data.
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

struct holdout_options {
    double fraction = 0.8;  ///< of the counts that go to the fit
    std::uint64_t seed = 1;
    std::vector<std::string> names{};  ///< of the maps, so that their order changes nothing; see thin_counts()
    bool scaled = false;               ///< the maps are no counts, but in units of them: see split_scaled_counts()
};

/// Counts split in two by binomial thinning: every count goes to the fit with probability p, else it is held out. Both
/// parts are Poisson counts of p and 1 - p times the same rates, and independent of one another, so that the
/// log-likelihood of the part held out does not favour what fits the noise. Maps that are no longer counts are split by
/// added noise instead; then all of this holds approximately.
template <scalar T>
class count_holdout {
public:
    /// Counts and background (counts in a pixel), shape (n, n_y, n_x). Throws what thin_counts() throws, or
    /// split_scaled_counts().
    count_holdout(const stack_view<const T>& counts, const stack_view<const T>& background,
                  const holdout_options& options = {}, const execution& exec = {})
        : fraction_(options.fraction), background_(background) {
        require_shape(background.shape, counts.shape, "background", "the counts'");
        auto parts = options.scaled
                         ? split_scaled_counts<T>(counts, options.fraction, options.seed, exec, options.names)
                         : thin_counts<T>(counts, options.fraction, options.seed, exec, options.names);
        fit_ = std::move(parts.kept);
        held_out_ = std::move(parts.rest);
    }

    double fraction() const noexcept { return fraction_; }
    const xt::xtensor<T, 3>& fit_counts() const noexcept { return fit_; }
    const xt::xtensor<T, 3>& held_out() const noexcept { return held_out_; }

    /// sum of m log r - r over the counts m held out, r = (x + p b) (1 - p) / p, for the expected counts x that a fit
    /// to the other part gives: of that part, without its background p b. x of the counts' shape.
    prediction_score score(const stack_view<const T>& x, const execution& exec = {}) const {
        const auto m = as_view(held_out_);
        require_shape(x.shape, m.shape, "x", "the counts'");
        const std::size_t ny = m.shape[1], nx = m.shape[2];
        prediction_score found{m.shape[0], std::vector<double>(m.shape[0] * ny)};
        const T p = static_cast<T>(fraction_), ratio = static_cast<T>((1 - fraction_) / fraction_);
        const auto least = broadcast(static_cast<T>(1e-9));
        for_each_row(m.shape[0] * ny, nx, exec, [&](std::size_t r) {
            const std::size_t i = r / ny, y = r % ny;
            pack_sum<T> sum;
            for_each_pack<T>(nx, [&](auto at) {
                const pack<T> rate =
                    pack_max(ratio * (at.load(x.row(i, y)) + p * at.load(background_.row(i, y))), least);
                sum.add(at.keep(at.load(m.row(i, y)) * natural_log(rate) - rate));
            });
            found.rows[r] = sum.total();
        });
        return found;
    }

    /// Expected counts among those held out, (n_y, n_x), for a map x of element i as score() takes it.
    xt::xtensor<T, 2> rate(const xt::xtensor<T, 2>& x, std::size_t i) const {
        const T p = static_cast<T>(fraction_), ratio = static_cast<T>((1 - fraction_) / fraction_);
        xt::xtensor<T, 2> expected(x.shape());
        for (std::size_t y = 0; y < x.shape(0); ++y) {
            std::transform(&x(y, 0), &x(y, 0) + x.shape(1), background_.row(i, y), &expected(y, 0),
                           [=](T v, T b) { return ratio * (v + p * b); });
        }
        return expected;
    }

private:
    double fraction_;
    stack_view<const T> background_;
    xt::xtensor<T, 3> fit_, held_out_;
};

}  // namespace stemfuse
