#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <stemfuse/counts/thinning.hpp>
#include <stemfuse/elements/elements.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// Poisson counts of one mean.
xt::xtensor<double, 3> poisson_maps(std::size_t n, std::size_t side, double mean, std::uint64_t seed) {
    xt::xtensor<double, 3> maps({n, side, side});
    for (std::size_t k = 0; k < maps.size(); ++k) {
        maps.data()[k] = random_stream(seed, stream_of("counts"), k / side, k % side).poisson(mean);
    }
    return maps;
}

double binomial_probability(double k, double n, double p) {
    return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                    (n - k) * std::log1p(-p));
}

// Mean and variance of a and of b, and their correlation.
struct pair_statistics {
    double mean_a = 0, mean_b = 0, variance_a = 0, variance_b = 0, correlation = 0;
};

template <class A, class B>
pair_statistics compare(const A& a, const B& b) {
    pair_statistics s;
    const double n = static_cast<double>(a.size());
    for (std::size_t k = 0; k < a.size(); ++k) {
        s.mean_a += a.data()[k] / n;
        s.mean_b += b.data()[k] / n;
    }
    double product = 0;
    for (std::size_t k = 0; k < a.size(); ++k) {
        const double da = a.data()[k] - s.mean_a, db = b.data()[k] - s.mean_b;
        s.variance_a += da * da / n;
        s.variance_b += db * db / n;
        product += da * db / n;
    }
    s.correlation = product / std::sqrt(s.variance_a * s.variance_b);
    return s;
}

}  // namespace

TEST_CASE("the parts of equal counts are binomial") {
    constexpr std::size_t side = 400;
    const double pixels = side * side;
    for (const double count : {1.0, 5.0, 9.0, 64.0, 65.0}) {
        for (const double p : {0.5, 0.8, 0.1}) {
            CAPTURE(count);
            CAPTURE(p);
            const xt::xtensor<double, 3> maps = count * xt::ones<double>({std::size_t{1}, side, side});
            const auto parts = thin_counts(maps, p, 17);
            std::vector<double> histogram(static_cast<std::size_t>(count) + 1);
            for (std::size_t k = 0; k < maps.size(); ++k) {
                REQUIRE(parts.kept.data()[k] + parts.rest.data()[k] == count);
                ++histogram.at(static_cast<std::size_t>(parts.kept.data()[k]));
            }
            // Pearson's statistic, in bins that expect 20 or more, beyond 4.5 of its standard deviations in one of
            // about 10^4 samples.
            double statistic = 0, bins = 0, expected = 0, found = 0;
            for (std::size_t k = 0; k < histogram.size(); ++k) {
                expected += pixels * binomial_probability(static_cast<double>(k), count, p);
                found += histogram[k];
                if (expected < 20) continue;
                statistic += std::pow(found - expected, 2) / expected;
                ++bins;
                expected = found = 0;
            }
            CHECK(std::abs(statistic - (bins - 1)) < 4.5 * std::sqrt(2 * bins) + 3);
        }
    }
}

TEST_CASE("the parts of Poisson counts are Poisson and independent") {
    for (const double mean : {0.2, 5.0, 300.0}) {
        CAPTURE(mean);
        const auto maps = poisson_maps(1, 500, mean, 5);
        const auto parts = thin_counts(maps, 0.8, 5);
        const auto s = compare(parts.kept, parts.rest);
        const double n = static_cast<double>(maps.size());
        for (const auto [got_mean, got_variance, rate] :
             {std::array{s.mean_a, s.variance_a, 0.8 * mean}, std::array{s.mean_b, s.variance_b, 0.2 * mean}}) {
            CHECK(std::abs(got_mean - rate) < 4.5 * std::sqrt(rate / n));
            CHECK(std::abs(got_variance - rate) < 4.5 * std::sqrt((rate + 2 * rate * rate) / n));
        }
        CHECK(std::abs(s.correlation) < 4.5 / std::sqrt(n));
        // Another seed is another split.
        const auto other = thin_counts(maps, 0.8, 6);
        const auto across =
            compare(xt::xtensor<double, 3>(parts.kept - 0.8 * maps), xt::xtensor<double, 3>(other.kept - 0.8 * maps));
        CHECK(std::abs(across.correlation) < 4.5 / std::sqrt(n));
    }
}

