#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/guided_fusion.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/spotted_perovskite.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

struct scan {
    xt::xtensor<float, 3> counts, background, truth;
    xt::xtensor<float, 2> haadf;
};

scan measured(double dose, std::size_t size, std::uint64_t seed = 1, double spot_oxygen = 0.6) {
    const auto sample = spotted_perovskite<float>({.ny = size, .nx = size, .spot_oxygen = spot_oxygen});
    acquisition_options conditions;
    conditions.dose = dose;
    conditions.seed = seed;
    const auto acquired = acquire(sample, conditions);
    return {acquired.maps, background_counts(sample, conditions), sample.truth, acquired.haadf};
}

// Small searches, so that the tests are quick.
guided_fusion_options quick() {
    guided_fusion_options o;
    o.counts.grid = {.smoothings = {4, 1.8}, .haadf_weights = {0.3}, .gammas = {1.6}, .directed = {true}};
    o.kernels.of_image.erase(o.kernels.of_image.begin());
    o.kernels.softnesses = {20, 60};
    o.smoothings = {0.12, 0.5};
    o.components.patches.resize(1);
    o.components.ranks = {2, 5, 13};
    return o;
}

double mean_nrmse(const xt::xtensor<float, 3>& maps, const xt::xtensor<float, 3>& truth) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.shape(0); ++i) sum += nrmse(xt::view(maps, i), xt::view(truth, i)) / 3;
    return sum;
}

}  // namespace

TEST_CASE(
    "averages over columns that look alike take two fifths of the error away, with the same bits on any number of "
    "threads") {
    const scan s = measured(5, 80);
    auto unblurred = quick().counts;
    unblurred.grid.blurs = {0};
    const auto plain = fuse_counts(s.counts, s.background, s.haadf, unblurred);
    const auto guided = fuse_counts_guided(s.counts, s.background, s.haadf, quick());
    CHECK(mean_nrmse(guided.maps, s.truth) < 0.6 * mean_nrmse(plain.maps, s.truth));
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& mixture = guided.mixtures[i];
        REQUIRE(!mixture.empty());
        CHECK(guided.chosen[i].setting.averaged == mixture[0].setting.averaged);
        double sum = 0, averaged = 0;
        for (const mixture_part& part : mixture) {
            CHECK(part.weight > 0);
            CHECK(part.weight <= mixture[0].weight);
            CHECK((part.setting.averaged == averaging::none) == (part.kernel.guide == averaging::none));
            sum += part.weight;
            averaged += part.setting.averaged == averaging::none ? 0 : part.weight;
        }
        CHECK(std::abs(sum - 1) < 1e-12);
        CHECK(averaged > 0.5);
        CHECK(xt::mean<double>(xt::view(guided.nonlocal_fraction, i))() > 0.3);
    }
    CHECK(xt::amin(guided.nonlocal_fraction)() >= 0);
    CHECK(xt::amax(guided.nonlocal_fraction)() <= 1.0001f);
    for (const std::size_t threads : {2u, 5u}) {
        thread_pool pool(threads);
        const auto again = fuse_counts_guided(s.counts, s.background, s.haadf, quick(), pool);
        CHECK(again.maps == guided.maps);
        CHECK(again.nonlocal_fraction == guided.nonlocal_fraction);
        CHECK(again.disagreement.deviation == guided.disagreement.deviation);
    }
    auto other = quick();
    other.counts.holdout.seed = 2;
    CHECK_FALSE(fuse_counts_guided(s.counts, s.background, s.haadf, other).maps == guided.maps);
}

TEST_CASE("what was tried without averages is what fuse_counts tries") {
    const scan s = measured(5, 48);
    const auto plain = fuse_counts(s.counts, s.background, s.haadf, quick().counts);
    const auto guided = fuse_counts_guided(s.counts, s.background, s.haadf, quick());
    REQUIRE(guided.tried.size() > plain.tried.size());
    for (std::size_t k = 0; k < plain.tried.size(); ++k) {
        CHECK(guided.tried[k].setting.averaged == averaging::none);
        CHECK(guided.tried[k].setting.smoothing == plain.tried[k].setting.smoothing);
        // Deficits are against the best of all: their differences stay.
        for (std::size_t i = 0; i < 3; ++i) {
            const double d = guided.tried[k].by_element[i].value - guided.tried[0].by_element[i].value,
                         e = plain.tried[k].by_element[i].value - plain.tried[0].by_element[i].value;
            CHECK(std::abs(d - e) <= 1e-9 * (1 + std::abs(plain.tried[0].by_element[i].value) + std::abs(e)));
        }
    }
    CHECK(guided.scales == plain.scales);
    CHECK(guided.haadf_noise == plain.haadf_noise);
}

TEST_CASE("the balance brings a spot back that the image does not show, and its absence is no alarm") {
    const spotted_perovskite_options shape{.ny = 128, .nx = 128};
    const auto spot = spot_of(shape);
    const auto even = spotted_perovskite<float>({.ny = 128, .nx = 128, .spot_oxygen = 1}).truth;
    auto options = quick();
    options.counts.residues = {};
    const auto level = [&](const xt::xtensor<float, 3>& maps) {
        return spot_level(xt::xtensor<double, 2>(xt::view(maps, 2)), xt::xtensor<double, 2>(xt::view(even, 2)), spot);
    };
    const scan s = measured(10, 128);
    const auto with = fuse_counts_guided(s.counts, s.background, s.haadf, options);
    CHECK(std::abs(level(with.maps) - 0.6) < 0.1);
    options.balance = {};
    options.kernels.of_maps = {};
    const auto without = fuse_counts_guided(s.counts, s.background, s.haadf, options);
    CHECK(level(without.maps) > level(with.maps) + 0.05);
    const auto places = worst_places(without.disagreement, 1);
    REQUIRE(!places.empty());
    CHECK(places[0].element == 2);
    CHECK(spot.distance(places[0].y, places[0].x) < 14);
    CHECK(places[0].deviation < 0);

    const scan none = measured(10, 128, 1, 1.0);
    CHECK(worst_places(fuse_counts_guided(none.counts, none.background, none.haadf, quick()).disagreement).empty());
}

