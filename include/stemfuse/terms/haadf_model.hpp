// The elastic term: the HAADF image as a sum over elements of powers of their maps.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <stemfuse/core/array_access.hpp>
#include <stemfuse/core/check.hpp>
#include <stemfuse/terms/haadf_response.hpp>
#include <stemfuse/terms/term.hpp>

namespace stemfuse {

// f(x) = 1/2 || sum_i w_i x_i^gamma - b_H ||^2 for maps x >= 0 of shape (n_elements, n_y, n_x) and a HAADF image b_H of
// shape (n_y, n_x), both in the same, usually normalised, units. Not convex where the image is brighter than the model.
// Schwartz et al., npj Comput. Mater. 8, 16 (2022), doi 10.1038/s41524-021-00692-5, eq. 2 and 4.
// Image is the type that holds b_H: containers are copied or moved in, adaptors and views keep referring to their
// memory. The constructor throws shape_error for an empty image and value_error for one with NaN or infinity.
template <image Image>
class haadf_model : public pixel_local<haadf_model<Image>, value_type_t<Image>> {
public:
    using value_type = value_type_t<Image>;

    template <image A>
    haadf_model(A&& haadf, haadf_response response)
        : haadf_(std::forward<A>(haadf), "haadf"),
          response_(std::move(response)),
          weights_(response_.weights().begin(), response_.weights().end()) {
        require_not_empty(haadf_.view(), "haadf");
        require_finite(haadf_.view(), "haadf");
    }

    stack_shape shape() const {
        const auto view = haadf_.view();
        return {weights_.size(), view.shape[0], view.shape[1]};
    }

    const haadf_response& response() const noexcept { return response_; }

    // The measured image b_H.
    image_view<const value_type> measured() const { return haadf_.view(); }

    // Writes the re-projected image sum_i w_i x_i^gamma to `image`, of shape (n_y, n_x).
    template <stack X, image Out>
    void project(const X& x, Out&& image, const execution& exec = {}) const {
        const readable<value_type, 3> in(x, "maps");
        writable<value_type, 2, std::remove_reference_t<Out>> out(image, "image");
        require_shape(in.view().shape, shape(), "maps", "the term's");
        require_shape(out.view().shape, measured().shape, "image", "the HAADF image");
        const std::size_t ny = in.view().shape[1], nx = in.view().shape[2];
        for_each_row_block(ny, nx, exec, [&](std::size_t first, std::size_t last) {
            row_pointers<const value_type> rows(in.view());
            std::vector<value_type> power(nx);
            for (std::size_t y = first; y < last; ++y) project_row(rows.at(y), nx, out.view().row(y), power.data(), 0);
        });
        out.commit();
    }

    double row_value(row_segment segment, const value_type* const* x) const { return residual(segment, x, 0).second; }

    double row_value_and_gradient(row_segment segment, const value_type* const* x, value_type* const* g,
                                  value_type scale) const {
        const auto [scratch, value] = residual(segment, x, segment.n);
        const value_type* const r = scratch.data();
        const value_type factor = scale * gamma();
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            const value_type* const power = r + (1 + i) * segment.n;
            for (std::size_t c = 0; c < segment.n; ++c) g[i][c] += factor * weights_[i] * power[c] * r[c];
        }
        return value;
    }

    // d2f/dx_i^2 = (gamma w_i x_i^(gamma-1))^2 + gamma (gamma-1) w_i x_i^(gamma-2) r with the residual r. It is
    // unbounded at x_i = 0 for gamma < 2, so x_i below the scalar's epsilon is taken as epsilon.
    void row_curvature(row_segment segment, const value_type* const* x, value_type* const* curvature) const {
        const auto scratch = residual(segment, x, 0).first;
        constexpr value_type floor = std::numeric_limits<value_type>::epsilon();
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            for (std::size_t c = 0; c < segment.n; ++c) {
                const value_type xc = std::max(x[i][c], floor);
                const value_type slope = gamma() * weights_[i] * std::pow(xc, gamma() - 1);
                curvature[i][c] = slope * slope + (gamma() - 1) * slope / xc * scratch[c];
            }
        }
    }

private:
    value_type gamma() const { return static_cast<value_type>(response_.gamma()); }

    // sum <- sum_i w_i x_i^gamma, by x^gamma = x x^(gamma-1). The powers x_i^(gamma-1) are left at powers + i * stride.
    void project_row(const value_type* const* x, std::size_t n, value_type* sum, value_type* powers,
                     std::size_t stride) const {
        std::fill_n(sum, n, value_type(0));
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            value_type* const power = powers + i * stride;
            for (std::size_t c = 0; c < n; ++c) {
                power[c] = std::pow(x[i][c], gamma() - 1);
                sum[c] += weights_[i] * (x[i][c] * power[c]);
            }
        }
    }

    // The residuals of a segment, then the powers of each element (of the last one only for stride 0); and 1/2 || r
    // ||^2.
    std::pair<std::vector<value_type>, double> residual(row_segment segment, const value_type* const* x,
                                                        std::size_t stride) const {
        std::vector<value_type> scratch(segment.n + std::max(segment.n, stride * weights_.size()));
        project_row(x, segment.n, scratch.data(), scratch.data() + segment.n, stride);
        const value_type* const b = haadf_.view().row(segment.y) + segment.x0;
        double sum = 0;
        for (std::size_t c = 0; c < segment.n; ++c) {
            scratch[c] -= b[c];
            sum += static_cast<double>(scratch[c]) * static_cast<double>(scratch[c]);
        }
        return {std::move(scratch), sum / 2};
    }

    held_array<Image, 2> haadf_;
    haadf_response response_;
    std::vector<value_type> weights_;
};

template <image A>
haadf_model(A&&, haadf_response) -> haadf_model<held_t<std::remove_cvref_t<A>, 2>>;

}  // namespace stemfuse
