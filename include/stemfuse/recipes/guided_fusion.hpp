// Fused maps from raw counts, with averages over places which look alike in the HAADF image.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/counts/disagreement.hpp>
#include <stemfuse/counts/fit_mixture.hpp>
#include <stemfuse/counts/local_balance.hpp>
#include <stemfuse/data/bad_pixels.hpp>
#include <stemfuse/recipes/averaged_counts.hpp>
#include <stemfuse/recipes/component_fits.hpp>
#include <stemfuse/recipes/count_fusion.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of a fusion of counts with averages.
struct guided_fusion_options {
    bad_pixel_options bad_pixels{};        ///< left out of all
    xt::xtensor<unsigned char, 3> mask{};  ///< of the counts' shape, not 0 where a pixel is bad; or empty
    /// More is held out than for counts alone: kernels, settings and weights are all chosen by it. The prior is
    /// directed by the image alone, as fits to counts are but one part of the mixtures.
    count_fusion_options counts{.grid = {.directed = {true}}, .holdout = {.fraction = 0.7}};
    kernel_grid kernels{};                                ///< tried for the averages
    component_grid components{};                          ///< no patches: none are tried
    std::vector<double> smoothings{0.03, 0.12, 0.5, 1};   ///< of averages: their remaining noise is already smooth
    double haadf_weight = 0.05;                           ///< of averages, which have seen the image; 0: none
    std::vector<balance_pass> balance = default_balance;  ///< none: no balance
    disagreement_options disagreement{};                  ///< when counts and maps are said to disagree
};

/// A fit that has part in a map.
struct mixture_part {
    double weight;          ///< above 0; those of a map sum to 1
    count_setting setting;  ///< of the fit
    kernel_choice kernel;   ///< of the averages, or the patches of the components; without a guide where it is a fit to
                            ///< the counts
};

/// What a fusion of counts with averages returns.
template <scalar T>
struct guided_fusion_result : count_fusion_result<T> {  // chosen: the heaviest part of every map
    std::vector<std::vector<mixture_part>> mixtures;    ///< of each element, the heaviest first
    /// How far a map rests on averaging: the fraction of a pixel's counts that comes from more than 3 pixels away, 0 to
    /// 1, shape (n, n_y, n_x).
    xt::xtensor<T, 3> nonlocal_fraction;
    /// Where counts and map disagree beyond chance: over wide windows before the balance mends it, over those of the
    /// size of features in the map as it is.
    disagreement_maps<T> disagreement;
    stemfuse::bad_pixels left_out;  ///< what no fit has seen: what maps have there comes from their surroundings

    /// The counts with what maps and background expect in place of what was left out, for totals: hot pixels would add
    /// to them.
    xt::xtensor<T, 3> mended(const stack_view<const T>& counts, const stack_view<const T>& background) const {
        xt::xtensor<T, 3> all = stemfuse::detail::packed_copy<T, 3>(counts, "counts");
        for (std::size_t k = 0; k < left_out.bad.size(); ++k) {
            const std::size_t nx = counts.shape[2], ny = counts.shape[1];
            if (left_out.bad.data()[k] != 0)
                all.data()[k] = this->maps.data()[k] + background.row(k / nx / ny, k / nx % ny)[k % nx];
        }
        return all;
    }
};

namespace detail {

// Fits to the counts, to averages guided by the image, and to averages guided by the maps of those two: every map is
// their mixture.
template <scalar T>
class guided_search {
public:
    guided_search(const count_parts<T>& parts, const guided_fusion_options& options, const execution& exec)
        : parts_(parts), options_(options), exec_(exec), kernels_(parts, options.kernels, exec) {}

    guided_fusion_result<T> run() {
        auto& counts = fits_.emplace_back();
        const part_fits<T> to_counts(parts_.parts(), parts_.holdout());
        counts.path = count_search<T>(to_counts, parts_.holdout(), options_.counts.grid).run(exec_);
        prefer_common(counts.path);
        counts.kernels.resize(parts_.scales().size());
        counts.blurs = blurs().size();
        if (kernels_.try_image()) {
            fit_part(averaging::by_image);
            fits_.back().averages = kernels_.whole();
        }
        weigh();
        const auto plain = weights_;
        const bool components = try_components();
        if (components) weigh();
        // Maps of one fold would show another what it holds out.
        if (parts_.parts().size() == 1 && average_by_maps(components, plain)) weigh();
        return result();
    }

private:
    // Fits to the counts or to one kind of averages.
    struct fits_of_kind {
        scored_path<T> path;                 // to the part
        std::vector<kernel_choice> kernels;  // of each element
        averaged_counts<T> averages;         // of all counts
        whole_fits<T> whole;                 // to those
        std::size_t blurs = 1;               // for which one of those serves

