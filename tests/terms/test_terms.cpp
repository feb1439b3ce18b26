#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/terms/multi_detector_model.hpp>
#include <stemfuse/terms/poisson_likelihood.hpp>
#include <stemfuse/testing/properties.hpp>

#include "terms/check_term.hpp"

using namespace stemfuse;

using namespace terms;

TEST_CASE_TEMPLATE("gradients of the HAADF model", T, float, double) {
    for (const auto& s : image_shapes) {
        for (const double gamma : {1.0, 1.4, 1.6, 2.0, 3.0}) {
            CAPTURE(to_string(s));
            CAPTURE(gamma);
            const auto haadf = support::random_array<T, 2>(s, 0.2, 2.5, 3);
            check_term<T>(haadf_model(haadf, haadf_response({"Sc", "Dy", "O"}, weighting::z_over_mean, gamma)));
        }
    }
}

TEST_CASE_TEMPLATE("gradients of the model of several detectors", T, float, double) {
    for (const auto& s : image_shapes) {
        CAPTURE(to_string(s));
        const auto images = support::random_array<T, 3>({3, s[0], s[1]}, 0.2, 2.5, 3);
        const xt::xtensor<double, 2> mixing{{1.0, 0.5}, {0.2, 1.4}, {-0.3, 0.8}};
        check_term<T>(multi_detector_model(images, mixing, {1.6, 1.2, 1.6}));
    }
}

TEST_CASE_TEMPLATE("gradients of the likelihoods", T, float, double) {
    for (const auto& s : image_shapes) {
        CAPTURE(to_string(s));
        const auto maps = random_maps<T>(2, s);
        check_term<T>(poisson_likelihood(maps, 0.1));
        check_term<T>(poisson_likelihood(maps, std::vector<double>{0.0, 0.3}));
        check_term<T>(gaussian_likelihood(maps, 0.5));
        check_term<T>(gaussian_likelihood(maps, std::vector<double>{0.5, 2.0}));
    }
}

TEST_CASE("curvatures") {
    const image_shape s{7, 9};
    check_curvature(haadf_model(support::random_array<double, 2>(s, 0.2, 2.5), haadf_response({"Co", "O"})));
    const xt::xtensor<double, 2> mixing{{1.0, 0.5}, {0.2, 1.4}, {-0.3, 0.8}};
    check_curvature(
        multi_detector_model(support::random_array<double, 3>({3, 7, 9}, 0.2, 2.5), mixing, {1.6, 1.2, 1.6}));
    check_curvature(poisson_likelihood(random_maps<double>(2, s), 0.1));
    check_curvature(gaussian_likelihood(random_maps<double>(2, s), 0.5));
}

TEST_CASE("a wrong gradient is caught") {
    struct wrong {
        using value_type = double;
        poisson_likelihood<xt::xtensor<double, 3>> right;
        stack_shape shape() const { return right.shape(); }
        double value(stack_view<const double> x, execution e) const { return right.value(x, e); }
        double value_and_gradient(stack_view<const double> x, stack_view<double> g, execution e) const {
            const double v = right.value_and_gradient(x, g, e);
            for (std::size_t c = 0; c < g.shape[2]; ++c) g.row(0, 0)[c] += 0.1;
            return v;
        }
    };
    const auto report = check_gradient<double>(wrong{poisson_likelihood(random_maps<double>(1, {4, 9}), 0.1)});
    CHECK(std::abs(report.slope - 1) <= 0.2);
    CHECK(report.difference > 1e-3);
}

TEST_CASE_TEMPLATE("several detectors with one row of weights are the HAADF model", T, float, double) {
    const image_shape s{11, 13};
    const auto haadf = support::random_array<T, 2>(s, 0.2, 2.5, 3);
    const auto x = random_maps<T>(3, s);
    const haadf_response response({"Sc", "Dy", "O"}, weighting::z_gamma_over_sum, 1.7);
    xt::xtensor<double, 2> mixing({1, 3});
    std::copy(response.weights().begin(), response.weights().end(), mixing.begin());
    const haadf_model one(haadf, response);
    const xt::xtensor<T, 3> images = xt::view(haadf, xt::newaxis(), xt::all(), xt::all());
    const multi_detector_model many(images, mixing, {1.7});
    xt::xtensor<T, 3> a(x.shape()), b(x.shape());
    const double va = one.value_and_gradient(x, a), vb = many.value_and_gradient(x, b);
    CHECK(std::abs(va - vb) <= support::tolerance<T>::rounding * va);
    CHECK(support::relative_difference(a, b) <= support::tolerance<T>::rounding);
}

