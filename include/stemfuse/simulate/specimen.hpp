// A specimen whose elemental maps are known.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/random.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A disc in which a map differs from its surroundings; the centre of the first pixel is at (0.5, 0.5).
struct specimen_feature {
    std::string kind;         ///< in a few words
    std::size_t element = 0;  ///< index of the map
    double y = 0,             ///< of the centre, in rows
        x = 0,                ///< of the centre, in columns
        radius = 1;           ///< pixels
    double amount = 0;        ///< mean of the element's map in the disc
    double usual = 0;         ///< the same if the feature were not there

    /// Whether the centre of this pixel lies in the disc.
    bool holds(std::size_t row, std::size_t column) const {
        return std::hypot(static_cast<double>(row) + 0.5 - y, static_cast<double>(column) + 0.5 - x) <= radius;
    }
};

/// Known maps and the HAADF image that they give without noise. Our own specimens hold multiples of 2^-16, which float
/// and double both hold exactly, so that every compiler makes the same ones.
template <scalar T>
struct specimen {
    std::vector<std::string> elements;            ///< n symbols
    xt::xtensor<T, 3> truth;                      ///< (n, n_y, n_x), amounts, 0 to about 1
    xt::xtensor<T, 2> haadf;                      ///< (n_y, n_x), its maximum 1; what is not mapped shines in it too
    xt::xtensor<T, 2> background_profile = {};    ///< (n_y, n_x), by which a background is multiplied; 1 if empty
    std::vector<specimen_feature> features = {};  ///< where a map is hard to get right, and what is true there
};

/// The mean of an image (n_y, n_x) in a feature's disc; 0 where no pixel's centre is in it.
template <image A>
double mean_in(const A& map, const specimen_feature& feature) {
    const readable<scalar_type_t<A>, 2> in(map, "map");
    double sum = 0, pixels = 0;
    for (std::size_t y = 0; y < in.view().shape[0]; ++y) {
        for (std::size_t x = 0; x < in.view().shape[1]; ++x) {
            if (!feature.holds(y, x)) continue;
            sum += static_cast<double>(in.view().row(y)[x]);
            ++pixels;
        }
    }
    return pixels > 0 ? sum / pixels : 0;
}

namespace detail {

inline void require_extents(std::size_t ny, std::size_t nx) {
    require_in_range(static_cast<double>(ny), 1, 65536, "ny");
    require_in_range(static_cast<double>(nx), 1, 65536, "nx");
}

// Makes the specimen of the given amounts; brightness(p, x) is what the amounts x of pixel p give in the HAADF image,
// in any unit.
template <scalar T, class Brightness>
specimen<T> make_specimen(std::vector<std::string> elements, const xt::xtensor<double, 3>& amounts,
                          Brightness&& brightness) {
    const std::size_t n = amounts.shape(0), pixels = amounts.shape(1) * amounts.shape(2);
    specimen<T> s{std::move(elements), xt::xtensor<T, 3>(amounts.shape()),
                  xt::xtensor<T, 2>({amounts.shape(1), amounts.shape(2)})};
    std::vector<double> haadf(pixels), x(n);
    for (std::size_t p = 0; p < pixels; ++p) {
        for (std::size_t i = 0; i < n; ++i) {
            x[i] = to_16_bits(std::max(0.0, amounts.data()[i * pixels + p]));
            s.truth.data()[i * pixels + p] = static_cast<T>(x[i]);
        }
        haadf[p] = brightness(p, std::as_const(x));
    }
    const double brightest = *std::max_element(haadf.begin(), haadf.end());
    std::transform(haadf.begin(), haadf.end(), s.haadf.data(),
                   [=](double v) { return static_cast<T>(brightest > 0 ? to_16_bits(v / brightest) : 0); });
    return s;
}

// HAADF proportional to sum_i (Z_i x_i)^1.6, the published model with the weights Z^gamma and the exponent of
// incoherent Z-contrast.
template <scalar T>
specimen<T> make_specimen(std::vector<std::string> elements, const std::vector<double>& atomic_numbers,
                          const xt::xtensor<double, 3>& amounts) {
    return make_specimen<T>(std::move(elements), amounts, [&](std::size_t, const std::vector<double>& x) {
        double sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow(atomic_numbers[i] * x[i], 1.6);
        return sum;
    });
}

// Adds a feature with what it holds and what it would hold in `usual`, the amounts without any feature; none where it
// lies outside of the image.
template <scalar T>
void mark_feature(specimen<T>& s, const xt::xtensor<double, 3>& usual, specimen_feature f) {
    const double ny = static_cast<double>(usual.shape(1)), nx = static_cast<double>(usual.shape(2));
    if (!(f.y >= f.radius && f.x >= f.radius && f.y <= ny - f.radius && f.x <= nx - f.radius)) return;
    f.amount = mean_in(xt::xtensor<T, 2>(xt::view(s.truth, f.element)), f);
    f.usual = mean_in(xt::xtensor<double, 2>(xt::view(usual, f.element)), f);
    s.features.push_back(std::move(f));
}

// Z_i^1.7: the weights of a HAADF image that is linear in the amounts, as that of a thin specimen off its zone axis.
inline std::vector<double> scattering_powers(std::vector<double> atomic_numbers) {
    for (double& z : atomic_numbers) z = std::pow(z, 1.7);
    return atomic_numbers;
}

}  // namespace detail

}  // namespace stemfuse::inline STEMFUSE_ABI
