// The elastic term: the HAADF image as a sum over elements of powers of their maps.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/core/rows.hpp>
#include <stemfuse/operators/block_means.hpp>
#include <stemfuse/simd/elementary.hpp>
#include <stemfuse/simd/few.hpp>
#include <stemfuse/terms/haadf_response.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse::inline STEMFUSE_ABI {

/// f(x) = 1/2 || sum_i w_i x_i^gamma - b_H ||^2 for maps x >= 0 of shape (n_elements, n_y, n_x) and a HAADF image b_H
/// of shape (n_y, n_x), both in the same, usually normalised, units. Not convex where the image is brighter than the
/// model. Schwartz et al., npj Comput. Mater. 8, 16 (2022), doi 10.1038/s41524-021-00692-5, eq. 2 and 4. Image is the
/// type that holds b_H: containers are copied or moved in, adaptors and views keep referring to their memory. The
/// constructor throws shape_error for an empty image and value_error for one with NaN or infinity.
template <image Image>
class haadf_model : public pixel_local<haadf_model<Image>, value_type_t<Image>> {
public:
    /// Scalar that the term is computed in, that of b_H: float or double.
    using value_type = value_type_t<Image>;

    /// haadf: b_H. response: weights w_i, one for each element, and gamma.
    template <image A>
    haadf_model(A&& haadf, haadf_response response)
        : haadf_(std::forward<A>(haadf), "haadf"),
          response_(std::move(response)),
          weights_(response_.weights().begin(), response_.weights().end()),
          power_(response_.gamma() - 1) {
        require_not_empty(haadf_.view(), "haadf");
        require_finite(haadf_.view(), "haadf");
    }

    /// (n_elements, n_y, n_x): as many elements as weights.
    stack_shape shape() const {
        const auto view = haadf_.view();
        return {weights_.size(), view.shape[0], view.shape[1]};
    }

    /// Weights w_i and exponent gamma.
    const haadf_response& response() const noexcept { return response_; }

    /// The measured image b_H.
    image_view<const value_type> measured() const { return haadf_.view(); }

