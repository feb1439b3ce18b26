// The structured priors under both schemes.
#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/published_scheme.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

using joint_float = structured_total_variation<coupling::joint, float>;

// A convex fusion: HAADF exponent 1.
template <class Prior, class Scheme>
auto solver_of(const stack_shape& shape, Prior prior, Scheme scheme) {
    using T = typename decltype(prior.direction)::value_type;
    return fusion_solver(haadf_model(support::random_array<T, 2>({shape[1], shape[2]}, 0, 1, 1),
                                     haadf_response::from_weights(std::vector<double>(shape[0], 2.0 / 3), 1)),
                         poisson_likelihood(support::random_array<T, 3>(shape, 0, 1, 2), 0.24), std::move(prior),
                         scheme, cost_weights{});
}

template <class T>
directional_field<T> direction(const stack_shape& shape) {
    return directional_field<T>(support::random_array<T, 3>({2, shape[1], shape[2]}, -0.7, 0.7, 99));
}

}  // namespace

TEST_CASE_TEMPLATE("the convergent scheme ends where proximal gradients do, and never rises", Prior, joint_float,
                   structured_total_variation<coupling::none, double>,
                   structured_total_variation<coupling::joint, double>,
                   structured_total_variation<coupling::nuclear, double>) {
    using T = typename decltype(Prior{}.direction)::value_type;
    const stack_shape shape{3, 20, 18};
    for (const bool directed : {false, true}) {
        Prior prior;
        if (directed) prior.direction = direction<T>(shape);
        const auto solver = solver_of(shape, prior, convergent_scheme{});
        const auto result = solver.solve({.iterations = 3000, .stationarity = 1e-4});
        CHECK(result.reason == stop_reason::stationarity);
        for (std::size_t k = 1; k < result.history.size(); ++k) {
            CHECK(result.history[k].total <= result.history[k - 1].total);
        }

        const auto& f = solver.terms();
        xt::xtensor<T, 3> x = support::random_array<T, 3>(shape, 0, 1, 2), g(shape), v(shape), duals;
        prior.iterations = 30;
        const T step = T(0.2);
        for (int k = 0; k < 1000; ++k) {
            f.value_and_gradient(x, g);
            v = x - step * g;
            prior.prox(v, static_cast<double>(step) * f.lambda_tv(), x, duals);
        }
        const double lowest = f.value(x).total, reached = result.history.back().total;
        CHECK(reached <= lowest + 1e-4 * lowest);
        CHECK(reached >= lowest - 1e-5 * lowest);
    }
}

TEST_CASE("a convergent solve has the same bits for any number of threads") {
    const stack_shape shape{3, 50, 37};
    const auto solver = solver_of(shape, joint_float{.direction = direction<float>(shape)}, convergent_scheme{});
    const auto serial = solver.solve({.iterations = 3});
    for (const std::size_t threads : {2u, 5u, 16u}) {
        thread_pool pool(threads);
        const auto result = solver.solve({.iterations = 3}, pool);
        CHECK(result.maps == serial.maps);
        CHECK(result.duals.p == serial.duals.p);
    }
}

TEST_CASE("a coarser prior has the options of the finer one and its direction by block means") {
    const joint_float prior{.direction = direction<float>({1, 9, 12}), .iterations = 7, .non_negative = false};
    const joint_float half = dual_kernels<joint_float>{prior}.coarser();
    CHECK(half.direction.shape() == stack_shape{2, 5, 6});
    CHECK(half.iterations == 7);
    CHECK(!half.non_negative);
}

TEST_CASE("the published scheme takes it, with cold and with warm duals") {
    const stack_shape shape{3, 20, 18};
    const joint_float prior{.direction = direction<float>(shape), .iterations = 6};
    const auto run = [&](bool warm) {
        return solver_of(shape, prior, published_scheme{.step = 0.2, .warm_duals = warm}).solve({.iterations = 60});
    };
    const auto cold = run(false), warm = run(true);
    CHECK(cold.history.back().total < cold.history.front().total);
    CHECK(warm.history.back().total <= cold.history.back().total * (1 + 1e-6));
}

TEST_CASE("a direction of another shape ends a solve before it begins") {
    const joint_float prior{.direction = direction<float>({1, 20, 17})};
    support::check_throws<shape_error>(
        [&] { solver_of({3, 20, 18}, prior, convergent_scheme{}).solve({.iterations = 1}); }, "direction",
        "(2, 20, 17)", "(2, 20, 18)");
    support::check_throws<shape_error>(
        [&] { solver_of({3, 20, 18}, prior, published_scheme{}).solve({.iterations = 1}); }, "direction", "(2, 20, 17)",
        "(2, 20, 18)");
}
