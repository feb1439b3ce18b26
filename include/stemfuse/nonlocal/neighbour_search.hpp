// For every pixel, the pixels around it with the most similar descriptors.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
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

/// `count` neighbours of every pixel, in row-major order of the pixels: 6 bytes each. The pixel itself comes first, the
/// others in no order.
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

// A neighbour as one number that orders by distance, then by place: squared distance, which is not negative, in the
// upper half, place among the displacements by length in the lower.
using neighbour_key = std::uint64_t;

inline neighbour_key key_of(float distance, std::uint32_t place) {
    return (std::uint64_t{std::bit_cast<std::uint32_t>(distance)} << 32) | place;
}

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

// The nearest neighbours found so far for the pixels of one pack: room for twice the number wanted, cut to that number
// when full.
class nearest_of_pack {
public:
    static constexpr std::size_t n = lanes<float>;

    explicit nearest_of_pack(std::size_t wanted) : wanted_(wanted), room_(2 * wanted), keys_(n * room_) {}

    void clear() {
        std::fill(std::begin(size_), std::end(size_), 0);
        limit_ = broadcast(std::numeric_limits<float>::infinity());
    }

    pack<float> limit() const { return limit_; }

    void add(std::size_t lane, neighbour_key key) {
        neighbour_key* const own = keys_.data() + lane * room_;
        own[size_[lane]++] = key;
        if (size_[lane] == room_) cut(lane);
    }

    // The nearest of one lane: the number wanted, or all if there are fewer.
    const neighbour_key* nearest(std::size_t lane) {
        if (size_[lane] > wanted_) cut(lane);
        return keys_.data() + lane * room_;
    }

private:
    void cut(std::size_t lane) {
        neighbour_key* const own = keys_.data() + lane * room_;
        std::nth_element(own, own + wanted_ - 1, own + size_[lane]);
        size_[lane] = wanted_;
        set_lane(limit_, lane, std::bit_cast<float>(static_cast<std::uint32_t>(own[wanted_ - 1] >> 32)));
    }

    std::size_t wanted_, room_;
    std::vector<neighbour_key> keys_;
    std::size_t size_[n] = {};
    pack<float> limit_{};
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

// One displacement at a time, for all pixels of a pack. The dimensions are ordered by how much they vary: where the
// first four tell that no pixel of the pack has a new neighbour, the others are not looked at.
inline void search_pack(const descriptor_rows& rows, const displacements& window, std::size_t ny, std::size_t nx,
                        std::size_t y, std::size_t x, nearest_of_pack& nearest) {
    const auto r = static_cast<std::ptrdiff_t>(window.rows.front().places.size() / 2);
    const auto column = static_cast<std::ptrdiff_t>(x), last = static_cast<std::ptrdiff_t>(nx) - 1;
    const std::size_t dimensions = rows.dimensions(), width = rows.width();
    const float* const here = rows.at(y, column);
    const std::uint32_t in_image = nx - x >= lanes<float> ? ~0u : (1u << (nx - x)) - 1;
    const pack<float> own[4] = {load(here), load(here + width), load(here + 2 * width), load(here + 3 * width)};
    const auto squared = [](pack<float> v) { return v * v; };
    nearest.clear();
    // At least one pixel of the pack has a neighbour inside the image.
    const std::ptrdiff_t from = std::max(-r, -(column + static_cast<std::ptrdiff_t>(lanes<float>) - 1)),
                         to = std::min(r, last - column);
    for (const auto& row : window.rows) {
        const std::ptrdiff_t other = static_cast<std::ptrdiff_t>(y) + row.dy;
        if (other < 0 || other >= static_cast<std::ptrdiff_t>(ny)) continue;
        const float* const first = rows.at(static_cast<std::size_t>(other), column);
        for (std::ptrdiff_t dx = from; dx <= to; ++dx) {
            const float* const there = first + dx;
            pack<float> distance =
                squared(own[0] - load(there)) + squared(own[1] - load(there + width)) +
                (squared(own[2] - load(there + 2 * width)) + squared(own[3] - load(there + 3 * width)));
            std::uint32_t closer = in_image & lanes_up_to(distance, nearest.limit());
            for (std::size_t d = 4; d < dimensions && closer != 0; d += 4) {
                for (std::size_t k = d; k < d + 4; ++k)
                    distance += squared(load(here + k * width) - load(there + k * width));
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
    exec.for_each(ny, [&](std::size_t y) {
        detail::nearest_of_pack nearest(list.count);
        for (std::size_t x = 0; x < nx; x += lanes<float>) {
            detail::search_pack(rows, window, ny, nx, y, x, nearest);
            for (std::size_t lane = 0; lane < std::min(lanes<float>, nx - x); ++lane) {
                const detail::neighbour_key* const keys = nearest.nearest(lane);
                std::size_t to = (y * nx + x + lane) * list.count;
                for (std::size_t k = 0; k < list.count; ++k, ++to) {
                    list.offsets[to] = window.by_length[static_cast<std::uint32_t>(keys[k])];
                    list.distances[to] = std::bit_cast<float>(static_cast<std::uint32_t>(keys[k] >> 32));
                }
            }
        }
    });
    return list;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
