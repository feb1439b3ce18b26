// Standard errors of the maps of the recipe for counts, by fusing measurements that the maps themselves would give.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/local_excess.hpp>
#include <stemfuse/quantify/composition_maps.hpp>
#include <stemfuse/recipes/count_composition.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How errors are estimated.
struct count_error_options {
    std::size_t replicas = 4;        ///< simulated measurements that are fused, 2 to 1000
    double background_error = 0.05;  ///< standard error of a background, as a fraction of it, the same in all pixels
    std::uint64_t seed = 1;          ///< of the simulated noise
};

/// Standard errors of every pixel, (n, n_y, n_x).
struct count_errors {
    xt::xtensor<double, 3> maps,  ///< of the fused maps, in counts
        fractions;                ///< of the atomic fractions, where k-factors are known; else empty
};

/// A fusion and what it was made from; refers to all.
template <scalar T>
struct measured_fusion {
    const guided_fusion_result<T>& fused;  ///< without mixtures where no averages took part
    const xt::xtensor<T, 3>&counts,        ///< (n, n_y, n_x)
        &background;                       ///< of the same shape
    const xt::xtensor<T, 2>& haadf;        ///< (n_y, n_x)
    const count_fusion_options& options;   ///< of the fusion
};

namespace detail {

template <class T>
void add_once(std::vector<T>& values, const T& value) {
    if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

// The options whose grids hold what was chosen and little else: the search is most of the time of a fusion.
template <scalar T>
guided_fusion_options narrowed(const guided_fusion_result<T>& r, const count_fusion_options& options) {
    guided_fusion_options narrow = averaging_options(options);
    const auto patches = std::exchange(narrow.components.patches, {});
    const count_grid usual = std::exchange(narrow.counts.grid, {{}, {}, {}, {true}, {}});
    const auto smoothings = std::exchange(narrow.smoothings, {});
    narrow.components.ranks.clear();
    bool by_image = false, by_maps = false;
    count_grid& grid = narrow.counts.grid;
    std::vector<std::size_t> used;
    for (const auto& mixture : r.mixtures) {
        for (const mixture_part& part : mixture) {
            const count_setting& s = part.setting;
            add_once(grid.blurs, s.blur);
            if (s.averaged == averaging::by_components) {
                add_once(narrow.components.ranks, s.components);
                add_once(used, part.kernel.patches);
            } else if (s.averaged == averaging::none) {
                add_once(grid.smoothings, s.smoothing);
                if (!(s.haadf_weight > 0)) continue;
                add_once(grid.haadf_weights, s.haadf_weight);
                add_once(grid.gammas, s.gamma);
            } else {
                add_once(narrow.smoothings, s.smoothing);
                (s.averaged == averaging::by_maps ? by_maps : by_image) = true;
            }
        }
    }
    if (!by_maps) narrow.kernels.of_maps.clear();
    if (!by_maps && !by_image) narrow.kernels.of_image.clear();
    std::sort(used.begin(), used.end());
    for (const std::size_t k : used) narrow.components.patches.push_back(patches[k]);
    std::sort(narrow.components.ranks.begin(), narrow.components.ranks.end());
    // Some fit to the counts is always made, and maps as guides come from averages by the image.
    if (grid.smoothings.empty()) grid.smoothings = {usual.smoothings[usual.smoothings.size() / 2]};
    if (narrow.smoothings.empty()) narrow.smoothings = {smoothings[smoothings.size() / 2]};
    std::sort(grid.smoothings.rbegin(), grid.smoothings.rend());
    return narrow;
}

// Draws measurements from fused maps, and fuses them as the maps were.
template <scalar T>
class count_bootstrap {
public:
    count_bootstrap(const measured_fusion<T>& measured, const count_error_options& options, const execution& exec)
        : fused_(measured.fused),
          background_(measured.background),
          haadf_(measured.haadf),
          base_(measured.options),
          options_(options),
          exec_(exec),
          left_(measured.counts - measured.background - measured.fused.maps) {
        const auto& fused = fused_;
        const auto& background = background_;
        for (std::size_t k = 0; k < fused.left_out.bad.size(); ++k) {
            if (fused.left_out.bad.data()[k] != 0) left_.data()[k] = 0;
        }
        base_.holdout.kind = fused.holdout.kind;
        base_.haadf_noise = fused.haadf_noise;
        if (fused.holdout.kind != holdout_kind::whole_pixels) return;
        // Values that vary more than counting allows are drawn as multiples of fewer counts.
        double squares = 0, expected = 0;
        for (std::size_t k = 0; k < left_.size(); ++k) {
            squares += std::pow(static_cast<double>(left_.data()[k]), 2);
            expected += static_cast<double>(fused.maps.data()[k] + background.data()[k]);
        }
        if (expected > 0) event_ = std::max(1.0, squares / expected);
    }

    // The maps of measurement number k.
    xt::xtensor<T, 3> replica(std::size_t k) const {
        const auto shape = fused_.maps.shape();
        xt::xtensor<T, 3> counts(shape);
        xt::xtensor<T, 2> image = haadf_;
        const std::size_t ny = shape[1], nx = shape[2];
        const auto seed = options_.seed + k;
        for_each_row(shape[0] * ny, nx, exec_, [&](std::size_t r) {
            for (std::size_t x = 0; x < nx; ++x) {
                random_stream random(seed, stream_of("replica"), r, x);
                const double rate =
                    static_cast<double>(fused_.maps(r / ny, r % ny, x) + background_(r / ny, r % ny, x));
                counts(r / ny, r % ny, x) = static_cast<T>(event_ * random.poisson(std::max(rate, 0.0) / event_));
            }
        });
        for_each_row(ny, nx, exec_, [&](std::size_t y) {
            for (std::size_t x = 0; x < nx; ++x) {
                random_stream random(seed, stream_of("replica of the image"), y, x);
                image(y, x) += static_cast<T>(fused_.haadf_noise * random.normal());
            }
        });
        auto base = base_;
        base.holdout.seed += 1 + k;
        return mass_balance(fuse(counts, as_view(std::as_const(image)), base), total_counts(counts, background_)).maps;
    }

    // What the maps are off by where the counts around say so, squared: the mean square of what they leave under a
    // small window, beyond the noise that it must have.
    xt::xtensor<double, 3> squared_misfit() const {
        constexpr double window = 1.5, around = 3;
        const auto shape = left_.shape();
        const auto left = gaussian_filter(as_view(left_), window, exec_);
        const xt::xtensor<T, 3> rates = fused_.maps + background_;
        const auto rate = gaussian_filter(as_view(rates), window, exec_);
        const auto weights = gaussian_window<double>(window);
        const auto power_y = window_power(weights, shape[1]), power_x = window_power(weights, shape[2]);
        xt::xtensor<double, 3> excess(shape);
        for (std::size_t k = 0; k < excess.size(); ++k) {
            const double power = power_y[k / shape[2] % shape[1]] * power_x[k % shape[2]];
            excess.data()[k] =
                std::pow(static_cast<double>(left.data()[k]), 2) - event_ * power * static_cast<double>(rate.data()[k]);
        }
        return xt::maximum(gaussian_filter(as_view(std::as_const(excess)), around, exec_), 0.0);
    }

private:
    xt::xtensor<T, 3> fuse(const xt::xtensor<T, 3>& counts, const image_view<const T>& haadf,
                           const count_fusion_options& base) const {
        if (fused_.mixtures.empty()) return fuse_as_chosen<T>(counts, background_, haadf, fused_.chosen, base, exec_);
        auto narrow = narrowed(fused_, base);
        narrow.mask = fused_.left_out.bad;
        narrow.bad_pixels.find = false;
        return fuse_guided_views<T>(as_view(counts), as_view(background_), haadf, narrow, exec_).maps;
    }

    const guided_fusion_result<T>& fused_;
    const xt::xtensor<T, 3>& background_;
    const xt::xtensor<T, 2>& haadf_;
    count_fusion_options base_;
    const count_error_options& options_;
    const execution& exec_;
    xt::xtensor<T, 3> left_;  // counts less background and map
    double event_ = 1;        // counts that come at once
};

// The variance of fractions from that of the maps, which is independent from one map to another, to first order.
inline void add_of_fractions(xt::xtensor<double, 3>& variance, const xt::xtensor<double, 3>& of_maps,
                             const xt::xtensor<double, 3>& maps, const xt::xtensor<double, 3>& fractions,
                             const k_factors& factors) {
    const std::size_t n = maps.shape(0), pixels = maps.shape(1) * maps.shape(2);
    for (std::size_t p = 0; p < pixels; ++p) {
        double whole = 0;
        for (std::size_t j = 0; j < n; ++j)
            whole += factors.amount(j, fraction_kind::atomic) * maps.data()[j * pixels + p];
        for (std::size_t i = 0; i < n && whole > 0; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                const double lever = factors.amount(j, fraction_kind::atomic) *
                                     ((i == j ? 1.0 : 0.0) - fractions.data()[i * pixels + p]) / whole;
                variance.data()[i * pixels + p] += lever * lever * of_maps.data()[j * pixels + p];
            }
        }
    }
}

}  // namespace detail

