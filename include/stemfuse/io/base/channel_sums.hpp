// Spectra read number by number: their sum over the pixels, and weighted sums over their channels.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/io/base/image_info.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// A reader that calls f(pixel, channel, value) for the numbers of its spectra; it may pass over those that are 0.
/// Pixels go row by row.
template <class R>
concept spectrum_reader = requires(const R& reader, const spectrum_info& spectrum) {
    reader.for_spectra(spectrum, [](std::size_t, std::size_t, double) {});
};

/// Weights by which the channels of a spectrum are summed: sum m of a pixel is sum_c weight(m, c) times its channel c.
struct channel_weights {
    std::size_t sums = 0;         ///< how many
    std::vector<float> values{};  ///< of channel c from values[c * sums] on: its weight in each sum

    /// All 0.
    channel_weights(std::size_t count, std::size_t channels) : sums(count), values(count * channels) {}
    /// As transfer() fills it.
    channel_weights() = default;

    /// The weight of a channel in sum m.
    float& operator()(std::size_t m, std::size_t channel) { return values[channel * sums + m]; }
};

/// The most sums that one pass makes: many more than a fusion of spectra takes, few enough for memory.
inline constexpr std::size_t most_sums = 1024;

/// Throws value_error unless the weights are finite and for 1 to 1024 sums of the channels of the spectrum.
inline void require_weights(const channel_weights& weights, const spectrum_info& spectrum) {
    require_in_range(static_cast<double>(weights.sums), 1, static_cast<double>(most_sums), "weights");
    if (weights.values.size() != weights.sums * spectrum.channels)
        throw value_error("weights", "has " + std::to_string(weights.values.size()) + " numbers, must have " +
                                         std::to_string(spectrum.channels) + " for each sum, as the spectrum");
    for (const float w : weights.values) {
        if (!std::isfinite(w)) throw value_error("weights", "is not finite, must be finite numbers");
    }
}

/// The sum of all spectra: a number a channel. Throws read_error.
template <spectrum_reader R>
std::vector<double> sum_spectrum_of(const R& reader, const spectrum_info& spectrum) {
    std::vector<double> sum(spectrum.channels);
    reader.for_spectra(spectrum, [&](std::size_t, std::size_t channel, double value) { sum[channel] += value; });
    return sum;
}

/// Weighted sums of the channels of every pixel, (n_sums, n_y, n_x), in one pass and without a cube. Throws
/// value_error, see require_weights(), and read_error.
template <scalar T, spectrum_reader R>
xt::xtensor<T, 3> channel_sums_of(const R& reader, const spectrum_info& spectrum, const channel_weights& weights) {
    require_weights(weights, spectrum);
    const std::size_t n = weights.sums, pixels = spectrum.shape[0] * spectrum.shape[1];
    xt::xtensor<T, 3> sums({n, spectrum.shape[0], spectrum.shape[1]}, T(0));
    // Most formats have the channels of a pixel one after another: its sums lie together until the next comes.
    std::vector<double> own(n);
    std::size_t at = pixels;
    const auto flush = [&] {
        for (std::size_t m = 0; m < n && at < pixels; ++m) {
            sums.data()[m * pixels + at] += static_cast<T>(own[m]);
            own[m] = 0;
        }
    };
    reader.for_spectra(spectrum, [&](std::size_t pixel, std::size_t channel, double value) {
        if (pixel != at) {
            flush();
            at = pixel;
        }
        const float* const w = weights.values.data() + channel * n;
        for (std::size_t m = 0; m < n; ++m) own[m] += static_cast<double>(w[m]) * value;
    });
    flush();
    return sums;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
