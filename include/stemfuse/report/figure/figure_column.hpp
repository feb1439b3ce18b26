// What one column of a figure shows: the HAADF image or one element, before and after the fusion, and its truth.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure_parts.hpp>
#include <stemfuse/report/figure/map_image.hpp>
#include <stemfuse/report/figure/profile_plot.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What the limits of raw and fused maps are. Of one that both share: those of the raw map; the wider ones of both, so
/// that none is cut off; or, for elements, those of the fused map, at which a raw map of few counts saturates. Or each
/// has its own, which stand below it: then single counts neither saturate nor darken the fused map. The HAADF image
/// always shares them, and a fused map that is the same number everywhere takes those of the raw one.
enum class limits_source { raw, both, fused, each };

/// The options of fusion_figure().
struct figure_options {
    double low_percentile = 0.5;                  ///< of the values, shown as the first colour
    double high_percentile = 99.5;                ///< shown as the last colour: single bright pixels do not set it
    limits_source limits = limits_source::raw;    ///< of raw and fused maps
    map_colours colours = map_colours::hue;       ///< of element maps
    std::vector<rgb> hues{};                      ///< one an element; those of `overlay` where there are fewer
    std::string haadf_unit = "arb. units";        ///< shown at the bar of the HAADF image
    overlay_mode overlay = overlay_mode::add;     ///< several elements in one picture; with two elements or more
    std::vector<std::string> overlay_elements{};  ///< which; the first three where empty
    bool profile = true;                          ///< along x; with two columns or more
    std::optional<std::size_t> profile_row{};     ///< the middle one of those that a profile averages; else that of all
    std::size_t profile_rows = 0;                 ///< rows that a profile averages; 0: one in 32
    bool titles = true;                           ///< above the panels
    double width_mm = 180;                        ///< at most
    double dots_per_inch = 300;  ///< at least, less than twice it: small maps are scaled up by an integer

    /// The colour of the element of this number.
    rgb hue(std::size_t element) const {
        if (element < hues.size()) return hues[element];
        return overlay == overlay_mode::lighten ? lightening_hue(element) : default_hue(element);
    }
};

namespace detail {

// The HAADF image or one element: measured, fused, and the truth where it is known.
struct figure_column {
    std::string name, before, after, unit;
    rgb hue;
    colormap colours;
    display_limits raw_limits{}, limits{};  // of raw; of fused and truth
    xt::xtensor<double, 2> raw{}, fused{}, truth{};

