#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/simd/simd.hpp>
#include <stemfuse/simd/square_root.hpp>

#include "support.hpp"

using namespace stemfuse;

namespace {

// What the reference is computed in.
template <class T>
using wide = std::conditional_t<sizeof(T) == 4, double, long double>;

template <class T>
using limits = std::numeric_limits<T>;

template <class T>
constexpr int least_exponent = limits<T>::min_exponent - limits<T>::digits;  // of the smallest subnormal number

// |got - want| in units of the last digit of want, or of the subnormal numbers where want is one.
template <class T>
double ulps(T got, wide<T> want) {
    if (!std::isfinite(got)) return limits<double>::infinity();
    const int exponent = want == 0 ? least_exponent<T> : std::ilogb(want) + 1 - limits<T>::digits;
    return static_cast<double>(
        std::scalbn(std::abs(static_cast<wide<T>>(got) - want), -std::max(exponent, least_exponent<T>)));
}

// n numbers from 2^lowest to 2^highest, evenly spaced in their logarithms.
template <class T>
void append_octaves(std::vector<T>& x, double lowest, double highest, int n) {
    for (int i = 0; i < n; ++i) x.push_back(static_cast<T>(std::exp2(lowest + (highest - lowest) * (i + 0.5) / n)));
}

template <class T>
void append_range(std::vector<T>& x, double lowest, double highest, int n) {
    for (int i = 0; i < n; ++i) x.push_back(static_cast<T>(lowest + (highest - lowest) * (i + 0.5) / n));
}

template <class T>
void append_with_neighbours(std::vector<T>& x, T centre) {
    T below = centre, above = centre;
    for (int i = 0; i < 4; ++i) {
        x.push_back(below);
        x.push_back(above);
        below = std::nextafter(below, T(0));
        above = std::nextafter(above, limits<T>::max());
    }
}

// Positive numbers to 1e6: dense in the numbers and in their logarithms, the neighbours of 1, of the powers of two and
// of what lies between them, subnormal numbers, the smallest numbers.
template <class T>
std::vector<T> numbers_to_a_million() {
    const double million = std::log2(1e6);
    std::vector<T> x;
    append_octaves(x, least_exponent<T>, million, 20011);
    append_octaves(x, -10, million, 20011);
    append_range(x, 0, 1e6, 10007);
    append_range(x, 0.7, 1.6, 20011);
    append_octaves(x, least_exponent<T>, limits<T>::min_exponent, 2003);
    for (int e = least_exponent<T>; e < 20; ++e) {
        for (const double m : {1.0, 0.75, std::sqrt(0.5)}) append_with_neighbours(x, static_cast<T>(std::ldexp(m, e)));
    }
    std::erase_if(x, [](T v) { return !(v > 0 && v <= T(1e6)); });
    return x;
}

template <class T, class F>
std::vector<T> in_packs(const F& f, std::vector<T> x) {
    const std::size_t n = x.size();
    x.resize((n + lanes<T> - 1) / lanes<T> * lanes<T>, T(1));
    std::vector<T> y(x.size());
    for (std::size_t i = 0; i < x.size(); i += lanes<T>) store(y.data() + i, f(load(x.data() + i)));
    y.resize(n);
    return y;
}

template <class T, class F>
T in_one_lane(const F& f, T x) {
    return in_packs(f, std::vector<T>{x})[0];
}

// The worst error of y against `reference` of x, in ulp.
template <class T, class Reference>
double worst_ulps(const std::vector<T>& x, const std::vector<T>& y, const Reference& reference, T& where) {
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double error = ulps(y[i], reference(static_cast<wide<T>>(x[i])));
        if (!(error <= worst)) {
            worst = error;
            where = x[i];
        }
    }
    return worst;
}

template <class T>
bool same_bits(T a, T b) {
    return std::memcmp(&a, &b, sizeof(T)) == 0;
}

// Every lane must give the bits that the same number gives in lane 0, whatever is in the other lanes.
template <class T, class F>
void check_lanes(const F& f, const std::vector<T>& x) {
    const auto y = in_packs(f, x);
    std::size_t different = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const pack<T> alone = f(broadcast(x[i]));
        if (!same_bits<T>(get_lane(alone, 0), y[i])) ++different;
    }
    CHECK(different == 0);
}

template <class T>
std::vector<T> special_values() {
    return {T(0),
            -T(0),
            T(-1),
            limits<T>::infinity(),
            -limits<T>::infinity(),
            limits<T>::quiet_NaN(),
            T(1),
            limits<T>::min(),
            limits<T>::denorm_min(),
            limits<T>::max(),
            T(0.75),
            T(1.5),
            T(3),
            T(7e-5)};
}

const auto log_of_packs = [](auto x) { return natural_log(x); };
const auto reciprocal_sqrt_of_packs = [](auto x) { return reciprocal_sqrt(x); };

}  // namespace

TEST_CASE_TEMPLATE("the logarithm is within 2 ulp of every positive number's", T, float, double) {
    auto x = numbers_to_a_million<T>();
    append_octaves(x, std::log2(1e6), limits<T>::max_exponent, 20011);
    x.push_back(limits<T>::max());
    T where = 0;
    const double worst = worst_ulps(x, in_packs(log_of_packs, x), [](wide<T> v) { return std::log(v); }, where);
    CAPTURE(where);
    CHECK(worst <= 2);
    MESSAGE("logarithm, ", sizeof(T), " bytes: ", worst, " ulp");
}

