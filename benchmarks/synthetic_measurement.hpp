// What the benchmarks fuse: columns of atoms with noise, of any size.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <stemfuse/core/xtensor.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

namespace bench {

// The parameters of every case.
inline constexpr double gamma_haadf = 1.6, background = 0.24, lambda_chemical = 0.08, lambda_tv = 0.15;

// Maps (n, ny, nx) in [0, 1] with noise, and the image (ny, nx) that they give without noise.
template <class T>
struct measurement {
    xt::xtensor<T, 2> haadf;
    xt::xtensor<T, 3> maps;
    std::vector<double> weights;
};

// Numbers in [0, 1) by a linear congruential generator of 64 bits, of which the upper 24 are taken.
class noise_source {
public:
    double operator()() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<double>(state_ >> 40) / 16777216.0;
    }

private:
    std::uint64_t state_ = 1;
};

// A column is the product of a profile along y and one along x, and so is its power.
template <class T>
measurement<T> make_measurement(std::size_t n, std::size_t ny, std::size_t nx) {
    measurement<T> m{xt::xtensor<T, 2>({ny, nx}, T(0)), xt::xtensor<T, 3>({n, ny, nx}), std::vector<double>(n)};
    noise_source noise;
    for (std::size_t i = 0; i < n; ++i) {
        m.weights[i] = 0.5 + static_cast<double>(i + 1) / static_cast<double>(n + 1);
        const auto profile = [&](std::size_t size) {
            std::vector<double> along(size);
            for (std::size_t k = 0; k < size; ++k) {
                along[k] = std::pow(std::sin(0.2 * static_cast<double>(k) + 0.4 * static_cast<double>(i)), 2);
            }
            return along;
        };
        const std::vector<double> along_y = profile(ny), along_x = profile(nx);
        std::vector<double> power_x(nx);
        for (std::size_t x = 0; x < nx; ++x) power_x[x] = std::pow(along_x[x], gamma_haadf);
        for (std::size_t y = 0; y < ny; ++y) {
            const double power_y = m.weights[i] * std::pow(along_y[y], gamma_haadf);
            for (std::size_t x = 0; x < nx; ++x) {
                const double extra = noise();
                m.maps(i, y, x) = static_cast<T>(0.7 * along_y[y] * along_x[x] + 0.3 * extra * extra);
                m.haadf(y, x) += static_cast<T>(power_y * power_x[x]);
            }
        }
    }
    return m;
}

// The solver of the published scheme on m, whose arrays it refers to.
template <class T>
auto solver_of(const measurement<T>& m, std::size_t tv_iterations) {
    return stemfuse::fusion_solver(
        stemfuse::haadf_model(stemfuse::as_view(m.haadf),
                              stemfuse::haadf_response::from_weights(m.weights, gamma_haadf)),
        stemfuse::poisson_likelihood(stemfuse::as_view(m.maps), background),
        stemfuse::total_variation{.iterations = tv_iterations},
        stemfuse::cost_weights{.lambda_chemical = lambda_chemical, .lambda_tv = lambda_tv});
}

}  // namespace bench
