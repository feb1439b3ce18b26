// The sum of loss spectra as edges of elements on a background: the shapes by which every pixel is read.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/small_matrix.hpp>
#include <stemfuse/spectra/edge_cross_section.hpp>
#include <stemfuse/spectra/smooth_spectrum.hpp>
#include <stemfuse/spectra/sum_fit.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A spectrum of low losses, with the step of the spectra: how often an electron that has ionised an atom loses more on
/// its way. Channel `zero` holds no loss. Empty: single scattering is assumed, which is wrong for thick specimens.
struct low_loss_spectrum {
    std::vector<double> values{};  ///< >= 0, in any unit: only their shares count
    std::size_t zero = 0;          ///< the channel without loss
};

/// The options of fit_loss_spectrum().
struct loss_fit_options {
    std::vector<double> exponents{1, 2, 3, 4, 5};  ///< of the powers of the energy that the background is a sum of
    double window = 60;                            ///< eV from an onset on: amounts are counts of the edge within it
    double fine_structure = 28;  ///< eV from an onset on in which the edge's shape is learnt; 0: nowhere
    std::size_t hats = 10;       ///< triangles that this part of the shape is made of
    double blur = 1.2;           ///< full width at half maximum of the energy resolution, eV
    std::size_t passes = 3;      ///< each takes the variance of a channel from the fit before
};

namespace detail {

// The columns of the sum: edges, then hats in the first eV of each, then powers. Hats may be negative: each is there
// with both signs.
struct loss_columns {
    struct column {
        std::size_t element;  // n_elements for the background
        bool is_hat;
        std::vector<double> values;
    };
    std::vector<column> all;
};

inline std::vector<double> with_low_loss(const std::vector<double>& edge, const low_loss_spectrum& low) {
    if (low.values.empty()) return edge;
    double sum = 0;
    for (const double v : low.values) sum += v;
    std::vector<double> out(edge.size());
    const auto n = static_cast<std::ptrdiff_t>(edge.size());
    for (std::size_t k = 0; k < low.values.size(); ++k) {
        const double share = low.values[k] / sum;
        if (share == 0) continue;
        const auto shift = static_cast<std::ptrdiff_t>(k) - static_cast<std::ptrdiff_t>(low.zero);
        for (std::ptrdiff_t c = std::max<std::ptrdiff_t>(0, shift); c < std::min(n, n + shift); ++c)
            out[static_cast<std::size_t>(c)] += share * edge[static_cast<std::size_t>(c - shift)];
    }
    return out;
}

inline loss_columns columns_of_losses(const spectrum_axis& axis, const std::vector<eels_edge>& edges,
                                      const eels_conditions& at, const low_loss_spectrum& low,
                                      const loss_fit_options& options) {
    loss_columns columns;
    const double sigma = options.blur / 2.3548 / axis.step;  // 2 sqrt(2 log 2)
    for (std::size_t e = 0; e < edges.size(); ++e) {
        std::vector<double> edge(axis.channels);
        for (std::size_t c = 0; c < axis.channels; ++c) edge[c] = edge_cross_section(edges[e], axis.centre(c), at);
        if (sigma > 0) edge = smooth_spectrum(edge, sigma, std::lround(std::ceil(4 * sigma)));
        const double reference = edge_cross_section(edges[e], edges[e].onset + 30, at);
        columns.all.push_back({e, false, with_low_loss(edge, low)});
        if (options.fine_structure <= 0) continue;
        const double pitch = options.fine_structure / static_cast<double>(options.hats);
        for (std::size_t k = 0; k < options.hats; ++k) {
            const double centre = edges[e].onset + 1 + static_cast<double>(k) * pitch;
            std::vector<double> hat(axis.channels);
            for (std::size_t c = 0; c < axis.channels; ++c)
                hat[c] = reference * std::max(0.0, 1 - std::abs(axis.centre(c) - centre) / pitch);
            hat = with_low_loss(hat, low);
            columns.all.push_back({e, true, hat});
            for (double& v : hat) v = -v;
            columns.all.push_back({e, true, std::move(hat)});
        }
    }
    for (const double r : options.exponents) {
        std::vector<double> power(axis.channels);
        for (std::size_t c = 0; c < axis.channels; ++c) power[c] = std::pow(axis.centre(c) / axis.centre(0), -r);
        columns.all.push_back({edges.size(), false, std::move(power)});
    }
    return columns;
}

inline std::vector<double> fit_losses(const loss_columns& columns, const std::vector<double>& counts,
                                      std::size_t passes) {
    const std::size_t n = columns.all.size(), channels = counts.size();
    // Variances are at least a millionth of the mean count, as no channel may weigh without bound.
    std::vector<double> variance = smooth_spectrum(counts, 2, 8), amplitudes;
    double total = 0;
    for (const double y : counts) total += y;
    for (double& v : variance) v = std::max(v, 1e-6 * total / static_cast<double>(channels));
    for (std::size_t pass = 0; pass < passes; ++pass) {
        small_matrix g(n, n);
        std::vector<double> h(n), weighted(channels);
        for (std::size_t i = 0; i < n; ++i) {
            const auto& a = columns.all[i].values;
            for (std::size_t c = 0; c < channels; ++c) {
                weighted[c] = a[c] / variance[c];
                h[i] += weighted[c] * counts[c];
            }
            for (std::size_t j = 0; j <= i; ++j) {
                double sum = 0;
                for (std::size_t c = 0; c < channels; ++c) sum += weighted[c] * columns.all[j].values[c];
                g(i, j) = g(j, i) = sum;
            }
        }
        // A hat whose counts do not tell stays small.
        for (std::size_t i = 0; i < n; ++i) {
            if (columns.all[i].is_hat) g(i, i) *= 1 + 1e-4;
        }
        amplitudes = non_negative_least_squares(g, h);
        std::vector<double> model(channels);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t c = 0; c < channels && amplitudes[i] > 0; ++c)
                model[c] += amplitudes[i] * columns.all[i].values[c];
        }
        for (std::size_t c = 0; c < channels; ++c)
            variance[c] = std::max(model[c], 1e-6 * total / static_cast<double>(channels));
    }
    return amplitudes;
}

}  // namespace detail

