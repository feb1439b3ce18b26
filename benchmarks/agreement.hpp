// The check that the library and the plain formulation compute the same, before anything is timed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "cases.hpp"

namespace bench {

// Keeps the largest difference it has seen; NaN counts as infinite.
class difference {
public:
    void add(double a, double b, double scale = 1) {
        const double d = std::abs(a - b) / scale;
        largest_ = std::max(largest_, std::isnan(d) ? HUGE_VAL : d);
    }
    template <class Stack>
    void add(const Stack& a, const Stack& b) {
        if (a.shape() != b.shape()) largest_ = HUGE_VAL;
        for (std::size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
            add(static_cast<double>(a.data()[k]), static_cast<double>(b.data()[k]));
        }
    }
    double largest() const { return largest_; }

private:
    double largest_ = 0;
};

template <class T>
void compare_prox(const measurement<T>& m, const stemfuse::execution& exec, difference& found) {
    plain::stack<T> u(m.maps.shape());
    for (const bool anisotropic : {false, true}) {
        const stemfuse::total_variation prior{
            .norm = anisotropic ? stemfuse::tv_norm::anisotropic : stemfuse::tv_norm::isotropic, .iterations = 10};
        prior.prox(m.maps, lambda_tv, u, exec);
        found.add(u, plain::stack_prox<T>(m.maps, false)(m.maps, T(lambda_tv), {10, anisotropic}));
    }
    const stemfuse::total_variation prior{.iterations = 4};
    stemfuse::total_variation::duals<T> duals;
    plain::stack_prox<T> warm(m.maps, true);
    for (int call = 0; call < 3; ++call) {
        prior.prox(m.maps, lambda_tv, u, duals, exec);
        found.add(u, warm(m.maps, T(lambda_tv), {4}));
    }
}

template <class T>
void compare_fusion(const measurement<T>& m, const stemfuse::execution& exec, difference& found) {
    const auto solver = solver_of(m, 3);
    const auto problem = plain_problem(m);
    plain::stack<T> g(m.maps.shape());
    solver.terms().value_and_gradient(m.maps, g, exec);
    found.add(g, problem.value_and_gradient(m.maps).second);

    const auto ours = solver.solve({.iterations = 10}, exec);
    const auto [history, maps] = problem.fuse(10, 3);
    found.add(ours.maps, maps);
    for (std::size_t k = 0; k < history.size(); ++k) {
        found.add(ours.history[k].haadf, history[k].haadf, std::abs(history[k].haadf));
        found.add(ours.history[k].chemical, history[k].chemical, std::abs(history[k].chemical));
        found.add(ours.history[k].tv, history[k].tv, std::abs(history[k].tv));
    }
}

// The largest difference between the two formulations, absolute in maps and gradients, relative in the terms, on a
// small problem whose sides are no multiple of anything.
template <class T>
double disagreement() {
    const auto m = make_measurement<T>(3, 61, 47);
    difference found;
    for (const std::size_t threads : {1u, 2u}) {
        const workers on(threads);
        compare_prox(m, on.exec, found);
        compare_fusion(m, on.exec, found);
    }
    return found.largest();
}

}  // namespace bench
