#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <stemfuse/priors/tv_rows.hpp>
#include <stemfuse/priors/tv_sweep.hpp>

using namespace stemfuse;

TEST_CASE_TEMPLATE("the reciprocal square root keeps its stated error", T, float, double) {
    const double bound = sizeof(T) == 4 ? 1.5e-7 : 4e-16;
    double worst = 0;
    const T highest = sizeof(T) == 4 ? T(1e37) : T(1e300);
    for (T x = 1; x < highest; x *= T(1.000371)) {
        const long double exact = 1 / std::sqrt(static_cast<long double>(x));
        worst = std::max(worst, static_cast<double>(std::abs(detail::reciprocal_sqrt(x) / exact - 1)));
    }
    CHECK(worst <= bound);
}

TEST_CASE_TEMPLATE("the larger of a number and 1", T, float, double) {
    for (const T x : {T(0), std::numeric_limits<T>::denorm_min(), T(0.5), std::nextafter(T(1), T(0))}) {
        CHECK(detail::at_least_one(x) == 1);
    }
    for (const T x : {T(1), std::nextafter(T(1), T(2)), T(7), std::numeric_limits<T>::max()}) {
        CHECK(detail::at_least_one(x) == x);
    }
    CHECK(std::isnan(detail::at_least_one(std::numeric_limits<T>::quiet_NaN())));
}

TEST_CASE("a row buffer is zero between its rows") {
    detail::tv_row_buffer<float> rows;
    rows.reset(3, 17);
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t c = 0; c < 32; ++c) rows(i)[c] = 1;
    }
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(*(rows(i) - 1) == 0);
        CHECK(rows(i)[32] == 0);
    }
}
