// A number that pins an array to the bit.
#pragma once

#include <bit>
#include <cstdint>

// FNV-1a over the bytes of every value as a double, the least significant first.
template <class A>
std::uint64_t checksum(const A& array) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const auto v : array) {
        const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(v));
        for (int shift = 0; shift < 64; shift += 8) hash = (hash ^ ((bits >> shift) & 0xff)) * 0x100000001b3;
    }
    return hash;
}
