#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <stemfuse/operators/finite_differences.hpp>
#include <stemfuse/priors/structured_total_variation.hpp>
#include <stemfuse/testing/properties.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

template <class T>
using joint_tv = structured_total_variation<coupling::joint, T>;
static_assert(warm_prior<joint_tv<float>, float> && warm_prior<joint_tv<double>, double>);
static_assert(dual_prior<joint_tv<float>, float> && dual_prior<joint_tv<double>, double>);
static_assert(!prior<joint_tv<float>, double> && !prior<joint_tv<double>, float>);

using array = xt::xtensor<double, 3>;
const std::vector<stack_shape> shapes{{1, 1, 1}, {2, 1, 23}, {2, 19, 1}, {1, 2, 2}, {3, 12, 15}, {2, 5, 300}};

template <class T, coupling Coupling>
struct with {
    using scalar = T;
    static constexpr coupling kind = Coupling;
    using prior = structured_total_variation<Coupling, T>;
};
#define EVERY_COUPLING                                                                       \
    with<float, coupling::none>, with<double, coupling::none>, with<float, coupling::joint>, \
        with<double, coupling::joint>, with<float, coupling::nuclear>, with<double, coupling::nuclear>

array field(const stack_shape& shape) {
    return support::random_array<double, 3>({2, shape[1], shape[2]}, -0.7, 0.7, 99);
}

template <class T>
directional_field<T> direction(const stack_shape& shape) {
    return directional_field<T>(field(shape));
}

// The prior by whole arrays in double: K = A grad pixel by pixel, the norm, and the projection on its dual's ball, by
// the singular value decomposition of every pixel's matrix.
struct reference {
    stack_shape shape;
    coupling kind;
    array q;

    reference(const stack_shape& of, coupling couples, bool directed)
        : shape(of), kind(couples), q(directed ? field(of) : array(xt::zeros<double>({std::size_t{2}, of[1], of[2]}))) {
        for (std::size_t x = 0; x < of[2]; ++x) q(0, of[1] - 1, x) = 0;
        for (std::size_t y = 0; y < of[1]; ++y) q(1, y, of[2] - 1) = 0;
    }

    stack_shape domain_shape() const { return shape; }
    stack_shape range_shape() const { return {2 * shape[0], shape[1], shape[2]}; }

    void bend(array& d) const {
        for_each_pixel([&](std::size_t r, std::size_t c) {
            for (std::size_t i = 0; i < shape[0]; ++i) {
                double &y = d(i, r, c), &x = d(shape[0] + i, r, c);
                const double along = q(0, r, c) * y + q(1, r, c) * x;
                y -= along * q(0, r, c);
                x -= along * q(1, r, c);
            }
        });
    }
    array forward(const array& x) const {
        array d(range_shape());
        finite_differences(shape).apply(x, d);
        bend(d);
        return d;
    }
    array backward(array p) const {
        array x(shape);
        bend(p);
        finite_differences(shape).adjoint(p, x);
        return x;
    }

    // Calls f(first map, one past the last) for the maps of one norm.
    template <class F>
    void for_each_group(F&& f) const {
        if (kind != coupling::none) return f(0, shape[0]);
        for (std::size_t i = 0; i < shape[0]; ++i) f(i, i + 1);
    }
    template <class F>
    void for_each_pixel(F&& f) const {
        for (std::size_t r = 0; r < shape[1]; ++r)
            for (std::size_t c = 0; c < shape[2]; ++c) f(r, c);
    }

    // The singular values of the maps' pairs (y, x) at a pixel, found by the rotation that makes the two columns
    // orthogonal; `scale` says what becomes of each.
    template <class Scale>
    std::array<double, 2> singular_values(array& d, std::size_t r, std::size_t c, std::size_t first, std::size_t last,
                                          Scale&& scale) const {
        double yy = 0, xx = 0, yx = 0;
        for (std::size_t i = first; i < last; ++i) {
            const double y = d(i, r, c), x = d(shape[0] + i, r, c);
            yy += y * y;
            xx += x * x;
            yx += y * x;
        }
        const double angle = std::atan2(2 * yx, yy - xx) / 2, cosine = std::cos(angle), sine = std::sin(angle);
        std::array<double, 2> values{};
        for (std::size_t i = first; i < last; ++i) {
            values[0] += std::pow(cosine * d(i, r, c) + sine * d(shape[0] + i, r, c), 2);
            values[1] += std::pow(cosine * d(shape[0] + i, r, c) - sine * d(i, r, c), 2);
        }
        values = {std::sqrt(values[0]), std::sqrt(values[1])};
        const auto [a, b] = scale(values);
        for (std::size_t i = first; i < last; ++i) {
            double &y = d(i, r, c), &x = d(shape[0] + i, r, c);
            const double along = a * (cosine * y + sine * x), across = b * (cosine * x - sine * y);
            y = cosine * along - sine * across;
            x = sine * along + cosine * across;
        }
        return values;
    }

