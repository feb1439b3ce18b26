#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <stemfuse/operators/binning.hpp>
#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/operators/gaussian_blur.hpp>
#include <stemfuse/operators/mixing.hpp>
#include <stemfuse/operators/operator_algebra.hpp>
#include <stemfuse/testing/properties.hpp>

#include "operators/dense.hpp"
#include "support.hpp"

using namespace stemfuse;
using operators::dense;
using operators::matrix;

namespace {

const std::vector<stack_shape> shapes{{1, 1, 1}, {2, 1, 9}, {2, 9, 1}, {2, 2, 3}, {2, 17, 33}};

// Adjoint to rounding; the norm that the operator states against the one found by power iteration.
template <class Op>
void check_operator(const Op& op) {
    static_assert(linear_operator<Op, float> || linear_operator<Op, double>);
    CHECK(adjoint_mismatch<double>(op) <= support::tolerance<double>::adjoint);
    const double found = operator_norm<double>(op, 20000, 1e-12);
    CHECK(op.norm_bound() >= found * (1 - 1e-9));
}

// The window's weights, and where a line of n is read for the pixel k steps from x, by walking there step by step.
double gauss(double sigma, std::ptrdiff_t k) { return std::exp(-0.5 * std::pow(static_cast<double>(k) / sigma, 2)); }
std::size_t walk(std::size_t x, std::ptrdiff_t k, std::size_t n) {
    bool forward = k > 0;
    for (std::ptrdiff_t step = 0; step < std::abs(k); ++step) {
        if (forward && x + 1 == n) {
            forward = false;  // the border pixel is read twice
        } else if (!forward && x == 0) {
            forward = true;
        } else {
            x = forward ? x + 1 : x - 1;
        }
    }
    return x;
}
matrix line_blur(std::size_t n, double sigma) {
    matrix m = xt::zeros<double>({n, n});
    const auto r = static_cast<std::ptrdiff_t>(std::lround(4 * sigma));
    double sum = 0;
    for (std::ptrdiff_t k = -r; k <= r; ++k) sum += gauss(sigma, k);
    for (std::size_t x = 0; x < n; ++x) {
        for (std::ptrdiff_t k = -r; k <= r; ++k) m(x, walk(x, k, n)) += gauss(sigma, k) / sum;
    }
    return m;
}

}  // namespace

TEST_CASE("every operator and product: adjoint and norm") {
    for (const stack_shape& shape : shapes) {
        CAPTURE(to_string(shape));
        const image_shape image{shape[1], shape[2]};
        const auto mixing = mixing_operator<double>(support::random_array<double, 2>({3, shape[0]}, -1, 1), image);
        const stack_shape fine{shape[0], 3 * shape[1], 2 * shape[2]};
        check_operator(identity_operator(shape));
        check_operator(gaussian_blur(shape, 0.8));
        check_operator(gaussian_blur(shape, std::vector<double>(shape[0], 6.3)));
        check_operator(binning(fine, {3, 2}));
        check_operator(binning(fine, {3, 2}, binned::mean));
        check_operator(mixing);
        check_operator(scaled(finite_differences(shape), -2.5));
        check_operator(product(finite_differences(shape), gaussian_blur(shape, 1.1)));
        check_operator(product(scaled(mixing, 0.3), binning(fine, {3, 2}), gaussian_blur(fine, 1.7)));
    }
    CHECK(adjoint_mismatch<float>(product(binning({2, 6, 9}, {2, 3}), gaussian_blur({2, 6, 9}, 0.9))) <=
          support::tolerance<float>::adjoint);
}

TEST_CASE("norms that are known exactly") {
    CHECK(std::abs(operator_norm<double>(gaussian_blur({2, 9, 14}, 1.3)) - 1) <= 1e-5);
    CHECK(gaussian_blur({2, 9, 14}, 1.3).norm_bound() == 1);
    CHECK(std::abs(operator_norm<double>(binning({2, 9, 14}, {3, 2})) - std::sqrt(6)) <= 1e-5);
    CHECK(std::abs(binning({2, 9, 14}, {3, 2}).norm_bound() - std::sqrt(6)) <= 1e-14);
    CHECK(std::abs(binning({2, 9, 14}, {3, 2}, binned::mean).norm_bound() - 1 / std::sqrt(6)) <= 1e-14);
    // A tall and a wide matrix of orthogonal rows or columns, the longest sqrt(30).
    const xt::xtensor<double, 2> wide{{1, 2, 3, 4}, {4, -3, 2, -1}, {0, 0, 0, 0}};
    const xt::xtensor<double, 2> tall = xt::transpose(wide);
    CHECK(std::abs(mixing_operator<double>(wide, {2, 2}).norm_bound() - std::sqrt(30)) <= 1e-4);
    CHECK(std::abs(mixing_operator<double>(tall, {2, 2}).norm_bound() - std::sqrt(30)) <= 1e-4);
    CHECK(mixing_operator<double>(xt::zeros<double>({2, 2}), {2, 2}).norm_bound() == 0);
    // An operator without a bound of its own.
    struct twice {
        identity_operator one{{1, 3, 3}};
        stack_shape domain_shape() const { return one.domain_shape(); }
        stack_shape range_shape() const { return one.range_shape(); }
        void apply(stack_view<const double> x, stack_view<double> out, execution) const {
            scaled(one, 2).apply(x, out);
        }
        void adjoint(stack_view<const double> y, stack_view<double> out, execution e) const { apply(y, out, e); }
    };
    static_assert(!has_norm_bound<twice>);
    CHECK(norm_bound_of<double>(twice{}) >= 2);
    CHECK(norm_bound_of<double>(twice{}) <= 2.03);
}

