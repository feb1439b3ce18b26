// Checks at the public entries: each throws before any work starts, and names the argument, what it got and what it
// takes.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/error.hpp>

namespace stemfuse {

/// Throws shape_error unless got == expected; `like` names what the expected shape comes from.
template <std::size_t N>
void require_shape(const std::array<std::size_t, N>& got, const std::array<std::size_t, N>& expected,
                   std::string_view argument, std::string_view like) {
    if (got != expected) {
        throw shape_error(
            argument, "has shape " + to_string(got) + ", expected " + to_string(expected) + " as " + std::string(like));
    }
}

/// Throws shape_error where an extent is 0.
template <class T, std::size_t N>
void require_not_empty(const array_view<T, N>& view, std::string_view argument) {
    if (view.size() == 0) throw shape_error(argument, "is empty: shape " + to_string(view.shape));
}

/// Throws value_error unless lowest <= value <= highest (NaN fails).
inline void require_in_range(double value, double lowest, double highest, std::string_view argument) {
    if (!(value >= lowest && value <= highest)) {
        throw value_error(argument, "got " + to_string(value) + ", takes " + to_string(lowest) +
                                        (std::isinf(highest) ? " or more" : " to " + to_string(highest)));
    }
}

/// Throws value_error unless the value is finite and above 0.
inline void require_positive(double value, std::string_view argument) {
    if (!(value > 0 && std::isfinite(value)))
        throw value_error(argument, "got " + to_string(value) + ", takes a finite number above 0");
}

/// Throws value_error unless the value is finite and at least 0.
inline void require_non_negative(double value, std::string_view argument) {
    if (!(value >= 0 && std::isfinite(value))) {
        throw value_error(argument, "got " + to_string(value) + ", takes a finite number, 0 or more");
    }
}

/// More iterations than these are taken for a mistake: at a microsecond each they would take ten seconds, at the
/// millisecond of a small fusion three hours.
inline constexpr std::size_t iteration_ceiling = 10'000'000;

/// Throws value_error unless the number of iterations is 1 to iteration_ceiling.
inline void require_iterations(std::size_t iterations, std::string_view argument) {
    if (iterations >= 1 && iterations <= iteration_ceiling) return;
    throw value_error(
        argument, "is " + std::to_string(iterations) + ", must be in [1, " + std::to_string(iteration_ceiling) + "]");
}

/// Throws value_error where the two views share memory (their address ranges meet).
template <class T, std::size_t N, class U, std::size_t M>
void require_apart(const array_view<T, N>& view, const array_view<U, M>& other, std::string_view argument,
                   std::string_view what) {
    const auto range = [](const auto& v) {
        const auto* first = v.data;
        const auto* last = v.data;
        for (std::size_t axis = 0; axis < v.shape.size(); ++axis) {
            const std::ptrdiff_t reach = v.strides[axis] * (static_cast<std::ptrdiff_t>(v.shape[axis]) - 1);
            (reach < 0 ? first : last) += reach;
        }
        return std::pair<const void*, const void*>(first, last);
    };
    if (view.size() == 0 || other.size() == 0) return;
    const auto a = range(view), b = range(other);
    if (!std::less<>{}(a.second, b.first) && !std::less<>{}(b.second, a.first)) {
        throw value_error(argument, "is in the memory of " + std::string(what) + ", takes an array of its own");
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

/// Throws value_error, with the place, at the first NaN or infinity.
template <class T, std::size_t N>
void require_finite(const array_view<T, N>& view, std::string_view argument) {
    detail::require_pixels(view, argument, "finite numbers", [](auto v) { return std::isfinite(v); });
}

/// Throws value_error, with the place, at the first NaN, infinity or negative number.
template <class T, std::size_t N>
void require_counts(const array_view<T, N>& view, std::string_view argument) {
    detail::require_pixels(view, argument, "finite numbers, 0 or more",
                           [](auto v) { return std::isfinite(v) && v >= 0; });
}

}  // namespace stemfuse
