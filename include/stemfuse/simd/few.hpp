// Loops over few things, whose number the compiler may know.
#pragma once

#include <cstddef>
#include <utility>

#include <stemfuse/core/rows.hpp>
#include <stemfuse/simd/simd.hpp>

namespace stemfuse::detail {

// Calls f<n>() where n is 1 to Most, else f<0>(): with a constant number of maps a kernel's loops over them unroll, and
// what it computes of each stays in registers.
template <std::size_t Most = 4, class F>
void with_few(std::size_t n, F&& f) {
    const bool is_few = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return ((n == I + 1 && (f.template operator()<I + 1>(), true)) || ...);
    }(std::make_index_sequence<Most>{});
    if (!is_few) f.template operator()<0>();
}

// A pack for each of them, for the time of a call.
template <class T>
struct held_pack {
    pack<T> value;
};
template <std::size_t Few, class T>
using held_packs = scratch<held_pack<T>, (Few > 0 ? Few : 8)>;

}  // namespace stemfuse::detail
