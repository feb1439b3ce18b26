// Element maps from spectra: counts in the windows of X-ray lines, and the background that is expected among them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/spectra/line_windows.hpp>
#include <stemfuse/spectra/side_background.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Counts a pixel, shape (n_lines, n_y, n_x).
template <scalar T>
struct line_counts {
    xt::xtensor<T, 3> counts;      ///< in the window of each line
    xt::xtensor<T, 3> background;  ///< of these, expected from what lies beside the line
};

/// Reads the counts in the windows of lines, whole numbers where the spectra are, and their background by the counts in
/// the side windows (see side_background). Throws value_error for no line, read_error.
template <scalar T>
line_counts<T> read_line_counts(const image_file& file, const spectrum_info& spectrum,
                                const std::vector<line_window>& lines, background_kind kind = background_kind::map) {
    require_some(lines, "lines");
    const stack_shape shape{lines.size(), spectrum.shape[0], spectrum.shape[1]};
    line_counts<T> result{xt::xtensor<T, 3>(shape), xt::xtensor<T, 3>(shape)};
    constexpr std::size_t at_once = most_windows / 3;
    for (std::size_t begin = 0; begin < lines.size(); begin += at_once) {
        const std::size_t end = std::min(lines.size(), begin + at_once);
        std::vector<energy_window> windows;
        for (std::size_t i = begin; i < end; ++i) {
            windows.push_back(lines[i].window);
            windows.insert(windows.end(), lines[i].sides.begin(), lines[i].sides.end());
        }
        const auto maps = file.read_windows<T>(spectrum, windows);
        std::size_t at = 0;
        for (std::size_t i = begin; i < end; ++i) {
            const std::size_t sides = at + 1, next = sides + lines[i].sides.size();
            xt::view(result.counts, i) = xt::view(maps, at);
            const xt::xtensor<T, 3> beside = xt::view(maps, xt::range(sides, next));
            xt::view(result.background, i) = side_background<T>(beside, lines[i].weights, kind);
            at = next;
        }
    }
    return result;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
