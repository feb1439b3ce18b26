// The recipe for tilt series on simulated specimens whose volumes are known and that the projector did not project.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <vector>

#include <stemfuse/recipes/published_tilts.hpp>
#include <stemfuse/recipes/tilt_holdout.hpp>
#include <stemfuse/recipes/tomography.hpp>
#include <stemfuse/simulate/tilt_series.hpp>

#include "reference_case.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

constexpr std::size_t size = 24;

tilt_measurement<float> measurement_of(const simulated_tilts<float>& s) {
    return {s.elements, size, s.haadf, s.counts, radians(s.haadf_angles), radians(s.count_angles), {}, {}};
}

std::vector<double> errors(const xt::xtensor<float, 3>& x, const xt::xtensor<float, 3>& truth) {
    std::vector<double> out;
    for (std::size_t e = 0; e < x.shape()[0]; ++e) {
        out.push_back(support::relative_difference(xt::xtensor<float, 2>(xt::view(x, e)),
                                                   xt::xtensor<float, 2>(xt::view(truth, e))));
    }
    return out;
}

}  // namespace

TEST_CASE("analytic projections keep the mass of the known volume") {
    const auto s = simulate_tilts<double>(core_shell_tilts(), {.size = size, .counts = 1e6, .haadf_angles = {0, 40}});
    for (std::size_t e = 0; e < 3; ++e) {
        const double mass = xt::sum(xt::view(s.truth, e))();
        const double counted = xt::sum(xt::view(s.counts, e))() / 11;
        CHECK(std::abs(counted / mass - 1) < 0.01);  // voxels are sampled at 64 points
    }
}

TEST_CASE("fused volumes are nearer to the truth than counts alone, for every element, and weights are found") {
    const auto s = simulate_tilts<float>(core_shell_tilts(), {.size = size, .counts = 20, .haadf_offset = 0.1});
    const auto m = measurement_of(s);
    thread_pool pool(2);
    std::size_t seen = 0;
    double done = 0;
    const auto fused = fuse_tilt_series(m, {.iterations = 60}, pool, {}, [&](const recipe_progress& now) {
        CHECK(now.done >= done);
        done = now.done;
        ++seen;
    });
    const auto alone = fuse_tilt_series(m, {.iterations = 60, .weights = {1, 1, 1}, .lambda_haadf = 0}, pool);
    const auto with = errors(fused.maps, s.truth), without = errors(alone.maps, s.truth),
               raw = errors(fused.start, s.truth);
    for (std::size_t e = 0; e < 3; ++e) {
        CAPTURE(e);
        CHECK(with[e] < without[e]);
        CHECK(with[e] < 0.6 * raw[e]);
    }
    CHECK(std::abs(fused.weights[0] / s.weights[0] - 1) < 0.05);
    const double brightest = *std::max_element(m.haadf.begin(), m.haadf.end());
    CHECK(std::abs(fused.offset / brightest - 0.1 / 1.1) < 0.02);
    CHECK(seen == 41 + 4 * 16);
    REQUIRE(fused.warnings.size() == 1);
    CHECK(std::abs(std::get<missing_wedge>(fused.warnings[0]).degrees - 42) < 1e-9);
}

TEST_CASE("the recipe refuses series that do not fit each other") {
    const auto s = simulate_tilts<float>(nanowire_tilts(), {.size = 8, .haadf_angles = {0, 40}, .count_angles = {0}});
    tilt_measurement<float> m{s.elements, 8, s.haadf, s.counts, radians({0, 40}), radians({0}), {}, {}};
    const auto refused = [&](tilt_measurement<float> bad, auto... texts) {
        support::check_throws<argument_error>([&] { fuse_tilt_series(bad); }, texts...);
    };
    auto bad = m;
    bad.elements = {"Pt"};
    refused(bad, "elements", "are 1, must be 2");
    bad = m;
    bad.haadf_angles = {0, 40};
    refused(bad, "angles", "40 at tilt 1", "radians");
    bad = m;
    bad.count_angles = {0, 0.1};
    refused(bad, "counts", "(2, 16, 8)");
    bad = m;
    bad.counts(1, 3, 2) = -1;
    refused(bad, "counts", "-1");
    bad = m;
    bad.haadf(0, 3, 2) = std::numeric_limits<float>::quiet_NaN();
    refused(bad, "haadf", "nan");
}

