// The weights of the elements in a HAADF tilt series, from volumes of the elements.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <stemfuse/core/column_sums.hpp>
#include <stemfuse/core/communicator.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/tomography/tilt_counts.hpp>
#include <stemfuse/tomography/tilt_projector.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// b is about sum_e weights[e] A x_e^gamma + offset.
struct haadf_fit {
    std::vector<double> weights;  ///< >= 0
    double offset = 0;            ///< in the units of b
};

namespace detail {

// argmin_{w >= 0} w^T G w / 2 - w^T r by coordinate descent; the last unknown may be negative where `last_free`.
inline std::vector<double> non_negative_minimum(const std::vector<double>& gram, const std::vector<double>& right,
                                                bool last_free) {
    const std::size_t n = right.size();
    std::vector<double> w(n);
    for (int sweep = 0; sweep < 20000; ++sweep) {
        double largest = 0;
        for (std::size_t i = 0; i < n; ++i) {
            if (gram[i * n + i] <= 0) continue;
            double slope = right[i];
            for (std::size_t j = 0; j < n; ++j) slope -= gram[i * n + j] * w[j];
            double next = w[i] + slope / gram[i * n + i];
            if (i + 1 < n || !last_free) next = std::max(0.0, next);
            largest = std::max(largest, std::abs(next - w[i]) * std::sqrt(gram[i * n + i]));
            w[i] = next;
        }
        if (largest == 0) break;
    }
    return w;
}

}  // namespace detail

/// The factor of every element's volume that makes its counts likeliest: total variation takes some of the amplitude.
/// By 12 steps of expectation maximisation, factor <- factor sum(b p / (factor p + background)) / sum(p), p = A x_e. 1
/// where nothing is projected. Every rank holds its columns and gets the same factors.
template <scalar T, communicator C = serial_communicator>
std::vector<double> count_factors(const tilt_counts<T>& term, const stack_view<const T>& x, const execution& exec = {},
                                  const C& ranks = {}) {
    xt::xtensor<T, 3> p(term.projector().range_shape());
    term.projector().apply(x, p, exec);
    const std::size_t rows = p.shape()[1], nx = p.shape()[2];
    const auto b = term.projections();
    std::vector<double> factors(x.shape[0], 1.0);
    const auto sum = [&](std::size_t e, auto&& f) {
        const std::size_t bins = term.projector().geometry().bins();
        const auto sums = column_sums(rows, nx, bins, exec, [&](std::size_t r, double* column) {
            const T* const row = p.data() + (e * rows + r) * nx;
            for (std::size_t c = 0; c < nx; ++c) {
                column[c] += f(std::max(static_cast<double>(row[c]), 0.0), static_cast<double>(b.row(e, r)[c]));
            }
        });
        return sum_of_columns(sums, ranks);
    };
    for (std::size_t e = 0; e < factors.size(); ++e) {
        const double all = sum(e, [](double a, double) { return a; });
        for (int i = 0; all > 0 && i < 12; ++i) {
            factors[e] *=
                sum(e, [&](double a, double n) { return a * n / (factors[e] * a + term.background()); }) / all;
        }
    }
    return factors;
}

/// Non-negative least squares of the HAADF projections b, (1, tilts bins, n_x), on those of the elements' volumes x,
/// (n_e, n_z n_y, n_x), and on a constant where `with_offset`. Every rank of `ranks` holds its columns and gets the
/// same fit. An element that no signal needs has weight 0. Throws shape_error for a b that does not fit the geometry.
template <scalar T, communicator C = serial_communicator>
haadf_fit fit_haadf(const tilt_geometry& geometry, const stack_view<const T>& b, const stack_view<const T>& x,
                    double gamma, bool with_offset, const execution& exec = {}, const C& ranks = {}) {
    const std::size_t n = x.shape[0], nx = x.shape[2], all = n + 1;
    const tilt_projector a(geometry, 1, nx);
    require_shape(b.shape, a.range_shape(), "haadf", "the tilt geometry");
    xt::xtensor<T, 3> p(stack_shape{n, b.shape[1], nx}), power(a.domain_shape());
    const powers<T> to_power(gamma);
    for (std::size_t e = 0; e < n; ++e) {
        for_each_row(x.shape[1], nx, exec, [&](std::size_t r) {
            for_each_pack<T>(nx, [&](auto at) { at.store(power.data() + r * nx, to_power(at.load(x.row(e, r)))); });
        });
        const stack_view<T> out{p.data() + e * b.shape[1] * nx,
                                {1, b.shape[1], nx},
                                {static_cast<std::ptrdiff_t>(b.shape[1] * nx), static_cast<std::ptrdiff_t>(nx), 1}};
        a.apply(power, out, exec);
    }
    const auto signal = [&](std::size_t i, std::size_t r, std::size_t c) {
        return i == n ? 1.0 : static_cast<double>(p.data()[(i * b.shape[1] + r) * nx + c]);
    };
    const auto product = [&](auto&& f) {
        return sum_of_columns(column_sums(b.shape[1], nx, geometry.bins(), exec,
                                          [&](std::size_t r, double* sums) {
                                              for (std::size_t c = 0; c < nx; ++c) sums[c] += f(r, c);
                                          }),
                              ranks);
    };
    const std::size_t unknowns = with_offset ? all : n;
    std::vector<double> gram(unknowns * unknowns), right(unknowns);
    for (std::size_t i = 0; i < unknowns; ++i) {
        right[i] = product(
            [&](std::size_t r, std::size_t c) { return signal(i, r, c) * static_cast<double>(b.row(0, r)[c]); });
        for (std::size_t j = i; j < unknowns; ++j) {
            gram[i * unknowns + j] = gram[j * unknowns + i] =
                product([&](std::size_t r, std::size_t c) { return signal(i, r, c) * signal(j, r, c); });
        }
    }
    haadf_fit fit{detail::non_negative_minimum(gram, right, with_offset), 0};
    if (with_offset) {
        fit.offset = fit.weights.back();
        fit.weights.pop_back();
    }
    return fit;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