TEST_CASE_TEMPLATE("the logarithm of what has no finite one", T, float, double) {
    const auto log = [](T x) { return in_one_lane(log_of_packs, x); };
    const T infinity = limits<T>::infinity();
    CHECK(log(T(0)) == -infinity);
    CHECK(log(-T(0)) == -infinity);
    CHECK(log(infinity) == infinity);
    for (const T x : {T(-1), -limits<T>::denorm_min(), -limits<T>::max(), -infinity, limits<T>::quiet_NaN()}) {
        CAPTURE(x);
        CHECK(std::isnan(log(x)));
    }
    CHECK(same_bits(log(T(1)), T(0)));
}

TEST_CASE_TEMPLATE("powers are within 3 ulp on [0, 1e6]", T, float, double) {
    const auto x = numbers_to_a_million<T>();
    std::vector<double> exponents{0, 0.3, 0.5, 0.6, 0.7, 1, 1.2, 1.7, 2, 1e-9, std::nextafter(1.0, 0.0), 1.9999999};
    std::mt19937 engine(support::seed());
    for (int i = 0; i < 4; ++i) exponents.push_back(static_cast<double>(engine()) / 2147483648.0);
    double worst_of_all = 0;
    for (const double a : exponents) {
        T where = 0;
        const double worst = worst_ulps(
            x, in_packs(powers<T>(a), x), [a](wide<T> v) { return std::pow(v, static_cast<wide<T>>(a)); }, where);
        CAPTURE(a);
        CAPTURE(where);
        CHECK(worst <= 3);
        worst_of_all = std::max(worst_of_all, worst);
    }
    MESSAGE("powers, ", sizeof(T), " bytes: ", worst_of_all, " ulp");
}

TEST_CASE_TEMPLATE("powers that underflow are subnormal or 0", T, float, double) {
    for (const double a : {1.2, 1.7, 2.0}) {
        std::vector<T> x;
        append_octaves(x, (least_exponent<T> - 4) / a, limits<T>::min_exponent / a, 5003);
        for (int e = least_exponent<T>; e < least_exponent<T> / 2; ++e) x.push_back(static_cast<T>(std::ldexp(1.0, e)));
        T where = 0;
        const double worst = worst_ulps(
            x, in_packs(powers<T>(a), x), [a](wide<T> v) { return std::pow(v, static_cast<wide<T>>(a)); }, where);
        CAPTURE(a);
        CAPTURE(where);
        CHECK(worst <= 2);
    }
}

TEST_CASE_TEMPLATE("powers of 0, 1, infinity and NaN; the exponents 0 and 1", T, float, double) {
    const T infinity = limits<T>::infinity();
    for (const double a : {0.3, 0.5, 1.0, 1.2, 1.7, 2.0}) {
        CAPTURE(a);
        const powers<T> power(a);
        CHECK(in_one_lane(power, T(0)) == 0);
        CHECK(in_one_lane(power, -T(0)) == 0);
        CHECK(in_one_lane(power, T(1)) == 1);
        CHECK(in_one_lane(power, infinity) == infinity);
        CHECK(std::isnan(in_one_lane(power, limits<T>::quiet_NaN())));
        if (a != 1) CHECK(in_one_lane(power, T(-2)) == 0);
    }
    CHECK(in_one_lane(powers<T>(2), limits<T>::max()) == infinity);
    CHECK(in_one_lane(powers<T>(0.5), limits<T>::max()) == infinity);

    auto x = numbers_to_a_million<T>();
    for (const T v : {T(0), limits<T>::max(), limits<T>::denorm_min()}) x.push_back(v);
    const auto zeroth = in_packs(powers<T>(0), x), first = in_packs(powers<T>(1), x);
    CHECK(std::all_of(zeroth.begin(), zeroth.end(), [](T v) { return v == 1; }));
    CHECK(std::memcmp(first.data(), x.data(), x.size() * sizeof(T)) == 0);
    CHECK(std::isnan(in_one_lane(powers<T>(0), limits<T>::quiet_NaN())));
}

TEST_CASE("an exponent outside of [0, 2] is refused") {
    support::check_throws<value_error>([] { return powers<float>(-0.5); }, "exponent", "-0.5", "[0, 2]");
    support::check_throws<value_error>([] { return powers<double>(2.25); }, "exponent", "2.25", "[0, 2]");
    support::check_throws<value_error>([] { return powers<double>(limits<double>::quiet_NaN()); }, "exponent", "nan");
}

TEST_CASE_TEMPLATE("the reciprocal square root of every normal number", T, float, double) {
    std::vector<T> x;
    append_octaves(x, limits<T>::min_exponent - 1, limits<T>::max_exponent, 50021);
    append_range(x, 0.25, 4, 50021);
    for (const T v : {limits<T>::min(), limits<T>::max(), T(1), T(4)}) x.push_back(v);
    const auto y = in_packs(reciprocal_sqrt_of_packs, x);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const wide<T> want = 1 / std::sqrt(static_cast<wide<T>>(x[i]));
        worst = std::max(worst, static_cast<double>(std::abs(static_cast<wide<T>>(y[i]) - want) / want));
    }
    CHECK(worst <= (sizeof(T) == 4 ? 3e-7 : 1e-15));
    MESSAGE("reciprocal square root, ", sizeof(T), " bytes: relative error ", worst);
}

TEST_CASE_TEMPLATE("the same number gives the same bits in every lane", T, float, double) {
    auto x = numbers_to_a_million<T>();
    std::shuffle(x.begin(), x.end(), std::mt19937(support::seed()));
    x.resize(4096);
    check_lanes(reciprocal_sqrt_of_packs, x);
    const auto special = special_values<T>();
    for (std::size_t i = 0; i < special.size(); ++i) x[i * 5] = special[i];
    check_lanes(log_of_packs, x);
    for (const double a : {0.0, 0.7, 1.0, 1.7}) check_lanes(powers<T>(a), x);
}
