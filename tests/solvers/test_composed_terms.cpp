#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include <stemfuse/core/thread_pool.hpp>
#include <stemfuse/operators/binning.hpp>
#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/operators/operator_algebra.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/sum_of_terms.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

const stack_shape shape{2, 24, 26};

auto elastic(double gamma) {
    return haadf_model(support::random_array<double, 2>({shape[1], shape[2]}, 0.5, 1.5, 80),
                       haadf_response::from_weights({1.0, 0.4}, gamma));
}

bool never_rises(const fusion_report& report) {
    return std::is_sorted(report.history.rbegin(), report.history.rend(),
                          [](const costs& a, const costs& b) { return a.total < b.total; });
}

}  // namespace

TEST_CASE("schemes take a sum as they take its terms: one sweep, the same bits") {
    const auto counts = support::random_array<double, 3>(shape, 0, 4, 81);
    const count_likelihood term(counts, std::vector<double>{2.0, 3.0}, 0.2);
    const auto start = support::random_array<double, 3>(shape, 0.2, 1, 82);
    const auto fuse = [&](const auto& chemical, const auto& scheme) {
        const fusion_solver solver(elastic(1.6), chemical, total_variation{.iterations = 3}, scheme);
        static_assert(std::remove_cvref_t<decltype(solver.terms())>::row_wise);
        return solver.solve_from(start, {.iterations = 4});
    };
    const sum_of_terms alone(term);
    const sum_of_terms halves({0.5, 0.5}, term, term);
    const published_scheme published{.step = 0.1};
    const convergent_scheme convergent{};
    CHECK(fuse(alone, published).maps == fuse(term, published).maps);
    const auto expected = fuse(term, convergent);
    CHECK(fuse(alone, convergent).maps == expected.maps);
    CHECK(support::relative_difference(fuse(halves, convergent).maps, expected.maps) <= 1e-9);
}

TEST_CASE("the published scheme goes down with composed terms at a step from their curvature bounds") {
    const auto maps = support::random_array<double, 3>({2, 12, 13}, 0.2, 1, 83);
    const composed_term chemical(gaussian_likelihood(maps, 0.5),
                                 product(binning(shape, {2, 2}, binned::mean), gaussian_blur(shape, {0.8, 1.7})));
    const auto image = elastic(1);
    const cost_weights weights{.lambda_haadf = 0.5, .lambda_chemical = 0.1, .lambda_tv = 0.02};
    const total_variation precise{.iterations = 200, .gap_tolerance = 1e-12};
    const objective f(image, chemical, precise, weights);
    CHECK(f.curvature_bound() == 0.5 * image.curvature_bound() + 0.1 * chemical.curvature_bound());
    const published_scheme scheme{.step = 1 / f.curvature_bound()};
    CHECK(scheme.provably_descends(f));
    CHECK_FALSE(published_scheme{.step = 1.01 * scheme.step}.provably_descends(f));
    CHECK_FALSE(scheme.provably_descends(objective(elastic(1.6), chemical, precise, weights)));
    const fusion_solver solver(image, chemical, precise, scheme, weights);
    xt::xtensor<double, 3> start(shape);
    chemical.op().adjoint(as_view(maps), as_view(start));
    start *= 4;
    const auto result = solver.solve_from(start, {.iterations = 30});
    CHECK(never_rises(result));
    CHECK(result.history.back().total < 0.9 * result.history.front().total);
    thread_pool pool(3);
    CHECK(solver.solve_from(start, {.iterations = 30}, pool).maps == result.maps);
}