        const scored_setting& best(std::size_t i) const { return path.fits[path.best[i].fit]; }
    };

    // Fits the averages of the part.
    void fit_part(averaging kind) {
        std::vector<count_problem<T>> folds;
        std::vector<xt::xtensor<T, 3>> signals;
        for (const auto& own : kernels_.parts()) {
            folds.emplace_back(as_view(own.counts), as_view(own.background), parts_.parts().front().scales(),
                               parts_.image());
            signals.push_back(own.signal());
        }
        const part_fits<T> problem(folds, parts_.holdout());
        const auto start = problem.start_at(signals);
        const auto calibration = calibrate_haadf(problem.maps_of(start), parts_.image().image,
                                                 {.reweightings = 1, .misfit_smoothing = 1.5}, exec_);
        const bool sees = options_.haadf_weight > 0 && calibration.sees_any();
        const auto setting = [&](std::size_t k) {
            return count_setting{.directed = true,
                                 .haadf_weight = sees ? options_.haadf_weight : 0,
                                 .gamma = sees ? calibration.gamma : 1,
                                 .smoothing = options_.smoothings[k],
                                 .averaged = kind};
        };
        const std::size_t n = options_.smoothings.size();
        std::vector<xt::xtensor<T, 3>> fits(n);
        auto& found = fits_.emplace_back();
        found.kernels = kernels_.chosen();
        found.blurs = blurs().size();
        for_each_fit(
            parts_.whole().shape(), n, exec_,
            [&](std::size_t k, const execution& inner) {
                fits[k] = fit_averages(problem, start, setting(k), calibration, inner).first;
            },
            [&](std::size_t k) {
                const auto fit = std::exchange(fits[k], {});
                add_blurred(found.path, setting(k), 0, fit, parts_.holdout(), blurs(), exec_);
            });
    }

    // By first maps with and without components, which have the weights `plain`. Whether any average is better so.
    bool average_by_maps(bool components, std::vector<std::vector<double>> plain) {
        const auto with_weights = [&](bool is_plain, auto&& maps) {
            for (auto& w : plain) w.resize(fits_.size(), 0.0);
            if (is_plain) std::swap(plain, weights_);
            auto made = maps();
            if (is_plain) std::swap(plain, weights_);
            return made;
        };
        bool better = false;
        for (const bool is_plain : {true, false}) {
            if (is_plain && components && !options_.kernels.plain_guides) continue;
            if (!is_plain && !components) continue;
            better |= kernels_.try_maps(
                with_weights(is_plain, [&] { return balanced(part_maps(), parts_.parts().front()); }), is_plain);
        }
        if (!better) return false;
        auto averages = kernels_.whole([&](bool is_plain) {
            return with_weights(is_plain, [&] { return balanced(whole_maps(), parts_.whole()); });
        });
        fit_part(averaging::by_maps);
        fits_.back().averages = std::move(averages);
        return true;
    }

    // Maps of the components of patches, by rank. Where whole pixels are held out there would be holes in all patches.
    bool try_components() {
        const component_grid& grid = options_.components;
        const auto shape = parts_.whole().shape();
        if (parts_.parts().size() > 1 || shape[1] * shape[2] > grid.most_pixels || grid.ranks.empty()) return false;
        if (grid.patches.empty()) return false;
        auto& found = fits_.emplace_back();
        found.kernels.resize(shape[0], {averaging::by_components, 0, 0});
        for (std::size_t k = 0; k < grid.patches.size(); ++k) {
            const component_fit<T> fit(parts_.parts().front(), grid.patches[k], grid.ranks.back(), exec_);
            for (const std::size_t rank : grid.ranks) {
                xt::xtensor<T, 3> maps(shape);
                for (std::size_t i = 0; i < shape[0]; ++i) xt::view(maps, i) = fit.map(i, rank, exec_);
                count_setting setting{.smoothing = 1, .averaged = averaging::by_components, .components = rank};
                found.path.add({setting, 0, parts_.holdout().score(as_view(std::as_const(maps)), exec_)}, maps);
            }
            for (std::size_t i = 0; i < shape[0]; ++i) {
                if (found.path.best[i].fit >= k * grid.ranks.size()) found.kernels[i].patches = k;
            }
        }
        return true;
    }

