// Fits of counts under many settings, and how well each predicts counts that it has not seen.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include <stemfuse/counts/choose.hpp>
#include <stemfuse/recipes/count_problem.hpp>
#include <stemfuse/recipes/part_fits.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The settings that are tried: with every combination of directed, weight and exponent along the smoothings, from the
/// one that is best without the image on to both sides while some element is predicted better; every fit under every
/// blur. Total variation leaves staircases in maps that are smooth: less of it and a blur does better there.
struct count_grid {
    std::vector<double> smoothings{9, 6, 4, 2.7, 1.8, 1.2};  ///< largest first
    std::vector<double> haadf_weights{0.1, 0.3, 1};          ///< besides 0
    std::vector<double> gammas{1, 1.6};                      ///< exponents of the HAADF response, 1 to 2
    std::vector<bool> directed{true, false};                 ///< whether the image directs the prior
    std::vector<double> blurs{0, 0.5, 0.7, 1, 1.4};          ///< sigmas of a Gaussian over the fits, in pixels
};

namespace detail {

// A fit that was made.
struct scored_setting {
    count_setting setting;
    double first_smoothing;  // of the fit to the counts alone that it began with
    prediction_score score;
};

// Fits along one path, and of each element the best map.
template <scalar T>
struct scored_path {
    struct best_map {
        std::size_t fit = 0;
        double score = -INFINITY;
        xt::xtensor<T, 2> map;  // expected counts
    };
    std::vector<scored_setting> fits;
    std::vector<best_map> best;
    std::size_t common = 0;  // the best fit for all elements together
    double highest = -INFINITY;
    xt::xtensor<T, 3> common_maps;

    // Whether the fit is better than all before it for an element.
    bool add(scored_setting fit, const xt::xtensor<T, 3>& signal) {
        best.resize(fit.score.n_elements);
        bool better = false;
        for (std::size_t i = 0; i < best.size(); ++i) {
            const double own = fit.score.element(i).total();
            if (!(own > best[i].score)) continue;
            best[i] = {fits.size(), own, xt::view(signal, i)};
            better = true;
        }
        if (const double total = fit.score.total(); total > highest) {
            highest = total;
            common = fits.size();
            common_maps = signal;
        }
        fits.push_back(std::move(fit));
        return better;
    }

    void append(scored_path&& other) {
        if (other.fits.empty()) return;
        best.resize(other.best.size());
        for (std::size_t i = 0; i < best.size(); ++i) {
            if (!(other.best[i].score > best[i].score)) continue;
            best[i] = std::move(other.best[i]);
            best[i].fit += fits.size();
        }
        if (other.highest > highest) {
            highest = other.highest;
            common = fits.size() + other.common;
            common_maps = std::move(other.common_maps);
        }
        std::move(other.fits.begin(), other.fits.end(), std::back_inserter(fits));
    }
};

// Adds a fit under every blur. Whether any is better than all before it for an element.
template <scalar T>
bool add_blurred(scored_path<T>& path, count_setting setting, double first_smoothing, const xt::xtensor<T, 3>& signal,
                 const count_holdout<T>& holdout, const std::vector<double>& blurs, const execution& exec) {
    bool better = false;
    for (const double blur : blurs) {
        setting.blur = blur;
        const auto blurred = gaussian_filter(as_view(signal), blur, exec);
        better |= path.add({setting, first_smoothing, holdout.score(as_view(blurred), exec)}, blurred);
    }
    return better;
}

// The response to maps x that have not seen the image.
template <class Problem, scalar T>
haadf_calibration first_calibration(const Problem& problem, const xt::xtensor<T, 3>& x, double gamma,
                                    const execution& exec) {
    return calibrate_haadf(x, problem.haadf().image, {.gammas = {gamma}, .reweightings = 1, .misfit_smoothing = 1.5},
                           exec);
}

// In turns the maps, and response and offset from them. The misfit stays that of maps which had not seen the image:
// later ones follow it, whatever its response.
template <class Problem>
void refine(const Problem& problem, typename Problem::fit_type& fit, const count_setting& setting,
            haadf_calibration& calibration, int rounds, std::size_t iterations, const execution& exec) {
    const double misfit = calibration.misfit;
    for (int round = 0; round < rounds && calibration.sees_any(); ++round) {
        problem.solve(fit, setting, calibration, iterations, exec);
        calibration = first_calibration(problem, problem.maps_of(fit), setting.gamma, exec);
        calibration.misfit = misfit;
    }
}

// Calls f(k, execution) for k < n, and then(k) in the order of k. Small images, up to 512 x 512: several f at a time,
// as one would not keep the threads busy, and all `then` after them. Large images: each then(k) right after its f, so
// that results are not kept for all.
template <class F, class G>
void for_each_fit(const stack_shape& shape, std::size_t n, const execution& exec, F&& f, G&& then) {
    const bool small = shape[1] * shape[2] <= std::size_t{1} << 18;
    if (small) exec.for_each(n, [&](std::size_t k) { f(k, execution()); });
    for (std::size_t k = 0; k < n; ++k) {
        if (!small) f(k, exec);
        then(k);
    }
}

// Fits to one part of the counts, scored by the other.
template <scalar T>
class count_search {
public:
    using fit_type = typename part_fits<T>::fit_type;