/// Fits the sum of loss spectra, `counts` of every channel of the axis in eV, by hydrogenic edges convolved with the
/// low losses, fine structure learnt from the sum, and a background of powers of the energy. The shape of an element
/// sums to 1 from its onset to options.window beyond it, or to the end of the axis: amounts are counts of the edge
/// there. They are right relative to one another within a map, not as a composition: hydrogenic cross-sections and
/// learnt shapes are no standards. Throws value_error for an axis out of range, counts that are not finite, no
/// elements, and an element whose edge is not on the axis or not known; shape_error for another number of channels.
inline spectral_signatures fit_loss_spectrum(const std::vector<double>& counts, const spectrum_axis& axis,
                                             const std::vector<std::string>& elements, const eels_conditions& at,
                                             const low_loss_spectrum& low = {}, const loss_fit_options& options = {}) {
    require_axis(axis);
    require_positive(axis.first, "axis.first");
    if (counts.size() != axis.channels)
        throw shape_error("counts", "has " + std::to_string(counts.size()) + " channels, must have " +
                                        std::to_string(axis.channels) + " as the axis");
    for (const double y : counts) require_in_range(y, -1e300, 1e300, "counts");
    if (elements.empty()) throw value_error("elements", "is empty, must name one or more");
    std::vector<eels_edge> edges;
    for (const std::string& e : elements) {
        const auto edge = eels_edge_of(e);
        if (!edge) throw value_error("elements", e + " has no edge that is modelled: leave it out");
        if (edge->onset < axis.centre(0) + 5 * axis.step || edge->onset > axis.centre(axis.channels - 1) - 10) {
            throw value_error("elements", e + " has its edge at " + to_string(edge->onset) + " eV, outside of " +
                                              to_string(axis.centre(0)) + " to " +
                                              to_string(axis.centre(axis.channels - 1)) + ": leave it out");
        }
        edges.push_back(*edge);
    }
    const auto columns = detail::columns_of_losses(axis, edges, at, low, options);
    const auto amplitudes = detail::fit_losses(columns, counts, options.passes);

    const std::size_t n = elements.size();
    spectral_signatures s{elements,
                          axis,
                          {},
                          0,
                          small_matrix(n + 1, axis.channels),
                          std::vector<double>(n + 1),
                          std::vector<double>(axis.channels),
                          0};
    const auto add = [&](std::size_t row, const std::vector<double>& values, double factor) {
        for (std::size_t c = 0; c < axis.channels; ++c) s.shapes(row, c) += factor * values[c];
    };
    for (std::size_t k = 0; k < columns.all.size(); ++k)
        add(columns.all[k].element, columns.all[k].values, amplitudes[k]);
    for (std::size_t i = 0; i <= n; ++i) {
        for (std::size_t c = 0; c < axis.channels; ++c) s.model[c] += s.shapes(i, c);
    }
    for (double& m : s.model) m = std::max(m, 1e-9);
    s.deviance = detail::poisson_deviance(counts, s.model, 0) / static_cast<double>(axis.channels);
    for (std::size_t i = 0; i <= n; ++i) {
        const auto in_window = [&] {
            double sum = 0;
            for (std::size_t c = 0; c < axis.channels; ++c) {
                const double energy = axis.centre(c);
                if (i == n || (energy >= edges[i].onset && energy < edges[i].onset + options.window))
                    sum += s.shapes(i, c);
            }
            return sum;
        };
        double sum = in_window();
        s.counts[i] = std::max(sum, 0.0);
        if (!(sum > 0)) {  // no counts: the shape is theory's
            for (std::size_t c = 0; c < axis.channels; ++c) s.shapes(i, c) = 0;
            for (const auto& column : columns.all) {
                if (column.element == i && !column.is_hat) add(i, column.values, 1);
            }
            sum = in_window();
        }
        for (std::size_t c = 0; c < axis.channels; ++c) s.shapes(i, c) /= sum;
    }
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