    // Weights of the kinds for every element, by the counts held out; below 0.02 a fit is not worth its time.
    void weigh() {
        weights_.clear();
        for (std::size_t i = 0; i < parts_.scales().size(); ++i) {
            std::vector<xt::xtensor<T, 2>> rates;
            for (const auto& kind : fits_) rates.push_back(parts_.holdout().rate(kind.path.best[i].map, i));
            auto w = likeliest_mixture(as_view(parts_.holdout().held_out()).image(i), rates);
            double sum = 0;
            for (double& v : w) sum += v = v < 0.02 ? 0 : v;
            for (double& v : w) v /= sum;
            weights_.push_back(std::move(w));
        }
    }

    // The mixture of map(kind, i) for every element i.
    template <class F>
    xt::xtensor<T, 3> mixed(F&& map) const {
        xt::xtensor<T, 3> maps = xt::zeros<T>(parts_.whole().shape());
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            for (std::size_t k = 0; k < fits_.size(); ++k) {
                if (weights_[i][k] > 0) xt::view(maps, i) += static_cast<T>(weights_[i][k]) * map(k, i);
            }
        }
        return maps;
    }

    xt::xtensor<T, 3> part_maps() const {
        return mixed([&](std::size_t k, std::size_t i) -> const auto& { return fits_[k].path.best[i].map; });
    }

    xt::xtensor<T, 3> whole_maps() {
        return mixed([&](std::size_t k, std::size_t i) {
            const auto& maps = whole_fit(fits_[k], i).first;
            return gaussian_filter(as_view(maps).image(i), fits_[k].best(i).setting.blur, exec_);
        });
    }

    // Before its blur.
    const typename whole_fits<T>::fit_type& whole_fit(fits_of_kind& kind, std::size_t i) {
        return kind.whole.of(kind.path.best[i].fit / kind.blurs, [&] {
            const scored_setting& chosen = kind.best(i);
            if (chosen.setting.averaged == averaging::by_components) return whole_components(kind, i);
            if (chosen.setting.averaged == averaging::none) return refit(parts_.whole(), chosen, exec_);
            const count_problem<T> problem(as_view(kind.averages.counts), as_view(kind.averages.background),
                                           parts_.scales(), parts_.image());
            auto start = problem.start_at(kind.averages.signal());
            const auto calibration = first_calibration(problem, start.maps, chosen.setting.gamma, exec_);
            return fit_averages(problem, std::move(start), chosen.setting, calibration, exec_);
        });
    }

    typename whole_fits<T>::fit_type whole_components(const fits_of_kind& kind, std::size_t i) const {
        const std::size_t rank = kind.best(i).setting.components;
        const component_fit<T> fit(parts_.whole(), options_.components.patches[kind.kernels[i].patches], rank, exec_);
        xt::xtensor<T, 3> maps(parts_.whole().shape());
        for (std::size_t e = 0; e < maps.shape(0); ++e) xt::view(maps, e) = fit.map(e, rank, exec_);
        return {std::move(maps), haadf_calibration{}};
    }

    xt::xtensor<T, 3> balanced(xt::xtensor<T, 3> maps, const count_problem<T>& problem) const {
        balance_locally(maps, problem.counts(), problem.background(), options_.balance, exec_, problem.exposure());
        return maps;
    }

    const std::vector<double>& blurs() const { return options_.counts.grid.blurs; }

    guided_fusion_result<T> result() {
        guided_fusion_result<T> r;
        r.haadf_noise = parts_.haadf_noise();
        r.scales = parts_.scales();
        r.holdout = parts_.holdout().choice();
        r.maps = whole_maps();
        r.disagreement =
            find_disagreement(as_view(std::as_const(r.maps)), parts_.whole().counts(), parts_.whole().background(),
                              options_.disagreement, exec_, parts_.whole().exposure());
        r.maps = balanced(std::move(r.maps), parts_.whole());
        // The counts of whole pixels that are held out take no part in a balance of what predicts them.
        const xt::xtensor<T, 3> part =
            parts_.parts().size() == 1 ? balanced(part_maps(), parts_.parts().front()) : part_maps();
        r.nonlocal_fraction = xt::zeros<T>(r.maps.shape());
        for (std::size_t i = 0; i < r.scales.size(); ++i) {
            const double residue =
                choose_residue(parts_.holdout(), xt::xtensor<T, 2>(xt::view(part, i)), i, options_.counts.residues);
            remove_residue(as_view(r.maps).image(i), residue);
            describe(i, residue, r);
        }
        add_fine_disagreement(r.disagreement, as_view(std::as_const(r.maps)), parts_.whole().counts(),
                              parts_.whole().background(), options_.disagreement, exec_, parts_.whole().exposure());
        std::vector<scored_setting> tried;
        for (auto& kind : fits_) std::move(kind.path.fits.begin(), kind.path.fits.end(), std::back_inserter(tried));
        r.tried = compare(tried);
        return r;
    }

