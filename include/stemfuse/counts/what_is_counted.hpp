// Whether a map holds counts, counts times a factor, or no counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/counts/counts_per_unit.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// What the numbers of a map are.
enum class counted_as {
    counts,         ///< whole numbers
    scaled_counts,  ///< whole multiples of another number than 1, with the noise of counts
    no_counts       ///< anything else, a mask of 0 and 1 among it
};

/// What a map is, and by how many pixels below 0 it is that only without these.
struct counted {
    counted_as kind = counted_as::no_counts;  ///< what the numbers are, pixels below 0 left aside
    double unit = 1;                          ///< the value of one count
    double zero_level = 0;                    ///< the value of no count
    std::size_t negative = 0;                 ///< pixels below 0
    std::size_t broken = 0;  ///< pixels that are no whole multiple of the unit, NaN and infinity among them
    double dispersion = 0;   ///< variance of the noise over that of counts of this unit, as far as it is known

    /// Whether it can be fused as counts once `negative` pixels are left out and it is divided by the unit.
    bool countable() const { return kind != counted_as::no_counts; }
};

/// Looks at a map (n_y, n_x). Whole numbers are counts where one of them is above 1 or their noise is that of counts,
/// as it is not of a mask; up to `most_broken` of the pixels may be negative. Multiples of another number are scaled
/// counts where their noise bears it out (counts_per_unit()). Throws shape_error for an image below 8 x 8, value_error
/// for a `most_broken` outside of [0, 1].
template <image A>
counted inspect_counts(const A& map, double most_broken = 0.01) {
    const readable<double, 2> in(map, "map");
    const auto& view = in.view();
    if (view.shape[0] < 8 || view.shape[1] < 8)
        throw shape_error("map", "has shape " + to_string(view.shape) + ", must have 8 x 8 pixels or more");
    require_in_range(most_broken, 0, 1, "most_broken");
    counted found;
    xt::xtensor<double, 2> cleaned(view.shape);
    double highest = 0;
    bool whole = true;
    for (std::size_t y = 0; y < view.shape[0]; ++y) {
        for (std::size_t x = 0; x < view.shape[1]; ++x) {
            const double v = view.row(y)[x];
            cleaned(y, x) = 0;
            if (!std::isfinite(v)) {
                ++found.broken;
            } else if (v < 0) {
                ++found.negative;
                whole = whole && v == std::floor(v);
            } else {
                cleaned(y, x) = v;
                highest = std::max(highest, v);
                whole = whole && v == std::floor(v);
            }
        }
    }
    const double bad = static_cast<double>(found.negative + found.broken);
    if (bad > most_broken * static_cast<double>(view.size())) return found;
    const auto scale = detail::find_count_scale(as_view(std::as_const(cleaned)), {});
    found.dispersion = scale.dispersion;
    if (whole && (highest > 1 || scale.certainty == count_certainty::exact)) {
        found.kind = counted_as::counts;
    } else if (!whole && scale.certainty == count_certainty::exact) {
        found.kind = counted_as::scaled_counts;
        found.unit = 1 / scale.counts_per_unit;
        found.zero_level = scale.zero_level;
    }
    return found;
}

/// In one sentence, of a map of this name; empty for plain counts.
inline std::string describe(const counted& found, const std::string& name) {
    std::string text;
    if (found.kind == counted_as::no_counts) {
        text = name + " holds no counts";
    } else if (found.kind == counted_as::scaled_counts) {
        text = name + " holds counts times " + to_string(found.unit);
        if (found.zero_level != 0) text += " from " + to_string(found.zero_level) + " on";
    }
    if (found.countable() && found.negative > 0) {
        text += (text.empty() ? name + " holds counts" : "") + " but for " + std::to_string(found.negative) +
                (found.negative == 1 ? " pixel" : " pixels") + " below 0";
    }
    return text.empty() ? text : text + ".";
}

}  // namespace stemfuse::inline STEMFUSE_ABI
