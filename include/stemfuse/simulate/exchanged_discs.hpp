// A specimen: discs of many sizes in which two elements of one brightness are exchanged.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <stemfuse/simulate/atomic_columns.hpp>
#include <stemfuse/simulate/specimen.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The options of exchanged_discs().
struct exchanged_discs_options {
    std::size_t ny = 128,    ///< rows of pixels, 1 to 65536
        nx = 128;            ///< columns of pixels, 1 to 65536
    double contrast = 1;     ///< of the host's Co, how much is exchanged for Ni, 0 to 1
    bool lattice = false;    ///< columns instead of an even foil
    std::uint64_t seed = 1;  ///< of the discs' places
};

/// A host of 0.6 Co, 0.2 Ni and 0.5 O, even or in columns of 11.8 pixels a cell; discs of the diameters 14, 8, 5, 3, 2
/// and 1 in turn, one in each square of 24 pixels, exchange Co for Ni. HAADF proportional to (Co + Ni). Features: the
/// discs, in Co. Throws value_error for an option out of range.
template <scalar T = double>
specimen<T> exchanged_discs(const exchanged_discs_options& options = {}) {
    detail::require_extents(options.ny, options.nx);
    require_in_range(options.contrast, 0, 1, "contrast");
    constexpr std::array<double, 6> diameters{14, 8, 5, 3, 2, 1};
    constexpr double pitch = 24, cell = 11.8;
    const std::uint32_t stream = stream_of("exchanged_discs");
    xt::xtensor<double, 3> amounts = xt::zeros<double>({std::size_t{3}, options.ny, options.nx}), usual;
    const auto view = as_view(amounts, "amounts");
    constexpr std::array<double, 3> host{0.6, 0.2, 0.5};
    if (options.lattice) {
        detail::for_each_cell(
            options.ny, options.nx, cell, cell, [&](std::size_t j, std::size_t i, double y, double x) {
                random_stream random(options.seed, stream, j, i);
                const auto site = detail::displaced({y, x, 0.16 * cell, 1}, 0.2, random);
                for (std::size_t e = 0; e < 3; ++e) {
                    const double shift = e == 2 ? cell / 2 : 0;
                    detail::add_column(view.image(e), {site.y + shift, site.x + shift, site.sigma, 1.2 * host[e]});
                }
            });
        for (double& v : amounts) v = std::min(v, 1.0);
    } else {
        for (std::size_t e = 0; e < 3; ++e) xt::view(amounts, e) = host[e];
    }
    usual = amounts;
    std::vector<specimen_feature> discs;
    detail::for_each_cell(options.ny, options.nx, pitch, pitch, [&](std::size_t j, std::size_t i, double y, double x) {
        random_stream random(options.seed, stream + 1, j, i);
        const double dy = random.uniform(7, pitch - 7), dx = random.uniform(7, pitch - 7);
        specimen_feature disc{"disc", 0, std::floor(y + dy) + 0.5, std::floor(x + dx) + 0.5,
                              diameters[(i + 4 * j) % 6] / 2};
        disc.kind.append(" ").append(to_string(2 * disc.radius));
        discs.push_back(disc);
    });
    for (std::size_t y = 0; y < options.ny; ++y) {
        for (std::size_t x = 0; x < options.nx; ++x) {
            const bool inside =
                std::any_of(discs.begin(), discs.end(), [&](const specimen_feature& d) { return d.holds(y, x); });
            if (!inside) continue;
            const double moved = options.contrast * amounts(0, y, x);
            amounts(0, y, x) -= moved;
            amounts(1, y, x) += moved;
        }
    }
    auto s = detail::make_specimen<T>({"Co", "Ni", "O"}, amounts,
                                      [](std::size_t, const std::vector<double>& v) { return v[0] + v[1]; });
    for (const auto& d : discs) detail::mark_feature(s, usual, d);
    return s;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
