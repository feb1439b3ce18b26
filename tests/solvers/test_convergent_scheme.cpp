// The convergent scheme: against an independent solver, the first-order conditions, and the published measurements.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/operators/linear_operator.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/multi_detector_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

using haadf_float = haadf_model<xt::xtensor<float, 2>>;
using poisson_float = poisson_likelihood<xt::xtensor<float, 3>>;
static_assert(majorised_term<haadf_float, float> && has_coarser<haadf_float>);
static_assert(separable_convex_term<poisson_float, float> && has_coarser<poisson_float>);
static_assert(separable_convex_term<gaussian_likelihood<xt::xtensor<double, 3>>, double>);
static_assert(!majorised_term<multi_detector_model<xt::xtensor<float, 3>>, float>);
static_assert(dual_prior<total_variation, float> && dual_prior<total_variation, double>);

// A prior that no one has written dual_kernels for.
struct other_prior : total_variation {};
static_assert(prior<other_prior, float> && !dual_prior<other_prior, float>);

template <class T>
struct problem {
    xt::xtensor<T, 2> haadf;
    xt::xtensor<T, 3> maps;
    explicit problem(const stack_shape& shape = {3, 40, 50}, std::uint32_t stream = 0)
        : haadf(support::random_array<T, 2>({shape[1], shape[2]}, 0, 1, 2 * stream + 1)),
          maps(support::random_array<T, 3>(shape, 0, 1, 2 * stream + 2)) {}

    auto solver(cost_weights weights = {}, double gamma = 1.6, convergent_scheme scheme = {},
                tv_norm norm = tv_norm::isotropic, double background = 0.24) const {
        return fusion_solver(
            haadf_model(haadf, haadf_response::from_weights(std::vector<double>(maps.shape(0), 2.0 / 3), gamma)),
            poisson_likelihood(maps, background), total_variation{.norm = norm}, scheme, weights);
    }
};

template <class Report>
bool never_rises(const Report& report) {
    const auto rises = [](const costs& a, const costs& b) { return !(b.total <= a.total); };
    return std::adjacent_find(report.history.begin(), report.history.end(), rises) == report.history.end();
}

// The measure by whole arrays, from the operator and the objective's gradient, and the largest violation of the signs
// that the residual must have.
template <class Solver, class Result>
double stationarity_by_hand(const Solver& solver, const Result& result) {
    const auto& f = solver.terms();
    const auto& x = result.maps;
    const auto& p = result.duals.p;
    const finite_differences differences({x.shape(0), x.shape(1), x.shape(2)});
    xt::xtensor<double, 3> g(x.shape()), pull(x.shape()), kx(p.shape());
    const costs at = f.value_and_gradient(x, g);
    differences.apply(x, kx);
    differences.adjoint(p, pull);
    double sum = f.lambda_tv() * at.tv, largest = 0;
    for (std::size_t k = 0; k < kx.size(); ++k) sum -= f.lambda_tv() * kx.data()[k] * p.data()[k];
    for (std::size_t i = 0; i < x.shape(0); ++i) {
        for (std::size_t y = 0; y < x.shape(1); ++y) {
            for (std::size_t c = 0; c < x.shape(2); ++c) {
                const double r = g(i, y, c) + f.lambda_tv() * pull(i, y, c);
                sum += r > 0 ? r * x(i, y, c) : -r * std::max(x(i, y, c), result.duals.scales[i]);
                largest = std::max(largest, std::hypot(p(i, y, c), p(x.shape(0) + i, y, c)));
            }
        }
    }
    CHECK(largest <= 1 + 1e-12);
    return sum / std::abs(at.total);
}

// The objective where plain proximal gradients with an accurate prox of total variation end.
template <class Objective>
double by_proximal_gradients(const Objective& f, xt::xtensor<double, 3> x, double step) {
    total_variation tv = f.prior_term();
    tv.iterations = 30;
    total_variation::duals<double> duals;
    xt::xtensor<double, 3> g(x.shape()), v(x.shape());
    for (int k = 0; k < 3000; ++k) {
        f.value_and_gradient(x, g);
        v = x - step * g;
        tv.prox(v, step * f.lambda_tv(), x, duals);
    }
    return f.value(x).total;
}

