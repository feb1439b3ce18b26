// The filters of HDF5 data sets: a decoder of lzf, and what to say of those that are not there.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <stemfuse/io/hdf5/hdf5_handle.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Decodes LZF, the compression of Marc Lehmann's LibLZF that h5py offers: a control byte c < 32 is followed by
/// c + 1 plain bytes; any other one says how long (3 to 264) and how far back (up to 8192) the piece is that comes
/// again. None for a damaged stream, and for one of more than `most` bytes.
inline std::optional<std::vector<std::uint8_t>> decode_lzf(std::span<const std::uint8_t> in, std::size_t most) {
    std::vector<std::uint8_t> out;
    for (std::size_t at = 0; at < in.size();) {
        const std::size_t control = in[at++];
        if (control < 32) {
            const std::size_t count = control + 1;
            if (count > in.size() - at || count > most - out.size()) return std::nullopt;
            out.insert(out.end(), in.begin() + static_cast<std::ptrdiff_t>(at),
                       in.begin() + static_cast<std::ptrdiff_t>(at + count));
            at += count;
            continue;
        }
        std::size_t length = control >> 5;
        if (length == 7) {
            if (at == in.size()) return std::nullopt;
            length += in[at++];
        }
        if (at == in.size()) return std::nullopt;
        const std::size_t back = ((control & 31) << 8 | in[at++]) + 1;
        length += 2;
        if (back > out.size() || length > most - out.size()) return std::nullopt;
        for (std::size_t k = 0; k < length; ++k) out.push_back(out[out.size() - back]);
    }
    return out;
}

namespace detail {

inline constexpr H5Z_filter_t lzf_filter = 32000;
inline constexpr std::size_t most_of_lzf = 300;  // bytes that one byte of it can become, and more

// As the HDF5 library calls a filter: it owns the buffer, which is exchanged for one of its own allocation.
inline std::size_t run_lzf(unsigned flags, std::size_t, const unsigned*, std::size_t bytes, std::size_t* buffer_bytes,
                           void** buffer) {
    if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;  // it is never written
    try {
        const auto out = decode_lzf({static_cast<const std::uint8_t*>(*buffer), bytes}, most_of_lzf * bytes);
        if (!out || out->empty()) return 0;
        void* const own = H5allocate_memory(out->size(), false);
        if (own == nullptr) return 0;
        std::memcpy(own, out->data(), out->size());
        H5free_memory(*buffer);
        *buffer = own, *buffer_bytes = out->size();
        return out->size();
    } catch (...) {
        return 0;
    }
}

// Makes the HDF5 library read lzf, unless it does so already.
inline void offer_lzf() {
    static const bool offered = [] {
        const H5Z_class2_t filter{H5Z_CLASS_T_VERS, lzf_filter, 0, 1, "lzf", nullptr, nullptr, run_lzf};
        return H5Zregister(&filter) >= 0;
    }();
    static_cast<void>(offered);
}

inline std::string hdf5_filter_name(H5Z_filter_t filter) {
    constexpr std::array<std::pair<H5Z_filter_t, std::string_view>, 11> names{{{H5Z_FILTER_SZIP, "szip"},
                                                                               {307, "bzip2"},
                                                                               {32000, "lzf"},
                                                                               {32001, "blosc"},
                                                                               {32004, "lz4"},
                                                                               {32008, "bitshuffle"},
                                                                               {32013, "zfp"},
                                                                               {32015, "zstd"},
                                                                               {32017, "sz"},
                                                                               {32024, "sz3"},
                                                                               {32026, "blosc2"}}};
    for (const auto& [number, name] : names) {
        if (number == filter) return std::string(name);
    }
    return "filter " + std::to_string(filter);
}

// Why the chunks of a data set cannot be decoded, by its creation properties; empty where they can.
inline std::string missing_filter(hid_t layout) {
    offer_lzf();
    const int count = H5Pget_nfilters(layout);
    for (int i = 0; i < count; ++i) {
        unsigned flags = 0, config = 0;
        std::size_t values = 0;
        const H5Z_filter_t filter =
            H5Pget_filter2(layout, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
        if (filter < 0 || H5Zfilter_avail(filter) > 0) continue;
        return "is compressed by " + hdf5_filter_name(filter) +
               ", which is not read: save it by gzip, as by \"h5repack -f GZIP=1\" where that filter is installed, or "
               "in "
               "Python with hdf5plugin";
    }
    return "";
}

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI::io
