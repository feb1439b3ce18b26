#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <stemfuse/operators/binning.hpp>
#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/operators/mixing.hpp>
#include <stemfuse/operators/operator_algebra.hpp>
#include <stemfuse/terms/composed_term.hpp>
#include <stemfuse/terms/count_likelihood.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/haadf_model_through.hpp>
#include <stemfuse/terms/multi_detector_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>
#include <stemfuse/terms/sum_of_terms.hpp>
#include <stemfuse/testing/properties.hpp>

#include "operators/dense.hpp"
#include "terms/check_term.hpp"

using namespace stemfuse;
using namespace terms;
using operators::dense;
using operators::matrix;

namespace {

using stack3 = xt::xtensor<double, 3>;
using gaussian = gaussian_likelihood<stack3>;
using counted = count_likelihood<stack3>;
using poisson = poisson_likelihood<stack3>;
using blurred = composed_term<poisson, gaussian_blur>;
using model = haadf_model<xt::xtensor<double, 2>>;

// What is pixel-local stays so in a sum, and what couples pixels makes the sum couple them.
static_assert(smooth_term<blurred, double> && bounded_curvature<blurred> && !pixel_local_term<blurred, double>);
static_assert(separable_convex_term<sum_of_terms<gaussian, counted>, double>);
static_assert(has_coarser<sum_of_terms<gaussian, counted>> && bounded_curvature<sum_of_terms<gaussian, counted>>);
static_assert(pixel_local_term<sum_of_terms<model, counted>, double>);
static_assert(!separable_convex_term<sum_of_terms<model, counted>, double>);
static_assert(smooth_term<sum_of_terms<gaussian, blurred>, double>);
static_assert(!pixel_local_term<sum_of_terms<gaussian, blurred>, double> &&
              !has_coarser<sum_of_terms<gaussian, blurred>>);

// A few spectra of two elements, binned and blurred: shape (3, 4, 6) -> (4, 2, 3).
auto instrument() {
    const mixing_operator<double> mixing(support::random_array<double, 2>({4, 3}, 0.1, 1, 40), {2, 3});
    return product(mixing, binning({3, 4, 6}, {2, 2}), gaussian_blur({3, 4, 6}, {0.0, 0.7, 1.9}));
}

// The same gradient and value as each other's, for 1 and 3 threads.
template <class Term>
void check_threads(const Term& term) {
    const auto x = random_maps<double>(term.shape()[0], {term.shape()[1], term.shape()[2]}, 5);
    stack3 serial(x.shape()), threaded(x.shape());
    const double value = term.value_and_gradient(x, serial);
    thread_pool pool(3);
    CHECK(term.value_and_gradient(x, threaded, pool) == value);
    CHECK(threaded == serial);
    CHECK(std::abs(term.value(x, pool) - value) <= 1e-13 * std::abs(value));
}

template <class Term>
void check_slope(const Term& term) {
    const auto report = check_gradient<double>(term);
    CHECK(std::abs(report.slope - 2) <= 0.05);
    CHECK(report.difference <= support::tolerance<double>::difference);
}

}  // namespace

TEST_CASE("a composed term is its term after the dense matrix") {
    const auto k = instrument();
    const matrix dense_k = dense(k);
    const auto counts = support::random_array<double, 3>(k.range_shape(), 0, 3, 41);
    const composed_term term(poisson_likelihood(counts, 0.2), k);
    CHECK(term.shape() == stack_shape{3, 4, 6});
    const auto x = random_maps<double>(3, {4, 6}, 42);
    stack3 g(x.shape());
    const double value = term.value_and_gradient(x, g);

    matrix column({x.size(), 1});
    std::copy(x.begin(), x.end(), column.begin());
    const matrix kx = operators::multiply(dense_k, column);
    double expected = 0;
    std::vector<double> pull(x.size(), 0.0);
    for (std::size_t i = 0; i < kx.size(); ++i) {
        const double rate = kx(i, 0) + 0.2, m = counts.data()[i];
        expected += kx(i, 0) - m * std::log(rate);
        for (std::size_t j = 0; j < x.size(); ++j) pull[j] += dense_k(i, j) * (1 - m / rate);
    }
    CHECK(std::abs(value - expected) <= 1e-12 * std::abs(expected));
    CHECK(std::abs(term.value(x) - expected) <= 1e-12 * std::abs(expected));
    CHECK(support::relative_difference(g, pull) <= 1e-13);
}

