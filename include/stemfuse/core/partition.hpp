// How n items are cut into consecutive ranges for threads, bands, tiles and groups: the only place that does it.
#pragma once

#include <algorithm>
#include <cstddef>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The items first .. last - 1.
struct index_range {
    std::size_t first,  ///< the first item
        last;           ///< one past the last item

    /// The number of items.
    std::size_t size() const { return last - first; }
};

/// n items cut into consecutive ranges: the number asked for, but at most n, so that no range is empty. Together the
/// ranges cover 0 .. n - 1; their lengths differ by at most one.
class partition {
public:
    /// Cuts n items into `parts` ranges; 0 parts are taken as 1.
    partition(std::size_t n, std::size_t parts) : n_(n), parts_(n == 0 ? 0 : std::clamp<std::size_t>(parts, 1, n)) {}

    /// The number of ranges: at least 1, unless there are no items.
    std::size_t size() const { return parts_; }

    /// Range k, k < size().
    index_range operator[](std::size_t k) const { return {k * n_ / parts_, (k + 1) * n_ / parts_}; }

private:
    std::size_t n_, parts_;
};

/// n items cut into consecutive ranges of one length, the last of which may be shorter. None is empty; together they
/// cover 0 .. n - 1.
class block_partition {
public:
    /// Cuts n items into ranges of `length` items; 0 is taken as 1.
    block_partition(std::size_t n, std::size_t length) : n_(n), length_(std::max<std::size_t>(1, length)) {}

    /// The number of ranges.
    std::size_t size() const { return n_ / length_ + (n_ % length_ != 0 ? 1 : 0); }

    /// Range k, k < size().
    index_range operator[](std::size_t k) const {
        const std::size_t first = k * length_;
        return {first, first + std::min(length_, n_ - first)};
    }

private:
    std::size_t n_, length_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
