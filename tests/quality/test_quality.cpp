#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/quality/quality.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

struct images {
    xt::xtensor<double, 2> truth, fused, raw;
};

// The images of the reference values below, from integer arithmetic:
//   y, x = numpy.mgrid[:ny, :nx]
//   truth = (3 * y + 5 * x + i * x * y) % 7 + 1
//   fused = (2 * y + x * x + i) % 5 + 0.5 + 0.25 * truth
//   raw = (y * y + 3 * x + 2 * i) % 6 + 0.25
images formula_images(std::size_t ny, std::size_t nx, std::size_t i) {
    images m{xt::xtensor<double, 2>({ny, nx}), xt::xtensor<double, 2>({ny, nx}), xt::xtensor<double, 2>({ny, nx})};
    for (std::size_t y = 0; y < ny; ++y) {
        for (std::size_t x = 0; x < nx; ++x) {
            m.truth(y, x) = static_cast<double>((3 * y + 5 * x + i * x * y) % 7) + 1;
            m.fused(y, x) = static_cast<double>((2 * y + x * x + i) % 5) + 0.5 + 0.25 * m.truth(y, x);
            m.raw(y, x) = static_cast<double>((y * y + 3 * x + 2 * i) % 6) + 0.25;
        }
    }
    return m;
}

void check_near(double got, double expected, double tolerance = 1e-12) {
    CAPTURE(got);
    CAPTURE(expected);
    CHECK(std::abs(got - expected) <= tolerance);
}

}  // namespace

TEST_CASE("the figures are those of score.py, also for images smaller than the window") {
    // From nrmse, best_scale and ssim of score.py, with numpy 1.24 and scipy 1.10.
    struct {
        std::size_t ny, nx;
        double nrmse, psnr, ssim;
    } const references[] = {{17, 23, 0.471365245214511, 10.4184049767426, 0.319334147398625},
                            {4, 3, 0.489405765780062, 9.90365441495662, 0.300328025598548},
                            {1, 9, 0.57487596576408, 8.77317018752773, 0.0732885084795509},
                            {9, 1, 0.366761765699187, 13.1977082729029, 0.545795519891444}};
    for (const auto& r : references) {
        CAPTURE(r.ny);
        CAPTURE(r.nx);
        const images m = formula_images(r.ny, r.nx, 0);
        check_near(nrmse(m.fused, m.truth), r.nrmse);
        check_near(psnr(m.fused, m.truth), r.psnr);
        check_near(ssim(m.fused, m.truth), r.ssim);
    }
    const images pixel = formula_images(1, 1, 0);
    // The best scale is rounded once: so far off may the one pixel be, where multiply and subtract are one instruction.
    CHECK(nrmse(pixel.fused, pixel.truth) <= std::numeric_limits<double>::epsilon() / 2);
    CHECK(nrmse(pixel.truth, pixel.truth) == 0);
    CHECK(psnr(pixel.truth, pixel.truth) == std::numeric_limits<double>::infinity());
    check_near(ssim(pixel.fused, pixel.truth), 1);
}

TEST_CASE("score gives what score.py gives for each element and on average") {
    xt::xtensor<double, 3> fused({3, 17, 23}), raw({3, 17, 23}), truth({3, 17, 23});
    for (std::size_t i = 0; i < 3; ++i) {
        const images m = formula_images(17, 23, i);
        xt::view(fused, i) = m.fused;
        xt::view(raw, i) = m.raw;
        xt::view(truth, i) = m.truth;
    }
    const auto result = score(fused, raw, truth);
    REQUIRE(result.elements.size() == 3);
    const double stoichiometry[] = {0.0279674235234217, -0.051563126406267, 0.0299407898220307};
    const double raw_error[] = {0.659674277096785, 0.685006740598106, 0.57493429420025};
    const double gain[] = {39.9497064737084, 58.7128724187278, 26.1428355135503};
    for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(i);
        const auto& e = result.elements[i];
        check_near(e.stoichiometry, stoichiometry[i]);
        check_near(e.nrmse_raw, raw_error[i]);
        check_near(e.gain, gain[i], 1e-10);
        const images m = formula_images(17, 23, i);
        CHECK(e.nrmse == nrmse(m.fused, m.truth));
        CHECK(e.psnr == psnr(m.fused, m.truth));
        CHECK(e.ssim == ssim(m.fused, m.truth));
        CHECK(e.gain == snr_gain(m.fused, m.raw, m.truth));
    }
    // score.py rounds to four digits before it averages.
    check_near(result.mean.nrmse, 0.4529, 1e-4);
    check_near(result.mean.psnr, 10.5121, 1e-4);
    check_near(result.mean.ssim, 0.3472, 1e-4);
    check_near(result.mean.stoichiometry, 0.0365, 1e-4);
    check_near(result.mean.nrmse_raw, 0.6399, 1e-4);
    check_near(result.mean.gain, 41.6018, 1e-4);
}

