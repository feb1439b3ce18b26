// Volumes as MRC files.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/guard/atomic_file.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// The bytes of an MRC file (MRC2014, mode 2: float, x fastest): Cheng et al., J. Struct. Biol. 192, 146 (2015), doi
/// 10.1016/j.jsb.2015.04.002. `shape` is (n_z, n_y, n_x). Throws shape_error for an extent above 2^31 - 1.
inline std::string mrc_bytes(const float* values, const stack_shape& shape) {
    std::array<std::int32_t, 256> words{};
    const auto real = [](double v) { return std::bit_cast<std::int32_t>(static_cast<float>(v)); };
    double low = values[0], high = values[0], sum = 0, squares = 0;
    const std::size_t n = shape[0] * shape[1] * shape[2];
    for (std::size_t k = 0; k < n; ++k) {
        const double v = static_cast<double>(values[k]);
        low = std::min(low, v);
        high = std::max(high, v);
        sum += v;
        squares += v * v;
    }
    const double mean = sum / static_cast<double>(n);
    for (std::size_t axis = 0; axis < 3; ++axis) {
        if (shape[axis] > 0x7fffffff) throw shape_error("volume", "is too large for an MRC file");
        words[2 - axis] = words[9 - axis] = static_cast<std::int32_t>(shape[axis]);
        words[12 - axis] = real(static_cast<double>(shape[axis]));  // the cell, in voxels
        words[13 + axis] = real(90);
        words[16 + axis] = static_cast<std::int32_t>(axis + 1);
    }
    words[3] = 2;
    words[19] = real(low);
    words[20] = real(high);
    words[21] = real(mean);
    words[22] = 1;      // a volume
    words[27] = 20140;  // the version
    std::memcpy(&words[52], "MAP ", 4);
    words[53] = std::endian::native == std::endian::little ? 0x00004444 : 0x11110000;
    words[54] = real(std::sqrt(std::max(0.0, squares / static_cast<double>(n) - mean * mean)));
    std::string bytes(sizeof(words) + n * sizeof(float), '\0');
    std::memcpy(bytes.data(), words.data(), sizeof(words));
    std::memcpy(bytes.data() + sizeof(words), values, n * sizeof(float));
    return bytes;
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
