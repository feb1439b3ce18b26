#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/quality/quality.hpp>
#include <stemfuse/recipes/count_fusion.hpp>
#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

using stack_type = xt::xtensor<double, 3>;
using image_type = xt::xtensor<double, 2>;

struct measurement {
    stack_type truth, counts, background;
    image_type haadf;
    count_fusion_options options{};
};

measurement measure(double dose, std::size_t ny = 48, std::size_t nx = 40) {
    const auto sample = core_shell_particles<double>({.ny = ny, .nx = nx});
    const acquisition_options conditions{.dose = dose, .background = 0.02 * dose, .sensitivities = {1, 0.8, 0.5}};
    auto a = acquire(sample, conditions);
    measurement m{sample.truth, a.maps, background_counts(sample, conditions), a.haadf};
    m.options.holdout.names = sample.elements;
    return m;
}

auto fuse(const measurement& m, const execution& exec = {}) {
    return fuse_counts(m.counts, m.background, m.haadf, m.options, exec);
}

// A grid of few settings, for cases where the choice is not the point.
count_grid small_grid() { return {.smoothings = {9, 4}, .haadf_weights = {0.3}, .gammas = {1.6}, .directed = {true}}; }

double error_of(const stack_type& maps, const stack_type& truth) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.shape(0); ++i) sum += nrmse(xt::view(maps, i), xt::view(truth, i));
    return sum / static_cast<double>(truth.shape(0));
}

bool is_whole(const stack_type& maps) {
    for (const double v : maps) {
        if (!(v >= 0) || !std::isfinite(v)) return false;
    }
    return true;
}

template <class Chosen>
bool same_choice(const Chosen& a, const Chosen& b) {
    return a.setting.directed == b.setting.directed && a.setting.haadf_weight == b.setting.haadf_weight &&
           a.setting.gamma == b.setting.gamma && a.setting.smoothing == b.setting.smoothing && a.residue == b.residue;
}

template <class Error, class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.what();
    }
    return "nothing of that kind was thrown";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("what large images give is taken over as it comes, that of small ones in order at the end") {
    const auto calls = [](std::size_t side) {
        std::string order;
        detail::for_each_fit(
            {3, side, side}, 3, execution(), [&](std::size_t k, const execution&) { order += std::to_string(k); },
            [&](std::size_t k) { order.append("+").append(std::to_string(k)); });
        return order;
    };
    CHECK(calls(512) == "012+0+1+2");
    CHECK(calls(513) == "0+01+12+2");
}

TEST_CASE("the fusion beats the raw counts by a factor of 3 and denoising alone by a tenth") {
    const measurement m = measure(5);
    const auto fused = fuse(m);
    REQUIRE(fused.maps.shape() == m.counts.shape());
    CHECK(is_whole(fused.maps));
    const double error = error_of(fused.maps, m.truth);
    const stack_type raw = m.counts - m.background;
    CHECK(error < error_of(raw, m.truth) / 3);
    double alone = INFINITY;  // the best of a scan by the truth
    for (double lambda = 0.25; lambda < 40; lambda *= 1.4) {
        stack_type denoised(raw.shape());
        total_variation{.iterations = 60}.prox(raw, lambda, denoised);
        alone = std::min(alone, error_of(denoised, m.truth));
    }
    CAPTURE(alone);
    CAPTURE(error);
    CHECK(error < 0.9 * alone);
    // Maps are counts: their sums are those measured, within a tenth and 5 standard deviations of counting.
    for (std::size_t i = 0; i < 3; ++i) {
        const double net = xt::sum(xt::view(raw, i))(), counted = xt::sum(xt::view(m.counts, i))();
        CHECK(std::abs(xt::sum(xt::view(fused.maps, i))() - net) <= 0.1 * net + 5 * std::sqrt(counted));
    }
}

TEST_CASE("what was tried stands beside what was chosen") {
    const measurement m = measure(5);
    const auto fused = fuse(m);
    REQUIRE(fused.chosen.size() == 3);
    REQUIRE(!fused.tried.empty());
    std::size_t best = 0;
    for (const auto& t : fused.tried) {
        CHECK(t.by_element.size() == 3);
        CHECK(t.deficit.value >= 0);
        if (t.deficit.value == 0) ++best;
    }
    CHECK(best >= 1);
    for (const auto& c : fused.chosen) {
        const bool tried = std::any_of(fused.tried.begin(), fused.tried.end(), [&](const auto& t) {
            return same_choice(element_choice{t.setting, c.residue, {}}, element_choice{c.setting, c.residue, {}});
        });
        CHECK(tried);
        CHECK((c.setting.haadf_weight > 0) == !c.calibration.responses.empty());
    }
}

