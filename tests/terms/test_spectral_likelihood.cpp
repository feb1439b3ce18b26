// The likelihood of binned spectra: against its formula, its gradient, and its majoriser by completed counts.
#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/spectral_likelihood.hpp>

#include "support.hpp"
#include "terms/check_term.hpp"

using namespace stemfuse;

namespace {

struct spectra {
    std::size_t bins = 7, elements = 3;
    xt::xtensor<double, 2> signatures;
    xt::xtensor<double, 3> counts;
    xt::xtensor<double, 2> background;

    explicit spectra(const image_shape& image)
        : signatures(support::random_array<double, 2>({bins, elements + 1}, 0.02, 1, 1)),
          counts(support::random_array<double, 3>({bins, image[0], image[1]}, 0, 6, 2)),
          background(support::random_array<double, 2>(image, 0.1, 2, 3)) {
        for (auto& y : counts) y = std::floor(y) * (y > 2);  // whole, a third of them 0
        signatures(2, 1) = 0;
    }
    auto term() const { return spectral_likelihood(counts, signatures, background); }
};

}  // namespace

TEST_CASE("spectral likelihood: a smooth pixel-local term on every shape") {
    for (const image_shape& image : terms::image_shapes) {
        CAPTURE(to_string(image));
        terms::check_term<double>(spectra(image).term());
    }
}

TEST_CASE("spectral likelihood: the value by its formula, in double and float") {
    const spectra s({5, 9});
    const auto x = support::random_array<double, 3>({s.elements, 5, 9}, 0, 3, 4);
    double expected = 0;
    for (std::size_t k = 0; k < s.bins; ++k) {
        for (std::size_t y = 0; y < 5; ++y) {
            for (std::size_t c = 0; c < 9; ++c) {
                double rate = s.signatures(k, s.elements) * s.background(y, c);
                for (std::size_t i = 0; i < s.elements; ++i) rate += s.signatures(k, i) * x(i, y, c);
                expected += rate - s.counts(k, y, c) * std::log(rate);
            }
        }
    }
    CHECK(std::abs(s.term().value(x) - expected) <= 1e-12 * std::abs(expected));
    const spectral_likelihood single(xt::xtensor<float, 3>(s.counts), s.signatures, s.background);
    CHECK(std::abs(single.value(xt::xtensor<float, 3>(x)) - expected) <= 1e-5 * std::abs(expected));
}

TEST_CASE("spectral likelihood: completed counts majorise it and touch it at their maps") {
    const spectra s({6, 11});
    const auto term = s.term();
    const auto at = support::random_array<double, 3>({s.elements, 6, 11}, 0.1, 3, 5);
    xt::xtensor<double, 3> completed(at.shape()), slope(at.shape()), own(at.shape());
    term.complete(at, completed);
    std::vector<double> totals;
    for (std::size_t i = 0; i < s.elements; ++i) totals.push_back(term.total(i));
    // sum s x - z log(s x) differs from Q by a constant.
    const count_likelihood majoriser(completed, totals, 1e-300);
    const double constant = term.value(at) - majoriser.value(at);
    term.gradient(at, slope);
    majoriser.gradient(at, own);
    CHECK(support::relative_difference(own, slope) <= 1e-10);
    for (std::uint32_t stream = 6; stream < 20; ++stream) {
        const auto x = support::random_array<double, 3>({s.elements, 6, 11}, 0.001, 6, stream);
        CHECK(majoriser.value(x) + constant >= term.value(x) - 1e-9);
    }
    // Of a pixel's counts each element and the background get their part: none is lost.
    const spectra bright({1, 1});
    xt::xtensor<double, 3> one({3, 1, 1}, 0.7), parts({3, 1, 1});
    bright.term().complete(one, parts);
    double counted = 0, of_background = 0;
    for (std::size_t k = 0; k < bright.bins; ++k) {
        double rate = bright.signatures(k, 3) * bright.background(0, 0);
        for (std::size_t i = 0; i < 3; ++i) rate += 0.7 * bright.signatures(k, i);
        counted += bright.counts(k, 0, 0);
        of_background += bright.signatures(k, 3) * bright.background(0, 0) * bright.counts(k, 0, 0) / rate;
    }
    CHECK(parts(0, 0, 0) + parts(1, 0, 0) + parts(2, 0, 0) + of_background == doctest::Approx(counted).epsilon(1e-12));
}

TEST_CASE("spectral likelihood: what it refuses") {
    const spectra s({3, 4});
    const auto with = [&](auto&& change) {
        spectra t = s;
        change(t);
        return [t] { t.term(); };
    };
    support::check_throws<shape_error>(with([](spectra& t) { t.signatures = xt::ones<double>({6, 4}); }), "signatures",
                                       "7 bins");
    support::check_throws<shape_error>(with([](spectra& t) { t.background = xt::ones<double>({4, 4}); }), "background");
    support::check_throws<value_error>(with([](spectra& t) { t.counts(1, 2, 3) = -1; }), "counts", "row 2, column 3");
    support::check_throws<value_error>(with([](spectra& t) { t.signatures(0, 0) = -0.1; }), "signatures");
    support::check_throws<value_error>(with([](spectra& t) { xt::view(t.signatures, xt::all(), 1) = 0; }),
                                       "signatures");
}
