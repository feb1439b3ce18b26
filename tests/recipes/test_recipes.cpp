// The recipes from measured arrays to fused maps: what they keep, say and refuse.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <stemfuse/recipes/count_words.hpp>
#include <stemfuse/recipes/counts.hpp>
#include <stemfuse/recipes/published.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

const std::vector<std::string> elements{"Co", "Mn", "O"};

acquisition<float> scan(double dose = 10) {
    return acquire(core_shell_particles<float>({.ny = 40, .nx = 32}), {.dose = dose, .background = 0});
}

count_recipe_options plain() { return {.elements = elements, .lambda_tv = 3, .averaging = false}; }

double total(const xt::xtensor<float, 3>& maps, std::size_t i) { return xt::sum<double>(xt::view(maps, i))(); }

}  // namespace

TEST_CASE("published: images are scaled, the image is re-projected, an observer sees every iteration and ends it") {
    const auto m = scan();
    published_options options{.elements = elements, .iterations = 4};
    std::size_t calls = 0;
    double last = -1;
    const auto fused = fuse_published(m.haadf, m.maps, options, {}, [&](const recipe_progress& now) {
        CHECK(now.done >= last);
        last = now.done;
        calls += now.iteration != nullptr;
    });
    CHECK(calls == 5);
    CHECK(last == 1);
    CHECK(fused.lambda_haadf == 1.0 / 3);
    // It keeps no level, which is no departure.
    for (const auto& w : fused.warnings) CHECK_FALSE(std::holds_alternative<map_departs>(w));
    // sum of w_i x_i^gamma with w = Z / mean(Z).
    const double z[] = {27, 25, 8};
    for (std::size_t p = 0; p < fused.projected.size(); p += 97) {
        double sum = 0;
        for (std::size_t i = 0; i < 3; ++i)
            sum += z[i] / 20 * std::pow(static_cast<double>(fused.maps.data()[i * fused.projected.size() + p]), 1.6);
        CHECK(std::abs(sum - static_cast<double>(fused.projected.data()[p])) <= 1e-5 * (1 + sum));
    }
    CHECK_THROWS_AS(
        fuse_published(m.haadf, m.maps, options, {}, [](const recipe_progress& now) { return now.done < 0.5; }),
        cancelled);
    options.elements = {"Co"};
    CHECK_THROWS_WITH_AS(fuse_published(m.haadf, m.maps, options), doctest::Contains("must be 3"), shape_error);
    options.elements = {"Co", "Mn", "Xx"};
    CHECK_THROWS_WITH_AS(fuse_published(m.haadf, m.maps, options), doctest::Contains("Xx"), value_error);
}

