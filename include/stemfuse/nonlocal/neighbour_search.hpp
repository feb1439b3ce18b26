// For every pixel, the pixels around it with the most similar descriptors.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/core/partition.hpp>
#include <stemfuse/nonlocal/nearest_of_pack.hpp>
#include <stemfuse/nonlocal/patch_descriptors.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of the search for neighbours.
struct neighbour_options {
    std::size_t half_window = 40;  ///< farthest neighbour along y and x, in pixels; up to 127: offsets are bytes
    std::size_t neighbours = 64;   ///< with the pixel itself
};

/// Where a neighbour lies, in pixels from the pixel itself.
struct neighbour_offset {
    std::int8_t dy,  ///< rows down
        dx;          ///< columns to the right
};

/// `count` neighbours of every pixel, in row-major order of the pixels: 6 bytes each. The pixel itself is one of them;
/// they come in no order.
struct neighbour_list {
    std::size_t ny = 0,  ///< rows of the image
        nx = 0,          ///< columns of the image
        count = 0;       ///< neighbours of every pixel, itself included
    /// Of neighbour k of pixel (y, x) at (y n_x + x) count + k, here and below.
    std::vector<neighbour_offset> offsets;
    std::vector<float> distances;  ///< squared, between the descriptors: in units of the noise's variance
};

/// Bytes of the list for an image of this shape.
inline std::size_t neighbour_bytes(std::size_t ny, std::size_t nx, const neighbour_options& options = {}) {
    const std::size_t window = std::min(ny, options.half_window + 1) * std::min(nx, options.half_window + 1);
    return ny * nx * std::min(options.neighbours, window) * (sizeof(neighbour_offset) + sizeof(float));
}

namespace detail {

// One bit for every lane in which a <= b.
inline std::uint32_t lanes_up_to(pack<float> a, pack<float> b) {
#if defined(STEMFUSE_HAS_AVX512)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ);
#elif defined(STEMFUSE_HAS_AVX)
    return static_cast<std::uint32_t>(_mm256_movemask_ps((__m256)(a <= b)));
#elif defined(STEMFUSE_HAS_SSE2)
    return static_cast<std::uint32_t>(_mm_movemask_ps((__m128)(a <= b)));
#else
    const auto holds = a <= b;
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < lanes<float>; ++k) bits |= get_lane(holds, k) != 0 ? 1u << k : 0u;
    return bits;
#endif
}

// The displacements inside the window, row by row from the nearest on, and the place of each by length.
struct displacements {
    struct row {
        std::ptrdiff_t dy;
        std::vector<std::uint32_t> places;  // of dx = -half_window .. half_window
    };
    std::vector<row> rows;
    std::vector<neighbour_offset> by_length;

    explicit displacements(std::size_t half_window) {
        const auto r = static_cast<std::ptrdiff_t>(half_window);
        for (std::ptrdiff_t dy = -r; dy <= r; ++dy) {
            for (std::ptrdiff_t dx = -r; dx <= r; ++dx)
                by_length.push_back({static_cast<std::int8_t>(dy), static_cast<std::int8_t>(dx)});
        }
        std::stable_sort(by_length.begin(), by_length.end(), [](neighbour_offset a, neighbour_offset b) {
            return a.dy * a.dy + a.dx * a.dx < b.dy * b.dy + b.dx * b.dx;
        });
        const std::size_t width = 2 * half_window + 1;
        for (std::ptrdiff_t k = 0; k < static_cast<std::ptrdiff_t>(width); ++k)
            rows.push_back({k % 2 == 0 ? k / 2 : -(k + 1) / 2, std::vector<std::uint32_t>(width)});
        for (std::size_t p = 0; p < by_length.size(); ++p) {
            const auto [dy, dx] = by_length[p];
            auto& of_row = rows[static_cast<std::size_t>(dy >= 0 ? 2 * dy : -2 * dy - 1)];
            of_row.places[static_cast<std::size_t>(dx + r)] = static_cast<std::uint32_t>(p);
        }
    }
};

