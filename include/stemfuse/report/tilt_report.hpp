// The report of a fusion of tilt series: one HTML file that needs nothing else.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/report/figure/map_image.hpp>
#include <stemfuse/report/history_chart.hpp>
#include <stemfuse/report/html.hpp>
#include <stemfuse/report/report_style.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// What the report shows. Volumes are (n_e, n_z n_y, n_x).
struct tilt_report {
    std::string title;                   ///< heading: what was fused
    std::string request;                 ///< the command or job, shown at the end; may be empty
    std::vector<std::string> elements;   ///< symbols, n_e of them
    std::array<std::size_t, 3> shape;    ///< n_z, n_y, n_x
    const xt::xtensor<float, 3>& start;  ///< by SIRT of the counts, in counts per
                                         ///< voxel; must outlive the report
    const xt::xtensor<float, 3>& maps;   ///< the fused volumes, likewise
    /// An image that was measured, beside what the fused volumes give at its
    /// tilt.
    struct projection {
        std::string name;                   ///< "HAADF at -3 degrees"
        xt::xtensor<float, 2> measured;     ///< (detector bins, n_x)
        xt::xtensor<float, 2> reprojected;  ///< same shape and unit
    };
    std::vector<projection> projections;                          ///< a choice of all, in the order shown
    std::vector<double> objective;                                ///< its value at the start and after every iteration
    std::vector<std::pair<std::string, std::string>> parameters;  ///< names and values, in the order shown
    std::vector<std::string> warnings;                            ///< one sentence each, shown first
    bool haadf_alone = false;  ///< the volume is of HAADF, in its signal per voxel, not of counts
};

namespace detail {

// The planes z, y and x that hold most of element e.
inline std::array<std::size_t, 3> fullest_planes(const xt::xtensor<float, 3>& volumes, std::size_t e,
                                                 const std::array<std::size_t, 3>& shape) {
    std::array<std::vector<double>, 3> sums;
    for (std::size_t axis = 0; axis < 3; ++axis) sums[axis].resize(shape[axis]);
    for (std::size_t r = 0; r < shape[0] * shape[1]; ++r) {
        for (std::size_t x = 0; x < shape[2]; ++x) {
            const auto v = static_cast<double>(volumes(e, r, x));
            sums[0][r / shape[1]] += v, sums[1][r % shape[1]] += v, sums[2][x] += v;
        }
    }
    std::array<std::size_t, 3> at{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const auto& s = sums[axis];
        at[axis] = static_cast<std::size_t>(std::max_element(s.begin(), s.end()) - s.begin());
    }
    return at;
}

// The slices at these planes: along z (y, x), along y (z, x), along x (z, y).
inline std::array<xt::xtensor<float, 2>, 3> slices_at(const xt::xtensor<float, 3>& volumes, std::size_t e,
                                                      const std::array<std::size_t, 3>& shape,
                                                      const std::array<std::size_t, 3>& at) {
    const auto [nz, ny, nx] = shape;
    std::array<xt::xtensor<float, 2>, 3> out{xt::xtensor<float, 2>(image_shape{ny, nx}),
                                             xt::xtensor<float, 2>(image_shape{nz, nx}),
                                             xt::xtensor<float, 2>(image_shape{nz, ny})};
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) out[0](y, x) = volumes(e, at[0] * ny + y, x);
    }
    for (std::size_t z = 0; z < nz; ++z) {
        for (std::size_t x = 0; x < nx; ++x) out[1](z, x) = volumes(e, z * ny + at[1], x);
        for (std::size_t y = 0; y < ny; ++y) out[2](z, y) = volumes(e, z * ny + y, at[2]);
    }
    return out;
}

inline std::string tilt_panel(const xt::xtensor<float, 2>& image, const display_limits& limits,
                              const std::string& caption) {
    const auto view = as_view(image);
    const std::size_t longest = std::max(view.shape[0], view.shape[1]);
    const double scale = longest < 192 ? static_cast<double>((191 + longest) / longest)
                                       : 384.0 / static_cast<double>(std::max<std::size_t>(longest, 384));
    const auto size = [&](std::size_t n) {
        return std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(n) * scale));
    };
    return panel_html(colour(resample(view, size(view.shape[0]), size(view.shape[1])), limits, viridis_map()), caption,
                      caption, "");
}

}  // namespace detail

/// The HTML: warnings, three orthogonal slices of every element by SIRT and
/// fused, where there is most of it, projections beside re-projections,
/// convergence, parameters.
inline std::string tilt_report_html(const tilt_report& r) {
    std::string html =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
        "charset=\"utf-8\">\n<title>" +
        escape_html(r.title) + "</title>\n" + std::string(report_head) + "</head><body>\n<header><h1>" +
        escape_html(r.title) + "</h1><p>Fused tomography: " + std::to_string(r.shape[0]) + " x " +
        std::to_string(r.shape[1]) + " x " + std::to_string(r.shape[2]) +
        " voxels (z, y, x), x along the tilt axis</p></header><main>\n";
    for (const std::string& warning : r.warnings) html += "<p><strong>" + escape_html(warning) + "</strong></p>\n";
    html += std::string("<h2>Slices where there is most, ") + (r.haadf_alone ? "HAADF signal" : "counts") +
            " per voxel</h2>\n";
    const char* const fused_name = r.haadf_alone ? "total variation" : "fused";
    const std::array<const char*, 3> axes{"along z, the beam at tilt 0", "along y", "along x, the tilt axis"};
    for (std::size_t e = 0; e < r.elements.size(); ++e) {
        const auto at = detail::fullest_planes(r.maps, e, r.shape);
        const auto raw = detail::slices_at(r.start, e, r.shape, at), fused = detail::slices_at(r.maps, e, r.shape, at);
        // One scale for all slices of an element.
        display_limits limits{0, 0};
        for (const auto& slice : fused)
            limits.high = std::max(limits.high, limits_of<float>(as_view(slice), 0, 99.8).high);
        if (!(limits.high > 0)) limits.high = 1;  // there is none of it
        html += "<h3>" + escape_html(r.elements[e]) + "</h3>\n<div class=\"maps\">\n";
        for (std::size_t axis = 0; axis < 3; ++axis) {
            html += std::string("<div class=\"pair\"><h3>") + axes[axis] + ", plane " + std::to_string(at[axis]) +
                    "</h3><div class=\"panels\">" + detail::tilt_panel(raw[axis], limits, "SIRT") +
                    detail::tilt_panel(fused[axis], limits, fused_name) + "</div></div>\n";
        }
        html += "</div>\n";
    }
    html +=
        "<h2>Measured projections and those of the fused volumes</h2>\n<div "
        "class=\"maps\">\n";
    for (const auto& p : r.projections) {
        const auto limits = limits_of<float>(as_view(p.measured));
        html += "<div class=\"pair\"><h3>" + escape_html(p.name) + "</h3><div class=\"panels\">" +
                detail::tilt_panel(p.measured, limits, "measured") +
                detail::tilt_panel(p.reprojected, limits, "re-projected") + "</div></div>\n";
    }
    html +=
        "</div>\n<h2>Convergence</h2>\n<div class=\"charts\">" + history_chart("objective", r.objective) + "</div>\n";
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, value] : r.parameters) rows.push_back({name, value});
    html += "<h2>Parameters</h2>\n" + table_html("What was chosen, and what was found", {}, rows);
    if (!r.request.empty()) html += "<pre>" + escape_html(r.request) + "</pre>\n";
    return html + "</main></body></html>\n";
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