template <class T, std::size_t N>
xt::xtensor<T, N> load(const std::filesystem::path& path, const std::array<std::size_t, N>& shape) {
    xt::xtensor<float, N> values(shape);
    std::ifstream file(path, std::ios::binary);
    file.seekg(128);
    file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
    REQUIRE(file.good());
    return xt::cast<T>(values);
}

}  // namespace

TEST_CASE("block means and the way back, also for odd extents") {
    const xt::xtensor<double, 3> fine{{{1, 2, 3}, {5, 4, 7}, {6, 8, 10}}};
    const auto coarse = block_means(as_view(fine));
    CHECK(coarse == xt::xtensor<double, 3>{{{3, 5}, {7, 10}}});
    xt::xtensor<double, 3> back(fine.shape());
    spread_blocks(as_view(coarse), as_view(back));
    CHECK(back == xt::xtensor<double, 3>{{{3, 3, 5}, {3, 3, 5}, {7, 7, 10}}});
}

TEST_CASE("a coarser problem is a quarter of the finer one where this is constant in blocks") {
    const problem<double> small({2, 9, 7});
    problem<double> large({2, 18, 14});
    const auto blow_up = [](const auto& from, auto& to) {
        for (std::size_t i = 0; i < to.shape(0); ++i)
            for (std::size_t y = 0; y < to.shape(1); ++y)
                for (std::size_t c = 0; c < to.shape(2); ++c) to(i, y, c) = from(i, y / 2, c / 2);
    };
    blow_up(small.maps, large.maps);
    for (std::size_t y = 0; y < 18; ++y)
        for (std::size_t c = 0; c < 14; ++c) large.haadf(y, c) = small.haadf(y / 2, c / 2);
    const auto x = support::random_array<double, 3>({2, 9, 7}, 0, 1, 5);
    xt::xtensor<double, 3> x_large({2, 18, 14});
    blow_up(x, x_large);
    const auto fine_solver = large.solver(), coarse_solver = small.solver();
    const auto &fine = fine_solver.terms(), &coarse = coarse_solver.terms();
    const costs whole = fine.value(x_large), part = coarse.value(x);
    const auto close = [](double a, double b) { CHECK(std::abs(a - b) <= 1e-12 * std::abs(b)); };
    close(4 * fine.elastic().coarser().value(x), whole.haadf);
    close(4 * fine.chemical().coarser().value(x), whole.chemical);
    close(4 * part.haadf, whole.haadf);
    const gaussian_likelihood gaussian(large.maps, std::vector<double>{0.3, 2});
    close(4 * gaussian.coarser().value(x), gaussian.value(x_large));

    // K^T of the duals that are handed to the finer problem is half of K^T in the coarser one, in every pixel of a
    // block.
    auto p = support::random_array<double, 3>({4, 9, 7}, -1, 1, 6);
    const dual_kernels<total_variation> kernels{fine.prior_term()};
    kernels.rest(as_view(p));
    xt::xtensor<double, 3> p_large({4, 18, 14}), pull({2, 9, 7}), pull_large({2, 18, 14}), expected({2, 18, 14});
    kernels.spread(as_view(std::as_const(p)), as_view(p_large), execution{});
    finite_differences({2, 9, 7}).adjoint(p, pull);
    finite_differences({2, 18, 14}).adjoint(p_large, pull_large);
    blow_up(pull, expected);
    for (std::size_t k = 0; k < expected.size(); ++k)
        CHECK(std::abs(2 * pull_large.data()[k] - expected.data()[k]) <= 1e-14);
}

