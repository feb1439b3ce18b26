// Primal against dual step lengths, from how far the maps and the duals have moved.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include <stemfuse/core/array.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/solvers/primal_dual/duals.hpp>
#include <stemfuse/solvers/primal_dual/relaxed_step.hpp>

namespace stemfuse::inline STEMFUSE_ABI::detail {

// sum (a - b)^2 weight of the image, the weights again and again where there are fewer than images.
template <class T>
double weighted_distance2(const xt::xtensor<T, 3>& a, const xt::xtensor<T, 3>& b, const std::vector<T>& weights,
                          const execution& exec) {
    const std::size_t ny = a.shape(1), nx = a.shape(2);
    return sum_over_rows(a.shape(0) * ny, nx, exec, [&](std::size_t r) {
        const T *const p = a.data() + r * nx, *const q = b.data() + r * nx;
        double sum = 0;
        for (std::size_t c = 0; c < nx; ++c) sum += static_cast<double>(p[c] - q[c]) * static_cast<double>(p[c] - q[c]);
        return sum * static_cast<double>(weights[r / ny % weights.size()]);
    });
}

// The method converges like ||x - x*||^2 / tau + ||y - y*||^2 / sigma, which is least where both are equal. What maps
// and duals have moved since the last look, at iterations 1, 2, 4, 8 and so on, stands for the unknown distances; steps
// go half of the way, by ratio. The rule of restarted linear programming: Applegate et al., NeurIPS 2021,
// arXiv:2106.04756, section 3. Looks become rare, so that convergence is that of constant steps.
template <class T>
class step_balance {
public:
    step_balance(const xt::xtensor<T, 3>& x, const primal_dual_duals<T>& duals)
        : x_(x), p_(duals.p), terms_(duals.terms) {}

    // By which factor primal steps become shorter and dual ones longer; none where it is no time to look.
    std::optional<T> look(const relaxed_variables<T>& now, const primal_dual_duals<T>& duals, double lambda_tv,
                          const execution& exec) {
        if (!std::has_single_bit(++iterations_)) return std::nullopt;
        const double primal = weighted_distance2(now.x, x_, now.inertia, exec);
        double dual = lambda_tv * weighted_distance2(duals.p, p_, inverse(now.prior_steps), exec);
        for (std::size_t k = 0; k < terms_.size(); ++k)
            dual += weighted_distance2(duals.terms[k], terms_[k], inverse(now.dual_steps[k]), exec);
        x_ = now.x;
        p_ = duals.p;
        terms_ = duals.terms;
        const double factor = std::pow(dual / primal, 0.25);
        if (!(factor > 0 && std::isfinite(factor))) return std::nullopt;
        return static_cast<T>(factor);
    }

private:
    static std::vector<T> inverse(std::vector<T> steps) {
        for (T& step : steps) step = 1 / step;
        return steps;
    }

    xt::xtensor<T, 3> x_, p_;
    std::vector<xt::xtensor<T, 3>> terms_;
    std::size_t iterations_ = 0;
};

}  // namespace stemfuse::inline STEMFUSE_ABI::detail
