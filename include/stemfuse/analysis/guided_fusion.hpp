// Fused maps from raw counts that are averaged first over places which look alike in the HAADF image.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/analysis/averaged_counts.hpp>
#include <stemfuse/analysis/count_fusion.hpp>
#include <stemfuse/analysis/disagreement.hpp>
#include <stemfuse/analysis/local_balance.hpp>

namespace stemfuse {

struct guided_fusion_options {
    count_fusion_options counts{};
    kernel_grid kernels{};
    std::vector<double> smoothings{0.12, 0.25, 0.5, 1, 2};  // of averages: what is left of noise is smooth already
    double haadf_weight = 0.05;                             // of averages, which have seen the image; 0: none
    std::vector<balance_pass> balance = default_balance;    // none: no balance
    disagreement_options disagreement{};
};

template <scalar T>
struct guided_fusion_result : count_fusion_result<T> {
    std::vector<kernel_choice> kernels;  // of each element; without a guide where its counts were not averaged
    // How far a map rests on averaging: the share of a pixel's counts that comes from more than 3 pixels away, 0 to 1,
    // shape (n, n_y, n_x).
    xt::xtensor<T, 3> share;
    // Where counts and map disagree beyond chance, before the balance and the removal of residues mend it.
    disagreement_maps<T> disagreement;
};

namespace detail {

// The fit of averaged counts in turns with the response of the image to it, from the averages on.
template <scalar T>
std::pair<xt::xtensor<T, 3>, haadf_calibration> fit_averages(const count_problem<T>& problem,
                                                             const xt::xtensor<T, 3>& signal, count_setting setting,
                                                             haadf_calibration calibration, const execution& exec) {
    constexpr int rounds = 3;
    constexpr std::size_t iterations = 3;
    auto fit = problem.start_at(signal);
    if (!(setting.haadf_weight > 0 && calibration.sees_any())) {
        problem.solve(fit, setting, rounds * iterations, exec);
        return {problem.signal(fit.maps), haadf_calibration{}};
    }
    for (int round = 0; round < rounds && calibration.sees_any(); ++round) {
        problem.solve(fit, setting, calibration, iterations, exec);
        if (round + 1 < rounds) calibration = first_calibration(problem, fit.maps, setting.gamma, exec);
    }
    return {problem.signal(fit.maps), std::move(calibration)};
}

// Fits under every smoothing to averages, beside those to the counts.
template <scalar T>
class guided_search {
public:
    guided_search(const count_parts<T>& parts, const guided_fusion_options& options, const execution& exec)
        : parts_(parts), options_(options), exec_(exec), kernels_(parts, options.kernels, exec) {}

    guided_fusion_result<T> run() {
        found_ = count_search<T>(parts_.part(), parts_.holdout(), options_.counts.grid).run(exec_);
        prefer_common(found_);
        kernels_.try_image();
        by_image_ = kernels_.whole();
        image_kernels_ = kernels_.chosen();
        fit_part(averaging::by_image);
        const bool better = kernels_.try_maps(balanced(part_maps(), parts_.part()));
        if (better) {
            by_maps_ = kernels_.whole(balanced(whole_maps(), parts_.whole()));
            fit_part(averaging::by_maps);
        }
        return result();
    }

private:
    // Fits the averages of the part.
    void fit_part(averaging kind) {
        const auto& averages = kernels_.part();
        const count_problem<T> problem(as_view(averages.counts), as_view(averages.background), parts_.part().scales(),
                                       parts_.image());
        const xt::xtensor<T, 3> signal = averages.signal();
        const auto calibration = calibrate_haadf(problem.start_at(signal).maps, parts_.image().image,
                                                 {.reweightings = 1, .misfit_smoothing = 1.5}, exec_);
        const std::size_t n = options_.smoothings.size();
        std::vector<xt::xtensor<T, 3>> fits(n);
        const auto setting = [&](std::size_t k) {
            const bool sees = options_.haadf_weight > 0 && calibration.sees_any();
            return count_setting{.directed = true,
                                 .haadf_weight = sees ? options_.haadf_weight : 0,
                                 .gamma = sees ? calibration.gamma : 1,
                                 .smoothing = options_.smoothings[k],
                                 .averaged = kind};
        };
        for_each_fit(parts_.part().shape(), n, exec_, [&](std::size_t k, const execution& inner) {
            fits[k] = fit_averages(problem, signal, setting(k), calibration, inner).first;
        });
        for (std::size_t k = 0; k < n; ++k) {
            found_.add({setting(k), 0, parts_.holdout().score(as_view(std::as_const(fits[k])), exec_)}, fits[k]);
        }
    }

    xt::xtensor<T, 3> part_maps() const {
        xt::xtensor<T, 3> maps(parts_.part().shape());
        for (std::size_t i = 0; i < found_.best.size(); ++i) xt::view(maps, i) = found_.best[i].map;
        return maps;
    }

