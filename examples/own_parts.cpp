// A term, an operator, a prior, a scheme and an executor of your own, the least that each must have, composed into one
// fusion. examples/guide.md, "Parts of your own", lists the members; the custom_*.cpp show more of each.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>
#include <utility>

#include <stemfuse/core/version.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/testing/properties.hpp>

static_assert(STEMFUSE_VERSION_AT_LEAST(0, 2, 0), "the guide is that of version 0.2");

using namespace stemfuse;
using read_maps = stack_view<const double>;
using write_maps = stack_view<double>;

namespace {

// Calls f(i, y, c) for every pixel.
void for_each_pixel(const stack_shape& shape, const auto& f) {
    for (std::size_t i = 0; i < shape[0]; ++i)
        for (std::size_t y = 0; y < shape[1]; ++y)
            for (std::size_t c = 0; c < shape[2]; ++c) f(i, y, c);
}

// Term: f(x) = 1/2 || x - b ||^2.
struct own_term {
    using value_type = double;
    xt::xtensor<double, 3> b;

    stack_shape shape() const { return b.shape(); }
    double value(const read_maps& x, const execution&) const {
        double sum = 0;
        for_each_pixel(shape(), [&](auto i, auto y, auto c) { sum += std::pow(x.row(i, y)[c] - b(i, y, c), 2) / 2; });
        return sum;
    }
    double value_and_gradient(const read_maps& x, const write_maps& g, const execution& exec) const {
        for_each_pixel(shape(), [&](auto i, auto y, auto c) { g.row(i, y)[c] = x.row(i, y)[c] - b(i, y, c); });
        return value(x, exec);
    }
};

// Operator: mirrors every map left to right, which is its own adjoint.
struct own_mirror {
    stack_shape shape;

    stack_shape domain_shape() const { return shape; }
    stack_shape range_shape() const { return shape; }
    double norm_bound() const { return 1; }
    void apply(const read_maps& x, const write_maps& mirrored, const execution&) const {
        for_each_pixel(shape, [&](auto i, auto y, auto c) { mirrored.row(i, y)[c] = x.row(i, y)[shape[2] - 1 - c]; });
    }
    void adjoint(const read_maps& x, const write_maps& mirrored, const execution& exec) const {
        apply(x, mirrored, exec);
    }
};

// Prior: R(x) = 1/2 || x ||^2, whose prox is v / (1 + t), or 0 where that is negative.
struct own_prior {
    double value(const read_maps& x, const execution&) const {
        double sum = 0;
        for_each_pixel(x.shape, [&](auto i, auto y, auto c) { sum += std::pow(x.row(i, y)[c], 2) / 2; });
        return sum;
    }
    void prox(const read_maps& v, double t, const write_maps& u, const execution&) const {
        for_each_pixel(v.shape,
                       [&](auto i, auto y, auto c) { u.row(i, y)[c] = std::max(0.0, v.row(i, y)[c] / (1 + t)); });
    }
};

// Scheme: x <- prox(x - step gradient), all steps alike.
struct own_scheme {
    double step = 0.3;

    struct nothing {};
    template <class Prior, class T>
    struct duals_of {
        using type = nothing;
    };
    struct state {
        costs at;
        nothing duals;
        xt::xtensor<double, 3> gradient, v;
    };
    state start(const auto& f, const write_maps& x, nothing, const execution& exec) const {
        state s{{}, {}, xt::zeros<double>(x.shape), xt::zeros<double>(x.shape)};
        s.at = f.value_and_gradient(x, s.gradient, exec);
        return s;
    }
    void advance(const auto& f, state& s, const write_maps& x, const execution& exec) const {
        for_each_pixel(x.shape,
                       [&](auto i, auto y, auto c) { s.v(i, y, c) = x.row(i, y)[c] - step * s.gradient(i, y, c); });
        f.prior_term().prox(as_view(std::as_const(s.v)), step * f.lambda_tv(), x, exec);
        s.at = f.value_and_gradient(x, s.gradient, exec);
    }
};

// Executor: a thread for each of two halves. f of this program throws nothing.
struct own_threads {
    std::size_t concurrency() const { return 2; }
    void for_each(std::size_t n, const auto& f) {
        const auto half = [&](std::size_t first, std::size_t last) {
            for (std::size_t k = first; k < last; ++k) f(k);
        };
        std::thread other(half, n / 2, n);
        half(0, n / 2);
        other.join();
    }
};

}  // namespace

int main() {
    xt::xtensor<double, 3> measured({1, 8, 9}), x({1, 8, 9});
    for_each_pixel(measured.shape(), [&](auto i, auto y, auto c) {
        measured(i, y, c) = 0.5 + 0.4 * std::sin(static_cast<double>(3 * y + c));
        x(i, y, c) = 0.3 + 0.02 * static_cast<double>(c);
    });
    const xt::xtensor<double, 2> image = 0.6 * xt::ones<double>({8, 9});
    const own_term term{measured};
    const own_mirror mirror{term.shape()};
    const own_prior prior;
    const bool sound = std::abs(check_gradient<double>(term).slope - 2) < 0.1 &&
                       adjoint_mismatch<double>(mirror) < 1e-12 &&
                       check_prox<double>(prior, term.shape(), 0.5).descent < 1e-9;

    const fusion_solver solver(haadf_model(image, haadf_response({"Fe"})), composed_term(term, mirror), prior,
                               own_scheme{}, {.lambda_haadf = 0, .lambda_chemical = 1, .lambda_tv = 0.25});
    own_threads threads;
    const auto fused = solver.solve_from(x, {.iterations = 60}, threads);

    // Without the elastic term the minimum is known: the mirrored measurement over 1 + lambda_tv.
    double error = 0;
    for_each_pixel(measured.shape(), [&](auto i, auto y, auto c) {
        error = std::max(error, std::abs(fused.maps(i, y, c) - measured(i, y, 8 - c) / 1.25));
    });
    std::printf("checks %s, objective %g -> %g, at most %.1e from the minimum\n", sound ? "passed" : "failed",
                fused.history.front().total, fused.history.back().total, error);
    if (sound && error < 1e-8) return 0;
    std::fprintf(stderr, "own_parts: passed checks and an error below 1e-8 were expected\n");
    return 1;
}
