// The published recipe as the page tunes it: a preview at once, then the whole.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/data/min_max.hpp>
#include <stemfuse/data/threshold_start.hpp>
#include <stemfuse/operators/block_means.hpp>
#include <stemfuse/recipes/published.hpp>

#include "library_options.hpp"
#include "recipe.hpp"

namespace program {

// Maps of one setting, (n_elements, n_y, n_x) at a resolution `factor` times coarser, and the HAADF image that they
// re-project to.
template <class T>
struct live_result {
    xt::xtensor<T, 3> maps;
    xt::xtensor<T, 2> haadf;
    std::size_t factor;
    stemfuse::fusion_report report;
    double seconds;  // of the solve alone
};

// How long a preview takes, in seconds: as it is planned, and before it is cut short.
struct preview_time {
    double planned = 0.04, most = 0.1;
};

// Holds the images of a measurement, scaled to [0, 1], at full resolution and, by means over blocks of 2 x 2 pixels, at
// halves of it. For one thread at a time.
template <class T>
class live_fusion {
public:
    // Of `o` the threads and the start threshold count here. Throws what fuse_published() throws for such a
    // measurement.
    live_fusion(const measurement<T>& m, const recipe_options& o, preview_time time = {})
        : symbols_(m.symbols), pool_(o.threads), time_(time) {
        levels_.push_back({stemfuse::min_max(m.haadf, "HAADF"), stemfuse::min_max_each(m.maps, m.symbols), {}});
        levels_[0].start = stemfuse::threshold_start(levels_[0].maps, o.start_threshold);
        while (levels_.size() < 6 && std::min(levels_.back().haadf.shape(0), levels_.back().haadf.shape(1)) >= 64) {
            const level& fine = levels_.back();
            levels_.push_back({stemfuse::block_means(stemfuse::as_view(fine.haadf)),
                               stemfuse::block_means(stemfuse::as_view(fine.maps), pool_),
                               stemfuse::block_means(stemfuse::as_view(fine.start), pool_)});
        }
    }

    const xt::xtensor<T, 2>& haadf() const { return levels_[0].haadf; }
    const xt::xtensor<T, 3>& maps() const { return levels_[0].maps; }

    // The whole solve, or a preview at the finest resolution that earlier solves let expect in time. Ends early when
    // `cancelled`, perhaps by the library's error of that name. Throws usage_error and the library's errors.
    live_result<T> solve(const recipe_options& o, bool preview, const std::atomic<bool>& cancelled) {
        const std::size_t k = preview ? preview_level(o) : 0;
        const level& at = levels_[k];
        const recipe_options own = coarse_recipe(o, k);
        const auto begin = std::chrono::steady_clock::now();
        const auto elapsed = [&] {
            return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        };
        live_result<T> result{at.start, xt::xtensor<T, 2>(at.haadf.shape()), std::size_t{1} << k, {}, 0};
        const auto go_on = [&](const stemfuse::recipe_progress&) {
            return !cancelled && (k == 0 || elapsed() < time_.most);
        };
        stemfuse::stoppable work(pool_, [&] { return cancelled.load(); });
        result.report = stemfuse::detail::solve_published<T>(stemfuse::as_view(at.haadf), stemfuse::as_view(at.maps),
                                                             library_options(own, symbols_), result.maps, result.haadf,
                                                             work, go_on);
        result.seconds = elapsed();
        const auto done = static_cast<double>(result.report.iterations);
        if (done > 0) seconds_per_step_ = result.seconds / (done * steps(at, own));
        return result;
    }

private:
    struct level {
        xt::xtensor<T, 2> haadf;
        xt::xtensor<T, 3> maps, start;
    };

    // The recipe that at 1 / 2^k of the resolution looks most like `o` at the full one. Less smoothing, as there is
    // less noise, and fewer steps of the prox, as each goes as many times farther: found by trial on simulated
    // measurements.
    static recipe_options coarse_recipe(recipe_options o, std::size_t k) {
        o.lambda_tv /= std::pow(2, 1.25 * static_cast<double>(k));
        o.tv_iterations = std::max<std::size_t>(1, o.tv_iterations >> (2 * k));
        return o;
    }

    // What an iteration takes, in pixels: a gradient weighs as much as some steps of the prox.
    static double steps(const level& at, const recipe_options& o) {
        return static_cast<double>(at.maps.size()) * (4 + static_cast<double>(o.tv_iterations));
    }

    std::size_t preview_level(const recipe_options& o) const {
        std::size_t k = 0;
        const auto seconds = [&] {
            return seconds_per_step_ * steps(levels_[k], coarse_recipe(o, k)) * static_cast<double>(o.iterations);
        };
        while (k + 1 < levels_.size() && seconds() > time_.planned) ++k;
        return k;
    }

    std::vector<std::string> symbols_;
    stemfuse::thread_pool pool_;
    preview_time time_;
    std::vector<level> levels_;
    double seconds_per_step_ = 3e-9;
};

// Compiled once, in live_fusion.cpp.
extern template class live_fusion<float>;
extern template class live_fusion<double>;

}  // namespace program
