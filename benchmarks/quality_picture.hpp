// The maps of the recipes beside the truth, as a picture.
#pragma once

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include <stemfuse/core/error.hpp>
#include <stemfuse/quality/quality.hpp>
#include <stemfuse/report/figure/canvas.hpp>
#include <stemfuse/report/figure/colormap.hpp>
#include <stemfuse/simulate/specimen.hpp>

#include "quality_figures.hpp"

namespace quality {

// One map, two pixels for each, `scale` times the map shown from 0 to `highest`.
inline void draw_map(stemfuse::io::canvas& page, double left, double top, const xt::xtensor<double, 2>& map,
                     double scale, double highest) {
    static const auto colours = stemfuse::io::viridis_map();
    for (std::size_t y = 0; y < map.shape(0); ++y) {
        for (std::size_t x = 0; x < map.shape(1); ++x) {
            page.fill(left + 2 * static_cast<double>(x), top + 2 * static_cast<double>(y), 2, 2,
                      colours(scale * map(y, x) / highest));
        }
    }
}

// A row for each element and a column for the truth and for each outcome, each map at its best scale and between the
// truth's limits. Binary PPM; throws write_error.
inline void write_picture(const std::string& path, const stemfuse::specimen<double>& sample,
                          std::span<const outcome> outcomes) {
    using namespace stemfuse::io;
    const auto& truth = sample.truth;
    const std::size_t n = truth.shape(0), height = 2 * truth.shape(1) + 6, width = 2 * truth.shape(2) + 6;
    constexpr std::size_t head = 24, side = 34;
    canvas page(head + n * height, side + (outcomes.size() + 1) * width);
    const text_style heading{.font = {.size = 13}, .align = 0.5}, name{.font = {.size = 16}, .align = 0.5};
    for (std::size_t column = 0; column <= outcomes.size(); ++column) {
        const double left = static_cast<double>(side + column * width);
        page.text({left + static_cast<double>(width) / 2, 16}, column == 0 ? "truth" : outcomes[column - 1].recipe,
                  heading);
        for (std::size_t i = 0; i < n; ++i) {
            const double top = static_cast<double>(head + i * height);
            const xt::xtensor<double, 2> x = xt::view(truth, i);
            xt::xtensor<double, 2> map = x;
            if (column > 0) map = xt::view(outcomes[column - 1].first_maps, i);
            const double squares = xt::sum(xt::square(map))();
            const double scale = squares > 0 ? xt::sum(map * x)() / squares : 0;
            draw_map(page, left, top, map, scale, std::max(xt::amax(x)(), 1e-9));
            if (column == 0) page.text({side / 2.0, top + static_cast<double>(height) / 2}, sample.elements[i], name);
        }
    }
    const rgb_image picture = std::move(page).image();
    std::ofstream file(path, std::ios::binary);
    file << "P6\n" << picture.width << ' ' << picture.height << "\n255\n";
    for (const rgb p : picture.pixels) {
        for (const auto channel : {p.r, p.g, p.b}) file.put(static_cast<char>(channel));
    }
    if (!file.flush()) throw stemfuse::write_error(path, "cannot be written");
}

}  // namespace quality
