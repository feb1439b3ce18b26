// Smooth random profiles and fields: white normal noise under a Gaussian window.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/core/xtensor.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// Gaussian weights of standard deviation `length` pixels, cut at 4 of them, for noise of variance 1 under them.
inline std::vector<double> noise_window(double length) {
    const auto radius = static_cast<std::ptrdiff_t>(std::ceil(4 * length));
    std::vector<double> weights;
    double squares = 0;
    for (std::ptrdiff_t k = -radius; k <= radius; ++k) {
        const double z = static_cast<double>(k) / length;
        weights.push_back(std::exp(-z * z / 2));
        squares += weights.back() * weights.back();
    }
    for (double& w : weights) w /= std::sqrt(squares);
    return weights;
}

// A profile of n pixels with mean 0, variance 1 and the correlation exp(-d^2 / (4 length^2)) at distance d. Every
// `line` of a seed and a stream is another one; longer profiles go on where shorter ones end.
inline std::vector<double> smooth_profile(std::size_t n, double length, std::uint64_t seed, std::uint32_t stream,
                                          std::size_t line) {
    const auto weights = noise_window(length);
    std::vector<double> white(n + weights.size() - 1), profile(n);
    for (std::size_t x = 0; x < white.size(); ++x) white[x] = random_stream(seed, stream, line, x).normal();
    for (std::size_t x = 0; x < n; ++x) {
        for (std::size_t k = 0; k < weights.size(); ++k) profile[x] += weights[k] * white[x + k];
    }
    return profile;
}

// The same in two dimensions, shape (n_y, n_x).
inline xt::xtensor<double, 2> smooth_field(std::size_t ny, std::size_t nx, double length, std::uint64_t seed,
                                           std::uint32_t stream) {
    const auto weights = noise_window(length);
    xt::xtensor<double, 2> field = xt::zeros<double>({ny, nx});
    for (std::size_t line = 0; line + 1 < ny + weights.size(); ++line) {
        const auto profile = smooth_profile(nx, length, seed, stream, line);
        for (std::size_t k = 0; k < weights.size(); ++k) {
            if (line < k || line - k >= ny) continue;
            for (std::size_t x = 0; x < nx; ++x) field(line - k, x) += weights[k] * profile[x];
        }
    }
    return field;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
