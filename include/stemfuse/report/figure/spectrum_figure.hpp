// The sum spectrum with its fit: what is whose, and what is left, in standard deviations. As a figure and as a table.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/io/base/text_sinks.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>
#include <stemfuse/io/record/record.hpp>
#include <stemfuse/report/figure/figure.hpp>
#include <stemfuse/report/figure/figure_parts.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

namespace detail {

inline void require_spectrum(const spectrum_record& s) {
    if (s.sum.empty() || s.fit.size() != s.sum.size() || s.counts.size() != s.elements.size() + 1 ||
        s.signatures.shape() != std::array<std::size_t, 2>{s.counts.size(), s.sum.size()})
        throw shape_error("spectrum", "has sum, fit and signatures that do not fit together");
}

// Counts of row i in a channel, as fitted; the last row is the background's.
inline double fitted_part(const spectrum_record& s, std::size_t i, std::size_t channel) {
    return s.counts[i] * s.signatures(i, channel);
}

// Sum less fit in standard deviations of counting, over so many channels that a bin expects 4 counts and more: below,
// counts are not normal.
inline std::vector<double> spectrum_residual(const spectrum_record& s) {
    std::vector<double> z(s.sum.size());
    for (std::size_t c = s.first_used; c < z.size();) {
        double sum = 0, fit = 0;
        std::size_t last = c;
        while (last < z.size() && fit < 4) {
            sum += s.sum[last];
            fit += s.fit[last++];
        }
        for (; c < last; ++c) z[c] = (sum - fit) / std::sqrt(std::max(fit, 1.0));
    }
    return z;
}

// Axes of the two panels: energies along x, from the first used channel to where 99.98% of the counts lie.
struct spectrum_axes {
    const spectrum_record& s;
    box counts, residual;
    std::size_t first, last;
    double lowest, highest, most_z;

    spectrum_axes(const figure_page& page, const spectrum_record& spectrum, const box& area)
        : s(spectrum),
          counts{area.x + page.pt(30), area.y, area.width - page.pt(34), area.height * 0.72},
          residual{counts.x, area.y + area.height * 0.77, counts.width, area.height * 0.23},
          first(spectrum.first_used),
          last(spectrum.sum.size()),
          lowest(1),
          highest(2),
          most_z(5) {
        double total = 0, above = 0;
        for (std::size_t c = first; c < last; ++c) total += std::max(s.sum[c], 0.0);
        while (last > first + 16 && above < 2e-4 * total) above += std::max(s.sum[--last], 0.0);
        last = std::min(s.sum.size(), last + (last - first) / 20 + 1);
        double least = INFINITY;
        for (std::size_t c = first; c < last; ++c) {
            highest = std::max({highest, s.sum[c], s.fit[c]});
            if (s.fit[c] > 0) least = std::min(least, s.fit[c]);
        }
        // Log scale: from half a count where counts are few, else from what the lowest channel has.
        lowest = std::max({0.5, 1e-5 * highest, 0.5 * std::min(least, highest / 20)});
        highest *= 2.5;  // room for the names of elements
        std::vector<double> sizes;
        for (const double z : spectrum_residual(s)) sizes.push_back(std::abs(z));
        const auto at = sizes.begin() + static_cast<std::ptrdiff_t>(0.998 * static_cast<double>(sizes.size() - 1));
        std::nth_element(sizes.begin(), at, sizes.end());
        most_z = std::max(5.0, std::ceil(*at));
    }

