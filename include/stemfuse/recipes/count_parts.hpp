// A measurement of counts in two parts, one to fit and one to judge the fit by, and as a whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include <stemfuse/counts/choose.hpp>
#include <stemfuse/data/image_noise.hpp>
#include <stemfuse/recipes/count_problem.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

template <scalar T>
xt::xtensor<T, 3> scaled_stack(const stack_view<const T>& a, double factor) {
    xt::xtensor<T, 3> scaled(a.shape);
    for (std::size_t i = 0; i < a.shape[0]; ++i) {
        for (std::size_t y = 0; y < a.shape[1]; ++y) {
            std::transform(a.row(i, y), a.row(i, y) + a.shape[2], &scaled(i, y, 0),
                           [f = static_cast<T>(factor)](T v) { return f * v; });
        }
    }
    return scaled;
}

}  // namespace detail

/// A measurement of counts as a whole, and what of it is fitted while the rest judges. Refers to the counts (n, n_y,
/// n_x) and their exposure, as views; the background (n, n_y, n_x), floored, and the image (n_y, n_x), scaled, are its
/// own. Throws what count_holdout does.
template <scalar T>
class count_parts {
public:
    /// haadf_noise: standard deviation of a pixel, in the image's units; estimated where not given. exposure: as
    /// count_holdout takes it.
    count_parts(const stack_view<const T>& counts, const stack_view<const T>& background,
                const image_view<const T>& haadf, std::optional<double> haadf_noise, const holdout_options& options,
                const execution& exec, const stack_view<const T>& exposure = {})
        : haadf_noise_(haadf_noise ? *haadf_noise : image_noise(haadf, "haadf", exec)),
          image_(haadf, haadf_noise_),
          scales_(count_scales(counts, background, exec, exposure)),
          background_(floored_background(background, scales_)),
          holdout_(counts, as_view(std::as_const(background_)), options, exec, exposure),
          part_background_(detail::scaled_stack(as_view(std::as_const(background_)), holdout_.fraction())),
          whole_(counts, as_view(std::as_const(background_)), scales_, image_, exposure) {
        const auto scales = times(scales_, holdout_.fraction());
        for (std::size_t f = 0; f < holdout_.folds(); ++f) {
            parts_.emplace_back(as_view(holdout_.fit_counts(f)), as_view(std::as_const(part_background_)), scales,
                                image_, holdout_.fit_exposure(f));
        }
    }

    count_parts(const count_parts&) = delete;
    count_parts& operator=(const count_parts&) = delete;

    /// The standard deviation of a pixel of the image, in its units.
    double haadf_noise() const noexcept { return haadf_noise_; }
    /// The count_scales() of the whole.
    const std::vector<double>& scales() const noexcept { return scales_; }
    /// The image on [0, 1].
    const scaled_haadf<T>& image() const noexcept { return image_; }
    /// What is held out, by which fits to the parts are judged.
    const count_holdout<T>& holdout() const noexcept { return holdout_; }
    /// All counts.
    const count_problem<T>& whole() const noexcept { return whole_; }
    /// What is not held out, for each fold of the hold-out.
    const std::vector<count_problem<T>>& parts() const noexcept { return parts_; }

private:
    static std::vector<double> times(std::vector<double> values, double factor) {
        for (double& v : values) v *= factor;
        return values;
    }

    double haadf_noise_;
    scaled_haadf<T> image_;
    std::vector<double> scales_;
    xt::xtensor<T, 3> background_;
    count_holdout<T> holdout_;
    xt::xtensor<T, 3> part_background_;
    count_problem<T> whole_;
    std::vector<count_problem<T>> parts_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