TEST_CASE("images smaller than the window, one element, an empty one and a constant image") {
    const scan s = measured(10, 24);
    auto options = quick();
    options.kernels.search = {};
    const auto all = fuse_counts_guided(s.counts, s.background, s.haadf, options);
    CHECK(xt::all(xt::isfinite(all.maps)));

    const xt::xtensor<float, 3> one = xt::view(s.counts, xt::range(0, 1)), b = xt::view(s.background, xt::range(0, 1));
    const auto single = fuse_counts_guided(one, b, s.haadf, options);
    CHECK(xt::all(xt::isfinite(single.maps)));
    const xt::xtensor<float, 2> flat = 3 * xt::ones<float>({24, 24});
    const auto constant = fuse_counts_guided(one, b, flat, options);
    CHECK(xt::all(xt::isfinite(constant.maps)));

    xt::xtensor<float, 3> nothing = s.counts;
    xt::view(nothing, 1) = 0;
    const auto empty = fuse_counts_guided(nothing, s.background, s.haadf, options);
    CHECK(xt::all(xt::isfinite(empty.maps)));
    CHECK(xt::amax(xt::view(empty.maps, 1))() < 0.05f * xt::amax(xt::view(empty.maps, 0))());

    options.smoothings = {};
    CHECK_THROWS_WITH_AS(fuse_counts_guided(one, b, flat, options), doctest::Contains("smoothings"), value_error);
    options.smoothings = {-1};
    CHECK_THROWS_WITH_AS(fuse_counts_guided(one, b, flat, options), doctest::Contains("smoothings"), value_error);
    options = quick();
    options.kernels.softnesses = {0};
    CHECK_THROWS_WITH_AS(fuse_counts_guided(one, b, flat, options), doctest::Contains("softnesses"), value_error);
}

TEST_CASE("what is found bad is left out as if it had been masked, and maps go on over it") {
    const scan s = measured(5, 64);
    auto faulty = s.counts;
    for (const auto at : std::array<std::size_t, 3>{20, 33, 47}) faulty(0, at, 64 - at) += 90;
    for (std::size_t x = 0; x < 64; ++x) faulty(2, 30, x) = 0;
    xt::xtensor<unsigned char, 3> mask = xt::zeros<unsigned char>(faulty.shape());
    for (const auto at : std::array<std::size_t, 3>{20, 33, 47}) mask(0, at, 64 - at) = 1;
    xt::view(mask, 2, 30) = 1;
    auto masked = quick(), blind = quick();
    masked.mask = mask;
    blind.bad_pixels.find = false;
    const auto fused = fuse_counts_guided(faulty, s.background, s.haadf, quick());
    CHECK(fused.left_out.count(0) == 3);
    CHECK(fused.left_out.count(1) == 0);
    CHECK(fused.left_out.count(2) == 64);
    CHECK(fused.maps == fuse_counts_guided(faulty, s.background, s.haadf, masked).maps);
    const double clean = mean_nrmse(fuse_counts_guided(s.counts, s.background, s.haadf, quick()).maps, s.truth);
    CHECK(mean_nrmse(fused.maps, s.truth) < 1.05 * clean);
    CHECK(mean_nrmse(fuse_counts_guided(faulty, s.background, s.haadf, blind).maps, s.truth) > 1.5 * clean);
    const auto mended = fused.mended(as_view(std::as_const(faulty)), as_view(s.background));
    CHECK(std::abs(xt::sum<double>(mended)() / xt::sum<double>(s.counts)() - 1) < 0.02);
}

TEST_CASE("maps of single events of unequal weight are fused by whole pixels held out, and better than by a split") {
    scan s = measured(1, 64);
    for (std::size_t k = 0; k < s.counts.size(); ++k) {
        random_stream random(5, 8, 0, k);
        double weight = 0;
        for (float n = 0; n < s.counts.data()[k]; ++n) weight -= 0.5 * std::log(random.uniform());
        s.counts.data()[k] = static_cast<float>(weight);
    }
    s.background /= 2;
    auto whole = quick(), split = quick();
    whole.counts.holdout.scaled = split.counts.holdout.scaled = true;
    split.counts.holdout.kind = holdout_kind::part_of_values;
    const auto fused = fuse_counts_guided(s.counts, s.background, s.haadf, whole);
    CHECK(fused.holdout.kind == holdout_kind::whole_pixels);
    CHECK(fused.holdout.reason == holdout_reason::no_counts);
    CHECK(mean_nrmse(fused.maps, s.truth) <
          0.85 * mean_nrmse(fuse_counts_guided(s.counts, s.background, s.haadf, split).maps, s.truth));
    thread_pool pool(3);
    CHECK(fuse_counts_guided(s.counts, s.background, s.haadf, whole, pool).maps == fused.maps);
}
