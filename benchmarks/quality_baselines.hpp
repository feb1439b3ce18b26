// What a user would pick instead of this library: Gaussian, non-local means, guided filter, joint bilateral filter, PCA
// of joint patches. Each returns every map under every setting, so that the best can be picked by the truth.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <xtensor-blas/xlinalg.hpp>

#include <stemfuse/nonlocal/patch_descriptors.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/operators/local_mean.hpp>

#include "quality_recipes.hpp"

namespace quality {

using map_type = xt::xtensor<double, 2>;

// The maps of element i under each setting.
struct baseline {
    std::string name;
    std::vector<map_type> (*maps)(const scan& s, std::size_t i);
};

// Anscombe's root, of variance 1 for Poisson counts, and its unbiased inverse (Makitalo & Foi 2011,
// doi 10.1109/TIP.2010.2056693).
inline double anscombe(double m) { return 2 * std::sqrt(std::max(m, 0.0) + 0.375); }
inline double from_anscombe(double v) {
    v = std::max(v, 1.2248);
    return std::max(
        0.0, v * v / 4 + 0.25 * std::sqrt(1.5) / v - 1.375 / (v * v) + 0.625 * std::sqrt(1.5) / (v * v * v) - 0.125);
}

inline map_type net_map(const scan& s, std::size_t i) { return xt::view(s.counts, i) - xt::view(s.background, i); }

inline map_type scaled_image(const scan& s) {
    const double low = xt::amin(s.haadf)(), high = xt::amax(s.haadf)();
    return (s.haadf - low) / std::max(high - low, 1e-12);
}

inline std::vector<map_type> gaussian_maps(const scan& s, std::size_t i) {
    std::vector<map_type> all{net_map(s, i)};
    const map_type net = all.front();
    for (const double sigma : {0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 6.0})
        all.push_back(stemfuse::gaussian_filter(stemfuse::as_view(net), sigma));
    return all;
}

// He, Sun & Tang 2013, doi 10.1109/TPAMI.2012.213.
inline std::vector<map_type> guided_maps(const scan& s, std::size_t i) {
    const map_type h = scaled_image(s), u = net_map(s, i);
    std::vector<map_type> all;
    for (const std::size_t r : std::array<std::size_t, 3>{2, 4, 8}) {
        const auto mean = [r](const map_type& a) { return stemfuse::local_mean(a, r); };
        const map_type mh = mean(h), mu = mean(u), covariance = mean(h * u) - mh * mu, variance = mean(h * h) - mh * mh;
        for (const double flat : {1e-4, 1e-3, 1e-2}) {
            const map_type a = covariance / (variance + flat), b = mu - a * mh;
            all.push_back(mean(a) * h + mean(b));
        }
    }
    return all;
}

// Weighted means within `reach` pixels; weight(dy, dx, here, there) by row-major places.
template <class Weight>
map_type window_means(const map_type& u, std::ptrdiff_t reach, Weight&& weight) {
    const auto ny = static_cast<std::ptrdiff_t>(u.shape(0)), nx = static_cast<std::ptrdiff_t>(u.shape(1));
    map_type means(u.shape());
    for (std::ptrdiff_t y = 0; y < ny; ++y) {
        for (std::ptrdiff_t x = 0; x < nx; ++x) {
            double sum = 0, weights = 0;
            for (auto v = std::max<std::ptrdiff_t>(0, y - reach); v < std::min(ny, y + reach + 1); ++v) {
                for (auto c = std::max<std::ptrdiff_t>(0, x - reach); c < std::min(nx, x + reach + 1); ++c) {
                    const double w = weight(v - y, c - x, y * nx + x, v * nx + c);
                    sum += w * u.data()[v * nx + c];
                    weights += w;
                }
            }
            means.data()[y * nx + x] = sum / weights;
        }
    }
    return means;
}

inline std::vector<map_type> bilateral_maps(const scan& s, std::size_t i) {
    const map_type raw = scaled_image(s), h = stemfuse::gaussian_filter(stemfuse::as_view(raw), 0.5), u = net_map(s, i);
    std::vector<map_type> all;
    for (const double spread : {1.5, 3.0, 5.0}) {
        for (const double range : {0.04, 0.1, 0.25}) {
            const auto reach = static_cast<std::ptrdiff_t>(2 * spread);
            all.push_back(window_means(u, reach, [&](auto dy, auto dx, auto here, auto there) {
                const double d = (h.data()[here] - h.data()[there]) / range;
                return std::exp(-static_cast<double>(dy * dy + dx * dx) / (2 * spread * spread) - d * d / 2);
            }));
        }
    }
    return all;
}

// Buades et al. 2005, doi 10.1137/040616024: on the roots of the counts, 5 x 5 patches within 8 pixels.
inline std::vector<map_type> nonlocal_maps(const scan& s, std::size_t i) {
    constexpr std::ptrdiff_t reach = 8;
    map_type root = xt::view(s.counts, i);
    for (double& v : root) v = anscombe(v);
    const auto ny = static_cast<std::ptrdiff_t>(root.shape(0)), nx = static_cast<std::ptrdiff_t>(root.shape(1));
    constexpr std::array<double, 4> strengths{0.3, 0.5, 0.8, 1.2};
    std::vector<map_type> sums(strengths.size(), xt::zeros<double>(root.shape())), weights = sums;
    for (std::ptrdiff_t dy = -reach; dy <= reach; ++dy) {
        for (std::ptrdiff_t dx = -reach; dx <= reach; ++dx) {
            map_type squares(root.shape());
            const auto moved = [&](std::ptrdiff_t y, std::ptrdiff_t x) {
                return root(stemfuse::mirrored(y + dy, root.shape(0)), stemfuse::mirrored(x + dx, root.shape(1)));
            };
            for (std::ptrdiff_t y = 0; y < ny; ++y) {
                for (std::ptrdiff_t x = 0; x < nx; ++x) {
                    const double d = root.data()[y * nx + x] - moved(y, x);
                    squares.data()[y * nx + x] = d * d;
                }
            }
            squares = stemfuse::local_mean(squares, 2);
            for (std::ptrdiff_t y = 0; y < ny; ++y) {
                for (std::ptrdiff_t x = 0; x < nx; ++x) {
                    const double beyond = std::max(0.0, squares.data()[y * nx + x] - 2), value = moved(y, x);
                    for (std::size_t k = 0; k < strengths.size(); ++k) {
                        const double w = std::exp(-beyond / (strengths[k] * strengths[k]));
                        sums[k].data()[y * nx + x] += w * value;
                        weights[k].data()[y * nx + x] += w;
                    }
                }
            }
        }
    }
    std::vector<map_type> all;
    for (std::size_t k = 0; k < strengths.size(); ++k) {
        map_type map = sums[k] / weights[k];
        for (double& v : map) v = from_anscombe(v);
        all.push_back(map - xt::view(s.background, i));
    }
    return all;
}

// Patches of the roots of all counts and of the image beside them, in their first principal directions; overlapping
// patches are averaged. Maps by rank of all elements.
inline std::vector<map_type> patch_pca_maps(const scan& s, std::size_t i) {
    constexpr std::size_t side = 5;
    const std::size_t n = s.counts.shape(0), ny = s.counts.shape(1), nx = s.counts.shape(2), c = n + 1;
    const map_type h = scaled_image(s);
    const auto value = [&](std::size_t e, std::ptrdiff_t y, std::ptrdiff_t x) {
        const std::size_t v = stemfuse::mirrored(y, ny), u = stemfuse::mirrored(x, nx);
        return e == n ? h(v, u) / 0.03 : anscombe(s.counts(e, v, u));
    };
    const std::size_t taps = c * side * side;
    xt::xtensor<double, 2> patches({ny * nx, taps});
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            for (std::size_t t = 0; t < taps; ++t) {
                const std::size_t e = t / (side * side), at = t % (side * side);
                patches(y * nx + x, t) = value(e, static_cast<std::ptrdiff_t>(y + at / side) - 2,
                                               static_cast<std::ptrdiff_t>(x + at % side) - 2);
            }
        }
    }
    const xt::xtensor<double, 1> mean = xt::mean(patches, {0});
    patches -= mean;
    const xt::xtensor<double, 2> covariance = xt::linalg::dot(xt::transpose(patches), patches);
    const auto [values, vectors] = xt::linalg::eigh(covariance);
    std::vector<map_type> all;
    for (const std::size_t rank : std::array<std::size_t, 7>{1, 2, 3, 5, 8, 13, 20}) {
        const xt::xtensor<double, 2> basis = xt::view(vectors, xt::all(), xt::range(taps - rank, taps));
        const xt::xtensor<double, 2> factors = xt::linalg::dot(patches, basis);
        const xt::xtensor<double, 2> fitted = xt::linalg::dot(factors, xt::transpose(basis));
        map_type sum = xt::zeros<double>({ny, nx}), counted = sum;
        for (std::size_t p = 0; p < ny * nx; ++p) {
            for (std::size_t at = 0; at < side * side; ++at) {
                const auto y = static_cast<std::ptrdiff_t>(p / nx + at / side) - 2,
                           x = static_cast<std::ptrdiff_t>(p % nx + at % side) - 2;
                if (y < 0 || x < 0 || y >= static_cast<std::ptrdiff_t>(ny) || x >= static_cast<std::ptrdiff_t>(nx))
                    continue;
                const std::size_t t = i * side * side + at, v = static_cast<std::size_t>(y),
                                  u = static_cast<std::size_t>(x);
                sum(v, u) += fitted(p, t) + mean(t);
                counted(v, u) += 1;
            }
        }
        map_type map = sum / counted;
        for (double& v : map) v = from_anscombe(v);
        all.push_back(map - xt::view(s.background, i));
    }
    return all;
}

inline std::vector<baseline> baselines() {
    return {{"Gaussian", gaussian_maps},
            {"non-local means", nonlocal_maps},
            {"guided filter", guided_maps},
            {"joint bilateral", bilateral_maps},
            {"patch PCA", patch_pca_maps}};
}

// The mean over the elements of the NRMSE of each element's best setting, found by the truth.
inline double tuned_nrmse(const baseline& b, const scan& s, const maps_type& truth, stemfuse::thread_pool& pool) {
    const std::size_t n = truth.shape(0);
    std::vector<double> lowest(n, INFINITY);
    pool.for_each(n, [&](std::size_t i) {
        for (const map_type& map : b.maps(s, i))
            lowest[i] = std::min(lowest[i], stemfuse::nrmse(map, map_type(xt::view(truth, i))));
    });
    double sum = 0;
    for (const double v : lowest) sum += v / static_cast<double>(n);
    return sum;
}

}  // namespace quality
