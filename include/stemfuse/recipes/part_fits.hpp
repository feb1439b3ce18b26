// Fits to what of the counts is not held out: one to a part of every count, or one for each set of pixels held out.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/counts/choose.hpp>
#include <stemfuse/recipes/count_problem.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// As one problem of which every pixel is predicted by the fit that has not seen it. Refers to problems and hold-out.
template <scalar T>
class part_fits {
public:
    using fit_type = std::vector<typename count_problem<T>::fit_type>;

    part_fits(const std::vector<count_problem<T>>& parts, const count_holdout<T>& holdout)
        : parts_(parts), holdout_(holdout) {}

    stack_shape shape() const { return parts_.front().shape(); }
    const scaled_haadf<T>& haadf() const noexcept { return parts_.front().haadf(); }

    fit_type start(const execution& exec) const {
        fit_type fit;
        for (const auto& part : parts_) fit.push_back(part.start(exec));
        return fit;
    }

    // From expected counts without background, one stack for each part.
    fit_type start_at(const std::vector<xt::xtensor<T, 3>>& signals) const {
        fit_type fit;
        for (std::size_t f = 0; f < parts_.size(); ++f) fit.push_back(parts_[f].start_at(signals[f]));
        return fit;
    }

    void solve(fit_type& fit, const count_setting& setting, std::size_t iterations, const execution& exec) const {
        for (std::size_t f = 0; f < parts_.size(); ++f) parts_[f].solve(fit[f], setting, iterations, exec);
    }

    void solve(fit_type& fit, const count_setting& setting, const haadf_calibration& calibration,
               std::size_t iterations, const execution& exec) const {
        for (std::size_t f = 0; f < parts_.size(); ++f) parts_[f].solve(fit[f], setting, calibration, iterations, exec);
    }

    // Every pixel as the fit has it that has not seen the pixel.
    xt::xtensor<T, 3> maps_of(const fit_type& fit) const {
        std::vector<xt::xtensor<T, 3>> maps;
        for (const auto& own : fit) maps.push_back(own.maps);
        return holdout_.compose(std::move(maps));
    }

    xt::xtensor<T, 3> signal(const fit_type& fit) const { return parts_.front().signal(maps_of(fit)); }

private:
    const std::vector<count_problem<T>>& parts_;
    const count_holdout<T>& holdout_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
