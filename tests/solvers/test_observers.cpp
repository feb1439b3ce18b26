// Observers: the maps they see, the ready-made ones, and a solve that goes nowhere.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <utility>
#include <vector>

#include <stemfuse/solvers/convergent_scheme.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/solvers/observers.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

using stack3 = xt::xtensor<float, 3>;

stack3 start() { return support::random_array<float, 3>({2, 30, 40}, 0, 1, 2); }

template <class Scheme>
auto solver_by(const Scheme& scheme) {
    return fusion_solver(
        haadf_model(support::random_array<float, 2>({30, 40}, 0, 1, 1), haadf_response::from_weights({0.6, 0.9}, 1.6)),
        poisson_likelihood(start(), 0.2), total_variation{.iterations = 4}, scheme);
}

// Claims to be far from a minimum, and stays where it is.
struct idle_scheme {
    struct nothing {};
    template <class, class>
    struct duals_of {
        using type = nothing;
    };
    struct state {
        costs at;
        nothing duals;
        double stationarity;
    };
    double measure = 1;
    template <class F, class T>
    state start(const F& f, const stack_view<T>& x, nothing, const execution& exec) const {
        return {f.value(x, exec), {}, measure};
    }
    template <class F, class T>
    void advance(const F&, state&, const stack_view<T>&, const execution&) const {}
};

}  // namespace

TEST_CASE("an observer sees the maps of every iteration, and the solve is the same as without it") {
    const auto check = [](const auto& scheme) {
        const auto solver = solver_by(scheme);
        const auto alone = solver.solve({.iterations = 5});
        snapshots<float> kept;
        thread_pool pool(3);
        const auto seen = solver.solve({.iterations = 5}, pool, kept);
        CHECK(seen.maps == alone.maps);
        REQUIRE(kept.all().size() == 6);
        CHECK(kept.all().front().maps == start());
        CHECK(kept.all().back().maps == seen.maps);
        for (std::size_t k = 1; k <= 5; ++k) {
            CHECK(kept.all()[k].iteration == k);
            CHECK(kept.all()[k].maps == solver.solve({.iterations = k}).maps);
            CHECK(kept.all()[k].at.total == seen.history[k].total);
        }
        // Now and then, by a lambda; the solve it ends has the maps of then.
        stack3 last;
        const auto stopped = solver.solve({.iterations = 9}, {}, [&](const progress& now, const auto& current) {
            if (now.iteration < 3) return true;
            last = detail::packed_copy<float, 3>(current(), "maps");
            return false;
        });
        CHECK(stopped.iterations == 3);
        CHECK(stopped.maps == kept.all()[3].maps);
        CHECK(last == kept.all()[3].maps);
    };
    check(published_scheme{});
    check(published_scheme{.warm_duals = true});
    check(convergent_scheme{});
}

TEST_CASE("snapshots now and then, the best maps, the time, and a line an iteration, all at once") {
    const auto solver = solver_by(published_scheme{.step = 1.6});
    snapshots<float> kept(4);
    store_best<float> best;
    timer clock;
    std::ostringstream text;
    printer lines(text, 5);
    observe_all all(kept, best, clock, lines);
    const auto result = solver.solve({.iterations = 11}, {}, all);
    std::vector<std::size_t> iterations;
    for (const auto& one : kept.all()) iterations.push_back(one.iteration);
    CHECK(iterations == std::vector<std::size_t>{0, 4, 8});
    double lowest = result.history[0].total;
    for (const costs& at : result.history) lowest = std::min(lowest, at.total);
    CHECK(best.best().at.total == lowest);
    CHECK(result.history[best.best().iteration].total == lowest);
    CHECK(solver.terms().value(best.best().maps).total == doctest::Approx(lowest).epsilon(1e-5));
    CHECK(clock.seconds().size() == 11);
    CHECK(clock.total() >= 0);
    std::istringstream read(text.str());
    std::string line;
    for (const std::size_t iteration : {0u, 5u, 10u, 11u}) {
        REQUIRE(std::getline(read, line));
        const costs& at = result.history[iteration];
        std::size_t number = 0;
        std::array<double, 4> shown{};
        const int found =
            std::sscanf(line.c_str(), "iteration %zu of 11: objective %lf (HAADF %lf, chemical %lf, TV %lf)", &number,
                        &shown[0], &shown[1], &shown[2], &shown[3]);
        REQUIRE(found == 5);
        CHECK(number == iteration);
        CHECK(std::abs(shown[0] - at.total) <= 1e-5 * std::abs(at.total));
        CHECK(std::abs(shown[1] - at.haadf) <= 1e-5 * std::abs(at.haadf));
        CHECK(std::abs(shown[2] - at.chemical) <= 1e-5 * std::abs(at.chemical));
        CHECK(std::abs(shown[3] - at.tv) <= 1e-5 * std::abs(at.tv));
    }
    CHECK(!std::getline(read, line));

    const auto stop = [](const progress& now) { return now.iteration < 2; };
    timer other;
    observe_all two(stop, other);
    CHECK(solver.solve({.iterations = 9}, {}, two).reason == stop_reason::observer);
    CHECK(other.seconds().size() == 2);
    support::check_throws<value_error>([] { snapshots<float>(0); }, "every: is 0");
}

TEST_CASE("all iterations done and nothing lower than the start: the report says so") {
    CHECK(solver_by(idle_scheme{}).solve({.iterations = 3}).reason == stop_reason::unchanged);
    CHECK(solver_by(idle_scheme{1e-4}).solve({.iterations = 3}).reason == stop_reason::iterations);
    CHECK(solver_by(convergent_scheme{}).solve({.iterations = 1}).reason == stop_reason::iterations);
}
