// The measurement of a specimen: counts with Poisson noise for each element, a HAADF image with Gaussian noise.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// How a specimen is measured: dose, background, noise, faults of the detector.
struct acquisition_options {
    double dose = 5;                      ///< mean counts in a pixel that holds the amount 1 at sensitivity 1
    double background = 0.1;              ///< mean counts in every pixel of every map, times the specimen's profile
    std::vector<double> backgrounds{};    ///< the same of each element by itself; `background` for all if empty
    double haadf_noise = 0.02;            ///< standard deviation, as a fraction of the brightest noise-free pixel
    double haadf_gain = 1;                ///< the image is haadf_offset + haadf_gain * (the specimen's + noise)
    double haadf_offset = 0;              ///< the image's value where the specimen's is 0
    std::vector<double> sensitivities{};  ///< k_i of each element, all 1 if empty
    double delocalisation = 0;            ///< sigma in pixels of a Gaussian over what is counted, as EELS maps have it
    double hot_pixels = 0;                ///< of a map's pixels, those that have hot_counts more, each map its own
    double hot_counts = 80;               ///< added to the count of a hot pixel, rounded to a whole number
    double dead_rows = 0;                 ///< of the rows, those without any count in any map
    std::uint64_t seed = 1;               ///< of all noise and of the faults
};

/// A measurement: HAADF image and maps of counts.
template <scalar T>
struct acquisition {
    std::vector<std::string> elements;  ///< n symbols
    xt::xtensor<T, 2> haadf;            ///< (n_y, n_x), by gain and offset from the units of the specimen's
    xt::xtensor<T, 3> maps;             ///< (n, n_y, n_x), counts
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
    require_count(elements.size(), n, "elements", "symbols", "one for each map of the truth");
    require_distinct(elements, "elements");
    const auto require_one_each = [n](const std::vector<double>& numbers, std::string_view name, double highest) {
        if (!numbers.empty()) require_count(numbers.size(), n, name, "numbers", "one for each map, or none");
        for (const double v : numbers) require_in_range(v, 0, highest, name);
    };
    require_one_each(options.sensitivities, "sensitivities", 1e3);
    require_one_each(options.backgrounds, "backgrounds", 1e6);
    require_in_range(options.dose, 0, 1e6, "dose");
    require_in_range(options.background, 0, 1e6, "background");
    require_in_range(options.haadf_noise, 0, 10, "haadf_noise");
    require_in_range(options.haadf_gain, 1e-6, 1e6, "haadf_gain");
    require_in_range(options.haadf_offset, -1e6, 1e6, "haadf_offset");
    require_in_range(options.delocalisation, 0, 100, "delocalisation");
    require_in_range(options.hot_pixels, 0, 1, "hot_pixels");
    require_in_range(options.hot_counts, 0, 1e6, "hot_counts");
    require_in_range(options.dead_rows, 0, 1, "dead_rows");
    const auto profile = as_view(sample.background_profile, "background_profile");
    if (profile.size() > 0) {
        require_shape(profile.shape, haadf.shape, "background_profile", "the HAADF image");
        detail::require_pixels(profile, "background_profile", "numbers from 0 to 1e5",
                               [](T factor) { return factor >= 0 && factor <= T(1e5); });
    }
    detail::require_pixels(truth, "truth", "amounts up to 1e5", [](T amount) { return amount <= T(1e5); });
}

// Draws the HAADF image. Gain, offset and noise in single precision, so that the noise's product with a multiple of
// 2^-16 is exact; the fused multiply-add is explicit, so that no compiler changes a digit.
template <scalar T>
void expose_haadf(const image_view<const T>& clean, const image_view<T>& out, const acquisition_options& options,
                  const execution& exec) {
    double brightest = 0;
    for_each_element(clean, [&](std::size_t, T v) { brightest = std::max(brightest, static_cast<double>(v)); });
    const double sigma = static_cast<float>(options.haadf_noise * brightest);
    const double gain = static_cast<float>(options.haadf_gain), offset = static_cast<float>(options.haadf_offset);
    for_each_row(clean.shape[0], clean.shape[1], exec, [&](std::size_t y) {
        for (std::size_t x = 0; x < clean.shape[1]; ++x) {
            random_stream random(options.seed, stream_of("HAADF"), y, x);
            const double noisy = static_cast<double>(clean.row(y)[x]) + sigma * random.normal();
            out.row(y)[x] = static_cast<T>(std::fma(gain, noisy, offset));
        }
    });
}