TEST_CASE("the blur is the matrix of its window and its mirrors") {
    for (const image_shape& image : {image_shape{5, 7}, image_shape{1, 6}, image_shape{4, 1}, image_shape{2, 3}}) {
        const double sigmas[] = {0.9, 2.6};
        const gaussian_blur blur({2, image[0], image[1]}, {sigmas[0], sigmas[1]});
        const matrix k = dense(blur);
        const std::size_t n = image[0] * image[1];
        double worst = 0;
        for (std::size_t i = 0; i < 2; ++i) {
            const matrix rows = line_blur(image[0], sigmas[i]), columns = line_blur(image[1], sigmas[i]);
            for (std::size_t a = 0; a < n; ++a) {
                for (std::size_t b = 0; b < n; ++b) {
                    const double expected = rows(a / image[1], b / image[1]) * columns(a % image[1], b % image[1]);
                    worst = std::max(worst, std::abs(k(i * n + a, i * n + b) - expected));
                    worst = std::max(worst, std::abs(k(i * n + a, (1 - i) * n + b)));
                }
            }
        }
        CHECK(worst <= 1e-15);
    }
    const auto x = support::random_array<double, 3>({2, 4, 5});
    xt::xtensor<double, 3> out(x.shape());
    gaussian_blur({2, 4, 5}, 0).apply(x, out);
    CHECK(out == x);
}

TEST_CASE("binning sums blocks, a product is the product of the matrices") {
    const auto x = support::random_array<double, 3>({2, 6, 6});
    xt::xtensor<double, 3> sums({2, 2, 3}), means({2, 2, 3});
    binning({2, 6, 6}, {3, 2}).apply(x, sums);
    binning({2, 6, 6}, {3, 2}, binned::mean).apply(x, means);
    const double block = x(1, 3, 4) + x(1, 3, 5) + x(1, 4, 4) + x(1, 4, 5) + x(1, 5, 4) + x(1, 5, 5);
    CHECK(std::abs(sums(1, 1, 2) - block) <= 1e-14);
    CHECK(std::abs(means(1, 1, 2) - block / 6) <= 1e-15);

    const binning bin({2, 4, 6}, {2, 3});
    const gaussian_blur blur({2, 4, 6}, 1.4);
    const finite_differences gradient({2, 2, 2});
    const matrix expected = operators::multiply(operators::multiply(dense(gradient), dense(bin)), dense(blur));
    CHECK(support::relative_difference(dense(product(gradient, bin, blur)), expected) <= 1e-14);
    const matrix half = dense(scaled(bin, 0.5)), whole = dense(bin);
    CHECK(half == matrix(0.5 * whole));
}

TEST_CASE("the same bits for every number of threads") {
    const stack_shape shape{2, 130, 252};
    const auto x = support::random_array<double, 3>(shape);
    const auto same = [&](const auto& op) {
        xt::xtensor<double, 3> serial(op.range_shape()), threaded(op.range_shape());
        xt::xtensor<double, 3> back(op.domain_shape()), threaded_back(op.domain_shape());
        op.apply(x, serial);
        op.adjoint(serial, back);
        for (const std::size_t threads : {2u, 5u}) {
            thread_pool pool(threads);
            op.apply(x, threaded, pool);
            op.adjoint(serial, threaded_back, pool);
            CHECK(threaded == serial);
            CHECK(threaded_back == back);
        }
    };
    same(gaussian_blur(shape, {0.7, 3.1}));
    same(product(mixing_operator<double>(xt::xtensor<double, 2>{{1, 2}, {-1, 3}}, {65, 63}), binning(shape, {2, 4})));
}

TEST_CASE("what operators refuse") {
    const stack_shape shape{2, 6, 8};
    const auto x = support::random_array<double, 3>(shape);
    xt::xtensor<double, 3> out(shape), wrong({2, 6, 9});
    using support::check_throws;
    check_throws<shape_error>([&] { gaussian_blur({2, 0, 8}, 1); }, "maps", "(2, 0, 8)");
    check_throws<shape_error>([&] { gaussian_blur(shape, std::vector<double>{1, 2, 3}); }, "sigmas", "3",
                              "must have 2");
    check_throws<value_error>([&] { gaussian_blur(shape, -0.5); }, "sigma", "-0.5");
    check_throws<value_error>([&] { gaussian_blur(shape, std::nan("")); }, "sigma", "nan");
    check_throws<shape_error>([&] { gaussian_blur(shape, 1).apply(x, wrong); }, "output", "(2, 6, 9)", "(2, 6, 8)");
    check_throws<value_error>([&] { gaussian_blur(shape, 1).apply(out, out); }, "output", "memory");
    check_throws<shape_error>([&] { binning(shape, {4, 2}); }, "fine maps", "(2, 6, 8)", "4 rows");
    check_throws<value_error>([&] { binning(shape, {0, 2}); }, "factors", "0");
    check_throws<shape_error>([&] { product(binning(shape, {2, 2}), binning(shape, {2, 2})); }, "range", "(2, 3, 4)",
                              "(2, 6, 8)");
    check_throws<value_error>([&] { scaled(gaussian_blur(shape, 1), std::nan("")); }, "factor", "nan");
    check_throws<value_error>([&] { mixing_operator<double>(xt::xtensor<double, 2>{{std::nan("")}}, {2, 2}); },
                              "matrix", "nan");
}
