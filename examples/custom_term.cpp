// A data term of your own: a Student-t likelihood, for maps with a few wild pixels (hot pixels, fits gone astray) that
// a Gaussian one would follow. It is written twice:
//   whole_array   shape(), value() and value_and_gradient(): all that the solver needs;
//   row_by_row    two row kernels on pixel_local, which the solver fuses with the HAADF term into one sweep.
// check_gradient says whether the gradient is right; both versions give the same fused maps.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include <stemfuse/simulate/core_shell_particles.hpp>
#include <stemfuse/solvers/fusion_solver.hpp>
#include <stemfuse/terms/gaussian_likelihood.hpp>
#include <stemfuse/terms/haadf_model.hpp>
#include <stemfuse/testing/properties.hpp>

namespace student_t {

// f(x) = sum (nu + 1) / 2 log(1 + r^2 / (nu sigma^2)), r = x - b, with nu degrees of freedom. Far from b its gradient
// (nu + 1) r / (nu sigma^2 + r^2) falls off: wild pixels lose their pull.
struct law {
    double sigma, nu = 3;
    double value(double r) const { return (nu + 1) / 2 * std::log1p(r * r / (nu * sigma * sigma)); }
    double slope(double r) const { return (nu + 1) * r / (nu * sigma * sigma + r * r); }
};

class whole_array {
public:
    using value_type = double;

    whole_array(xt::xtensor<double, 3> b, law l) : b_(std::move(b)), law_(l) {}

    stemfuse::stack_shape shape() const { return b_.shape(); }

    double value(const stemfuse::stack_view<const double>& x, const stemfuse::execution&) const {
        return sweep(x, [](auto...) {});
    }

    double value_and_gradient(const stemfuse::stack_view<const double>& x, const stemfuse::stack_view<double>& g,
                              const stemfuse::execution&) const {
        return sweep(x, [&](auto i, auto y, auto c, double r) { g.row(i, y)[c] = law_.slope(r); });
    }

private:
    template <class F>
    double sweep(const stemfuse::stack_view<const double>& x, F&& visit) const {
        double sum = 0;
        for (std::size_t i = 0; i < b_.shape(0); ++i) {
            for (std::size_t y = 0; y < b_.shape(1); ++y) {
                for (std::size_t c = 0; c < b_.shape(2); ++c) {
                    const double r = x.row(i, y)[c] - b_(i, y, c);
                    sum += law_.value(r);
                    visit(i, y, c, r);
                }
            }
        }
        return sum;
    }

    xt::xtensor<double, 3> b_;
    law law_;
};

class row_by_row : public stemfuse::pixel_local<row_by_row, double> {
public:
    row_by_row(xt::xtensor<double, 3> b, law l) : b_(std::move(b)), law_(l) {}

    stemfuse::stack_shape shape() const { return b_.shape(); }

    double row_value(stemfuse::row_segment segment, const double* const* x) const {
        double sum = 0;
        for (std::size_t i = 0; i < b_.shape(0); ++i) {
            const double* const b = &b_(i, segment.y, segment.x0);
            for (std::size_t c = 0; c < segment.n; ++c) sum += law_.value(x[i][c] - b[c]);
        }
        return sum;
    }

    double row_value_and_gradient(stemfuse::row_segment segment, const double* const* x, double* const* g,
                                  double scale) const {
        for (std::size_t i = 0; i < b_.shape(0); ++i) {
            const double* const b = &b_(i, segment.y, segment.x0);
            for (std::size_t c = 0; c < segment.n; ++c) g[i][c] += scale * law_.slope(x[i][c] - b[c]);
        }
        return row_value(segment, x);
    }

private:
    xt::xtensor<double, 3> b_;
    law law_;
};

}  // namespace student_t

namespace {

constexpr double sigma = 0.15;

// The true maps with normal noise, and one pixel in fifty far too bright.
xt::xtensor<double, 3> spoil(xt::xtensor<double, 3> maps) {
    for (std::size_t i = 0; i < maps.shape(0); ++i) {
        for (std::size_t y = 0; y < maps.shape(1); ++y) {
            for (std::size_t x = 0; x < maps.shape(2); ++x) {
                stemfuse::random_stream random(1, static_cast<std::uint32_t>(i), y, x);
                maps(i, y, x) += sigma * random.normal() + (random.uniform() < 0.02 ? 3 : 0);
            }
        }
    }
    return maps;
}

double error(const xt::xtensor<double, 3>& maps, const xt::xtensor<double, 3>& truth) {
    double off = 0, all = 0;
    for (std::size_t k = 0; k < maps.size(); ++k) {
        off += std::pow(maps.data()[k] - truth.data()[k], 2);
        all += std::pow(truth.data()[k], 2);
    }
    return std::sqrt(off / all);
}

int fail(const char* what) {
    std::fprintf(stderr, "custom_term: %s\n", what);
    return 1;
}

}  // namespace

int main() {
    const auto specimen = stemfuse::core_shell_particles({.ny = 128, .nx = 128});
    const auto maps = spoil(specimen.truth);
    const student_t::law law{sigma};
    const student_t::whole_array plain(maps, law);
    const student_t::row_by_row fusable(maps, law);
    static_assert(stemfuse::pixel_local_term<student_t::row_by_row, double>);

    for (const auto& check : {stemfuse::check_gradient<double>(plain), stemfuse::check_gradient<double>(fusable)}) {
        std::printf("gradient: Taylor slope %.3f, relative difference %.1e\n", check.slope, check.difference);
        if (!(std::abs(check.slope - 2) < 0.05 && check.difference < 1e-3)) return fail("the gradient is wrong");
    }

    xt::xtensor<double, 3> start = maps;
    for (double& v : start) v = std::max(v, 0.0);
    const stemfuse::haadf_model haadf(specimen.haadf, stemfuse::haadf_response(specimen.elements));
    const auto fuse = [&](const auto& chemical) {
        const stemfuse::fusion_solver solver(haadf, chemical, stemfuse::total_variation{},
                                             stemfuse::cost_weights{.lambda_chemical = 0.01, .lambda_tv = 0.1});
        return solver.solve_from(start, {.iterations = 60}).maps;
    };
    const auto by_arrays = fuse(plain), by_rows = fuse(fusable);
    const auto gaussian = fuse(stemfuse::gaussian_likelihood(maps, sigma));
    double difference = 0;
    for (std::size_t k = 0; k < by_rows.size(); ++k) {
        difference = std::max(difference, std::abs(by_arrays.data()[k] - by_rows.data()[k]));
    }
    std::printf("relative error: %.3f measured, %.3f fused with a Gaussian term, %.3f with Student's t\n",
                error(maps, specimen.truth), error(gaussian, specimen.truth), error(by_rows, specimen.truth));
    std::printf("largest difference between the two versions: %.1e\n", difference);
    if (!(difference < 1e-9)) return fail("the two versions give different maps");
    if (!(error(by_rows, specimen.truth) < error(gaussian, specimen.truth))) return fail("it does not help");
}
