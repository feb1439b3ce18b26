// The numbers of a zarr array, chunk by chunk.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

#include <stemfuse/core/array.hpp>
#include <stemfuse/io/zarr/zarr_header.hpp>
#include <stemfuse/io/zarr/zarr_store.hpp>

namespace stemfuse::inline STEMFUSE_ABI::io {

/// Inflates a chunk of zlib or gzip of exactly `size` bytes; none for any other bytes.
inline std::optional<std::vector<std::byte>> inflate_chunk(const std::vector<std::byte>& in, std::size_t size) {
    std::vector<std::byte> out(size);
    z_stream stream{};
    constexpr int zlib_or_gzip = 15 + 32;  // as zlib has it: the largest window, the header tells which
    if (inflateInit2(&stream, zlib_or_gzip) != Z_OK) return std::nullopt;
    std::size_t read = 0, written = 0;
    int status = Z_OK;
    while (status == Z_OK) {
        constexpr std::size_t step = 1 << 30;  // zlib counts in 32 bits
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data() + read));
        stream.avail_in = static_cast<uInt>(std::min(step, in.size() - read));
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
        stream.avail_out = static_cast<uInt>(std::min(step, size - written));
        const std::size_t had_in = stream.avail_in, had_out = stream.avail_out;
        status = inflate(&stream, Z_NO_FLUSH);
        read += had_in - stream.avail_in, written += had_out - stream.avail_out;
        if (status == Z_OK && had_in == stream.avail_in && had_out == stream.avail_out) break;
    }
    inflateEnd(&stream);
    return status == Z_STREAM_END && written == size ? std::optional(std::move(out)) : std::nullopt;
}

/// A part of an array: places first <= i < last along each axis.
struct zarr_range {
    std::size_t first;  ///< the first place inside
    std::size_t last;   ///< one past the last place inside
};

/// One chunk as it was read.
template <scalar T>
struct zarr_chunk {
    std::vector<T> values;             ///< all of the chunk, also what lies beyond the array
    std::vector<std::size_t> origin;   ///< the place of its first element in the array
    std::vector<std::size_t> strides;  ///< how far apart neighbours along each axis lie in `values`
};

namespace detail {

inline std::optional<std::size_t> zarr_elements(const std::vector<std::size_t>& extents) {
    std::size_t product = 1;
    for (const std::size_t n : extents) {
        if (n > 0 && product > (std::size_t(1) << 40) / n) return std::nullopt;
        product *= n;
    }
    return product;
}

// The bytes of one chunk, of the size that its shape and type need; none where it is not there. Throws read_error.
template <zarr_store Store>
std::optional<std::vector<std::byte>> decode_zarr_chunk(const Store& store, const zarr_header& header,
                                                        const std::string& key, std::size_t bytes) {
    // Deflate makes nothing much longer: 5 bytes for 16 KiB, and its header.
    auto stored = store.read(key, bytes + bytes / 1024 + 1024);
    if (!stored) return std::nullopt;
    if (header.codec == zarr_codec::none) {
        if (stored->size() != bytes)
            store.fail("the chunk " + key + " has " + std::to_string(stored->size()) + " bytes, must have " +
                       std::to_string(bytes));
        return stored;
    }
    if (bytes / 1032 > stored->size()) store.fail("the chunk " + key + " announces more than its bytes can give");
    auto inflated = inflate_chunk(*stored, bytes);
    if (!inflated)
        store.fail("the chunk " + key + " is damaged: does not inflate to " + std::to_string(bytes) + " bytes");
    return inflated;
}

}  // namespace detail

/// Calls f(chunk) for every chunk of the array at `path` that has a part within `ranges`, one range an axis. Throws
/// read_error where one is damaged.
template <scalar T, zarr_store Store, class F>
void for_zarr_chunks(const Store& store, const std::string& path, const zarr_header& header,
                     const std::vector<zarr_range>& ranges, F&& f) {
    const std::size_t rank = header.shape.size();
    const auto elements = detail::zarr_elements(header.chunks);
    constexpr std::size_t most_bytes = std::size_t(1) << 31;
    if (!elements || *elements > most_bytes / header.type.size)
        store.fail(path + " has chunks of " + to_string(header.chunks) + " numbers, must have less than 2 GiB each");
    zarr_chunk<T> chunk{std::vector<T>(), std::vector<std::size_t>(rank), std::vector<std::size_t>(rank, 1)};
    for (std::size_t k = 0, stride = 1; k < rank; ++k) {
        const std::size_t d = header.column_major ? k : rank - 1 - k;
        chunk.strides[d] = stride, stride *= header.chunks[d];
    }
    std::vector<std::size_t> at(rank);
    for (std::size_t d = 0; d < rank; ++d) {
        if (ranges[d].first >= ranges[d].last) return;
        at[d] = ranges[d].first / header.chunks[d];
    }
    for (bool more = true; more;) {
        std::string key = path.empty() ? "" : path + "/";
        for (std::size_t d = 0; d < rank; ++d) {
            key += (d > 0 ? std::string(1, header.separator) : "") + std::to_string(at[d]);
            chunk.origin[d] = at[d] * header.chunks[d];
        }
        const auto bytes = detail::decode_zarr_chunk(store, header, key, *elements * header.type.size);
        chunk.values.assign(*elements, static_cast<T>(header.fill));
        if (bytes)
            detail::decode<T>(bytes->data(), header.type, *elements, [&](std::size_t i, T v) { chunk.values[i] = v; });
        f(std::as_const(chunk));
        more = false;
        for (std::size_t d = rank; d-- > 0 && !more;) {
            more = ++at[d] * header.chunks[d] < ranges[d].last;
            if (!more) at[d] = ranges[d].first / header.chunks[d];
        }
    }
}

}  // namespace stemfuse::inline STEMFUSE_ABI::io
