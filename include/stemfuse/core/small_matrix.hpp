// Dense linear algebra of a few dozen unknowns: what fits of spectra and of weights need.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/abi.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// A dense row-major matrix of doubles.
class small_matrix {
public:
    /// An empty matrix, 0 x 0.
    small_matrix() = default;
    /// A matrix of zeros.
    small_matrix(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns), values_(rows * columns) {}

    /// The number of rows.
    std::size_t rows() const { return rows_; }
    /// The number of columns.
    std::size_t columns() const { return columns_; }
    /// The entry in row i and column j. Indices are not checked, here and below.
    double& operator()(std::size_t i, std::size_t j) { return values_[i * columns_ + j]; }
    /// The entry in row i and column j.
    double operator()(std::size_t i, std::size_t j) const { return values_[i * columns_ + j]; }
    /// The entries of row i, one after another.
    double* row(std::size_t i) { return values_.data() + i * columns_; }
    /// The entries of row i, one after another.
    const double* row(std::size_t i) const { return values_.data() + i * columns_; }

private:
    std::size_t rows_ = 0, columns_ = 0;
    std::vector<double> values_;
};

/// Solves A x = b for a symmetric positive definite A of shape (n, n), of which the lower half is read, by Cholesky's
/// factors; b becomes x. A pivot below 1e-14 of its diagonal is no more than rounding: its unknown depends on others
/// and stays at 0.
inline void solve_positive_definite(small_matrix a, std::vector<double>& b) {
    const std::size_t n = b.size();
    for (std::size_t j = 0; j < n; ++j) {
        const double diagonal = a(j, j);
        double pivot = diagonal;
        for (std::size_t k = 0; k < j; ++k) pivot -= a(j, k) * a(j, k);
        const bool independent = pivot > 1e-14 * diagonal;
        a(j, j) = independent ? std::sqrt(pivot) : 0;
        for (std::size_t i = j + 1; i < n; ++i) {
            double sum = a(i, j);
            for (std::size_t k = 0; k < j; ++k) sum -= a(i, k) * a(j, k);
            a(i, j) = independent ? sum / a(j, j) : 0;
        }
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k) b[i] -= a(i, k) * b[k];
        b[i] = a(i, i) > 0 ? b[i] / a(i, i) : 0;
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k) b[i] -= a(k, i) * b[k];
        b[i] = a(i, i) > 0 ? b[i] / a(i, i) : 0;
    }
}

/// The inverse of a symmetric positive definite matrix, column by column, see solve_positive_definite().
inline small_matrix inverse_positive_definite(const small_matrix& a) {
    const std::size_t n = a.rows();
    small_matrix inverse(n, n);
    for (std::size_t j = 0; j < n; ++j) {
        std::vector<double> unit(n);
        unit[j] = 1;
        solve_positive_definite(a, unit);
        for (std::size_t i = 0; i < n; ++i) inverse(i, j) = unit[i];
    }
    return inverse;
}

namespace detail {

// The unknowns that are free, the others 0, of G x = h with rows and columns times `scale`.
inline std::vector<double> free_solution(const small_matrix& g, const std::vector<double>& h,
                                         const std::vector<double>& scale, const std::vector<bool>& free) {
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < h.size(); ++i) {
        if (free[i]) at.push_back(i);
    }
    small_matrix part(at.size(), at.size());
    std::vector<double> rhs(at.size()), full(h.size());
    for (std::size_t i = 0; i < at.size(); ++i) {
        rhs[i] = scale[at[i]] * h[at[i]];
        for (std::size_t j = 0; j <= i; ++j) part(i, j) = scale[at[i]] * g(at[i], at[j]) * scale[at[j]];
    }
    solve_positive_definite(std::move(part), rhs);
    for (std::size_t i = 0; i < at.size(); ++i) full[at[i]] = rhs[i];
    return full;
}

// Moves x to `next`, or to the border where the first unknown falls below 0: what is on the border is no longer free.
// Whether it came all the way.
inline bool move_inside(std::vector<double>& x, const std::vector<double>& next, std::vector<bool>& free) {
    double step = 1;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (free[i] && next[i] <= 0) step = std::min(step, x[i] / (x[i] - next[i]));
    }
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += step * (next[i] - x[i]);
    if (step >= 1) return true;
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (free[i] && x[i] <= 1e-14 && next[i] <= 0) {
            free[i] = false;
            x[i] = 0;
        }
    }
    return false;
}

}  // namespace detail

/// argmin_{x >= 0} 1/2 x^T G x - h^T x for a symmetric positive semi-definite G: non-negative least squares from the
/// normal equations G = A^T A, h = A^T b. Lawson & Hanson, Solving Least Squares Problems (1974), chapter 23, on
/// unknowns that are scaled to a diagonal of 1. Unknowns without a diagonal stay 0. A gradient up to 1e-11 of the
/// largest one, and an unknown up to 1e-14, are taken as rounding of 0; the limit of 10 n rounds ends a cycle that
/// rounding could cause.
inline std::vector<double> non_negative_least_squares(const small_matrix& g, const std::vector<double>& h) {
    const std::size_t n = h.size();
    std::vector<double> scale(n), x(n), gradient(n);
    double largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
        scale[i] = g(i, i) > 0 ? 1 / std::sqrt(g(i, i)) : 0;
        gradient[i] = scale[i] * h[i];
        largest = std::max(largest, std::abs(gradient[i]));
    }
    std::vector<bool> free(n, false);
    for (std::size_t round = 0; round < 10 * n; ++round) {
        std::size_t enter = n;
        for (std::size_t i = 0; i < n; ++i) {
            if (!free[i] && scale[i] > 0 && gradient[i] > 1e-11 * largest &&
                (enter == n || gradient[i] > gradient[enter]))
                enter = i;
        }
        if (enter == n) break;
        free[enter] = true;
        auto next = detail::free_solution(g, h, scale, free);
        if (!(next[enter] > 0)) {  // depends on the others: it cannot enter
            free[enter] = false;
            scale[enter] = 0;
            continue;
        }
        while (!detail::move_inside(x, next, free)) next = detail::free_solution(g, h, scale, free);
        for (std::size_t i = 0; i < n; ++i) {
            gradient[i] = scale[i] * h[i];
            for (std::size_t j = 0; j < n; ++j) gradient[i] -= scale[i] * g(i, j) * scale[j] * x[j];
        }
    }
    for (std::size_t i = 0; i < n; ++i) x[i] *= scale[i];
    return x;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
