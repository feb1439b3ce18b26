// The smallest step of a map whose values are whole multiples of one number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include <stemfuse/core/array.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

struct count_step {
    double step, lowest;  // every value is lowest + k * step
};

// How far rounding moves a value away from its multiple: 0 for whole numbers; a few last digits of float if all values
// are floats (also if held as double), else of double.
inline double rounding_of(const std::vector<double>& sorted) {
    if (std::all_of(sorted.begin(), sorted.end(), [](double v) { return v == std::floor(v); })) return 0;
    const bool all_float = std::all_of(sorted.begin(), sorted.end(),
                                       [](double v) { return v == static_cast<double>(static_cast<float>(v)); });
    const double epsilon =
        all_float ? double{std::numeric_limits<float>::epsilon()} : std::numeric_limits<double>::epsilon();
    return 4 * epsilon * std::max(std::abs(sorted.front()), std::abs(sorted.back()));
}

// Euclid's algorithm; a remainder of at most `negligible` is rounding.
inline double common_divisor(double a, double b, double negligible) {
    while (b > 0) {
        const double remainder = std::abs(a - b * std::round(a / b));
        a = b;
        b = remainder <= negligible ? 0 : remainder;
    }
    return a;
}

// The largest step of which all differences of values are multiples, if it is at least 64 times what rounding moves
// them by: by chance, two numbers differ by a multiple of it with a probability of at most 1/16. Nothing for a constant
// map.
template <class T>
std::optional<count_step> find_count_step(const image_view<const T>& map) {
    std::vector<double> values;
    values.reserve(map.size());
    for_each_element(map, [&](std::size_t, T v) { values.push_back(static_cast<double>(v)); });
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    const double rounding = rounding_of(values), least = 64 * rounding, lowest = values.front();
    std::vector<double> differences;
    for (std::size_t k = 1; k < values.size(); ++k) {
        if (const double d = values[k] - values[k - 1]; d > 2 * rounding) differences.push_back(d);
    }
    std::sort(differences.begin(), differences.end());
    double step = 0;
    for (const double d : differences) {
        if (rounding > 0 && step > 0 && d > 16 * step) break;  // the rounding of the step adds up
        step = step == 0 ? d : common_divisor(d, step, least / 4);
        if (step <= least) return std::nullopt;
    }
    if (step == 0) return std::nullopt;
    // Sharpened from the smallest multiples to the largest, so that the rounding of the step never adds up to a step.
    for (const double v : values) {
        const double multiple = std::round((v - lowest) / step);
        if (multiple > 0) step = (v - lowest) / multiple;
    }
    for (const double v : values) {
        if (std::abs(v - lowest - step * std::round((v - lowest) / step)) > 2 * rounding) return std::nullopt;
    }
    return count_step{step, lowest};
}

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
