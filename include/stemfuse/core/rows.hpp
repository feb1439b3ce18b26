// Rows of stacks, as kernels take them.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include <stemfuse/core/array.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// n pixels of image row y, from column x0 on.
struct row_segment {
    std::size_t y,  ///< row of the image
        x0,         ///< first column
        n;          ///< number of pixels
};

namespace detail {

// Prefetches n numbers of a row. Tiles read short pieces of many rows, which the processor's own prefetching does not
// expect: without this a sweep over images beyond the caches takes up to twice as long.
template <class T>
void prefetch_row([[maybe_unused]] const T* row, [[maybe_unused]] std::size_t n) {
#if defined(__GNUC__) && !defined(STEMFUSE_PORTABLE)
    for (std::size_t c = 0; c < n; c += 64 / sizeof(T)) __builtin_prefetch(row + c);
    if (n > 0) __builtin_prefetch(row + n - 1);
#endif
}

// n values for the length of a call, on the stack if they are few.
template <class T, std::size_t Few = 8>
class scratch {
public:
    explicit scratch(std::size_t n) : many_(n > Few ? n : 0), data_(n > Few ? many_.data() : few_.data()) {}
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    T* data() { return data_; }
    T& operator[](std::size_t i) { return data_[i]; }

private:
    alignas(64) std::array<T, Few> few_;
    std::vector<T> many_;
    T* data_;
};

}  // namespace detail

/// Pointers to one row of every image of a stack.
template <class T>
class row_pointers {
public:
    /// The memory of the stack must outlive this object.
    explicit row_pointers(const stack_view<T>& stack) : stack_(stack), pointers_(stack.shape[0]) {}

    /// For every image i a pointer, [i], to its pixel (y, x0). Valid until the next call.
    T* const* at(std::size_t y, std::size_t x0 = 0) {
        for (std::size_t i = 0; i < stack_.shape[0]; ++i) pointers_[i] = stack_.row(i, y) + x0;
        return pointers_.data();
    }

private:
    stack_view<T> stack_;
    detail::scratch<T*> pointers_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
