// The proximal operators of conjugate likelihoods: Fenchel's equality, and Moreau's identity by a numerical minimum.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

const stack_shape shape{2, 3, 37};

// Counts of which a third are 0, as they are where an element is absent.
xt::xtensor<double, 3> counts() {
    auto m = support::random_array<double, 3>(shape, -3, 6, 1);
    for (double& v : m) v = std::max(0.0, std::round(v));
    return m;
}

// The point where the convex g(z) = scale f(z) + s/2 (z - u/s)^2 of one pixel is least, by golden section.
template <class G>
double least(const G& g, double low, double high) {
    const double ratio = (std::sqrt(5.0) - 1) / 2;
    for (int k = 0; k < 120; ++k) {
        const double a = high - ratio * (high - low), b = low + ratio * (high - low);
        (g(a) < g(b) ? high : low) = g(a) < g(b) ? b : a;
    }
    return (low + high) / 2;
}

// lowest: where f ends.
template <class Term>
void check(const Term& term, double lowest) {
    static_assert(dualisable_term<Term, double>);
    for (const double scale : {0.08, 1.0, 30.0}) {
        for (const std::vector<double>& steps : {std::vector<double>{0.01, 0.3}, std::vector<double>{2.0, 500.0}}) {
            const auto before = support::random_array<double, 3>(shape, -2 * scale, scale, 2);
            const auto z = support::random_array<double, 3>(shape, -0.5, 6, 3);
            xt::xtensor<double, 3> y = before, point(shape), slope(shape);
            row_pointers<double> rows(as_view(y));
            row_pointers<const double> z_rows(as_view(z));
            for (std::size_t r = 0; r < shape[1]; ++r)
                term.row_dual_prox({r, 0, shape[2]}, z_rows.at(r), rows.at(r), steps.data(), scale);
            // The primal point that belongs to y: y is scale f' there.
            for (std::size_t k = 0; k < y.size(); ++k) {
                const double s = steps[k / (shape[1] * shape[2])];
                point.data()[k] = z.data()[k] + (before.data()[k] - y.data()[k]) / s;
            }
            term.gradient(point, slope);
            for (std::size_t k = 0; k < y.size(); ++k) {
                const double s = steps[k / (shape[1] * shape[2])];
                CAPTURE(k);
                CAPTURE(s);
                // The point is known to the rounding of (before - y) / s, which f' magnifies next to where f ends.
                if (point.data()[k] - lowest > 1e-3) {
                    CHECK(std::abs(scale * slope.data()[k] - y.data()[k]) <= 1e-9 * (scale + std::abs(y.data()[k])));
                }
            }
            for (std::size_t c = 0; c < shape[2]; c += 5) {
                for (std::size_t i = 0; i < 2; ++i) {
                    const double s = steps[i], centre = z(i, 1, c) + before(i, 1, c) / s;
                    xt::xtensor<double, 3> x = z;
                    row_pointers<const double> at(as_view(x));
                    const auto g = [&](double v) {
                        x(i, 1, c) = v;
                        const double others = i == 0 ? 1 : 0;
                        x(1 - i, 1, c) = others;
                        return scale * term.row_value({1, c, 1}, at.at(1, c)) + s / 2 * (v - centre) * (v - centre);
                    };
                    const bool likelihood = lowest > -1;  // whose value is no number below `lowest`, also for no counts
                    if (likelihood && term.measured().row(i, 1)[c] == 0) continue;
                    const double below = std::max(lowest, std::min(centre, 0.0) - 20 * scale / s - 1);
                    const double expected = least(g, below, std::max(centre, 10.0));
                    // As exact as values of g, whose rounding the root of 1 / s magnifies, tell a minimum.
                    CHECK(std::abs(point(i, 1, c) - expected) <= 3e-4 * (1 + std::abs(expected)));
                }
            }
        }
    }
}

}  // namespace

TEST_CASE("the published Poisson form") { check(poisson_likelihood(counts(), 0.24), -0.24); }

TEST_CASE("counts with scales and a background") {
    check(count_likelihood(counts(), {1.5, 1.5}, 0.3), -0.2);
    check(count_likelihood(counts(), {1.5, 1.5}, support::random_array<double, 3>(shape, 0.3, 0.3001, 4)), -0.2);
    const auto exposure = support::random_array<double, 3>(shape, 0.4, 1, 5);
    check(count_likelihood(counts(), {1.5, 1.5}, support::random_array<double, 3>(shape, 0.3, 0.3001, 4), exposure),
          -0.2);
}

TEST_CASE("Gaussian noise") { check(gaussian_likelihood(counts(), std::vector<double>{0.4, 3}), -1e3); }

TEST_CASE("no count: the dual is the slope of a line; in float, next to rows of any length") {
    const xt::xtensor<float, 3> none = xt::zeros<float>({1, 1, 13});
    const poisson_likelihood term(none, 0.1);
    auto y = support::random_array<float, 3>({1, 1, 13}, -5, 5, 5);
    const auto z = support::random_array<float, 3>({1, 1, 13}, 0, 5, 6);
    const float step = 0.7f;
    row_pointers<float> rows(as_view(y));
    row_pointers<const float> z_rows(as_view(z));
    term.row_dual_prox({0, 0, 13}, z_rows.at(0), rows.at(0), &step, 2.0f);
    for (const float v : y) CHECK(v == 2.0f);
}