TEST_CASE("the majoriser lies above the term and touches it at the anchor") {
    for (const double gamma : {1.0, 1.6, 2.5}) {
        const problem<double> p({3, 12, 13});
        const auto solver = p.solver({}, gamma);
        const auto& term = solver.terms().elastic();
        const auto a = support::random_array<double, 3>({3, 12, 13}, 0, 1, 7);
        const auto b = support::random_array<double, 3>({3, 12, 13}, 0, 1.5, 8);
        xt::xtensor<double, 3> tangent({4, 12, 13}), g(a.shape()), d(a.shape()), u(a.shape()), f_gradient(a.shape());
        row_pointers<const double> a_rows(as_view(a)), t_rows(as_view(std::as_const(tangent)));
        row_pointers<double> t_out(as_view(tangent)), g_out(as_view(g)), d_out(as_view(d)), u_out(as_view(u));
        const auto majoriser = [&](const xt::xtensor<double, 3>& x) {
            g.fill(0);
            d.fill(0);
            row_pointers<const double> rows(as_view(x));
            for (std::size_t y = 0; y < 12; ++y) {
                term.row_majoriser({y, 0, 13}, t_rows.at(y), rows.at(y), g_out.at(y), d_out.at(y), u_out.at(y), 1);
            }
        };
        for (std::size_t y = 0; y < 12; ++y) term.row_tangent({y, 0, 13}, a_rows.at(y), t_out.at(y));
        majoriser(a);
        term.gradient(a, f_gradient);
        CHECK(support::relative_difference(g, f_gradient) <= 1e-14);
        for (const double v : d) CHECK(v >= 0);
        // M(b) - M(a) as the integral of its gradient, by the midpoint rule in 2000 steps.
        xt::xtensor<double, 2> rise = xt::zeros<double>({12, 13});
        for (int k = 0; k < 2000; ++k) {
            const xt::xtensor<double, 3> x = a + (k + 0.5) / 2000 * (b - a);
            majoriser(x);
            for (std::size_t i = 0; i < 3; ++i)
                for (std::size_t y = 0; y < 12; ++y)
                    for (std::size_t c = 0; c < 13; ++c) rise(y, c) += g(i, y, c) * (b(i, y, c) - a(i, y, c)) / 2000;
        }
        const auto pixel = [&](const xt::xtensor<double, 3>& x, std::size_t y, std::size_t c) {
            double r = -p.haadf(y, c);
            for (std::size_t i = 0; i < 3; ++i) r += 2.0 / 3 * std::pow(x(i, y, c), gamma);
            return r * r / 2;
        };
        for (std::size_t y = 0; y < 12; ++y) {
            for (std::size_t c = 0; c < 13; ++c) {
                const double above = rise(y, c) + pixel(a, y, c) - pixel(b, y, c);
                CHECK(above >= -1e-5);
                if (gamma == 1) CHECK(std::abs(above) <= 1e-5);
            }
        }
    }
}

TEST_CASE("convex problems: the measure bounds the distance to the optimum, found by another method") {
    for (const tv_norm norm : {tv_norm::isotropic, tv_norm::anisotropic}) {
        const problem<double> p({2, 17, 19});
        const cost_weights weights{.lambda_haadf = 0.5, .lambda_chemical = 0.2, .lambda_tv = 0.05};
        const auto solver = p.solver(weights, 1, {}, norm, 0.5);
        // The step is below 1 / L: L <= 0.5 * 8 / 9 + 0.2 * 1 / 0.5^2.
        const double optimum = by_proximal_gradients(solver.terms(), p.maps, 0.75);
        for (const double tolerance : {1e-2, 1e-4, 1e-6}) {
            const auto result = solver.solve({.iterations = 2000, .stationarity = tolerance});
            CHECK(result.reason == stop_reason::stationarity);
            REQUIRE(result.stationarity.has_value());
            CHECK(*result.stationarity <= tolerance);
            const double above = result.history.back().total - optimum;
            CAPTURE(above);
            CHECK(above <= *result.stationarity * std::abs(optimum) + 1e-9 * std::abs(optimum));
            CHECK(above >= -1e-8 * std::abs(optimum));
            CHECK(never_rises(result));
        }
    }
}

