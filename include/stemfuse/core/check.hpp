// Checks at the public entries: each throws before any work starts, and names the argument, what it got and what it
// takes.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/error.hpp>

namespace stemfuse {

// Throws shape_error unless got == expected; `like` names what the expected shape comes from.
template <std::size_t N>
void require_shape(const std::array<std::size_t, N>& got, const std::array<std::size_t, N>& expected,
                   std::string_view argument, std::string_view like) {
    if (got != expected) {
        throw shape_error(
            argument, "has shape " + to_string(got) + ", expected " + to_string(expected) + " as " + std::string(like));
    }
}

// Throws shape_error where an extent is 0.
template <class T, std::size_t N>
void require_not_empty(const array_view<T, N>& view, std::string_view argument) {
    if (view.size() == 0) throw shape_error(argument, "is empty: shape " + to_string(view.shape));
}

// Throws value_error unless lowest <= value <= highest (NaN fails).
inline void require_in_range(double value, double lowest, double highest, std::string_view argument) {
    if (!(value >= lowest && value <= highest)) {
        throw value_error(argument, "got " + to_string(value) + ", takes " + to_string(lowest) +
                                        (std::isinf(highest) ? " or more" : " to " + to_string(highest)));
    }
}

// Throws value_error unless the value is finite and at least 0.
inline void require_non_negative(double value, std::string_view argument) {
    if (!(value >= 0 && std::isfinite(value))) {
        throw value_error(argument, "got " + to_string(value) + ", takes a finite number, 0 or more");
    }
}

namespace detail {

template <class T, std::size_t N, class Accept>
void require_pixels(const array_view<T, N>& view, std::string_view argument, std::string_view takes, Accept&& accept) {
    for_each_element(view, [&](std::size_t k, auto v) {
        if (accept(v)) return;
        const std::size_t nx = view.shape[N - 1], ny = view.shape[N - 2];
        throw value_error(argument, "has " + to_string(static_cast<double>(v)) + " at " +
                                        (N == 3 ? "element " + std::to_string(k / nx / ny) + ", " : "") + "row " +
                                        std::to_string(k / nx % ny) + ", column " + std::to_string(k % nx) +
                                        ", takes " + std::string(takes));
    });
}

}  // namespace detail

// Throws value_error, with the place, at the first NaN or infinity.
template <class T, std::size_t N>
void require_finite(const array_view<T, N>& view, std::string_view argument) {
    detail::require_pixels(view, argument, "finite numbers", [](auto v) { return std::isfinite(v); });
}

// Throws value_error, with the place, at the first NaN, infinity or negative number.
template <class T, std::size_t N>
void require_counts(const array_view<T, N>& view, std::string_view argument) {
    detail::require_pixels(view, argument, "finite numbers, 0 or more",
                           [](auto v) { return std::isfinite(v) && v >= 0; });
}

}  // namespace stemfuse