    /// Writes the re-projected image sum_i w_i x_i^gamma to `image`, of shape (n_y, n_x). Throws shape_error for other
    /// shapes of x and image.
    template <stack X, image Out>
    void project(const X& x, Out&& image, const execution& exec = {}) const {
        const readable<value_type, 3> in(x, "maps");
        writable<value_type, 2, std::remove_reference_t<Out>> out(image, "image");
        require_shape(in.view().shape, shape(), "maps", "the term's");
        require_shape(out.view().shape, measured().shape, "image", "the HAADF image");
        const std::size_t ny = in.view().shape[1], nx = in.view().shape[2];
        for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const value_type> rows(in.view());
            for (std::size_t y = first; y < last; ++y) {
                const value_type* const* const row = rows.at(y);
                for_each_pack<value_type>(nx, [&](auto at) { at.store(out.view().row(y), project_pack(at, row)); });
            }
        });
        out.commit();
    }

    /// See pixel_local_term.
    double row_value(row_segment segment, const value_type* const* x) const {
        const value_type* const b = measured_row(segment);
        pack_sum<value_type> sum;
        for_each_pack<value_type>(segment.n, [&](auto at) {
            const pack<value_type> r = project_pack(at, x) - at.load(b);
            sum.add(r * r);
        });
        return sum.total() / 2;
    }

    /// See pixel_local_term.
    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const {
        const value_type* const b = measured_row(segment);
        const value_type factor = scale * gamma();
        detail::scratch<value_type, 8 * lanes<value_type>> powers(weights_.size() * lanes<value_type>);
        pack_sum<value_type> sum;
        for_each_pack<value_type>(segment.n, [&](auto at) {
            const pack<value_type> r = project_pack(at, x, powers.data()) - at.load(b), pull = factor * r;
            for (std::size_t i = 0; i < weights_.size(); ++i) {
                const pack<value_type> slope = weights_[i] * load(powers.data() + i * lanes<value_type>);
                at.store(g[i], at.load(g[i]) + pull * slope);
            }
            sum.add(r * r);
        });
        return sum.total() / 2;
    }

    /// d2f/dx_i^2 = (gamma w_i x_i^(gamma-1))^2 + gamma (gamma-1) w_i x_i^(gamma-2) r with the residual r. It is
    /// unbounded at x_i = 0 for gamma < 2, so x_i below the scalar's epsilon is taken as epsilon.
    void row_curvature(row_segment segment, const value_type* const* x, value_type* const* curvature) const {
        const value_type* const b = measured_row(segment);
        const auto floor = broadcast(std::numeric_limits<value_type>::epsilon());
        for_each_pack<value_type>(segment.n, [&](auto at) {
            const pack<value_type> r = project_pack(at, x) - at.load(b);
            for (std::size_t i = 0; i < weights_.size(); ++i) {
                const pack<value_type> xc = pack_max(at.load(x[i]), floor);
                const pack<value_type> slope = gamma() * weights_[i] * power_(xc);
                at.store(curvature[i], slope * slope + (gamma() - 1) * slope / xc * r);
            }
        });
    }

    /// The images of a tangent, see majorised_term. The convex majoriser M(x | a) = 1/2 || max(s(x) - b_H, 0) ||^2 +
    /// 1/2 || max(b_H - t(x), 0) ||^2 of s(x) = sum_i w_i x_i^gamma with its tangent t at a. s is convex and t <= s, so
    /// that M >= f; M = f where gamma is 1. Stored of a are the slopes of t and, in the last image, t(0); nothing where
    /// gamma is 1.
    std::size_t tangent_images() const { return response_.gamma() == 1 ? 0 : weights_.size() + 1; }

    /// Writes the slopes of t, gamma w_i a_i^(gamma-1), and t(0) at the anchor a. See majorised_term.
    [[gnu::flatten]] void row_tangent(row_segment segment, const value_type* const* a,
                                      value_type* const* tangent) const {
        if (tangent_images() == 0) return;
        const std::size_t n = weights_.size();
        const value_type exponent = gamma(), *const w = weights_.data();
        const powers<value_type> power = power_;
        for_each_pack<value_type>(segment.n, [&](auto at) {
            pack<value_type> sum{};
            for (std::size_t i = 0; i < n; ++i) {
                const pack<value_type> ai = at.load(a[i]), slope = w[i] * power(ai);
                sum += slope * ai;
                at.store(tangent[i], exponent * slope);
            }
            at.store(tangent[n], (1 - exponent) * sum);
        });
    }

    /// u is the slope of s where the model is brighter than the image, that of t where it is darker. Where it is both
    /// the second part of the Hessian is in d, as the diagonal matrix of its row sums, which is larger.
    void row_majoriser(row_segment segment, const value_type* const* tangent, const value_type* const* x,
                       value_type* const* g, value_type* const* d, value_type* const* u, value_type scale) const {
        detail::with_few(weights_.size(), [&]<std::size_t Few>() {
            if (response_.gamma() == 1) {
                majorise_linear<Few>(segment, x, g, u, scale);
            } else {
                majorise<Few>(segment, tangent, x, g, d, u, scale);
            }
        });
    }

    /// sum_i w_i^2 where gamma is 1; infinity for other exponents.
    double curvature_bound(const execution& = {}) const {
        if (response_.gamma() > 1) return std::numeric_limits<double>::infinity();
        return std::inner_product(weights_.begin(), weights_.end(), weights_.begin(), 0.0);
    }

    /// The same term for block means of the image.
    auto coarser() const { return haadf_model<xt::xtensor<value_type, 2>>(block_means(measured()), response_); }

