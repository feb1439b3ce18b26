// The energy axis of a spectrum.
#pragma once

#include <cmath>
#include <cstddef>

#include <stemfuse/core/check.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Energies of equally spaced channels, in keV for X-rays and in eV for energy losses: channel i is centred at
/// first + i step.
struct spectrum_axis {
    double first,          ///< energy at the centre of channel 0
        step;              ///< from channel to channel, above 0
    std::size_t channels;  ///< how many

    /// The energy at the centre of channel i.
    double centre(std::size_t i) const { return first + static_cast<double>(i) * step; }
    /// The lower border of channel i, and of channel i = channels the upper one of the last.
    double edge(std::size_t i) const { return first + (static_cast<double>(i) - 0.5) * step; }
    /// The first channel whose centre is above `energy`, `channels` if none is.
    std::size_t first_above(double energy) const {
        const double i = std::floor((energy - first) / step) + 1;
        return i <= 0 ? 0 : i >= static_cast<double>(channels) ? channels : static_cast<std::size_t>(i);
    }
    /// The axis on which every energy is gain (energy + shift).
    spectrum_axis corrected(double shift, double gain) const { return {gain * (first + shift), gain * step, channels}; }
};

/// Throws value_error unless the axis has 1 to 2^24 channels, a first energy in [-1e6, 1e6] and a finite step above 0.
inline void require_axis(const spectrum_axis& axis) {
    require_positive(axis.step, "axis.step");
    require_in_range(axis.first, -1e6, 1e6, "axis.first");
    require_in_range(static_cast<double>(axis.channels), 1, 1 << 24, "axis.channels");
}

}  // namespace stemfuse::inline STEMFUSE_ABI
