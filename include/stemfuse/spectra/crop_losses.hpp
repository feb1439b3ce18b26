// The part of a spectrum of losses that its edges need: powers of the energy fit no more than that.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/spectra/loss_signatures.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// fit_loss_spectrum() of the channels from 0.7 times the lowest onset on: what lies further below, plasmons and the
/// zero loss, is no power of the energy, and would pull the background off. Shapes are 0 in the channels before,
/// signatures.first the first after. Throws what fit_loss_spectrum() throws.
inline spectral_signatures fit_cropped_losses(const std::vector<double>& counts, const spectrum_axis& axis,
                                              const std::vector<std::string>& elements, const eels_conditions& at,
                                              const low_loss_spectrum& low = {}, const loss_fit_options& options = {}) {
    require_axis(axis);
    if (counts.size() != axis.channels)
        throw shape_error("counts", "has " + std::to_string(counts.size()) + " channels, must have " +
                                        std::to_string(axis.channels) + " as the axis");
    constexpr double before = 0.7;  // of an onset: what a power law is usually fitted to begins there
    double lowest = 1e6;
    for (const std::string& e : elements) {
        if (const auto edge = eels_edge_of(e)) lowest = std::min(lowest, edge->onset);
    }
    const std::size_t first = axis.first_above(std::max(before * lowest, 0.0));
    if (first == 0 || first + 10 > axis.channels) return fit_loss_spectrum(counts, axis, elements, at, low, options);
    const spectrum_axis part{axis.centre(first), axis.step, axis.channels - first};
    const auto found = fit_loss_spectrum({counts.begin() + static_cast<std::ptrdiff_t>(first), counts.end()}, part,
                                         elements, at, low, options);
    spectral_signatures s = found;
    s.axis = axis;
    s.first = first;
    s.shapes = small_matrix(found.shapes.rows(), axis.channels);
    s.model.assign(axis.channels, 0);
    for (std::size_t c = 0; c < part.channels; ++c) {
        for (std::size_t i = 0; i < s.shapes.rows(); ++i) s.shapes(i, first + c) = found.shapes(i, c);
        s.model[first + c] = found.model[c];
    }
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
