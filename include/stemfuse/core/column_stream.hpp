// The columns of volumes that are spread over ranks, one after another on rank 0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/communicator.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// Calls f(x, numbers) on rank 0 for every column x of all ranks, in order: the numbers of that column of all stacks, a
/// stack after the other, row after row. Every rank gives its slab of the same stacks. A few columns are in memory at a
/// time.
template <class T, communicator C, class F>
void stream_columns(const std::vector<stack_view<const T>>& stacks, std::size_t n_x, const C& ranks, F&& f) {
    std::size_t numbers = 0;
    for (const auto& s : stacks) numbers += s.shape[0] * s.shape[1];
    constexpr std::size_t together = 16;  // a cache line of floats
    std::vector<T> block(together * numbers);
    const auto extract = [&](std::size_t first, std::size_t count) {
        std::size_t at = 0;
        for (const auto& s : stacks) {
            for (std::size_t r = 0; r < s.shape[0] * s.shape[1]; ++r, ++at) {
                const T* const row = s.row(r / s.shape[1], r % s.shape[1]) + first;
                for (std::size_t c = 0; c < count; ++c) block[c * numbers + at] = row[c];
            }
        }
    };
    const partition slabs(n_x, ranks.size());
    for (std::size_t rank = 0; rank < slabs.size(); ++rank) {
        if (ranks.rank() != 0 && ranks.rank() != rank) continue;
        const std::size_t columns = slabs[rank].size();
        for (std::size_t first = 0; first < columns; first += together) {
            const std::size_t count = std::min(together, columns - first);
            const std::span<T> part(block.data(), count * numbers);
            if (ranks.rank() == rank) extract(first, count);
            if (rank > 0 && ranks.rank() == rank) ranks.send_to_root(std::as_bytes(part));
            if (rank > 0 && ranks.rank() == 0) ranks.receive_from(rank, std::as_writable_bytes(part));
            for (std::size_t c = 0; ranks.rank() == 0 && c < count; ++c) {
                f(slabs[rank].first + first + c, std::span<const T>(block.data() + c * numbers, numbers));
            }
        }
    }
}

/// The whole stack (n, rows, n_x) on rank 0, an empty one on the others.
template <class T, communicator C>
xt::xtensor<T, 3> gather_columns(const stack_view<const T>& slab, std::size_t n_x, const C& ranks) {
    xt::xtensor<T, 3> all;
    if (ranks.rank() == 0) all.resize(stack_shape{slab.shape[0], slab.shape[1], n_x});
    stream_columns<T>({slab}, n_x, ranks, [&](std::size_t x, std::span<const T> column) {
        for (std::size_t k = 0; k < column.size(); ++k) all.data()[k * n_x + x] = column[k];
    });
    return all;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
