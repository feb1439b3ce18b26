// The mixture of several predictions that makes counts most likely.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// sum m log(sum_k w_k r_k) - sum_k w_k R_k over the pixels with counts, R_k the sum of r_k over all.
struct mixture_likelihood {
    std::vector<double> counts;
    std::vector<std::vector<double>> rates;  // [k][pixel with counts]
    std::vector<double> totals;

    std::vector<double> mixed(const std::vector<double>& w) const {
        std::vector<double> r(counts.size(), 0.0);
        for (std::size_t k = 0; k < w.size(); ++k) {
            for (std::size_t p = 0; p < r.size(); ++p) r[p] += w[k] * rates[k][p];
        }
        return r;
    }

    // The step t in [lowest, 1] from w towards rates k alone that is best, r = mixed(w): Newton's, kept in brackets,
    // of a concave function.
    double best_step(const std::vector<double>& r, double total, std::size_t k, double lowest) const {
        const auto slopes = [&](double t) {
            double first = total - totals[k], second = 0;
            for (std::size_t p = 0; p < r.size(); ++p) {
                const double d = rates[k][p] - r[p], share = d / (r[p] + t * d);
                first += counts[p] * share;
                second -= counts[p] * share * share;
            }
            return std::pair{first, second};
        };
        double low = lowest, high = 1, t = 0;
        for (int turn = 0; turn < 30 && high - low > 1e-4; ++turn) {
            const auto [first, second] = slopes(t);
            (first > 0 ? low : high) = t;
            const double next = second < 0 ? t - first / second : (first > 0 ? high : low);
            if (std::abs(std::clamp(next, low, high) - t) < 1e-4) return std::clamp(next, low, high);
            t = next > low && next < high ? next : (low + high) / 2;
        }
        return t;
    }
};

}  // namespace detail

/// Weights w_k >= 0 of sum 1 for which counts (n_y, n_x) are most likely, if they are Poisson counts of the mean
/// sum_k w_k r_k; r_k are images of the same shape, taken as 1e-9 where they are less. Ascends towards each r_k in
/// turn: the log-likelihood is concave in w. Throws value_error for no rates, shape_error for rates of another shape.
template <scalar T>
std::vector<double> likeliest_mixture(const image_view<const T>& counts, const std::vector<xt::xtensor<T, 2>>& rates) {
    require_some(rates, "rates");
    const std::size_t n = rates.size();
    detail::mixture_likelihood f{{}, std::vector<std::vector<double>>(n), std::vector<double>(n, 0.0)};
    for (const auto& r : rates) require_shape(as_view(r).shape, counts.shape, "rates", "the counts'");
    for (std::size_t y = 0; y < counts.shape[0]; ++y) {
        for (std::size_t x = 0; x < counts.shape[1]; ++x) {
            const double m = static_cast<double>(counts.row(y)[x]);
            if (m > 0) f.counts.push_back(m);
            for (std::size_t k = 0; k < n; ++k) {
                const double r = std::max(static_cast<double>(rates[k](y, x)), 1e-9);
                f.totals[k] += r;
                if (m > 0) f.rates[k].push_back(r);
            }
        }
    }
    std::vector<double> w(n, 1 / static_cast<double>(n));
    constexpr int turns = 50;
    for (int turn = 0; turn < turns; ++turn) {
        double moved = 0;
        for (std::size_t k = 0; k < n; ++k) {
            const double others = 1 - w[k];
            if (others < 1e-6) continue;
            double total = 0;
            for (std::size_t j = 0; j < n; ++j) total += w[j] * f.totals[j];
            const double t = f.best_step(f.mixed(w), total, k, -w[k] / others);
            for (std::size_t j = 0; j < n; ++j) w[j] = std::clamp((1 - t) * w[j] + (j == k ? t : 0), 0.0, 1.0);
            moved = std::max(moved, std::abs(t) * others);
        }
        if (moved < 1e-4) break;
    }
    return w;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
