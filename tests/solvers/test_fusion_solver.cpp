#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/multi_detector_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

template <class T>
struct problem {
    xt::xtensor<T, 2> haadf;
    xt::xtensor<T, 3> maps;
    explicit problem(std::size_t ny = 40, std::size_t nx = 50)
        : haadf(support::random_array<T, 2>({ny, nx}, 0, 1, 1)),
          maps(support::random_array<T, 3>({3, ny, nx}, 0, 1, 2)) {}

    auto solver(cost_weights weights = {}) const {
        return fusion_solver(haadf_model(haadf, haadf_response({"Sc", "Dy", "O"})), poisson_likelihood(maps, 0.24),
                             total_variation{.iterations = 3}, weights);
    }
};

// A total variation that hands out no rows, so that the scheme goes by passes over whole arrays.
struct without_rows {
    total_variation tv;

    template <scalar T>
    using duals = total_variation::duals<T>;

    template <class X>
    double value(const X& x, const execution& exec) const {
        return tv.value(x, exec);
    }
    template <class V, class Out>
    void prox(const V& v, double t, Out&& out, const execution& exec) const {
        tv.prox(v, t, out, exec);
    }
    template <class V, class Out, class Duals>
    void prox(const V& v, double t, Out&& out, Duals& state, const execution& exec) const {
        tv.prox(v, t, out, state, exec);
    }
};
static_assert(warm_prior<without_rows, float> && !row_prior<without_rows, float>);
static_assert(warm_row_prior<total_variation, float> && warm_row_prior<total_variation, double>);

}  // namespace

TEST_CASE_TEMPLATE("one sweep for all and a pass for each give the same maps, whatever the shape", T, float, double) {
    std::mt19937 engine(support::seed());
    thread_pool pool(5);
    for (int k = 0; k < 60; ++k) {
        const stack_shape shape{1 + engine() % 10, 1 + engine() % 70, 1 + engine() % (k % 10 == 0 ? 700 : 70)};
        const total_variation tv{.norm = engine() % 2 == 0 ? tv_norm::isotropic : tv_norm::anisotropic,
                                 .iterations = 1 + engine() % (k % 6 == 0 ? 40 : 6),
                                 .report_gap = k % 7 == 0};
        const published_scheme scheme{.step = 0.7, .warm_duals = engine() % 2 == 0};
        const cost_weights weights{.lambda_tv = k % 11 == 0 ? 0 : 0.15};
        CAPTURE(to_string(shape));
        CAPTURE(tv.iterations);
        CAPTURE(scheme.warm_duals);
        const haadf_model elastic(support::random_array<T, 2>({shape[1], shape[2]}, 0, 1, 1),
                                  haadf_response::from_weights(std::vector<double>(shape[0], 0.8), 1.7));
        const poisson_likelihood chemical(support::random_array<T, 3>(shape, 0, 1, 2), 0.2);
        const stopping stop{.iterations = 1 + engine() % 4};
        const auto passes = fusion_solver(elastic, chemical, without_rows{tv}, scheme, weights).solve(stop);
        const auto sweep = fusion_solver(elastic, chemical, tv, scheme, weights).solve(stop, pool);
        CHECK(sweep.maps == passes.maps);
        CHECK(sweep.duals == passes.duals);
        REQUIRE(sweep.history.size() == passes.history.size());
        for (std::size_t i = 0; i < sweep.history.size(); ++i) {
            const costs &a = sweep.history[i], &b = passes.history[i];
            const double scale = support::tolerance<T>::rounding * (1 + std::abs(b.total));
            CHECK(std::abs(a.haadf - b.haadf) <= scale);
            CHECK(std::abs(a.chemical - b.chemical) <= scale);
            CHECK(std::abs(a.tv - b.tv) <= scale);
        }
    }
}

TEST_CASE("the maps are those of the last iteration, also where the observer stops or the array is the caller's") {
    const problem<double> p;
    const auto solver = p.solver();
    for (std::size_t last = 1; last <= 4; ++last) {
        const auto whole = solver.solve({.iterations = last});
        const auto stopped =
            solver.solve({.iterations = 30}, {}, [=](const progress& now) { return now.iteration < last; });
        CHECK(stopped.iterations == last);
        CHECK(stopped.maps == whole.maps);
        xt::xtensor<double, 3> maps = p.maps;
        solver.solve_in_place(maps, {.iterations = last});
        CHECK(maps == whole.maps);
    }
}

