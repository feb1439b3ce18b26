// Small dense systems: against their own equations and the conditions of a minimum.
#include <doctest/doctest.h>

#include <random>

#include <stemfuse/core/small_matrix.hpp>

using namespace stemfuse;

namespace {

// A^T A and A^T b of a random A (rows, n) and b.
struct problem {
    small_matrix g;
    std::vector<double> h;
    problem(std::size_t rows, std::size_t n, std::uint64_t seed) : g(n, n), h(n) {
        std::mt19937_64 random(seed);
        std::normal_distribution<double> normal;
        for (std::size_t r = 0; r < rows; ++r) {
            std::vector<double> a(n);
            for (double& v : a) v = normal(random);
            const double b = normal(random);
            for (std::size_t i = 0; i < n; ++i) {
                h[i] += a[i] * b;
                for (std::size_t j = 0; j < n; ++j) g(i, j) += a[i] * a[j];
            }
        }
    }
};

}  // namespace

TEST_CASE("solve and inverse: the product with the matrix gives back the right side") {
    const problem p(40, 12, 1);
    auto x = p.h;
    solve_positive_definite(p.g, x);
    const auto inverse = inverse_positive_definite(p.g);
    for (std::size_t i = 0; i < 12; ++i) {
        double sum = -p.h[i];
        for (std::size_t j = 0; j < 12; ++j) sum += p.g(i, j) * x[j];
        CHECK(std::abs(sum) <= 1e-11);
        for (std::size_t j = 0; j < 12; ++j) {
            double entry = i == j ? -1 : 0;
            for (std::size_t k = 0; k < 12; ++k) entry += p.g(i, k) * inverse(k, j);
            CHECK(std::abs(entry) <= 1e-11);
        }
    }
}

TEST_CASE("non-negative least squares meets the conditions of its minimum") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        const std::size_t n = 1 + seed % 17;
        problem p(n + seed % 9, n, seed);
        if (seed % 5 == 0 && n > 2) {  // a column twice, and one of zeros
            for (std::size_t j = 0; j < n; ++j) p.g(1, j) = p.g(0, j);
            for (std::size_t j = 0; j < n; ++j) p.g(j, 1) = p.g(j, 0);
            for (std::size_t j = 0; j < n; ++j) p.g(2, j) = p.g(j, 2) = 0;
            p.h[1] = p.h[0];
            p.h[2] = 0;
        }
        const auto x = non_negative_least_squares(p.g, p.h);
        for (std::size_t i = 0; i < n; ++i) {
            REQUIRE(x[i] >= 0);
            double slope = -p.h[i];
            for (std::size_t j = 0; j < n; ++j) slope += p.g(i, j) * x[j];
            CHECK(slope >= -1e-8 * (1 + std::abs(p.h[i])));
            CHECK(std::abs(slope * x[i]) <= 1e-7 * (1 + std::abs(p.h[i]) * x[i]));
        }
    }
}
