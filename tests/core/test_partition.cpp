// Cut items are covered once, in order, without empty ranges.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include <stemfuse/core/partition.hpp>

using namespace stemfuse;

TEST_CASE("every number of items cut into every number of parts up to 64") {
    for (std::size_t n = 0; n <= 64; ++n) {
        for (std::size_t parts = 0; parts <= 64; ++parts) {
            CAPTURE(n);
            CAPTURE(parts);
            const partition of(n, parts);
            REQUIRE(of.size() <= n);
            if (parts > 0) REQUIRE(of.size() <= parts);
            REQUIRE((of.size() > 0) == (n > 0));
            std::size_t next = 0, shortest = n + 1, longest = 0;
            for (std::size_t k = 0; k < of.size(); ++k) {
                REQUIRE(of[k].first == next);
                REQUIRE(of[k].size() > 0);
                shortest = std::min(shortest, of[k].size());
                longest = std::max(longest, of[k].size());
                next = of[k].last;
            }
            REQUIRE(next == n);
            if (n > 0) REQUIRE(longest - shortest <= 1);
        }
    }
}

TEST_CASE("every number of items cut into blocks of every length up to 64") {
    for (std::size_t n = 0; n <= 64; ++n) {
        for (std::size_t length = 0; length <= 65; ++length) {
            CAPTURE(n);
            CAPTURE(length);
            const block_partition of(n, length);
            const std::size_t least = std::max<std::size_t>(1, length);
            std::size_t next = 0;
            for (std::size_t k = 0; k < of.size(); ++k) {
                REQUIRE(of[k].first == next);
                REQUIRE(of[k].size() == std::min(least, n - next));
                REQUIRE(of[k].size() > 0);
                next = of[k].last;
            }
            REQUIRE(next == n);
        }
    }
    const std::size_t huge = std::numeric_limits<std::size_t>::max();
    CHECK(block_partition(huge, huge).size() == 1);
    CHECK(block_partition(huge, huge)[0].size() == huge);
    CHECK(block_partition(huge, 2).size() == huge / 2 + 1);
}