    count_search(const part_fits<T>& problem, const count_holdout<T>& holdout, const count_grid& grid)
        : problem_(problem), holdout_(holdout), grid_(grid) {}

    // All paths, several at a time where the images are small.
    scored_path<T> run(const execution& exec) const {
        const std::size_t n = grid_.directed.size(), weights = grid_.haadf_weights.size();
        std::vector<counts_path> first(n);
        for_each_fit(
            problem_.shape(), n, exec,
            [&](std::size_t k, const execution& inner) { first[k] = counts_alone(grid_.directed[k], inner); },
            [](std::size_t) {});
        scored_path<T> all;
        if (weights > 0 && !grid_.gammas.empty()) {
            const std::size_t each = weights * grid_.gammas.size();
            std::vector<scored_path<T>> rest(n * each);
            for_each_fit(
                problem_.shape(), rest.size(), exec,
                [&](std::size_t k, const execution& inner) {
                    rest[k] = with_image(first[k / each], grid_.haadf_weights[k % weights],
                                         grid_.gammas[k % each / weights], inner);
                },
                [&](std::size_t k) { all.append(std::exchange(rest[k], {})); });
        }
        for (auto& path : first) all.append(std::move(path.path));
        return all;
    }

private:
    struct counts_path {
        scored_path<T> path;
        fit_type best;
        std::size_t place = 0;  // of its smoothing
        bool directed = false;
    };

    // From much smoothing to little, each fit from the one before: only the first begins far from its minimum.
    counts_path counts_alone(bool directed, const execution& exec) const {
        counts_path found;
        found.directed = directed;
        fit_type fit = problem_.start(exec);
        double highest = -INFINITY;
        int idle = 0;
        for (std::size_t k = 0; k < grid_.smoothings.size() && idle < patience; ++k) {
            const count_setting setting{.directed = directed, .smoothing = grid_.smoothings[k]};
            problem_.solve(fit, setting, k == 0 ? 8 : 3, exec);
            idle = add(found.path, setting, setting.smoothing, fit, exec) ? 0 : idle + 1;
            if (found.path.highest > highest) {
                highest = found.path.highest;
                found.best = fit;
                found.place = k;
            }
        }
        return found;
    }

    // From the smoothing that is best without the image on to both sides.
    scored_path<T> with_image(const counts_path& from, double weight, double gamma, const execution& exec) const {
        scored_path<T> path;
        fit_type middle = from.best;
        haadf_calibration calibration = first_calibration(problem_, problem_.maps_of(middle), gamma, exec);
        if (!calibration.sees_any()) return path;
        const double first = grid_.smoothings[from.place];
        count_setting setting{from.directed, weight, gamma, first};
        refine(problem_, middle, setting, calibration, 3, 2, exec);
        add(path, setting, first, middle, exec);
        const auto last = static_cast<std::ptrdiff_t>(grid_.smoothings.size());
        for (const std::ptrdiff_t step : {-1, 1}) {
            fit_type fit = middle;
            haadf_calibration own = calibration;
            int idle = 0;
            for (auto k = static_cast<std::ptrdiff_t>(from.place) + step; k >= 0 && k < last && idle < patience;
                 k += step) {
                setting.smoothing = grid_.smoothings[static_cast<std::size_t>(k)];
                refine(problem_, fit, setting, own, 2, 2, exec);
                idle = add(path, setting, first, fit, exec) ? 0 : idle + 1;
            }
        }
        return path;
    }

    bool add(scored_path<T>& path, const count_setting& setting, double first_smoothing, const fit_type& fit,
             const execution& exec) const {
        return add_blurred(path, setting, first_smoothing, problem_.signal(fit), holdout_, grid_.blurs, exec);
    }

    static constexpr int patience = 1;  // settings in a row that predict no element better

    const part_fits<T>& problem_;
    const count_holdout<T>& holdout_;
    const count_grid& grid_;
};

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
