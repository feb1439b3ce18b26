// Spectrum images of HDF5 files, of shape (n_y, n_x, energy), summed into maps of energy windows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <stemfuse/io/base/energy_windows.hpp>
#include <stemfuse/io/base/image_info.hpp>
#include <stemfuse/io/hdf5/hdf5.hpp>

namespace stemfuse::io {

/// Maps of energy windows, shape (n_windows, n_y, n_x), of the data set places[0] of a spectrum. Rows pass through
/// memory in blocks. Throws value_error for windows that are none, read_error.
template <scalar T>
xt::xtensor<T, 3> read_hdf5_windows(const hdf5_reader& file, const spectrum_info& spectrum,
                                    const std::vector<energy_window>& windows) {
    require_windows(windows);
    const hsize_t ny = spectrum.shape[0], nx = spectrum.shape[1];
    const std::string& path = spectrum.places.at(0);
    const hdf5_data_set set(file.root(), path);
    const std::uint64_t most = set ? set.most_elements(input_file_size(file.path())) : 0;
    if (ny == 0 || nx == 0 || nx > most / ny || spectrum.channels > most / ny / nx)
        file.refuse(path, "announces " + to_string(spectrum.shape) + " spectra of " +
                              std::to_string(spectrum.channels) + " channels, has " + std::to_string(most) +
                              " numbers at most");
    xt::xtensor<T, 3> maps({windows.size(), ny, nx}, T(0));
    std::vector<channel_range> ranges;
    std::size_t first = spectrum.channels, last = 0;
    for (const energy_window& w : windows) {
        ranges.push_back(channels_in(w, spectrum));
        if (ranges.back().first == ranges.back().last) continue;
        first = std::min(first, ranges.back().first), last = std::max(last, ranges.back().last);
    }
    if (first >= last) return maps;
    const hsize_t n = last - first, row_bytes = nx * n * sizeof(float);
    constexpr hsize_t small = 1 << 22, large = 1 << 28;
    const hsize_t rows_of_chunks = set.in_whole_chunks(0, small / row_bytes);
    const hsize_t rows = std::clamp<hsize_t>(rows_of_chunks, 1, std::max<hsize_t>(large / row_bytes, 1));
    for (hsize_t y = 0; y < ny; y += rows) {
        const hsize_t height = std::min(rows, ny - y);
        const auto block = file.read_block<float>(path, {y, 0, first}, {height, nx, n});
        for (std::size_t w = 0; w < windows.size(); ++w) {
            for (hsize_t p = 0; p < height * nx; ++p) {
                double sum = 0;
                for (std::size_t i = ranges[w].first; i < ranges[w].last; ++i)
                    sum += static_cast<double>(block[p * n + i - first]);
                maps(w, y + p / nx, p % nx) = static_cast<T>(sum);
            }
        }
    }
    return maps;
}

}  // namespace stemfuse::io
