#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/elements/elements.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

constexpr std::size_t sample_size = 200000;

// One number from each of many places, as images are filled.
template <class F>
std::vector<double> samples(F&& draw, std::uint64_t seed = 7) {
    std::vector<double> values;
    for (std::size_t p = 0; p < sample_size; ++p) {
        random_stream random(seed, stream_of("test"), p / 500, p % 500);
        values.push_back(draw(random));
    }
    return values;
}

// The mean of (v - centre)^power.
double moment(const std::vector<double>& values, double centre, int power) {
    double sum = 0;
    for (const double v : values) sum += std::pow(v - centre, power);
    return sum / static_cast<double>(values.size());
}

// Kolmogorov and Smirnov's distance to a distribution, times the square root of the sample size: below 1.95 in 999 of
// 1000 samples of that distribution.
template <class F>
double kolmogorov_smirnov(std::vector<double> values, F&& distribution) {
    std::sort(values.begin(), values.end());
    const double n = static_cast<double>(values.size());
    double distance = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
        const double p = distribution(values[k]), rank = static_cast<double>(k);
        distance = std::max({distance, p - rank / n, (rank + 1) / n - p});
    }
    return distance * std::sqrt(n);
}

double poisson_probability(double k, double mean) { return std::exp(k * std::log(mean) - mean - std::lgamma(k + 1)); }

double binomial_probability(double k, double n, double p) {
    return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                    (n - k) * std::log1p(-p));
}

// Pearson's statistic of counts against the exact probabilities, in bins of at least 1/200 of the sample, as the number
// of its own standard deviations from its mean: beyond 4.5 in about one of 10^4 samples of that distribution.
template <class F>
double chi_square_excess(std::vector<double> counts, double lowest, double highest, F&& probability) {
    std::sort(counts.begin(), counts.end());
    const double n = static_cast<double>(counts.size());
    double statistic = 0, bins = 0, expected = 0, used = 0;
    auto from = counts.begin();
    for (double k = lowest; k <= highest; ++k) {
        expected += n * probability(k);
        if (expected < n / 200 || n - used - expected < n / 200) continue;
        const auto to = std::upper_bound(from, counts.end(), k);
        statistic += std::pow(static_cast<double>(to - from) - expected, 2) / expected;
        used += expected;
        expected = 0;
        from = to;
        ++bins;
    }
    statistic += std::pow(static_cast<double>(counts.end() - from) - (n - used), 2) / (n - used);
    return (statistic - bins) / std::sqrt(2 * bins);
}

double poisson_excess(const std::vector<double>& counts, double mean) {
    const double reach = 12 * std::sqrt(mean) + 30;
    return chi_square_excess(counts, std::max(0.0, std::floor(mean - reach)), mean + reach,
                             [=](double k) { return poisson_probability(k, mean); });
}

double binomial_excess(const std::vector<double>& counts, double n, double p) {
    const double mean = n * p, reach = 12 * std::sqrt(mean * (1 - p)) + 30;
    return chi_square_excess(counts, std::max(0.0, std::floor(mean - reach)), std::min(n, mean + reach),
                             [=](double k) { return binomial_probability(k, n, p); });
}

}  // namespace

