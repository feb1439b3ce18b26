#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include <stemfuse/simd/padded_rows.hpp>

using namespace stemfuse;

TEST_CASE("padded rows are aligned, and zero between them, also after they are moved") {
    const std::size_t room = (17 + lanes<float> - 1) / lanes<float> * lanes<float>;
    detail::padded_row_slots<float> made(2, 3, 17);
    const auto slots = std::move(made);
    for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(reinterpret_cast<std::uintptr_t>(slots(k)[i]) % simd_bytes == 0);
            std::fill_n(slots(k)[i], room, 1.0f);
        }
    }
    for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(*(slots(k)[i] - 1) == 0);
            CHECK(slots(k)[i][room] == 0);
        }
    }
}
