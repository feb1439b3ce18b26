// The spectra of a file as a fusion takes them, in a second pass over the file: the first gave the sum spectrum.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <stemfuse/io/base/channel_sums.hpp>
#include <stemfuse/io/image_file.hpp>
#include <stemfuse/spectra/binned_spectra.hpp>
#include <stemfuse/spectra/spectrum_axis.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The energies of the channels as the file says, in the spectrum's unit.
inline spectrum_axis axis_of(const spectrum_info& s) { return {s.first, channel_step(s), s.channels}; }

/// Counts in up to `n_bins` bins, and counts of every element by the filter of the signatures, in one pass and without
/// a cube: a pixel takes a number a bin and two an element. Throws shape_error where the signatures have other channels
/// than the spectrum, value_error for a number of bins out of range, read_error.
template <scalar T>
binned_spectra<T> read_binned_spectra(const image_file& file, const spectrum_info& spectrum,
                                      const spectral_signatures& signatures, std::size_t n_bins) {
    if (signatures.axis.channels != spectrum.channels)
        throw shape_error("signatures", "has " + std::to_string(signatures.axis.channels) + " channels, must have " +
                                            std::to_string(spectrum.channels) + " as the spectra");
    binned_spectra<T> out;
    out.bins = bin_channels(signatures, n_bins);
    const spectrum_filter filter(signatures);
    const std::size_t bins = out.bins.size(), rows = filter.size();
    channel_weights weights(bins + 2 * rows, spectrum.channels);
    for (std::size_t c = 0; c < spectrum.channels; ++c) {
        if (out.bins.bin_of[c] != signature_bins::unused) weights(out.bins.bin_of[c], c) = 1;
        for (std::size_t i = 0; i < rows; ++i) {
            const double w = filter.weight(i, c);
            weights(bins + i, c) = static_cast<float>(w);
            weights(bins + rows + i, c) = static_cast<float>(w * w);
        }
    }
    const xt::xtensor<T, 3> sums = file.read_channel_sums<T>(spectrum, weights);
    out.counts = xt::view(sums, xt::range(std::size_t{0}, bins));
    out.filtered = xt::view(sums, xt::range(bins, bins + rows));
    out.variance = xt::view(sums, xt::range(bins + rows, bins + 2 * rows));
    return out;
}

/// The amounts of every element by the filter of the signatures, last of the background, (n_elements + 1, n_y, n_x).
/// Throws as read_binned_spectra() does.
template <scalar T>
xt::xtensor<T, 3> read_filtered_spectra(const image_file& file, const spectrum_info& spectrum,
                                        const spectrum_filter& filter) {
    channel_weights weights(filter.size(), spectrum.channels);
    for (std::size_t c = filter.first(); c < spectrum.channels; ++c) {
        for (std::size_t i = 0; i < filter.size(); ++i) weights(i, c) = static_cast<float>(filter.weight(i, c));
    }
    return file.read_channel_sums<T>(spectrum, weights);
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
