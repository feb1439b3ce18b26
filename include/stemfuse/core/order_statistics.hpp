// Medians and percentiles of numbers. All of them reorder the numbers that they are given.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <vector>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The median of the absolute values of a standard normal variable. A median absolute deviation divided by it estimates
/// a standard deviation.
inline constexpr double normal_median_magnitude = 0.67448975019608174;

/// The number at place k of n > k numbers in ascending order.
template <class Iterator>
auto kth_smallest(Iterator first, Iterator last, std::size_t k) {
    const auto place = first + static_cast<std::iter_difference_t<Iterator>>(k);
    std::nth_element(first, place, last);
    return *place;
}

/// The largest number that has at most the fraction (0 to 1) of the n >= 1 numbers below it, without interpolation:
/// that at place floor(fraction (n - 1)).
template <class Iterator>
auto lower_quantile(Iterator first, Iterator last, double fraction) {
    const auto most = static_cast<double>(last - first - 1);
    return kth_smallest(first, last, static_cast<std::size_t>(fraction * most));
}

/// The percentile (0 to 100) of one number or more, linear between neighbours as numpy.percentile.
template <class T>
double percentile(std::vector<T>& values, double percent) {
    const double position = percent / 100 * static_cast<double>(values.size() - 1);
    const auto below = values.begin() + static_cast<std::ptrdiff_t>(position);
    std::nth_element(values.begin(), below, values.end());
    const double low = static_cast<double>(*below), part = position - std::floor(position);
    if (part == 0) return low;
    return low + part * (static_cast<double>(*std::min_element(below + 1, values.end())) - low);
}

/// The middle number, the mean of the two middle ones of an even number; 0 for none.
inline double median(std::vector<double>& values) {
    if (values.empty()) return 0;
    const std::size_t half = values.size() / 2;
    const double upper = kth_smallest(values.begin(), values.end(), half);
    if (values.size() % 2 == 1) return upper;
    return 0.5 * (upper + *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half)));
}

}  // namespace stemfuse::inline STEMFUSE_ABI
