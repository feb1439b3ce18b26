// Shifts and the direction of the axis, found in series that were moved and turned by known amounts, and in a real one.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include <stemfuse/io/tilts/tilt_stack.hpp>
#include <stemfuse/recipes/aligned_series.hpp>
#include <stemfuse/simulate/tilt_series.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

constexpr std::size_t size = 32;

// Every tilt moved by known amounts: what lies at (t, x) comes to (t + across, x + along).
tilt_measurement<float> moved(const simulated_tilts<float>& s, const std::vector<double>& across,
                              const std::vector<double>& along) {
    tilt_measurement<float> m{s.elements, size, s.haadf, s.counts, radians(s.haadf_angles), radians(s.count_angles),
                              {},         {}};
    for (std::size_t k = 0; k < across.size(); ++k) {
        const xt::xtensor<float, 2> tilt = xt::view(m.haadf, 0, xt::range(k * size, (k + 1) * size), xt::all());
        const xt::xtensor<float, 2> there = shifted(tilt, -across[k], -along[k]);
        std::copy(there.begin(), there.end(), m.haadf.data() + k * size * size);
    }
    return m;
}

std::vector<double> known_shifts(std::size_t n, double sigma, double mean, const char* name) {
    random_stream random(support::seed(), stream_of(name));
    std::vector<double> shifts;
    for (std::size_t k = 0; k < n; ++k) shifts.push_back(mean + sigma * random.normal());
    return shifts;
}

// The root mean square of what is left, but for a motion of the whole volume.
double left_over(std::vector<double> found, const std::vector<double>& known, const std::vector<double>& angles) {
    for (std::size_t k = 0; k < found.size(); ++k) found[k] -= known[k];
    detail::keep_volume_in_place(found, angles);
    return series_alignment::spread(found);
}

}  // namespace

TEST_CASE("known shifts across and along the axis are found, to a tenth of a pixel, and counts go with HAADF") {
    std::vector<double> angles;
    for (int a = -65; a <= 65; a += 5) angles.push_back(a);
    const auto s = simulate_tilts<float>(
        core_shell_tilts(), {.size = size, .counts = 20, .haadf_angles = angles, .count_angles = {-65, 0, 12}});
    const auto across = known_shifts(angles.size(), 1.5, 1, "across"),
               along = known_shifts(angles.size(), 1, 0, "along");
    thread_pool pool(2);
    const auto [m, found] = align_series(moved(s, across, along), 0, execution(pool));
    CHECK(found.axis == 0);
    CHECK(left_over(found.across, across, m.haadf_angles) < 0.1);
    double mean = 0;
    for (const double x : along) mean += x / static_cast<double>(along.size());
    for (std::size_t k = 0; k < along.size(); ++k) CHECK(std::abs(found.along[k] - (along[k] - mean)) < 0.15);
    CHECK(found.mismatch < 0.7 * found.mismatch_before);
    REQUIRE(m.count_shifts.size() == 3);
    CHECK(m.count_shifts[0] == found.across[0]);  // -65 degrees is the first of HAADF, 0 its middle one
    CHECK(m.count_shifts[1] == found.across[13]);
    CHECK(m.count_shifts[2] == 0);
    REQUIRE(found.warnings.size() == 1);
    CHECK(in_words(found.warnings[0], {}).find("1 tilts of counts") != std::string::npos);
    for (const float count : m.counts) CHECK(count == std::round(count));
    const auto alone = align_series(moved(s, across, along), 0);
    CHECK(alone.second.across == found.across);
}

TEST_CASE("an aligned series is left as it is, a turned axis is found") {
    const auto s = simulate_tilts<float>(nanowire_tilts(), {.size = size, .counts = 5});
    const auto m = moved(s, {}, {});
    thread_pool pool(2);
    const auto still = align_series(m, 0, execution(pool)).second;
    CHECK(still.axis == 0);
    CHECK(left_over(still.across, std::vector<double>(47, 0.0), m.haadf_angles) < 0.1);
    auto turned = m;
    turned.haadf = turned_to_axis<float>(as_view(m.haadf), size, -7.0, 0.0F);
    turned.counts = turned_to_axis<float>(as_view(m.counts), size, -7.0, 0.0F);
    const auto found = align_series(turned, 0, execution(pool)).second;
    CHECK(std::abs(found.axis - 7) < 1);
    CHECK(std::holds_alternative<counts_turned>(found.warnings.front()));
}

TEST_CASE("a real series: turned and moved, its re-projections match; empty tilts stay") {
    const auto path = std::filesystem::path(STEMFUSE_SHARED_DIR) / "data" / "tilts" / "HAADF.dm3";
    if (!std::filesystem::exists(path)) return;
    const auto stack = io::read_tilt_stacks(path).front();
    constexpr std::size_t half = 32;  // of 64 pixels
    tilt_measurement<float> m;
    m.bins = half;
    for (std::size_t k = 0; k < 91; k += 3) m.haadf_angles.push_back(radians({stack.angles[k]})[0]);
    m.haadf = xt::zeros<float>(stack_shape{1, m.haadf_angles.size() * half, half});
    for (std::size_t k = 0; k < m.haadf_angles.size(); ++k) {
        for (std::size_t y = 0; y < 64; ++y) {
            for (std::size_t x = 0; x < 64; ++x) {
                m.haadf(0, k * half + y / 2, x / 2) += 0.25F * stack.images(3 * k, y, x);
            }
        }
    }
    thread_pool pool(2);
    const auto found = align_series(m, 0, execution(pool)).second;
    CHECK(found.mismatch < 0.8 * found.mismatch_before);
    CHECK(std::abs(found.axis - 10) < 1.5);  // the needle's own axis, about which it was turned
    xt::view(m.haadf, 0, xt::range(0, half), xt::all()) = 515.0F;
    const auto shifts =
        shifts_against<float>(as_view(std::as_const(m.haadf)), as_view(std::as_const(m.haadf)), half, 4);
    for (const double shift : shifts) CHECK(std::abs(shift) < 1e-9);
}
