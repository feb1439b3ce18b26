// Fused spectra of a specimen with two overlapping elements: nearer to the truth than the filter, totals kept, the same
// on any number of threads.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include <stemfuse/recipes/spectra.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// Ti in a disk, Ba around it, O in both, with the spectra that the fit's own shapes make: the specimen of 32 x 32 is
// what is new here, the shapes are tested elsewhere.
struct specimen {
    static constexpr std::size_t n = 32;
    spectral_signatures signatures;
    xt::xtensor<float, 3> truth;
    xt::xtensor<float, 2> haadf;

    specimen() : truth({3, n, n}), haadf({n, n}) {
        const spectrum_axis axis{-0.2, 0.02, 400};
        std::vector<double> flat(axis.channels, 40.0);
        signatures = fit_sum_spectrum(flat, axis, {"Ti", "Ba", "O"}, {});
        std::mt19937_64 random(4);
        std::normal_distribution<float> normal;
        for (std::size_t y = 0; y < n; ++y) {
            for (std::size_t x = 0; x < n; ++x) {
                const bool inside = std::hypot(static_cast<double>(y) - 15, static_cast<double>(x) - 13) < 8;
                truth(0, y, x) = inside ? 6.0F : 0;
                truth(1, y, x) = inside ? 0 : 5.0F;
                truth(2, y, x) = 4.0F;
                haadf(y, x) = (inside ? 0.5F : 1.0F) + 0.02F * normal(random);
            }
        }
    }

    binned_spectra<float> acquire(std::uint64_t seed) const {
        std::mt19937_64 random(seed);
        spectrum_binner<float> binner(signatures, {n, n}, 24);
        for (std::size_t y = 0; y < n; ++y) {
            for (std::size_t x = 0; x < n; ++x) {
                for (std::size_t c = signatures.first; c < signatures.axis.channels; ++c) {
                    double rate = 5 * signatures.shapes(3, c);
                    for (std::size_t i = 0; i < 3; ++i) rate += truth(i, y, x) * signatures.shapes(i, c);
                    if (rate > 1e-9) binner.add(y, x, c, std::poisson_distribution<int>(rate)(random));
                }
            }
        }
        return std::move(binner).result();
    }
};

template <class A, class B>
double distance(const A& maps, const B& truth, std::size_t i) {
    double error = 0, norm = 0;
    for (std::size_t p = 0; p < 32 * 32; ++p) {
        const double t = truth.data()[i * 32 * 32 + p];
        error += std::pow(static_cast<double>(maps.data()[i * 32 * 32 + p]) - t, 2);
        norm += t * t;
    }
    return std::sqrt(error / norm);
}

}  // namespace

TEST_CASE("fused spectra: a third of the filter's error, totals kept, one result for any threads") {
    const specimen s;
    const auto spectra = s.acquire(8);
    const auto result = fuse_spectra(spectra, s.haadf);
    for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(i);
        CHECK(distance(result.maps, s.truth, i) < distance(spectra.filtered, s.truth, i) / 3);
        const double total = xt::sum<double>(xt::view(spectra.filtered, i))();
        CHECK(xt::sum<double>(xt::view(result.maps, i))() == doctest::Approx(total).epsilon(1e-4));
    }
    CHECK(xt::amin(result.maps)() >= 0);
    CHECK(result.tried[result.chosen].deficit.value == 0);
    thread_pool pool(3);
    CHECK(fuse_spectra(spectra, s.haadf, {}, pool).maps == result.maps);
}

TEST_CASE("fused spectra: what is refused, and an image that says nothing") {
    const specimen s;
    const auto spectra = s.acquire(9);
    support::check_throws<shape_error>([&] { fuse_spectra(spectra, xt::xtensor<float, 2>({32, 31}, 1.0F)); }, "haadf",
                                       "(32, 31)");
    support::check_throws<value_error>([&] { fuse_spectra(spectra, s.haadf, {.smoothings = {}}); }, "smoothings");
    const auto result = fuse_spectra(spectra, xt::xtensor<float, 2>({32, 32}, 1.0F), {.smoothings = {6}});
    CHECK(result.tried[result.chosen].haadf_weight == 0);
    CHECK(distance(result.maps, s.truth, 0) < 0.5);
}