    double x(double energy) const {
        const double from = s.energy(first), to = s.energy(last - 1);
        return counts.x + counts.width * (energy - from) / std::max(to - from, 1e-12);
    }
    double y(double value) const {
        const double part = std::log(std::max(value, lowest) / lowest) / std::log(highest / lowest);
        return counts.y + counts.height * (1 - part);
    }
    double y_of_z(double z) const {
        return residual.y + residual.height * (0.5 - 0.5 * std::clamp(z / most_z, -1.0, 1.0));
    }
};

template <class Value>
std::vector<polyline> spectrum_curve(const spectrum_axes& a, Value&& value) {
    std::vector<polyline> lines(1);
    for (std::size_t c = a.first; c < a.last; ++c) {
        const double v = value(c);
        if (v >= a.lowest) {
            lines.back().push_back({a.x(a.s.energy(c)), a.y(v)});
        } else if (!lines.back().empty()) {
            lines.back().push_back({a.x(a.s.energy(c)), a.y(a.lowest)});
            lines.emplace_back();
        }
    }
    return lines;
}

inline void draw_spectrum_grid(figure_page& page, const spectrum_axes& a) {
    const rgb grid{225, 225, 225}, line{110, 110, 110};
    text_style number = page.regular(6.5);
    number.align = 1;
    for (double tick = std::pow(10, std::ceil(std::log10(a.lowest))); tick <= a.highest; tick *= 10) {
        page.drawing.stroke({{{a.counts.x, a.y(tick)}, {a.counts.x + a.counts.width, a.y(tick)}}}, page.pt(0.4), grid);
        page.drawing.text({a.counts.x - page.pt(3), a.y(tick) + page.pt(2)}, short_number(tick), number);
    }
    for (const double z : {-a.most_z, 0.0, a.most_z}) {
        const double y = a.y_of_z(z);
        page.drawing.stroke({{{a.counts.x, y}, {a.counts.x + a.counts.width, y}}}, page.pt(0.4), grid);
        page.drawing.text({a.counts.x - page.pt(3), y + page.pt(2)}, short_number(z), number);
    }
    const double from = a.s.energy(a.first), to = a.s.energy(a.last - 1), step = round_length((to - from) / 6);
    const double bottom = a.residual.y + a.residual.height;
    number.align = 0.5;
    for (double e = std::ceil(from / step) * step; e <= to; e += step) {
        for (const box& panel : {a.counts, a.residual})
            page.drawing.stroke({{{a.x(e), panel.y}, {a.x(e), panel.y + panel.height}}}, page.pt(0.4), grid);
        page.drawing.text({a.x(e), bottom + page.pt(9)}, short_number(std::abs(e) < step / 10 ? 0 : e), number);
    }
    number.align = 1;
    page.drawing.text({a.counts.x + a.counts.width, bottom + page.pt(18)}, "energy (" + a.s.unit + ")", number);
    for (const box& p : {a.counts, a.residual}) {
        page.drawing.stroke({{{p.x, p.y}, {p.x, p.y + p.height}, {p.x + p.width, p.y + p.height}}}, page.pt(0.5), line);
    }
}

// The symbol of every element above its highest channel; one that would lie on another goes above it.
inline void draw_spectrum_names(figure_page& page, const spectrum_axes& a) {
    std::vector<box> taken;
    for (std::size_t i = 0; i < a.s.elements.size(); ++i) {
        std::size_t top = a.first;
        for (std::size_t c = a.first; c < a.last; ++c) {
            if (fitted_part(a.s, i, c) > fitted_part(a.s, i, top)) top = c;
        }
        text_style style = page.bold(7.5);
        style.align = 0.5;
        style.colour = on_white(default_hue(i));
        const double width = text_width(a.s.elements[i], style.font) + page.pt(2), height = page.pt(8);
        box place{a.x(a.s.energy(top)) - width / 2,
                  a.y(std::max({a.s.sum[top], a.s.fit[top], a.lowest})) - page.pt(4) - height, width, height};
        const auto on_it = [&](const box& other) {
            return place.x < other.x + other.width && other.x < place.x + place.width &&
                   place.y < other.y + other.height && other.y < place.y + place.height;
        };
        for (auto hit = taken.begin(); hit != taken.end();) {
            hit = std::find_if(taken.begin(), taken.end(), on_it);
            if (hit != taken.end()) place.y = hit->y - height;
        }
        taken.push_back(place);
        page.drawing.text({place.x + width / 2, place.y + height - page.pt(1)}, a.s.elements[i], style);
    }
}

}  // namespace detail