TEST_CASE_TEMPLATE("the same bits for 1 to 16 threads, inputs untouched", T, float, double) {
    const problem<T> p(150, 230);
    const auto solver = p.solver();
    const auto maps = p.maps;
    const auto serial = solver.solve({.iterations = 5});
    for (std::size_t threads = 1; threads <= 16; ++threads) {
        thread_pool pool(threads);
        const auto result = solver.solve({.iterations = 5}, pool);
        CHECK(result.maps == serial.maps);
        for (std::size_t k = 0; k < result.history.size(); ++k) {
            CHECK(result.history[k].total == serial.history[k].total);
            CHECK(result.history[k].chemical == serial.history[k].chemical);
        }
    }
    CHECK(p.maps == maps);
}

TEST_CASE("one step by hand: a single pixel with unit step") {
    // One element, weight 1, gamma 2: grad = lambda_h 2 x (x^2 - b_H) + lambda_c (1 - b / (x + eps)); TV of one pixel
    // is 0.
    const xt::xtensor<double, 2> haadf{{0.5}};
    const xt::xtensor<double, 3> maps{{{0.8}}};
    const fusion_solver solver(haadf_model(haadf, haadf_response::from_weights({1}, 2)), poisson_likelihood(maps, 0.2),
                               total_variation{},
                               cost_weights{.lambda_haadf = 0.3, .lambda_chemical = 0.1, .lambda_tv = 0.7});
    const auto result = solver.solve({.iterations = 1});
    const double x = 0.8, next = x - 0.3 * 2 * x * (x * x - 0.5) - 0.1 * (1 - 0.8 / (x + 0.2));
    CHECK(std::abs(result.maps(0, 0, 0) - next) <= 1e-15);
    CHECK(std::abs(result.history[0].haadf - 0.5 * std::pow(0.64 - 0.5, 2)) <= 1e-15);
    CHECK(std::abs(result.history[0].chemical - (0.8 - 0.8 * std::log(1.0))) <= 1e-15);
    CHECK(result.history[1].tv == 0);
    const costs& last = result.history[1];
    CHECK(std::abs(last.total - (0.3 * last.haadf + 0.1 * last.chemical)) <= 1e-15);
}

TEST_CASE_TEMPLATE("the history is that of the objective, and lambda_haadf is 1 / n by default", T, float, double) {
    const problem<T> p;
    const auto solver = p.solver();
    CHECK(std::abs(solver.terms().lambda_haadf() - 1.0 / 3) <= 1e-15);
    const auto result = solver.solve({.iterations = 4});
    CHECK(result.iterations == 4);
    CHECK(result.reason == stop_reason::iterations);
    REQUIRE(result.history.size() == 5);
    const costs end = solver.terms().value(as_view(result.maps));
    CHECK(std::abs(end.total - result.history.back().total) <= support::tolerance<T>::rounding * std::abs(end.total));
    CHECK(std::abs(end.tv - result.history.back().tv) <= support::tolerance<T>::rounding * end.tv);
}

TEST_CASE_TEMPLATE("warm start: n and m more iterations are n + m", T, float, double) {
    const problem<T> p;
    for (const bool warm : {false, true}) {
        const fusion_solver solver(haadf_model(p.haadf, haadf_response({"Sc", "Dy", "O"})),
                                   poisson_likelihood(p.maps, 0.24), total_variation{.iterations = 3},
                                   published_scheme{.warm_duals = warm});
        const auto all = solver.solve({.iterations = 9});
        auto part = solver.solve({.iterations = 4});
        CHECK((part.duals.size() > 0) == warm);
        part = solver.solve_from(std::move(part), {.iterations = 5});
        CHECK(part.maps == all.maps);
        CHECK(part.history.size() == 6);
        CHECK(part.history.back().total == all.history.back().total);
    }
}