TEST_CASE("one seed serves a simulated measurement and its thinning") {
    // The counts and the split of one element under one seed: what is drawn is not drawn from the same numbers.
    xt::xtensor<double, 3> maps({1, 400, 400});
    for (std::size_t y = 0; y < 400; ++y) {
        for (std::size_t x = 0; x < 400; ++x) maps(0, y, x) = random_stream(1, stream_of("Co"), y, x).poisson(4);
    }
    const auto parts = thin_counts(maps, 0.5, 1, {}, {"Co"});
    CHECK(std::abs(compare(parts.kept, parts.rest).correlation) < 4.5 / 400);
    std::set<std::uint32_t> streams{stream_of("HAADF")};
    for (const auto symbol : element_symbols) {
        streams.insert(stream_of(symbol));
        streams.insert(stream_of("thinning " + std::string(symbol)));
    }
    CHECK(streams.size() == 2 * element_symbols.size() + 1);
}

TEST_CASE_TEMPLATE("the parts depend on counts, places, names and the seed alone", T, float, double) {
    const auto maps = xt::xtensor<T, 3>(xt::cast<T>(poisson_maps(3, 150, 40, 9)));
    const std::vector<std::string> names{"Sc", "Dy", "O"};
    const auto parts = thin_counts(maps, 0.7, 3, {}, names);
    static_assert(std::is_same_v<decltype(parts), const thinned_counts<T>>);
    CHECK(parts.kept + parts.rest == maps);
    CHECK(parts.kept != thin_counts(maps, 0.7, 4, {}, names).kept);

    const xt::xtensor<T, 3> turned = xt::view(maps, xt::keep(2, 0, 1));
    const auto turned_parts = thin_counts(turned, 0.7, 3, {}, {"O", "Sc", "Dy"});
    CHECK(turned_parts.kept == xt::view(parts.kept, xt::keep(2, 0, 1)));
    const auto alone = thin_counts(xt::view(maps, xt::range(1, 2)), 0.7, 3, {}, {"Dy"});
    CHECK(alone.rest == xt::view(parts.rest, xt::range(1, 2)));

    thread_pool pool(3);
    CHECK(thin_counts(maps, 0.7, 3, pool, names).kept == parts.kept);
    const auto integers = xt::xtensor<int, 3>(xt::cast<int>(maps));
    const auto wide = thin_counts(integers, 0.7, 3, {}, names);
    static_assert(std::is_same_v<decltype(wide), const thinned_counts<double>>);
    CHECK(wide.kept == parts.kept);
    CHECK(thin_counts<float>(integers, 0.7, 3, {}, names).kept == parts.kept);
}

TEST_CASE("the ends of the range") {
    const auto maps = poisson_maps(2, 20, 100, 2);
    CHECK(thin_counts(maps, 1, 8).kept == maps);
    CHECK(thin_counts(maps, 0, 8).rest == maps);
    CHECK(xt::sum(thin_counts(xt::xtensor<double, 3>(0 * maps), 0.5, 8).kept)() == 0);
    xt::xtensor<double, 3> huge({1, 1, 2});
    huge.fill(1e15);
    const auto parts = thin_counts(huge, 0.25, 8);
    CHECK(parts.kept + parts.rest == huge);
    CHECK(std::abs(parts.kept(0, 0, 0) - 2.5e14) < 7 * std::sqrt(1e15 * 0.25 * 0.75));
}

TEST_CASE("what is no count is refused") {
    const auto maps = poisson_maps(3, 4, 5, 1);
    for (const double bad : {0.5, -1.0, 2e15, double(INFINITY), std::numeric_limits<double>::quiet_NaN()}) {
        auto wrong = maps;
        wrong(1, 2, 3) = bad;
        support::check_throws<value_error>([&] { thin_counts(wrong, 0.5, 1); }, "counts: has ",
                                           "at element 1, row 2, column 3", "whole numbers from 0 to 1e15");
    }
    support::check_throws<value_error>([&] { thin_counts(maps, 1.25, 1); }, "fraction: is 1.25", "[0, 1]");
    support::check_throws<shape_error>([&] { thin_counts(maps, 0.5, 1, {}, {"Co"}); }, "names: has 1", "must have 3");
    support::check_throws<value_error>([&] { thin_counts(maps, 0.5, 1, {}, {"Co", "O", "Co"}); }, "names: has \"Co\"",
                                       "twice");
    support::check_throws<shape_error>([] { thin_counts(xt::xtensor<float, 3>({2, 0, 3}), 0.5, 1); },
                                       "counts: is empty");
}
