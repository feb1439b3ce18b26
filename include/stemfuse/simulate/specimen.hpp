// A specimen whose elemental maps are known.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/random.hpp>

namespace stemfuse {

/// Known maps and the HAADF image that they give without noise. Our own specimens hold multiples of 2^-16, which float
/// and double both hold exactly, so that every compiler makes the same ones.
template <scalar T>
struct specimen {
    std::vector<std::string> elements;          ///< n symbols
    xt::xtensor<T, 3> truth;                    ///< (n, n_y, n_x), amounts, 0 to about 1
    xt::xtensor<T, 2> haadf;                    ///< (n_y, n_x), its maximum 1; what is not mapped shines in it too
    xt::xtensor<T, 2> background_profile = {};  ///< (n_y, n_x), by which a background is multiplied; 1 if empty
};

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

// Z_i^1.7: the weights of a HAADF image that is linear in the amounts, as that of a thin specimen off its zone axis.
inline std::vector<double> scattering_powers(std::vector<double> atomic_numbers) {
    for (double& z : atomic_numbers) z = std::pow(z, 1.7);
    return atomic_numbers;
}

}  // namespace detail

}  // namespace stemfuse