// Descriptors row by row, all dimensions of a row together, filled up with zeros to a multiple of four, and with
// far-away values past both ends.
class descriptor_rows {
public:
    descriptor_rows(const patch_descriptors& from, std::size_t margin)
        : dimensions_((from.values.shape(0) + 3) / 4 * 4),
          margin_(margin),
          width_(from.values.shape(2) + 2 * margin + lanes<float>) {
        const std::size_t ny = from.values.shape(1), nx = from.values.shape(2);
        values_.assign(ny * dimensions_ * width_, 1e18f);
        for (std::size_t y = 0; y < ny; ++y) {
            for (std::size_t d = 0; d < dimensions_; ++d) {
                float* const row = values_.data() + (y * dimensions_ + d) * width_;
                if (d < from.values.shape(0)) {
                    std::copy_n(&from.values(d, y, 0), nx, row + margin);
                } else {
                    std::fill_n(row, width_, 0.0f);
                }
            }
        }
    }

    std::size_t dimensions() const noexcept { return dimensions_; }
    std::size_t width() const noexcept { return width_; }

    // The first dimension of pixel x of row y; the next ones follow `width` apart. x from -margin on.
    const float* at(std::size_t y, std::ptrdiff_t x) const {
        return values_.data() + y * dimensions_ * width_ +
               static_cast<std::size_t>(x + static_cast<std::ptrdiff_t>(margin_));
    }

private:
    std::size_t dimensions_, margin_, width_;
    std::vector<float> values_;
};

// Squared distances of the pixels of a pack, `here`, from as many others: the first four dimensions, then four more.
inline pack<float> first_four(const float* here, const float* there, std::size_t width) {
    const auto squared = [&](std::size_t k) {
        const pack<float> v = load(here + k * width) - load(there + k * width);
        return v * v;
    };
    return squared(0) + squared(1) + (squared(2) + squared(3));
}
inline void add_four(pack<float>& distance, const float* here, const float* there, std::size_t width, std::size_t d) {
    for (std::size_t k = d; k < d + 4; ++k) {
        const pack<float> v = load(here + k * width) - load(there + k * width);
        distance += v * v;
    }
}

// Rows that one thread searches one after the other: all but the first learn from the row above.
inline constexpr std::size_t rows_of_band = 16;

// A distance within which every pixel of a pack has all its neighbours: where a pixel of the row above has them, the
// same displacements lead to as many pixels here, and the farthest of these is a bound, but for rounding. The least of
// the bounds by four pixels above. In an image that has structure, near pixels are alike: the search starts with almost
// the limit that it ends with, and keeps fewer pixels to drop them again: a lattice of 128 x 128 pixels took .09 s in
// place of .14 s (descriptors included, AVX-512). In noise alone the bounds neither help nor cost.
inline pack<float> limit_from_above(const descriptor_rows& rows, const neighbour_list& list, std::size_t y,
                                    std::size_t x) {
    const std::size_t width = rows.width();
    const float* const here = rows.at(y, static_cast<std::ptrdiff_t>(x));
    pack<float> limit = broadcast(std::numeric_limits<float>::infinity());
    for (std::size_t lane = lanes<float> / 8; lane < lanes<float>; lane += lanes<float> / 4) {
        const std::size_t above = (y - 1) * list.nx + std::min(x + lane, list.nx - 1);
        pack<float> farthest{};
        bool inside = true;
        for (std::size_t k = 0; k < list.count && inside; ++k) {
            const auto [dy, dx] = list.offsets[above * list.count + k];
            const std::ptrdiff_t other = static_cast<std::ptrdiff_t>(y) + dy;
            inside = other >= 0 && other < static_cast<std::ptrdiff_t>(list.ny);
            if (!inside) break;
            const float* const there = rows.at(static_cast<std::size_t>(other), static_cast<std::ptrdiff_t>(x) + dx);
            pack<float> distance = first_four(here, there, width);
            for (std::size_t d = 4; d < rows.dimensions(); d += 4) add_four(distance, here, there, width, d);
            farthest = pack_max(farthest, distance);
        }
        if (inside) limit = pack_min(limit, farthest);
    }
    return limit * 1.00001f;
}

