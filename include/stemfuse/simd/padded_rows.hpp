// Rows that kernels may read and write a pack past their ends.
#pragma once

#include <cstddef>
#include <vector>

#include <stemfuse/simd/simd.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// Zero-initialised rows, aligned as packs, with room for a pack before and behind each.
template <class T>
class padded_rows {
public:
    padded_rows() = default;
    padded_rows(std::size_t count, std::size_t n) { reset(count, n); }

    void reset(std::size_t count, std::size_t n) {
        stride_ = (n + lanes<T> - 1) / lanes<T> * lanes<T> + 2 * lanes<T>;
        memory_.assign((count * stride_ + per_block - 1) / per_block, {});
    }
    T* operator()(std::size_t i) { return reinterpret_cast<T*>(memory_.data()) + i * stride_ + lanes<T>; }

private:
    // Full blocks: what a compiler adds to align a shorter one need not be 0.
    static constexpr std::size_t per_block = simd_bytes / sizeof(T);
    struct alignas(simd_bytes) aligned {
        T numbers[per_block];
    };
    std::size_t stride_ = 0;
    std::vector<aligned> memory_;
};

// One such row of n images in every slot, as row kernels take them: slots(k)[i] is the row of image i in slot k. To be
// moved, not copied: the pointers stay those of the same memory.
template <class T>
class padded_row_slots {
public:
    padded_row_slots(std::size_t slots, std::size_t n, std::size_t nx) : n_(n), rows_(slots * n, nx) {
        pointers_.reserve(slots * n);
        for (std::size_t k = 0; k < slots * n; ++k) pointers_.push_back(rows_(k));
    }
    padded_row_slots(padded_row_slots&&) = default;
    padded_row_slots& operator=(padded_row_slots&&) = default;

    T* const* operator()(std::size_t slot) const { return pointers_.data() + slot * n_; }

private:
    std::size_t n_;
    padded_rows<T> rows_;
    std::vector<T*> pointers_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
