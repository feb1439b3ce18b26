// Checks at the public entries. Each throws before any work starts. A message names the argument, says what it is and
// what it must be: "gamma: is 0.5, must be in [1, 3]".
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/error.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// "is 0.5, must be in [1, 3]": the text of a message after the argument's name. Takes a number, a text or a shape.
template <class Value>
std::string is_but_must_be(const Value& value, std::string_view need) {
    std::string shown;
    if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
        shown = "\"" + std::string(std::string_view(value)) + "\"";
    } else if constexpr (std::is_integral_v<Value>) {
        shown = std::to_string(value);
    } else {
        shown = to_string(value);
    }
    return "is " + shown + ", must be " + std::string(need);
}

/// Throws shape_error unless shape == expected; `like` names what the expected shape comes from.
template <std::size_t N>
void require_shape(const std::array<std::size_t, N>& shape, const std::array<std::size_t, N>& expected,
                   std::string_view argument, std::string_view like) {
    if (shape != expected) {
        throw shape_error(argument, "has shape " + to_string(shape) + ", must have shape " + to_string(expected) +
                                        " as " + std::string(like));
    }
}

/// Throws shape_error where an extent is 0.
template <class T, std::size_t N>
void require_not_empty(const array_view<T, N>& view, std::string_view argument) {
    if (view.size() == 0) {
        throw shape_error(argument, "is empty, of shape " + to_string(view.shape) + ", must have one pixel or more");
    }
}

/// Throws Error where the container has no entry.
template <class Error = value_error, class Container>
void require_some(const Container& entries, std::string_view argument) {
    if (entries.empty()) throw Error(argument, "is empty, must have one entry or more");
}

/// Throws value_error where a name is there twice.
template <class Names>
void require_distinct(const Names& names, std::string_view argument) {
    for (auto name = names.begin(); name != names.end(); ++name) {
        if (std::find(names.begin(), name, *name) != name) {
            throw value_error(argument, "has \"" + std::string(*name) + "\" twice, must have every name once");
        }
    }
}

/// Throws shape_error unless count == expected. `entries` says what is counted, `like` what sets the number: "names:
/// has 2 names, must have 3, one for each map".
inline void require_count(std::size_t count, std::size_t expected, std::string_view argument, std::string_view entries,
                          std::string_view like) {
    if (count != expected) {
        throw shape_error(argument, "has " + std::to_string(count) + " " + std::string(entries) + ", must have " +
                                        std::to_string(expected) + ", " + std::string(like));
    }
}

/// Throws value_error unless lowest <= value <= highest (NaN fails). An infinite `highest`: any number from lowest on.
inline void require_in_range(double value, double lowest, double highest, std::string_view argument) {
    if (value >= lowest && value <= highest) return;
    const std::string range = std::isinf(highest) ? to_string(lowest) + " or more"
                                                  : "in [" + to_string(lowest) + ", " + to_string(highest) + "]";
    throw value_error(argument, is_but_must_be(value, range));
}

/// Throws value_error unless number >= least.
inline void require_at_least(std::size_t number, std::size_t least, std::string_view argument) {
    if (number < least) throw value_error(argument, is_but_must_be(number, std::to_string(least) + " or more"));
}

/// Throws value_error unless the value is finite and above 0.
inline void require_positive(double value, std::string_view argument) {
    if (!(value > 0 && std::isfinite(value))) {
        throw value_error(argument, is_but_must_be(value, "a finite number above 0"));
    }
}

/// Throws value_error unless the value is finite and at least 0.
inline void require_non_negative(double value, std::string_view argument) {
    if (!(value >= 0 && std::isfinite(value))) {
        throw value_error(argument, is_but_must_be(value, "a finite number, 0 or more"));
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
        throw value_error(argument, "shares memory with " + std::string(what) + ", must have memory of its own");
    }
}

namespace detail {

template <class T, std::size_t N, class Accept>
void require_pixels(const array_view<T, N>& view, std::string_view argument, std::string_view need, Accept&& accept) {
    for_each_element(view, [&](std::size_t k, auto v) {
        if (accept(v)) return;
        const std::size_t nx = view.shape[N - 1], ny = view.shape[N - 2];
        throw value_error(argument, "has " + to_string(static_cast<double>(v)) + " at " +
                                        (N == 3 ? "element " + std::to_string(k / nx / ny) + ", " : "") + "row " +
                                        std::to_string(k / nx % ny) + ", column " + std::to_string(k % nx) +
                                        ", must have " + std::string(need));
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

}  // namespace stemfuse::inline STEMFUSE_ABI
