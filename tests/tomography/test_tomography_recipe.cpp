// The recipe for tilt series on simulated specimens whose volumes are known and that the projector did not project.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/recipes/tomography.hpp>
#include <stemfuse/simulate/tilt_series.hpp>

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
    const auto fused = fuse_tilt_series(m, {.iterations = 60}, pool, {}, [&](tomography_stage, const progress&) {
        ++seen;
        return true;
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
    CHECK(fused.warnings.empty());
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