TEST_CASE("gradients of composed terms and sums") {
    for (const image_shape& s : {image_shape{1, 6}, image_shape{4, 1}, image_shape{15, 18}}) {
        CAPTURE(to_string(s));
        const stack_shape shape{2, s[0], s[1]};
        const auto maps = random_maps<double>(2, s, 43);
        const composed_term blur(count_likelihood(maps, std::vector<double>{1.0, 0.4}, 0.1), gaussian_blur(shape, 1.3));
        check_slope(blur);
        const binning bin({2, 2 * s[0], 3 * s[1]}, {2, 3});
        check_slope(composed_term(gaussian_likelihood(maps, 0.5), bin));
        check_slope(sum_of_terms({0.3, 2.0}, poisson_likelihood(maps, 0.1), blur));
        check_term<double>(sum_of_terms({0.3, 2.0}, poisson_likelihood(maps, 0.1), gaussian_likelihood(maps, 0.4)));
        check_slope(haadf_model_through(support::random_array<double, 2>(s, 0.2, 2.5, 44),
                                        haadf_response({"Sc", "O"}, weighting::z_over_mean, 1.6),
                                        binning({1, 2 * s[0], s[1]}, {2, 1}, binned::mean)));
    }
    check_slope(
        composed_term(poisson_likelihood(support::random_array<double, 3>({4, 2, 3}, 0, 3), 0.2), instrument()));
    const stack_shape large{2, 130, 252};
    const auto maps = support::random_array<double, 3>(large, 0.2, 2);
    const composed_term blur(poisson_likelihood(maps, 0.1), gaussian_blur(large, 1.3));
    check_threads(blur);
    check_threads(sum_of_terms({0.3, 2.0}, gaussian_likelihood(maps, 0.1), blur));
    check_threads(haadf_model_through(support::random_array<double, 2>({130, 252}), haadf_response({"Sc", "O"}),
                                      gaussian_blur({1, 130, 252}, 2)));
}

TEST_CASE("a sum is the weighted sum of its terms, as a whole and in coarser form") {
    const image_shape s{6, 8};
    const auto maps = random_maps<double>(2, s, 45), x = random_maps<double>(2, s, 46);
    const gaussian_likelihood a(maps, std::vector<double>{0.5, 1.5});
    const count_likelihood b(maps, std::vector<double>{2.0, 0.7}, 0.1);
    const composed_term c(poisson_likelihood(maps, 0.2), gaussian_blur({2, 6, 8}, 0.8));
    stack3 ga(x.shape()), gb(x.shape()), gc(x.shape()), g(x.shape());
    const double va = a.value_and_gradient(x, ga), vb = b.value_and_gradient(x, gb), vc = c.value_and_gradient(x, gc);

    const sum_of_terms local(std::array{0.25, 3.0}, a, b);
    CHECK(std::abs(local.value_and_gradient(x, g) - (0.25 * va + 3 * vb)) <= 1e-13 * std::abs(va + vb));
    CHECK(support::relative_difference(g, stack3(0.25 * ga + 3 * gb)) <= 1e-14);
    const sum_of_terms mixed({0.25, 3.0, 0.0}, a, c, b);
    CHECK(std::abs(mixed.value_and_gradient(x, g) - (0.25 * va + 3 * vc)) <= 1e-13 * std::abs(va + vc));
    CHECK(support::relative_difference(g, stack3(0.25 * ga + 3 * gc)) <= 1e-14);
    CHECK(mixed.weights() == std::array{0.25, 3.0, 0.0});
    CHECK(sum_of_terms(a, b).weights() == std::array{1.0, 1.0});

    const auto rough = local.coarser();
    const auto small = random_maps<double>(2, {3, 4}, 47);
    CHECK(std::abs(rough.value(small) - (0.25 * a.coarser().value(small) + 3 * b.coarser().value(small))) <= 1e-12);

    // What a Newton step takes of the sum, from what it takes of the terms.
    const auto view = as_view(x);
    row_pointers<const double> row(view);
    std::array<std::vector<double>, 4> sum, parts;
    for (auto* const all : {&sum, &parts}) all->fill(std::vector<double>(8, 0.0));
    double *sum_g[] = {sum[0].data(), sum[1].data()}, *sum_d[] = {sum[2].data(), sum[3].data()};
    double *part_g[] = {parts[0].data(), parts[1].data()}, *part_d[] = {parts[2].data(), parts[3].data()};
    std::vector<double> lowest(8, 0.0), lowest_parts(8, 0.0);
    double *low[] = {lowest.data(), lowest.data()}, *low_parts[] = {lowest_parts.data(), lowest_parts.data()};
    local.row_newton({2, 0, 8}, row.at(2), sum_g, sum_d, low, 0.5);
    a.row_newton({2, 0, 8}, row.at(2), part_g, part_d, low_parts, 0.125);
    b.row_newton({2, 0, 8}, row.at(2), part_g, part_d, low_parts, 1.5);
    CHECK(sum == parts);
    CHECK(lowest == lowest_parts);
}

