// Channels that carry the same mixture of elements, merged: few bins of exact Poisson counts with nearly all of the
// information.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <stemfuse/core/check.hpp>
#include <stemfuse/core/small_matrix.hpp>
#include <stemfuse/spectra/sum_fit.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The bin of every channel, and the signatures summed over the channels of each bin.
struct signature_bins {
    /// The bin of channels that hold the detector's noise.
    static constexpr std::uint16_t unused = 0xffff;

    std::vector<std::uint16_t> bin_of;  ///< of each channel; unused for channels before the first that is used
    small_matrix shapes;                ///< (n_elements + 1, n_bins), rows as in spectral_signatures
    std::vector<double> kept;           ///< of each row, the share of its Fisher information that binned counts keep

    /// The number of bins.
    std::size_t size() const { return shapes.columns(); }
};

namespace detail {

// Mixtures at which channels are compared: the mean one, and each element with a fifth of the others. An element of few
// counts is taken for one with 2% of the mean, so that bins tell it from the others as well.
inline std::vector<std::vector<double>> reference_mixtures(const spectral_signatures& s) {
    double mean = 0;
    for (const double c : s.counts) mean += c / static_cast<double>(s.counts.size());
    std::vector<double> all;
    for (const double c : s.counts) all.push_back(std::max(c, 0.02 * mean));
    std::vector<std::vector<double>> mixtures{all};
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
        auto one = all;
        for (std::size_t j = 0; j + 1 < one.size(); ++j) one[j] *= j == i ? 1 : 0.2;
        mixtures.push_back(one);
    }
    return mixtures;
}

// sum_c a_ic a_jc / r_c with r = mixture a, for columns c.
inline small_matrix fisher_information(const small_matrix& shapes, const std::vector<double>& mixture,
                                       std::size_t first) {
    const std::size_t n = shapes.rows();
    small_matrix information(n, n);
    std::vector<double> rates(shapes.columns());
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t c = first; c < rates.size(); ++c) rates[c] += mixture[i] * shapes(i, c);
    }
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = 0;
            for (std::size_t c = first; c < rates.size(); ++c) {
                if (rates[c] > 0) sum += shapes(i, c) * shapes(j, c) / rates[c];
            }
            information(i, j) = information(j, i) = sum;
        }
    }
    return information;
}

// L^T of the Cholesky factor of a positive definite matrix, A = L L^T.
inline small_matrix transposed_cholesky(const small_matrix& a) {
    const std::size_t n = a.rows();
    small_matrix l(n, n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = a(i, j);
            for (std::size_t k = 0; k < j; ++k) sum -= l(i, k) * l(j, k);
            l(i, j) = i == j ? std::sqrt(std::max(sum, 0.0)) : l(j, j) > 0 ? sum / l(j, j) : 0;
        }
    }
    small_matrix t(n, n);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) t(i, j) = l(j, i);
    }
    return t;
}

// The places of channels: their scores a_ic / r_c at every mixture, in the metric of the inverse information. Merging
// channels loses the variance of the scores within a bin.
struct scored_channels {
    std::size_t dimension;
    std::vector<double> scores;   // of channel c from c * dimension on
    std::vector<double> weights;  // expected counts

    const double* of(std::size_t c) const { return scores.data() + c * dimension; }
    std::size_t size() const { return weights.size(); }
};

inline scored_channels score_channels(const spectral_signatures& s) {
    const std::size_t n = s.shapes.rows(), used = s.axis.channels - s.first;
    const auto mixtures = reference_mixtures(s);
    scored_channels out{n * mixtures.size(), std::vector<double>(used * n * mixtures.size()),
                        std::vector<double>(used)};
    for (std::size_t m = 0; m < mixtures.size(); ++m) {
        const auto metric =
            transposed_cholesky(inverse_positive_definite(fisher_information(s.shapes, mixtures[m], s.first)));
        double total = 0;
        for (const double v : mixtures[m]) total += v;
        for (std::size_t c = 0; c < used; ++c) {
            double rate = 0;
            for (std::size_t i = 0; i < n; ++i) rate += mixtures[m][i] * s.shapes(i, c + s.first);
            out.weights[c] += rate / total;
            if (!(rate > 0)) continue;
            for (std::size_t i = 0; i < n; ++i) {
                double sum = 0;
                for (std::size_t j = 0; j < n; ++j) sum += metric(i, j) * s.shapes(j, c + s.first);
                out.scores[c * out.dimension + m * n + i] = sum / rate;
            }
        }
    }
    return out;
}

