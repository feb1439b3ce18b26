// Patches of several images in their few strongest principal components, which noise has no part in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/blas.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/operators/gaussian_filter.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// The principal components of the joint patches of several channels, shape (n, n_y, n_x), and the channels made of the
/// first r of them: every pixel is the mean of what the patches over it have there. Structure that several channels
/// share, or that repeats, is in the first components; noise is in all of them alike (Muresan & Parks 2003,
/// doi 10.1109/ICIP.2003.1246908; for atomic maps Mevenkamp et al. 2015, doi 10.1186/s40679-015-0004-8, and Salmon et
/// al. 2014, doi 10.1007/s10851-013-0435-6). Channels count by their variance: give them in units of their noise.
template <scalar T>
class patch_components {
public:
    /// Patches have 2 half + 1 pixels a side, mirrored at the borders; `most` components are kept, at most those there
    /// are. Throws shape_error for no channel, value_error for NaN or infinity, a `most` outside of 1 to 1e6 and a half
    /// above 16: patches wider than 33 pixels.
    patch_components(const stack_view<const T>& channels, std::size_t half, std::size_t most,
                     const execution& exec = {})
        : shape_(channels.shape), half_(half), side_(2 * half + 1) {
        require_not_empty(channels, "channels");
        require_finite(channels, "channels");
        require_in_range(static_cast<double>(half), 0, 16, "half");
        require_in_range(static_cast<double>(most), 1, 1e6, "most");
        pad(channels);
        find_directions(std::min(most, taps()));
        score(exec);
    }

    /// The number of components that were kept: at least 1, at most the pixels of a patch times the channels.
    std::size_t components() const noexcept { return scores_.shape(0); }

    /// Channel c, shape (n_y, n_x), of the first `rank` components, or of all where these are fewer.
    xt::xtensor<T, 2> channel(std::size_t c, std::size_t rank, const execution& exec = {}) const {
        const std::size_t ny = shape_[1], nx = shape_[2], kept = std::min(rank, components());
        xt::xtensor<T, 2> image({ny, nx});
        exec.for_each(ny, [&](std::size_t y) {
            std::vector<T> sum(nx, T(0)), patches(nx, T(0));
            for_each_patch(
                y, [&](std::size_t tap, std::size_t from, std::size_t first, std::size_t last, std::ptrdiff_t shift) {
                    const std::size_t t = c * side_ * side_ + tap;
                    for (std::size_t x = first; x < last; ++x) {
                        sum[x] += means_[t];
                        patches[x] += 1;
                    }
                    for (std::size_t k = 0; k < kept; ++k) {
                        const T factor = directions_[k * taps() + t];
                        const T* const score = &scores_(k, from, 0) + shift;
                        for (std::size_t x = first; x < last; ++x) sum[x] += factor * score[x];
                    }
                });
            for (std::size_t x = 0; x < nx; ++x) image(y, x) = sum[x] / patches[x];
        });
        return image;
    }

private:
    std::size_t taps() const { return shape_[0] * side_ * side_; }

    void pad(const stack_view<const T>& channels) {
        padded_.resize({shape_[0], shape_[1] + 2 * half_, shape_[2] + 2 * half_});
        const auto inside = [this](std::size_t k, std::size_t n) {
            return mirrored(static_cast<std::ptrdiff_t>(k) - static_cast<std::ptrdiff_t>(half_), n);
        };
        for (std::size_t c = 0; c < padded_.shape(0); ++c) {
            for (std::size_t y = 0; y < padded_.shape(1); ++y) {
                const T* const row = channels.row(c, inside(y, shape_[1]));
                for (std::size_t x = 0; x < padded_.shape(2); ++x) padded_(c, y, x) = row[inside(x, shape_[2])];
            }
        }
    }

    // The row of the padded channels that tap t has for the patches of row y, from their first column on.
    const T* tap_row(std::size_t t, std::size_t y) const {
        const std::size_t c = t / (side_ * side_), at = t % (side_ * side_);
        return &padded_(c, y + at / side_, at % side_);
    }

    // By the patches of whole rows, of so many that they are about `enough` patches.
    void find_directions(std::size_t most) {
        constexpr std::size_t enough = 16384;
        const std::size_t n = taps(), nx = shape_[2], step = std::max<std::size_t>(1, shape_[1] * nx / enough);
        xt::xtensor<double, 2> products = xt::zeros<double>({n, n}), patches({n, nx});
        std::vector<double> sums(n, 0.0);
        double drawn = 0;
        for (std::size_t y = step / 2; y < shape_[1]; y += step) {
            for (std::size_t t = 0; t < n; ++t) {
                const T* const row = tap_row(t, y);
                for (std::size_t x = 0; x < nx; ++x) {
                    patches(t, x) = static_cast<double>(row[x]);
                    sums[t] += patches(t, x);
                }
            }
            products += gram_matrix(patches);
            drawn += static_cast<double>(nx);
        }
        for (std::size_t t = 0; t < n; ++t) {
            means_.push_back(static_cast<T>(sums[t] / drawn));
            for (std::size_t u = 0; u < n; ++u) products(t, u) -= sums[t] * sums[u] / drawn;
        }
        const auto vectors = eigenvectors(std::move(products));
        for (std::size_t k = 0; k < most; ++k) {
            for (std::size_t t = 0; t < n; ++t) directions_.push_back(static_cast<T>(vectors(n - 1 - k, t)));
        }
    }

    void score(const execution& exec) {
        const std::size_t n = taps(), most = directions_.size() / n, nx = shape_[2];
        scores_ = xt::zeros<T>({most, shape_[1], nx});
        exec.for_each(shape_[1], [&](std::size_t y) {
            for (std::size_t k = 0; k < most; ++k) {
                T* const to = &scores_(k, y, 0);
                T centre = 0;
                for (std::size_t t = 0; t < n; ++t) {
                    const T factor = directions_[k * n + t];
                    const T* const row = tap_row(t, y);
                    for (std::size_t x = 0; x < nx; ++x) to[x] += factor * row[x];
                    centre += factor * means_[t];
                }
                for (std::size_t x = 0; x < nx; ++x) to[x] -= centre;
            }
        });
    }

    // Calls f(tap, row of the patches, first, last, shift) for all patches that have row y: their pixel `tap` lies on
    // the columns [first, last), and the patch over column x has its middle at x + shift.
    template <class F>
    void for_each_patch(std::size_t y, F&& f) const {
        const auto ny = static_cast<std::ptrdiff_t>(shape_[1]), nx = static_cast<std::ptrdiff_t>(shape_[2]);
        const auto half = static_cast<std::ptrdiff_t>(half_);
        for (std::ptrdiff_t dy = -half; dy <= half; ++dy) {
            const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(y) - dy;
            if (from < 0 || from >= ny) continue;
            for (std::ptrdiff_t dx = -half; dx <= half; ++dx) {
                const auto first = std::max<std::ptrdiff_t>(0, dx), last = std::min(nx, nx + dx);
                if (first >= last) continue;
                f(static_cast<std::size_t>(dy + half) * side_ + static_cast<std::size_t>(dx + half),
                  static_cast<std::size_t>(from), static_cast<std::size_t>(first), static_cast<std::size_t>(last), -dx);
            }
        }
    }

    stack_shape shape_;
    std::size_t half_, side_;
    xt::xtensor<T, 3> padded_, scores_;  // scores (component, n_y, n_x)
    std::vector<T> means_, directions_;  // of each tap; [component][tap]
};

}  // namespace stemfuse::inline STEMFUSE_ABI