/// Draws the sum spectrum on a logarithmic scale with its fit, the part of every element and of the background, and
/// below what is left, in standard deviations of counting. Throws shape_error where the parts of the record do not fit
/// together.
inline figure spectrum_figure(const spectrum_record& s, double dots_per_inch = 200) {
    detail::require_spectrum(s);
    constexpr double width_mm = 180, height_mm = 105;
    const double mm = dots_per_inch / 25.4;
    figure_page page(static_cast<std::size_t>(height_mm * mm), static_cast<std::size_t>(width_mm * mm), dots_per_inch);
    const rgb dark{70, 70, 70}, red{190, 30, 45}, grey{150, 150, 150};
    const double top = page.pt(20);
    const detail::spectrum_axes a(page, s,
                                  {page.pt(4), top, width_mm * mm - page.pt(10), height_mm * mm - top - page.pt(24)});
    draw_title(page, {a.counts.x, page.pt(9)}, a.counts.width * 0.5, "Sum spectrum",
               "counts a channel, log scale; below: (sum \u2212 fit) / standard deviation");
    draw_legend(page, {a.counts.x + a.counts.width * 0.72, page.pt(9)}, {"measured", "fit", "background"},
                {dark, red, grey});
    detail::draw_spectrum_grid(page, a);
    const auto draw = [&](auto&& value, double points, rgb colour) {
        page.drawing.stroke(detail::spectrum_curve(a, value), page.pt(points), colour);
    };
    draw([&](std::size_t c) { return s.sum[c]; }, 0.6, dark);
    draw([&](std::size_t c) { return detail::fitted_part(s, s.elements.size(), c); }, 1.1, grey);
    for (std::size_t i = 0; i < s.elements.size(); ++i)
        draw([&](std::size_t c) { return detail::fitted_part(s, i, c); }, 0.9, on_white(default_hue(i)));
    draw([&](std::size_t c) { return s.fit[c]; }, 0.7, red);
    detail::draw_spectrum_names(page, a);
    const auto z = detail::spectrum_residual(s);
    polyline residual;
    for (std::size_t c = a.first; c < a.last; ++c) residual.push_back({a.x(s.energy(c)), a.y_of_z(z[c])});
    page.drawing.stroke({residual}, page.pt(0.6), dark);
    return {std::move(page.drawing), dots_per_inch};
}

/// Writes spectrum_figure() as PNG. Throws what it throws, and write_error; the file is whole or not there.
inline void write_spectrum_figure(const std::filesystem::path& path, const spectrum_record& s) {
    write_figure(path, spectrum_figure(s));
}

/// Writes comma-separated columns, a row a channel below a row of names: energy, sum, fit, residual in standard
/// deviations, the part of the background and of every element in the fit. Throws shape_error where the parts of the
/// record do not fit together, write_error; the file is whole or not there.
inline void write_spectrum_csv(const std::filesystem::path& path, const spectrum_record& s) {
    detail::require_spectrum(s);
    std::string text = csv_field("energy (" + s.unit + ")") + ",sum,fit,residual (sigma),background";
    for (const std::string& e : s.elements) text += "," + csv_field(e);
    text += "\n";
    const auto z = detail::spectrum_residual(s);
    const std::size_t n = s.elements.size();
    for (std::size_t c = 0; c < s.sum.size(); ++c) {
        text += exact_text(s.energy(c));
        for (const double v : {s.sum[c], s.fit[c], z[c], detail::fitted_part(s, n, c)})
            text.append(",").append(exact_text(v));
        for (std::size_t i = 0; i < n; ++i) text.append(",").append(exact_text(detail::fitted_part(s, i, c)));
        text += "\n";
    }
    write_file(path, text);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
