// Every scheme on images that are thinner than the threads are many: one result, whatever the number of threads.
#include <doctest/doctest.h>

#include <array>

#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/primal_dual_scheme.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// Shapes with more than 8192 values, so that sweeps are cut, and fewer rows than four for each thread.
constexpr std::array<stack_shape, 7> thin{
    {{1, 1, 30000}, {2, 1, 9000}, {2, 2, 6000}, {1, 3, 5000}, {2, 7, 1200}, {1, 30000, 1}, {2, 40, 300}}};
constexpr std::array<std::size_t, 6> thread_counts{2, 3, 5, 16, 33, 64};

template <class Prior, class Scheme>
void check_threads(Prior prior, Scheme scheme) {
    for (const stack_shape& shape : thin) {
        CAPTURE(to_string(shape));
        const auto image = support::random_array<float, 2>({shape[1], shape[2]}, 0.1, 1, 1);
        const auto maps = support::random_array<float, 3>(shape, 0.1, 1, 2);
        const fusion_solver solver(haadf_model(image, haadf_response::from_weights(std::vector(shape[0], 1.0))),
                                   poisson_likelihood(maps, 0.2), prior, scheme);
        const auto serial = solver.solve({.iterations = 3});
        REQUIRE(serial.history.back().total < serial.history.front().total);
        for (const std::size_t threads : thread_counts) {
            CAPTURE(threads);
            thread_pool pool(threads);
            const auto result = solver.solve({.iterations = 3}, pool);
            REQUIRE(result.maps == serial.maps);
            REQUIRE(result.history.back().total == serial.history.back().total);
        }
    }
}

}  // namespace

TEST_CASE("published scheme on thin images") { check_threads(total_variation{.iterations = 3}, published_scheme{}); }

TEST_CASE("published scheme with a prior of dual kernels on thin images") {
    check_threads(structured_total_variation<coupling::joint, float>{.iterations = 3}, published_scheme{});
}

TEST_CASE("convergent scheme on thin images") {
    check_threads(total_variation{}, convergent_scheme{.sweeps = 4});
    check_threads(structured_total_variation<coupling::joint, float>{}, convergent_scheme{.sweeps = 4});
}

TEST_CASE("primal-dual scheme on thin images") { check_threads(total_variation{}, primal_dual_scheme{.sweeps = 3}); }