TEST_CASE("counts: totals, amounts and errors by k-factors, reasons as numbers") {
    const auto m = scan();
    auto options = plain();
    options.factors.emplace(elements,
                            std::vector<std::pair<std::string, double>>{{"Co", 1.2}, {"Mn", 1.1}, {"O", 1.9}});
    options.background = {0.05, {}, {}};
    options.error_options.replicas = 2;
    std::vector<recipe_stage> stages;
    const auto fused = fuse_measured_counts(m.haadf, m.maps, options, {}, [&](const recipe_progress& now) {
        stages.push_back(now.stage);
        return true;
    });
    CHECK(stages == std::vector{recipe_stage::preparing, recipe_stage::fusing, recipe_stage::estimating_errors,
                                recipe_stage::estimating_errors, recipe_stage::finishing});
    for (std::size_t i = 0; i < 3; ++i) {
        const double net = total(m.maps, i) - (i == 0 ? 0.05 * 40 * 32 : 0);
        CHECK(std::abs(total(fused.maps, i) - net) <= 1e-4 * net);
        CHECK(std::abs(fused.totals.net(i) - net) <= 1e-4 * net);
        const auto reason = reason_of(fused.tried, fused.chosen[i].setting, i);
        CHECK(reason.n_tried == fused.tried.size());
        CHECK(reason.own.value >= 0);
        CHECK(reason.common == (place_of(fused.tried, fused.chosen[i].setting) == common_place(fused.tried)));
    }
    CHECK(fused.origins == std::vector{background_origin::option, background_origin::none, background_origin::none});
    // Fractions of the whole: amounts k_i N_i / A_i over their sum.
    const double weights[] = {58.933, 54.938, 15.999}, k[] = {1.2, 1.1, 1.9};
    double amounts[3], sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += amounts[i] = k[i] * fused.totals.net(i) / weights[i];
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(std::abs(fused.composition->atomic.fractions[i] - amounts[i] / sum) <= 1e-3);
    CHECK(fused.composition->errors.shape() == fused.maps.shape());
    CHECK(fused.errors.shape() == fused.maps.shape());
    // Half the background is uncertain: of the whole, as amounts go with it, and of every pixel.
    options.error_options.background_error = 0.5;
    const auto unsure = fuse_measured_counts(m.haadf, m.maps, options);
    const double own = k[0] / weights[0] * 0.5 * 0.05 * 40 * 32 / sum;
    const double f = fused.composition->atomic.fractions[0], lever = (1 - f) * own;
    CHECK(std::pow(unsure.composition->atomic.standard_errors[0], 2) -
              std::pow(fused.composition->atomic.standard_errors[0], 2) ==
          doctest::Approx(0.99 * lever * lever).epsilon(1e-3));
    for (std::size_t p = 0; p < 40 * 32; p += 37)
        CHECK(std::pow(unsure.errors.data()[p], 2) - std::pow(fused.errors.data()[p], 2) ==
              doctest::Approx(0.99 * 0.025 * 0.025).epsilon(1e-3));
    CHECK(xt::all(unsure.composition->errors >= fused.composition->errors));
    CHECK_THROWS_AS(fuse_measured_counts(m.haadf, m.maps, options, {},
                                         [](const recipe_progress& now) { return now.stage != recipe_stage::fusing; }),
                    cancelled);
}

TEST_CASE("counts: maps of counts times a number, drift and elements without counts are found and said") {
    auto m = scan();
    m.haadf = shifted(m.haadf, -2, 1.5);
    xt::view(m.maps, 2) = 0.0f;
    m.maps(2, 3, 4) = 2;
    const auto counts = m.maps;
    m.maps *= 0.25f;
    auto options = plain();
    options.counts_per_unit = {4, 4, 4};
    options.alignment = alignment_mode::certain;
    options.background = {{}, {}, 1};
    const auto fused = fuse_measured_counts(m.haadf, m.maps, options);
    CHECK(fused.counts == counts);
    CHECK(fused.scaled());
    CHECK(fused.units[1].from == count_unit::origin::given);
    CHECK(total(fused.maps, 2) == 0);
    bool moved = false, faint = false;
    for (const auto& warning : fused.warnings) {
        CHECK(!in_words(warning, elements).empty());
        if (const auto* w = std::get_if<haadf_moved>(&warning)) moved = std::abs(w->y - 2) <= 0.5 && !w->as_guide;
        if (const auto* w = std::get_if<faint_element>(&warning)) faint = w->element == 2 && w->counts == 2;
    }
    CHECK(faint);
    CHECK(moved == fused.alignment.moved);
    CHECK((fused.haadf == m.haadf) == !moved);
    const xt::xtensor<float, 3> narrow = xt::zeros<float>({3, 40, 31});
    CHECK_THROWS_WITH_AS(fuse_measured_counts(m.haadf, m.maps, narrow, options), doctest::Contains("background"),
                         shape_error);
    options.counts_per_unit = {4, 0, 4};
    CHECK_THROWS_WITH_AS(fuse_measured_counts(m.haadf, m.maps, options), doctest::Contains("above 0"), value_error);
    options.counts_per_unit = {4};
    CHECK_THROWS_WITH_AS(fuse_measured_counts(m.haadf, m.maps, options), doctest::Contains("must be 3"), shape_error);
    const double value = why_no_raw_counts(m.maps).value().value;
    CHECK(value != std::floor(value));
    CHECK(4 * value == std::floor(4 * value));
    CHECK(!why_no_raw_counts(counts));
}