TEST_CASE("the first-order conditions, by whole arrays") {
    const problem<double> p({3, 24, 31});
    const auto solver = p.solver();
    for (const std::size_t iterations : {1u, 7u, 400u}) {
        const auto result = solver.solve({.iterations = iterations});
        if (iterations == 400) CHECK(*result.stationarity <= 1e-5);
        const auto now = stationarity(solver.terms(), as_view(result.maps), as_view(result.duals.p),
                                      std::span<const double>(result.duals.scales));
        const double by_hand = stationarity_by_hand(solver, result);
        CHECK(std::abs(now.measure - by_hand) <= 1e-12 + 1e-9 * by_hand);
        CHECK(std::abs(now.at.total - result.history.back().total) <= 1e-12 * std::abs(now.at.total));
        CHECK(std::abs(now.at.total - solver.terms().value(result.maps).total) <= 1e-12 * std::abs(now.at.total));
    }
}

TEST_CASE("one pixel: the minimum of a function of one variable") {
    const xt::xtensor<double, 2> haadf{{0.5}};
    const xt::xtensor<double, 3> maps{{{0.8}}};
    for (const double background : {0.2, 0.0}) {
        const fusion_solver solver(haadf_model(haadf, haadf_response::from_weights({1}, 2)),
                                   poisson_likelihood(maps, background), total_variation{}, convergent_scheme{},
                                   cost_weights{.lambda_haadf = 0.3, .lambda_chemical = 0.1, .lambda_tv = 0.7});
        const auto result = solver.solve({.iterations = 60});
        const double x = result.maps(0, 0, 0);
        double lowest = std::numeric_limits<double>::infinity(), at = 0;
        for (int k = 1; k <= 200000; ++k) {
            const double t = k * 1e-5, r = t * t - 0.5,
                         f = 0.3 * r * r / 2 + 0.1 * (t - 0.8 * std::log(t + background));
            if (f < lowest) {
                lowest = f;
                at = t;
            }
        }
        CHECK(std::abs(x - at) <= 1e-5);
        CHECK(result.history.back().total <= lowest + 1e-12);
        CHECK(never_rises(result));
    }
}

TEST_CASE_TEMPLATE("the same bits for 1 to 16 threads, inputs untouched", T, float, double) {
    const problem<T> p({3, 150, 230});
    const auto maps = p.maps;
    for (const tv_norm norm : {tv_norm::isotropic, tv_norm::anisotropic}) {
        const auto solver = p.solver({}, 1.6, {}, norm);
        const auto serial = solver.solve({.iterations = 3});
        for (std::size_t threads = 1; threads <= 16; ++threads) {
            thread_pool pool(threads);
            const auto result = solver.solve({.iterations = 3}, pool);
            CHECK(result.maps == serial.maps);
            CHECK(result.duals.p == serial.duals.p);
            CHECK(result.stationarity == serial.stationarity);
            for (std::size_t k = 0; k < 4; ++k) CHECK(result.history[k].total == serial.history[k].total);
        }
    }
    CHECK(p.maps == maps);
}

// STEMFUSE_TEST_PROBLEMS sets another number of them.
TEST_CASE_TEMPLATE("the objective never rises, whatever the problem", T, float, double) {
    const char* const text = std::getenv("STEMFUSE_TEST_PROBLEMS");
    const int count = text == nullptr ? 200 : std::atoi(text);
    std::mt19937 engine(support::seed());
    const auto uniform = [&] { return static_cast<double>(engine()) / 4294967296.0; };
    const auto between = [&](double low, double high) { return low * std::pow(high / low, uniform()); };
    for (int k = 0; k < count; ++k) {
        const stack_shape shape{1 + engine() % 8, 1 + engine() % 34, 1 + engine() % 34};
        problem<T> p(shape, static_cast<std::uint32_t>(k) + 100);
        const double unit = between(1e-2, 1e3), sparse = uniform();
        for (T& b : p.maps) b = uniform() < sparse ? T(0) : static_cast<T>(unit) * b;
        p.haadf *= static_cast<T>(between(1e-2, 1e2));
        const cost_weights weights{.lambda_haadf = k % 13 == 0 ? 0 : between(1e-3, 10),
                                   .lambda_chemical = k % 17 == 0 ? 0 : between(1e-3, 10),
                                   .lambda_tv = k % 11 == 0 ? 0 : between(1e-4, 10)};
        const double gamma = k % 5 == 0 ? 1 : 1 + 2 * uniform(), background = unit * between(1e-3, 1);
        const convergent_scheme scheme{.sweeps = 1 + engine() % 20,
                                       .step = between(1e-3, 30),
                                       .newton_steps = 1 + engine() % 3,
                                       .levels = engine() % 4};
        const auto solver =
            p.solver(weights, gamma, scheme, k % 2 == 0 ? tv_norm::isotropic : tv_norm::anisotropic, background);
        const auto result = solver.solve({.iterations = 12});
        CAPTURE(k);
        CAPTURE(to_string(shape));
        CHECK(never_rises(result));
        const costs end = solver.terms().value(result.maps);
        const double sizes = weights.lambda_haadf.value() * end.haadf +
                             weights.lambda_chemical * std::abs(end.chemical) + weights.lambda_tv * end.tv;
        CHECK(std::abs(end.total - result.history.back().total) <= 3 * support::tolerance<T>::rounding * sizes);
        bool valid = true;
        for (const T v : result.maps) valid = valid && std::isfinite(v) && v >= 0;
        CHECK(valid);
        const bool lower = result.history.back().total < result.history.front().total;
        CHECK((lower || *result.stationarity <= 1e-6));
    }
}

