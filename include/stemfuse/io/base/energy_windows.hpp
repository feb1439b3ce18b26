// Windows of energies in a spectrum, as the channels that lie in them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <stemfuse/core/error.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Windows that one pass over spectra serves: a channel's windows are the bits of a 64-bit number, see event_decoder.
inline constexpr std::size_t most_windows = 64;

/// Throws value_error for no window, more than 64, and one that is empty.
inline void require_windows(const std::vector<energy_window>& windows) {
    if (windows.empty() || windows.size() > most_windows)
        throw value_error("windows", "has " + std::to_string(windows.size()) + " windows, must have 1 to 64");
    for (const energy_window& w : windows) {
        if (!(w.low < w.high))
            throw value_error("windows", "is " + to_string(w.low) + " to " + to_string(w.high) +
                                             ", must be a lower and a higher energy");
    }
}

/// Channels first <= i < last.
struct channel_range {
    std::size_t first;  ///< the first channel inside
    std::size_t last;   ///< one past the last channel inside
};

/// The channels of the energies offset + i step in a window; first == last where there is none.
inline channel_range channels_in(const energy_window& window, double offset, double step, std::size_t channels) {
    channel_range range{channels, channels};
    for (std::size_t i = 0; i < channels; ++i) {
        const double energy = offset + static_cast<double>(i) * step;
        if (!(energy >= window.low && energy < window.high)) continue;
        if (range.first == channels) range.first = i;
        range.last = i + 1;
    }
    return range;
}

/// The energies between two channels, in the spectrum's unit.
inline double channel_step(const spectrum_info& s) {
    return s.channels < 2 ? 0 : (s.last - s.first) / static_cast<double>(s.channels - 1);
}

/// The same for the channels of a listed spectrum; the window is in its unit.
inline channel_range channels_in(const energy_window& window, const spectrum_info& s) {
    return channels_in(window, s.first, channel_step(s), s.channels);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