    double norm(array d) const {
        double sum = 0;
        const auto same = [](const auto&) { return std::array<double, 2>{1, 1}; };
        for_each_pixel([&](std::size_t r, std::size_t c) {
            for_each_group([&](std::size_t first, std::size_t last) {
                const auto s = singular_values(d, r, c, first, last, same);
                sum += kind == coupling::nuclear ? s[0] + s[1] : std::hypot(s[0], s[1]);
            });
        });
        return sum;
    }
    void project(array& p) const {
        const auto onto_ball = [this](const std::array<double, 2>& s) {
            const double all = 1 / std::max(1.0, std::hypot(s[0], s[1]));
            if (kind != coupling::nuclear) return std::array<double, 2>{all, all};
            return std::array<double, 2>{1 / std::max(1.0, s[0]), 1 / std::max(1.0, s[1])};
        };
        for_each_pixel([&](std::size_t r, std::size_t c) {
            for_each_group(
                [&](std::size_t first, std::size_t last) { singular_values(p, r, c, first, last, onto_ball); });
        });
    }

    // prox(v, t) by Chambolle & Pock's primal-dual iteration with constant steps.
    array prox(const array& v, double t, bool non_negative) const {
        array u = v, bar = v, p = xt::zeros<double>(range_shape());
        const double tau = 0.3, sigma = 1 / (8 * tau);
        for (int k = 0; k < 6000; ++k) {
            p = p + sigma / t * forward(bar);
            project(p);
            const array pull = backward(p);
            for (std::size_t i = 0; i < u.size(); ++i) {
                double next = (u.data()[i] + tau * (v.data()[i] - t * pull.data()[i])) / (1 + tau);
                if (non_negative) next = std::max(next, 0.0);
                bar.data()[i] = 2 * next - u.data()[i];
                u.data()[i] = next;
            }
        }
        return u;
    }
};

// Forward by whole arrays, adjoint by the prior's rows, cut into segments of `cut` pixels, after rest(): K^T takes
// duals whose parts that K never moves are 0.
template <class Prior, class T>
struct by_rows : reference {
    const Prior& prior;
    std::size_t cut = 1000;

    void adjoint(const stack_view<const T>& p, const stack_view<T>& out, const execution&) const {
        const xt::xtensor<T, 3> zero = xt::zeros<T>({p.shape[0], std::size_t{1}, p.shape[2]});
        xt::xtensor<T, 3> rested = detail::packed_copy<T, 3>(p, "p");
        dual_kernels<Prior>{prior}.rest(as_view(rested));
        row_pointers<const T> rows(as_view(std::as_const(rested))), above(as_view(std::as_const(rested))),
            zeros(as_view(zero));
        row_pointers<T> to(out);
        for (std::size_t y = 0; y < shape[1]; ++y) {
            for (std::size_t x = 0; x < shape[2]; x += cut) {
                dual_kernels<Prior>{prior}.adjoint({y, x, std::min(cut, shape[2] - x)}, shape[0], rows.at(y),
                                                   y > 0 ? above.at(y - 1) : zeros.at(0), to.at(y, x));
            }
        }
    }
    void apply(const stack_view<const T>& x, const stack_view<T>& out, const execution&) const {
        const array wide = detail::packed_copy<double, 3>(x, "x");
        const array d = forward(wide);
        std::transform(d.begin(), d.end(), out.data, [](double v) { return static_cast<T>(v); });
    }
};

// The duals after one ascent from p in all rows.
template <class Prior, class T>
xt::xtensor<T, 3> ascended(const Prior& prior, const xt::xtensor<T, 3>& x, xt::xtensor<T, 3> p, T step) {
    const std::size_t n = x.shape(0), ny = x.shape(1), nx = x.shape(2);
    xt::xtensor<T, 3> room({n, ny, nx + lanes<T>});
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t y = 0; y < ny; ++y)
            for (std::size_t c = 0; c < nx + lanes<T>; ++c) room(i, y, c) = x(i, y, std::min(c, nx - 1));
    const std::vector<T> steps(n, step);
    row_pointers<const T> rows(as_view(std::as_const(room))), below(as_view(std::as_const(room)));
    row_pointers<T> duals(as_view(p));
    for (std::size_t y = 0; y < ny; ++y) {
        dual_kernels<Prior>{prior}.ascend({y, 0, nx}, n, rows.at(y), below.at(std::min(y + 1, ny - 1)), duals.at(y),
                                          steps.data());
    }
    return p;
}

