// What one column of a figure shows: the HAADF image or one element, before and after the fusion at the same limits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure_parts.hpp>
#include <stemfuse/report/figure/map_image.hpp>
#include <stemfuse/report/figure/profile_plot.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Raw and fused maps are shown with the same limits. They are those of the raw map; the wider ones of both maps, so
/// that a fused map brighter than the raw one is not cut off; or, for elements, those of the fused map, because in
/// sparse raw maps single counts would set them (the raw map's where the fused one is the same number everywhere).
enum class limits_source { raw, both, fused };

/// The options of fusion_figure().
struct figure_options {
    double low_percentile = 0.5;                ///< of the values, shown as the first colour
    double high_percentile = 99.5;              ///< shown as the last colour: single bright pixels do not set it
    limits_source limits = limits_source::raw;  ///< of raw and fused maps
    map_colours colours = map_colours::hue;     ///< of element maps
    std::vector<rgb> hues{};                    ///< one an element; the default ones where there are fewer
    std::string haadf_unit = "arb. units";      ///< shown at the bar of the HAADF image
    bool overlay = true;                        ///< the first four elements in one picture; with two elements or more
    bool profile = true;                        ///< along x through the middle; with two columns or more
    std::size_t profile_rows = 0;               ///< rows that a profile averages; 0: one in 32
    double width_mm = 180;                      ///< at most
    double dots_per_inch = 300;  ///< at least, less than twice it: small maps are scaled up by an integer

    /// The colour of the element of this number.
    rgb hue(std::size_t element) const { return element < hues.size() ? hues[element] : default_hue(element); }
};

namespace detail {

// The HAADF image or one element, measured and fused, as large as its panels.
struct figure_column {
    std::string name, before, after, unit;
    rgb hue;
    colormap colours;
    display_limits limits;
    xt::xtensor<double, 2> raw, fused;
};

template <scalar T>
void require_drawable(const fusion_record<T>& record) {
    const auto image = stemfuse::detail::shape_of<2>(record.haadf, "haadf");
    const stack_shape stack{record.elements.size(), image[0], image[1]};
    if (stack[0] * image[0] * image[1] == 0)
        throw shape_error("record", "is empty, maps of shape " + to_string(stack) + ", must have one pixel or more");
    require_shape(stemfuse::detail::shape_of<2>(record.fused_haadf, "fused_haadf"), image, "fused_haadf", "haadf");
    require_shape(stemfuse::detail::shape_of<3>(record.maps, "maps"), stack, "maps", "elements and haadf say");
    require_shape(stemfuse::detail::shape_of<3>(record.fused_maps, "fused_maps"), stack, "fused_maps",
                  "elements and haadf say");
}

template <scalar T>
bool has_contrast(const image_view<const T>& map) {
    bool differs = false;
    stemfuse::detail::for_each_element(map, [&](std::size_t, T v) { differs = differs || v != map.row(0)[0]; });
    return differs;
}

// Panels 0 (HAADF) to n_elements of the record, resampled.
template <scalar T>
figure_column column_of(const fusion_record<T>& record, std::size_t i, std::size_t height, std::size_t width,
                        const figure_options& options) {
    const auto draw = [&](figure_column column, const image_view<const T>& raw, const image_view<const T>& fused) {
        column.limits = limits_of(raw, options.low_percentile, options.high_percentile);
        if (options.limits != limits_source::raw) {
            const display_limits other = limits_of(fused, options.low_percentile, options.high_percentile);
            const bool of_fused = options.limits == limits_source::fused && i > 0;
            const display_limits both{std::min(column.limits.low, other.low), std::max(column.limits.high, other.high)};
            if (!of_fused) column.limits = both;
            if (of_fused && has_contrast(fused)) column.limits = other;
        }
        // A limit of 4e-10 beside one of 0.9 reads as 0.
        if (std::abs(column.limits.low) < 1e-3 * column.limits.high) column.limits.low = 0;
        column.raw = resample(raw, height, width);
        column.fused = resample(fused, height, width);
        return column;
    };
    using stemfuse::detail::view_in_place;
    if (i == 0) {
        return draw({"HAADF", "measured", "re-projected", options.haadf_unit, white, grey_map(), {}, {}, {}},
                    view_in_place<2>(record.haadf, "haadf"), view_in_place<2>(record.fused_haadf, "fused_haadf"));
    }
    const std::size_t e = i - 1;
    const rgb hue = options.hue(e);
    return draw({record.elements[e], "raw", "fused", record.unit, hue, map_of(options.colours, hue), {}, {}, {}},
                view_in_place<3>(record.maps, "maps").image(e),
                view_in_place<3>(record.fused_maps, "fused_maps").image(e));
}

// The mean of `rows` rows in the middle, a value a column.
template <scalar T>
std::vector<double> middle_profile(const image_view<const T>& map, std::size_t rows) {
    std::vector<double> sum(map.shape[1]);
    const std::size_t first = (map.shape[0] - rows) / 2;
    for (std::size_t y = first; y < first + rows; ++y) {
        for (std::size_t x = 0; x < sum.size(); ++x) sum[x] += static_cast<double>(map.row(y)[x]);
    }
    for (double& v : sum) v /= static_cast<double>(rows);
    return sum;
}

// How many rows a profile averages: `rows`, or n_y / 32 + 1 where it is 0; all at most.
inline std::size_t profile_rows(std::size_t n_y, std::size_t rows) {
    return std::min(n_y, rows > 0 ? rows : n_y / 32 + 1);
}

template <scalar T>
std::vector<element_profile> profiles_of(const fusion_record<T>& record, const std::vector<figure_column>& columns,
                                         std::size_t rows) {
    using stemfuse::detail::view_in_place;
    std::vector<element_profile> profiles;
    for (std::size_t i = 0; i < record.elements.size(); ++i) {
        profiles.push_back({record.elements[i], columns[i + 1].hue,
                            middle_profile<T>(view_in_place<3>(record.maps, "maps").image(i), rows),
                            middle_profile<T>(view_in_place<3>(record.fused_maps, "fused_maps").image(i), rows)});
    }
    return profiles;
}

// "mean of rows 124 to 131; raw thin, fused bold"
inline std::string profile_heading(std::size_t n_y, std::size_t rows) {
    const std::size_t first = (n_y - rows) / 2;
    const std::string which = rows == 1
                                  ? "row " + std::to_string(first)
                                  : "mean of rows " + std::to_string(first) + " to " + std::to_string(first + rows - 1);
    return which + "; raw thin, fused bold";
}

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI::io