    const typename whole_fits<T>::fit_type& whole_fit(std::size_t i) {
        const std::size_t number = found_.best[i].fit;
        return whole_.of(number, [&] {
            const scored_setting& chosen = found_.fits[number];
            if (chosen.setting.averaged == averaging::none) return refit(parts_.whole(), chosen, exec_);
            const auto& averages = averages_of(chosen.setting.averaged);
            const count_problem<T> problem(as_view(averages.counts), as_view(averages.background), parts_.scales(),
                                           parts_.image());
            const auto signal = averages.signal();
            const auto calibration =
                first_calibration(problem, problem.start_at(signal).maps, chosen.setting.gamma, exec_);
            return fit_averages(problem, signal, chosen.setting, calibration, exec_);
        });
    }

    xt::xtensor<T, 3> whole_maps() {
        xt::xtensor<T, 3> maps(parts_.whole().shape());
        for (std::size_t i = 0; i < found_.best.size(); ++i) xt::view(maps, i) = xt::view(whole_fit(i).first, i);
        return maps;
    }

    xt::xtensor<T, 3> balanced(xt::xtensor<T, 3> maps, const count_problem<T>& problem) const {
        balance_locally(maps, problem.counts(), problem.background(), options_.balance, exec_);
        return maps;
    }

    const averaged_counts<T>& averages_of(averaging kind) const {
        return kind == averaging::by_image ? by_image_ : by_maps_;
    }

    guided_fusion_result<T> result() {
        guided_fusion_result<T> r;
        r.haadf_noise = parts_.haadf_noise();
        r.scales = parts_.scales();
        r.tried = compare(found_.fits);
        r.maps = whole_maps();
        r.disagreement = find_disagreement(as_view(std::as_const(r.maps)), parts_.whole().counts(),
                                           parts_.whole().background(), options_.disagreement, exec_);
        r.maps = balanced(std::move(r.maps), parts_.whole());
        const xt::xtensor<T, 3> part = balanced(part_maps(), parts_.part());
        r.share = xt::zeros<T>(r.maps.shape());
        for (std::size_t i = 0; i < r.scales.size(); ++i) {
            const count_setting& setting = found_.fits[found_.best[i].fit].setting;
            const double residue =
                choose_residue(parts_.holdout(), xt::xtensor<T, 2>(xt::view(part, i)), i, options_.counts.residues);
            remove_residue(as_view(r.maps).image(i), residue);
            r.chosen.push_back({setting, residue, whole_fit(i).second});
            r.kernels.push_back(setting.averaged == averaging::none       ? kernel_choice{}
                                : setting.averaged == averaging::by_image ? image_kernels_[i]
                                                                          : kernels_.chosen()[i]);
            if (setting.averaged != averaging::none)
                xt::view(r.share, i) = xt::view(averages_of(setting.averaged).share, i);
        }
        return r;
    }

    const count_parts<T>& parts_;
    const guided_fusion_options& options_;
    const execution& exec_;
    kernel_search<T> kernels_;
    scored_path<T> found_;
    whole_fits<T> whole_;
    averaged_counts<T> by_image_, by_maps_;  // of all counts
    std::vector<kernel_choice> image_kernels_;
};

}  // namespace detail

// Fuses as fuse_counts() does, and also from counts that are averaged first over places which look alike: in the image,
// then in the image and the maps of that first fit. Kernels, smoothing, and whether to average at all are chosen, for
// each element, by how well fits to a random part of the counts predict the other. Averaging copies what the image
// cannot see from one place to another that looks alike, so the maps are balanced locally with the counts, and the
// result says where they rest on averaging and where they disagreed with the counts beyond chance. An image that has
// drifted guides badly: see measure_drift() and shifted().
// Shapes, errors and promises are those of fuse_counts(); value_error also for options of the kernels, the balance and
// the disagreement that are out of range, and for no smoothing.
template <stack M, stack B, image H>
auto fuse_counts_guided(const M& counts, const B& background, const H& haadf, const guided_fusion_options& options = {},
                        const execution& exec = {}) {
    using T = scalar_type_t<M>;
    const readable<T, 3> m(counts, "counts"), b(background, "background");
    const readable<T, 2> h(haadf, "haadf");
    detail::check_count_fusion(m.view(), b.view(), h.view(), options.counts);
    if (options.smoothings.empty()) throw value_error("smoothings", "are none, takes one or more");
    for (const double s : options.smoothings) require_in_range(s, 1e-6, 1e6, "smoothings");
    for (const double s : options.kernels.softnesses) require_in_range(s, 1e-3, 1e6, "softnesses");
    require_in_range(options.haadf_weight, 0, 1e6, "haadf_weight");
    const count_parts<T> parts(m.view(), b.view(), h.view(), options.counts.haadf_noise, options.counts.holdout, exec);
    return detail::guided_search<T>(parts, options, exec).run();
}

}  // namespace stemfuse
