// Averages over places that look alike, as a linear operator.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/execution.hpp>
#include <stemfuse/nonlocal/neighbour_search.hpp>
#include <stemfuse/simd/elementary.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

namespace detail {

// exp(x) for x <= 0; 0 below -80, where it is under 2e-35 and counts in no sum of weights. The rounding of x log2(e)
// makes a relative error of up to 1e-5 far from 0.
[[gnu::always_inline]] inline pack<float> exponential(pack<float> x) {
    using constants = elementary<float>;
    const pack<float> y = pack_max(x, broadcast(-80.0f)) * 1.44269504f;
    const pack<float> shifted = as_written(y + static_cast<float>(constants::rounder));
    const pack<float> e =
        times_power_of_two(exp2_fraction(y - (shifted - static_cast<float>(constants::rounder))), shifted);
    return x > -80.0f ? e : pack<float>{};
}

}  // namespace detail

/// K x at a pixel = sum over its neighbours q of w_q x_q, w_q = exp(-max(d_q - noise, 0) / (softness noise)) / (their
/// sum), d_q the squared distance of the neighbour's patch, noise that of two noisy copies of one patch: patches that
/// differ by noise alone count alike. Each image of a stack by itself; constant images stay constant. Weights are
/// computed where they are used, so that the operator takes no memory but the list's.
template <scalar T>
class guided_average {
public:
    /// domain_shape() has `n` images; apply() and adjoint() take any number of images. Throws value_error for an empty
    /// list, and a softness or noise that is not above 0.
    guided_average(std::shared_ptr<const neighbour_list> list, double noise, double softness, std::size_t n = 1)
        : list_(std::move(list)), n_(n) {
        if (!list_ || list_->distances.empty()) throw value_error("list", "is empty, must have neighbours");
        require_positive(softness, "softness");
        require_positive(noise, "noise");
        noise_ = static_cast<float>(noise);
        slope_ = static_cast<float>(-1 / (softness * noise));
    }

    /// (n, n_y, n_x), with the rows and columns of the list.
    stack_shape domain_shape() const { return {n_, list_->ny, list_->nx}; }
    /// As domain_shape().
    stack_shape range_shape() const { return domain_shape(); }

    /// out = K in, shapes (n, n_y, n_x). Throws shape_error.
    void apply(const stack_view<const T>& in, const stack_view<T>& out, const execution& exec = {}) const {
        check(in, out);
        for_each_pixel(exec, [&](std::size_t y, std::size_t x, const float* w, const neighbour_offset* at) {
            for (std::size_t i = 0; i < in.shape[0]; ++i) {
                const T* const here = in.row(i, y) + x;
                T sum = 0;
                for (std::size_t k = 0; k < list_->count; ++k)
                    sum += static_cast<T>(w[k]) * here[at[k].dy * in.strides[1] + at[k].dx];
                out.row(i, y)[x] = sum;
            }
        });
    }

    /// out = K^T in. Throws shape_error.
    void adjoint(const stack_view<const T>& in, const stack_view<T>& out, const execution& exec = {}) const {
        check(in, out);
        exec.for_each(in.shape[0], [&](std::size_t i) {
            for (std::size_t y = 0; y < list_->ny; ++y) std::fill_n(out.row(i, y), list_->nx, T(0));
            for_each_pixel({}, [&](std::size_t y, std::size_t x, const float* w, const neighbour_offset* at) {
                T* const here = out.row(i, y) + x;
                const T value = in.row(i, y)[x];
                for (std::size_t k = 0; k < list_->count; ++k)
                    here[at[k].dy * out.strides[1] + at[k].dx] += static_cast<T>(w[k]) * value;
            });
        });
    }

    /// How many equal weights average as much noise away, at every pixel: 1 / sum w^2, shape (n_y, n_x).
    xt::xtensor<T, 2> effective_neighbours(const execution& exec = {}) const {
        return per_pixel(exec, [this](const float* w, const neighbour_offset*) {
            float sum = 0;
            for (std::size_t k = 0; k < list_->count; ++k) sum += w[k] * w[k];
            return 1 / sum;
        });
    }

    /// The sum of the weights of neighbours farther away than `radius` pixels, at every pixel, shape (n_y, n_x).
    xt::xtensor<T, 2> fraction_beyond(double radius, const execution& exec = {}) const {
        const double square = radius * radius;
        return per_pixel(exec, [this, square](const float* w, const neighbour_offset* at) {
            float sum = 0;
            for (std::size_t k = 0; k < list_->count; ++k)
                sum += at[k].dy * at[k].dy + at[k].dx * at[k].dx > square ? w[k] : 0.0f;
            return sum;
        });
    }

private:
    void check(const stack_view<const T>& in, const stack_view<const T>& out) const {
        require_shape(in.shape, {in.shape[0], list_->ny, list_->nx}, "in", "the list's");
        require_shape(out.shape, in.shape, "out", "the input's");
    }

    template <class F>
    xt::xtensor<T, 2> per_pixel(const execution& exec, F&& f) const {
        xt::xtensor<T, 2> image({list_->ny, list_->nx});
        for_each_pixel(exec, [&](std::size_t y, std::size_t x, const float* w, const neighbour_offset* at) {
            image(y, x) = static_cast<T>(f(w, at));
        });
        return image;
    }

    // Calls f(y, x, weights, offsets).
    template <class F>
    void for_each_pixel(const execution& exec, F&& f) const {
        const std::size_t count = list_->count, nx = list_->nx;
        exec.for_each(list_->ny, [&](std::size_t y) {
            std::vector<float> weights(count);
            for (std::size_t x = 0; x < nx; ++x) {
                const std::size_t first = (y * nx + x) * count;
                const float* const distances = list_->distances.data() + first;
                pack<float> sums{};
                for_each_pack<float>(count, [&](auto at) {
                    const pack<float> beyond = pack_max(at.load(distances) - noise_, pack<float>{});
                    const pack<float> w = at.keep(detail::exponential(beyond * slope_));
                    at.store(weights.data(), w);
                    sums += w;
                });
                float sum = 0;
                for (std::size_t k = 0; k < lanes<float>; ++k) sum += get_lane(sums, k);
                for (float& w : weights) w /= sum;
                f(y, x, weights.data(), list_->offsets.data() + first);
            }
        });
    }

    std::shared_ptr<const neighbour_list> list_;
    std::size_t n_;
    float noise_ = 1, slope_ = -1;
};

}  // namespace stemfuse::inline STEMFUSE_ABI