TEST_CASE("the elastic term after an operator") {
    const image_shape s{6, 7};
    const haadf_response response({"Sc", "Dy", "O"}, weighting::z_over_mean, 1.7);
    const auto haadf = support::random_array<double, 2>(s, 0.2, 2.5, 48);
    const auto x = random_maps<double>(3, s, 49);
    const haadf_model plain(haadf, response);
    stack3 g(x.shape()), expected(x.shape());
    const haadf_model_through same(haadf, response, identity_operator({1, 6, 7}));
    const double value = plain.value_and_gradient(x, expected);
    CHECK(std::abs(same.value_and_gradient(x, g) - value) <= 1e-13 * value);
    CHECK(support::relative_difference(g, expected) <= 1e-14);

    const gaussian_blur blur({1, 6, 7}, 1.2);
    xt::xtensor<double, 2> image(s), soft(s);
    plain.project(x, image);
    const matrix k = dense(blur);
    double by_hand = 0;
    for (std::size_t i = 0; i < 42; ++i) {
        double at = -haadf.data()[i];
        for (std::size_t j = 0; j < 42; ++j) at += k(i, j) * image.data()[j];
        by_hand += at * at / 2;
    }
    CHECK(std::abs(haadf_model_through(haadf, response, blur).value(x) - by_hand) <= 1e-12 * by_hand);
}

TEST_CASE("curvature bounds hold, and are reached where the worst point is known") {
    const image_shape s{5, 6};
    const stack_shape shape{2, 5, 6};
    const auto maps = random_maps<double>(2, s, 50);
    const auto reached = [&](const auto& term, const stack3& x) {
        stack3 c(x.shape());
        term.curvature(x, c);
        return std::abs(*std::max_element(c.begin(), c.end()) / term.curvature_bound() - 1) <= 1e-12;
    };
    const stack3 zero = xt::zeros<double>(shape), background = maps + 0.1;
    const std::vector<double> scales{0.7, 2.0};
    CHECK(reached(gaussian_likelihood(maps, std::vector<double>{0.5, 2.0}), maps));
    CHECK(reached(poisson_likelihood(maps, std::vector<double>{0.1, 0.3}), zero));
    CHECK(reached(count_likelihood(maps, scales, 0.3), zero));
    CHECK(reached(count_likelihood(maps, scales, background), zero));

    const auto image = support::random_array<double, 2>(s);
    const auto linear = haadf_response::from_weights({3.0, 4.0}, 1);
    CHECK(std::abs(haadf_model(image, linear).curvature_bound() - 25) <= 1e-12);
    CHECK(std::abs(haadf_model_through(image, linear, gaussian_blur({1, 5, 6}, 1)).curvature_bound() - 25) <= 1e-12);
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(haadf_model(image, haadf_response({"Sc", "O"})).curvature_bound() == infinity);
    CHECK(poisson_likelihood(maps, 0.0).curvature_bound() == infinity);
    const xt::xtensor<double, 2> rotation{{6, 8}, {-8, 6}};
    CHECK(std::abs(multi_detector_model(maps, rotation, {1, 1}).curvature_bound() - 100) <= 1e-3);
    CHECK(multi_detector_model(maps, rotation, {1, 1.5}).curvature_bound() == infinity);

    const composed_term composed(poisson_likelihood(support::random_array<double, 3>({4, 2, 3}, 0, 3), 0.2),
                                 instrument());
    const sum_of_terms sum({2.0, 0.5}, gaussian_likelihood(maps, 0.5),
                           composed_term(poisson_likelihood(maps, 0.4), gaussian_blur(shape, 0.6)));
    for (const double ratio : {curvature_ratio<double>(composed), curvature_ratio<double>(sum)}) {
        CHECK(ratio <= 1);
        CHECK(ratio > 1e-3);
    }
    // Too small a bound is found.
    struct boastful : gaussian {
        using gaussian::gaussian_likelihood;
        double curvature_bound(const execution&) const { return 3; }
    };
    CHECK(curvature_ratio<double>(boastful(maps, 0.5)) > 1.3);
}

TEST_CASE("what composed terms and sums refuse") {
    using support::check_throws;
    const auto maps = random_maps<double>(2, {5, 6});
    const gaussian_likelihood term(maps, 1.0);
    check_throws<shape_error>([&] { composed_term(term, gaussian_blur({2, 5, 7}, 1)); }, "operator range", "(2, 5, 7)",
                              "(2, 5, 6)");
    const composed_term fine(term, binning({2, 10, 6}, {2, 1}));
    stack3 g({2, 10, 6});
    check_throws<shape_error>([&] { fine.value(maps); }, "maps", "(2, 5, 6)", "(2, 10, 6)");
    check_throws<shape_error>([&] { fine.value_and_gradient(maps, g); }, "maps", "(2, 10, 6)");
    check_throws<shape_error>([&] { sum_of_terms(term, fine); }, "term 1", "(2, 10, 6)", "(2, 5, 6)");
    check_throws<value_error>([&] { sum_of_terms({1.0, -2.0}, term, term); }, "weights", "-2");
    const xt::xtensor<double, 2> image = xt::ones<double>({5, 6});
    check_throws<shape_error>([&] { haadf_model_through(image, haadf_response({"O"}), gaussian_blur({1, 5, 7}, 1)); },
                              "operator range", "(1, 5, 7)");
    check_throws<shape_error>(
        [&] {
            haadf_model_through(image, haadf_response({"O"}),
                                mixing_operator<double>(xt::ones<double>({1, 2}), {5, 6}));
        },
        "operator domain", "(2, 5, 6)");
}
