#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <stemfuse/priors/total_variation.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("the square root of rows keeps its stated error, and 0", T, float, double) {
    double worst = 0;
    for (T x = std::numeric_limits<T>::min(); x < T(1e37); x *= T(1.37)) {
        const long double exact = std::sqrt(static_cast<long double>(x));
        worst = std::max(worst, static_cast<double>(std::abs(get_lane(square_root(broadcast(x)), 0) / exact - 1)));
    }
    CHECK(worst <= (sizeof(T) == 4 ? 4e-7 : 2e-15));
    CHECK(get_lane(square_root(broadcast(T(0))), 0) == 0);
}

TEST_CASE_TEMPLATE("tiles of any size, also smaller than the halo, give the same result", T, float, double) {
    const std::size_t ny = 37, nx = 61;
    const auto v = support::random_array<T, 3>({2, ny, nx}, -0.3, 1);
    std::vector<detail::tv_image<T>> images{{as_view(v).image(0), {}, {}}, {as_view(v).image(1), {}, {}}};
    const std::vector<T> momenta{0, T(0.28), T(0.43), T(0.53), T(0.6)};
    const auto run = [&](std::size_t width, std::size_t height, std::size_t together) {
        detail::tv_tiling tiling(ny, nx, momenta.size(), sizeof(T), 1, 1);
        tiling.width = width;
        tiling.height = height;
        xt::xtensor<T, 3> u = xt::zeros<T>(v.shape());
        detail::tv_sweep<T>(detail::tv_kernels<T>::of(tv_norm::isotropic, tv_algorithm::fgp, true), images, together,
                            T(0.2), momenta, tiling, {},
                            [&](row_segment at, std::size_t first, const T* const* rows, const T* const* below) {
                                for (std::size_t i = 0; i < together; ++i) {
                                    T* const out = as_view(u).row(first + i, at.y);
                                    for (std::size_t c = 0; c < at.n; ++c) out[at.x0 + c] += rows[i][c];
                                    if (at.y + 1 == ny) CHECK(below[i] == rows[i]);
                                }
                            });
        return u;
    };
    const auto whole = run(nx, ny, 1);
    for (const std::size_t width : {1u, 2u, 7u, 16u, 60u}) {
        for (const std::size_t height : {1u, 3u, 36u}) CHECK(run(width, height, 2) == whole);
    }
}

TEST_CASE_TEMPLATE("rows handed out: each pixel once, with the value and the prox of the whole", T, float, double) {
    for (const std::size_t iterations : {4u, 50u}) {
        const auto v = support::random_array<T, 3>({2, 90, 1100}, -0.3, 1);
        const total_variation tv{.iterations = iterations};
        xt::xtensor<T, 3> u(v.shape()), seen = xt::zeros<T>(v.shape());
        tv.prox(v, 0.2, u);
        thread_pool pool(3);
        const auto result = tv.prox_rows(
            v, 0.2,
            [&](row_segment at, const T* const* rows) {
                for (std::size_t i = 0; i < 2; ++i) {
                    T* const out = as_view(seen).row(i, at.y) + at.x0;
                    for (std::size_t c = 0; c < at.n; ++c) out[c] += rows[i][c];
                }
                return static_cast<double>(at.n);
            },
            pool);
        CHECK(seen == u);
        CHECK(result.sum == 90 * 1100);
        CHECK(std::abs(result.value - tv.value(u)) <= support::tolerance<T>::rounding * result.value);
    }
}
