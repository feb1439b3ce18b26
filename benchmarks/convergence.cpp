// How fast the schemes come to the minimum: outer iterations and CPU seconds until the objective is within 1e-3 and
// 1e-4 of its end value, relative, on one problem without and one with a blur. The end value is the lowest that any of
// them reaches. One thread, all in one run: read the times as ratios.
//   bench_convergence [pixels a side, 64]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/core/random.hpp>
#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/primal_dual_scheme.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>

namespace {

using stack3 = xt::xtensor<double, 3>;
using namespace stemfuse;

double dot(const stack3& a, const stack3& b) {
    double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k) sum += a.data()[k] * b.data()[k];
    return sum;
}

// FISTA with backtracking, and a prox of 10 FGP steps from warm duals: Beck & Teboulle, SIAM J. Imaging Sci. 2, 183
// (2009), doi 10.1137/080716542.
struct fista_scheme {
    template <class Prior, class T>
    struct duals_of {
        using type = typename Prior::template duals<T>;
    };
    struct state {
        stack3 duals;
        costs at;
        stack3 x, y, g, v, next;
        double step = 1, t = 1;
    };
    template <class F>
    state start(const F& f, const stack_view<double>& x, stack3 duals, const execution& exec) const {
        state s{std::move(duals), f.value(x, exec), stack3(x.shape), {}, stack3(x.shape), {}, stack3(x.shape)};
        copy_rows(stack_view<const double>(x), as_view(s.x));
        s.y = s.x;
        return s;
    }
    template <class F>
    void advance(const F& f, state& s, const stack_view<double>& x, const execution& exec) const {
        const costs from = f.value_and_gradient(s.y, s.g, exec);
        const auto smooth = [&](const costs& at) { return at.total - f.lambda_tv() * at.tv; };
        for (;; s.step /= 2) {
            s.v = s.y - s.step * s.g;
            f.prior_term().prox(s.v, s.step * f.lambda_tv(), s.next, s.duals, exec);
            s.at = f.value(s.next, exec);
            const stack3 d = s.next - s.y;
            const double bound = smooth(from) + dot(s.g, d) + dot(d, d) / (2 * s.step);
            if (smooth(s.at) <= bound + 1e-12 * std::abs(bound)) break;
        }
        const double t = (1 + std::sqrt(1 + 4 * s.t * s.t)) / 2;
        s.y = xt::maximum(0.0, s.next + ((s.t - 1) / t) * (s.next - s.x));
        s.t = t;
        std::swap(s.x, s.next);
        copy_rows(as_view(std::as_const(s.x)), x);
    }
};

struct course {
    std::string name;
    std::vector<double> objective, seconds;
};

template <class Solver>
course follow(const char* name, const Solver& solver, const stack3& start, std::size_t iterations) {
    course c{name, {}, {}};
    const std::clock_t begin = std::clock();
    solver.solve_from(start, {.iterations = iterations}, {}, [&](const progress& now) {
        c.objective.push_back(now.at.total);
        c.seconds.push_back(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    });
    return c;
}

void print(const char* problem, const std::vector<course>& courses) {
    double end = std::numeric_limits<double>::infinity();
    for (const course& c : courses) end = std::min(end, *std::min_element(c.objective.begin(), c.objective.end()));
    std::printf("%s: lowest objective %.6g\n", problem, end);
    for (const course& c : courses) {
        std::printf("  %-22s", c.name.c_str());
        for (const double within : {1e-2, 1e-3, 1e-4}) {
            const auto at = std::find_if(c.objective.begin(), c.objective.end(),
                                         [&](double f) { return f - end <= within * std::abs(end); });
            if (at == c.objective.end()) {
                std::printf("  %g: not in %zu (%.2f s)", within, c.objective.size() - 1, c.seconds.back());
            } else {
                const auto k = static_cast<std::size_t>(at - c.objective.begin());
                std::printf("  %g: %zu (%.2f s)", within, k, c.seconds[k]);
            }
        }
        std::printf("  ends at %.6g\n", *std::min_element(c.objective.begin(), c.objective.end()));
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t side = argc > 1 ? static_cast<std::size_t>(std::strtoul(argv[1], nullptr, 10)) : 64;
    const auto truth = core_shell_particles({.ny = side, .nx = side});
    const std::size_t n = truth.truth.shape(0);
    const stack_shape shape{n, side, side};
    random_stream random(1, 0);
    const auto counted = [&](stack3 expected) {  // 3 counts in a pixel of density 1
        for (double& v : expected) v = static_cast<double>(random.poisson(3 * v));
        return expected;
    };
    const stack3 density = xt::cast<double>(truth.truth);
    const gaussian_blur blur(shape, 2);
    stack3 soft(shape);
    blur.apply(density, soft);
    const std::vector<double> scales(n, 3);
    for (const double gamma : {1.0, 1.6}) {
        xt::xtensor<double, 2> haadf = xt::zeros<double>({side, side});
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t k = 0; k < side * side; ++k)
                haadf.data()[k] += std::pow(density.data()[i * side * side + k], gamma) / static_cast<double>(i + 1);
        }
        for (double& v : haadf) v += 0.02 * random.normal();
        std::vector<double> w;
        for (std::size_t i = 0; i < n; ++i) w.push_back(1 / static_cast<double>(i + 1));
        const haadf_model elastic(haadf, haadf_response::from_weights(w, gamma));
        const cost_weights weights{.lambda_haadf = 50, .lambda_chemical = 1, .lambda_tv = 1};
        const std::string text = "gamma " + to_string(gamma);
        const auto run = [&](const char* name, const auto& chemical, const auto& scheme, const stack3& start,
                             std::size_t iterations) {
            return follow(name, fusion_solver(elastic, chemical, total_variation{}, scheme, weights), start,
                          iterations);
        };
        const stack3 counts = counted(density), soft_counts = counted(soft);
        const stack3 start = counts / 3, soft_start = soft_counts / 3;
        const count_likelihood local(counts, scales, 0.1);
        print(("maps as sharp as the image, " + text).c_str(),
              {run("convergent_scheme", local, convergent_scheme{}, start, 300),
               run("primal_dual_scheme", local, primal_dual_scheme{}, start, 300),
               run("FISTA", local, fista_scheme{}, start, 1000)});
        const composed_term blurred(count_likelihood(soft_counts, scales, 0.1), blur);
        print(("maps blurred by 2 pixels, " + text).c_str(),
              {run("primal_dual_scheme", blurred, primal_dual_scheme{}, soft_start, 300),
               run("FISTA", blurred, fista_scheme{}, soft_start, 1000)});
    }
}