TEST_CASE("counts: what a mask names, and faults of the image, are left out with and without averages, and said") {
    auto m = acquire(core_shell_particles<float>({.ny = 64, .nx = 64}), {.dose = 10, .background = 0});
    const auto clean = m;
    xt::xtensor<unsigned char, 2> mask = xt::zeros<unsigned char>({64, 64});
    for (std::size_t y = 20; y < 24; ++y) mask(y, 30) = 1;
    const float bright = xt::amax(m.haadf)();
    m.haadf(40, 9) = 9 * bright;
    for (std::size_t y = 20; y < 24; ++y) m.maps(1, y, 30) = m.haadf(y, 30) = NAN;
    m.maps(0, 5, 5) = 77;
    for (const bool averaging : {false, true}) {
        auto options = plain();
        options.averaging = averaging;
        options.mask = mask;
        const auto fused = fuse_measured_counts(m.haadf, m.maps, options);
        CHECK((fused.left_out.count(0) == 5 && fused.left_out.count(1) == 4 && fused.left_out.bad(0, 5, 5) == 1));
        bool mended = false;
        std::size_t left_out = 0;
        for (const auto& w : fused.warnings) {
            if (const auto* image = std::get_if<haadf_mended>(&w)) mended = image->hot == 1 && image->dead == 0;
            left_out += std::holds_alternative<pixels_left_out>(w);
            CHECK(!in_words(w, elements).empty());
        }
        CHECK(mended);
        CHECK(left_out == 3);
        CHECK(xt::amax(fused.haadf)() <= bright);
        // As if nothing had been wrong there.
        const auto whole = fuse_measured_counts(clean.haadf, clean.maps, options);
        CHECK(support::relative_difference(fused.maps, whole.maps) < 0.03);
        options.repair = false;
        const auto unrepaired = fuse_measured_counts(m.haadf, m.maps, options);
        CHECK(unrepaired.left_out.count(0) == 4);
        CHECK(unrepaired.maps(0, 5, 5) > 3 * (1 + fused.maps(0, 5, 5)));
        CHECK(unrepaired.haadf(40, 9) == 9 * bright);
    }
    auto options = plain();
    options.mask = xt::zeros<unsigned char>({64, 63});
    CHECK_THROWS_WITH_AS(fuse_measured_counts(clean.haadf, clean.maps, options), doctest::Contains("mask"),
                         shape_error);
}

TEST_CASE("counts: errors of pixels cover the truth as often as they say, the same on any number of threads") {
    const auto sample = core_shell_particles<float>({.ny = 64, .nx = 64});
    double within = 0, within_two = 0, pixels = 0;
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        const auto m = acquire(sample, {.dose = 10, .background = 0, .seed = seed});
        count_recipe_options options{.elements = elements, .errors = true};
        thread_pool pool(3);
        const auto fused = fuse_measured_counts(m.haadf, m.maps, options, pool);
        if (seed == 1) CHECK(fuse_measured_counts(m.haadf, m.maps, options).errors == fused.errors);
        for (std::size_t k = 0; k < fused.maps.size(); ++k) {
            const double truth = 10 * static_cast<double>(sample.truth.data()[k]);
            if (!(truth > 1)) continue;
            const double z = std::abs(static_cast<double>(fused.maps.data()[k]) - truth) / fused.errors.data()[k];
            within += z < 1, within_two += z < 2, pixels += 1;
        }
    }
    CAPTURE(within / pixels);
    CAPTURE(within_two / pixels);
    // 0.68 and 0.95 for normal errors.
    CHECK((within > 0.6 * pixels && within < 0.8 * pixels));
    CHECK((within_two > 0.9 * pixels && within_two < 0.99 * pixels));
}
