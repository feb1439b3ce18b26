// The measurement of a specimen: counts with Poisson noise for each element, a HAADF image with Gaussian noise.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <stemfuse/core/execution.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse {

struct acquisition_options {
    double dose = 5;                      // mean counts in a pixel that holds the amount 1 at sensitivity 1
    double background = 0.1;              // mean counts in every pixel of every map
    double haadf_noise = 0.02;            // standard deviation, as a fraction of the brightest noise-free pixel
    std::vector<double> sensitivities{};  // k_i of each element, all 1 if empty
    std::uint64_t seed = 1;
};

template <scalar T>
struct acquisition {
    std::vector<std::string> elements;  // n symbols
    xt::xtensor<T, 2> haadf;            // (n_y, n_x), in the units of the specimen's
    xt::xtensor<T, 3> maps;             // (n, n_y, n_x), counts
};

namespace detail {

template <scalar T>
void require_acquirable(const specimen<T>& sample, const acquisition_options& options) {
    const auto truth = as_view(sample.truth, "truth");
    const auto haadf = as_view(sample.haadf, "haadf");
    const auto& elements = sample.elements;
    const std::size_t n = truth.shape[0];
    require_not_empty(truth, "truth");
    require_counts(truth, "truth");
    require_shape(haadf.shape, {truth.shape[1], truth.shape[2]}, "haadf", "the truth maps");
    require_finite(haadf, "haadf");
    if (elements.size() != n) {
        throw shape_error("elements", "has " + std::to_string(elements.size()) + " symbols, expected " +
                                          std::to_string(n) + " as truth has maps");
    }
    for (auto e = elements.begin(); e != elements.end(); ++e) {
        if (std::find(elements.begin(), e, *e) != e) {
            throw value_error("elements", "has \"" + *e + "\" twice, takes every symbol once");
        }
    }
    if (!options.sensitivities.empty() && options.sensitivities.size() != n) {
        throw shape_error("sensitivities", "has " + std::to_string(options.sensitivities.size()) +
                                               " numbers, expected " + std::to_string(n) + " or none");
    }
    require_in_range(options.dose, 0, 1e6, "dose");
    require_in_range(options.background, 0, 1e6, "background");
    require_in_range(options.haadf_noise, 0, 10, "haadf_noise");
    for (const double k : options.sensitivities) require_in_range(k, 0, 1e3, "sensitivities");
    detail::require_pixels(truth, "truth", "amounts up to 1e5", [](T amount) { return amount <= T(1e5); });
}

}  // namespace detail

// Draws maps with mean dose * k_i * x_i + background and a HAADF image with additive normal noise. A count depends on
// the seed, the element's symbol, the pixel's row and column and the mean there alone: neither on the other elements
// and their order, nor on the threads, nor on the scalar type as long as that holds the truth and the counts exactly
// (float: up to 2^24). Other compilers and standard libraries draw the same, short of about one pixel in 10^10, where
// exp, log or cos of another libm rounds differently. Throws shape_error and value_error for a specimen or an option
// that does not fit.
template <scalar T>
acquisition<T> acquire(const specimen<T>& sample, const acquisition_options& options = {}, const execution& exec = {}) {
    detail::require_acquirable(sample, options);
    const auto truth = as_view(sample.truth, "truth");
    const auto haadf = as_view(sample.haadf, "haadf");
    const std::size_t n = truth.shape[0], ny = truth.shape[1], nx = truth.shape[2];
    acquisition<T> a{sample.elements, xt::xtensor<T, 2>(haadf.shape), xt::xtensor<T, 3>(truth.shape)};
    const auto maps_out = as_view(a.maps, "maps");
    const auto haadf_out = as_view(a.haadf, "haadf");

    // In single precision, so that its product with a multiple of 2^-16 is exact and a fused multiply-add changes
    // nothing.
    const double brightest = static_cast<double>(*std::max_element(sample.haadf.begin(), sample.haadf.end()));
    const double sigma = static_cast<float>(options.haadf_noise * std::max(0.0, brightest));
    for_each_row(ny, nx, exec, [&](std::size_t y) {
        for (std::size_t x = 0; x < nx; ++x) {
            random_stream random(options.seed, stream_of("HAADF"), y, x);
            haadf_out.row(y)[x] = static_cast<T>(static_cast<double>(haadf.row(y)[x]) + sigma * random.normal());
        }
    });
    for (std::size_t i = 0; i < n; ++i) {
        const double scale = options.dose * (options.sensitivities.empty() ? 1 : options.sensitivities[i]);
        const std::uint32_t stream = stream_of(sample.elements[i]);
        for_each_row(ny, nx, exec, [&, i, nx = nx](std::size_t y) {
            for (std::size_t x = 0; x < nx; ++x) {
                random_stream random(options.seed, stream, y, x);
                const double mean = scale * static_cast<double>(truth.row(i, y)[x]) + options.background;
                maps_out.row(i, y)[x] = static_cast<T>(random.poisson(mean));
            }
        });
    }
    return a;
}

}  // namespace stemfuse
