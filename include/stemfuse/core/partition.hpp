// How n items are cut into consecutive ranges for threads, bands and groups.
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

}  // namespace stemfuse::inline STEMFUSE_ABI