TEST_CASE("warm duals go lower than cold ones with the same number of steps") {
    const problem<double> p;
    const auto total = [&](bool warm) {
        const fusion_solver solver(haadf_model(p.haadf, haadf_response({"Sc", "Dy", "O"})),
                                   poisson_likelihood(p.maps, 0.24), total_variation{.iterations = 3},
                                   published_scheme{.warm_duals = warm});
        return solver.solve({.iterations = 60}).history.back().total;
    };
    CHECK(total(true) < total(false));
}

TEST_CASE("observer and stopping") {
    const problem<float> p;
    const auto solver = p.solver();
    std::vector<std::size_t> seen;
    const auto cancelled = solver.solve({.iterations = 30}, {}, [&](const progress& now) {
        seen.push_back(now.iteration);
        CHECK(now.iterations == 30);
        return now.iteration < 3;
    });
    CHECK(cancelled.reason == stop_reason::observer);
    CHECK(cancelled.iterations == 3);
    CHECK(seen == std::vector<std::size_t>{0, 1, 2, 3});
    CHECK(cancelled.maps == solver.solve({.iterations = 3}).maps);

    const auto settled = solver.solve({.iterations = 500, .relative_change = 1e-4});
    CHECK(settled.reason == stop_reason::relative_change);
    CHECK(settled.iterations < 500);
    const auto& h = settled.history;
    CHECK(std::abs(h[h.size() - 1].total - h[h.size() - 2].total) <= 1e-4 * std::abs(h.back().total));
    CHECK(std::abs(h[h.size() - 2].total - h[h.size() - 3].total) > 1e-4 * std::abs(h[h.size() - 2].total));
}

TEST_CASE_TEMPLATE("solving in the caller's array, of any memory", T, float, double) {
    const problem<T> p;
    const auto solver = p.solver();
    const auto expected = solver.solve({.iterations = 3});
    std::vector<T> buffer(p.maps.begin(), p.maps.end());
    auto adapted = xt::adapt(buffer.data(), buffer.size(), xt::no_ownership(), std::array<std::size_t, 3>{3, 40, 50});
    const fusion_report report = solver.solve_in_place(adapted, {.iterations = 3});
    CHECK(report.history.back().total == expected.history.back().total);
    CHECK(std::equal(buffer.begin(), buffer.end(), expected.maps.begin()));
    xt::xtensor<T, 3, xt::layout_type::column_major> columns = p.maps;
    solver.solve_in_place(columns, {.iterations = 3});
    CHECK(columns == expected.maps);
    xt::xarray<T> larger = xt::zeros<T>({3, 42, 60});
    auto window = xt::view(larger, xt::all(), xt::range(1, 41), xt::range(5, 55));
    window = p.maps;
    solver.solve_in_place(window, {.iterations = 3});
    CHECK(xt::xtensor<T, 3>(window) == expected.maps);
    CHECK(larger(0, 0, 0) == 0);
}

TEST_CASE("the measured maps cannot be fused in place") {
    const problem<float> p;
    std::vector<float> buffer(p.maps.begin(), p.maps.end());
    auto maps = xt::adapt(buffer.data(), buffer.size(), xt::no_ownership(), std::array<std::size_t, 3>{3, 40, 50});
    const fusion_solver solver(haadf_model(p.haadf, haadf_response({"Sc", "Dy", "O"})), poisson_likelihood(maps, 0.24));
    support::check_throws<value_error>([&] { solver.solve_in_place(maps); }, "start",
                                       "shares memory with the measured maps");
    CHECK(solver.solve().iterations == 30);
}

TEST_CASE("composition: other terms, spelled out or deduced") {
    const problem<float> p;
    const fusion_solver gaussian(haadf_model(p.haadf, haadf_response({"Sc", "Dy", "O"})),
                                 gaussian_likelihood(p.maps, 1.0));
    static_assert(
        std::same_as<decltype(gaussian),
                     const fusion_solver<haadf_model<xt::xtensor<float, 2>>, gaussian_likelihood<xt::xtensor<float, 3>>,
                                         total_variation, published_scheme>>);
    const auto result = gaussian.solve({.iterations = 10});
    CHECK(result.history.back().total < result.history.front().total);
    const auto images = support::random_array<float, 3>({2, 40, 50}, 0, 1, 9);
    const fusion_solver detectors(multi_detector_model(images, {{0.3, 0.9, 0.1}, {0.5, 0.4, 0.3}}, {1.6, 1.2}),
                                  poisson_likelihood(p.maps, 0.24));
    const auto fused = detectors.solve({.iterations = 10});
    CHECK(fused.history.back().total < fused.history.front().total);
}

