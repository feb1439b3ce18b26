// Whether maps explain counts as well as Poisson noise allows, and no better: the discrepancy principle for counts.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The deviance of one count from its rate > 0, 2 (r - m + m log(m / r)).
inline double poisson_deviance(double count, double rate) {
    return 2 * (rate - count + (count > 0 ? count * std::log(count / rate) : 0.0));
}

/// Its mean over Poisson counts of that rate, which is 1 only where counts are many: summed up to a rate of 100, beyond
/// by 1 + 1 / (6 r) + 1 / (6 r^2), to about 1e-6. Zanella et al., Inverse Problems 25, 045010 (2009), doi
/// 10.1088/0266-5611/25/4/045010, propose the principle with the mean 1.
inline double expected_deviance(double rate) {
    if (rate <= 0) return 0;
    if (rate > 100) return 1 + 1 / (6 * rate) + 1 / (6 * rate * rate);
    double probability = std::exp(-rate), mean = 0;
    const double last = rate + 12 * std::sqrt(rate) + 20;
    for (double k = 0; k <= last; ++k) {
        mean += probability * poisson_deviance(k, rate);
        probability *= rate / (k + 1);
    }
    return mean;
}

namespace detail {

// expected_deviance() by linear interpolation in log(rate), from 1e-5 to 100.
class deviance_table {
public:
    deviance_table() {
        for (std::size_t k = 0; k < size; ++k)
            values_[k] = expected_deviance(std::exp(first + step * static_cast<double>(k)));
    }
    double operator()(double rate) const {
        const double at = (std::log(rate) - first) / step;
        if (!(at >= 0 && rate <= 100)) return expected_deviance(rate);
        const auto k = std::min(static_cast<std::size_t>(at), size - 2);
        const double part = at - static_cast<double>(k);
        return (1 - part) * values_[k] + part * values_[k + 1];
    }

private:
    static constexpr std::size_t size = 1600;
    static constexpr double first = -11.512925464970229, last = 4.6051701859880914;
    static constexpr double step = (last - first) / static_cast<double>(size - 1);
    std::array<double, size> values_;
};

}  // namespace detail

/// The deviance of counts from rates, both (n, n_y, n_x), over the one that Poisson counts of these rates would have on
/// average, minus 1: above 0 the maps leave structure of the counts unexplained, below 0 they follow noise. Throws
/// shape_error where the shapes differ, value_error for counts or rates that are negative or no numbers, and for a rate
/// of 0 where there are counts.
template <stack M, stack R>
double discrepancy(const M& counts, const R& rates, const execution& exec = {}) {
    using T = value_type_t<R>;
    const readable<T, 3> m(counts, "counts"), r(rates, "rates");
    require_shape(r.view().shape, m.view().shape, "rates", "the counts'");
    require_not_empty(m.view(), "counts");
    require_counts(m.view(), "counts");
    require_counts(r.view(), "rates");
    static const detail::deviance_table mean;
    const std::size_t ny = m.view().shape[1], nx = m.view().shape[2];
    std::vector<double> found(m.view().shape[0] * ny), expected(found.size());
    for_each_row(found.size(), nx, exec, [&](std::size_t k) {
        const T* const counted = m.view().row(k / ny, k % ny);
        const T* const rate = r.view().row(k / ny, k % ny);
        for (std::size_t x = 0; x < nx; ++x) {
            found[k] += poisson_deviance(static_cast<double>(counted[x]), static_cast<double>(rate[x]));
            expected[k] += mean(static_cast<double>(rate[x]));
        }
    });
    const double total = std::accumulate(found.begin(), found.end(), 0.0);
    if (!std::isfinite(total)) throw value_error("rates", "are 0 where there are counts, must be above 0 there");
    const double average = std::accumulate(expected.begin(), expected.end(), 0.0);
    return average > 0 ? total / average - 1 : 0;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