TEST_CASE_TEMPLATE("degenerate shapes and weights", T, float, double) {
    for (const stack_shape shape :
         {stack_shape{1, 1, 1}, {3, 1, 1}, {8, 2, 1}, {1, 1, 40}, {2, 40, 1}, {8, 1, 300}, {1, 33, 18}, {9, 16, 17}}) {
        for (const double lambda_tv : {0.0, 0.15, 1e4}) {
            const problem<T> p(shape);
            const auto result = p.solver({.lambda_tv = lambda_tv}).solve({.iterations = 30});
            CAPTURE(to_string(shape));
            CAPTURE(lambda_tv);
            CHECK(never_rises(result));
            CHECK(result.history.back().total < result.history.front().total);
        }
    }
    problem<T> p({2, 20, 20});
    for (T& b : p.maps) b += T(0.01);
    const auto no_background = p.solver({}, 1.6, {}, tv_norm::isotropic, 0).solve({.iterations = 50});
    CHECK(never_rises(no_background));
    CHECK(*std::min_element(no_background.maps.begin(), no_background.maps.end()) > 0);
    const auto nothing = p.solver({.lambda_haadf = 0, .lambda_chemical = 0, .lambda_tv = 0}).solve({.iterations = 2});
    CHECK(nothing.maps == p.maps);
}

TEST_CASE_TEMPLATE("a HAADF image without weight plays no part", T, float, double) {
    problem<T> p({3, 40, 50});
    const cost_weights counts_alone{.lambda_haadf = 0, .lambda_chemical = 0.1, .lambda_tv = 0.05};
    const auto result = p.solver(counts_alone).solve({.iterations = 5});
    p.haadf = support::random_array<T, 2>({40, 50}, -100, 100, 11);
    for (const double gamma : {1.0, 1.6})
        CHECK(p.solver(counts_alone, gamma).solve({.iterations = 5}).maps == result.maps);
    CHECK(p.solver(counts_alone).working_memory() < p.solver().working_memory());
}

TEST_CASE_TEMPLATE("subnormal maps: the measure stays finite", T, float, double) {
    for (const double size : {1e-3, 1.0, 1e3}) {
        for (const cost_weights& weights : {cost_weights{}, cost_weights{.lambda_haadf = 0, .lambda_chemical = 0}}) {
            problem<T> p({2, 9, 11});
            p.maps *= static_cast<T>(size) * std::numeric_limits<T>::min();
            p.haadf *= static_cast<T>(size) * std::numeric_limits<T>::min();
            const auto result = p.solver(weights, 1.6).solve({.iterations = 5});
            CHECK(std::isfinite(*result.stationarity));
            CHECK(never_rises(result));
        }
    }
}