template <class T>
xt::xtensor<T, 3> transposed(const xt::xtensor<T, 3>& x) {
    xt::xtensor<T, 3> to({x.shape(0), x.shape(2), x.shape(1)});
    for (std::size_t i = 0; i < x.shape(0); ++i)
        for (std::size_t y = 0; y < x.shape(1); ++y)
            for (std::size_t c = 0; c < x.shape(2); ++c) to(i, c, y) = x(i, y, c);
    return to;
}

// The images of a stack in the opposite order.
template <class T>
xt::xtensor<T, 3> reversed(const xt::xtensor<T, 3>& x) {
    xt::xtensor<T, 3> to(x.shape());
    for (std::size_t i = 0; i < x.shape(0); ++i) xt::view(to, i) = xt::view(x, x.shape(0) - 1 - i);
    return to;
}

}  // namespace

TEST_CASE_TEMPLATE("the rows of K^T are the adjoint of A grad at all borders", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const auto& shape : shapes) {
        CAPTURE(to_string(shape));
        for (const bool directed : {false, true}) {
            typename C::prior prior;
            if (directed) prior.direction = direction<T>(shape);
            by_rows<typename C::prior, T> op{{shape, C::kind, directed}, prior};
            CHECK(adjoint_mismatch<T>(op) <= support::tolerance<T>::adjoint);
            op.cut = 128;
            CHECK(adjoint_mismatch<T>(op) <= support::tolerance<T>::adjoint);
        }
    }
}

TEST_CASE_TEMPLATE("the value and the ascent against whole arrays", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const auto& shape : shapes) {
        CAPTURE(to_string(shape));
        for (const bool directed : {false, true}) {
            const reference whole(shape, C::kind, directed);
            typename C::prior prior;
            if (directed) prior.direction = direction<T>(shape);
            const auto x = support::random_array<T, 3>(shape, -1, 1, 3);
            const double expected = whole.norm(whole.forward(x));
            CHECK(std::abs(prior.value(x) - expected) <= support::tolerance<T>::rounding * (1 + expected));
            array p = support::random_array<double, 3>(whole.range_shape(), -1, 1, 4);
            dual_kernels<total_variation>{total_variation{}}.rest(as_view(p));
            const auto moved = ascended<typename C::prior, T>(prior, x, p, T(0.7));
            p = p + 0.7 * whole.forward(x);
            whole.project(p);
            CHECK(support::relative_difference(moved, p) <= support::tolerance<T>::rounding);
        }
    }
}

TEST_CASE_TEMPLATE("one map without a direction is total variation", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    const auto v = support::random_array<T, 3>({1, 30, 41}, -0.3, 1, 5);
    const total_variation tv{.iterations = 20};
    const typename C::prior prior{.iterations = 20};
    CHECK(std::abs(prior.value(v) - tv.value(v)) <= support::tolerance<T>::rounding * tv.value(v));
    xt::xtensor<T, 3> u(v.shape()), expected(v.shape());
    prior.prox(v, 0.2, u);
    tv.prox(v, 0.2, expected);
    CHECK(support::relative_difference(u, expected) <= 10 * support::tolerance<T>::rounding);
}

TEST_CASE_TEMPLATE("the prox against an independent solution, within its gap", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const stack_shape& shape : {stack_shape{3, 12, 15}, stack_shape{2, 1, 23}, stack_shape{2, 9, 1}}) {
        CAPTURE(to_string(shape));
        const auto v = support::random_array<T, 3>(shape, -0.3, 1, 6);
        for (const bool directed : {false, true}) {
            for (const bool non_negative : {true, false}) {
                const array expected = reference(shape, C::kind, directed).prox(v, 0.15, non_negative);
                typename C::prior prior{.report_gap = true, .non_negative = non_negative};
                if (directed) prior.direction = direction<T>(shape);
                double last = 1e300;
                for (const std::size_t iterations : {3u, 10u, 100u, 1000u}) {
                    prior.iterations = iterations;
                    xt::xtensor<T, 3> u(shape);
                    const prox_report report = prior.prox(v, 0.15, u);
                    CHECK(report.iterations == iterations);
                    double error = 0;
                    for (std::size_t k = 0; k < u.size(); ++k) error += std::pow(u.data()[k] - expected.data()[k], 2);
                    const double rounding = 10 * support::tolerance<T>::rounding;
                    CHECK(error / 2 <= *report.gap + rounding);
                    CHECK(*report.gap >= -rounding);
                    CHECK(*report.gap < last);
                    last = std::max(*report.gap, rounding);
                    if (iterations == 1000) CHECK(std::sqrt(error) <= 1e-4);
                }
            }
        }
    }
}