private:
    const value_type* measured_row(row_segment segment) const {
        const auto view = haadf_.view();
        const value_type* const row = view.row(segment.y) + segment.x0;
        if (segment.y + 1 < view.shape[0]) detail::prefetch_row(row + view.strides[0], segment.n);
        return row;
    }

    // row_majoriser. Few: element count at compile time; 0: at run time.
    template <std::size_t Few>
    [[gnu::flatten]] void majorise(row_segment segment, const value_type* const* tangent, const value_type* const* x,
                                   value_type* const* g, value_type* const* d, value_type* const* u,
                                   value_type scale) const {
        const std::size_t n = Few > 0 ? Few : weights_.size();
        const value_type *const b = measured_row(segment), *const w = weights_.data(), *const t0 = tangent[n];
        const value_type root = std::sqrt(scale), exponent = gamma();
        const powers<value_type> power = power_;
        const auto tiny = broadcast(std::numeric_limits<value_type>::min()), zero = pack<value_type>{};
        detail::held_packs<Few, value_type> slopes(n);
        for_each_pack<value_type>(segment.n, [&](auto at) {
            const pack<value_type> image = at.load(b);
            pack<value_type> s = zero, t = at.load(t0), sum = zero;
            for (std::size_t i = 0; i < n; ++i) {
                const pack<value_type> xi = at.load(x[i]), below = at.load(tangent[i]), slope = w[i] * power(xi);
                slopes[i].value = slope;
                s += xi * slope;
                t += below * xi;
                sum += below;
            }
            const pack<value_type> bright = pack_max(s - image, zero), dark = pack_min(t - image, zero);
            const pack<value_type> pull = (scale * exponent) * bright, lift = scale * dark;
            const pack<value_type> both = bright > zero ? (dark < zero ? scale * sum : zero) : zero;
            for (std::size_t i = 0; i < n; ++i) {
                const pack<value_type> below = at.load(tangent[i]), above = slopes[i].value, rise = pull * above;
                at.store(g[i], at.load(g[i]) + (rise + lift * below));
                const pack<value_type> bend = (exponent - 1) * rise / pack_max(at.load(x[i]), tiny);
                at.store(d[i], at.load(d[i]) + (bend + both * below));
                at.store(u[i], root * (bright > zero ? exponent * above : (dark < zero ? below : zero)));
            }
        });
    }

    // The same for an exponent of 1, where the term is its own majoriser.
    template <std::size_t Few>
    [[gnu::flatten]] void majorise_linear(row_segment segment, const value_type* const* x, value_type* const* g,
                                          value_type* const* u, value_type scale) const {
        const std::size_t n = Few > 0 ? Few : weights_.size();
        const value_type *const b = measured_row(segment), *const w = weights_.data();
        const value_type root = std::sqrt(scale);
        for_each_pack<value_type>(segment.n, [&](auto at) {
            pack<value_type> s{};
            for (std::size_t i = 0; i < n; ++i) s += w[i] * at.load(x[i]);
            const pack<value_type> pull = scale * (s - at.load(b));
            for (std::size_t i = 0; i < n; ++i) at.store(g[i], at.load(g[i]) + w[i] * pull);
        });
        for (std::size_t i = 0; i < n; ++i) std::fill_n(u[i], segment.n, root * w[i]);
    }

    value_type gamma() const { return static_cast<value_type>(response_.gamma()); }

    // sum_i w_i x_i^gamma in one pack, by x^gamma = x x^(gamma-1); leaves the powers x_i^(gamma-1) where asked to, a
    // pack for each element.
    template <class At>
    pack<value_type> project_pack(At at, const value_type* const* x, value_type* powers = nullptr) const {
        pack<value_type> sum{};
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            const pack<value_type> xi = at.load(x[i]), power = power_(xi);
            if (powers != nullptr) store(powers + i * lanes<value_type>, power);
            sum += weights_[i] * (xi * power);
        }
        return sum;
    }

    held_array<Image, 2> haadf_;
    haadf_response response_;
    std::vector<value_type> weights_;
    powers<value_type> power_;  // x^(gamma-1)
};

template <image A>
haadf_model(A&&, haadf_response) -> haadf_model<held_t<std::remove_cvref_t<A>, 2>>;

// Says why an array is no image.
template <class A, class First, class... Rest>
    requires detail::refused_array<A, 2>
haadf_model(A&&, First&&, Rest&&...) -> haadf_model<xt::xtensor<double, 2>>;

}  // namespace stemfuse::inline STEMFUSE_ABI