TEST_CASE("more Newton steps end at the same minimum of a convex problem") {
    const problem<double> p({2, 20, 23});
    const cost_weights weights{.lambda_haadf = 0.5, .lambda_chemical = 0.2, .lambda_tv = 0.05};
    const auto one = p.solver(weights, 1).solve({.iterations = 2000, .stationarity = 1e-8});
    const auto three = p.solver(weights, 1, {.newton_steps = 3}).solve({.iterations = 2000, .stationarity = 1e-8});
    const double lowest = one.history.back().total;
    CHECK(std::abs(three.history.back().total - lowest) <= 2e-8 * std::abs(lowest));
}

TEST_CASE("where rounding ends the descent the measure goes on falling: a solve in float stops by it") {
    const problem<float> p({3, 40, 50});
    const auto solver = p.solver();
    const auto result = solver.solve({.iterations = 4000, .stationarity = 2e-6});
    CHECK(result.reason == stop_reason::stationarity);
    CHECK(never_rises(result));
    const auto now = stationarity(solver.terms(), as_view(result.maps), as_view(result.duals.p),
                                  std::span<const float>(result.duals.scales));
    CHECK(now.measure == *result.stationarity);
}

TEST_CASE("without prior every pixel is a problem of its own") {
    const problem<double> p({2, 18, 20});
    const auto whole = p.solver({.lambda_tv = 0}).solve({.iterations = 300});
    for (std::size_t y = 0; y < 18; y += 5) {
        for (std::size_t c = 0; c < 20; c += 7) {
            problem<double> one({2, 1, 1});
            one.haadf(0, 0) = p.haadf(y, c);
            for (std::size_t i = 0; i < 2; ++i) one.maps(i, 0, 0) = p.maps(i, y, c);
            const auto alone = one.solver({.lambda_tv = 0}).solve({.iterations = 300});
            for (std::size_t i = 0; i < 2; ++i) CHECK(std::abs(whole.maps(i, y, c) - alone.maps(i, 0, 0)) <= 1e-4);
        }
    }
}

TEST_CASE("warm start: goes on where it was, and needs no coarser levels") {
    const problem<double> p({3, 64, 64});
    const auto solver = p.solver();
    const auto all = solver.solve({.iterations = 20});
    auto part = solver.solve({.iterations = 12});
    const double sweeps = *part.sweeps, reached = part.history.back().total;
    part = solver.solve_from(std::move(part), {.iterations = 8});
    CHECK(*part.sweeps == 80);
    CHECK(sweeps > 120);
    CHECK(part.history.front().total == reached);
    CHECK(never_rises(part));
    CHECK(std::abs(part.history.back().total - all.history.back().total) <= 1e-4 * std::abs(reached));
}

TEST_CASE("a coarser start goes lower with fewer sweeps, and has its share in the count") {
    const problem<double> p({3, 64, 64});
    const auto plain = p.solver({}, 1.6, {.levels = 0}).solve({.iterations = 5});
    const auto levels = p.solver({}, 1.6, {.levels = 3}).solve({.iterations = 3});
    CHECK(*plain.sweeps == 50);
    // 30 sweeps on level 3; 60 on each of the levels 2 and 1, which are solved twice, and level 3 in one of them.
    CHECK(std::abs(*levels.sweeps - (30 + 60 / 4.0 + 60 / 16.0 + 30 / 64.0)) <= 1e-12);
    CHECK(levels.history.back().total < plain.history.back().total);
}

TEST_CASE("relative change and observer stop it as they stop every scheme; other terms compose") {
    const problem<float> p({3, 40, 50});
    const auto solver = p.solver();
    const auto stopped = solver.solve({}, {}, [](const progress& now) { return now.iteration < 3; });
    CHECK(stopped.reason == stop_reason::observer);
    CHECK(stopped.maps == solver.solve({.iterations = 3}).maps);
    const auto gaussian = fusion_solver(haadf_model(p.haadf, haadf_response({"Sc", "Dy", "O"})),
                                        gaussian_likelihood(p.maps, 1.0), total_variation{}, convergent_scheme{})
                              .solve({.iterations = 200, .stationarity = 1e-3});
    CHECK(gaussian.reason == stop_reason::stationarity);
    CHECK(never_rises(gaussian));
    CHECK(solver.working_memory() >= (3 + 3 + 6 + 4) * 2000 * sizeof(float));
}

