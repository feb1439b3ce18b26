// The proximal step of pixel-local terms: a few projected Newton steps in every pixel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <stemfuse/core/rows.hpp>
#include <stemfuse/core/simd.hpp>

namespace stemfuse::detail {

// Images of a chunk of a row, for one thread.
template <class T>
class chunk_images {
public:
    static constexpr std::size_t length = 128;

    explicit chunk_images(std::size_t n) : memory_(n * length), rows_(n) {
        for (std::size_t i = 0; i < n; ++i) rows_[i] = memory_.data() + i * length;
    }
    chunk_images(const chunk_images&) = delete;
    chunk_images& operator=(const chunk_images&) = delete;

    T* const* rows() const { return rows_.data(); }
    void fill(T value) { std::fill(memory_.begin(), memory_.end(), value); }

private:
    std::vector<T> memory_;
    std::vector<T*> rows_;
};

// x <- about argmin_{x >= 0} of M(x | a) + C(x) + <x, q> + sum_i w_i / 2 ||x_i - z_i||^2, pixel by pixel, with M the
// convex majoriser of an objective's elastic term and C its chemical term, both weighted. See majorised_term and
// separable_convex_term.
template <class Objective>
class pixel_newton {
public:
    using T = typename Objective::value_type;

    // inertia: w_i > 0.
    pixel_newton(const Objective& f, std::span<const T> inertia, std::size_t steps)
        : f_(f),
          inertia_(inertia),
          steps_(steps),
          n_(inertia.size()),
          gradient_(n_),
          diagonal_(n_),
          lowest_(n_),
          vector_(n_) {}

    // The segment is at most a chunk long. All pointers point to its first pixel; q and z are of a chunk_images.
    void operator()(row_segment segment, const T* const* tangent, const T* const* q, const T* const* z, T* const* x) {
        for (std::size_t k = 0; k < steps_; ++k) {
            lowest_.fill(0);
            for (std::size_t i = 0; i < n_; ++i) {
                const T w = inertia_[i];
                std::fill_n(diagonal_.rows()[i], segment.n, w);
                for_each_pack<T>(segment.n, [&](auto at) {
                    at.store(gradient_.rows()[i], at.load(q[i]) + w * (at.load(x[i]) - at.load(z[i])));
                });
            }
            f_.elastic().row_majoriser(segment, tangent, x, gradient_.rows(), diagonal_.rows(), vector_.rows(),
                                       static_cast<T>(f_.lambda_haadf()));
            f_.chemical().row_newton(segment, x, gradient_.rows(), diagonal_.rows(), lowest_.rows(),
                                     static_cast<T>(f_.lambda_chemical()));
            for_each_pack<T>(segment.n, [&](auto at) { step(at, x); });
        }
    }

private:
    // x - (diag(d) + u u^T)^-1 g over the elements that are not held at 0, by Sherman and Morrison's formula.
    template <class At>
    void step(At at, T* const* x) {
        const auto zero = pack<T>{};
        pack<T> ug = zero, uu = zero;
        for (std::size_t i = 0; i < n_; ++i) {
            const pack<T> g = at.load(gradient_.rows()[i]), u = at.load(vector_.rows()[i]);
            const pack<T> free_u = at.load(x[i]) > zero ? u : (g < zero ? u : zero);
            const pack<T> scaled = free_u / at.load(diagonal_.rows()[i]);
            ug += scaled * g;
            uu += scaled * u;
        }
        const pack<T> f = ug / (uu + 1);
        for (std::size_t i = 0; i < n_; ++i) {
            const pack<T> g = at.load(gradient_.rows()[i]), u = at.load(vector_.rows()[i]), xi = at.load(x[i]);
            const pack<T> next = larger(xi - (g - f * u) / at.load(diagonal_.rows()[i]), at.load(lowest_.rows()[i]));
            at.store(x[i], xi > zero ? next : (g < zero ? next : zero));
        }
    }

    const Objective& f_;
    std::span<const T> inertia_;
    std::size_t steps_, n_;
    chunk_images<T> gradient_, diagonal_, lowest_, vector_;
};

}  // namespace stemfuse::detail