TEST_CASE_TEMPLATE("the prox passes the property checks", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const stack_shape& shape : {stack_shape{3, 9, 11}, stack_shape{5, 7, 6}, stack_shape{9, 4, 5}}) {
        typename C::prior prior{.direction = direction<T>(shape), .iterations = 2000};
        const prox_check report = check_prox<T>(prior, shape, 0.1);
        CHECK(report.descent <= support::tolerance<T>::prox);
        CHECK(report.expansion <= support::tolerance<T>::prox);
        prior.direction = {};
        CHECK(check_prox<T>(prior, shape, 0.1).descent <= support::tolerance<T>::prox);
    }
}

TEST_CASE_TEMPLATE("constant maps cost nothing and stay", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    const stack_shape shape{3, 8, 33};
    const xt::xtensor<T, 3> x = T(0.625) * xt::ones<T>(shape);
    xt::xtensor<T, 3> u(shape);
    for (const auto& field : {directional_field<T>(), direction<T>(shape)}) {
        const typename C::prior prior{.direction = field};
        CHECK(prior.value(x) == 0);
        prior.prox(x, 3, u);
        CHECK(u == x);
    }
}

TEST_CASE_TEMPLATE("warm duals go on where they were", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    const stack_shape shape{3, 20, 31};
    const auto v = support::random_array<T, 3>(shape, -0.3, 1, 8);
    typename C::prior prior{.direction = direction<T>(shape), .iterations = 5, .report_gap = true};
    xt::xtensor<T, 3> u(shape), duals;
    const double first = *prior.prox(v, 0.1, u, duals).gap, second = *prior.prox(v, 0.1, u, duals).gap;
    CHECK(second < first / 2);
    const auto before = duals;
    CHECK(*prior.prox(v, 0, u, duals).gap == 0);
    CHECK(u == xt::eval(xt::maximum(v, T(0))));
    CHECK(duals == before);
}

TEST_CASE_TEMPLATE("the same bits for any number of threads", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const stack_shape& shape : {stack_shape{3, 67, 45}, stack_shape{2, 3, 700}, stack_shape{1, 300, 2}}) {
        const auto v = support::random_array<T, 3>(shape, -0.3, 1, 9);
        const typename C::prior prior{.direction = direction<T>(shape), .iterations = 7, .report_gap = true};
        xt::xtensor<T, 3> serial(shape), serial_duals;
        const prox_report expected = prior.prox(v, 0.2, serial, serial_duals);
        for (std::size_t threads = 2; threads <= 16; ++threads) {
            thread_pool pool(threads);
            xt::xtensor<T, 3> u(shape), duals;
            const prox_report report = prior.prox(v, 0.2, u, duals, pool);
            CHECK(u == serial);
            CHECK(duals == serial_duals);
            CHECK(*report.gap == *expected.gap);
            CHECK(prior.value(v, pool) == prior.value(v));
        }
    }
}

TEST_CASE_TEMPLATE("neither the order of the maps nor that of the axes matters", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    const stack_shape shape{4, 14, 21};
    const double tolerance = 20 * support::tolerance<T>::rounding;
    const auto v = support::random_array<T, 3>(shape, -0.3, 1, 10);
    const typename C::prior prior{.direction = direction<T>(shape), .iterations = 20},
        turned{.direction = directional_field<T>(transposed(reversed(field(shape)))), .iterations = 20};
    xt::xtensor<T, 3> u(shape), w(shape), t({shape[0], shape[2], shape[1]});
    prior.prox(v, 0.2, u);
    prior.prox(reversed(v), 0.2, w);
    CHECK(support::relative_difference(reversed(w), u) <= tolerance);
    CHECK(std::abs(prior.value(reversed(v)) - prior.value(v)) <= tolerance * prior.value(v));
    turned.prox(transposed(v), 0.2, t);
    CHECK(support::relative_difference(transposed(t), u) <= tolerance);
    CHECK(std::abs(turned.value(transposed(v)) - prior.value(v)) <= tolerance * prior.value(v));
}