    bool one_scale() const { return raw_limits.low == limits.low && raw_limits.high == limits.high; }
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
    if (record.truth) {
        require_shape(stemfuse::detail::shape_of<2>(record.truth->haadf, "truth.haadf"), image, "truth.haadf", "haadf");
        require_shape(stemfuse::detail::shape_of<3>(record.truth->maps, "truth.maps"), stack, "truth.maps",
                      "elements and haadf say");
    }
}

// The places of the elements in the overlay. Throws value_error for one that is not there.
inline std::vector<std::size_t> overlay_places(const std::vector<std::string>& elements,
                                               const figure_options& options) {
    std::vector<std::size_t> places;
    if (options.overlay == overlay_mode::none) return places;
    for (const std::string& name : options.overlay_elements) {
        const auto found = std::find(elements.begin(), elements.end(), name);
        if (found == elements.end())
            throw value_error("overlay_elements", "is \"" + name + "\", must be an element of the maps");
        places.push_back(static_cast<std::size_t>(found - elements.begin()));
    }
    if (places.empty()) {
        for (std::size_t i = 0; i < std::min<std::size_t>(elements.size(), 3); ++i) places.push_back(i);
    }
    if (places.size() < 2) places.clear();
    return places;
}

// Where the low limit is above 0, but below so much of the high one, bars start at 0; also where it is nearly 0: a
// limit of -4e-10 beside one of 0.9 reads as 0.
inline display_limits from_zero(display_limits limits, double most) {
    const bool near = std::abs(limits.low) < 1e-3 * limits.high;
    if (near || (limits.low > 0 && limits.low < most * limits.high)) limits.low = 0;
    return limits;
}

template <scalar T>
bool has_contrast(const image_view<const T>& map) {
    bool differs = false;
    stemfuse::detail::for_each_element(map, [&](std::size_t, T v) { differs = differs || v != map.row(0)[0]; });
    return differs;
}

// Those of raw, and those of fused.
template <scalar T>
std::pair<display_limits, display_limits> limits_of_column(const image_view<const T>& raw,
                                                           const image_view<const T>& fused, bool element,
                                                           const figure_options& options) {
    const auto own = [&](const image_view<const T>& map) {
        return from_zero(limits_of(map, options.low_percentile, options.high_percentile), element ? 0.5 : 0.05);
    };
    const display_limits a = own(raw);
    const bool flat = element && options.limits != limits_source::both && !has_contrast(fused);
    if (options.limits == limits_source::raw || flat) return {a, a};
    const display_limits b = own(fused);
    if (element && options.limits == limits_source::each) return {a, b};
    if (element && options.limits == limits_source::fused) return {b, b};
    const display_limits both{std::min(a.low, b.low), std::max(a.high, b.high)};
    return {both, both};
}

// Panels 0 (HAADF) to n_elements of the record, resampled.
template <scalar T>
figure_column column_of(const fusion_record<T>& record, std::size_t i, std::size_t height, std::size_t width,
                        const figure_options& options) {
    using stemfuse::detail::view_in_place;
    using view = image_view<const T>;
    const auto draw = [&](figure_column column, const view& raw, const view& fused, const view* truth) {
        std::tie(column.raw_limits, column.limits) = limits_of_column<T>(raw, fused, i > 0, options);
        column.raw = resample(raw, height, width);
        column.fused = resample(fused, height, width);
        if (truth != nullptr) column.truth = resample(*truth, height, width);
        return column;
    };
    if (i == 0) {
        std::optional<view> truth;
        if (record.truth) truth = view_in_place<2>(record.truth->haadf, "truth.haadf");
        return draw({"HAADF", "measured", "re-projected", options.haadf_unit, white, grey_map()},
                    view_in_place<2>(record.haadf, "haadf"), view_in_place<2>(record.fused_haadf, "fused_haadf"),
                    truth ? &*truth : nullptr);
    }
    const std::size_t e = i - 1;
    const rgb hue = options.hue(e);
    std::optional<view> truth;
    if (record.truth) truth = view_in_place<3>(record.truth->maps, "truth.maps").image(e);
    return draw({record.elements[e], "raw", "fused", record.unit, hue, map_of(options.colours, hue)},
                view_in_place<3>(record.maps, "maps").image(e),
                view_in_place<3>(record.fused_maps, "fused_maps").image(e), truth ? &*truth : nullptr);
}

// Which rows a profile averages.
struct row_range {
    std::size_t first, count;
};

// `profile_rows` rows, or n_y / 32 + 1 where it is 0, around the row that is asked for or the middle; moved to lie
// inside. Throws value_error for a row outside.
inline row_range profile_rows(std::size_t n_y, const figure_options& options) {
    const std::size_t count = std::min(n_y, options.profile_rows > 0 ? options.profile_rows : n_y / 32 + 1);
    if (!options.profile_row) return {(n_y - count) / 2, count};
    if (*options.profile_row >= n_y)
        throw value_error("profile_row", "is " + std::to_string(*options.profile_row) + ", must be in [0, " +
                                             std::to_string(n_y - 1) + "]");
    const std::size_t before = std::min(*options.profile_row, (count - 1) / 2);
    return {std::min(*options.profile_row - before, n_y - count), count};
}

// The mean of rows, a value a column.
template <scalar T>
std::vector<double> mean_of_rows(const image_view<const T>& map, const row_range& rows) {
    std::vector<double> sum(map.shape[1]);
    for (std::size_t y = rows.first; y < rows.first + rows.count; ++y) {
        for (std::size_t x = 0; x < sum.size(); ++x) sum[x] += static_cast<double>(map.row(y)[x]);
    }
    for (double& v : sum) v /= static_cast<double>(rows.count);
    return sum;
}

template <scalar T>
std::vector<element_profile> profiles_of(const fusion_record<T>& record, const figure_options& options,
                                         const row_range& rows) {
    using stemfuse::detail::view_in_place;
    std::vector<element_profile> profiles;
    for (std::size_t i = 0; i < record.elements.size(); ++i) {
        profiles.push_back({record.elements[i], options.hue(i),
                            mean_of_rows<T>(view_in_place<3>(record.maps, "maps").image(i), rows),
                            mean_of_rows<T>(view_in_place<3>(record.fused_maps, "fused_maps").image(i), rows)});
        if (record.truth)
            profiles.back().truth = mean_of_rows<T>(view_in_place<3>(record.truth->maps, "truth.maps").image(i), rows);
    }
    return profiles;
}

// "mean of rows 124 to 131; raw thin, fused bold"
inline std::string profile_heading(const row_range& rows, bool truth) {
    const std::string which = rows.count == 1 ? "row " + std::to_string(rows.first)
                                              : "mean of rows " + std::to_string(rows.first) + " to " +
                                                    std::to_string(rows.first + rows.count - 1);
    return which + "; raw thin, fused bold" + (truth ? ", truth black" : "");
}

// The overlays of raw, of fused and of true maps; the last is empty where the truth is not known.
struct overlay_pictures {
    std::vector<std::string> names;
    std::vector<rgb> hues;
    rgb_image raw, fused, truth;
};

// Of the columns at `places`, one before the element's own.
inline overlay_pictures overlays_of(const std::vector<figure_column>& columns, const std::vector<std::size_t>& places,
                                    overlay_mode mode) {
    overlay_pictures result;
    std::vector<xt::xtensor<double, 2>> raw, fused, truth;
    std::vector<display_limits> raw_limits, limits;
    for (const std::size_t place : places) {
        const figure_column& c = columns.at(place + 1);
        result.names.push_back(c.name), result.hues.push_back(c.hue);
        raw.push_back(c.raw), fused.push_back(c.fused), truth.push_back(c.truth);
        raw_limits.push_back(c.raw_limits), limits.push_back(c.limits);
    }
    result.raw = overlay(raw, raw_limits, result.hues, mode);
    result.fused = overlay(fused, limits, result.hues, mode);
    if (truth.at(0).size() > 0) result.truth = overlay(truth, limits, result.hues, mode);
    return result;
}

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI::io