    void describe(std::size_t i, double residue, guided_fusion_result<T>& r) {
        auto& parts = r.mixtures.emplace_back();
        std::size_t heaviest = 0;
        for (std::size_t k = 0; k < fits_.size(); ++k) {
            if (!(weights_[i][k] > 0)) continue;
            const count_setting& setting = fits_[k].best(i).setting;
            parts.push_back({weights_[i][k], setting, fits_[k].kernels[i]});
            if (weights_[i][k] > weights_[i][heaviest]) heaviest = k;
            if (setting.averaged == averaging::by_image || setting.averaged == averaging::by_maps)
                xt::view(r.nonlocal_fraction, i) +=
                    static_cast<T>(weights_[i][k]) * xt::view(fits_[k].averages.nonlocal_fraction, i);
        }
        std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
        r.chosen.push_back({fits_[heaviest].best(i).setting, residue, whole_fit(fits_[heaviest], i).second});
    }

    const count_parts<T>& parts_;
    const guided_fusion_options& options_;
    const execution& exec_;
    kernel_search<T> kernels_;
    std::vector<fits_of_kind> fits_;
    std::vector<std::vector<double>> weights_;  // [element][kind]
};

// fuse_counts_guided() of views.
template <scalar T>
guided_fusion_result<T> fuse_guided_views(const stack_view<const T>& counts, const stack_view<const T>& background,
                                          const image_view<const T>& haadf, const guided_fusion_options& options,
                                          const execution& exec) {
    check_count_fusion(counts, background, haadf, options.counts);
    require_some(options.smoothings, "smoothings");
    for (const double s : options.smoothings) require_in_range(s, 1e-6, 1e6, "smoothings");
    for (const double s : options.kernels.softnesses) require_in_range(s, 1e-3, 1e6, "softnesses");
    require_in_range(options.haadf_weight, 0, 1e6, "haadf_weight");
    require_in_range(options.kernels.map_noise, 1e-6, 1e3, "map_noise");
    auto bad = find_bad_pixels(counts, options.mask, options.bad_pixels);
    const auto fuse = [&](const stack_view<const T>& seen, const stack_view<const T>& exposure) {
        const count_parts<T> parts(seen, background, haadf, options.counts.haadf_noise, options.counts.holdout, exec,
                                   exposure);
        return guided_search<T>(parts, options, exec).run();
    };
    if (bad.bad.size() == 0) return fuse(counts, {});
    const auto [seen, exposure] = leave_out(counts, bad);
    auto fused = fuse(as_view(seen), as_view(exposure));
    fused.left_out = std::move(bad);
    return fused;
}

}  // namespace detail

/// Fuses as fuse_counts() does, and also from counts that are averaged first over places which look alike: in the
/// image, then in the image and the maps that these give. Kernels and settings are chosen, and fits to counts,
/// averages, second averages and principal components of joint patches mixed, for each element as fits to a random part
/// of the counts predict the other best (count_holdout, whose whole pixels leave second averages and components out).
/// Bad pixels are left out of all. Images of more pixels than component_grid::most_pixels have no components. Averaging
/// copies what the image cannot see from one place to another that looks alike, so the maps are balanced locally with
/// the counts, and the result says where they rest on averaging and where they disagreed with the counts beyond chance.
/// An image that has drifted guides badly: see measure_drift() and shifted(). Shapes, errors and promises are those of
/// fuse_counts(); value_error also for options of the kernels, the balance and the disagreement that are out of range,
/// and for no smoothing.
template <stack M, stack B, image H>
auto fuse_counts_guided(const M& counts, const B& background, const H& haadf, const guided_fusion_options& options = {},
                        const execution& exec = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 3> m(counts, "counts"), b(background, "background");
    const readable<T, 2> h(haadf, "haadf");
    return detail::fuse_guided_views<T>(m.view(), b.view(), h.view(), options, exec);
}

#ifdef STEMFUSE_COMPILED
namespace detail {
extern template decltype(fuse_guided_views<float>) fuse_guided_views<float>;
extern template decltype(fuse_guided_views<double>) fuse_guided_views<double>;
}  // namespace detail
#endif

}  // namespace stemfuse::inline STEMFUSE_ABI