TEST_CASE("bad input, before any work") {
    using support::check_throws;
    const problem<float> p;
    const haadf_response response({"Sc", "Dy", "O"});
    const xt::xtensor<float, 2> small = xt::ones<float>({40, 49});
    check_throws<shape_error>([&] { fusion_solver(haadf_model(small, response), poisson_likelihood(p.maps, 0.1)); },
                              "maps", "(3, 40, 50)", "(3, 40, 49)");
    check_throws<shape_error>(
        [&] { fusion_solver(haadf_model(p.haadf, haadf_response({"Sc", "Dy"})), poisson_likelihood(p.maps, 0.1)); },
        "maps", "(3, 40, 50)", "(2, 40, 50)");
    check_throws<value_error>([&] { p.solver({.lambda_tv = -1}); }, "lambda_tv", "-1");
    check_throws<value_error>([&] { p.solver({.lambda_haadf = std::numeric_limits<double>::infinity()}); },
                              "lambda_haadf", "inf");
    check_throws<value_error>([&] { p.solver({.lambda_chemical = std::nan("")}); }, "lambda_chemical", "nan");

    const auto solver = p.solver();
    auto start = p.maps;
    check_throws<shape_error>([&] { solver.solve_from(xt::xtensor<float, 3>({3, 50, 40})); }, "start", "(3, 50, 40)",
                              "(3, 40, 50)");
    start(1, 2, 3) = -1;
    check_throws<value_error>([&] { solver.solve_from(start); }, "start", "-1", "element 1, row 2, column 3");
    check_throws<value_error>([&] { solver.solve({.iterations = 0}); }, "iterations: is 0, must be in [1, 10000000]");
    check_throws<value_error>([&] { solver.solve({.iterations = 10'000'001}); }, "iterations: is 10000001");
    check_throws<value_error>([&] { solver.solve({.relative_change = 2}); }, "relative_change", "2", "[0, 1]");
    check_throws<value_error>(
        [&] {
            fusion_solver(haadf_model(p.haadf, response), poisson_likelihood(p.maps, 0.1), total_variation{},
                          published_scheme{.step = 0})
                .solve();
        },
        "step", "is 0");
    bool worked = false;
    try {
        solver.solve_from(start, {}, {}, [&](const progress&) { worked = true; });
    } catch (const error&) {
    }
    CHECK(!worked);
}

TEST_CASE("divergence ends in an error that says what may help") {
    const problem<float> p;
    support::check_throws<divergence_error>([&] { p.solver({.lambda_haadf = 1e30}).solve(); }, "iteration",
                                            "smaller weights");
}

TEST_CASE("shapes down to one pixel") {
    for (const image_shape s : {image_shape{1, 1}, {1, 7}, {7, 1}, {2, 2}}) {
        const problem<float> p(s[0], s[1]);
        const auto result = p.solver().solve({.iterations = 5});
        CHECK(result.maps.shape(1) == s[0]);
        CHECK(std::isfinite(result.history.back().total));
    }
}

TEST_CASE("a stop request ends a solve inside its inner iterations too, whatever the scheme") {
    const auto haadf = support::random_array<double, 2>({6, 7}, 0, 1, 1);
    const auto maps = support::random_array<double, 3>({2, 6, 7}, 0, 1, 2);
    serial_executor serial;
    const auto stops = [&](const auto& prior, const auto& scheme) {
        const fusion_solver solver(haadf_model(haadf, haadf_response::from_weights({1, 1}, 1.6)),
                                   poisson_likelihood(maps, 0.1), prior, scheme);
        std::size_t asked = 0;
        stoppable run(serial, [&] { return ++asked > 20; });
        CHECK_THROWS_AS(solver.solve({.iterations = 1}, run), cancelled);
        CHECK(asked == 21);
    };
    stops(total_variation{.iterations = 10'000'000}, published_scheme{});
    stops(structured_total_variation<coupling::joint, double>{.iterations = 10'000'000}, published_scheme{});
    stops(total_variation{}, convergent_scheme{.sweeps = 10'000'000});
}
