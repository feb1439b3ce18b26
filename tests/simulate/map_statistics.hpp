// Moments of the maps of a specimen.
#pragma once

#include <cmath>
#include <cstddef>

#include <stemfuse/core/xtensor.hpp>

namespace map_statistics {

// The mean of f(v) over the pixels of one map.
template <class F>
double mean(const xt::xtensor<double, 3>& maps, std::size_t i, F&& f) {
    const std::size_t pixels = maps.shape(1) * maps.shape(2);
    double sum = 0;
    for (std::size_t p = 0; p < pixels; ++p) sum += f(maps.data()[i * pixels + p]);
    return sum / static_cast<double>(pixels);
}

inline double mean(const xt::xtensor<double, 3>& maps, std::size_t i) {
    return mean(maps, i, [](double v) { return v; });
}

// The share of the pixels that are not 0.
inline double coverage(const xt::xtensor<double, 3>& maps, std::size_t i) {
    return mean(maps, i, [](double v) { return v > 0 ? 1.0 : 0.0; });
}

// Pearson's coefficient of two maps.
inline double correlation(const xt::xtensor<double, 3>& maps, std::size_t i, std::size_t j) {
    const std::size_t pixels = maps.shape(1) * maps.shape(2);
    const double mi = mean(maps, i), mj = mean(maps, j);
    double ii = 0, jj = 0, ij = 0;
    for (std::size_t p = 0; p < pixels; ++p) {
        const double a = maps.data()[i * pixels + p] - mi, b = maps.data()[j * pixels + p] - mj;
        ii += a * a, jj += b * b, ij += a * b;
    }
    return ij / std::sqrt(ii * jj);
}

}  // namespace map_statistics
