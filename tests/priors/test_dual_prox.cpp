// The proximal operator by dual_kernels, on a prior that has one of its own.
#include <doctest/doctest.h>

#include <cmath>

#include <stemfuse/priors/dual_prox.hpp>

#include "support.hpp"

using namespace stemfuse;

TEST_CASE_TEMPLATE("dual_prox of total variation is total variation's own", T, float, double) {
    for (const stack_shape& shape : {stack_shape{2, 33, 50}, stack_shape{1, 1, 40}, stack_shape{3, 40, 1}}) {
        const auto v = support::random_array<T, 3>(shape, -0.3, 1, 1);
        for (const tv_norm norm : {tv_norm::isotropic, tv_norm::anisotropic}) {
            for (const bool non_negative : {true, false}) {
                const total_variation tv{
                    .norm = norm, .iterations = 40, .report_gap = true, .non_negative = non_negative};
                xt::xtensor<T, 3> u(shape), expected(shape), own, p = xt::zeros<T>({2 * shape[0], shape[1], shape[2]});
                const auto report = tv.prox(v, 0.2, expected, own);
                const auto ours = dual_prox<total_variation, T>(tv, {40, non_negative, true}, as_view(v), 0.2,
                                                                as_view(u), as_view(p));
                CHECK(support::relative_difference(u, expected) <= 10 * support::tolerance<T>::rounding);
                CHECK(support::relative_difference(p, own) <= 20 * support::tolerance<T>::rounding);
                CHECK(std::abs(*ours.gap - *report.gap) <= 10 * support::tolerance<T>::rounding * (1 + *report.gap));
                CHECK(ours.iterations == 40);
            }
        }
    }
}
