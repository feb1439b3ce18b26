// Large pages for large arrays.
#pragma once

#include <cstddef>
#include <cstdint>

#include <stemfuse/core/abi.hpp>

#ifdef __linux__
#include <sys/mman.h>

#endif

namespace stemfuse::inline STEMFUSE_ABI::detail {

// Asks the system to use large pages for n numbers that are allocated and not yet written. The system may ignore it. A
// sweep takes short pieces of many rows, each in a page of its own: with pages of 2 MiB the fusion of 1024 x 1024 x 3
// took 0.78, of 4096 x 4096 x 4 0.89 of the time that it took with those of 4 KiB (two threads, AVX-512). An array of
// 4 MiB has a whole page of 2 MiB wherever it begins; smaller ones are left alone.
template <class T>
void prefer_large_pages([[maybe_unused]] T* data, [[maybe_unused]] std::size_t n) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr std::size_t page = 4096, least = std::size_t{4} << 20;
    if (n * sizeof(T) < least) return;
    const auto begin = reinterpret_cast<std::uintptr_t>(data), first = (begin + page - 1) / page * page;
    madvise(reinterpret_cast<void*>(first), (begin + n * sizeof(T) - first) / page * page, MADV_HUGEPAGE);
#endif
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
