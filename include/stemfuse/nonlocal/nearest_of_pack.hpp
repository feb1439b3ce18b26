// Keeps the nearest of many candidates for every pixel of a pack.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include <stemfuse/core/abi.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// A neighbour as one number that orders by distance, then by place: squared distance, which is not negative, in the
// upper half, place among the displacements by length in the lower.
using neighbour_key = std::uint64_t;

inline neighbour_key key_of(float distance, std::uint32_t place) {
    return (std::uint64_t{std::bit_cast<std::uint32_t>(distance)} << 32) | place;
}

// The nearest neighbours found so far for the pixels of one pack: room for twice the number wanted, cut to that number
// when full.
class nearest_of_pack {
public:
    static constexpr std::size_t n = lanes<float>;

    explicit nearest_of_pack(std::size_t wanted) : wanted_(wanted), room_(2 * wanted), keys_(n * room_) {}

    // None found yet; what is farther than the limit of its lane is not wanted.
    void clear(pack<float> limit) {
        std::fill(std::begin(size_), std::end(size_), 0);
        limit_ = limit;
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

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