TEST_CASE_TEMPLATE("the unit of an image does not matter, its noise does", T, float, double) {
    const auto truth = support::random_array<T, 2>({20, 31}, 0, 2);
    const xt::xtensor<T, 2> other_unit = truth * T(0.125);
    CHECK(nrmse(other_unit, truth) <= 1e-15);
    CHECK(psnr(other_unit, truth) > 280);
    check_near(ssim(other_unit, truth), 1);
    // An empty image is the worst.
    xt::xtensor<T, 2> nothing = xt::zeros<T>({20, 31});
    CHECK(nrmse(nothing, truth) == 1);
    const xt::xtensor<T, 2> noisy = truth + T(0.3) * support::random_array<T, 2>({20, 31}, -1, 1, 1);
    const xt::xtensor<T, 2> noisier = truth + T(0.9) * support::random_array<T, 2>({20, 31}, -1, 1, 1);
    CHECK(nrmse(noisy, truth) < nrmse(noisier, truth));
    CHECK(psnr(noisy, truth) > psnr(noisier, truth));
    CHECK(ssim(noisy, truth) > ssim(noisier, truth));
    CHECK(snr_gain(noisy, noisier, truth) > 0);
    check_near(snr_gain(noisy, noisy, truth), 0);
}

TEST_CASE("an error of known size has the figures of its definition") {
    // x = (1, 1, 0, 0), u = x + e with e orthogonal to x: s = <u, x> / <u, u> = 2 / (2 + a^2).
    const double a = 0.5, s = 2 / (2 + a * a);
    const xt::xtensor<double, 2> x{{1, 1}, {0, 0}}, u{{1, 1}, {a, 0}};
    const double error = std::sqrt(2 * (s - 1) * (s - 1) + s * a * s * a);
    check_near(nrmse(u, x), error / std::sqrt(2.0));
    check_near(psnr(u, x), 20 * std::log10(1 / (error / 2)));
}

TEST_CASE("images of other types are compared in double") {
    const images m = formula_images(6, 8, 1);
    const xt::xtensor<int, 2> counts = xt::cast<int>(4 * m.fused);
    CHECK(nrmse(counts, m.truth) == nrmse(4 * m.fused, m.truth));
    CHECK(ssim(xt::transpose(counts), xt::transpose(m.truth)) > -1);
    CHECK(psnr(xt::xarray<float>(m.fused), m.truth) == psnr(m.fused, m.truth));
}

TEST_CASE("what cannot be compared is refused by name") {
    const images m = formula_images(4, 5, 0);
    const xt::xtensor<double, 2> other = xt::ones<double>({5, 4}), zero = xt::zeros<double>({4, 5});
    support::check_throws<shape_error>([&] { nrmse(other, m.truth); },
                                       "image: has shape (5, 4), must have shape (4, 5)", "truth");
    support::check_throws<shape_error>([&] { snr_gain(m.fused, other, m.truth); }, "raw: has shape (5, 4)");
    support::check_throws<shape_error>([&] { snr_gain(other, m.raw, m.truth); }, "fused: has shape (5, 4)");
    support::check_throws<value_error>([&] { nrmse(m.fused, zero); }, "truth: has no pixel above 0");
    support::check_throws<value_error>([&] { psnr(m.fused, zero); }, "truth: has no pixel above 0");
    support::check_throws<value_error>([&] { ssim(m.fused, -m.truth); }, "truth: has no pixel above 0");
    auto nan = m.fused;
    nan(2, 1) = std::numeric_limits<double>::quiet_NaN();
    support::check_throws<value_error>([&] { ssim(nan, m.truth); }, "image: has ", "nan", "row 2, column 1");
    support::check_throws<value_error>([&] { psnr(m.fused, nan); }, "truth: has ", "nan");
    const xt::xtensor<double, 2> none({0, 5});
    support::check_throws<shape_error>([&] { ssim(none, none); }, "truth: is empty");

    const auto maps = support::random_array<double, 3>({2, 4, 5}, 0.1);
    auto one_empty = maps;
    xt::view(one_empty, 1) = 0.0;
    support::check_throws<value_error>([&] { score(maps, maps, one_empty); }, "truth: element 1", "above 0");
    support::check_throws<value_error>([&] { score(maps * 0.0, maps, maps); }, "fused: has the total 0");
    const auto three = support::random_array<double, 3>({3, 4, 5});
    support::check_throws<shape_error>([&] { score(maps, three, maps); }, "raw: has shape (3, 4, 5)", "(2, 4, 5)");
    support::check_throws<shape_error>([&] { score(three, maps, maps); }, "fused: has shape (3, 4, 5)");
}
