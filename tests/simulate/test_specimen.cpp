#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <stemfuse/elements/elements.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/simulate/perovskite_columns.hpp>

#include "checksum.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

template <scalar T>
std::vector<specimen<T>> specimens(std::size_t ny, std::size_t nx) {
    return {core_shell_particles<T>({.ny = ny, .nx = nx}), perovskite_columns<T>({.ny = ny, .nx = nx})};
}

// The sum of one map in rows [y0, y1) and columns [x0, x1).
double amount(const xt::xtensor<double, 3>& maps, std::size_t i, std::size_t y0, std::size_t y1, std::size_t x0,
              std::size_t x1) {
    double sum = 0;
    for (std::size_t y = y0; y < y1; ++y) {
        for (std::size_t x = x0; x < x1; ++x) sum += maps(i, y, x);
    }
    return sum;
}

}  // namespace

TEST_CASE("specimens hold amounts of 0 to 1 that float and double share, for any size") {
    const std::size_t sizes[][2] = {{64, 80}, {1, 1}, {1, 90}, {90, 1}, {3, 7}};
    for (const auto& size : sizes) {
        const auto single = specimens<float>(size[0], size[1]);
        const auto wide = specimens<double>(size[0], size[1]);
        for (std::size_t k = 0; k < wide.size(); ++k) {
            CAPTURE(wide[k].elements.front());
            CAPTURE(size[0]);
            CAPTURE(size[1]);
            const auto& s = wide[k];
            CHECK(s.elements.size() == 3);
            CHECK(s.truth.shape() == stack_shape{3, size[0], size[1]});
            CHECK(s.haadf.shape() == image_shape{size[0], size[1]});
            for (const double v : s.truth) REQUIRE((v >= 0 && v <= 1 && v * 65536 == std::round(v * 65536)));
            for (const double v : s.haadf) REQUIRE((v >= 0 && v <= 1));
            CHECK(single[k].truth == s.truth);
            CHECK(single[k].haadf == s.haadf);
        }
    }
}

TEST_CASE("specimens are the same with every compiler") {
    const auto s = specimens<double>(96, 128);
    CHECK(checksum(s[0].truth) == 0x757d847d363d9b2a);
    CHECK(checksum(s[0].haadf) == 0xdbf4ad3f98062625);
    CHECK(checksum(s[1].truth) == 0x5bcd58bed70d04e3);
    CHECK(checksum(s[1].haadf) == 0x0fdf5e75390cb818);
    const auto other = core_shell_particles({.ny = 96, .nx = 128, .seed = 2});
    CHECK(other.truth != s[0].truth);
    CHECK(perovskite_columns({.ny = 96, .nx = 128, .seed = 2}).truth != s[1].truth);
}

TEST_CASE("the HAADF image goes with (Z x)^1.6") {
    for (const auto& s : specimens<double>(64, 80)) {
        CAPTURE(s.elements.front());
        CHECK(*std::max_element(s.haadf.begin(), s.haadf.end()) == 1);
        std::vector<double> response(s.haadf.size());
        for (std::size_t i = 0; i < 3; ++i) {
            for (std::size_t p = 0; p < response.size(); ++p) {
                response[p] += std::pow(atomic_number(s.elements[i]) * s.truth.data()[i * response.size() + p], 1.6);
            }
        }
        const double highest = *std::max_element(response.begin(), response.end());
        for (std::size_t p = 0; p < response.size(); ++p) {
            REQUIRE(std::abs(s.haadf.data()[p] - response[p] / highest) <= 0x1.01p-17);
        }
    }
}

TEST_CASE("particles have cores of Co3O4 in shells of Mn3O4") {
    const auto s = core_shell_particles({.ny = 200, .nx = 240});
    CHECK(s.elements == std::vector<std::string>{"Co", "Mn", "O"});
    std::size_t vacuum = 0, shell = 0, core = 0;
    for (std::size_t y = 0; y < 200; ++y) {
        for (std::size_t x = 0; x < 240; ++x) {
            const double co = s.truth(0, y, x), mn = s.truth(1, y, x), o = s.truth(2, y, x);
            REQUIRE(std::abs(co + mn - 0.75 * o) <= 2 * 0x1p-16);
            vacuum += o == 0;
            shell += o > 0.05 && co == 0;
            core += co > mn && mn > 0;
        }
    }
    for (const std::size_t pixels : {vacuum, shell, core}) {
        CAPTURE(pixels);
        CHECK(pixels > 200 * 240 / 20);
    }
    // Seven tenths of the radius are 0.343 of the volume; no particle leaves this image, and sums are volumes.
    const auto one = core_shell_particles({.ny = 200, .nx = 600, .particles = 3});
    const double co = amount(one.truth, 0, 0, 200, 0, 600), mn = amount(one.truth, 1, 0, 200, 0, 600);
    CHECK(std::abs(co / (co + mn) - 0.343) < 0.02);
}

TEST_CASE("the film is DyScO3 and the substrate has 0.3 of its Dy") {
    const auto s = perovskite_columns({.ny = 256, .nx = 512});
    CHECK(s.elements == std::vector<std::string>{"Sc", "Dy", "O"});
    // Ten by ten cells far from the interface, at column 256.
    const auto left = [&](std::size_t i) { return amount(s.truth, i, 48, 208, 48, 208); };
    const auto right = [&](std::size_t i) { return amount(s.truth, i, 48, 208, 304, 464); };
    const double atom = 2 * std::numbers::pi * 2 * 2 * 100;  // a column of unit peak and width 2 pixels in each cell
    CHECK(std::abs(right(0) / atom - 1) < 0.02);
    CHECK(std::abs(right(1) / atom - 1) < 0.02);
    CHECK(std::abs(right(2) / atom - 3) < 0.06);
    CHECK(std::abs(left(0) / atom - 1) < 0.02);
    CHECK(std::abs(left(1) / atom - 0.3) < 0.01);
    CHECK(std::abs(left(2) / atom - 3) < 0.06);
    // The interface is where it should be: Dy of each column of cells, from one half to the other.
    double before = 0;
    for (std::size_t x = 192; x < 320; x += 16) {
        const double dy = amount(s.truth, 1, 48, 208, x, x + 16);
        CHECK(dy > 0.95 * before);
        before = dy;
    }
    CHECK(amount(s.truth, 1, 48, 208, 208, 240) < 0.5 * amount(s.truth, 1, 48, 208, 272, 304));
    // A larger image shows more of the columns, not larger ones.
    CHECK(perovskite_columns({.ny = 40, .nx = 512}).truth == xt::view(s.truth, xt::all(), xt::range(0, 40)));
}

TEST_CASE("options out of range are refused by name") {
    support::check_throws<value_error>([] { core_shell_particles({.ny = 0}); }, "ny: is 0", "[1, 65536]");
    support::check_throws<value_error>([] { core_shell_particles({.nx = 70000}); }, "nx: is 70000");
    support::check_throws<value_error>([] { core_shell_particles({.particles = 0}); }, "particles: is 0", "[1, 10000]");
    support::check_throws<value_error>([] { perovskite_columns({.nx = 0}); }, "nx: is 0");
    support::check_throws<value_error>([] { perovskite_columns({.cell = 1}); }, "cell: is 1", "[4, 1024]");
    support::check_throws<value_error>([] { perovskite_columns({.cell = std::numeric_limits<double>::quiet_NaN()}); },
                                       "cell: is ", "nan");
}
