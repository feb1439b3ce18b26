// Loops over few items, with their number known to the compiler where it is small.
#pragma once

#include <cstddef>
#include <utility>

#include <stemfuse/core/rows.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// Calls f<n>() for n in [1, Most], else f<0>(). A kernel template takes Few, the number of maps: a constant if known at
// compile time, so that its loops over the maps unroll and stay in registers; 0 if known at run time only.
template <std::size_t Most = 4, class F>
void with_few(std::size_t n, F&& f) {
    const bool is_few = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return ((n == I + 1 && (f.template operator()<I + 1>(), true)) || ...);
    }(std::make_index_sequence<Most>{});
    if (!is_few) f.template operator()<0>();
}

// One pack for each of n items, for the length of a call.
template <class T>
struct held_pack {
    pack<T> value;
};
template <std::size_t Few, class T>
using held_packs = scratch<held_pack<T>, (Few > 0 ? Few : 8)>;

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