inline double squared_distance(const double* a, const double* b, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

// Weighted k-means: starts in turn from each channel that a generator picks with a chance that grows with its weighted
// squared distance from those picked before, Arthur & Vassilvitskii, SODA 2007, 1027; the same at every call.
class channel_clusters {
public:
    channel_clusters(const scored_channels& of, std::size_t bins) : of_(of), bins_(bins) {}

    // The bin of every channel, of the best of several starts.
    std::vector<std::size_t> best_of(int starts) {
        std::vector<std::size_t> best;
        double least = INFINITY;
        for (int k = 0; k < starts; ++k) {
            start();
            const double lost = iterate();
            if (!(lost < least)) continue;
            least = lost;
            best = bin_;
        }
        return best;
    }

private:
    // 0 to 1, by Lehmer's generator.
    double uniform() {
        state_ = state_ * 48271 % 2147483647;
        return static_cast<double>(state_) / 2147483647;
    }

    void start() {
        const std::size_t n = of_.size(), d = of_.dimension;
        centres_.clear();
        std::vector<double> nearest(n, INFINITY), chance = of_.weights;
        for (std::size_t k = 0; k < bins_; ++k) {
            const double sum = std::accumulate(chance.begin(), chance.end(), 0.0);
            double at = sum * uniform();
            std::size_t next = 0;
            while (next + 1 < n && (at -= chance[next]) > 0) ++next;
            centres_.insert(centres_.end(), of_.of(next), of_.of(next) + d);
            for (std::size_t c = 0; c < n; ++c) {
                nearest[c] = std::min(nearest[c], squared_distance(of_.of(c), centres_.data() + k * d, d));
                chance[c] = nearest[c] * of_.weights[c];
            }
        }
    }

    // Returns the variance that is left within bins.
    double iterate() {
        const std::size_t n = of_.size(), d = of_.dimension;
        bin_.assign(n, bins_);
        double lost = INFINITY;
        for (int round = 0; round < 40; ++round) {
            const double before = std::exchange(lost, 0);
            for (std::size_t c = 0; c < n; ++c) {
                double least = INFINITY;
                for (std::size_t k = 0; k < bins_; ++k) {
                    const double distance = squared_distance(of_.of(c), centres_.data() + k * d, d);
                    if (distance < least) {
                        least = distance;
                        bin_[c] = k;
                    }
                }
                lost += of_.weights[c] * least;
            }
            if (before - lost < 1e-4 * lost) break;
            std::vector<double> sums(bins_ * d), weights(bins_);
            for (std::size_t c = 0; c < n; ++c) {
                weights[bin_[c]] += of_.weights[c];
                for (std::size_t i = 0; i < d; ++i) sums[bin_[c] * d + i] += of_.weights[c] * of_.of(c)[i];
            }
            for (std::size_t k = 0; k < bins_; ++k) {
                for (std::size_t i = 0; i < d && weights[k] > 0; ++i)
                    centres_[k * d + i] = sums[k * d + i] / weights[k];
            }
        }
        return lost;
    }

    const scored_channels& of_;
    std::size_t bins_;
    std::vector<double> centres_;
    std::vector<std::size_t> bin_;
    std::uint64_t state_ = 20231;
};

}  // namespace detail

/// Merges the used channels into at most `bins` bins, not always of neighbours, such that binned counts keep nearly all
/// of the information on the elements' amounts, at the specimen's mean mixture and at each element's own. Counts of
/// bins are exact Poisson counts, with the summed signatures. Throws value_error for bins outside [1, 65534].
inline signature_bins bin_channels(const spectral_signatures& s, std::size_t bins) {
    require_in_range(static_cast<double>(bins), 1, 65534, "bins");
    const std::size_t used = s.axis.channels - s.first, n = s.shapes.rows();
    signature_bins out;
    out.bin_of.assign(s.axis.channels, signature_bins::unused);
    std::vector<std::size_t> bin(used);
    if (bins >= used) {
        for (std::size_t c = 0; c < used; ++c) bin[c] = c;
    } else {
        const auto channels = detail::score_channels(s);
        bin = detail::channel_clusters(channels, bins).best_of(4);
    }
    // Bins that nothing fell into are left out.
    std::vector<std::size_t> number(std::max(bins, used), used);
    std::size_t count = 0;
    for (std::size_t c = 0; c < used; ++c) {
        if (number[bin[c]] == used) number[bin[c]] = count++;
        out.bin_of[s.first + c] = static_cast<std::uint16_t>(number[bin[c]]);
    }
    out.shapes = small_matrix(n, count);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t c = s.first; c < s.axis.channels; ++c) out.shapes(i, out.bin_of[c]) += s.shapes(i, c);
    }
    const auto mixture = detail::reference_mixtures(s)[0];
    const auto all = inverse_positive_definite(detail::fisher_information(s.shapes, mixture, s.first));
    const auto binned = inverse_positive_definite(detail::fisher_information(out.shapes, mixture, 0));
    for (std::size_t i = 0; i < n; ++i) out.kept.push_back(binned(i, i) > 0 ? all(i, i) / binned(i, i) : 0);
    return out;
}

}  // namespace stemfuse::inline STEMFUSE_ABI