// What the detector makes of a pixel's count: nothing in a dead row, more where a pixel is hot.
inline double faulty_count(double count, const acquisition_options& options, std::uint32_t stream, std::size_t y,
                           std::size_t x) {
    if (options.dead_rows > 0 && random_stream(options.seed, stream_of("dead rows"), y).uniform() < options.dead_rows)
        return 0;
    if (options.hot_pixels > 0 && random_stream(options.seed, stream + 1, y, x).uniform() < options.hot_pixels)
        return count + std::round(options.hot_counts);
    return count;
}

}  // namespace detail

/// The mean counts of the background, shape (n, n_y, n_x): what acquire() adds to dose * k_i * x_i. Throws as it does.
template <scalar T>
xt::xtensor<T, 3> background_counts(const specimen<T>& sample, const acquisition_options& options = {}) {
    detail::require_acquirable(sample, options);
    xt::xtensor<T, 3> counts(sample.truth.shape());
    const bool flat = sample.background_profile.size() == 0;
    for (std::size_t i = 0; i < sample.elements.size(); ++i) {
        const auto rate = static_cast<T>(options.backgrounds.empty() ? options.background : options.backgrounds[i]);
        auto map = xt::view(counts, i);
        map.fill(rate);
        if (!flat) map *= sample.background_profile;
    }
    return counts;
}

/// Draws maps with mean dose * k_i * x_i + background, x_i delocalised if asked for, with the faults of a detector, and
/// a HAADF image with additive normal noise. A count depends on the seed, the element's symbol, the pixel's row and
/// column and the mean there alone: neither on the other elements and their order, nor on the threads, nor on the
/// scalar type as long as that holds the truth and the counts exactly (float: up to 2^24). Other compilers and standard
/// libraries draw the same, short of about one pixel in 10^10, where exp, log or cos of another libm rounds
/// differently. Throws shape_error and value_error for a specimen or an option that does not fit.
template <scalar T>
acquisition<T> acquire(const specimen<T>& sample, const acquisition_options& options = {}, const execution& exec = {}) {
    detail::require_acquirable(sample, options);
    const xt::xtensor<T, 3> spread = gaussian_filter(as_view(sample.truth, "truth"), options.delocalisation, exec);
    const auto truth = as_view(spread, "truth");
    const auto haadf = as_view(sample.haadf, "haadf");
    const auto profile = as_view(sample.background_profile, "background_profile");
    const std::size_t n = truth.shape[0], ny = truth.shape[1], nx = truth.shape[2];
    acquisition<T> a{sample.elements, xt::xtensor<T, 2>(haadf.shape), xt::xtensor<T, 3>(truth.shape)};
    const auto maps_out = as_view(a.maps, "maps");
    detail::expose_haadf(haadf, as_view(a.haadf, "haadf"), options, exec);
    for (std::size_t i = 0; i < n; ++i) {
        const double scale = options.dose * (options.sensitivities.empty() ? 1 : options.sensitivities[i]);
        const double rate = options.backgrounds.empty() ? options.background : options.backgrounds[i];
        const std::uint32_t stream = stream_of(sample.elements[i]);
        for_each_row(ny, nx, exec, [&, i, nx = nx](std::size_t y) {
            for (std::size_t x = 0; x < nx; ++x) {
                random_stream random(options.seed, stream, y, x);
                const double background = profile.size() == 0 ? rate : rate * static_cast<double>(profile.row(y)[x]);
                const double mean = scale * static_cast<double>(truth.row(i, y)[x]) + background;
                maps_out.row(i, y)[x] =
                    static_cast<T>(detail::faulty_count(random.poisson(mean), options, stream, y, x));
            }
        });
    }
    return a;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
