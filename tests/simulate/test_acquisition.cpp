#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <stemfuse/simulate/acquisition.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/simulate/perovskite_columns.hpp>

#include "checksum.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

const std::vector<double> sensitivities{1, 0.8, 0.5};

specimen<double> core_shell() { return core_shell_particles({.ny = 96, .nx = 128}); }

}  // namespace

TEST_CASE_TEMPLATE("acquisitions are the same with every compiler, in float and double", T, float, double) {
    const auto particles = acquire(core_shell_particles<T>({.ny = 96, .nx = 128}), {.dose = 5});
    CHECK(particles.elements == std::vector<std::string>{"Co", "Mn", "O"});
    CHECK(checksum(particles.maps) == 0x1367149a3a32e7d7);
    const auto columns = acquire(perovskite_columns<T>({.ny = 96, .nx = 128}),
                                 {.dose = 40, .background = 0.8, .sensitivities = sensitivities, .seed = 11});
    CHECK(checksum(columns.maps) == 0x135a43ed5f7002fc);
    if (std::is_same_v<T, double>) {
        CHECK(checksum(particles.haadf) == 0xb4cb7817f49a6d57);
        CHECK(checksum(columns.haadf) == 0x1304e9bc73c6d087);
    }
}

TEST_CASE("counts have the mean and the variance dose k x + background") {
    const auto s = core_shell();
    const acquisition_options options{.dose = 12, .background = 0.5, .sensitivities = sensitivities, .seed = 5};
    const auto a = acquire(s, options);
    const std::size_t pixels = s.haadf.size();
    for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(i);
        double deviation = 0, squares = 0, total = 0, spread = 0;
        for (std::size_t p = i * pixels; p < (i + 1) * pixels; ++p) {
            const double mean = 12 * sensitivities[i] * s.truth.data()[p] + 0.5, d = a.maps.data()[p] - mean;
            deviation += d;
            squares += d * d - mean;
            total += mean;
            spread += mean + 2 * mean * mean;
        }
        CHECK(std::abs(deviation) < 4.5 * std::sqrt(total));
        CHECK(std::abs(squares) < 4.5 * std::sqrt(spread));
    }
}

TEST_CASE("HAADF noise is normal, as a fraction of the brightest pixel") {
    auto s = core_shell();
    s.haadf *= 700.0;
    const auto a = acquire(s, {.haadf_noise = 0.05});
    double mean = 0, squares = 0;
    for (std::size_t p = 0; p < s.haadf.size(); ++p) {
        const double z = (a.haadf.data()[p] - s.haadf.data()[p]) / (0.05 * 700);
        mean += z;
        squares += z * z;
    }
    const double n = static_cast<double>(s.haadf.size());
    CHECK(std::abs(mean / n) < 4.5 / std::sqrt(n));
    CHECK(std::abs(squares / n - 1) < 4.5 * std::sqrt(2 / n));
    CHECK(acquire(s, {.haadf_noise = 0}).haadf == s.haadf);
}

TEST_CASE("no dose, or no sensitivity, leaves the background alone") {
    const auto s = core_shell();
    auto empty = s;
    empty.truth.fill(0);
    const auto background = acquire(empty, {.dose = 5, .background = 0.3});
    CHECK(acquire(s, {.dose = 0, .background = 0.3}).maps == background.maps);
    const auto blind = acquire(s, {.dose = 5, .background = 0.3, .sensitivities = {0, 1, 1}});
    CHECK(xt::view(blind.maps, 0) == xt::view(background.maps, 0));
    CHECK(xt::view(blind.maps, 1) != xt::view(background.maps, 1));
    for (const double v : acquire(s, {.dose = 0, .background = 0}).maps) REQUIRE(v == 0);
}

TEST_CASE("gain and offset scale the HAADF image with its noise") {
    const auto s = core_shell();
    const auto plain = acquire(s, {}), scaled = acquire(s, {.haadf_gain = 900, .haadf_offset = -130});
    CHECK(scaled.maps == plain.maps);
    for (std::size_t p = 0; p < s.haadf.size(); ++p) {
        REQUIRE(std::abs(scaled.haadf.data()[p] - (900 * plain.haadf.data()[p] - 130)) <= 1e-10);
    }
}

TEST_CASE("backgrounds by element, and along the specimen's profile") {
    auto s = core_shell();
    const acquisition_options options{.dose = 0, .background = 9, .backgrounds = {0, 0.5, 2}};
    CHECK(background_counts(s, options)(1, 3, 4) == 0.5);
    const auto flat = acquire(s, options);
    const double pixels = static_cast<double>(s.haadf.size());
    for (std::size_t i = 0; i < 3; ++i) {
        const double mean = xt::sum(xt::view(flat.maps, i))() / pixels, rate = options.backgrounds[i];
        CHECK(std::abs(mean - rate) <= 4.5 * std::sqrt(rate / pixels));
    }
    s.background_profile = xt::ones<double>({96, 128});
    CHECK(acquire(s, options).maps == flat.maps);
    xt::view(s.background_profile, xt::range(0, 48)) = 3.0;
    const auto expected = background_counts(s, options);
    CHECK(expected.shape() == s.truth.shape());
    CHECK(expected(2, 47, 0) == 6);
    CHECK(expected(2, 48, 0) == 2);
    const auto a = acquire(s, options);
    CHECK(xt::view(a.maps, 2, xt::range(48, 96)) == xt::view(flat.maps, 2, xt::range(48, 96)));
    const double above = xt::sum(xt::view(a.maps, 2, xt::range(0, 48)))() / (pixels / 2);
    CHECK(std::abs(above - 6) <= 4.5 * std::sqrt(6 / (pixels / 2)));
}

