// Counts of each element in a pixel as a weighted sum of its channels: overlapping lines separated, errors known.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <stemfuse/core/small_matrix.hpp>
#include <stemfuse/spectra/sum_fit.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The weights F, of shape (n_elements + 1, channels), by which the channels y of a pixel give F y: counts of each
/// element in the used channels, and last of the background. They are those of least squares with the inverse rates of
/// the sum spectrum as weights, F = (A W A^T)^-1 A W: unbiased for any pixel, whatever its other elements, where the
/// signatures A are right, and nearly of the least variance. Results may be negative: that is noise, and right.
class spectrum_filter {
public:
    /// Keeps what it needs of the signatures.
    explicit spectrum_filter(const spectral_signatures& s)
        : first_(s.first), weights_(s.shapes.rows(), s.axis.channels), shapes_(s.shapes) {
        const std::size_t n = s.shapes.rows(), channels = s.axis.channels;
        small_matrix normal(n, n), weighted(n, channels);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t c = first_; c < channels; ++c)
                weighted(i, c) = s.shapes(i, c) / std::max(s.model[c], 1e-9);
            for (std::size_t j = 0; j <= i; ++j) {
                double sum = 0;
                for (std::size_t c = first_; c < channels; ++c) sum += weighted(i, c) * s.shapes(j, c);
                normal(i, j) = normal(j, i) = sum;
            }
        }
        inverse_ = inverse_positive_definite(normal);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t c = first_; c < channels; ++c) {
                for (std::size_t j = 0; j < n; ++j) weights_(i, c) += inverse_(i, j) * weighted(j, c);
            }
        }
        for (std::size_t i = 0; i < n; ++i) overlap_.push_back(normal(i, i) * inverse_(i, i));
    }

    /// One more than the elements: the last is the background.
    std::size_t size() const { return weights_.rows(); }
    /// The first channel with weights other than 0.
    std::size_t first() const { return first_; }
    /// What a count in the channel adds to amount i.
    double weight(std::size_t i, std::size_t channel) const { return weights_(i, channel); }
    /// All weights of amount i, one for each channel; they live as long as the filter.
    const double* weights_of(std::size_t i) const { return weights_.row(i); }

    /// The variance of each amount with the others unknown over that with them known, 1 or more: 1.5 and above where
    /// lines overlap, see partner().
    double overlap(std::size_t i) const { return overlap_[i]; }

    /// The row whose lines are the most like those of i: the largest correlation, without its sign, of the two amounts.
    std::size_t partner(std::size_t i) const {
        std::size_t found = i == 0 ? 1 : 0;
        const auto correlation = [&](std::size_t j) {
            return std::abs(inverse_(i, j)) / std::sqrt(inverse_(i, i) * inverse_(j, j));
        };
        for (std::size_t j = 0; j < size(); ++j) {
            if (j != i && correlation(j) > correlation(found)) found = j;
        }
        return found;
    }

    /// The covariance of the amounts, shape (size(), size()), of a pixel whose channels expect `rates` counts.
    small_matrix covariance(const std::vector<double>& rates) const {
        const std::size_t n = size();
        small_matrix out(n, n);
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j <= i; ++j) {
                double sum = 0;
                for (std::size_t c = first_; c < rates.size(); ++c) sum += weights_(i, c) * weights_(j, c) * rates[c];
                out(i, j) = out(j, i) = sum;
            }
        }
        return out;
    }

    /// The covariance of all amounts that an expected count of row j adds: sum_c F_ic F_kc A_jc. That of a pixel is the
    /// sum over j, each times the amount of j.
    small_matrix covariance_by(std::size_t j) const {
        return covariance(std::vector<double>(shapes_.row(j), shapes_.row(j) + shapes_.columns()));
    }

private:
    std::size_t first_;
    small_matrix weights_, inverse_, shapes_;
    std::vector<double> overlap_;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