TEST_CASE("philox gives the known answers of its authors") {
    CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == philox_counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    constexpr std::uint32_t ones = 0xffffffff;
    CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
          philox_counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          philox_counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("every element has a stream of its own") {
    std::set<std::uint32_t> streams{stream_of("HAADF"), stream_of("core_shell_particles"),
                                    stream_of("perovskite_columns")};
    for (const auto symbol : element_symbols) streams.insert(stream_of(symbol));
    CHECK(streams.size() == element_symbols.size() + 3);
    static_assert(stream_of("") == 0x811c9dc5 && stream_of("a") == 0xe40c292c && stream_of("foobar") == 0xbf9cf968);
}

TEST_CASE("uniform numbers") {
    const auto values = samples([](random_stream& r) { return r.uniform(); });
    for (const double v : values) REQUIRE((v > 0 && v < 1));
    CHECK(kolmogorov_smirnov(values, [](double v) { return v; }) < 1.95);
    // Also along one stream, and neither neighbours nor successors are correlated.
    random_stream random(1, 2);
    std::vector<double> successors;
    for (std::size_t p = 0; p < sample_size; ++p) successors.push_back(random.uniform());
    CHECK(kolmogorov_smirnov(successors, [](double v) { return v; }) < 1.95);
    for (const auto& sequence : {values, successors}) {
        for (const std::size_t lag : {1u, 2u, 500u}) {
            double sum = 0;
            for (std::size_t p = lag; p < sample_size; ++p) sum += (sequence[p] - 0.5) * (sequence[p - lag] - 0.5);
            CHECK(std::abs(12 * sum / static_cast<double>(sample_size - lag)) < 4.5 / std::sqrt(sample_size));
        }
    }
    const auto scaled = samples([](random_stream& r) { return r.uniform(-3, 5); });
    CHECK(std::abs(moment(scaled, 0, 1) - 1) < 4.5 * 8 / std::sqrt(12.0 * sample_size));
}

TEST_CASE("normal numbers") {
    const auto values = samples([](random_stream& r) { return r.normal(); });
    const double n = sample_size;
    CHECK(std::abs(moment(values, 0, 1)) < 4.5 * std::sqrt(1 / n));
    CHECK(std::abs(moment(values, 0, 2) - 1) < 4.5 * std::sqrt(2 / n));
    CHECK(std::abs(moment(values, 0, 3)) < 4.5 * std::sqrt(15 / n));
    CHECK(std::abs(moment(values, 0, 4) - 3) < 4.5 * std::sqrt(96 / n));
    CHECK(kolmogorov_smirnov(values, [](double v) { return 0.5 * std::erfc(-v / std::numbers::sqrt2); }) < 1.95);
    for (const double v : values) REQUIRE(v * 65536 == std::round(v * 65536));
}

TEST_CASE("Poisson counts have the moments and the probabilities of their mean") {
    const auto none = samples([](random_stream& r) { return r.poisson(0); });
    CHECK(std::all_of(none.begin(), none.end(), [](double v) { return v == 0; }));
    for (const double mean : {0.01, 1.0, 9.9, 10.1, 30.0, 1000.0, 1e6}) {
        CAPTURE(mean);
        const auto counts = samples([=](random_stream& r) { return r.poisson(mean); });
        const double n = sample_size;
        for (const double k : counts) REQUIRE((k >= 0 && k == std::floor(k)));
        CHECK(std::abs(moment(counts, mean, 1)) < 4.5 * std::sqrt(mean / n));
        CHECK(std::abs(moment(counts, mean, 2) - mean) < 4.5 * std::sqrt((mean + 2 * mean * mean) / n));
        CHECK(std::abs(poisson_excess(counts, mean)) < 4.5);
    }
    // The tests see a mean that is off by a hundredth.
    const auto wrong = samples([](random_stream& r) { return r.poisson(30.3); });
    CHECK(poisson_excess(wrong, 30) > 4.5);
}

TEST_CASE("binomial counts have the moments and the probabilities of their trials") {
    struct trials {
        double n, p;
    };
    for (const trials t :
         {trials{1, 0.3}, trials{7, 0.8}, trials{64, 0.5}, trials{99, 0.1}, trials{101, 0.1}, trials{50, 0.79},
          trials{1000, 0.5}, trials{3000, 0.002}, trials{1e5, 0.8}, trials{1e6, 0.011}}) {
        const double n = t.n, p = t.p;
        CAPTURE(n);
        CAPTURE(p);
        const auto counts = samples([=](random_stream& r) { return r.binomial(n, p); });
        const double size = sample_size, mean = n * p, variance = mean * (1 - p);
        for (const double k : counts) REQUIRE((k >= 0 && k <= n && k == std::floor(k)));
        CHECK(std::abs(moment(counts, mean, 1)) < 4.5 * std::sqrt(variance / size));
        const double fourth = variance * (1 + (3 * n - 6) * p * (1 - p));
        CHECK(std::abs(moment(counts, mean, 2) - variance) <
              4.5 * std::sqrt((fourth - variance * variance) / size) + 1e-9);
        CHECK(std::abs(binomial_excess(counts, n, p)) < 4.5);
    }
    const auto wrong = samples([](random_stream& r) { return r.binomial(1000, 0.501); });
    CHECK(binomial_excess(wrong, 1000, 0.5) > 4.5);
}

TEST_CASE("extreme trials") {
    random_stream random(3, 5);
    for (const double n : {0.0, 1.0, 63.0, 1e6, 1e15}) {
        CHECK(random.binomial(n, 0) == 0);
        CHECK(random.binomial(n, 1) == n);
        CHECK(random.binomial(n, 1e-300) == 0);
    }
    for (const double p : {1e-14, 0.3, 0.8}) {
        const double k = random.binomial(1e15, p);
        CHECK(std::abs(k - 1e15 * p) < 7 * std::sqrt(1e15 * p * (1 - p)));
        CHECK(k == std::floor(k));
    }
    support::check_throws<value_error>([&] { random.binomial(2.5, 0.5); }, "n: is 2.5", "a whole number");
    support::check_throws<value_error>([&] { random.binomial(-1, 0.5); }, "n: is -1", "[0, 1e+15]");
    support::check_throws<value_error>([&] { random.binomial(3, 1.5); }, "p: is 1.5", "[0, 1]");
    support::check_throws<value_error>([&] { random.binomial(3, std::numeric_limits<double>::quiet_NaN()); }, "p: is");
}

TEST_CASE("Poisson probabilities agree with the gamma function") {
    for (const double mean : {1e-3, 10.0, 20.5, 500.0}) {
        for (double k = 0; k < 700; ++k) {
            const double expected = k * std::log(mean) - mean - std::lgamma(k + 1);
            const double got = detail::log_poisson_probability(k, mean);
            REQUIRE(std::abs(got - expected) <= 1e-13 * (1 + k * std::abs(std::log(mean)) + mean + std::lgamma(k + 1)));
        }
    }
}

TEST_CASE("Poisson probabilities of large counts agree with their series around the mean") {
    for (const double mean : {1e8, 1e11, 1e15}) {
        CAPTURE(mean);
        for (double z = -5; z <= 5; z += 0.37) {
            const double k = std::floor(mean + z * std::sqrt(mean)), d = (mean - k) / k;
            // k (log(1 + d) - d) and the leading term of Stirling's series; what is left out is below 1e-8.
            const double expected =
                -0.5 * std::log(2 * std::numbers::pi * k) - k * d * d * (1.0 / 2 - d / 3 + d * d / 4) - 1 / (12 * k);
            REQUIRE(std::abs(detail::log_poisson_probability(k, mean) - expected) <= 1e-7);
        }
    }
}

TEST_CASE("extreme means") {
    random_stream random(3, 4);
    CHECK(random.poisson(1e-300) == 0);
    const double huge = random.poisson(1e15);
    CHECK(std::abs(huge - 1e15) < 10 * std::sqrt(1e15));
    CHECK(huge == std::floor(huge));
    support::check_throws<value_error>([&] { random.poisson(-0.5); }, "mean: is -0.5", "[0, 1e+15]");
    support::check_throws<value_error>([&] { random.poisson(2e15); }, "mean: is 2e+15");
    support::check_throws<value_error>([&] { random.poisson(std::numeric_limits<double>::quiet_NaN()); }, "nan");
}