TEST_CASE("the published scheme gives what a numpy implementation of it gives") {
    const auto file = support::tilt_reference();
    if (!file) return;
    const auto haadf = file->read<double, 3>("haadf");
    const auto counts = file->read<double, 4>("counts");
    const auto numbers = [&](const std::string& name) {
        const auto a = file->read<double, 1>(name);
        return std::vector<double>(a.begin(), a.end());
    };
    tilt_measurement<double> m{{"Au", "Fe", "O"},
                               28,
                               xt::xtensor<double, 3>(stack_shape{1, 24 * 28, 32}),
                               xt::xtensor<double, 3>(stack_shape{3, 11 * 28, 32}),
                               numbers("haadf_angles"),
                               numbers("count_angles"),
                               {},
                               {}};
    std::copy(haadf.begin(), haadf.end(), m.haadf.begin());
    std::copy(counts.begin(), counts.end(), m.counts.begin());
    const auto r = fuse_published_tilts(m, {.n_z = 24});
    // By numpy, in double precision, with the projector, differences and fields of the reference (case.npz).
    const std::array<double, 3> start{129.348958602615, 812.9105349372344, 782.380057990876},
        sums{116.43042647222917, 760.1762801148353, 718.2532712776788},
        norms{8.302442387561936, 18.617926752461045, 12.23654109101681};
    for (std::size_t e = 0; e < 3; ++e) {
        double first = 0, sum = 0, squares = 0;
        for (std::size_t k = e * 24 * 28 * 32; k < (e + 1) * 24 * 28 * 32; ++k) {
            first += r.start.data()[k];
            sum += r.maps.data()[k];
            squares += r.maps.data()[k] * r.maps.data()[k];
        }
        CHECK(std::abs(first / start[e] - 1) < 1e-9);
        CHECK(std::abs(sum / sums[e] - 1) < 1e-9);
        CHECK(std::abs(std::sqrt(squares) / norms[e] - 1) < 1e-9);
    }
    CHECK(std::abs(r.report.history.front().haadf / 0.0621774732797199 - 1) < 1e-9);
    CHECK(std::abs(r.report.history.back().haadf / 0.02893705435604061 - 1) < 1e-9);
    CHECK_THROWS_AS(fuse_published_tilts(m, {.n_z = 24}, {}, [](const recipe_progress&) { return false; }), cancelled);
}

TEST_CASE("hold-out returns the pair of factors that predicts best, and an observer ends it") {
    const auto s = simulate_tilts<float>(nanowire_tilts(), {.size = 16, .counts = 20});
    tilt_measurement<float> m{s.elements, 16, s.haadf, s.counts, radians(s.haadf_angles), radians(s.count_angles),
                              {},         {}};
    thread_pool pool(2);
    const tomography_options o{.iterations = 20, .chemistry_iterations = 20, .refits = 1, .variation = 2};
    // A prior of 30 times the rule blurs all away, one of a thousandth of HAADF is that of counts alone.
    const auto [chosen, cells] =
        choose_by_holdout(m, o, {.variation = {30, 0.5}, .haadf = {0.001, 1}}, execution(pool));
    REQUIRE(cells.size() == 4);
    CHECK(chosen.variation == 1);
    CHECK(chosen.haadf_factor == 1);
    for (const auto& cell : cells) CHECK(cell.deviance >= cells[3].deviance);
    std::size_t seen = 0;
    const auto stop = [&](const recipe_progress&) { return ++seen < 3; };
    CHECK_THROWS_AS(choose_by_holdout(m, o, {}, {}, serial_communicator{}, stop), cancelled);
    m.elements.clear();
    m.counts = {};
    support::check_throws<value_error>([&] { choose_by_holdout(m, o); }, "elements", "none");
}

TEST_CASE("a HAADF series alone: with total variation nearer to the truth than SIRT, its constant found") {
    const auto s = simulate_tilts<float>(core_shell_tilts(), {.size = size, .haadf_offset = 0.1});
    tilt_measurement<float> m{{}, size, s.haadf, {}, radians(s.haadf_angles), {}, {}, {}};
    xt::xtensor<float, 3> truth = xt::zeros<float>(stack_shape{1, size * size, size});
    for (std::size_t k = 0; k < s.truth.size(); ++k) {
        truth.data()[k % truth.size()] += static_cast<float>(s.weights[k / truth.size()]) * s.truth.data()[k];
    }
    thread_pool pool(2);
    const auto r = fuse_tilt_series(m, {}, execution(pool));
    const double brightest = *std::max_element(s.haadf.begin(), s.haadf.end());
    CHECK(std::abs(r.offset / brightest - 0.1 / 1.1) < 0.01);
    CHECK(errors(r.maps, truth)[0] < 0.85 * errors(r.start, truth)[0]);
    CHECK(errors(r.maps, truth)[0] < 0.25);
    const auto repeated = fuse_tilt_series(m, {});
    CHECK(repeated.maps == r.maps);
    m.haadf_angles.pop_back();
    support::check_throws<shape_error>([&] { fuse_tilt_series(m); }, "haadf", "angles");
}
