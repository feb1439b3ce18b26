// How the HAADF image depends on the maps, estimated from both: response of every element, exponent and offset.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/order_statistics.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>
#include <stemfuse/simd/elementary.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// b_H = offset + sum_i responses_i x_i^gamma + what stays unexplained.
struct haadf_calibration {
    std::vector<double> responses;  ///< >= 0, in the units of the image for maps of 1
    double gamma = 1;               ///< exponent
    double offset = 0;              ///< of any sign, in the units of the image
    double misfit = 0;  ///< root mean square of the residual, smoothed over a few pixels: what noise does not explain

    /// Whether the image depends on any map at all.
    bool sees_any() const {
        return std::any_of(responses.begin(), responses.end(), [](double a) { return a > 0; });
    }
};

/// The options of calibrate_haadf().
struct haadf_calibration_options {
    std::vector<double> gammas{1, 1.2, 1.4, 1.6, 1.8};  ///< of which the one of the smallest misfit is taken
    std::size_t reweightings = 2;                       ///< of the robust fit
    double misfit_smoothing = 1;                        ///< sigma of a Gaussian over the residual, in pixels
};

namespace detail {

// a >= 0 of least a^T C a / 2 - c^T a by projected Gauss-Seidel sweeps, C symmetric and positive definite.
inline std::vector<double> non_negative_minimum(const xt::xtensor<double, 2>& matrix, const std::vector<double>& c) {
    std::vector<double> a(c.size());
    for (int sweep = 0; sweep < 1000; ++sweep) {
        double change = 0, size = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            double g = c[i];
            for (std::size_t j = 0; j < a.size(); ++j) g -= matrix(i, j) * a[j];
            const double next = std::max(0.0, a[i] + g / matrix(i, i));
            change += std::abs(next - a[i]);
            size += next;
            a[i] = next;
        }
        if (change <= 1e-10 * size) break;
    }
    return a;
}

// The fit for one exponent. Holds the powers of the maps; the weights of pixels begin at 1.
template <scalar T>
class response_fit {
public:
    response_fit(const stack_view<const T>& maps, const image_view<const T>& haadf, double gamma, const execution& exec)
        : gamma_(gamma), exec_(exec), powers_(maps.shape), residual_(haadf.shape), haadf_(haadf) {
        const powers<T> raise(gamma);
        const std::size_t ny = maps.shape[1];
        for_each_row(maps.shape[0] * ny, maps.shape[2], exec, [&](std::size_t r) {
            const T* const from = maps.row(r / ny, r % ny);
            T* const to = &powers_(r / ny, r % ny, 0);
            for_each_pack<T>(maps.shape[2], [&](auto at) { at.store(to, raise(at.load(from))); });
        });
    }

    // Weighted least squares, and then Huber's weights from the residual, beyond 2 robust standard deviations: with
    // normal noise alone this is 99% as efficient as least squares.
    haadf_calibration run(std::size_t reweightings) {
        limit_ = std::numeric_limits<T>::infinity();
        residual_.fill(T(0));
        for (std::size_t k = 0;; ++k) {
            solve();
            set_residual();
            if (k == reweightings) return fit_;
            // The spread by the median of |r|, which is 0.6745 standard deviations of normal noise. 4096 to 8192
            // pixels, evenly spaced, tell it within 2% (one standard error); more would only take time.
            std::vector<T> sizes;
            for (std::size_t p = 0; p < residual_.size(); p += 1 + residual_.size() / 8192)
                sizes.push_back(std::abs(residual_.data()[p]));
            limit_ = static_cast<T>(2 / 0.6745 * kth_smallest(sizes.begin(), sizes.end(), sizes.size() / 2));
            if (!(limit_ > 0)) return fit_;
        }
    }

