// The small tools that many rooms stand on: order statistics, sums of columns, products of matrices, lists, filters.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/column_sums.hpp>
#include <stemfuse/core/joined.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/core/per_element.hpp>
#include <stemfuse/operators/local_mean.hpp>
#include <stemfuse/spectra/smooth_spectrum.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE("order statistics of known numbers") {
    std::vector<double> odd{9, 1, 5, 3, 7}, even{4, 1, 3, 2}, none, one{6};
    CHECK(median(odd) == 5);
    CHECK(median(even) == 2.5);
    CHECK(median(none) == 0);
    CHECK(median(one) == 6);
    CHECK(kth_smallest(odd.begin(), odd.end(), 3) == 7);
    CHECK(lower_quantile(odd.begin(), odd.end(), 0.49) == 3);  // no interpolation
    CHECK(lower_quantile(odd.begin(), odd.end(), 1) == 9);
    // numpy.percentile([4, 1, 3, 2], (0, 50, 90, 100)) = 1, 2.5, 3.7, 4
    CHECK(percentile(even, 0) == 1);
    CHECK(percentile(even, 50) == 2.5);
    CHECK(std::abs(percentile(even, 90) - 3.7) <= 1e-15);
    CHECK(percentile(even, 100) == 4);
    // half of a standard normal variable lies within this distance from 0
    CHECK(std::abs(std::erf(normal_median_magnitude / std::sqrt(2.0)) - 0.5) <= 1e-15);
}

TEST_CASE("sums of columns keep their bits for any threads and any part of the columns") {
    const auto a = support::random_array<double, 2>({37, 11});
    const auto sums = [&](std::size_t first, std::size_t last, const execution& exec) {
        return column_sums(37, last - first, 5, exec, [&](std::size_t r, double* to) {
            for (std::size_t x = first; x < last; ++x) to[x - first] += a(r, x);
        });
    };
    thread_pool three(3);
    const auto all = sums(0, 11, {});
    CHECK(all == sums(0, 11, three));
    const auto part = sums(4, 9, {});
    CHECK(std::equal(part.begin(), part.end(), all.begin() + 4));
    for (std::size_t x = 0; x < 11; ++x) {
        double expected = 0;
        for (std::size_t r = 0; r < 37; ++r) expected += a(r, x);
        CHECK(std::abs(all[x] - expected) <= 1e-13);
    }
}

TEST_CASE("products of small matrices, and eigenvectors") {
    const xt::xtensor<double, 2> a{{1, 2, 3}, {4, 5, 6}};
    const std::vector<double> x{1, 0, -1, 2, 1, 3};  // (3, 2)
    std::vector<double> out(4), back(6);
    multiply_rows(a, false, x.data(), out.data(), 2);
    CHECK(out == std::vector<double>{2, 13, 5, 28});
    multiply_rows(a, true, out.data(), back.data(), 2);
    CHECK(back == std::vector<double>{22, 125, 29, 166, 36, 207});
    CHECK(gram_matrix(a) == xt::xtensor<double, 2>{{14, 32}, {32, 77}});
    // [[2, 1], [1, 2]]: 1 along (1, -1), 3 along (1, 1)
    const auto v = eigenvectors({{2, 1}, {1, 2}});
    const double half = std::sqrt(0.5);
    CHECK(std::abs(std::abs(v(0, 0)) - half) <= 1e-15);
    CHECK(std::abs(v(0, 0) + v(0, 1)) <= 1e-15);
    CHECK(std::abs(v(1, 0) - v(1, 1)) <= 1e-15);
}

TEST_CASE("lists, and numbers for all elements or for each") {
    const std::vector<std::string> names{"Co", "", "O"};
    CHECK(joined(names) == "Co, , O");
    CHECK(joined(std::vector<std::string>{}) == "");
    CHECK(joined(std::vector<int>{1, 2}, "-", [](int i) { return std::to_string(i); }) == "1-2");
    CHECK(per_element(0.5).of(3, "sigma") == std::vector<double>{0.5, 0.5, 0.5});
    CHECK(per_element({1, 2}).of(2, "sigma") == std::vector<double>{1, 2});
    support::check_throws<shape_error>([] { per_element({1, 2}).of(3, "sigma"); }, "sigma", "must have 3");
}

TEST_CASE("a local mean is that of the square's part in the image") {
    const auto image = support::random_array<double, 2>({7, 5});
    const auto mean = local_mean(image, 2);
    for (std::size_t y = 0; y < 7; ++y) {
        for (std::size_t x = 0; x < 5; ++x) {
            double sum = 0, n = 0;
            for (std::size_t v = 0; v < 7; ++v) {
                for (std::size_t u = 0; u < 5; ++u) {
                    if (std::max(v, y) - std::min(v, y) > 2 || std::max(u, x) - std::min(u, x) > 2) continue;
                    sum += image(v, u);
                    ++n;
                }
            }
            CHECK(std::abs(mean(y, x) - sum / n) <= 1e-14);
        }
    }
}

TEST_CASE("a smoothed spectrum keeps what is constant, and spreads a line as its Gaussian") {
    for (const double v : detail::smooth_spectrum(std::vector<double>(9, 3.5), 2, 8)) CHECK(std::abs(v - 3.5) <= 1e-14);
    std::vector<double> line(61);  // as far from the ends as two windows
    line[30] = 1;
    const auto smooth = detail::smooth_spectrum(line, 3, 12);
    CHECK(std::abs(std::accumulate(smooth.begin(), smooth.end(), 0.0) - 1) <= 1e-14);
    CHECK(smooth[17] == 0);
    CHECK(std::abs(smooth[33] / smooth[30] - std::exp(-0.5)) <= 1e-14);
    double variance = 0;
    for (std::size_t c = 0; c < 61; ++c) variance += smooth[c] * std::pow(static_cast<double>(c) - 30, 2);
    CHECK(std::abs(variance - 9) <= 0.01);  // the window is cut at 4 sigma
    CHECK(detail::first_variance(line, 3)[0] == 1);
}
