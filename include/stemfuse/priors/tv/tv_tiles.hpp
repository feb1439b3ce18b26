// How the TV prox cuts its images into tiles, and the sweep over them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/priors/tv/tv_sweep.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// A cut into columns of `width` and bands of `height` pixels. Results do not depend on it; the order in which sums over
// segments are added depends on the width, which therefore is the same for any number of threads.
struct tv_tiling {
    std::size_t ny, nx, width, height;

    // Columns as wide as three quarters (786432 bytes) of a second-level cache of a megabyte can hold the rows of every
    // iteration, but no narrower than 128: short rows far apart cost more in page tables than the cache saves. Bands in
    // such a number that every thread gets as many tiles: four where that leaves a band 24 halos high, else less, for
    // the halo is computed twice. scalar_bytes: of all images swept together. groups: how many such there are.
    tv_tiling(std::size_t rows, std::size_t columns, std::size_t iterations, std::size_t scalar_bytes,
              std::size_t groups, std::size_t threads)
        : ny(rows), nx(columns) {
        const std::size_t halo = iterations + 1, column_bytes = 10 * halo * scalar_bytes;
        const std::size_t widest = std::max<std::size_t>({786432 / column_bytes, 128, 4 * halo});
        const std::size_t across = block_partition(nx, widest).size();
        width = block_partition(nx, across).size();
        const std::size_t even = threads / std::gcd(threads, across * groups);
        const std::size_t most =
            threads == 1 ? 1 : (4 * threads + across * groups * even - 1) / (across * groups * even);
        const std::size_t bands = even * std::clamp<std::size_t>(ny / (24 * halo * even), 1, most);
        height = std::max(block_partition(ny, bands).size(), std::min(ny, 2 * halo));
    }

    std::size_t columns() const { return block_partition(nx, width).size(); }
    std::size_t tiles() const { return columns() * block_partition(ny, height).size(); }
    tv_tile tile(std::size_t i) const {
        const index_range y = block_partition(ny, height)[i / columns()], x = block_partition(nx, width)[i % columns()];
        return {y.first, y.last, x.first, x.last};
    }
};

// The iterations on all images, `together` of them at a time: calls consume(segment, first, rows, below) for the rows
// of every tile of images first .. first + together - 1, from several threads. rows[i] is the result of the i-th of
// them and has one pixel more, see tv_wavefront; below[i] is its next row, or rows[i] again at the end of the image.
template <class T, class Consume>
void tv_sweep(const tv_kernels<T>& kernels, std::span<const tv_image<T>> images, std::size_t together, T t,
              std::span<const T> momenta, const tv_tiling& tiling, const execution& exec, Consume&& consume) {
    const std::size_t groups = images.size() / together;
    exec.for_each(tiling.tiles() * groups, [&](std::size_t task) {
        const tv_tile tile = tiling.tile(task / groups);
        const std::size_t first = task % groups * together;
        std::vector<tv_wavefront<T>> fronts;
        fronts.reserve(together);
        for (std::size_t i = 0; i < together; ++i) fronts.emplace_back(kernels, images[first + i], t, momenta, tile);
        std::vector<const T*> rows(together), below(together);
        for (std::size_t y = tile.y0; y < tile.y1; ++y) {
            for (std::size_t i = 0; i < together; ++i) {
                rows[i] = fronts[i].row(y);
                below[i] = y + 1 < tiling.ny ? fronts[i].row(y + 1) : rows[i];
            }
            consume(row_segment{y, tile.x0, tile.x1 - tile.x0}, first, rows.data(), below.data());
        }
    });
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
