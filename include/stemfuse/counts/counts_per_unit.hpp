// How many counts one unit of a map stands for, where the map is counts times an unknown factor.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/counts/count_step.hpp>
#include <stemfuse/counts/noise_line.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How surely the scale of counts is known.
enum class count_certainty {
    none,       ///< the noise is not that of scaled counts, or there is too little of it: no number is given
    estimated,  ///< from the relation of noise and mean
    exact       ///< all values are whole multiples of one step, and the noise is that of counts of this step
};

/// counts = counts_per_unit * (value - zero_level).
struct count_scale {
    count_certainty certainty = count_certainty::none;  ///< none: counts_per_unit and zero_level say nothing
    double counts_per_unit = 0;                         ///< counts that the value 1 above zero_level stands for
    double standard_error = std::numeric_limits<double>::infinity();  ///< of counts_per_unit; 0 where exact
    double zero_level = 0;                                            ///< the value of no counts
    /// Variance of the noise over that of the counts found, 1 for Poisson counts. Where exact, it tells how well the
    /// noise bears out the step; where estimated, it is 1 by construction.
    double dispersion = 0;
    /// Variance of the noise between neighbours over that between every other pixel: 1 for independent pixels, less for
    /// maps that were smoothed or interpolated, and for structure of the size of pixels.
    double whiteness = 0;
};

/// The options of counts_per_unit().
struct counts_per_unit_options {
    std::optional<double> zero_level{};  ///< the value of no counts, if known: the fit is surer then
    double least_whiteness = 0.7;        ///< below this, the noise is taken as smoothed
    double largest_error = 0.25;         ///< relative standard error above which there is no estimate
    double largest_dispersion = 4;       ///< of a step that is one count, and the inverse of the least
};

namespace detail {

// The value of no counts in a map whose values are whole steps apart: 0 if that is one of them and none lies below,
// else the lowest value.
inline double zero_of_steps(double lowest, double step) {
    const double steps = std::round(lowest / step);
    return lowest >= 0 && std::abs(lowest - steps * step) <= 1e-3 * step ? 0 : lowest;
}

template <class T>
count_scale find_count_scale(const image_view<const T>& map, const counts_per_unit_options& options) {
    count_scale found;
    if (const auto steps = find_count_step(map)) {
        const double zero = options.zero_level.value_or(zero_of_steps(steps->lowest, steps->step));
        const auto samples = sample_noise(map, false);
        found.dispersion = fit_noise_line(bin_noise(samples), zero).slope / steps->step;
        found.whiteness = noise_whiteness(samples);
        if (found.dispersion <= options.largest_dispersion && found.dispersion >= 1 / options.largest_dispersion) {
            found.certainty = count_certainty::exact;
            found.counts_per_unit = 1 / steps->step;
            found.standard_error = 0;
            found.zero_level = zero;
            return found;
        }
    }
    const auto textured = sample_noise(map, true);
    if (textured.size() < 100) return found;  // 25 for each of four bins
    const auto line = fit_noise_line(bin_noise(textured), options.zero_level);
    found.whiteness = noise_whiteness(textured);
    // Without contrast the bins differ by noise alone, and the slope is off by up to half of itself.
    const double bias = options.zero_level ? 0 : 0.5 / std::max(1.0, noise_contrast(textured));
    const double error = std::hypot(line.standard_error / line.slope, bias);
    if (!(line.slope > 0 && error <= options.largest_error && found.whiteness >= options.least_whiteness)) return found;
    found.certainty = count_certainty::estimated;
    found.counts_per_unit = 1 / line.slope;
    found.standard_error = error / line.slope;
    found.zero_level = options.zero_level.value_or(-line.intercept / line.slope);
    found.dispersion = 1;
    return found;
}

}  // namespace detail

/// The scale of the counts behind a map (n_y, n_x) of the form (counts + background) * unit + offset with one unknown
/// unit, from the map alone.
///
/// Exact where all values are whole multiples of one step, to the rounding of the map's float or double numbers, and
/// the noise bears it out: its variance is within the factor `largest_dispersion` of that of Poisson counts of this
/// step. The check refuses digitised images, which have steps too. A map that was shifted by its smallest count, above
/// 0, has a zero_level that is off by that.
///
/// Else estimated: var = unit * (mean - zero_level), a line through the variance of the mixed second difference in up
/// to 32 bins of the local mean, by Huber's regression (the relation as in Foi et al. 2008,
/// doi 10.1109/TIP.2008.2001399). The standard error holds the spread of the bins and the attenuation for want of
/// contrast.
///
/// Out of reach: maps that were smoothed or interpolated (whiteness below 1), normalised by one another, or cut at 0 in
/// most pixels; a result of none says so. Structure narrower than about 3 pixels all over the map counts as noise, so
/// that too few counts are found, or none because the whiteness is too low. Throws shape_error for a map below 16 x 16,
/// value_error for NaN or infinity and for options out of range.
template <image A>
count_scale counts_per_unit(const A& map, const counts_per_unit_options& options = {}, std::string_view name = "map") {
    if (options.zero_level && !std::isfinite(*options.zero_level)) {
        throw value_error("zero_level", is_but_must_be(*options.zero_level, "a finite number"));
    }
    require_in_range(options.least_whiteness, 0, 1, "least_whiteness");
    require_in_range(options.largest_error, 0, 1, "largest_error");
    require_in_range(options.largest_dispersion, 1, INFINITY, "largest_dispersion");
    const readable<scalar_type_t<A>, 2> in(map, name);
    const auto& view = in.view();
    if (view.shape[0] < 16 || view.shape[1] < 16) {
        throw shape_error(name, "has shape " + to_string(view.shape) + ", must have 16 x 16 pixels or more");
    }
    require_finite(view, name);
    return detail::find_count_scale(view, options);
}

/// counts_per_unit of every map of a stack (n, n_y, n_x), each by itself. Throws as it does, for an empty stack too;
/// messages say which element.
template <stack A>
std::vector<count_scale> counts_per_unit_each(const A& maps, const counts_per_unit_options& options = {}) {
    const readable<scalar_type_t<A>, 3> in(maps, "maps");
    require_not_empty(in.view(), "maps");
    std::vector<count_scale> found;
    for (std::size_t i = 0; i < in.view().shape[0]; ++i) {
        found.push_back(counts_per_unit(in.view().image(i), options, "maps, element " + std::to_string(i)));
    }
    return found;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