TEST_CASE("the maps have equal bits for any number of threads and every run of one seed") {
    measurement m = measure(5);
    m.options.grid = {.smoothings = {9, 4, 1.8}, .haadf_weights = {0.3, 1}, .gammas = {1, 1.6}};
    const auto alone = fuse(m);
    CHECK(fuse(m).maps == alone.maps);
    for (const std::size_t threads : {std::size_t{2}, std::size_t{16}}) {
        thread_pool pool(threads);
        CHECK(fuse(m, pool).maps == alone.maps);
    }
    m.options.holdout.seed = 2;
    const auto other = fuse(m);
    CHECK(std::abs(error_of(other.maps, m.truth) / error_of(alone.maps, m.truth) - 1) < 0.25);
}

TEST_CASE("gain and offset of the HAADF image change the maps by rounding") {
    measurement m = measure(5);
    m.options.grid.smoothings = {9, 4, 1.8};
    const auto plain = fuse(m);
    m.haadf = 900 * m.haadf + 130;
    const auto amplified = fuse(m);
    for (std::size_t i = 0; i < 3; ++i) CHECK(same_choice(plain.chosen[i], amplified.chosen[i]));
    // The image on [0, 1] differs by some 1e-16; a Gauss-Seidel sweep of the calibration stops at 1e-10 of its sum.
    CHECK(support::relative_difference(amplified.maps, plain.maps) <= 1e-7);
    CHECK(std::abs(amplified.haadf_noise / plain.haadf_noise - 900) <= 1e-9 * 900);
}

TEST_CASE("the order of named elements changes nothing but the order of the maps") {
    measurement m = measure(5);
    m.options.grid.smoothings = {9, 4, 1.8};
    const auto first = fuse(m);
    const std::size_t order[] = {2, 0, 1};
    measurement turned = m;
    for (std::size_t i = 0; i < 3; ++i) {
        xt::view(turned.counts, i) = xt::view(m.counts, order[i]);
        xt::view(turned.background, i) = xt::view(m.background, order[i]);
        turned.options.holdout.names[i] = m.options.holdout.names[order[i]];
    }
    const auto second = fuse(turned);
    stack_type expected(first.maps.shape());
    for (std::size_t i = 0; i < 3; ++i) {
        xt::view(expected, i) = xt::view(first.maps, order[i]);
        CHECK(same_choice(second.chosen[i], first.chosen[order[i]]));
        CHECK(second.scales[i] == first.scales[order[i]]);
    }
    // Sums over the elements in another order, and the sweeps of the calibration, that stop at 1e-10 of their sum.
    CHECK(support::relative_difference(second.maps, expected) <= 1e-6);
}

TEST_CASE("four times the dose gives four times the scale and less error") {
    const measurement few = measure(2), many = measure(8);
    const auto a = fuse(few), b = fuse(many);
    // A scale is the 99th percentile of counts under a Gaussian of 3 pixels, some 100 pixels: 60 counts at least.
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(b.scales[i] / a.scales[i] - 4) < 1);
    CHECK(error_of(b.maps, few.truth) < error_of(a.maps, few.truth));
}

TEST_CASE("a flipped measurement is fused as well") {
    // The thinning draws other counts for other places, and forward differences look the other way. From split to split
    // the error varies by a tenth on so few pixels: the means over eight splits agree to 0.05 by chance, 0.15 at most.
    measurement m = measure(5);
    double error = 0, flipped_error = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        m.options.holdout.seed = seed;
        error += error_of(fuse(m).maps, m.truth);
        measurement flipped = m;
        for (auto* a : {&flipped.truth, &flipped.counts, &flipped.background}) *a = stack_type(xt::flip(*a, 2));
        flipped.haadf = image_type(xt::flip(m.haadf, 1));
        flipped_error += error_of(fuse(flipped).maps, flipped.truth);
    }
    CHECK(std::abs(flipped_error / error - 1) < 0.15);
}

TEST_CASE("float finds what double finds") {
    const measurement m = measure(5);
    const xt::xtensor<float, 3> counts = xt::cast<float>(m.counts), background = xt::cast<float>(m.background);
    const xt::xtensor<float, 2> haadf = xt::cast<float>(m.haadf);
    const auto fused = fuse_counts(counts, background, haadf, m.options);
    // A near tie may be decided otherwise: then within the errors of both.
    CHECK(std::abs(error_of(xt::cast<double>(fused.maps), m.truth) / error_of(fuse(m).maps, m.truth) - 1) < 0.1);
}