/// The standard errors of the fused maps, and of `fractions` from them where these are not empty, by a parametric
/// bootstrap (Efron & Tibshirani 1993, chapter 6): measurements are drawn from maps, background and image and fused
/// with the settings that were chosen; the mean square of what their maps differ by is smoothed over 1.5 pixels. It
/// holds noise and the bias of the fusion. To it come the square of what the maps are off by where counts nearby say
/// so, which no measurement drawn from them can show, and the error of the background. Errors of the k-factors come on
/// top. factors: null where `fractions` are empty. tell(k) is called before measurement k is fused. The same bits on
/// any number of threads.
template <scalar T>
count_errors estimate_count_errors(const measured_fusion<T>& measured, const count_error_options& options,
                                   const k_factors* factors, const xt::xtensor<double, 3>& fractions,
                                   const execution& exec, const std::function<void(std::size_t)>& tell) {
    const detail::count_bootstrap<T> bootstrap(measured, options, exec);
    const auto& fused = measured.fused;
    const auto& background = measured.background;
    const auto shape = fused.maps.shape();
    count_errors found{xt::zeros<double>(shape), {}};
    if (fractions.size() > 0) found.fractions = xt::zeros<double>(shape);
    const auto add_squares = [&](xt::xtensor<double, 3>& sum, const auto& a, const auto& b) {
        for (std::size_t k = 0; k < sum.size(); ++k) {
            const double d = static_cast<double>(a.data()[k]) - static_cast<double>(b.data()[k]);
            sum.data()[k] += d * d / static_cast<double>(options.replicas);
        }
    };
    for (std::size_t k = 0; k < options.replicas; ++k) {
        tell(k);
        exec.throw_if_stopped();
        const auto maps = bootstrap.replica(k);
        add_squares(found.maps, maps, fused.maps);
        if (fractions.size() > 0) add_squares(found.fractions, composition_maps(maps, *factors, {}, exec), fractions);
    }
    constexpr double around = 1.5;  // pixels over which a few replicas stand for more
    auto more = bootstrap.squared_misfit();
    for (std::size_t k = 0; k < more.size(); ++k)
        more.data()[k] += std::pow(options.background_error * static_cast<double>(background.data()[k]), 2);
    found.maps = xt::sqrt(gaussian_filter(as_view(std::as_const(found.maps)), around, exec) + more);
    if (fractions.size() > 0) {
        const auto whole = detail::matter(fractions);
        xt::xtensor<double, 3> variance = gaussian_filter(as_view(std::as_const(found.fractions)), around, exec);
        detail::add_of_fractions(variance, more, xt::cast<double>(fused.maps), fractions, *factors);
        found.fractions = xt::sqrt(variance) * whole;
    }
    return found;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
