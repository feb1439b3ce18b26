// Spectra of every pixel as counts in a few bins, and their filtered amounts: what a fusion of spectra takes.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/spectra/signature_bins.hpp>
#include <stemfuse/spectra/spectrum_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The spectra of an image (n_y, n_x).
template <scalar T>
struct binned_spectra {
    signature_bins bins;         ///< which channels each bin holds
    xt::xtensor<T, 3> counts;    ///< (n_bins, n_y, n_x); fuse_spectra() takes whole numbers
    xt::xtensor<T, 3> filtered;  ///< (n_elements + 1, n_y, n_x): counts by spectrum_filter, last of the background
    xt::xtensor<T, 3> variance;  ///< of the filtered counts, as the counts of the pixel itself tell

    /// Signatures as spectral_likelihood takes them, (n_bins, n_elements + 1).
    xt::xtensor<double, 2> signatures() const {
        xt::xtensor<double, 2> matrix({bins.size(), bins.shapes.rows()});
        for (std::size_t k = 0; k < bins.size(); ++k) {
            for (std::size_t i = 0; i < bins.shapes.rows(); ++i) matrix(k, i) = bins.shapes(i, k);
        }
        return matrix;
    }
};

/// Collects spectra, one count or one spectrum at a time, without ever holding a cube of channels: a pixel takes a
/// number for each bin, and two for each element and for the background.
template <scalar T>
class spectrum_binner {
public:
    /// Throws value_error for a number of bins out of range, shape_error for an empty image.
    spectrum_binner(const spectral_signatures& s, const image_shape& image, std::size_t n_bins) : filter_(s) {
        if (image[0] == 0 || image[1] == 0)
            throw shape_error("image", "has shape " + to_string(image) + ", must have pixels");
        out_.bins = bin_channels(s, n_bins);
        out_.counts = xt::zeros<T>({out_.bins.size(), image[0], image[1]});
        out_.filtered = xt::zeros<T>({filter_.size(), image[0], image[1]});
        out_.variance = xt::zeros<T>({filter_.size(), image[0], image[1]});
    }

    /// The filter of the filtered maps.
    const spectrum_filter& filter() const { return filter_; }

    /// Adds `count` counts in a channel of pixel (y, x); channels that are not used are passed over. The caller keeps
    /// y, x and channel in range.
    void add(std::size_t y, std::size_t x, std::size_t channel, double count = 1) {
        const std::uint16_t bin = out_.bins.bin_of[channel];
        if (bin == signature_bins::unused || count == 0) return;
        out_.counts(bin, y, x) += static_cast<T>(count);
        for (std::size_t i = 0; i < filter_.size(); ++i) {
            const double f = filter_.weight(i, channel);
            out_.filtered(i, y, x) += static_cast<T>(f * count);
            out_.variance(i, y, x) += static_cast<T>(f * f * count);
        }
    }

    /// Adds the counts of all channels of pixel (y, x).
    template <class Channels>
    void add_spectrum(std::size_t y, std::size_t x, const Channels& channels) {
        for (std::size_t c = filter_.first(); c < out_.bins.bin_of.size(); ++c)
            add(y, x, c, static_cast<double>(channels[c]));
    }

    /// What was collected, moved out: std::move(binner).result().
    binned_spectra<T> result() && { return std::move(out_); }

private:
    spectrum_filter filter_;
    binned_spectra<T> out_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
