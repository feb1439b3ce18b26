// A stream of X-ray counts, one after another as the beam scans, decoded straight into maps of energy windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Counts the events of one detector in windows. In the stream 65535 stands for "next pixel", any other number for one
/// count in that channel; pixels go row by row, x fastest, and after the last comes the first of the next frame.
class event_decoder {
public:
    static constexpr std::uint16_t next_pixel = 65535;  ///< no channel: ends the events of a pixel

    /// Channel i has the energy offset + i step, i < channels. There are up to 64 windows, and pixels > 0.
    event_decoder(std::size_t pixels, std::size_t channels, double offset, double step,
                  std::span<const energy_window> windows)
        : pixels_(pixels), windows_of_(channels, 0) {
        for (std::size_t i = 0; i < channels; ++i) {
            const double energy = offset + static_cast<double>(i) * step;
            for (std::size_t w = 0; w < windows.size(); ++w) {
                if (energy >= windows[w].low && energy < windows[w].high) windows_of_[i] |= std::uint64_t(1) << w;
            }
        }
    }

    /// Adds the next events of the stream to `maps`, the windows' maps one after another.
    template <scalar T>
    void feed(std::span<const std::uint16_t> events, T* maps) {
        for (const std::uint16_t event : events) {
            if (event == next_pixel) {
                if (++pixel_ == pixels_) pixel_ = 0;
            } else if (event < windows_of_.size()) {
                std::size_t w = 0;
                for (std::uint64_t set = windows_of_[event]; set != 0; set >>= 1, ++w) {
                    if ((set & 1) != 0) maps[w * pixels_ + pixel_] += 1;
                }
            }
        }
    }

private:
    std::size_t pixels_, pixel_ = 0;
    std::vector<std::uint64_t> windows_of_;  // by channel, a bit a window
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
