#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/counts/fit_mixture.hpp>
#include <stemfuse/simulate/acquisition.hpp>

using namespace stemfuse;

namespace {

using image_type = xt::xtensor<double, 2>;

// Rates of three different shapes.
std::vector<image_type> shapes(std::size_t ny, std::size_t nx) {
    std::vector<image_type> rates(3, image_type({ny, nx}));
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            rates[0](y, x) = 2 + std::sin(0.3 * static_cast<double>(y));
            rates[1](y, x) = 2 + std::cos(0.2 * static_cast<double>(x));
            rates[2](y, x) = 0.3 + 0.05 * static_cast<double>(x);
        }
    }
    return rates;
}

double log_likelihood(const image_type& m, const std::vector<image_type>& rates, const std::vector<double>& w) {
    double sum = 0;
    for (std::size_t p = 0; p < m.size(); ++p) {
        double r = 0;
        for (std::size_t k = 0; k < w.size(); ++k) r += w[k] * rates[k].data()[p];
        sum += m.data()[p] * std::log(r) - r;
    }
    return sum;
}

}  // namespace

TEST_CASE("counts that are a mixture give its weights back") {
    const auto rates = shapes(30, 40);
    const std::vector<double> truth{0.2, 0.5, 0.3};
    const image_type m = 0.2 * rates[0] + 0.5 * rates[1] + 0.3 * rates[2];  // as many counts as expected everywhere
    const auto w = likeliest_mixture(as_view(m), rates);
    for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(w[k] - truth[k]) < 2e-3);
    for (std::size_t k = 0; k < 3; ++k) {
        std::vector<double> alone(3, 0.0);
        alone[k] = 1;
        const auto found = likeliest_mixture(as_view(rates[k]), rates);
        for (std::size_t j = 0; j < 3; ++j) CHECK(std::abs(found[j] - alone[j]) < 2e-3);
    }
}

TEST_CASE("no mixture on a fine grid makes few counts likelier") {
    const auto rates = shapes(20, 25);
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        image_type m({20, 25});
        random_stream random(seed, stream_of("mixture"));
        for (std::size_t p = 0; p < m.size(); ++p) m.data()[p] = std::floor(3 * random.uniform());
        const auto w = likeliest_mixture(as_view(std::as_const(m)), rates);
        CHECK(std::abs(w[0] + w[1] + w[2] - 1) < 1e-9);
        double best = -INFINITY;
        for (int a = 0; a <= 100; ++a) {
            for (int b = 0; a + b <= 100; ++b)
                best = std::max(best, log_likelihood(m, rates, {a / 100.0, b / 100.0, (100 - a - b) / 100.0}));
        }
        CHECK(log_likelihood(m, rates, w) >= best - 1e-3);
    }
}

TEST_CASE("one prediction, equal ones, no counts, and what is refused") {
    const auto rates = shapes(6, 5);
    CHECK(likeliest_mixture(as_view(rates[0]), {rates[1]}) == std::vector<double>{1});
    const auto equal = likeliest_mixture(as_view(rates[0]), {rates[1], rates[1]});
    CHECK(std::abs(equal[0] + equal[1] - 1) < 1e-12);
    // Without counts the smallest sum of rates is likeliest.
    const image_type nothing = xt::zeros<double>({6, 5});
    const auto least = likeliest_mixture(as_view(nothing), rates);
    CHECK(least[2] > 0.99);
    CHECK_THROWS_WITH_AS(likeliest_mixture(as_view(nothing), std::vector<image_type>{}), doctest::Contains("rates"),
                         value_error);
    CHECK_THROWS_WITH_AS(likeliest_mixture(as_view(nothing), {xt::ones<double>({5, 6})}), doctest::Contains("rates"),
                         shape_error);
}
