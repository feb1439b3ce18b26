#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/simulate/antisite_superlattice.hpp>

#include "specimen_checks.hpp"
#include "support.hpp"

using namespace stemfuse;

namespace {

// Share of Ba at the corner of cell (j, i), which lies in the image: the sum over five by five pixels.
double barium_share(const specimen<double>& s, std::size_t j, std::size_t i, double cell) {
    const auto y = static_cast<std::size_t>((static_cast<double>(j) - 0.8) * cell) - 2;
    const auto x = static_cast<std::size_t>((static_cast<double>(i) - 0.7) * cell) - 2;
    const double barium = specimen_checks::amount(s.truth, 0, y, y + 5, x, x + 5);
    return barium / (barium + specimen_checks::amount(s.truth, 1, y, y + 5, x, x + 5));
}

// Whether the order puts Ba there: rows in the left half, a chessboard in the right.
bool ordered_barium(std::size_t j, std::size_t i, double cell, double middle) {
    return ((static_cast<double>(i) - 0.7) * cell < middle ? j : i + j) % 2 == 0;
}

}  // namespace

TEST_CASE("the superlattice is the same in float and double, at any size") {
    specimen_checks::any_size([](auto zero, std::size_t ny, std::size_t nx) {
        return antisite_superlattice<decltype(zero)>({.ny = ny, .nx = nx});
    });
    const auto s = antisite_superlattice();
    CHECK(s.elements == std::vector<std::string>{"Ba", "Sr", "Mn", "O"});
    CHECK(s.truth.shape() == stack_shape{4, 128, 128});
    CHECK(checksum(s.truth) == 0x770c7e06c21304f3);
    CHECK(checksum(s.haadf) == 0x56135dd1d51eb3f7);
    CHECK(antisite_superlattice({.seed = 2}).truth != s.truth);
    constexpr double z[] = {56, 38, 25, 8};
    specimen_checks::haadf_is(s.haadf, s.truth, [&](std::size_t i, double v) { return std::pow(z[i] * v, 1.6); });
}

TEST_CASE("layers on the left, rock salt on the right, 8% of the atoms and of the columns wrong") {
    const double cell = 17;
    const auto s = antisite_superlattice({.ny = 1020, .nx = 1020});
    std::size_t columns = 0, wrong = 0;
    for (std::size_t j = 1; j < 60; ++j) {
        for (std::size_t i = 1; i < 60; ++i) {
            const double share = barium_share(s, j, i, cell);
            REQUIRE((std::abs(share - 0.92) < 1e-3 || std::abs(share - 0.08) < 1e-3));
            ++columns;
            wrong += (share > 0.5) != ordered_barium(j, i, cell, 510);
        }
    }
    CHECK(std::abs(static_cast<double>(wrong) / static_cast<double>(columns) - 0.08) < 0.016);  // 3.5 deviations
    const auto perfect = antisite_superlattice({.antisites = 0});
    for (std::size_t j = 1; j < 8; ++j) {
        for (std::size_t i = 1; i < 8; ++i)
            REQUIRE(std::abs(barium_share(perfect, j, i, cell) - ordered_barium(j, i, cell, 64)) < 1e-3);
    }
}

TEST_CASE("amounts of the superlattice: as many Ba and Sr sites as Mn, and three O") {
    const auto s = antisite_superlattice({.ny = 408, .nx = 816});
    const auto total = [&](std::size_t i) { return specimen_checks::amount(s.truth, i, 34, 374, 34, 782); };
    const double cations = (total(0) + total(1)) / std::pow(0.13, 2);
    CHECK(std::abs(total(2) / std::pow(0.118, 2) / cations - 0.8) < 0.01);
    CHECK(std::abs(total(3) / std::pow(0.147, 2) / cations - 1.8) < 0.02);
    CHECK(std::abs(total(0) / (total(0) + total(1)) - 0.5) < 0.05);
}

TEST_CASE("options of the superlattice out of range are refused by name") {
    support::check_throws<value_error>([] { antisite_superlattice({.nx = 0}); }, "nx: is 0", "[1, 65536]");
    support::check_throws<value_error>([] { antisite_superlattice({.cell = 2}); }, "cell: is 2", "[4, 1024]");
    support::check_throws<value_error>([] { antisite_superlattice({.displacement = 101}); }, "displacement: is 101");
    support::check_throws<value_error>([] { antisite_superlattice({.antisites = 0.6}); }, "antisites: is 0.6",
                                       "[0, 0.5]");
}
