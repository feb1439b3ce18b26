// How large the pictures of a report are.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <stemfuse/core/array.hpp>
#include <stemfuse/report/figure/map_image.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The pixels that a picture of a report has, and how many times as large it is shown: small maps have a pixel for each
/// of theirs and are enlarged by an integer to 512 or a little more on a page, large ones are reduced to 512 unless
/// they fit into 1024; neither side is below a twelfth of the other.
struct report_size {
    image_shape pixels;    ///< rows and columns
    std::size_t enlarged;  ///< on the page

    /// For maps of this shape.
    explicit report_size(const image_shape& shape) : pixels(shape), enlarged(1) {
        const std::size_t longest = std::max(shape[0], shape[1]), least = (longest + 11) / 12;
        if (longest > 1024) {
            const auto side = [&](std::size_t n) {
                return static_cast<std::size_t>(
                    std::round(512 * static_cast<double>(std::max(n, least)) / static_cast<double>(longest)));
            };
            pixels = {side(shape[0]), side(shape[1])};
            return;
        }
        pixels = {std::max(shape[0], least), std::max(shape[1], least)};
        enlarged = (511 + longest) / longest;
    }

    /// A map of the shape that this was made for, as many pixels as the picture has.
    template <scalar T>
    xt::xtensor<double, 2> resampled(const image_view<const T>& map) const {
        return resample(map, pixels[0], pixels[1]);
    }
};

}  // namespace stemfuse::inline STEMFUSE_ABI::io