TEST_CASE("a pixel's noise depends on seed, element and place alone") {
    const auto s = core_shell();
    const auto a = acquire(s, {});
    CHECK(acquire(s, {}).maps == a.maps);
    CHECK(acquire(s, {.seed = 2}).maps != a.maps);
    CHECK(acquire(s, {.seed = 2}).haadf != a.haadf);
    CHECK(acquire(s, {.seed = 1 + (std::uint64_t{1} << 32)}).maps != a.maps);

    specimen<double> some{{"O", "Co"}, xt::xtensor<double, 3>({2, 96, 128}), s.haadf};
    xt::view(some.truth, 0) = xt::view(s.truth, 2);
    xt::view(some.truth, 1) = xt::view(s.truth, 0);
    const auto two = acquire(some, {});
    CHECK(xt::view(two.maps, 0) == xt::view(a.maps, 2));
    CHECK(xt::view(two.maps, 1) == xt::view(a.maps, 0));
    CHECK(two.haadf == a.haadf);

    auto corner = xt::range(0, 50);
    const specimen<double> crop{s.elements, xt::view(s.truth, xt::all(), corner, corner),
                                xt::view(s.haadf, corner, corner)};
    CHECK(acquire(crop, {}).maps == xt::view(a.maps, xt::all(), corner, corner));

    thread_pool pool(3);
    const auto threaded = acquire(s, {}, pool);
    CHECK(threaded.maps == a.maps);
    CHECK(threaded.haadf == a.haadf);
}

TEST_CASE("options out of range are refused by name") {
    const auto s = core_shell();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    support::check_throws<value_error>([&] { acquire(s, {.dose = -1}); }, "dose: is -1", "[0, 1e+06]");
    support::check_throws<value_error>([&] { acquire(s, {.dose = nan}); }, "dose: is ", "nan");
    support::check_throws<value_error>([&] { acquire(s, {.background = -0.1}); }, "background: is -0.1");
    support::check_throws<value_error>([&] { acquire(s, {.haadf_noise = -0.02}); }, "haadf_noise: is -0.02");
    support::check_throws<value_error>([&] { acquire(s, {.sensitivities = {1, -2, 1}}); }, "sensitivities: is -2");
    support::check_throws<shape_error>([&] { acquire(s, {.sensitivities = {1, 2}}); }, "sensitivities: has 2 numbers",
                                       "must have 3");
    support::check_throws<shape_error>([&] { acquire(s, {.backgrounds = {1}}); }, "backgrounds: has 1 numbers");
    support::check_throws<value_error>([&] { acquire(s, {.backgrounds = {1, 2, -3}}); }, "backgrounds: is -3");
    support::check_throws<value_error>([&] { acquire(s, {.haadf_gain = 0}); }, "haadf_gain: is 0");
    support::check_throws<value_error>([&] { acquire(s, {.haadf_offset = nan}); }, "haadf_offset: is ", "nan");
    support::check_throws<value_error>([&] { background_counts(s, {.background = nan}); }, "background: is ", "nan");
}

TEST_CASE("specimens that do not fit together are refused by name") {
    const auto s = core_shell();
    auto bad = s;
    bad.truth(1, 2, 3) = -0.5;
    support::check_throws<value_error>([&] { acquire(bad); }, "truth: has -0.5 at element 1, row 2, column 3");
    bad.truth(1, 2, 3) = 2e5;
    support::check_throws<value_error>([&] { acquire(bad); }, "truth: has 200000", "up to 1e5");
    bad = s;
    bad.haadf(4, 5) = std::numeric_limits<double>::infinity();
    support::check_throws<value_error>([&] { acquire(bad); }, "haadf: has inf at row 4, column 5");
    bad.haadf = xt::ones<double>({96, 127});
    support::check_throws<shape_error>([&] { acquire(bad); }, "haadf: has shape (96, 127), must have shape (96, 128)");
    bad = s;
    bad.background_profile = xt::ones<double>({96, 1});
    support::check_throws<shape_error>([&] { acquire(bad); }, "background_profile: has shape (96, 1)");
    bad.background_profile = -xt::ones<double>({96, 128});
    support::check_throws<value_error>([&] { acquire(bad); }, "background_profile: has -1 at row 0, column 0",
                                       "0 to 1e5");
    bad = s;
    bad.elements = {"Co", "Mn"};
    support::check_throws<shape_error>([&] { acquire(bad); }, "elements: has 2 symbols, must have 3");
    bad.elements = {"Co", "Mn", "Co"};
    support::check_throws<value_error>([&] { acquire(bad); }, "elements: has \"Co\" twice");
    support::check_throws<shape_error>([] { acquire(specimen<double>{}); }, "truth: is empty");
}