// One displacement at a time, for all pixels of a pack. The dimensions are ordered by how much they vary: where the
// first four tell that no pixel of the pack has a new neighbour, the others are not looked at.
inline void search_pack(const descriptor_rows& rows, const displacements& window, std::size_t ny, std::size_t nx,
                        std::size_t y, std::size_t x, nearest_of_pack& nearest) {
    const auto r = static_cast<std::ptrdiff_t>(window.rows.front().places.size() / 2);
    const auto column = static_cast<std::ptrdiff_t>(x), last = static_cast<std::ptrdiff_t>(nx) - 1;
    const std::size_t dimensions = rows.dimensions(), width = rows.width();
    const float* const here = rows.at(y, column);
    const std::uint32_t in_image = nx - x >= lanes<float> ? ~0u : (1u << (nx - x)) - 1;
    // At least one pixel of the pack has a neighbour inside the image.
    const std::ptrdiff_t from = std::max(-r, -(column + static_cast<std::ptrdiff_t>(lanes<float>) - 1)),
                         to = std::min(r, last - column);
    for (const auto& row : window.rows) {
        const std::ptrdiff_t other = static_cast<std::ptrdiff_t>(y) + row.dy;
        if (other < 0 || other >= static_cast<std::ptrdiff_t>(ny)) continue;
        const float* const first = rows.at(static_cast<std::size_t>(other), column);
        for (std::ptrdiff_t dx = from; dx <= to; ++dx) {
            const float* const there = first + dx;
            pack<float> distance = first_four(here, there, width);
            std::uint32_t closer = in_image & lanes_up_to(distance, nearest.limit());
            for (std::size_t d = 4; d < dimensions && closer != 0; d += 4) {
                add_four(distance, here, there, width, d);
                closer &= lanes_up_to(distance, nearest.limit());
            }
            if (closer == 0) continue;
            const std::uint32_t place = row.places[static_cast<std::size_t>(dx + r)];
            for (; closer != 0; closer &= closer - 1) {
                const auto lane = static_cast<std::size_t>(std::countr_zero(closer));
                const std::ptrdiff_t target = column + static_cast<std::ptrdiff_t>(lane) + dx;
                if (target >= 0 && target <= last) nearest.add(lane, key_of(get_lane(distance, lane), place));
            }
        }
    }
}

// What was found for a pack, at its place in the list.
inline void store_nearest(nearest_of_pack& nearest, const displacements& window, std::size_t y, std::size_t x,
                          neighbour_list& list) {
    for (std::size_t lane = 0; lane < std::min(lanes<float>, list.nx - x); ++lane) {
        const neighbour_key* const keys = nearest.nearest(lane);
        std::size_t to = (y * list.nx + x + lane) * list.count;
        for (std::size_t k = 0; k < list.count; ++k, ++to) {
            list.offsets[to] = window.by_length[static_cast<std::uint32_t>(keys[k])];
            list.distances[to] = std::bit_cast<float>(static_cast<std::uint32_t>(keys[k] >> 32));
        }
    }
}

}  // namespace detail

/// The nearest of all pixels in the window around every pixel, itself included; among equally near ones those that lie
/// closer. Exact, and the same for any number of threads. Every pixel gets options.neighbours of them, but no more than
/// the window of a corner pixel has inside the image. Throws value_error for no neighbour and a half_window above 127.
inline neighbour_list find_neighbours(const patch_descriptors& descriptors, const neighbour_options& options = {},
                                      const execution& exec = {}) {
    const std::size_t ny = descriptors.values.shape(1), nx = descriptors.values.shape(2);
    require_at_least(options.neighbours, 1, "neighbours");
    if (options.half_window > 127) throw value_error("half_window", is_but_must_be(options.half_window, "127 or less"));
    neighbour_list list{ny, nx, 0, {}, {}};
    const std::size_t reach = options.half_window + 1;
    list.count = std::min(options.neighbours, std::min(ny, reach) * std::min(nx, reach));
    list.offsets.resize(ny * nx * list.count);
    list.distances.resize(ny * nx * list.count);
    const detail::descriptor_rows rows(descriptors, options.half_window + lanes<float>);
    const detail::displacements window(options.half_window);
    const partition bands(ny, ny / detail::rows_of_band);
    exec.for_each(bands.size(), [&](std::size_t band) {
        detail::nearest_of_pack nearest(list.count);
        for (std::size_t y = bands[band].first; y < bands[band].last; ++y) {
            const bool first_row = y == bands[band].first;
            for (std::size_t x = 0; x < nx; x += lanes<float>) {
                nearest.clear(first_row ? broadcast(std::numeric_limits<float>::infinity())
                                        : detail::limit_from_above(rows, list, y, x));
                detail::search_pack(rows, window, ny, nx, y, x, nearest);
                detail::store_nearest(nearest, window, y, x, list);
            }
        }
    });
    return list;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