TEST_CASE("values at single pixels, by hand") {
    const xt::xtensor<double, 2> haadf{{2.0}};
    const xt::xtensor<double, 3> x{{{4.0}}, {{9.0}}};
    // gamma = 1.5: 4^1.5 = 8, 9^1.5 = 27.
    const haadf_model model(haadf, haadf_response::from_weights({0.5, 1.0}, 1.5));
    CHECK(std::abs(model.value(x) - 0.5 * 29 * 29) <= 1e-10);
    xt::xtensor<double, 2> projected({1, 1});
    model.project(x, projected);
    CHECK(std::abs(projected(0, 0) - 31) <= 1e-12);
    xt::xtensor<double, 3> g(x.shape());
    model.gradient(x, g);
    CHECK(std::abs(g(0, 0, 0) - 1.5 * 0.5 * 2 * 29) <= 1e-10);
    CHECK(std::abs(g(1, 0, 0) - 1.5 * 1.0 * 3 * 29) <= 1e-10);

    const xt::xtensor<double, 3> counts{{{3.0}}, {{0.0}}};
    const poisson_likelihood likelihood(counts, 1.0);
    CHECK(std::abs(likelihood.value(x) - (4 - 3 * std::log(5.0) + 9)) <= 1e-12);
    const gaussian_likelihood gauss(counts, 2.0);
    CHECK(std::abs(gauss.value(x) - 0.5 * (1.0 + 81.0) / 4) <= 1e-12);
}

TEST_CASE("element symbols and weightings") {
    CHECK(atomic_number("H") == 1);
    CHECK(atomic_number("Fe") == 26);
    CHECK(atomic_number("Dy") == 66);
    CHECK(atomic_number("Au") == 79);
    CHECK(atomic_number("U") == 92);
    CHECK(atomic_number("Og") == 118);
    support::check_throws<value_error>([] { atomic_number("Xx"); }, "elements", "\"Xx\"", "H to Og");
    support::check_throws<value_error>([] { atomic_number("dy"); }, "\"dy\"");

    const std::vector<std::string> e{"Sc", "Dy", "O"};  // 21, 66, 8
    const auto weights = [&](weighting w) { return haadf_response(e, w, 2.0).weights(); };
    const auto close = [](const std::vector<double>& a, const std::vector<double>& b) {
        for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(a[i] - b[i]) <= 1e-14);
    };
    close(weights(weighting::unit), {1, 1, 1});
    close(weights(weighting::z_over_mean), {21 * 3 / 95.0, 66 * 3 / 95.0, 8 * 3 / 95.0});
    close(weights(weighting::z_over_sum), {21 / 95.0, 66 / 95.0, 8 / 95.0});
    close(weights(weighting::z_gamma_over_mean), {441 * 3 / 4861.0, 4356 * 3 / 4861.0, 64 * 3 / 4861.0});
    close(weights(weighting::z_gamma_over_sum), {441 / 4861.0, 4356 / 4861.0, 64 / 4861.0});
}

