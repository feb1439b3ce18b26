// Gaussian smoothing of images.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Weights of a Gaussian of standard deviation sigma at -r .. r pixels, r = truncate sigma rounded; they sum to 1.
template <scalar T>
std::vector<T> gaussian_window(double sigma, double truncate = 4) {
    const auto r = static_cast<std::ptrdiff_t>(truncate * sigma + 0.5);
    std::vector<double> weights;
    for (std::ptrdiff_t k = -r; k <= r; ++k)
        weights.push_back(std::exp(-static_cast<double>(k * k) / (2 * sigma * sigma)));
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<T> scaled;
    for (const double w : weights) scaled.push_back(static_cast<T>(w / sum));
    return scaled;
}

/// The pixel of a line of n that pixel x stands for when the line is mirrored at its borders without end: -1 is 0, n is
/// n - 1.
inline std::size_t mirrored(std::ptrdiff_t x, std::size_t n) {
    const auto period = 2 * static_cast<std::ptrdiff_t>(n), k = ((x % period) + period) % period;
    return static_cast<std::size_t>(k < static_cast<std::ptrdiff_t>(n) ? k : period - 1 - k);
}

namespace detail {

// Writes image i of `in`, smoothed by window_of(i), to image i of `out`: along y, then along x.
template <scalar T, class Windows>
void smooth_images(const stack_view<const T>& in, Windows&& window_of, const stack_view<T>& out,
                   const execution& exec) {
    const std::size_t ny = in.shape[1], nx = in.shape[2];
    for_each_row_block(in.shape[0] * ny, nx, exec, [&](std::size_t first, std::size_t last) {
        std::vector<T> line;
        for (std::size_t row = first; row < last; ++row) {
            const std::size_t i = row / ny, y = row % ny;
            const std::vector<T>& window = window_of(i);
            const std::size_t n = window.size(), r = n / 2;
            line.resize(nx + 2 * r);
            T* const middle = line.data() + r;
            std::fill_n(middle, nx, T(0));
            for (std::size_t k = 0; k < n; ++k) {  // row by row: reading many rows at once makes them share cache sets
                const auto at = static_cast<std::ptrdiff_t>(y + k) - static_cast<std::ptrdiff_t>(r);
                const T* const from = in.row(i, mirrored(at, ny));
                const T weight = window[k];
                for_each_pack<T>(nx, [&](auto c) { c.store(middle, c.load(middle) + weight * c.load(from)); });
            }
            for (std::size_t k = 1; k <= r; ++k) {
                middle[-static_cast<std::ptrdiff_t>(k)] = middle[mirrored(-static_cast<std::ptrdiff_t>(k), nx)];
                middle[nx - 1 + k] = middle[mirrored(static_cast<std::ptrdiff_t>(nx - 1 + k), nx)];
            }
            for_each_pack<T>(nx, [&](auto at) {
                pack<T> sum{};
                for (std::size_t k = 0; k < n; ++k) sum += window[k] * at.load(line.data() + k);
                at.store(out.row(i, y), sum);
            });
        }
    });
}

}  // namespace detail

/// Every image of a stack (n, n_y, n_x) smoothed by a window of 2 r + 1 weights along y and then along x, mirrored at
/// the borders: a symmetric operator that leaves constant images and the sum of every image as they are.
template <scalar T>
xt::xtensor<T, 3> smoothed(const stack_view<const T>& in, const std::vector<T>& window, const execution& exec = {}) {
    xt::xtensor<T, 3> result(in.shape);
    detail::smooth_images(in, [&](std::size_t) -> const std::vector<T>& { return window; }, as_view(result), exec);
    return result;
}

/// The same of one image (n_y, n_x).
template <scalar T>
xt::xtensor<T, 2> smoothed(const image_view<const T>& in, const std::vector<T>& window, const execution& exec = {}) {
    const xt::xtensor<T, 3> stack = smoothed(as_stack(in), window, exec);
    xt::xtensor<T, 2> image(in.shape);
    std::copy(stack.begin(), stack.end(), image.begin());
    return image;
}

/// The same with a Gaussian of standard deviation sigma >= 0 pixels, cut at 4 sigma; 0 copies. Throws value_error for a
/// sigma that is negative or not finite.
template <scalar T, std::size_t N>
xt::xtensor<T, N> gaussian_filter(const array_view<const T, N>& in, double sigma, const execution& exec = {}) {
    require_non_negative(sigma, "sigma");
    return smoothed(in, sigma > 0 ? gaussian_window<T>(sigma) : std::vector<T>{T(1)}, exec);
}

}  // namespace stemfuse::inline STEMFUSE_ABI