    const xt::xtensor<T, 2>& residual() const { return residual_; }

private:
    // Moments of the powers and the image: weights 1 and then w_p = min(1, limit / |r_p|).
    void solve() {
        const std::size_t n = powers_.shape(0), ny = powers_.shape(1), nx = powers_.shape(2), m = n + 2;
        std::vector<double> rows(ny * m * m);
        for_each_row(ny, nx, exec_, [&](std::size_t y) {
            std::vector<T> line(m * nx), weights(nx);
            for (std::size_t x = 0; x < nx; ++x) {
                const T r = std::abs(residual_(y, x));
                weights[x] = r > limit_ ? limit_ / r : T(1);
            }
            for (std::size_t i = 0; i < n; ++i) std::copy_n(&powers_(i, y, 0), nx, line.data() + i * nx);
            std::copy_n(haadf_.row(y), nx, line.data() + n * nx);
            std::fill_n(line.data() + (n + 1) * nx, nx, T(1));
            for (std::size_t i = 0; i < m; ++i) {
                for (std::size_t j = 0; j <= i; ++j) {
                    pack_sum<T> sum;
                    for_each_pack<T>(nx, [&](auto at) {
                        sum.add(at.load(weights.data()) * at.load(line.data() + i * nx) *
                                at.load(line.data() + j * nx));
                    });
                    rows[(y * m + i) * m + j] = sum.total();
                }
            }
        });
        xt::xtensor<double, 2> moments = xt::zeros<double>({m, m});
        for (std::size_t k = 0; k < rows.size(); ++k) moments.data()[k % (m * m)] += rows[k];
        const double total = moments(n + 1, n + 1);
        const auto mean = [&](std::size_t i) { return moments(n + 1, i) / total; };
        xt::xtensor<double, 2> covariance({n, n});
        std::vector<double> with_image(n);
        double trace = 0;
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j <= i; ++j) {
                covariance(i, j) = covariance(j, i) = moments(i, j) / total - mean(i) * mean(j);
            }
            with_image[i] = moments(n, i) / total - mean(n) * mean(i);
            trace += covariance(i, i);
        }
        for (std::size_t i = 0; i < n; ++i) {
            if (covariance(i, i) <= 1e-12) with_image[i] = 0;
            // Positive definite also where two maps are alike or all are constant.
            covariance(i, i) += 1e-9 * trace + 1e-30;
        }
        fit_ = {non_negative_minimum(covariance, with_image), gamma_, mean(n), 0};
        for (std::size_t i = 0; i < n; ++i) fit_.offset -= fit_.responses[i] * mean(i);
    }

    void set_residual() {
        const std::size_t nx = powers_.shape(2);
        for_each_row(powers_.shape(1), nx, exec_, [&](std::size_t y) {
            for_each_pack<T>(nx, [&](auto at) {
                pack<T> r = at.load(haadf_.row(y)) - static_cast<T>(fit_.offset);
                for (std::size_t i = 0; i < powers_.shape(0); ++i)
                    r -= static_cast<T>(fit_.responses[i]) * at.load(&powers_(i, y, 0));
                at.store(&residual_(y, 0), r);
            });
        });
    }

    double gamma_;
    execution exec_;
    xt::xtensor<T, 3> powers_;
    xt::xtensor<T, 2> residual_;
    image_view<const T> haadf_;
    haadf_calibration fit_;
    T limit_;
};

}  // namespace detail

/// Fits the image by maps x >= 0 of shape (n, n_y, n_x): responses >= 0 and offset of any sign by least squares with
/// Huber's weights, for each of the exponents; no matrix of atomic numbers is assumed, so gain, sensitivities and units
/// need not be known. Noise in the maps draws the responses down: give smoothed or fused maps. A map whose power varies
/// by less than 1e-6 has no response.
/// Throws shape_error where the shapes differ, value_error for NaN or infinity, negative maps, no exponent and one
/// outside [1, 2].
template <stack X, image H>
haadf_calibration calibrate_haadf(const X& maps, const H& haadf, const haadf_calibration_options& options = {},
                                  const execution& exec = {}) {
    using T = value_type_t<X>;
    const readable<T, 3> x(maps, "maps");
    const readable<T, 2> h(haadf, "haadf");
    require_not_empty(x.view(), "maps");
    require_counts(x.view(), "maps");
    require_finite(h.view(), "haadf");
    require_shape({x.view().shape[1], x.view().shape[2]}, h.view().shape, "maps", "the HAADF image");
    require_some(options.gammas, "gammas");
    std::optional<haadf_calibration> best;
    for (const double gamma : options.gammas) {
        require_in_range(gamma, 1, 2, "gammas");
        detail::response_fit<T> fit(x.view(), h.view(), gamma, exec);
        haadf_calibration found = fit.run(options.reweightings);
        const auto smooth = gaussian_filter(as_view(fit.residual()), options.misfit_smoothing, exec);
        double squares = 0;
        for (const T r : smooth) squares += static_cast<double>(r) * static_cast<double>(r);
        found.misfit = std::sqrt(squares / static_cast<double>(smooth.size()));
        if (!best || found.misfit < best->misfit) best = found;
    }
    return *best;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