TEST_CASE("bad input, before any work") {
    using support::check_throws;
    const problem<float> p({3, 20, 21});
    const auto with = [&](convergent_scheme scheme) { p.solver({}, 1.6, scheme).solve(); };
    check_throws<value_error>([&] { with({.sweeps = 0}); }, "sweeps: is 0, must be in [1, 10000000]");
    check_throws<value_error>([&] { with({.step = -1}); }, "step", "is -1");
    check_throws<value_error>([&] { with({.newton_steps = 0}); }, "newton_steps: is 0, must be in [1, 10000000]");
    check_throws<value_error>([&] { with({.coarse_iterations = 0}); },
                              "coarse_iterations: is 0, must be in [1, 10000000]");
    check_throws<value_error>([&] { p.solver().solve({.stationarity = -1}); }, "stationarity", "-1");
    const fusion_solver published(p.solver().terms().elastic(), p.solver().terms().chemical());
    check_throws<value_error>([&] { published.solve({.stationarity = 1e-3}); }, "stationarity", "0.001", "must be 0");
    CHECK(!published.solve({.iterations = 1}).stationarity.has_value());
    auto result = p.solver().solve({.iterations = 1});
    result.duals.p.resize({6, 21, 20});
    check_throws<shape_error>([&] { p.solver().solve_from(result); }, "duals", "(6, 21, 20)", "(6, 20, 21)");
    result.duals.p.resize({6, 20, 21});
    result.duals.p.fill(std::numeric_limits<float>::quiet_NaN());
    check_throws<value_error>([&] { p.solver().solve_from(result); }, "duals", "nan", "finite");
    result.duals.p.fill(0);
    result.duals.steps = {1, 1};
    check_throws<shape_error>([&] { p.solver().solve_from(result); }, "duals", "has 2", "must have 3");
    result.duals.steps = {1, 0, 1};
    check_throws<value_error>([&] { p.solver().solve_from(result); }, "duals", "of 0", "above 0");
}

TEST_CASE_TEMPLATE("the published measurements: the objective against sweeps", T, float, double) {
    struct measurement {
        std::string folder;
        std::vector<std::string> elements;
        std::size_t width;
        double background, lambda_chemical, lambda_tv;
        std::size_t iterations[2];
        double sweeps[2], below[2];
    };
    const measurement measurements[] = {
        {"dysco3", {"Sc", "Dy", "O"}, 256, 0.24, 0.08, 0.15, {6, 28}, {80, 300}, {7217, 7211.5}},
        {"co3o4_mn3o4", {"Co", "Mn", "O"}, 400, 0.01, 0.006, 0.022, {8, 8}, {100, 100}, {325, 325}}};
    for (const auto& m : measurements) {
        const auto folder = std::filesystem::path(STEMFUSE_SHARED_DIR) / "reference" / m.folder;
        if (!std::filesystem::exists(folder)) {
            MESSAGE("skipped: no reference at ", folder.string());
            continue;
        }
        const auto haadf = load<T, 2>(folder / "haadf.npy", {m.width, m.width});
        const auto maps = load<T, 3>(folder / "maps.npy", {3, m.width, m.width});
        const fusion_solver solver(haadf_model(haadf, haadf_response(m.elements)),
                                   poisson_likelihood(maps, m.background), total_variation{}, convergent_scheme{},
                                   cost_weights{.lambda_chemical = m.lambda_chemical, .lambda_tv = m.lambda_tv});
        thread_pool pool(2);
        for (int k = 0; k < 2; ++k) {
            const auto result = solver.solve({.iterations = m.iterations[k]}, pool);
            MESSAGE(m.folder, ": F ", result.history.back().total, " after ", *result.sweeps, " sweeps, stationarity ",
                    *result.stationarity);
            CHECK(*result.sweeps <= m.sweeps[k]);
            CHECK(result.history.back().total <= m.below[k]);
            CHECK(never_rises(result));
        }
    }
}