TEST_CASE("terms refuse bad input with the argument's name") {
    using support::check_throws;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    xt::xtensor<float, 2> haadf = xt::ones<float>({3, 4});
    xt::xtensor<float, 3> maps = xt::ones<float>({2, 3, 4});
    const haadf_response response({"Co", "O"});

    check_throws<value_error>([] { haadf_response({"Co"}, weighting::z_over_mean, 0.9); }, "gamma", "0.9", "[1, 3]");
    check_throws<value_error>([] { haadf_response({"Co"}, weighting::z_over_mean, 3.1); }, "gamma", "3.1");
    check_throws<value_error>([] { haadf_response({"Zz"}); }, "Zz");
    check_throws<shape_error>([] { haadf_response(std::vector<std::string>{}); }, "weights", "empty");
    check_throws<value_error>([] { haadf_response::from_weights({1, -1}); }, "weights", "-1");
    check_throws<value_error>([] { haadf_response::from_weights({0, 0}); }, "weights", "all 0");

    const xt::xtensor<float, 2> no_image({0, 4});
    check_throws<shape_error>([&] { haadf_model(no_image, response); }, "haadf", "empty");
    haadf(1, 2) = nan;
    check_throws<value_error>([&] { haadf_model(haadf, response); }, "haadf", "nan", "row 1, column 2");
    haadf(1, 2) = 1;

    const xt::xtensor<float, 3> no_maps({0, 3, 4});
    check_throws<shape_error>([&] { poisson_likelihood(no_maps, 0.1); }, "maps", "empty", "(0, 3, 4)");
    maps(1, 2, 3) = -2;
    check_throws<value_error>([&] { poisson_likelihood(maps, 0.1); }, "maps", "-2", "element 1, row 2, column 3");
    maps(1, 2, 3) = nan;
    check_throws<value_error>([&] { poisson_likelihood(maps, 0.1); }, "maps", "nan");
    check_throws<value_error>([&] { gaussian_likelihood(maps, 0.1); }, "maps", "nan");
    maps(1, 2, 3) = 0;
    check_throws<value_error>([&] { poisson_likelihood(maps, 0.0); }, "maps", "background is 0", "element 1");
    check_throws<value_error>([&] { poisson_likelihood(maps, -0.1); }, "background", "-0.1");
    check_throws<shape_error>([&] { poisson_likelihood(maps, std::vector<double>{0.1}); }, "background",
                              "has 1 numbers", "must have 2");
    check_throws<value_error>([&] { gaussian_likelihood(maps, 0.0); }, "sigma", "is 0");
    check_throws<shape_error>([&] { gaussian_likelihood(maps, std::vector<double>{1, 1, 1}); }, "sigma",
                              "has 3 numbers");

    const xt::xtensor<double, 2> mixing{{1, 2}, {3, 4}};
    check_throws<shape_error>([&] { multi_detector_model(maps, mixing, {1.6}); }, "gammas", "has 1 numbers",
                              "must have 2");
    check_throws<shape_error>([&] { multi_detector_model(maps, xt::xtensor<double, 2>({3, 2}, 1.0), {1.6, 1.6}); },
                              "mixing", "(3, 2)");
    check_throws<value_error>([&] { multi_detector_model(maps, mixing, {1.6, 0.5}); }, "gammas", "0.5");

    const haadf_model model(haadf, response);
    xt::xtensor<float, 3> other({2, 3, 5});
    check_throws<shape_error>([&] { model.value(other); }, "maps", "(2, 3, 5)", "(2, 3, 4)");
    check_throws<shape_error>([&] { model.gradient(maps, other); }, "gradient", "(2, 3, 5)");
}

TEST_CASE("terms take views, adaptors and run-time ranks, and leave inputs as they are") {
    const auto cube = support::random_array<float, 3>({3, 6, 9}, 0.1, 1);
    const auto copy = cube;
    const poisson_likelihood direct(cube, 0.1);
    const xt::xarray<float> dynamic = cube;
    const auto window = xt::view(cube, xt::all(), xt::all(), xt::all());
    const auto adapted = xt::adapt(cube.data(), cube.size(), xt::no_ownership(), std::array<std::size_t, 3>{3, 6, 9});
    const xt::xtensor<float, 3, xt::layout_type::column_major> columns = cube;
    const double expected = direct.value(cube);
    CHECK(poisson_likelihood(dynamic, 0.1).value(dynamic) == expected);
    CHECK(poisson_likelihood(window, 0.1).value(window) == expected);
    CHECK(poisson_likelihood(adapted, 0.1).value(adapted) == expected);
    CHECK(poisson_likelihood(columns, 0.1).value(columns) == expected);
    CHECK(poisson_likelihood(cube + 0.0f, 0.1).value(cube + 0.0f) == expected);
    CHECK(poisson_likelihood(adapted, 0.1).measured().data == cube.data());
    xt::xtensor<float, 3, xt::layout_type::column_major> g_columns({3, 6, 9});
    xt::xtensor<float, 3> g({3, 6, 9});
    direct.gradient(columns, g_columns);
    direct.gradient(cube, g);
    CHECK(g == g_columns);
    CHECK(cube == copy);
}
