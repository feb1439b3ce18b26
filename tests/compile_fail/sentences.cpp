// Does not compile: see check.cmake. The comments give what the compiler must say.
#include <vector>

#include <stemfuse/core/thread_pool.hpp>
#include <stemfuse/data/min_max.hpp>
#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>
#include <stemfuse/terms/sum_of_terms.hpp>

using namespace stemfuse;

const haadf_response response({"Co", "O"});
const std::vector<float> numbers(12);
const xt::xtensor<float, 2> image_of_float({3, 4});
const xt::xtensor<float, 3> maps_of_float({2, 3, 4});
const xt::xtensor<long double, 2> image_of_long_double({3, 4});
const xt::xtensor<long double, 3> maps_of_long_double({2, 3, 4});

void arrays() {
    haadf_model(numbers, response);               // says: a std::vector has no shape: pass stemfuse::array_view
    haadf_model(numbers.data(), response);        // says: a pointer has no shape: pass stemfuse::array_view
    haadf_model(maps_of_float, response);         // says: an image has two axes, (n_y, n_x)
    poisson_likelihood(image_of_float, 0.1);      // says: maps have three axes, (n, n_y, n_x)
    haadf_model(image_of_long_double, response);  // says: long double is not computed in
    poisson_likelihood(maps_of_long_double, 0.1);
    min_max(image_of_long_double);
    min_max(numbers);
}

struct no_shape {
    using value_type = float;
    double value(const stack_view<const float>&, const execution&) const { return 0; }
    double value_and_gradient(const stack_view<const float>&, const stack_view<float>&, const execution&) const {
        return 0;
    }
};
struct no_value {
    using value_type = float;
    stack_shape shape() const { return {2, 3, 4}; }
    double value_and_gradient(const stack_view<const float>&, const stack_view<float>&, const execution&) const {
        return 0;
    }
};
struct no_gradient {
    using value_type = float;
    stack_shape shape() const { return {2, 3, 4}; }
    double value(const stack_view<const float>&, const execution&) const { return 0; }
};
static_assert(detail::require_smooth_term<no_shape, float>());  // says: a term needs shape()
static_assert(detail::require_smooth_term<no_value, float>());  // says: a term needs value(x, execution)
static_assert(
    detail::require_smooth_term<no_gradient, float>());  // says: a term needs value_and_gradient(x, g, execution)

struct no_prior_value {
    void prox(const stack_view<const float>&, double, const stack_view<float>&, const execution&) const {}
};
struct no_prox {
    double value(const stack_view<const float>&, const execution&) const { return 0; }
};
static_assert(detail::require_prior<no_prior_value, float>());  // says: a prior needs value(x, execution)
static_assert(detail::require_prior<no_prox, float>());         // says: a prior needs prox(v, t, out, execution)

struct no_adjoint {
    stack_shape domain_shape() const { return {2, 3, 4}; }
    stack_shape range_shape() const { return {2, 3, 4}; }
    void apply(const stack_view<const float>&, const stack_view<float>&, const execution&) const {}
};
static_assert(
    detail::require_linear_operator<no_adjoint, float>());  // says: the operator needs adjoint(y, out, execution)

void compositions(const xt::xtensor<double, 3>& maps_of_double) {
    const haadf_model image(image_of_float, response);
    const poisson_likelihood counts(maps_of_float, 0.1);
    const fusion_solver blurred(image, composed_term(counts, gaussian_blur({2, 3, 4}, 1)));
    blurred.solve();  // says: the chemical term has no measured() to start from
    sum_of_terms(counts,
                 poisson_likelihood(maps_of_double, 0.1));  // says: the terms of a sum must have the same scalar
}

struct whole_array_term : no_gradient {
    double value_and_gradient(const stack_view<const float>&, const stack_view<float>&, const execution&) const {
        return 0;
    }
};
static_assert(detail::require_majorised_term<whole_array_term, float>());  // says: needs row kernels of both terms
static_assert(
    detail::require_separable_convex_term<whole_array_term, float>());  // says: needs row kernels of both terms

struct no_concurrency {
    template <class F>
    void for_each(std::size_t, F&&) {}
};
struct for_one_callable {
    std::size_t concurrency() const { return 1; }
    void for_each(std::size_t, void (*)(std::size_t)) {}
};
void executors() {
    no_concurrency first;
    for_one_callable second;
    const execution a(first);   // says: an executor needs concurrency()
    const execution b(second);  // says: an executor needs for_each(n, f), for any callable f
}

struct no_scheme {};
using solver = fusion_solver<haadf_model<xt::xtensor<float, 2>>, poisson_likelihood<xt::xtensor<float, 3>>,
                             total_variation, no_scheme>;
const std::size_t size_of_solver = sizeof(solver);  // says: the scheme needs duals_of
