// Spectrum images of HDF5 files, of any order of axes, summed into maps of energy windows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/hdf5/hdf5.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The axes of spectra in a data set; of the others the first place is taken.
struct hdf5_spectrum_axes {
    std::size_t y = 0;       ///< number of the axis of rows
    std::size_t x = 1;       ///< number of the axis of columns
    std::size_t energy = 2;  ///< number of the axis of channels
    bool flat = false;       ///< y and x lie one after another along the axis y
};

namespace detail {

// How far apart in a block of this extent two neighbours along each axis lie.
inline std::vector<std::size_t> strides_of(const std::vector<hsize_t>& extent) {
    std::vector<std::size_t> strides(extent.size(), 1);
    for (std::size_t d = extent.size(); d-- > 1;) strides[d - 1] = strides[d] * extent[d];
    return strides;
}

// Throws read_error where a data set cannot hold the spectra, before memory is taken for their maps.
inline void require_spectra(const hdf5_reader& file, const spectrum_info& s, const hdf5_data_set& set) {
    const std::uint64_t most = set ? set.most_elements(input_file_size(file.path())) : 0;
    const std::size_t ny = s.shape[0], nx = s.shape[1];
    if (ny == 0 || nx == 0 || nx > most / ny || s.channels > most / ny / nx)
        file.refuse(s.places.at(0), "announces " + to_string(s.shape) + " spectra of " + std::to_string(s.channels) +
                                        " channels, has " + std::to_string(most) + " numbers at most");
}

// Calls f(pixel, spectrum, stride) for every pixel, spectrum its channels first <= c < last, the next of them stride
// further. Rows pass through memory in blocks.
template <class F>
void for_hdf5_pixels(const hdf5_reader& file, const spectrum_info& spectrum, const hdf5_spectrum_axes& axes,
                     std::size_t first, std::size_t last, F&& f) {
    const hsize_t ny = spectrum.shape[0], nx = spectrum.shape[1];
    const std::string& path = spectrum.places.at(0);
    const hdf5_data_set set(file.root(), path);
    require_spectra(file, spectrum, set);
    if (first >= last) return;
    const hsize_t n = last - first, row_bytes = nx * n * sizeof(float);
    // A block of rows in memory, in bytes: whole chunks from 4 MiB on, so that none is inflated twice; 256 MiB at most.
    constexpr hsize_t small = 1 << 22, large = 1 << 28;
    const hsize_t rows_of_chunks = set.in_whole_chunks(axes.y, small / row_bytes);
    const hsize_t rows = std::clamp<hsize_t>(rows_of_chunks, 1, std::max<hsize_t>(large / row_bytes, 1));
    std::vector<hsize_t> start(set.shape().size(), 0), count(start.size(), 1);
    start[axes.energy] = first, count[axes.energy] = n, count[axes.x] = nx;
    const hsize_t of_row = axes.flat ? nx : 1;
    for (hsize_t y = 0; y < ny; y += rows) {
        const hsize_t height = std::min(rows, ny - y);
        start[axes.y] = y * of_row, count[axes.y] = height * of_row;
        const auto block = file.read_block<float>(path, start, count);
        const auto strides = strides_of(count);
        for (hsize_t p = 0; p < height * nx; ++p)
            f(y * nx + p, block.data() + p / nx * of_row * strides[axes.y] + p % nx * strides[axes.x],
              strides[axes.energy]);
    }
}

}  // namespace detail

/// Calls f(pixel, channel, value) for the numbers of the data set places[0] of a spectrum, but for those that are 0.
/// Throws read_error.
template <class F>
void for_hdf5_spectra(const hdf5_reader& file, const spectrum_info& spectrum, const hdf5_spectrum_axes& axes, F&& f) {
    detail::for_hdf5_pixels(file, spectrum, axes, 0, spectrum.channels,
                            [&](std::size_t pixel, const float* values, std::size_t stride) {
                                for (std::size_t c = 0; c < spectrum.channels; ++c) {
                                    if (values[c * stride] != 0) f(pixel, c, static_cast<double>(values[c * stride]));
                                }
                            });
}

/// Maps of energy windows, shape (n_windows, n_y, n_x), of the data set places[0] of a spectrum. Throws value_error for
/// invalid windows (see require_windows()), and read_error.
template <scalar T>
xt::xtensor<T, 3> read_hdf5_windows(const hdf5_reader& file, const spectrum_info& spectrum,
                                    const std::vector<energy_window>& windows, const hdf5_spectrum_axes& axes = {}) {
    require_windows(windows);
    detail::require_spectra(file, spectrum, hdf5_data_set(file.root(), spectrum.places.at(0)));
    xt::xtensor<T, 3> maps({windows.size(), spectrum.shape[0], spectrum.shape[1]}, T(0));
    std::vector<channel_range> ranges;
    std::size_t first = spectrum.channels, last = 0;
    for (const energy_window& w : windows) {
        ranges.push_back(channels_in(w, spectrum));
        if (ranges.back().first == ranges.back().last) continue;
        first = std::min(first, ranges.back().first), last = std::max(last, ranges.back().last);
    }
    const std::size_t pixels = spectrum.shape[0] * spectrum.shape[1];
    detail::for_hdf5_pixels(file, spectrum, axes, first, last,
                            [&](std::size_t pixel, const float* values, std::size_t stride) {
                                for (std::size_t w = 0; w < windows.size(); ++w) {
                                    double sum = 0;
                                    for (std::size_t i = ranges[w].first; i < ranges[w].last; ++i)
                                        sum += static_cast<double>(values[(i - first) * stride]);
                                    maps.data()[w * pixels + pixel] = static_cast<T>(sum);
                                }
                            });
    return maps;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