TEST_CASE_TEMPLATE("a line flips with its direction", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    const std::size_t nx = 37;
    const auto v = support::random_array<T, 3>({2, 1, nx}, -0.3, 1, 11);
    array q = field({2, 1, nx}), back = q;
    xt::xtensor<T, 3> flipped(v.shape()), u(v.shape()), w(v.shape());
    for (std::size_t c = 0; c < nx; ++c) {
        for (std::size_t i = 0; i < 2; ++i) flipped(i, 0, c) = v(i, 0, nx - 1 - c);
        if (c + 1 < nx) back(1, 0, c) = q(1, 0, nx - 2 - c);  // between the same two pixels
    }
    const typename C::prior prior{.direction = directional_field<T>(q)}, other{.direction = directional_field<T>(back)};
    prior.prox(v, 0.2, u);
    other.prox(flipped, 0.2, w);
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t c = 0; c < nx; ++c)
            CHECK(std::abs(u(i, 0, c) - w(i, 0, nx - 1 - c)) <= 20 * support::tolerance<T>::rounding);
}

TEST_CASE_TEMPLATE("tiny and huge t, and large values, stay finite", C, EVERY_COUPLING) {
    using T = typename C::scalar;
    for (const double scale : {1e-6, 1.0, 1e6}) {
        const auto v = support::random_array<T, 3>({3, 20, 30}, -0.3 * scale, scale, 12);
        for (const double t : {1e-30, 1e-10, 1e10, 1e30}) {
            xt::xtensor<T, 3> u(v.shape());
            typename C::prior{.direction = direction<T>({3, 20, 30}), .iterations = 50}.prox(v, t, u);
            CAPTURE(scale);
            CAPTURE(t);
            for (const T x : u) REQUIRE(std::isfinite(x));
            if (t < 1e-9 * scale) CHECK(support::relative_difference(u, xt::eval(xt::maximum(v, T(0)))) <= 1e-6);
        }
    }
}

TEST_CASE("the projection on the spectral ball keeps its error where one singular value is large") {
    const stack_shape shape{3, 16, 32};
    const reference whole(shape, coupling::nuclear, false);
    array p = support::random_array<double, 3>(whole.range_shape(), -1, 1, 13);
    for (std::size_t k = 0; k < p.size() / 2; ++k) p.data()[k] = 1000 * p.data()[p.size() / 2 + k] + 2 * p.data()[k];
    dual_kernels<total_variation>{total_variation{}}.rest(as_view(p));
    const structured_total_variation<coupling::nuclear, float> prior;
    const auto moved =
        ascended<structured_total_variation<coupling::nuclear, float>, float>(prior, xt::zeros<float>(shape), p, 1);
    whole.project(p);
    CHECK(support::relative_difference(moved, p) <= 1e-3);  // of 1000 float's rounding is 1e-4
}

TEST_CASE("arguments that do not fit are named") {
    const structured_total_variation<coupling::nuclear, double> prior;
    const array v = xt::zeros<double>({2, 4, 5});
    array u = v, small = xt::zeros<double>({2, 4, 4}), duals = xt::zeros<double>({2, 4, 5});
    support::check_throws<shape_error>([&] { prior.prox(v, 1, small); }, "out", "(2, 4, 4)", "(2, 4, 5)");
    support::check_throws<shape_error>([&] { prior.prox(v, 1, u, duals); }, "duals", "(2, 4, 5)", "(4, 4, 5)");
    support::check_throws<value_error>([&] { prior.prox(v, -1, u); }, "t", "-1");
    support::check_throws<value_error>([&] { prior.prox(u, 1, u); }, "out", "shares memory with v");
    auto idle = prior;
    idle.iterations = 0;
    support::check_throws<value_error>([&] { idle.prox(v, 1, u); }, "iterations: is 0, must be in [1, 10000000]");
    support::check_throws<shape_error>([&] { prior.value(xt::xtensor<double, 3>({0, 4, 5})); }, "maps", "(0, 4, 5)");
    const joint_tv<double> directed{.direction = direction<double>({1, 4, 6})};
    support::check_throws<shape_error>([&] { directed.value(v); }, "direction", "(2, 4, 6)", "(2, 4, 5)");
    support::check_throws<shape_error>([&] { directed.prox(v, 1, u); }, "direction", "(2, 4, 6)", "(2, 4, 5)");
}