TEST_CASE("an element without counts ends as a map of about 0 and harms no other") {
    measurement m = measure(5);
    m.options.grid = small_grid();
    const double before = nrmse(xt::view(fuse(m).maps, 0), xt::view(m.truth, 0));
    SUBCASE("no counts at all") { xt::view(m.counts, 2) = 0.0; }
    SUBCASE("a background above the counts") { xt::view(m.background, 2) = 50.0; }
    const auto fused = fuse(m);
    CHECK(is_whole(fused.maps));
    CHECK(xt::amax(xt::view(fused.maps, 2))() < 0.05);
    CHECK(nrmse(xt::view(fused.maps, 0), xt::view(m.truth, 0)) < 1.2 * before);
}

TEST_CASE("without any counts, and with a background above all of them, all maps are about 0") {
    measurement m = measure(5);
    SUBCASE("no counts") { m.counts.fill(0); }
    SUBCASE("neither counts nor background") {
        m.counts.fill(0);
        m.background.fill(0);
    }
    SUBCASE("background") { m.background.fill(100); }
    const auto fused = fuse(m);
    CHECK(is_whole(fused.maps));
    CHECK(xt::amax(fused.maps)() < 0.05);
}

TEST_CASE("a constant image is left out") {
    measurement m = measure(5);
    m.haadf.fill(7);
    const auto fused = fuse(m);
    CHECK(is_whole(fused.maps));
    for (const auto& c : fused.chosen) CHECK(c.setting.haadf_weight == 0);
    const stack_type raw = m.counts - m.background;
    CHECK(error_of(fused.maps, m.truth) < error_of(raw, m.truth) / 2);
}

TEST_CASE("a background of 0, one element and eight elements are fused") {
    measurement m = measure(5);
    m.options.grid = small_grid();
    SUBCASE("background 0") { m.background.fill(0); }
    SUBCASE("one element") {
        for (auto* a : {&m.truth, &m.counts, &m.background}) *a = stack_type(xt::view(*a, xt::range(0, 1)));
        m.options.holdout.names.clear();
    }
    SUBCASE("eight elements") {
        const measurement three = m;
        for (auto* a : {&m.truth, &m.counts, &m.background})
            *a = stack_type({std::size_t{8}, std::size_t{48}, std::size_t{40}});
        for (std::size_t i = 0; i < 8; ++i) {
            xt::view(m.truth, i) = xt::view(three.truth, i % 3);
            xt::view(m.counts, i) = xt::view(three.counts, i % 3);
            xt::view(m.background, i) = xt::view(three.background, i % 3);
        }
        m.options.holdout.names.clear();
    }
    const auto fused = fuse(m);
    CHECK(is_whole(fused.maps));
    CHECK(fused.chosen.size() == m.counts.shape(0));
    const stack_type raw = m.counts - m.background;
    CHECK(error_of(fused.maps, m.truth) < error_of(raw, m.truth) / 2);
}

TEST_CASE("an image of one row needs to be told its noise") {
    measurement m = measure(5);
    m.options.grid = small_grid();
    for (auto* a : {&m.truth, &m.counts, &m.background}) *a = stack_type(xt::view(*a, xt::all(), xt::range(24, 25)));
    m.haadf = image_type(xt::view(m.haadf, xt::range(24, 25)));
    const auto message = message_of<shape_error>([&] { fuse(m); });
    CHECK(has(message, "haadf"));
    CHECK(has(message, "3 x 3"));
    m.options.haadf_noise = 0.02;
    CHECK(is_whole(fuse(m).maps));
}

TEST_CASE("what cannot be fused is refused, with its name and place") {
    const measurement good = measure(5, 8, 6);
    measurement m = good;
    m.counts(1, 2, 3) = 1.5;
    const auto part = message_of<value_error>([&] { fuse(m); });
    CHECK(has(part, "counts"));
    CHECK(has(part, "1.5"));
    CHECK(has(part, "element 1, row 2, column 3"));
    m = good;
    m.background(2, 0, 1) = -1;
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "background"));
    m = good;
    m.haadf(0, 0) = std::numeric_limits<double>::quiet_NaN();
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "haadf"));
    m = good;
    m.haadf = image_type({std::size_t{6}, std::size_t{8}});
    CHECK(has(message_of<shape_error>([&] { fuse(m); }), "(6, 8)"));
    m = good;
    m.background = stack_type({std::size_t{3}, std::size_t{6}, std::size_t{8}});
    CHECK(has(message_of<shape_error>([&] { fuse(m); }), "(3, 6, 8)"));
    m = good;
    m.options.grid.smoothings.clear();
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "smoothing"));
    m = good;
    m.options.grid.haadf_weights = {0};
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "grid"));
    m = good;
    m.options.haadf_noise = -1;
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "haadf_noise"));
    m = good;
    m.options.grid.gammas = {3};
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "gammas"));
    m = good;
    m.options.residues = {2};
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "residues"));
    m = good;
    m.options.holdout.fraction = 1;
    CHECK(has(message_of<value_error>([&] { fuse(m); }), "fraction"));
}
