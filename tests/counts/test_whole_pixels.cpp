#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <stemfuse/counts/choose.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

enum class noise { poisson, overdispersed, unequal_weights, normal };

constexpr std::size_t side = 96;

double rate_at(std::size_t y, std::size_t x) {
    return 3 * (1 + std::sin(0.11 * double(y)) * std::cos(0.09 * double(x)));
}

// A smooth map under noise whose variance is the mean, or three times that.
xt::xtensor<double, 3> noisy(noise kind, std::uint64_t seed) {
    xt::xtensor<double, 3> map({1, side, side});
    for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
            random_stream random(seed, stream_of("whole pixels"), y, x);
            const double rate = rate_at(y, x);
            double value = random.poisson(kind == noise::overdispersed ? rate / 2 : rate), sum = 0;
            if (kind == noise::normal) value = std::max(0.0, rate + std::sqrt(rate) * random.normal());
            if (kind == noise::overdispersed)  // groups of 1 + Poisson(1) counts: variance 2.5 times the mean
                for (double k = 0; k < value; ++k) sum += 1 + random.poisson(1);
            if (kind == noise::unequal_weights)
                for (double k = 0; k < value; ++k) sum -= std::log(random.uniform());
            map(0, y, x) = kind == noise::overdispersed || kind == noise::unequal_weights ? sum : value;
        }
    }
    return map;
}

const std::vector<double> blurs{0.5, 1, 2, 4, 8};

double error_of(const xt::xtensor<double, 3>& map) {
    double sum = 0;
    for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) sum += std::pow(map(0, y, x) - rate_at(y, x), 2);
    }
    return std::sqrt(sum);
}

// What a hold-out picks among blurs, in its place in `blurs`.
std::size_t picked(const xt::xtensor<double, 3>& map, const holdout_options& options) {
    const xt::xtensor<double, 3> nothing = xt::zeros<double>(map.shape());
    const count_holdout<double> holdout(as_view(map), as_view(nothing), options);
    std::vector<prediction_score> scores;
    for (const double blur : blurs) {
        std::vector<xt::xtensor<double, 3>> folds;
        for (std::size_t f = 0; f < holdout.folds(); ++f) {
            auto& own = folds.emplace_back(gaussian_filter(as_view(holdout.fit_counts(f)), blur));
            if (holdout.fit_exposure(f).size() > 0)
                own /= xt::maximum(gaussian_filter(holdout.fit_exposure(f), blur), 1e-6);
        }
        const auto composed = holdout.compose(std::move(folds));
        scores.push_back(holdout.score(as_view(composed)));
    }
    return choose(scores).best;
}

}  // namespace

TEST_CASE("whole pixels held out pick the blur that the truth picks, whatever the noise") {
    for (const noise kind : {noise::poisson, noise::overdispersed, noise::unequal_weights, noise::normal}) {
        CAPTURE(int(kind));
        const auto map = noisy(kind, 3);
        std::size_t best = 0;
        for (std::size_t k = 1; k < blurs.size(); ++k) {
            if (error_of(gaussian_filter(as_view(map), blurs[k])) <
                error_of(gaussian_filter(as_view(map), blurs[best])))
                best = k;
        }
        const std::size_t found = picked(map, {.kind = holdout_kind::whole_pixels});
        CHECK((found == best || found + 1 == best || found == best + 1));
        CHECK(error_of(gaussian_filter(as_view(map), blurs[found])) <=
              1.1 * error_of(gaussian_filter(as_view(map), blurs[best])));
    }
    // Single events are in both halves of a value: what reproduces them seems good.
    const auto map = noisy(noise::unequal_weights, 3);
    CHECK(picked(map, {.kind = holdout_kind::part_of_values}) < picked(map, {.kind = holdout_kind::whole_pixels}));
}

TEST_CASE("counts that vary more than counting allows are found, and whole pixels held out") {
    const xt::xtensor<double, 3> nothing = xt::zeros<double>({std::size_t{1}, side, side});
    for (std::uint64_t seed = 1; seed < 8; ++seed) {
        const auto counts = noisy(noise::poisson, seed), groups = noisy(noise::overdispersed, seed);
        const count_holdout<double> plain(as_view(counts), as_view(nothing)), varied(as_view(groups), as_view(nothing));
        CHECK(plain.choice().kind == holdout_kind::part_of_counts);
        CHECK(plain.choice().reason == holdout_reason::counts_are_independent);
        CHECK(std::abs(plain.choice().tested.excess) <= 5 * plain.choice().tested.standard_error);
        CHECK(varied.choice().kind == holdout_kind::whole_pixels);
        CHECK(varied.choice().reason == holdout_reason::counts_are_overdispersed);
        CHECK(std::abs(varied.choice().tested.excess - 1.5) <= 0.6);
    }
    const count_holdout<double> scaled(as_view(nothing), as_view(nothing), {.scaled = true});
    CHECK(describe(scaled.choice()) == "Whole pixels were held out, as the maps are no counts.");
}

TEST_CASE("every pixel is held out once, and what is left out altogether counts nowhere") {
    const auto counts = noisy(noise::poisson, 1);
    const xt::xtensor<double, 3> nothing = xt::zeros<double>(counts.shape());
    xt::xtensor<double, 3> exposure = xt::ones<double>(counts.shape()), seen = counts;
    exposure(0, 5, 6) = seen(0, 5, 6) = 0;
    const count_holdout<double> holdout(as_view(seen), as_view(nothing), {.kind = holdout_kind::whole_pixels}, {},
                                        as_view(std::as_const(exposure)));
    REQUIRE(holdout.folds() == 4);
    std::vector<xt::xtensor<double, 3>> numbers;
    for (std::size_t f = 0; f < 4; ++f) numbers.push_back(xt::zeros<double>(counts.shape()) + double(f));
    const auto fold = holdout.compose(std::move(numbers));
    for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
            for (std::size_t f = 0; f < 4; ++f) {
                const bool hidden = fold(0, y, x) == double(f) || (y == 5 && x == 6);
                REQUIRE(holdout.fit_exposure(f).row(0, y)[x] == (hidden ? 0 : 1));
                REQUIRE(holdout.fit_counts(f)(0, y, x) == (hidden ? 0 : counts(0, y, x)));
            }
        }
    }
    xt::xtensor<double, 3> map = xt::ones<double>(counts.shape());
    const double before = holdout.score(as_view(std::as_const(map))).total();
    map(0, 5, 6) = 77;
    CHECK(holdout.score(as_view(std::as_const(map))).total() == before);
    CHECK(holdout.rate(xt::xtensor<double, 2>(xt::view(map, 0)), 0)(5, 6) == 0);
}
