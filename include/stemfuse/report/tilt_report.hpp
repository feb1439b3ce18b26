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
    const xt::xtensor<float, 3>& start;  ///< by SIRT of the counts, in counts per voxel; must outlive the report
    const xt::xtensor<float, 3>& maps;   ///< the fused volumes, likewise
    /// An image that was measured, beside what the fused volumes give at its tilt.
    struct projection {
        std::string name;                   ///< "HAADF at -3 degrees"
        xt::xtensor<float, 2> measured;     ///< (detector bins, n_x)
        xt::xtensor<float, 2> reprojected;  ///< same shape and unit
    };
    std::vector<projection> projections;                          ///< a choice of all, in the order shown
    std::vector<double> objective;                                ///< its value at the start and after every iteration
    std::vector<std::pair<std::string, std::string>> parameters;  ///< names and values, in the order shown
    std::vector<std::string> warnings;                            ///< one sentence each, shown first
};

namespace detail {

// The slices through the middle: along z (y, x), along y (z, x), along x (z, y).
inline std::array<xt::xtensor<float, 2>, 3> middle_slices(const xt::xtensor<float, 3>& volumes, std::size_t e,
                                                          const std::array<std::size_t, 3>& shape) {
    const auto [nz, ny, nx] = shape;
    std::array<xt::xtensor<float, 2>, 3> out{xt::xtensor<float, 2>(image_shape{ny, nx}),
                                             xt::xtensor<float, 2>(image_shape{nz, nx}),
                                             xt::xtensor<float, 2>(image_shape{nz, ny})};
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) out[0](y, x) = volumes(e, nz / 2 * ny + y, x);
    }
    for (std::size_t z = 0; z < nz; ++z) {
        for (std::size_t x = 0; x < nx; ++x) out[1](z, x) = volumes(e, z * ny + ny / 2, x);
        for (std::size_t y = 0; y < ny; ++y) out[2](z, y) = volumes(e, z * ny + y, nx / 2);
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

/// The HTML: warnings, three orthogonal slices of every element by SIRT and fused, projections beside re-projections,
/// convergence, parameters.
inline std::string tilt_report_html(const tilt_report& r) {
    std::string html = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>" +
                       escape_html(r.title) + "</title>\n" + std::string(report_head) + "</head><body>\n<header><h1>" +
                       escape_html(r.title) + "</h1><p>Fused tomography: " + std::to_string(r.shape[0]) + " x " +
                       std::to_string(r.shape[1]) + " x " + std::to_string(r.shape[2]) +
                       " voxels (z, y, x), x along the tilt axis</p></header><main>\n";
    for (const std::string& warning : r.warnings) html += "<p><strong>" + escape_html(warning) + "</strong></p>\n";
    html += "<h2>Slices through the middle, counts per voxel</h2>\n";
    const std::array<const char*, 3> axes{"z, at the tilt of 0", "y", "x, the tilt axis"};
    for (std::size_t e = 0; e < r.elements.size(); ++e) {
        const auto raw = detail::middle_slices(r.start, e, r.shape), fused = detail::middle_slices(r.maps, e, r.shape);
        html += "<h3>" + escape_html(r.elements[e]) + "</h3>\n<div class=\"maps\">\n";
        for (std::size_t axis = 0; axis < 3; ++axis) {
            display_limits limits = limits_of<float>(as_view(fused[axis]), 0, 99.8);
            limits.low = 0;
            const std::string along = std::string(" along ") + axes[axis];
            html += "<div class=\"pair\"><div class=\"panels\">" +
                    detail::tilt_panel(raw[axis], limits, "SIRT of the counts," + along) +
                    detail::tilt_panel(fused[axis], limits, "fused," + along) + "</div></div>\n";
        }
        html += "</div>\n";
    }
    html += "<h2>Measured projections and those of the fused volumes</h2>\n<div class=\"maps\">\n";
    for (const auto& p : r.projections) {
        const auto limits = limits_of<float>(as_view(p.measured));
        html += "<div class=\"pair\"><h3>" + escape_html(p.name) + "</h3><div class=\"panels\">" +
                detail::tilt_panel(p.measured, limits, "measured") +
                detail::tilt_panel(p.reprojected, limits, "of the fused volumes") + "</div></div>\n";
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
